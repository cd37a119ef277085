"""Checks of a model's fields and input that several models share; each names the field.

The keyword arguments of a check are fields of the model and their values.
"""

from collections.abc import Iterable
from typing import NoReturn

import jax

from jaxpose.body.skeletons import get_skeleton
from jaxpose.errors import JaxposeError
from jaxpose.models.base import LiftingModel
from jaxpose.wording import shown


def fail(model: LiftingModel, problem: str) -> NoReturn:
    """Raises JaxposeError with the model's class and `problem`."""
    raise JaxposeError(f"{type(model).__name__}: {problem}")


# Sizes beyond these would hang or fill the memory, and no paper comes near them.
_MOST_LAYERS = 256
_MOST_CHANNELS = 65_536


def check_sizes(model: LiftingModel, **sizes: int) -> None:
    """Raises JaxposeError unless every size is a whole number from 1 to 65,536."""
    for field, size in sizes.items():
        if type(size) is not int or size < 1:
            shown_size = shown(size)
            fail(model, f"{field}={shown_size} must be a whole number of at least 1")
        if size > _MOST_CHANNELS:
            fail(
                model,
                f"{field}={size} needs {4 * size * size / 1e9:,.0f} GB for one square "
                f"matrix of that size; it must be at most {_MOST_CHANNELS:,}",
            )


def check_layers(model: LiftingModel, least: int = 1, **layers: int) -> None:
    """Raises JaxposeError unless every number of layers is from `least` to 256."""
    for field, count in layers.items():
        if type(count) is not int or count < least:
            shown_count = shown(count)
            fail(
                model,
                f"{field}={shown_count} must be a whole number of at least {least}",
            )
        if count > _MOST_LAYERS:
            fail(
                model,
                f"{field}={count} takes {count / 3600:,.1f} hours or more to compile, "
                f"a second per layer; it must be at most {_MOST_LAYERS}",
            )


def check_ratio(model: LiftingModel, **ratios: float) -> None:
    """Raises JaxposeError unless every ratio of widths is above 0 and at most 64."""
    for field, ratio in ratios.items():
        if not 0 < ratio <= 64:
            fail(model, f"{field}={ratio!r} must be above 0 and at most 64")


def check_rates(model: LiftingModel, **rates: float) -> None:
    """Raises JaxposeError unless every rate is at least 0 and below 1."""
    for field, rate in rates.items():
        if not 0 <= rate < 1:
            fail(model, f"{field}={rate!r} must be at least 0 and below 1")


def check_choices(model: LiftingModel, choices: Iterable[str], **fields: str) -> None:
    """Raises JaxposeError unless every field is one of `choices`."""
    for field, value in fields.items():
        if value not in choices:
            fail(model, f"unknown {field}={value!r}; known: {', '.join(choices)}")


def check_centre(model: LiftingModel, num_frames: int) -> None:
    """Raises JaxposeError unless a window of `num_frames` has a centre frame."""
    check_sizes(model, num_frames=num_frames)
    if num_frames % 2 == 0:
        fail(
            model,
            f"num_frames={num_frames} has no centre frame; use an odd number, such as "
            "9, 27 or 81",
        )


def check_divides(model: LiftingModel, **fields: int) -> None:
    """Raises JaxposeError unless the first of two fields divides the second."""
    # The error lists what would fit.
    (part, divisor), (whole, size) = fields.items()
    if divisor < 1 or size % divisor:
        divisors = [str(n) for n in range(1, size + 1) if size % n == 0]
        fail(
            model,
            f"{part}={divisor} does not divide {whole}={size}; these do: "
            f"{', '.join(divisors)}",
        )


def check_filter_widths(model: LiftingModel, filter_widths: tuple[int, ...]) -> None:
    """Raises JaxposeError unless the widths are one or more odd positive numbers."""
    # An even kernel has no middle frame to align its output with.
    is_odd = [type(width) is int and width % 2 == 1 for width in filter_widths]
    if not is_odd or not all(is_odd) or min(filter_widths) < 1:
        fail(
            model,
            f"filter_widths={shown(tuple(filter_widths))} must be one or more odd "
            "numbers, such as (3, 3, 3)",
        )
    check_layers(model, **{"the number of filter_widths": len(filter_widths)})


def check_bones(model: LiftingModel) -> None:
    """Raises JaxposeError unless the skeleton has bones to make a graph of."""
    if not get_skeleton(model.skeleton).bones:
        fail(
            model,
            f"skeleton {model.skeleton!r} is a 2D keypoint layout: it has no bones to "
            "make a graph of",
        )


def check_keypoints(
    model: LiftingModel,
    keypoints_2d: jax.Array,
    num_frames: int | None = None,
) -> None:
    """Raises JaxposeError unless the input is `[B, T, J2, C]` as the model declares.

    `T` must be `num_frames`; None for any number.
    """
    # Batch and, unless the model fixes it, the number of frames are free.
    joints = get_skeleton(model.keypoints_skeleton).num_joints
    wanted = (joints, model.keypoint_features)
    shape = keypoints_2d.shape
    frames_fit = len(shape) == 4 and num_frames in (None, shape[1])
    if not frames_fit or shape[2:] != wanted:
        frames = "frames" if num_frames is None else num_frames
        fail(
            model,
            f"keypoints_2d must be [batch, {frames}, {wanted[0]}, {wanted[1]}] (joints "
            f"of skeleton {model.keypoints_skeleton!r}, keypoint_features="
            f"{wanted[1]}), got {list(shape)}",
        )
