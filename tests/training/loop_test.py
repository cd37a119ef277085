"""The training program on seconds of motion in memory."""

import dataclasses
import errno
import json
import re
import shutil
import subprocess
import sys
from unittest import mock

import numpy as np
import pytest
from orbax.checkpoint import v1 as ocp
from PIL import Image

from jaxpose.data.batches import make_epoch_order
from jaxpose.data.clips import select_subjects
from jaxpose.errors import JaxposeError
from jaxpose.models import build_model
from jaxpose.parallel import sharding
from jaxpose.run import Run
from jaxpose.training import setup, workdirs
from jaxpose.training.metric_writer import read_metrics
from jaxpose.training.progress import describe
from tests.small_run import in_memory, small_clips, small_config, train_small

pytestmark = pytest.mark.xdist_group("train")


@pytest.fixture
def finished(finished_run, tmp_path_factory):
    """A copy of the finished run, to be changed: its directory and results."""
    directory = tmp_path_factory.mktemp("finished") / "run"
    shutil.copytree(finished_run[0], directory)
    return directory, finished_run[1]


def checkpoint_files(directory):
    return {
        path: path.read_bytes()
        for path in directory.rglob("checkpoints/**/*")
        if path.is_file()
    }


def test_results_hold_scores_baselines_and_protocol(finished):
    directory, results = finished
    assert json.loads((directory / "results.json").read_text()) == results
    assert results["frames"] == sum(small_clips().valid[-240:])
    assert set(results["per_action"]) == {"Walk", "Sit"}
    mean = np.mean(
        [results["per_action"][action]["mpjpe"] for action in ("Walk", "Sit")]
    )
    assert results["mpjpe"] == pytest.approx(mean)
    assert 0 < results["p_mpjpe"] <= results["mpjpe"]
    assert results["n_mpjpe"] > 0
    assert results["mpjve"] > 0
    assert results["linear_mpjpe"] < results["mean_pose_mpjpe"]
    protocol = results["protocol"]
    assert protocol["test_subjects"] == ["test_0", "test_1"]
    assert protocol["train_subjects"] == ["train_0", "train_1", "train_2"]
    assert protocol["checkpoint"] == "best on held-out train_3"


def test_training_lowers_the_loss_and_logs_every_dispatch(finished):
    directory, _ = finished
    rows = read_metrics(directory / "metrics.jsonl")
    losses = {row["step"]: row["loss"] for row in rows if "loss" in row}
    assert list(losses) == list(range(4, 73, 4))
    assert losses[72] < 0.8 * losses[4]
    assert list((directory / "tensorboard").iterdir())


def test_a_run_says_what_begins():
    config = small_config()
    training = setup.set_up(
        config, build_model(config), small_clips(), sharding.make_mesh()
    )
    assert re.fullmatch(
        r"ampose, [\d,]+ parameters, on 1 x cpu: [\d,]+ frames, [\d,]+ updates of "
        rf"{config.batch_size} in {config.num_epochs} epochs, "
        r"1,200 are made; compiling \.\.\.",
        describe(training, training.state_shapes(), 1200),
    )


def test_a_run_logs_a_line_per_epoch(finished):
    directory, _ = finished
    lines = (directory / "train.log").read_text().splitlines()
    epochs = small_config().num_epochs
    assert len(lines) == epochs
    for epoch, line in enumerate(lines, 1):
        assert re.fullmatch(
            rf"[\d-]+ [\d:]+  epoch {epoch}/{epochs}  loss [\d.]+ mm  "
            r"validation MPJPE [\d.]+ mm  [\d,]+ poses/s  \d+:\d\d:\d\d left",
            line,
        )


def test_tensorboard_has_scores_fields_and_curves(finished):
    directory, _ = finished
    events = b"".join(
        path.read_bytes() for path in (directory / "tensorboard").rglob("*events*")
    )
    for name in (b"train/loss", b"validation/mpjpe", b"test/mpjpe", b"model.depth"):
        assert name in events
    assert b"\x89PNG" in events


def test_checkpoints_inside_an_epoch_change_nothing(finished, tmp_path):
    _, results = finished
    assert train_small(str(tmp_path), {"checkpoint_seconds": 0}) == results
    steps = sorted(
        int(path.name)
        for path in (tmp_path / "checkpoints").iterdir()
        if path.name.isdigit()
    )
    assert steps[-2:] == [68, 72]


def test_a_batch_in_parts_has_the_losses_of_the_whole(tmp_path):
    """Nothing is random and no layer mixes samples: rounding alone differs."""
    plain = {"model.graph_norm": "layer", "model.dropout_rate": 0.0, "num_epochs": 1}
    found = {}
    for parts in (1, 4):
        train_small(str(tmp_path / str(parts)), plain | {"accumulation_steps": parts})
        rows = read_metrics(tmp_path / str(parts) / "metrics.jsonl")
        found[parts] = [row["loss"] for row in rows if "loss" in row]
    np.testing.assert_allclose(found[4], found[1], rtol=1e-4)
    assert found[4] != found[1]


def test_pictures_are_drawn(finished):
    directory, _ = finished
    with Image.open(directory / "learning_curves.png") as curves:
        assert np.asarray(curves.convert("L")).std() > 5
    with Image.open(directory / "prediction.gif") as animation:
        assert animation.n_frames > 5


def test_evaluate_reproduces_the_score_and_takes_other_data(finished):
    directory, results = finished
    config = small_config()
    with in_memory():
        again = Run.open(directory, config).evaluate()
        assert again == results
        config.dataset.test_subjects = ("test_1",)
        config.optimizer.name = (
            "amsgrad"  # of no account: the checkpoint is read as it was written
        )
        config.target_scale = 1000.0  # so is the unit of the targets
        config.dataset.train_subjects = config.dataset.validation_subjects = ()
        other = Run.open(directory, config).evaluate()
        assert (
            json.loads((directory / "results.json").read_text()) == results
        )  # stays the run's own
        assert (
            json.loads((directory / "results_synthetic_gt.json").read_text()) == other
        )
        assert (directory / "prediction_synthetic_gt.gif").exists()
        config.model.depth = 3
        with pytest.raises(JaxposeError, match=r"model\.depth: 1 there, 3 now"):
            Run.open(directory, config).evaluate()
    assert other["frames"] < results["frames"]
    assert other["mpjpe"] < 2 * results["mpjpe"]
    assert other["protocol"]["checkpoint"] == results["protocol"]["checkpoint"]
    assert other["protocol"]["train_subjects"] == results["protocol"]["train_subjects"]


def test_evaluate_without_the_training_data_leaves_the_baselines_out(
    finished, tmp_path
):
    directory, results = finished
    config = small_config()
    clips = select_subjects(small_clips(), ("test_0", "test_1"))
    with in_memory(clips):
        alone = Run.open(directory, config).evaluate()
    assert alone["linear_mpjpe"] is None
    assert alone["mpjpe"] == results["mpjpe"]


def test_changed_config_is_refused_with_the_differing_fields(finished):
    directory, _ = finished
    before = checkpoint_files(directory)
    with pytest.raises(
        JaxposeError,
        match=r"(?s)batch_size: 16 there, 8 now.*"
        r"optimizer\.learning_rate: 0\.002 there",
    ):
        train_small(str(directory), {"batch_size": 8, "optimizer.learning_rate": 0.5})
    assert checkpoint_files(directory) == before


@pytest.mark.parametrize("name", ["config.json", "environment.json"])
@pytest.mark.parametrize("content", ["", "{", "[]", "{}"])
def test_damaged_or_foreign_files_of_a_workdir_are_named(
    finished, tmp_path, name, content
):
    """Where no checkpoint says what they should hold."""
    workdir = tmp_path / "run"
    shutil.copytree(finished[0], workdir)
    shutil.rmtree(workdir / "checkpoints")
    (workdir / name).write_text(content)
    before = checkpoint_files(workdir)
    with pytest.raises(
        JaxposeError,
        match=r"cannot be read|not jaxpose's|not the config of a run|data has changed",
    ):
        train_small(str(workdir))
    if name == "config.json":
        with (
            in_memory(),
            pytest.raises(JaxposeError, match=r"config\.json.*(cannot be read|not )"),
        ):
            Run.open(workdir, small_config()).evaluate()
    assert checkpoint_files(workdir) == before


def test_a_workdir_in_use_is_left_alone(finished, tmp_path):
    with (
        workdirs.sole_use(tmp_path),
        pytest.raises(JaxposeError, match="in use by another run"),
    ):
        train_small(str(tmp_path))
    assert not list(tmp_path.iterdir())
    with workdirs.sole_use(tmp_path):  # nobody is in it any more
        pass
    # Who only reads leaves a checkpoint alone that is being written.
    workdir = tmp_path / "run"
    shutil.copytree(finished[0], workdir)
    unfinished = workdir / "checkpoints" / "80.orbax-checkpoint-tmp"
    unfinished.mkdir()
    with in_memory():
        Run.open(workdir, small_config()).evaluate()
    assert unfinished.exists()


def test_changed_data_is_refused(finished):
    directory, _ = finished
    with pytest.raises(JaxposeError, match="training data has changed"):
        train_small(str(directory), clips=small_clips(frames=50))


def test_non_finite_loss_names_the_step_and_keeps_the_last_good_checkpoint(
    tmp_path, monkeypatch
):
    clips = small_clips()
    train_small(str(tmp_path), {"num_epochs": 2}, clips=clips)
    before = checkpoint_files(tmp_path)
    # Lets a ruinous rate into the same directory.
    monkeypatch.setattr(workdirs, "check_config", lambda *_: None)
    with pytest.raises(
        JaxposeError,
        match=r"not finite at step \d+; the checkpoint of step 24 is intact",
    ):
        train_small(
            str(tmp_path),
            {"num_epochs": 6, "optimizer.learning_rate": 1e12},
            clips=clips,
        )
    assert checkpoint_files(tmp_path) == before
    assert max(row["step"] for row in read_metrics(tmp_path / "metrics.jsonl")) < 40


def test_joints_of_data_and_model_must_agree(tmp_path):
    with pytest.raises(
        JaxposeError, match=r"'h36m_17', the data set 'small/gt' holds 'h36m_16'"
    ):
        train_small(str(tmp_path), clips=small_clips("h36m_16"))
    other_2d = dataclasses.replace(small_clips(), keypoints_skeleton="coco_17")
    with pytest.raises(
        JaxposeError, match=r"keypoints_skeleton is 'h36m_17', .* holds 'coco_17'"
    ):
        train_small(str(tmp_path), clips=other_2d)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"dataset.train_subjects": ("nobody",), "dataset.validation_subjects": ()},
            "no subject 'nobody'",
        ),
        (
            {"dataset.test_subjects": ("train_1",)},
            r"subjects \['train_1'\] are in train_subjects and in test",
        ),
        ({"dataset.validation_subjects": ("test_0",)}, "not among train_subjects"),
        ({"dataset.test_subjects": ()}, "test_subjects selects no frames"),
        (
            {"batch_size": 100_000, "steps_per_epoch": 0},
            "larger than the .* training samples",
        ),
        ({"precision": "float8"}, "'float8' is unknown; known: float32"),
        ({"model.heads": 3}, "heads"),
        ({"model.num_frames": 4}, "odd"),
        ({"optimizer.name": "sgd"}, "'sgd' is unknown; known: adam"),
        ({"optimizer.schedule": "linear"}, "'linear' is unknown; known: exponential"),
        ({"loss": "l2"}, "'l2' is unknown; known: mpjpe, mse"),
        (
            {"accumulation_steps": 3},
            "batch_size=16 does not split evenly into config.accumulation_steps=3",
        ),
        ({"num_epochs": 0}, "num_epochs=0 must be at least 1"),
        ({"dataset.frame_stride": 0}, "frame_stride=0 must be at least 1"),
        ({"augment_rotation": True}, "augment_rotation=False"),
        ({"target_scale": 0.0}, r"target_scale=0\.0 must be a finite number above 0"),
        (
            {"optimizer.learning_rate": float("nan")},
            "learning_rate=nan must be a finite",
        ),
        ({"optimizer.decay": 0.0}, r"decay=0\.0 must be a finite"),
        ({"optimizer.warmup_steps": -5}, "warmup_steps=-5 must be at least 0"),
        (
            {"augment_bones": float("nan")},
            "augment_bones=nan must be at least 0 and below 1",
        ),
        ({"seed": 2**70}, "seed=1180591620717411303424 must be"),
        (
            {"model.num_frames": -1},
            "num_frames=-1 must be a whole number of at least 1",
        ),
        (
            {"model.dropout_rate": 1.5},
            r"dropout_rate=1\.5 must be at least 0 and below 1",
        ),
    ],
)
def test_bad_fields_are_named(tmp_path, overrides, message):
    config = {"dataset.train_subjects": ("train_0", "train_1", "train_3")} | overrides
    with pytest.raises(JaxposeError, match=message):
        train_small(str(tmp_path / "run"), config)
    assert not (
        tmp_path / "run" / "config.json"
    ).exists()  # the mended command may use the directory


def test_workdir_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(JaxposeError, match="cannot be written"):
        train_small(str(tmp_path / "file" / "run"))


def test_full_disk_is_one_error(tmp_path):
    full = OSError(errno.ENOSPC, "No space left on device")
    with (
        mock.patch.object(
            ocp.training.Checkpointer, "save_checkpointables_async", side_effect=full
        ),
        pytest.raises(
            JaxposeError, match=r"cannot write a checkpoint to .*No space left"
        ),
    ):
        train_small(str(tmp_path))


def test_unknown_model_field_lists_the_fields(tmp_path):
    config = small_config()
    config.model.unlock()
    config.model.depht = 3
    with pytest.raises(
        JaxposeError, match=r"no field depht in model 'ampose'; it has .*depth"
    ):
        Run.create(config, tmp_path).train()


def test_batch_must_split_over_the_devices():
    class Eight:
        size = 8

    with pytest.raises(
        JaxposeError,
        match=r"=100 does not split evenly over 8 devices; the nearest .* is 96",
    ):
        sharding.check_batch_size("config.batch_size", 100, Eight())


def test_order_takes_every_sample_once_a_pass_and_differs_by_epoch():
    order = make_epoch_order(
        50, steps_per_epoch=12, batch_size=10, seed=3, mesh=sharding.make_mesh()
    )
    first = np.asarray(order(0))
    assert first.shape == (120,)
    for part in (first[:50], first[50:100]):
        np.testing.assert_array_equal(np.sort(part), np.arange(50))
    assert (first != np.asarray(order(1))).mean() > 0.9
    np.testing.assert_array_equal(first, np.asarray(order(0)))


def test_the_program_needs_neither_tensorflow_nor_torch():
    # Where PyTorch is installed, tensorboardX imports it: here it cannot.
    code = (
        "import sys; sys.modules['torch'] = None; "
        "import jaxpose.main, jaxpose.run, jaxpose.training.loop; "
        "print({'tensorflow'} & set(sys.modules))"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert output.strip() == "set()"


@pytest.mark.parametrize(
    ("wanted", "steps"),
    [
        (
            188,
            (188, 94),
        ),  # VideoPose3D on HumanEva-I: one pass, not the 100 updates of one dispatch
        (90, (90, 90)),
        (100, (100, 100)),
        (101, (100, 100)),
        (24_371, (24_367, 59)),  # Human3.6M, mirrored, batch 128
    ],
)
def test_an_epoch_is_one_pass_but_for_a_few_updates(wanted, steps):
    config = small_config()
    config.batch_size, config.steps_per_epoch, config.steps_per_dispatch = 128, 0, 100
    schedule = setup.count_steps(config, 128 * wanted + 127)
    assert (schedule.steps_per_epoch, schedule.steps_per_dispatch) == steps
