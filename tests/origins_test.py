"""Where weights come from: what a run may begin with, and what its results say."""

import hashlib
import json
import pathlib
import re
import shutil

import jax
import numpy as np
import pytest

from configs import videopose3d
from jaxpose import convert
from jaxpose.beginning import beginning_of, load_initial
from jaxpose.errors import JaxposeError
from jaxpose.models import build_model
from jaxpose.run import Run
from jaxpose.torch_weights import layouts
from jaxpose.torch_weights import videopose3d as names
from jaxpose.training import origins, setup, workdirs
from jaxpose.weights import load_weights
from jaxpose.whole_files import write_json
from tests import torch_files
from tests.small_run import (
    SUBJECTS,
    in_memory,
    small_config,
    train_small,
    without_pictures,
)

pytestmark = pytest.mark.xdist_group("train")

# Steps too small to change anything: the error stays that of the first run.
STILL = {"num_epochs": 1, "steps_per_epoch": 4, "optimizer.learning_rate": 1e-9}


def evaluate(workdir):
    with in_memory(), without_pictures():
        return Run.open(workdir).evaluate()


def test_a_run_begins_with_the_best_weights_of_another(finished_run, tmp_path):
    config, first = small_config(), Run.open(finished_run[0])
    config.init_from = str(finished_run[0])
    fresh = setup.fresh_state(config, first.model, first.mesh)
    begun = origins.begin_with(load_initial(config), fresh)
    jax.tree.map(np.testing.assert_array_equal, begun.variables, first.variables)
    jax.tree.map(np.testing.assert_array_equal, begun.opt_state, fresh.opt_state)
    assert int(begun.step) == 0

    shutil.copytree(finished_run[0], tmp_path / "first")
    results = train_small(
        str(tmp_path / "second"), STILL | {"init_from": str(tmp_path / "first")}
    )
    assert results["mpjpe"] == pytest.approx(finished_run[1]["mpjpe"], rel=0.05)
    step = finished_run[1]["step"]
    expected = f"fine-tuned from first step {step}, trained on small/gt"
    assert results["protocol"]["weights"] == expected
    assert results["protocol"]["trained_on"] == "small/gt"
    # What is exported of it says so, too.
    Run.open(tmp_path / "second").export(tmp_path / "second.safetensors")
    description = load_weights(tmp_path / "second.safetensors").description
    assert origins.origin_of(description) == expected
    # They are read once: the run and its results do not need the first any more.
    shutil.rmtree(tmp_path / "first")
    again = train_small(
        str(tmp_path / "second"), STILL | {"init_from": str(tmp_path / "first")}
    )
    assert again["protocol"] == results["protocol"]
    assert "weights" not in finished_run[1]["protocol"]


def test_a_run_begins_with_a_file_of_weights(finished_run, tmp_path):
    first = Run.open(finished_run[0])
    first.export(tmp_path / "first.safetensors")
    config = small_config()
    config.init_from = str(tmp_path / "first.safetensors")
    weights = load_initial(config)
    begun = origins.begin_with(
        weights, setup.fresh_state(config, first.model, first.mesh)
    )
    jax.tree.map(np.testing.assert_array_equal, begun.variables, first.variables)
    assert re.fullmatch(
        r"first [0-9a-f]{8}, trained on small/gt", origins.summarise(weights)
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"model.joint_width": 8},
            r"other parameters \(\w+\..* there, .* here; .* more\); expected",
        ),
        (
            {"target_scale": 1000.0},
            r"target_scale=1\.0, this run has 1000\.0; set --con",
        ),
        (
            {"model.skeleton": "h36m_16"},
            r"model\.skeleton='h36m_17', this run has 'h36m_16",
        ),
        (
            {"dataset.validation_subjects": ("train_0",)},
            r"trained on train_0 of synthetic, who is in config\.dataset\.valida",
        ),
    ],
)
def test_weights_that_a_run_cannot_begin_with(finished_run, changes, message):
    config = small_config()
    config.init_from = str(finished_run[0])
    config.update_from_flattened_dict(changes)
    first = Run.open(finished_run[0])
    like = setup.checkpoint_shapes(config, build_model(config), first.mesh)
    with pytest.raises(JaxposeError, match=message):
        origins.check_initial(first.weights, config, like.variables)


def test_nobody_who_is_scored_was_trained_on_before(finished_run):
    weights = Run.open(finished_run[0]).weights
    config = small_config()
    config.init_from = "first"
    origins.require_strangers(weights, config)
    for field, subject, allowed in (
        ("test_subjects", "train_1", "test_0"),
        ("validation_subjects", "train_2", "train_3"),
    ):
        config = small_config()
        config.init_from, config.dataset.name = "first", "small/gt"
        weights.config.dataset.name = "small/other"
        config.dataset[field] = (allowed,)
        origins.require_strangers(weights, config)
        config.dataset[field] = (subject,)
        with pytest.raises(
            JaxposeError, match=rf"init_from=first: .* on {subject} of small.*{field}"
        ):
            origins.require_strangers(weights, config)
        # The people of another data set are others, whatever they are called.
        config.dataset.name = "large/gt"
        origins.require_strangers(weights, config)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none", None, r"none does not exist; expected the workdir of a run, or a"),
        ("file.pth", "x", r"convert a PyTorch checkpoint first: .*--torch=.*file\.pth"),
        (
            "w.safetensors",
            "x",
            r"w\.safetensors: this is a text file",
        ),
        ("empty/", None, r"empty holds no run"),
    ],
)
def test_no_weights_to_begin_with(tmp_path, name, content, message):
    path = tmp_path / name
    if name.endswith("/"):
        path.mkdir()
    elif content is not None:
        path.write_text(content)
    with pytest.raises(JaxposeError, match=message):
        train_small(str(tmp_path / "run"), {"init_from": str(path)})
    assert not (tmp_path / "run").exists()


def test_the_earlier_name_of_the_field_is_read(finished_run, tmp_path, caplog):
    directory = tmp_path / "run"
    shutil.copytree(finished_run[0], directory)
    config = json.loads((directory / "config.json").read_text())
    del config["init_from"]
    write_json(directory / "config.json", config | {"start_workdir": "runs/first"})
    assert Run.open(directory).trained.init_from == "runs/first"
    assert not caplog.records


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """A checkpoint of the reference, and the run that it was converted to."""
    folder = tmp_path_factory.mktemp("converted")
    config = small_config()
    video = videopose3d.get_config("quickstart")
    video.model.update({"channels": 4, "filter_widths": (3, 3)})
    video.dataset, video.eval_batch_size = config.dataset, 64
    model = build_model(video)
    variables = model.init(jax.random.key(0), *model.example_inputs(), train=False)
    state_dict = layouts.to_torch(names.entries(model), variables)
    file = torch_files.write_checkpoint(
        folder / "epoch_80.bin", {"model_pos": state_dict}
    )
    convert.convert_from_torch(video, file, folder / "run")
    return file, folder / "run"


def test_results_of_converted_weights_claim_nothing_of_their_training(
    converted, capsys
):
    file, directory = converted
    results = evaluate(directory)
    protocol = results["protocol"]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert protocol["weights"] == f"converted from epoch_80.bin (sha256 {digest[:16]})"
    unknown = {name for name, value in protocol.items() if value == "unknown"}
    assert unknown == {
        *("protocol", "trained_on", "train_subjects", "augment_flip", "checkpoint")
    }
    environment = json.loads((directory / "environment.json").read_text())
    assert environment["converted_from"] == {"file": "epoch_80.bin", "sha256": digest}
    # What is printed as written exists; there are no curves without a training.
    printed = capsys.readouterr().out
    assert f"results.json and prediction.gif are in {directory}" in printed
    assert not (directory / "learning_curves.png").exists()


def test_converted_weights_are_trained_further_in_a_new_workdir(converted, tmp_path):
    directory = converted[1]
    config = Run.open(directory).config
    message = r"converted from epoch_80\.bin .*new --workdir and --config\.init_from="
    with in_memory(), pytest.raises(JaxposeError, match=message):
        Run.create(config, directory).train()
    config.init_from = str(directory)
    config.update_from_flattened_dict(STILL | {"batch_size": 16})
    with in_memory(), without_pictures():
        results = Run.create(config, tmp_path / "run").train()
    assert results["protocol"]["weights"].startswith(
        "fine-tuned from run step 0, converted from epoch_80.bin (sha256 "
    )
    assert results["protocol"]["train_subjects"] == ["train_0", "train_1", "train_2"]


def test_weights_that_an_earlier_version_converted_are_named_without_a_digest():
    assert origins.origin_of({"converted_from": "a.bin"}) == "converted from a.bin"
    assert origins.origin_of({"data": {"dataset": "synthetic/gt"}}) is None


def test_a_refinement_says_where_its_first_stage_comes_from(
    finished_run, tmp_path, converted
):
    for directory, expected in (
        (finished_run[0], {}),
        (converted[1], {"lifting_model": "converted from epoch_80.bin"}),
    ):
        config = Run.open(directory).config
        config.refinement, config.lifting_workdir = True, str(directory)
        found = beginning_of(Run.create(config, tmp_path)).description
        assert found.keys() == expected.keys()
        for name, text in expected.items():
            assert found[name].startswith(text)
            assert origins.origin_of(found).startswith(f"behind a lifting model {text}")


def test_held_out_people_are_no_training_subjects_without_the_data_either(
    finished_run, tmp_path, monkeypatch, caplog
):
    """The training data is looked for in the folder that was asked for."""
    from jaxpose.data import splits
    from tests.small_run import small_clips

    directory = tmp_path / "run"
    shutil.copytree(finished_run[0], directory)
    folders = []

    def load(config):
        folders.append(config.dataset.data_dir)
        raise JaxposeError(f"nothing in {folders[-1]}")

    monkeypatch.setattr(splits, "load_splits", load)
    monkeypatch.setattr(splits, "load_clips_of", lambda dataset: small_clips())
    run = Run.open(directory, changes={"dataset.data_dir": "/elsewhere"})
    with without_pictures():
        protocol = run.evaluate()["protocol"]
    assert folders == ["/elsewhere", None]
    assert "not at hand: nothing in /elsewhere" in caplog.text
    assert protocol["train_subjects"] == list(SUBJECTS[:3])
    assert protocol["trained_on"] == protocol["dataset"] == "small/gt"
    assert protocol["checkpoint"] == "best on held-out train_3"
    assert pathlib.Path(directory, "results.json").exists()
    assert workdirs.holds_run(directory)
