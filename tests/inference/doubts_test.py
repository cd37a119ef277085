"""Keypoints that cannot be a person's, or not of a size that the model has seen."""

import dataclasses

import numpy as np
import pytest
from absl import logging as absl_logging

from jaxpose.body import cameras
from jaxpose.data.clips import Clip, Clips
from jaxpose.inference.doubts import Doubter, body_heights
from tests.fabricate_custom import IMAGE_SIZE, recording


@pytest.fixture
def said(monkeypatch):
    """Collects the warnings."""
    warnings = []
    monkeypatch.setattr(
        absl_logging, "warning", lambda text, *values: warnings.append(text % values)
    )
    return warnings


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


def test_bodies_of_training_sizes_are_not_doubted(clips, said):
    heights = body_heights(clips)
    assert 0 < heights[0] < heights[1] < 2
    Doubter(heights).warn_of_clips(clips)
    Doubter(None).warn_of_clips(clips)
    assert said == []


def test_bodies_larger_than_the_model_ever_saw_are(clips, said):
    larger = dataclasses.replace(clips, keypoints_2d=clips.keypoints_2d * 3)
    doubter = Doubter(body_heights(clips))
    doubter.warn_of_clips(larger)
    assert len(said) == len(clips.index)
    assert all("larger" in warning for warning in said)
    first = clips.index[0]
    assert said[0].startswith(f"{first.subject} {first.take} {first.camera}: ")
    doubter.warn_of_clips(larger)  # each is said once
    assert len(said) == len(clips.index)
    # A model that was trained on such bodies knows them.
    said.clear()
    Doubter(body_heights(larger)).warn_of_clips(larger)
    assert said == []


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
