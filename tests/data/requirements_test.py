"""What clips must hold: numbers that are finite and within bounds."""

import dataclasses
import re

import numpy as np
import pytest

from jaxpose.data import requirements, splits
from jaxpose.errors import JaxposeError
from jaxpose.models import build_model
from jaxpose.run import Run
from tests.small_run import in_memory, small_clips, small_config


def changed(name, value, frame=130):
    """Clips with one number changed: in frame 10 of the second subject's first take."""
    clips = small_clips()
    with np.errstate(over="ignore"):
        array = getattr(clips, name).copy()
        array[frame, 3, 1] = np.float64(value).astype(np.float32)
    return dataclasses.replace(clips, **{name: array})


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("keypoints_2d", np.nan, "nan"),
        ("keypoints_2d", 1e39, "inf"),
        ("keypoints_2d", -20_000, "-20000"),
        ("positions_3d", -1e39, "-inf"),
        ("positions_3d", 2e6, "2e+06"),
    ],
)
def test_one_bad_number_is_named_before_anything_is_trained_or_scored(
    tmp_path, finished_run, name, value, shown
):
    message = rf"{name} hold {re.escape(shown)} in clip train_1 Walk 1 front, frame 10 "
    with in_memory(changed(name, value)):
        with pytest.raises(JaxposeError, match=message):
            Run.create(small_config(), tmp_path).train()
        with pytest.raises(JaxposeError, match=message):
            Run.open(finished_run[0]).evaluate()
    assert not list(tmp_path.iterdir())


def test_absent_positions_are_no_fault():
    with in_memory(changed("positions_3d", np.nan)):
        clips = splits.load_clips_of(small_config().dataset)
    assert np.isnan(clips.positions_3d).sum() == 1


def test_a_score_that_is_not_finite_is_no_result():
    requirements.require_scores({"mpjpe": 50.0, "frames": 3, "mpjve": None}, "run")
    with pytest.raises(JaxposeError, match="run: mpjpe is nan"):
        requirements.require_scores({"published": {"mpjpe": float("nan")}}, "run")


def test_other_joints_come_with_advice_that_works(finished_run, tmp_path):
    few, many = small_clips("h36m_16"), small_clips("h36m_17")
    config = small_config()
    advice = r"no rule leads .*own: --config\.model\.skeleton=h36m_16$"
    with in_memory(few), pytest.raises(JaxposeError, match=advice):
        Run.create(config, tmp_path).train()
    # A trained model's joints nobody can change: another one is trained.
    with in_memory(few), pytest.raises(JaxposeError, match=advice):
        Run.open(finished_run[0]).evaluate()
    config.model.skeleton = "h36m_16"
    requirements.require_readable(build_model(config), few)

    advice = (
        r"skeleton is 'h36m_16', .* holds 'h36m_17'; the model's keypoints_skeleton .*"
        r"converted: (--config\.\S+=h36m_16) (--config\.\S+=h36m_16)$"
    )
    with pytest.raises(JaxposeError, match=advice) as error:
        requirements.require_readable(build_model(config), many)
    for flag in re.search(advice, str(error.value)).groups():
        name, _, value = flag.removeprefix("--config.").partition("=")
        config.update_from_flattened_dict({name: value})
    with in_memory(many):
        converted = splits.load_clips_of(config.dataset)
    requirements.require_readable(build_model(config), converted)
