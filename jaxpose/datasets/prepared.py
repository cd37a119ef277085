"""Reads prepared data sets into flat arrays."""

import pathlib
from typing import TYPE_CHECKING

import numpy as np

from jaxpose.body import cameras
from jaxpose.data.clips import Clip, Clips
from jaxpose.datasets import get_builder
from jaxpose.errors import JaxposeError, NotPreparedError

if TYPE_CHECKING:
    from jaxpose.datasets.base import ClipBuilder


def require_prepared(builder: "ClipBuilder") -> None:
    """Raises NotPreparedError, with the command to run, unless data is prepared."""
    if builder.is_prepared():
        return
    found = "does not exist"
    if pathlib.Path(builder.data_dir).exists():
        found = "is incomplete, or was written by another version of jaxpose"
    raise NotPreparedError(builder, found)


def load_clips(dataset: str, data_dir: str | pathlib.Path | None = None) -> Clips:
    """Returns all splits of a prepared data set, clips in the order they were written.

    Args:
      dataset: TFDS name, `name` or `name/config`.
      data_dir: TFDS data folder; None means TFDS's default.

    Raises:
      JaxposeError: the data set is unknown, not prepared, or its files are damaged.
    """
    builder = get_builder(dataset, data_dir=data_dir)
    require_prepared(builder)
    examples = _read(builder)

    # The frames of all clips become one array; each clip records its range in it.
    clips, start = [], 0
    for example in examples:
        clips.append(_clip(example, start))
        start += clips[-1].length

    def frames(name: str) -> np.ndarray:
        return np.concatenate([example[name] for example in examples])

    # Only data sets in image space have the first two, only detected ones the others.
    optional = {}
    for name in ("metres_per_unit", "metric_positions_3d", "seen", "frame_numbers"):
        if name in examples[0]:
            optional[name] = frames(name)

    # All clips of a data set have the same joints and the same source of 2D.
    first = examples[0]
    keypoints_2d = list(map(_screen_normalized, examples))
    return Clips(
        dataset=builder.full_name,
        skeleton=first["skeleton"].decode(),
        keypoints_skeleton=first["keypoints_skeleton"].decode(),
        keypoints_source=first["keypoints_source"].decode(),
        keypoints_2d=np.concatenate(keypoints_2d),
        positions_3d=frames("positions_3d"),
        valid=frames("valid"),
        index=tuple(clips),
        activity=frames("activity"),
        **optional,
    )


def _read(builder: "ClipBuilder") -> list[dict]:
    """Returns all examples of all splits.

    Raises:
      JaxposeError: a file is damaged.
    """
    examples = []
    try:
        for split in builder.as_data_source().values():
            examples.extend(split)
    except (RuntimeError, ValueError) as error:
        # array_record and TFDS raise these two on damaged files.
        raise JaxposeError(
            f"the files in {builder.data_dir} are damaged ({error}); "
            f"prepare {builder.full_name} again with --overwrite"
        ) from error
    return examples


def _screen_normalized(example: dict) -> np.ndarray:
    """Converts `keypoints_2d [F, J2, 2]` from pixels to half image widths."""
    # float64 until the end: one rounding to float32 instead of several.
    pixels = example["keypoints_2d"].astype(np.float64)
    width, height = example["image_size"].tolist()
    screen = cameras.normalize_screen_coordinates(pixels, (width, height))
    return np.asarray(screen, np.float32)


def _clip(example: dict, start: int) -> Clip:
    """Returns the clip whose first frame is number `start` of the data set."""
    width, height = example["image_size"].tolist()
    return Clip(
        subject=example["subject"].decode(),
        action=example["action"].decode(),
        take=example["take"].decode(),
        camera=example["camera"].decode(),
        start=start,
        length=len(example["valid"]),
        fps=float(example["fps"]),
        image_size=(width, height),
        has_absolute_root=bool(example["has_absolute_root"]),
        intrinsics=_camera_numbers(example, "intrinsics", "has_intrinsics"),
        distortion=_camera_numbers(example, "distortion", "has_intrinsics"),
        orientation=_camera_numbers(example, "orientation", "has_extrinsics"),
        translation=_camera_numbers(example, "translation", "has_extrinsics"),
    )


def _camera_numbers(example: dict, name: str, flag: str) -> tuple[float, ...] | None:
    """Returns numbers of the camera, or None where they are not published."""
    # A camera with intrinsics may still lack distortion, which is then NaN.
    if not example[flag] or not np.isfinite(example[name]).all():
        return None
    return tuple(example[name].tolist())
