"""A run as an object: what it reads, lifts and scores, and who may open it."""

import json
import pathlib
import shutil

import jax
import numpy as np
import pytest

from jaxpose.body.joint_rules import convert_joints
from jaxpose.data import requirements
from jaxpose.data.clips import select_subjects
from jaxpose.errors import JaxposeError
from jaxpose.run import Run
from jaxpose.training import workdirs
from jaxpose.training.metric_writer import read_metrics
from jaxpose.whole_files import write_json
from tests.small_run import (
    in_memory,
    small_clips,
    small_config,
    train_small,
    without_pictures,
)

pytestmark = pytest.mark.xdist_group("train")

# Written by jaxpose of commit 7835829: `python -m tests.small_run`, 4 updates.
FORMAT_1 = pathlib.Path(__file__).parent / "run_of_format_1"
IMAGE_SIZE = (1000, 800)


@pytest.fixture(scope="module")
def clips():
    return select_subjects(small_clips(), ("test_0", "test_1"))


def pixels(keypoints_2d, image_size=IMAGE_SIZE):
    """Undoes screen normalisation: x is in [-1, 1] over the width, y alike."""
    width, height = image_size
    return keypoints_2d * (width / 2) + np.array([width / 2, height / 2])


def cut_off(checkpoints):
    """Halves the files of arrays, as a full disk may leave them."""
    for path in checkpoints.rglob("*"):
        if path.is_file() and "state" in path.parts and path.stat().st_size > 1000:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def contents(directory):
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_an_opened_run_is_the_best_checkpoint_and_writes_nothing(finished_run, clips):
    directory, results = finished_run
    before = contents(directory)
    run = Run.open(str(directory))
    scores = {}
    for row in read_metrics(directory / "metrics.jsonl"):
        if "selection_mpjpe" in row:
            scores[row["step"]] = row["selection_mpjpe"]
    assert run.step == min(scores, key=scores.get) == results["step"]
    assert workdirs.plain(run.config) == workdirs.plain(small_config())
    assert run.model.receptive_field == 1
    assert run.unit == "metre"
    scored = run.score(clips)
    assert {name: results[name] for name in scored} == scored
    assert contents(directory) == before


def test_one_evaluation_scores_with_flip_averaging_and_without(finished_run, clips):
    directory, results = finished_run
    plain = results["without_flip_average"]
    assert plain["mpjpe"] != results["mpjpe"]
    assert plain["per_action"].keys() == results["per_action"].keys()
    config = small_config()
    config.flip_average = False
    scored = Run.open(directory, config).score(clips)
    for name in ("mpjpe", "p_mpjpe", "n_mpjpe", "mpjve"):
        assert scored[name] == pytest.approx(plain[name], rel=1e-4), name


def test_under_the_papers_protocol_everybody_is_trained_on_to_the_last_epoch(
    finished_run, tmp_path, capsys
):
    held_out = finished_run[1]["protocol"]
    assert held_out["protocol"] == "held_out"
    assert held_out["checkpoint"] == "best on held-out train_3"
    assert "train_3" not in held_out["train_subjects"]
    results = train_small(
        str(tmp_path),
        {"protocol": "paper", "num_epochs": 2, "steps_per_epoch": 4},
    )
    published = results["protocol"]
    assert published["protocol"] == "paper"
    assert published["checkpoint"] == "last"
    assert published["train_subjects"] == ["train_0", "train_1", "train_2", "train_3"]
    assert results["step"] == 8
    assert "protocol: paper; dataset: " in capsys.readouterr().out
    # A score tells how the run was trained, whatever config it is opened with.
    config = small_config()
    with in_memory(), without_pictures():
        again = Run.open(tmp_path, config).evaluate()
    assert again["protocol"] == published
    with pytest.raises(JaxposeError, match=r"protocol: 'paper' there, 'held_out' now"):
        Run.create(config, tmp_path)


def test_a_run_in_progress_can_be_opened(finished_run, tmp_path):
    shutil.copytree(finished_run[0], tmp_path / "run")
    unfinished = tmp_path / "run" / "checkpoints" / "80.orbax-checkpoint-tmp"
    unfinished.mkdir()
    with workdirs.sole_use(tmp_path / "run"):
        assert Run.open(tmp_path / "run").step == Run.open(finished_run[0]).step
    assert unfinished.exists()


def test_damaged_checkpoints_of_an_opened_run_stay_where_they_are(
    finished_run, tmp_path
):
    directory = tmp_path / "run"
    shutil.copytree(finished_run[0], directory)
    best = directory / "checkpoints" / str(Run.open(directory).step)
    cut_off(best)
    assert Run.open(directory).step != int(best.name)
    assert best.is_dir()
    cut_off(directory / "checkpoints")
    with pytest.raises(JaxposeError, match=r"no checkpoint in .* can be read"):
        _ = Run.open(directory).variables
    shutil.rmtree(directory / "checkpoints")
    with pytest.raises(JaxposeError, match="holds no complete checkpoint"):
        _ = Run.open(directory).variables


def test_lifted_arrays_are_the_predictions_of_clips(finished_run, clips):
    run = Run.open(finished_run[0])
    predicted = run.predict(clips, np.arange(60))
    expected = predicted - predicted[:, :1]
    assert np.abs(predicted[:, 0]).max() > 1e-4
    keypoints = pixels(clips.keypoints_2d[:60])
    lifted = run.lift(keypoints, image_size=IMAGE_SIZE, fps=50)
    assert lifted.shape == (60, 17, 3)
    assert lifted.dtype == np.float32
    assert np.std(lifted) > 0.01
    np.testing.assert_allclose(lifted, expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(lifted[:, 0], 0)  # the hip
    # A confidence that the model does not read changes nothing.
    confident = np.concatenate([keypoints, np.full((60, 17, 1), 0.5)], axis=-1)
    again = run.lift(confident, image_size=IMAGE_SIZE)
    np.testing.assert_array_equal(again, lifted)


def test_lists_and_integers_are_lifted_as_arrays_are(finished_run):
    run = Run.open(finished_run[0])
    keypoints = np.random.default_rng(0).integers(0, 800, (5, 17, 2))
    expected = run.lift(keypoints.astype(float), image_size=IMAGE_SIZE)
    for again, size in (
        (keypoints, list(IMAGE_SIZE)),
        (keypoints.tolist(), IMAGE_SIZE),
    ):
        lifted = run.lift(again, image_size=np.array(size))
        np.testing.assert_array_equal(lifted, expected)


def test_keypoints_in_another_joint_order_are_converted(finished_run):
    run = Run.open(finished_run[0])
    coco = np.random.default_rng(0).uniform(0, 800, (5, 17, 2))
    lifted = run.lift(coco, image_size=IMAGE_SIZE, layout="coco_17")
    converted = convert_joints(coco, "coco_17", "h36m_17")
    expected = run.lift(converted, image_size=IMAGE_SIZE)
    np.testing.assert_allclose(lifted, expected, rtol=0, atol=1e-6)


def test_what_cannot_be_lifted_is_named(finished_run, tmp_path):
    run = Run.open(finished_run[0])
    keypoints = np.full((4, 17, 2), 300.0)
    wrong = {
        r"is \[4, 16, 2\], expected \[frames, 17, 2\]": keypoints[:, :16],
        r"is \[17, 2\], expected \[frames, 17, 2\]": keypoints[0],
        r"is \[0, 17, 2\]": keypoints[:0],
    }
    for message, array in wrong.items():
        with pytest.raises(JaxposeError, match=message):
            run.lift(array, image_size=IMAGE_SIZE)
    for size in ((0, 800), (1000, -1), (1000, np.nan), (1000, 800, 3), 1000, None):
        with pytest.raises(
            JaxposeError, match=r"image_size=.* must be \(width, height"
        ):
            run.lift(keypoints, image_size=size)
    with pytest.raises(JaxposeError, match="image_size is no array of numbers"):
        run.lift(keypoints, image_size=("wide", "high"))
    with pytest.raises(JaxposeError, match="keypoints_2d is no array of numbers"):
        run.lift([[[1.0, 2.0]], [[1.0]]], image_size=IMAGE_SIZE)
    for fps in (0, -25.0, np.nan, "fifty", "50", [50, 50], np.array([50.0, 25.0])):
        with pytest.raises(
            JaxposeError, match=r"fps=.* must be a finite number above 0"
        ):
            run.lift(keypoints, image_size=IMAGE_SIZE, fps=fps)
    keypoints[2, 5, 1] = np.nan
    with pytest.raises(JaxposeError, match=r"keypoints_2d\[2, 5\] is not finite"):
        run.lift(keypoints, image_size=IMAGE_SIZE)
    keypoints[2, 5, 1] = -1e39  # infinite in float32
    with pytest.raises(JaxposeError, match=r"keypoints_2d\[2, 5\] is -1e\+39 pixels"):
        run.lift(keypoints, image_size=IMAGE_SIZE)
    with pytest.raises(JaxposeError, match="nobody_3"):
        run.lift(keypoints, image_size=IMAGE_SIZE, layout="nobody_3")

    directory = tmp_path / "run"
    shutil.copytree(finished_run[0], directory)
    environment = json.loads((directory / "environment.json").read_text())
    environment["unit"] = requirements.HALF_IMAGE_WIDTH
    write_json(directory / "environment.json", environment)
    with pytest.raises(JaxposeError, match="in units of one half image width"):
        Run.open(directory).lift(keypoints, image_size=IMAGE_SIZE)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "holds no run"),
        ("[]", "is not jaxpose's"),
        ('{"model": "bert", "dataset": "wiki"}', "is not the config of a run"),
        ('{"model": {"name": "bert"}, "dataset": {}}', "config.seed is missing"),
    ],
)
def test_a_directory_of_another_program_is_refused_in_one_line(
    tmp_path, content, message
):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    before = contents(tmp_path)
    with pytest.raises(JaxposeError, match=message) as error:
        Run.open(tmp_path)
    assert "\n" not in str(error.value)
    assert contents(tmp_path) == before


def test_a_temporal_model_sees_each_recording_at_its_own_rate(tmp_path):
    """The model is trained at 50 frames per second."""
    train_small(
        str(tmp_path),
        {"model.num_frames": 3, "num_epochs": 1, "steps_per_epoch": 4},
    )
    run = Run.open(tmp_path)
    keypoints = pixels(small_clips().keypoints_2d[:21])

    def lift(keypoints: np.ndarray, fps: float | None) -> np.ndarray:
        return run.lift(keypoints, image_size=IMAGE_SIZE, fps=fps)

    plain = lift(keypoints, None)
    np.testing.assert_array_equal(lift(keypoints, 50), plain)
    np.testing.assert_array_equal(lift(keypoints, 49.95), plain)

    # At 100 frames per second every second frame is its own sequence.
    fast = lift(keypoints, 100)
    assert fast.shape == plain.shape
    for phase in (0, 1):
        np.testing.assert_array_equal(fast[phase::2], lift(keypoints[phase::2], None))
    assert np.abs(fast - plain).max() > 1e-5

    # At 25, the frames between are interpolated, and every second pose is kept.
    between = (keypoints[1:] + keypoints[:-1]) / 2
    full = np.empty((41, 17, 2))
    full[::2], full[1::2] = keypoints, between
    slow = lift(keypoints, 25)
    np.testing.assert_allclose(slow, lift(full, None)[::2], rtol=0, atol=1e-5)


def test_poses_that_are_not_finite_are_an_error(finished_run, monkeypatch):
    run = Run.open(finished_run[0])
    weights = jax.tree.map(lambda leaf: leaf * np.nan, run.variables)
    monkeypatch.setattr(Run, "variables", weights)
    keypoints = np.full((4, 17, 2), 300.0)
    with pytest.raises(JaxposeError, match="not finite in 4 of 4 frames; its weights"):
        run.lift(keypoints, image_size=IMAGE_SIZE)
    with pytest.raises(JaxposeError, match="not finite in 2 of 2 frames"):
        run.predict(small_clips(), np.arange(2))


def test_a_run_of_a_later_format_is_refused(finished_run, tmp_path):
    directory = tmp_path / "run"
    shutil.copytree(finished_run[0], directory)
    environment = json.loads((directory / "environment.json").read_text())
    assert environment["format"] == workdirs.FORMAT
    environment["format"] += 1
    write_json(directory / "environment.json", environment)
    with pytest.raises(JaxposeError, match=r"format 4, this jaxpose reads .* up to 3"):
        Run.open(directory)


def test_a_run_of_format_1_still_opens_scores_and_goes_on(tmp_path):
    """Its config spells absent values as empty ones and lacks later fields."""
    directory = tmp_path / "run"
    shutil.copytree(FORMAT_1, directory)
    results = json.loads((directory / "results.json").read_text())
    config = small_config()
    config.update_from_flattened_dict(
        {
            "model.joint_width": 8,
            "model.heads": 2,
            "num_epochs": 1,
            "steps_per_epoch": 4,
            "steps_per_dispatch": 2,
        }
    )
    run = Run.open(directory, config)
    assert run.step == 4
    assert run.unit == "metre"
    with in_memory(), without_pictures():
        again = Run.open(directory).evaluate()
    assert again.keys() >= results.keys()
    for name in ("mpjpe", "p_mpjpe", "n_mpjpe", "mpjve", "linear_mpjpe"):
        assert again[name] == pytest.approx(results[name], rel=1e-4), name
    # Its validation subjects were held out, which has a name now.
    assert again["protocol"].pop("protocol") == "held_out"
    assert again["protocol"].pop("augment_flip") is True
    # Clips name their data set in full.
    assert results["protocol"].pop("trained_on") == "synthetic/gt"
    assert again["protocol"].pop("trained_on") == "small/gt"
    assert again["protocol"] == results["protocol"]
    with in_memory(), without_pictures():
        assert Run.create(config, directory).train()["step"] == 4
    config.model.depth = 2
    with pytest.raises(JaxposeError, match=r"config\.model\.depth: 1 there, 2 now"):
        Run.open(directory, config)
