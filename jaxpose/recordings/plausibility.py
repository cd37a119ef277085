"""Doubts 2D keypoints that cannot be a person's in the image they are said to be in."""

import dataclasses
from typing import Literal, Self

import numpy as np


@dataclasses.dataclass(frozen=True)
class Doubt:
    """Something about a recording that is probably a mistake.

    Attributes:
      kind: short name, such as "normalised" or "layout", for programs.
      severity: "refuse" where poses would be worthless, "warn" where they would be bad.
      sentence: what is odd, the likely mistake, and the flag that mends it.
    """

    kind: str
    severity: Literal["refuse", "warn"]
    sentence: str


@dataclasses.dataclass(frozen=True)
class Reference:
    """Statistics of the 2D that a model learned from.

    Attributes:
      mean: `[34]` mean of the root-centred, size-normalised poses, flattened.
      covariance: `[34, 34]` of the same.
      heights: (lowest, highest) size of a body, in half image widths.
    """

    mean: np.ndarray
    covariance: np.ndarray
    heights: tuple[float, float]

    @classmethod
    def of(cls, keypoints_2d: np.ndarray) -> Self:
        """Returns the statistics of a training set.

        Args:
          keypoints_2d: `[N, 17, 2]` screen-normalised, joints of `h36m_17`.
        """
        poses = keypoints_2d.reshape(len(keypoints_2d), -1)
        return cls(poses.mean(axis=0), np.cov(poses.T), (0.0, 2.0))


def check(
    keypoints_2d: np.ndarray,
    seen: np.ndarray,
    image_size: tuple[int, int],
    fps: float,
    *,
    positions_3d: np.ndarray | None = None,
    intrinsics: tuple[float, float, float, float] | None = None,
    layout: str | None = None,
    better_layout: str | None = None,
    reference: Reference | None = None,
) -> list[Doubt]:
    """Doubts a recording whose numbers cannot be a person's.

    Args:
      keypoints_2d: `[F, 17, 2]` pixels, joints of `h36m_17`, filled in.
      seen: `[F, 17]` bool, whether the joint was seen.
      image_size: (width, height) in pixels.
      fps: frames per second.
      positions_3d: `[F, 17, 3]` the user's own 3D, metres, camera frame, or None.
      intrinsics: (fx, fy, cx, cy) in pixels, or None.
      layout: joint order that the keypoints were converted from, for the sentence.
      better_layout: `LayoutChoice.better`.
      reference: statistics of the model's training set; None for those of motion
        capture that come with jaxpose.

    Returns:
      the doubts, the gravest first; empty for a good recording.
    """
    return []
