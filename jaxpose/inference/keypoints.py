"""Converts keypoints of a detector, in pixels, to the input of a model."""

from typing import Any

import numpy as np

from jaxpose.body import cameras, detector_rules, joint_rules
from jaxpose.body.skeletons import get_skeleton
from jaxpose.data.requirements import LARGEST_KEYPOINT
from jaxpose.errors import JaxposeError
from jaxpose.models.base import LiftingModel
from jaxpose.real_arrays import as_floats


def normalise_keypoints(
    keypoints_2d: Any,
    image_size: tuple[int, int],
    model: LiftingModel,
    layout: str | None = None,
) -> np.ndarray:
    """Converts keypoints in pixels to the joints and the unit that `model` reads.

    Args:
      keypoints_2d: `[F, J2, 2 or 3]`, an array or nested lists: x and y in pixels, and
        a confidence, which is dropped where the model reads none.
      image_size: width and height of the image, pixels.
      model: the lifting model.
      layout: name of the joint order of `keypoints_2d`; None: that of the model.

    Returns:
      `[F, J2, C]` float32, x in [-1, 1] over the width, y by the same factor.

    Raises:
      JaxposeError: another shape, a keypoint that is not finite, an image without an
        area, or a layout without a rule to the model's.
    """
    layout = layout or model.keypoints_skeleton
    joints = get_skeleton(layout).num_joints
    features = model.keypoint_features
    # Computes in float64, as for data sets, and rounds once at the end.
    keypoints = as_floats("keypoints_2d", keypoints_2d)
    # A confidence may be given, even where the model reads none.
    shape = keypoints.shape
    fits = len(shape) == 3 and shape[0] > 0 and shape[1] == joints
    if not fits or shape[2] not in {features, 3}:
        raise JaxposeError(
            f"keypoints_2d is {list(shape)}, expected [frames, {joints}, {features}], "
            f"pixels of the joints of {layout!r}; name another joint order with layout="
        )
    size = as_floats("image_size", image_size)
    if size.shape != (2,) or not (np.isfinite(size) & (size > 0)).all():
        raise JaxposeError(
            f"image_size={image_size!r} must be (width, height) in pixels, two numbers "
            "above 0"
        )
    keypoints = keypoints[..., :features]
    if not np.isfinite(keypoints).all():
        frame, joint, _ = np.argwhere(~np.isfinite(keypoints))[0]
        raise JaxposeError(
            f"keypoints_2d[{frame}, {joint}] is not finite; fill in keypoints that "
            "were not detected"
        )
    if layout != model.keypoints_skeleton:
        keypoints = _convert(keypoints, layout, model.keypoints_skeleton)
    # The confidence, where there is one, has no unit.
    pixels, rest = keypoints[..., :2], keypoints[..., 2:]
    normalised = np.asarray(cameras.normalize_screen_coordinates(pixels, image_size))
    # Beyond these bounds the numbers would be infinite in float32, or as good as that.
    if (bad := ~(np.abs(normalised) <= LARGEST_KEYPOINT)).any():
        frame, joint, axis = np.argwhere(bad)[0]
        raise JaxposeError(
            f"keypoints_2d[{frame}, {joint}] is {pixels[frame, joint, axis]:g} pixels, "
            f"expected at most {LARGEST_KEYPOINT:g} half image widths from the centre"
        )
    return np.concatenate([normalised, rest], axis=-1).astype(np.float32)


def _convert(keypoints: np.ndarray, layout: str, skeleton: str) -> np.ndarray:
    """Converts keypoints `[F, J, 2 or 3]` of `layout` to the joints of `skeleton`.

    Models that read a confidence see joints as in training: those of confidence 0 are
    not used where others will do (`detector_rules.convert_seen`).
    """
    has_rules = skeleton in detector_rules.DETECTOR_RULES and bool(
        detector_rules.usable_rules(layout, skeleton)
    )
    if keypoints.shape[-1] == 3 and has_rules:
        return np.asarray(detector_rules.convert_seen(keypoints, layout, skeleton))
    return np.asarray(joint_rules.convert_joints(keypoints, layout, skeleton))
