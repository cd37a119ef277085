"""The data of a run: read once, split by subject, checked against the model."""

import dataclasses

import ml_collections

from jaxpose.data.clips import (
    Clips,
    convert_skeletons,
    downsample,
    select_actions,
    select_subjects,
)
from jaxpose.datasets import get_builder
from jaxpose.datasets.prepared import load_clips
from jaxpose.errors import JaxposeError
from jaxpose.models.base import LiftingModel
from jaxpose.parallel import hosts
from jaxpose.prepare import ensure_prepared
from jaxpose.scoring import evaluate


@dataclasses.dataclass(frozen=True)
class Splits:
    """The clips of a run. `validation` is empty where nothing is held out."""

    train: Clips
    validation: Clips
    test: Clips


def load_clips_of(dataset: ml_collections.ConfigDict) -> Clips:
    """The clips of `config.dataset`: its actions, at its frame stride, in its joints.

    Prepared first where that needs no files.

    Raises:
      JaxposeError: not prepared, an unknown action, or joints that no conversion leads to.
    """
    data_dir = dataset.data_dir or None
    # Hosts may share the folder or not: the first writes, those with a folder of their own follow.
    hosts.in_turn(
        f"prepare {dataset.name}", lambda: ensure_prepared(dataset.name, data_dir)
    )
    clips = load_clips(dataset.name, data_dir)
    if dataset.actions:
        clips = select_actions(clips, dataset.actions)
    clips = downsample(clips, dataset.frame_stride)
    return convert_skeletons(clips, dataset.skeleton, dataset.keypoints_skeleton)


def load_splits(config: ml_collections.ConfigDict) -> Splits:
    """Reads the prepared data set once and splits it by subject.

    Raises:
      JaxposeError: not prepared, or a subject is unknown, on both sides, or without scored frames.
    """
    dataset = config.dataset
    clips = load_clips_of(dataset)
    held_out = set(dataset.validation_subjects)
    if missing := held_out - set(dataset.train_subjects):
        raise JaxposeError(
            f"config.dataset.validation_subjects {sorted(missing)} are not among train_subjects"
        )
    if both := set(dataset.train_subjects) & set(dataset.test_subjects):
        raise JaxposeError(
            f"config.dataset: subjects {sorted(both)} are in train_subjects and in test_subjects"
        )
    splits = Splits(
        train=select_subjects(
            clips, [s for s in dataset.train_subjects if s not in held_out]
        ),
        validation=select_subjects(clips, dataset.validation_subjects),
        test=select_subjects(clips, dataset.test_subjects),
    )
    for name in ("train", "test"):
        if not getattr(splits, name).num_frames:
            raise JaxposeError(
                f"config.dataset.{name}_subjects selects no frames; give at least one subject"
            )
        evaluate.scored_frames(getattr(splits, name))
    return splits


def check_skeletons(model: LiftingModel, clips: Clips) -> None:
    """Raises JaxposeError unless the data's joints, 3D and 2D, are the model's."""
    wanted = {
        "skeleton": model.skeleton,
        "keypoints_skeleton": model.keypoints_skeleton,
    }
    for field, name in wanted.items():
        if name != getattr(clips, field):
            raise JaxposeError(
                f"the model's {field} is {name!r}, the data set {clips.dataset!r} holds "
                f"{getattr(clips, field)!r}; choose data with the same joints, set config.model.{field}, or "
                f"have the data converted with config.dataset.{field}={name!r}"
            )


def check_units(trained_on: str, clips: Clips) -> None:
    """Raises JaxposeError unless a model trained on data set `trained_on` predicts the unit of `clips`."""
    image_space = get_builder(trained_on).builder_config.image_space
    if image_space != (clips.metres_per_unit is not None):
        units = ("metres", "image space (half image widths)")
        raise JaxposeError(
            f"the model was trained on {trained_on!r} in {units[image_space]}, the data set "
            f"{clips.dataset!r} is in {units[not image_space]}; evaluate on data in the same unit"
        )
