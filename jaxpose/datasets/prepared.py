"""Prepared data sets as flat arrays."""

import pathlib

import numpy as np

from jaxpose.body import cameras
from jaxpose.data.clips import Clip, Clips
from jaxpose.datasets import get_builder
from jaxpose.datasets.base import ClipBuilder
from jaxpose.errors import JaxposeError


def require_prepared(builder: ClipBuilder) -> None:
    """Raises JaxposeError, with the commands that mend it, unless the data of `builder` is prepared."""
    if builder.is_prepared():
        return
    exists = pathlib.Path(builder.data_dir).exists()
    found = (
        "is incomplete, or was written by another version of jaxpose"
        if exists
        else "does not exist"
    )
    source = " --source=PATH" if builder.NEEDS_SOURCE else ""
    raise JaxposeError(
        f"data set {builder.full_name} is not prepared: {builder.data_dir} {found}.\n"
        "Prepare it with: "
        f"python -m jaxpose.prepare {builder.full_name}{source} --data_dir={builder.data_dir_root}\n"
        f"{builder.HOW_TO_GET}\n"
        "To train without any download: "
        "python -m jaxpose.main --config=configs/ampose.py:quickstart --workdir=runs/quickstart"
    )


def load_clips(dataset: str, data_dir: str | pathlib.Path | None = None) -> Clips:
    """All splits of a prepared data set, read once, clips in the order they were written.

    Args:
      dataset: TFDS name, `name` or `name/config`.
      data_dir: TFDS data folder; None means TFDS's default.

    Raises:
      JaxposeError: unknown data set, not prepared, or its files are damaged.
    """
    builder = get_builder(dataset, data_dir=data_dir)
    require_prepared(builder)
    examples = _read(builder)
    index, start = [], 0
    for example in examples:
        index.append(_clip(example, start))
        start += index[-1].length
    return Clips(
        dataset=builder.full_name,
        skeleton=examples[0]["skeleton"].decode(),
        keypoints_skeleton=examples[0]["keypoints_skeleton"].decode(),
        keypoints_source=examples[0]["keypoints_source"].decode(),
        keypoints_2d=np.concatenate(
            [_screen_normalized(example) for example in examples]
        ),
        positions_3d=np.concatenate([example["positions_3d"] for example in examples]),
        valid=np.concatenate([example["valid"] for example in examples]),
        index=tuple(index),
        activity=np.concatenate([example["activity"] for example in examples]),
        **{
            name: np.concatenate([example[name] for example in examples])
            for name in ("metres_per_unit", "metric_positions_3d")
            if name in examples[0]
        },
    )


def _read(builder: ClipBuilder) -> list[dict]:
    try:
        return [
            example for split in builder.as_data_source().values() for example in split
        ]
    except (
        RuntimeError,
        ValueError,
    ) as error:  # what array_record and TFDS raise on damaged files
        raise JaxposeError(
            f"the files in {builder.data_dir} are damaged ({error}); prepare {builder.full_name} again "
            "with --overwrite"
        ) from error


def _screen_normalized(example: dict) -> np.ndarray:
    pixels = example["keypoints_2d"].astype(np.float64)
    width, height = example["image_size"].tolist()
    return cameras.normalize_screen_coordinates(pixels, (width, height)).astype(
        np.float32
    )


def _clip(example: dict, start: int) -> Clip:
    def numbers(name: str, flag: str) -> tuple[float, ...] | None:
        present = example[flag] and np.isfinite(example[name]).all()
        return tuple(example[name].tolist()) if present else None

    return Clip(
        subject=example["subject"].decode(),
        action=example["action"].decode(),
        take=example["take"].decode(),
        camera=example["camera"].decode(),
        start=start,
        length=len(example["valid"]),
        fps=float(example["fps"]),
        image_size=tuple(example["image_size"].tolist()),
        has_absolute_root=bool(example["has_absolute_root"]),
        intrinsics=numbers("intrinsics", "has_intrinsics"),
        distortion=numbers("distortion", "has_intrinsics"),
        orientation=numbers("orientation", "has_extrinsics"),
        translation=numbers("translation", "has_extrinsics"),
    )
