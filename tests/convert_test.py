"""Checkpoints of the reference implementations become native ones, and back.

What compares with PyTorch itself is skipped where it is not installed; the files of
`tests.torch_files` need none.
"""

import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest

from configs import crossformer as crossformer_config
from configs import poseformer as poseformer_config
from configs import videopose3d as videopose3d_config
from jaxpose import convert
from jaxpose.data import splits
from jaxpose.errors import JaxposeError
from jaxpose.models import build_model
from jaxpose.run import Run
from jaxpose.scoring import pictures
from jaxpose.torch_weights import crossformer, layouts, poseformer
from tests import torch_files
from tests.small_run import small_clips
from tests.torch_weights_test import random_variables

ROOT = pathlib.Path(__file__).resolve().parents[1]
DRAWN = {"file": "drawn", "sha256": "0" * 64}


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip(
        "torch", reason="PyTorch, the extra `convert`, is not installed"
    )


@pytest.fixture
def config():
    config = poseformer_config.get_config("quickstart")
    config.model.update({"num_frames": 9, "joint_width": 8, "depth": 1, "heads": 2})
    config.dataset.train_subjects, config.dataset.validation_subjects = (
        ("train_0", "train_1"),
        (),
    )
    config.dataset.test_subjects = ("test_0",)
    config.eval_batch_size = 64
    return config


@pytest.fixture
def state_dict(config):
    """Random weights under the reference's names."""
    model = build_model(config)
    return layouts.to_torch(poseformer.entries(model), random_variables(model))


def save(torch, path, content, **kwargs):
    torch.save(content, path, **kwargs)
    return path


def tensors(torch, arrays, prefix=""):
    return {
        prefix + name: torch.from_numpy(array.copy()) for name, array in arrays.items()
    }


def assert_same(actual, expected):
    assert actual.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(actual[name], array, err_msg=name)


@pytest.mark.parametrize("key", ["model_pos", "model", "state_dict", None])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_reads_every_form_of_state_dict(torch, tmp_path, state_dict, key, prefix):
    content = tensors(torch, state_dict, prefix)
    path = save(
        torch,
        tmp_path / "file.pth",
        content if key is None else {key: content, "epoch": 3},
    )
    assert_same(convert.read_torch(path), state_dict)


@pytest.mark.parametrize("zipped", [True, False])
def test_reads_files_with_a_numpy_random_state(torch, tmp_path, state_dict, zipped):
    content = {
        "model_pos": tensors(torch, state_dict, "module."),
        "epoch": 80,
        "lr": np.float64(1e-4),
        "random_state": np.random.RandomState(1234),
        "optimizer": {
            "state": {0: {"step": 7, "exp_avg": torch.ones(2)}},
            "param_groups": [{"params": [0]}],
        },
    }
    path = save(
        torch, tmp_path / "epoch_80.bin", content, _use_new_zipfile_serialization=zipped
    )
    assert_same(convert.read_torch(path), state_dict)


def test_reads_the_random_state_of_older_numpy_versions(torch, tmp_path):
    class OldRandomState:
        """Pickles as NumPy 1.16, the version of the published files, does."""

        def __reduce__(self):
            make = vars(np.random)["__RandomState_ctor"]
            return (make, (), np.random.RandomState(5).get_state())

    content = {"model_pos": {"a": torch.ones(2)}, "random_state": OldRandomState()}
    path = save(
        torch, tmp_path / "old.bin", content, _use_new_zipfile_serialization=False
    )
    data = path.read_bytes()
    assert b"cnumpy.random\n__RandomState_ctor\n" in data
    assert b"cnumpy._core.multiarray\n" in data
    path.write_bytes(
        data.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
    )
    np.testing.assert_array_equal(convert.read_torch(path)["a"], np.ones(2))


def test_refuses_objects_that_would_run_code(torch, tmp_path):
    target = tmp_path / "ran"

    class Malicious:
        def __reduce__(self):
            return (os.mkdir, (str(target),))

    path = save(
        torch,
        tmp_path / "bad.pt",
        {"model_pos": {"a": torch.ones(2)}, "payload": Malicious()},
    )
    with pytest.raises(
        JaxposeError, match=r"bad\.pt .*could run code: it holds .*mkdir"
    ):
        convert.read_torch(path)
    assert not target.exists()


def test_bfloat16_weights_become_float32(torch, tmp_path):
    path = save(
        torch, tmp_path / "half.pt", {"a": torch.full((2,), 0.5, dtype=torch.bfloat16)}
    )
    array = convert.read_torch(path)["a"]
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, [0.5, 0.5])


def test_unreadable_files_are_named(torch, tmp_path):
    missing, text, cut = (
        tmp_path / "missing.bin",
        tmp_path / "text.bin",
        tmp_path / "cut.bin",
    )
    text.write_text("not a checkpoint")
    data = save(torch, tmp_path / "whole.bin", {"a": torch.ones(1000)}).read_bytes()
    cut.write_bytes(data[: len(data) // 2])
    (tmp_path / "empty.bin").touch()
    for path in (missing, text, cut, tmp_path / "empty.bin"):
        with pytest.raises(JaxposeError, match=f"--torch={path}"):
            convert.read_torch(path)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"epoch": 3, "lr": 0.1}, "the keys epoch, lr"),
        ([1, 2], "a list"),
        ({}, "the keys"),
    ],
)
def test_files_without_a_state_dict_say_what_they_hold(torch, tmp_path, content, found):
    path = save(torch, tmp_path / "other.pt", content)
    with pytest.raises(JaxposeError, match=f"holds no state dict.*it holds {found}"):
        convert.read_torch(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0",
            "Git LFS pointer",
        ),
        (b"\n<!DOCTYPE html><html><head>", "web page, not the weights; download"),
    ],
)
def test_files_in_place_of_weights_are_called_what_they_are(tmp_path, content, message):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(JaxposeError, match=message):
        convert.read_torch(path)


def test_a_converted_checkpoint_evaluates_with_exactly_the_files_weights(
    tmp_path, config, state_dict, monkeypatch
):
    monkeypatch.setattr(convert, "read_torch", lambda path, keys: state_dict)
    monkeypatch.setattr(splits, "ensure_prepared", lambda name, data_dir: None)
    monkeypatch.setattr(splits, "load_clips", lambda name, data_dir: small_clips())
    monkeypatch.setattr(pictures, "animate_clip", lambda *args: None)
    (tmp_path / "epoch_80.bin").touch()
    convert.convert_from_torch(config, tmp_path / "epoch_80.bin", tmp_path / "run")
    results = Run.open(tmp_path / "run", config).evaluate()
    assert results["step"] == 0
    assert np.isfinite(results["mpjpe"])

    config.optimizer.name = "amsgrad"  # the weights are the same
    run = Run.open(tmp_path / "run", config)
    assert_same(
        layouts.to_torch(poseformer.entries(run.model), run.variables), state_dict
    )
    config.model.depth += 1
    with pytest.raises(
        JaxposeError, match=r"(?s)trained with other fields.*config\.model\.depth"
    ):
        Run.open(tmp_path / "run", config)


def test_refined_models_do_not_convert(tmp_path, config):
    config.refinement = True
    with pytest.raises(JaxposeError, match=r"config\.refinement=False"):
        convert.convert_from_torch(config, tmp_path / "epoch_80.bin", tmp_path / "run")
    with pytest.raises(JaxposeError, match=r"config\.refinement=False"):
        convert.convert_to_torch(config, tmp_path / "run", tmp_path / "back.pt")


def test_weights_are_written_under_the_reference_names(torch, tmp_path):
    config = crossformer_config.get_config("released_cpn81")
    config.model.update({"num_frames": 9, "joint_width": 4, "depth": 1, "heads": 2})
    model = build_model(config)
    variables = random_variables(model)
    Run.create(config, tmp_path / "run").save_weights(variables, DRAWN)
    convert.convert_to_torch(config, tmp_path / "run", tmp_path / "back.pt")
    assert {path.name for path in tmp_path.iterdir()} == {"run", "back.pt"}
    written = torch.load(tmp_path / "back.pt", weights_only=True)["model_pos"]
    assert written["Spatial_blocks.0.local_mp.bn.weight"].shape == (
        4,
    )  # an unused leftover
    back = layouts.from_torch(
        crossformer.entries(model),
        convert.read_torch(tmp_path / "back.pt"),
        variables,
        leftovers=crossformer.leftovers(model),
    )
    jax.tree.map(np.testing.assert_array_equal, back, variables)


def test_the_trajectory_model_is_the_other_one_of_its_file(torch, tmp_path):
    config = videopose3d_config.get_config("cpn27")
    config.model.update({"channels": 4, "trajectory": True})
    variables = random_variables(build_model(config))
    Run.create(config, tmp_path / "first").save_weights(variables, DRAWN)
    convert.convert_to_torch(config, tmp_path / "first", tmp_path / "traj.pt")
    written = torch.load(tmp_path / "traj.pt", weights_only=True)
    assert list(written) == ["model_traj"]
    both = save(
        torch, tmp_path / "both.bin", {"model_pos": {"a": torch.ones(2)}, **written}
    )
    convert.convert_from_torch(config, both, tmp_path / "run")
    back = Run.open(tmp_path / "run").variables
    jax.tree.map(np.testing.assert_array_equal, back, variables)


def test_an_unwritable_target_is_named(torch, tmp_path, config):
    variables = random_variables(build_model(config))
    Run.create(config, tmp_path).save_weights(variables, DRAWN)
    with pytest.raises(JaxposeError, match=r"--to-torch=.*cannot be written"):
        convert.convert_to_torch(config, tmp_path, tmp_path / "no" / "such" / "back.pt")


def test_a_checkpoint_of_another_model_leaves_nothing_behind(
    tmp_path, config, state_dict, monkeypatch
):
    state_dict["blocks.7.extra"] = np.zeros((2, 3), np.float32)
    del state_dict["head.1.bias"]
    state_dict["Temporal_pos_embed"] = np.zeros((1, 27, 136), np.float32)
    monkeypatch.setattr(convert, "read_torch", lambda path, keys: state_dict)
    source, workdir = tmp_path / "w.pt", tmp_path / "run"
    with pytest.raises(JaxposeError) as error:
        convert.convert_from_torch(config, source, workdir)
    message = str(error.value)
    assert message.startswith(
        f"--torch={source}: the checkpoint does not fit the model"
    )
    for problem in (
        "left over: blocks.7.extra (2, 3)",
        "missing: head.1.bias (51,)",
        "shape: Temporal_pos_embed is (1, 27, 136), the model wants (1, 9, 136)",
    ):
        assert problem in message
    assert not workdir.exists()


def test_a_workdir_in_use_is_not_overwritten(tmp_path, config):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(JaxposeError, match="already holds a run"):
        convert.convert_from_torch(config, tmp_path / "any.pt", tmp_path)


def test_models_without_a_reference_are_refused_first(tmp_path, config):
    config.model.name = "ampose"
    with pytest.raises(JaxposeError, match="no published PyTorch implementation"):
        convert.convert_from_torch(config, tmp_path / "any.pt", tmp_path / "run")


def test_without_torch_files_are_read_and_writing_names_the_extra(
    tmp_path, config, state_dict, monkeypatch
):
    monkeypatch.setitem(sys.modules, "torch", None)
    path = torch_files.write_checkpoint(
        tmp_path / "epoch_80.bin", {"model_pos": state_dict}
    )
    assert_same(convert.read_torch(path), state_dict)
    with pytest.raises(JaxposeError, match=r"`convert`.*pip install torch"):
        convert.convert_to_torch(config, tmp_path / "run", tmp_path / "back.pt")


def test_the_command_needs_exactly_one_direction(tmp_path):
    flags = ["--config=configs/poseformer.py", f"--workdir={tmp_path}"]
    command = [sys.executable, "-m", "jaxpose.convert", *flags]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert process.returncode == 1
    assert process.stderr.strip().endswith(
        "error: give either --torch=FILE (to read), --to-torch=FILE or "
        "--to-safetensors=FILE (to write)"
    )
