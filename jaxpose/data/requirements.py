"""Checks that a model can read clips; imports no builder of a data set."""

import dataclasses
import pathlib
from typing import Any

import numpy as np

from jaxpose.body.joint_rules import has_rule
from jaxpose.data.clips import Clips
from jaxpose.errors import JaxposeError
from jaxpose.models.base import LiftingModel

# Units of positions; the second is that of data in image space.
METRE = "metre"
HALF_IMAGE_WIDTH = "half image width"

# Bounds of what is stored, far beyond any recording: keypoints in half image widths,
# positions in the unit of the clips.
LARGEST_KEYPOINT = 1e4
LARGEST_POSITION = 1e5


def require_readable(model: LiftingModel, clips: Clips) -> None:
    """Checks that clips have the joints of a model, and the cameras if it needs them.

    Raises:
      JaxposeError: names the field that differs, or the first clip without a camera.
    """
    # What the model wants, and what the data set holds.
    joints = {
        "skeleton": (model.skeleton, clips.skeleton),
        "keypoints_skeleton": (model.keypoints_skeleton, clips.keypoints_skeleton),
    }
    differing = {}
    for field, (wanted, found) in joints.items():
        if wanted != found:
            differing[field] = (wanted, found)
    if differing:
        problems = []
        for field, (wanted, found) in differing.items():
            problems.append(
                f"the model's {field} is {wanted!r}, the data set {clips.dataset!r} "
                f"holds {found!r}"
            )
        raise JaxposeError(f"{'; '.join(problems)}; {_way_out(differing, clips)}")
    if model.needs_camera:
        require_cameras(clips)


def _way_out(differing: dict[str, tuple[str, str]], clips: Clips) -> str:
    """Returns what to do about joints that differ.

    Args:
      differing: per field the joints of the model and those of the data.
      clips: the data.
    """
    if all(has_rule(found, wanted) for wanted, found in differing.values()):
        flags = []
        for field, (wanted, _) in differing.items():
            flags.append(f"--config.dataset.{field}={wanted}")
        return f"have the data converted: {' '.join(flags)}"
    if clips.skeleton == clips.keypoints_skeleton:
        return (
            "no rule leads from there to the model's; train a model of these joints in "
            f"a workdir of its own: --config.model.skeleton={clips.skeleton}"
        )
    return "no rule leads from there to the model's; choose data with its joints"


def require_sound(clips: Clips) -> None:
    """Checks the numbers of clips: one bad frame would spoil every mean over frames.

    Keypoints are finite; positions are finite, or NaN where they are absent. Both have
    bounds.

    Raises:
      JaxposeError: names the first bad frame and its clip.
    """
    arrays = {
        "keypoints_2d": (clips.keypoints_2d, LARGEST_KEYPOINT),
        "positions_3d": (clips.positions_3d, LARGEST_POSITION),
    }
    for name, (array, largest) in arrays.items():
        bad = np.abs(array) > largest
        if name == "keypoints_2d":
            bad |= np.isnan(array)
        frames = np.flatnonzero(bad.any(axis=(1, 2)))
        if not len(frames):
            continue
        first = int(frames[0])
        clip = clips.index[int(clips.clip_of_frame[first])]
        value = array[first][bad[first]][0]
        raise JaxposeError(
            f"data set {clips.dataset!r}: {name} hold {value:g} in clip {clip.subject} "
            f"{clip.take} {clip.camera}, frame {first - clip.start} (of {len(frames)} "
            f"such frames); expected finite numbers up to {largest:g}. Mend the source "
            "and prepare the data set again with --overwrite"
        )


def require_cameras(clips: Clips) -> None:
    """Raises JaxposeError unless all clips have cameras and absolute roots."""
    # The error names the first such clip, so that it can be looked up.
    lacking = []
    for clip in clips.index:
        if clip.intrinsics is None or not clip.has_absolute_root:
            lacking.append(clip)
    if lacking:
        first = lacking[0]
        raise JaxposeError(
            f"data set {clips.dataset!r}: {len(lacking)} of {len(clips.index)} clips "
            "have no camera or no absolute root (the first: "
            f"{first.subject} {first.take} {first.camera}); refinement needs both. "
            "Without them, use the lifting model: config.refinement=False, and a "
            "workdir of its own"
        )


def require_unit(unit: str, trained_on: str, clips: Clips) -> None:
    """Checks that a model predicts in the unit of the ground truth of clips.

    Args:
      unit: unit of the model's positions, as of `unit_of`.
      trained_on: name of the data set that the model was trained on.
      clips: clips with ground truth.

    Raises:
      JaxposeError: the units differ.
    """
    if unit != unit_of(clips):
        raise JaxposeError(
            f"the model was trained on {trained_on!r} in units of one {unit}, the data "
            f"set {clips.dataset!r} is in units of one {unit_of(clips)}; evaluate on "
            "data in the same unit"
        )


def require_liftable(
    model: LiftingModel, unit: str, trained_on: str, where: str | pathlib.Path
) -> None:
    """Raises JaxposeError if keypoints alone do not give poses in metres.

    Args:
      model: a model.
      unit: unit of its positions, as of `unit_of`.
      trained_on: name of the data set that it was trained on.
      where: name of the weights.
    """
    if model.needs_camera:
        raise JaxposeError(
            f"{where} holds a refined model, which needs the true depth of the root in "
            "every frame; lift with the run of its lifting model"
        )
    if unit != METRE:
        raise JaxposeError(
            f"{where} was trained on {trained_on!r}, in units of one {unit}, from "
            "which no metres follow; lift with a run that was trained in metres"
        )


def require_finite(positions_3d: np.ndarray, where: str | pathlib.Path) -> None:
    """Raises JaxposeError if a pose `[F, J, 3]` is not finite.

    Nobody must draw or save it. `where` is the name of the weights.
    """
    bad = ~np.isfinite(positions_3d).all(axis=(1, 2))
    if bad.any():
        raise JaxposeError(
            f"{where}: the model's poses are not finite in {bad.sum()} of {len(bad)} "
            "frames; its weights are damaged, or the training diverged"
        )


def require_scores(results: dict[str, Any], where: str | pathlib.Path) -> None:
    """Raises JaxposeError if a score of `results` is not finite: it is no result."""
    for name, value in results.items():
        if isinstance(value, dict):
            require_scores(value, where)
        elif isinstance(value, float) and not np.isfinite(value):
            raise JaxposeError(
                f"{where}: {name} is {value}; the poses or their truth are beyond what "
                "can be scored"
            )


def unit_of(clips: Clips) -> str:
    """Returns the unit of the positions of `clips`: `metre` or `half image width`."""
    return METRE if clips.metres_per_unit is None else HALF_IMAGE_WIDTH


def without_truth(clips: Clips) -> Clips:
    """Returns `clips` without ground truth: all positions are NaN."""
    return dataclasses.replace(
        clips,
        positions_3d=np.full_like(clips.positions_3d, np.nan),
        metres_per_unit=None,
        metric_positions_3d=None,
    )
