"""Joints that were not seen: marks of many kinds, and thresholds of confidence."""

import numpy as np
import pytest

from jaxpose.recordings.seen import hide_unseen
from tests.recordings.walker import person

COCO = person("coco_17", 20)


def with_column(values) -> np.ndarray:
    """Returns the walk with a third number per joint."""
    column = np.broadcast_to(np.asarray(values, float), COCO.shape[:2])
    return np.concatenate([COCO, column[..., None]], axis=-1)


def hidden(keypoints, **arguments) -> list[int]:
    """Returns the joints that are hidden in all frames; the others are in none."""
    xy, confidence, _ = hide_unseen(keypoints, **arguments)
    is_hidden = np.isnan(xy).all(axis=(0, 2))
    np.testing.assert_array_equal(np.isnan(xy[:, ~is_hidden]), False)
    np.testing.assert_array_equal(confidence == 0, np.isnan(xy[..., 0]))
    return np.flatnonzero(is_hidden).tolist()


@pytest.mark.parametrize("mark", [
    (np.nan, np.nan), (np.nan, 5.0), (0.0, 0.0), (-1.0, -1.0), (-100.0, -100.0),
    (1e308, 5.0), (5.0, -np.inf), (1e8, 1e8),
])  # fmt: skip
def test_places_that_stand_for_not_found(mark):
    keypoints = COCO.copy()
    keypoints[:, [3, 9]] = mark
    assert hidden(keypoints) == [3, 9]
    assert hidden(COCO) == []


def test_the_same_place_scaled_and_shifted():
    # Zeros that were moved like everything else, by a crop: (0, 0) is now (70, 12).
    keypoints = COCO.copy()
    keypoints[:, [3, 9]] = [70.0, 12.0]
    assert hidden(keypoints) == [3, 9]


def test_joints_of_a_small_person_may_share_a_pixel():
    # A body of 20 pixels, which stands still: eyes, ears and nose are one pixel.
    small = np.tile(np.round(COCO[:1] / 40), (20, 1, 1)) + 100
    face = small[0, :5]
    assert len(np.unique(face, axis=0)) < 5
    assert hidden(small) == []


def test_a_low_confidence_hides():
    scores = np.full(17, 0.8)
    scores[[2, 11]] = 0.1, 0.29
    assert hidden(with_column(scores)) == [2, 11]
    assert hidden(with_column(scores), min_confidence=0.2) == [2]
    _, confidence, remarks = hide_unseen(with_column(scores))
    assert confidence[0, 0] == 0.8
    assert remarks == ()


def test_a_detector_of_low_scores_has_a_lower_threshold():
    scores = np.full(17, 0.2)
    scores[4] = 0.01
    assert hidden(with_column(scores)) == [4]
    _, _, (remark,) = hide_unseen(with_column(scores))
    assert remark.startswith("nine of ten confidences are below 0.20: ")
    assert "joints below 0.06 instead of 0.3 are hidden" in remark
    # A threshold that somebody asks for is that threshold.
    assert hidden(with_column(scores), min_confidence=0.05) == [4]
    assert len(hidden(with_column(scores), min_confidence=0.25)) == 17


@pytest.mark.parametrize("column, says, confidence", [
    (np.linspace(-0.4, 0.4, 17), "a depth or the like, and no confidence", 1.0),
    (np.linspace(2900.0, 3100.0, 17), "a depth or the like, and no conf", 1.0),
    (np.full(17, 80.0), "between 80 and 80: it is taken for percent", 0.8),
    (np.full(17, 1.2), "between 1.2 and 1.2: scores above 1 count as 1", 1.0),
    (np.full(17, 2.0), "is 0, 1 or 2: it is taken for COCO's flag", 1.0),
    (np.zeros(17), "the third number of all joints is 0, although", 1.0),
])  # fmt: skip
def test_a_third_number_that_is_no_confidence_is_said(column, says, confidence):
    xy, found, (remark,) = hide_unseen(with_column(column))
    assert says in remark
    assert np.isfinite(xy).all()
    np.testing.assert_allclose(found, confidence)


def test_flags_and_percent_hide_joints():
    flags = np.full(17, 2.0)
    flags[[5, 6]] = 0.0, 1.0  # not labelled, and labelled though hidden
    assert hidden(with_column(flags)) == [5]
    percent = np.full(17, 90.0)
    percent[7] = 12.0
    assert hidden(with_column(percent)) == [7]


def test_a_few_negative_scores_and_minus_one_are_those_of_hidden_joints():
    scores = np.full((20, 17), 0.9)
    scores[:, 3] = np.linspace(-0.02, -0.01, 20)
    scores[:4, 4] = np.nan
    xy, _, remarks = hide_unseen(with_column(scores))
    assert np.isnan(xy[..., 0]).sum(axis=0)[3:6].tolist() == [20, 4, 0]
    assert remarks == ()
    half = np.where(np.arange(17) < 8, 0.9, -1.0)
    assert hidden(with_column(half)) == list(range(8, 17))


def test_nobody():
    xy, confidence, remarks = hide_unseen(np.zeros((0, 17, 3)))
    assert (xy.shape, confidence.shape, remarks) == ((0, 17, 2), (0, 17), ())
    xy, _, _ = hide_unseen(np.zeros((5, 17, 3)))
    assert np.isnan(xy).all()


def test_poses_without_extent_are_not_seen():
    keypoints = COCO.copy()
    keypoints[[4, 11]] = keypoints[[4, 11], :1]  # all joints at the nose
    xy, confidence, remarks = hide_unseen(keypoints)
    assert np.flatnonzero(np.isnan(xy).all(axis=(1, 2))).tolist() == [4, 11]
    assert (confidence[[4, 11]] == 0).all()
    np.testing.assert_array_equal(xy[:4], COCO[:4])
    assert remarks == (
        "2 of 20 poses have all joints at one place: they count as not seen",
    )
    # A face alone is small, and seen.
    keypoints = COCO.copy()
    keypoints[7, 5:] = np.nan
    xy, _, remarks = hide_unseen(keypoints)
    assert np.isfinite(xy[7, :5]).all()
    assert remarks == ()
