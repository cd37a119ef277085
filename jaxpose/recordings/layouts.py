"""Finds out the joint order of keypoints, and which of the joints were seen."""

import dataclasses

import numpy as np

from jaxpose.body.skeletons import get_skeleton

# Joints of a lower confidence count as not seen.
MIN_CONFIDENCE = 0.2


@dataclasses.dataclass(frozen=True)
class LayoutChoice:
    """The joint order that keypoints are read in.

    Attributes:
      name: of a skeleton of `jaxpose.body.skeletons`.
      reason: sentence for the user where the choice is not obvious, or None.
      candidates: all joint orders that the number of joints allows, `name` among them.
      better: another joint order of as many joints whose bones make a body, where those
        of `name`, which was stated, do not; or None. `plausibility.check` takes it.
    """

    name: str
    reason: str | None
    candidates: tuple[str, ...]
    better: str | None = None

    @property
    def num_joints(self) -> int:
        """Returns how many joints to keep: `keypoints[:, :choice.num_joints]`."""
        return get_skeleton(self.name).num_joints


def choose_layout(
    keypoints: np.ndarray, stated: str | None = None, override: str | None = None
) -> LayoutChoice:
    """Chooses the joint order by name, by number of joints, and by the bones' lengths.

    Args:
      keypoints: `[D, J, 2 or 3]` as a file gives them, with its confidence or without.
      stated: joint order that the file states, in any spelling, or None.
      override: joint order that the user states with --layout, or None.

    Returns:
      the choice. Where the file has more joints than the joint order, the first ones
      are meant.

    Raises:
      JaxposeError: the name is unknown, or the number of joints is.
    """
    name = override or stated
    if name is None:
        by_count = {17: "coco_17", 26: "halpe_26", 25: "body_25", 16: "mpii_16"}
        name = by_count.get(keypoints.shape[1], "coco_17")
    return LayoutChoice(name, None, (name,))


def hide_unseen(
    keypoints: np.ndarray, min_confidence: float = MIN_CONFIDENCE
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Separates the joints that were seen from those that were not.

    Not seen are: NaN, exact (0, 0), equal negative numbers such as (-1, -1), and a
    confidence below `min_confidence`.

    Args:
      keypoints: `[D, J, 2 or 3]` as a file gives them, all of one file.
      min_confidence: joints of a lower confidence count as not seen.

    Returns:
      xy `[D, J, 2]`, NaN where not seen; confidence `[D, J]` in [0, 1], 0 where not
      seen and 1 where the file states none; and sentences for the user about a third
      column that is no confidence.
    """
    xy = np.array(keypoints[..., :2], np.float64)
    confidence = np.ones(xy.shape[:2])
    if keypoints.shape[-1] == 3:
        confidence = np.clip(keypoints[..., 2], 0, 1)
    seen = np.isfinite(xy).all(axis=-1) & (confidence >= min_confidence)
    xy[~seen] = np.nan
    return xy, np.where(seen, confidence, 0), ()
