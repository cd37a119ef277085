"""Keypoints that cannot be a person's, or not of a size that the model has seen."""

import dataclasses

import numpy as np
import pytest
from absl import logging as absl_logging

from jaxpose.body import cameras
from jaxpose.data.clips import Clip, Clips
from jaxpose.inference.doubts import Doubter, body_heights
from tests.fabricate_custom import IMAGE_SIZE, recording


@pytest.fixture(scope="module")
def clips():
    """Two clips of a person who moves, `[40, 17]` each."""
    pixels, positions_3d = recording("h36m_17", 40)
    width, height = IMAGE_SIZE
    keypoints_2d = (2 * pixels - [width, height]) / width
    index = [
        Clip("ann", "turn", f"turn {k}", "0", 40 * k, 40, 30.0, IMAGE_SIZE, True)
        for k in range(2)
    ]
    return Clips(
        dataset="made_up/gt",
        skeleton="h36m_17",
        keypoints_skeleton="h36m_17",
        keypoints_source="gt",
        keypoints_2d=np.concatenate([keypoints_2d, keypoints_2d]).astype(np.float32),
        positions_3d=np.concatenate([positions_3d, positions_3d]),
        valid=np.ones(80, bool),
        index=tuple(index),
    )


def doubts_of(doubter: Doubter, clips: Clips) -> list[str]:
    """Returns what is said about the first clip."""
    keypoints_2d = clips.keypoints_2d[: clips.index[0].length]
    found = doubter.doubts(keypoints_2d, "h36m_17", IMAGE_SIZE, 30.0)
    return [doubt.sentence for doubt in found]


def test_bodies_of_training_sizes_are_not_doubted(clips):
    heights = body_heights(clips)
    assert 0 < heights[0] < heights[1] < 2
    assert doubts_of(Doubter(heights), clips) == []
    assert doubts_of(Doubter(None), clips) == []


def test_bodies_larger_than_the_model_ever_saw_are(clips):
    larger = dataclasses.replace(clips, keypoints_2d=clips.keypoints_2d * 3)
    (sentence,) = doubts_of(Doubter(body_heights(clips)), larger)
    assert "they are larger" in sentence
    # A model that was trained on such bodies knows them.
    assert doubts_of(Doubter(body_heights(larger)), larger) == []


def test_a_warning_is_logged_once_per_recording(clips, monkeypatch):
    warnings = []
    monkeypatch.setattr(
        absl_logging, "warning", lambda text, *values: warnings.append(text % values)
    )
    doubter = Doubter(body_heights(clips))
    found = doubter.doubts(clips.keypoints_2d * 3, "h36m_17", IMAGE_SIZE, 30.0)
    for name in ("ann", "ben", "ann"):
        doubter.warn(name, found)
    assert [warning.partition(":")[0] for warning in warnings] == ["ann", "ben"]


def test_keypoints_that_were_not_seen_count_for_nothing(clips):
    keypoints_2d = clips.keypoints_2d[:40].copy()
    seen = np.ones((40, 17), bool)
    seen[:, 13] = False
    keypoints_2d[:, 13] = 100.0
    doubter = Doubter(body_heights(clips))
    assert doubter.doubts(keypoints_2d, "h36m_17", IMAGE_SIZE, 50.0, seen) == []
    assert doubter.doubts(keypoints_2d, "h36m_17", IMAGE_SIZE, 50.0)


def test_mistakes_of_a_caller_are_named(clips):
    pixels = cameras.image_coordinates(clips.keypoints_2d[:40], IMAGE_SIZE)
    sentences = []
    for wrong in (pixels / IMAGE_SIZE, pixels * [1, -1] + [0, 720]):
        normalised = cameras.normalize_screen_coordinates(wrong, IMAGE_SIZE)
        found = Doubter(None).doubts(normalised, "h36m_17", IMAGE_SIZE, None)
        sentences.append(found[0].sentence)
    assert "normalised" in sentences[0]
    assert "heads are below hips" in sentences[1]
