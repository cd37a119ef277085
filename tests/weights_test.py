"""Files of weights: written by a run, read back, and told from damaged ones."""

import json
import struct
import subprocess
import sys

import jax
import numpy as np
import pytest
import safetensors.numpy

from jaxpose import weights
from jaxpose.errors import JaxposeError
from jaxpose.run import Run
from jaxpose.training import workdirs
from jaxpose.weights import load_weights, save_weights

pytestmark = pytest.mark.xdist_group("train")


@pytest.fixture(scope="module")
def run(finished_run):
    return Run.open(finished_run[0])


@pytest.fixture(scope="module")
def file(run, tmp_path_factory):
    """The weights of the run in float32; nobody changes the file."""
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    run.export(path)
    return path


def test_a_file_holds_all_that_a_run_lifts_with(run, file):
    weights = load_weights(file)
    assert weights.name.startswith("small ")
    assert weights.config.model.to_dict() == run.config.model.to_dict()
    assert weights.description["fps"] == [50.0]
    assert weights.description["unit"] == "metre"
    assert weights.description["step"] == run.step
    assert weights.description["data"]["dataset"] == "small/gt"
    # No folder of this machine is given away.
    assert weights.config.dataset.data_dir is None
    same = jax.tree.map(np.array_equal, weights.variables, run.variables)
    assert all(jax.tree.leaves(same))
    assert set(weights.variables) == {"params", "batch_stats"}


def test_float16_is_half_the_size_and_rounded_once(run, file, tmp_path):
    path = tmp_path / "half.safetensors"
    run.export(path, dtype="float16")
    numbers = sum(leaf.size for leaf in jax.tree.leaves(run.variables))
    assert file.stat().st_size - path.stat().st_size == pytest.approx(2 * numbers, 64)
    for whole, half in zip(
        jax.tree.leaves(run.variables),
        jax.tree.leaves(load_weights(path).variables),
        strict=True,
    ):
        assert half.dtype == np.float32
        np.testing.assert_array_equal(np.asarray(whole).astype(np.float16), half)


def test_the_command_writes_the_same_file(run, file, tmp_path):
    path = tmp_path / "small.safetensors"
    command = [sys.executable, "-m", "jaxpose", "convert", f"--workdir={run.workdir}"]
    finished = subprocess.run(
        [*command, f"--to-safetensors={path}"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (finished.returncode, finished.stdout) == (0, f"wrote {path}\n")
    assert path.read_bytes() == file.read_bytes()


def test_what_cannot_be_written_is_named(run, tmp_path):
    with pytest.raises(JaxposeError, match=r"written as NAME\.safetensors"):
        run.export(tmp_path / "weights.npz")
    with pytest.raises(JaxposeError, match="expected float16 or float32"):
        run.export(tmp_path / "a.safetensors", dtype="int8")
    with pytest.raises(JaxposeError, match="cannot be written: No such file"):
        run.export(tmp_path / "absent" / "a.safetensors")
    trained = run.weights
    trained.variables["params"]["head"]["bias"] = np.full(3, 1e6)
    with pytest.raises(JaxposeError, match=r"params\.head\.bias .* in float16"):
        save_weights(tmp_path / "a.safetensors", trained, dtype="float16")
    assert not list(tmp_path.iterdir())


def with_header(data: bytes, **changes) -> bytes:
    """Returns a file of weights with entries of its header changed."""
    (length,) = struct.unpack("<Q", data[:8])
    outer = json.loads(data[8 : 8 + length])
    header = json.loads(outer["__metadata__"]["jaxpose"]) | changes
    outer["__metadata__"]["jaxpose"] = json.dumps(header)
    packed = json.dumps(outer).encode()
    packed += b" " * (-len(packed) % 8)
    return struct.pack("<Q", len(packed)) + packed + data[8 + length :]


def with_digest(data: bytes, **changes) -> bytes:
    """As `with_header`, with the digest of the changed content."""
    with_changes = with_header(data, **changes)
    (length,) = struct.unpack("<Q", with_changes[:8])
    outer = json.loads(with_changes[8 : 8 + length])
    header = json.loads(outer["__metadata__"]["jaxpose"])
    del header["sha256"]
    arrays = safetensors.numpy.load(with_changes)
    return with_header(with_changes, sha256=weights._digest(header, arrays))


def changed(byte: int):
    """Returns a function that changes one byte of a file, counted from its end."""

    def change(data: bytes) -> bytes:
        return data[:-byte] + bytes([data[-byte] ^ 1]) + data[len(data) - byte + 1 :]

    return change


DAMAGED = {
    "one bit of a number": (changed(100), "does not have the digest"),
    "metadata": (
        lambda data: with_header(data, description={}),
        "does not have the digest",
    ),
    "later": (
        lambda data: with_header(data, format=2),
        "has format 2, this jaxpose reads 1; install a newer jaxpose",
    ),
    "cut short": (lambda data: data[:-10], "cut short"),
    "empty": (lambda data: b"", "cut short"),
    "another program's": (
        lambda data: safetensors.numpy.save({"weight": np.zeros(3)}),
        "weights of another program",
    ),
    "web page": (
        lambda data: b"<!DOCTYPE html>\n<html><body>sign in</body></html>",
        r"this is a web page \(HTML\)",
    ),
    "pointer": (
        lambda data: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "this is a Git LFS pointer, not the file itself; run `git lfs pull`",
    ),
    "no object": (
        lambda data: safetensors.numpy.save({}, {"jaxpose": "[1, 2"}),
        "does not have the digest",
    ),
    "deep": (
        lambda data: safetensors.numpy.save({}, {"jaxpose": "[" * 100_000}),
        "does not have the digest",
    ),
    "no description": (lambda data: with_digest(data, description=[]), "lacks what a"),
    "no run's format": (
        lambda data: with_digest(data, description={"run_format": "3"}),
        "lacks what a file of Run.export holds",
    ),
    "no config": (lambda data: with_digest(data, config={"model": 5}), "lacks what a"),
    "no program": (lambda data: with_digest(data, program={"a": 1}), "lacks what a"),
    "npz": (lambda data: b"PK\x03\x04" + data, "no safetensors file|this is"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_file_is_answered_in_one_line(file, tmp_path, kind):
    damage, message = DAMAGED[kind]
    path = tmp_path / "bad.safetensors"
    path.write_bytes(damage(file.read_bytes()))
    with pytest.raises(JaxposeError, match=message) as caught:
        load_weights(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_an_absent_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(JaxposeError, match=r"absent\.safetensors cannot be read: No"):
        load_weights(tmp_path / "absent.safetensors")
    with pytest.raises(JaxposeError, match="is a folder, not a file"):
        load_weights(tmp_path)


def test_weights_of_a_later_run_format_are_refused(run, tmp_path):
    trained = run.weights
    trained.description["run_format"] = workdirs.FORMAT + 1
    save_weights(tmp_path / "later.safetensors", trained)
    with pytest.raises(JaxposeError, match=r"later\.safetensors holds a run of format"):
        load_weights(tmp_path / "later.safetensors")
