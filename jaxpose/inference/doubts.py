"""Doubts keypoints before a model lifts them, by the bodies that it learned from."""

import dataclasses

import numpy as np
from absl import logging

from jaxpose.body import cameras
from jaxpose.data.clips import Clips
from jaxpose.errors import JaxposeError
from jaxpose.recordings.joints import fill_in, to_model_joints
from jaxpose.recordings.plausibility import Doubt, check
from jaxpose.recordings.reference import Reference, default_reference
from jaxpose.wording import in_python, printable

UNKNOWN_FPS = 30.0  # of keypoints whose rate nobody states


def body_heights(clips: Clips) -> tuple[float, float] | None:
    """Returns the range of body heights in training clips, in half image widths.

    None stands for joints from which no body of Human3.6M's joints follows.
    """
    try:
        joints = to_model_joints(clips.keypoints_2d, clips.keypoints_skeleton)
    except JaxposeError:
        return None
    joints = joints[np.isfinite(joints).all(axis=(1, 2))]
    return Reference.of(joints).heights if len(joints) else None


class Doubter:
    """Warns of keypoints that cannot be a person's; of each kind once per recording."""

    def __init__(self, heights: tuple[float, float] | None):
        """Takes what the model has seen.

        The shape of a body is that of motion capture for all models: the motions that a
        model learned from are few, and others are no mistake of the user. The sizes are
        the model's own.

        Args:
          heights: `body_heights` of the model's training clips; None: not known.
        """
        self._reference = default_reference()
        if heights is not None:
            self._reference = dataclasses.replace(self._reference, heights=heights)
        self._said: set[tuple[str, str]] = set()

    def doubts(
        self,
        keypoints_2d: np.ndarray,
        skeleton: str,
        image_size: tuple[int, int],
        fps: float | None,
        seen: np.ndarray | None = None,
    ) -> list[Doubt]:
        """Returns what is odd about the keypoints of one person, the gravest first.

        Args:
          keypoints_2d: `[F, J2, 2]` screen-normalised, without a hole.
          skeleton: their joints. Where no body follows from them, nothing is doubted.
          image_size: (width, height) in pixels.
          fps: frames per second; None: not known.
          seen: `[F, J2]` bool, whether the joint was seen; None: all of them.
        """
        screen = np.asarray(keypoints_2d, np.float64)
        pixels = np.asarray(cameras.image_coordinates(screen, image_size))
        if seen is not None:
            pixels = np.where(seen[..., None], pixels, np.nan)
        try:
            joints = to_model_joints(pixels, skeleton)
            frames = np.arange(len(joints))
            filled, filled_seen = fill_in(joints, frames, estimate_missing=True)
        except JaxposeError:
            return []
        return check(
            filled,
            filled_seen,
            image_size,
            fps or UNKNOWN_FPS,
            reference=self._reference,
        )

    def warn(self, name: str, doubts: list[Doubt]) -> None:
        """Logs the doubts of a caller in Python, except those logged before."""
        for doubt in doubts:
            if (name, doubt.kind) not in self._said:
                self._said.add((name, doubt.kind))
                sentence = in_python(doubt.sentence)
                logging.warning("%s: %s", printable(name), sentence)
