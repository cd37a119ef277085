"""What is read from a run is what was written, or the error says what is damaged."""

import errno
import json
import os
import pathlib
import shutil

import jax
import numpy as np
import pytest

from jaxpose.errors import JaxposeError
from jaxpose.run import Run
from jaxpose.scoring import pictures
from jaxpose.training import checkpoints, records, scores, setup, workdirs
from jaxpose.training.checkpoints import Checkpoints, read_best
from jaxpose.training.metric_writer import read_metrics
from jaxpose.whole_files import write_json
from tests.recordings.damage_test import damaged_bytes
from tests.small_run import in_memory, small_config, train_small

pytestmark = pytest.mark.xdist_group("train")


@pytest.fixture
def workdir(finished_run, tmp_path):
    """A copy of the finished run, to be damaged."""
    shutil.copytree(finished_run[0], tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture(scope="module")
def like():
    """Shapes of a checkpoint of the small run."""
    run = Run.create(small_config(), pathlib.Path("nowhere"))
    return setup.checkpoint_shapes(run.config, run.model, run.mesh)


def contents(directory):
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def steps(workdir):
    return sorted(records.complete_steps(workdir / "checkpoints"))


def best_step(workdir):
    found = scores.read_scores(workdir / "checkpoints")
    return min(found, key=lambda step: found[step])


def cut_off(checkpoint):
    """Halves the files of arrays, as a full disk may leave them."""
    for path in (checkpoint / "state").rglob("*"):
        if path.is_file() and path.stat().st_size > 1000:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path, rng):
    """Flips one bit of a file; returns its content before."""
    before = path.read_bytes()
    content = bytearray(before)
    content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
    path.write_bytes(content)
    return before


@pytest.mark.parametrize("size", [1, 5000, 200_000])
def test_every_flipped_bit_and_every_exchange_changes_the_digest(size):
    rng = np.random.default_rng(size)
    array = rng.normal(size=size).astype(np.float32)
    (whole,) = records.array_digests([array]).values()
    for _ in range(50):
        changed = array.copy()
        changed.view(np.uint32)[rng.integers(size)] ^= np.uint32(1 << rng.integers(32))
        assert records.array_digests([changed]) != {"[0]": whole}
    # The same numbers in another order, shape or type are another array.
    others = [array[:, None], array.view(np.int32)]
    if size > 1:
        others += [array[::-1], np.roll(array, 16_384)]
    for other in others:
        assert records.array_digests([other]) != {"[0]": whole}


def test_digests_of_the_earlier_form_are_still_verified():
    arrays = {
        "large": np.arange(20_000, dtype=np.float32),
        "small": np.arange(10, dtype=np.int32),
    }
    stated = {
        "['large']": "b56b6c1fa445855c39f7de558889679e",
        "['small']": "d082a4871338c24cf23354aaaa18ed1b",
    }
    records.check_arrays(arrays, {"digests": stated})
    arrays["large"][12_345] += 1
    with pytest.raises(ValueError, match=r"1 of 2 arrays .* first: \['large'\]"):
        records.check_arrays(arrays, {"digests": stated})


@pytest.mark.parametrize("trials", [12, pytest.param(1000, marks=pytest.mark.slow)])
def test_no_flipped_bit_of_a_checkpoint_changes_what_is_restored(
    workdir, like, monkeypatch, trials
):
    """Whatever bit of whatever file is flipped: a state that was saved is restored."""
    monkeypatch.setattr(checkpoints, "_PAUSE", 0)
    directory = workdir / "checkpoints"
    saved = []
    for step in steps(workdir):
        saved.append(records.read_record(directory / str(step))["digests"])
    best = directory / str(best_step(workdir))
    files = sorted(path for path in best.rglob("*") if path.is_file())
    # The arrays are in the largest file.
    arrays = max(files, key=lambda path: path.stat().st_size)
    rng = np.random.default_rng(trials)
    noticed = 0
    for trial in range(trials):
        path = files[trial // 2 % len(files)] if trial % 2 else arrays
        before = flip(path, rng)
        restored = read_best(workdir, like)
        path.write_bytes(before)
        assert records.array_digests(restored.state) in saved, path
        noticed += restored.unreadable == [int(best.name)]
    print(f"{noticed} of {trials} flipped bits made the best checkpoint unreadable")
    assert noticed >= trials / 4


# Whose files tests damage: those that a program reads.
READ = ("config.json", "environment.json", "metrics.jsonl")


@pytest.mark.slow
def test_no_damage_to_any_file_of_a_run_changes_what_is_read(
    workdir, like, monkeypatch
):
    """`MUTATIONS=1000 SEED=0 python -m pytest -m slow` damages each file so often."""
    monkeypatch.setattr(checkpoints, "_PAUSE", 0)
    directory = workdir / "checkpoints"
    saved = []
    for step in steps(workdir):
        saved.append(records.read_record(directory / str(step))["digests"])
    trained = workdirs.plain(Run.open(workdir).trained)
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    files += [workdir / name for name in READ]
    rng = np.random.default_rng(int(os.environ.get("SEED", "0")))
    mutations = int(os.environ.get("MUTATIONS", "1000"))
    read = refused = 0
    for path in files:
        before = path.read_bytes()
        for _ in range(mutations):
            path.write_bytes(damaged_bytes(before, rng))
            said = str(workdir)
            try:
                restored = read_best(workdir, like)
                assert records.array_digests(restored.state) in saved, path
                assert workdirs.plain(Run.open(workdir).trained) == trained, path
                read_metrics(workdir / "metrics.jsonl")
                read += 1
            except JaxposeError as error:
                said = str(error)
                refused += 1
            assert "\n" not in said
            assert str(workdir) in said
        path.write_bytes(before)
    print(f"{len(files)} files: {read} times read, {refused} times refused")
    assert read


def test_a_resumed_run_passes_over_a_flipped_bit_with_one_line(
    workdir, like, caplog, monkeypatch
):
    monkeypatch.setattr(checkpoints, "_PAUSE", 0)
    newest = workdir / "checkpoints" / "72"
    data = max(newest.rglob("d/*"), key=lambda path: path.stat().st_size)
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 16
    data.write_bytes(content)
    with Checkpoints(workdir) as opened:
        restored = opened.restore_latest(like)
    assert int(restored.state.step) == 60
    assert restored.unreadable == [72]
    (line,) = [r for r in caplog.messages if "cannot be read" in r]
    assert "\n" not in line
    assert "step 60 is used" in line
    assert steps(workdir) == [step for step in steps(workdir) if step != 72]
    assert (workdir / "damaged_checkpoints" / "72").is_dir()


def test_a_reader_says_that_the_best_was_not_used_and_overwrites_nothing(
    workdir, monkeypatch
):
    monkeypatch.setattr(pictures, "animate_clip", lambda *_: None)
    monkeypatch.setattr(pictures, "draw_learning_curves", lambda *_: None)
    best = best_step(workdir)
    cut_off(workdir / "checkpoints" / str(best))
    before = contents(workdir)
    with in_memory():
        results = Run.open(workdir).evaluate()
    used = results["step"]
    assert used != best
    said = f"; step {best} was preferred and cannot be read"
    assert results["protocol"]["checkpoint"].endswith(said)
    after = contents(workdir)
    assert after.keys() - before.keys() == {workdir / f"results_step_{used}.json"}
    assert {path: after[path] for path in before} == before
    weights = Run.open(workdir).weights
    assert weights.description["unreadable_better_steps"] == [best]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO])
def test_a_file_that_the_system_refuses_is_not_damaged(
    workdir, like, monkeypatch, number
):
    monkeypatch.setattr(checkpoints, "_PAUSE", 0)
    before = contents(workdir)

    def refuse(path, *_):
        raise OSError(number, "refused by the system", str(path))

    def fail(*_, **__):
        raise ValueError("tensorstore's own words")

    monkeypatch.setattr(checkpoints.ocp, "load", fail)
    monkeypatch.setattr(checkpoints, "open", refuse, raising=False)
    with pytest.raises(JaxposeError, match=r"refused by the system. It may be intact"):
        read_best(workdir, like)
    with (
        Checkpoints(workdir) as opened,
        pytest.raises(JaxposeError, match=r"refused by the system. It may be intact"),
    ):
        opened.restore_latest(like)
    assert contents(workdir) == before


def test_a_checkpoint_that_vanishes_or_is_away_for_a_moment_is_tried_again(
    workdir, like, monkeypatch
):
    best = workdir / "checkpoints" / str(best_step(workdir))
    load = checkpoints.ocp.load

    def vanish(*args, **kwargs):
        monkeypatch.setattr(checkpoints.ocp, "load", load)
        shutil.rmtree(best)  # as the trainer does once there is a better one
        return load(*args, **kwargs)

    def away(*args, **kwargs):
        monkeypatch.setattr(checkpoints.ocp, "load", load)
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr(checkpoints.ocp, "load", away)
    restored = read_best(workdir, like)
    assert (int(restored.state.step), restored.unreadable) == (int(best.name), [])
    monkeypatch.setattr(checkpoints.ocp, "load", vanish)
    restored = read_best(workdir, like)
    assert int(restored.state.step) in steps(workdir)
    assert restored.unreadable == []


SIDE_FILES = {
    "another score": ("metrics/metrics", b'{"mpjpe": 1e9}'),
    "no score": ("metrics/metrics", None),
    "no text": ("metrics/metrics", b"\xff{"),
    "a number": ("_CHECKPOINT_METADATA", b"7"),
    "cut off": ("_CHECKPOINT_METADATA", b'{"custom_metadata": {'),
    "another key": ("_CHECKPOINT_METADATA", b'{"custom_metadata": {"config": {}}}'),
    "no record": ("record/data.json", b""),
}


@pytest.mark.parametrize("name", SIDE_FILES)
def test_damaged_side_files_of_the_best_checkpoint_are_rebuilt(workdir, like, name):
    best = best_step(workdir)
    before = scores.read_scores(workdir / "checkpoints")
    file, content = SIDE_FILES[name]
    path = workdir / "checkpoints" / str(best) / file
    record = records.read_record(workdir / "checkpoints" / str(best))
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    # Readers do without it, and the run writes it anew.
    restored = read_best(workdir, like)
    assert (int(restored.state.step), restored.unreadable) == (best, [])
    with Checkpoints(workdir) as opened:
        assert int(opened.restore_best(like).state.step) == best
    assert scores.read_scores(workdir / "checkpoints") == before
    assert records.write_copies(workdir / "checkpoints" / str(best), record) == []
    assert json.loads((path.parents[0] / path.name).read_text()) is not None
    assert not (workdir / "damaged_checkpoints").exists()


def test_an_older_checkpoint_without_its_score_has_that_of_the_metrics(workdir, like):
    """As written before there were records: nothing but the file of scores."""
    best = best_step(workdir)
    for step in steps(workdir):
        checkpoint = workdir / "checkpoints" / str(step)
        shutil.rmtree(checkpoint / "record")
        metadata = json.loads((checkpoint / "_CHECKPOINT_METADATA").read_text())
        for name in ("score", "digests", "sha256"):
            del metadata["custom_metadata"][name]
        (checkpoint / "_CHECKPOINT_METADATA").write_text(json.dumps(metadata))
    before = scores.read_scores(workdir / "checkpoints")
    (workdir / "checkpoints" / str(best) / "metrics" / "metrics").write_text("{")
    assert scores.read_scores(workdir / "checkpoints") == before
    assert int(read_best(workdir, like).state.step) == best
    with Checkpoints(workdir) as opened:
        assert int(opened.restore_best(like).state.step) == best


@pytest.mark.parametrize("name", ["config.json", "environment.json"])
@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b"\xff"])
def test_lost_files_of_a_run_are_rebuilt_from_its_checkpoints(
    workdir, finished_run, monkeypatch, name, content
):
    monkeypatch.setattr(pictures, "animate_clip", lambda *_: None)
    monkeypatch.setattr(pictures, "draw_learning_curves", lambda *_: None)
    written = json.loads((workdir / name).read_text())
    if content is None:
        (workdir / name).unlink()
    else:
        (workdir / name).write_bytes(content)
    assert workdirs.plain(Run.open(workdir).trained) == workdirs.plain(small_config())
    with pytest.raises(JaxposeError, match=r"learning_rate: 0\.002 there, 0\.5 now"):
        train_small(str(workdir), {"optimizer.learning_rate": 0.5})
    assert train_small(str(workdir)) == finished_run[1]
    assert json.loads((workdir / name).read_text()) == written


def test_a_config_file_that_was_changed_does_not_change_the_run(workdir):
    fields = json.loads((workdir / "config.json").read_text())
    fields["target_scale"] = 1000.0
    fields["dataset"]["data_dir"] = "/elsewhere"
    write_json(workdir / "config.json", fields)
    trained = Run.open(workdir).trained
    assert trained.target_scale == small_config().target_scale
    assert trained.dataset.data_dir == "/elsewhere"  # folders may move


def test_a_score_beyond_every_float_is_none():
    # JSON has whole numbers of any length.
    assert not scores.is_score(10**400)
    assert not scores.is_score(-(10**400))
    assert not scores.is_score(float("nan"))
    assert not scores.is_score(True)
    assert scores.is_score(80)


@pytest.mark.parametrize("name", ["0072", "٧٢", "99.tmp", "-1", "9" * 200])
def test_folders_that_no_run_wrote_are_no_checkpoints(workdir, like, name):
    before = steps(workdir)
    (workdir / "checkpoints" / name).mkdir()
    assert steps(workdir) == before
    assert int(read_best(workdir, like).state.step) == best_step(workdir)


def test_a_score_that_is_not_finite_is_never_the_best(tmp_path):
    state = {"weights": jax.numpy.ones(3)}
    found = {1: float("nan"), 2: 80.0, 3: float("-inf"), 4: float("nan")}
    with Checkpoints(tmp_path) as opened:
        for step, score in found.items():
            opened.save(state, step, score)
        opened.wait()
        assert int(opened.restore_best(state).state["weights"].sum()) == 3
    read = scores.read_scores(tmp_path / "checkpoints")
    assert read == {2: 80.0, 3: None, 4: None}
