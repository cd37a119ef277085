"""Reads the data of a run once and splits it by subject."""

import dataclasses

import jax
import ml_collections

from jaxpose.config import held_out_subjects
from jaxpose.data.clips import (
    Clips,
    convert_skeletons,
    downsample,
    fingerprint,
    select_actions,
    select_subjects,
)
from jaxpose.data.requirements import require_sound
from jaxpose.datasets.prepared import load_clips
from jaxpose.errors import JaxposeError
from jaxpose.parallel import agreement, hosts
from jaxpose.prepare import ensure_prepared


@dataclasses.dataclass(frozen=True)
class Splits:
    """Holds the clips of a run. `validation` is empty where nothing is held out."""

    train: Clips
    validation: Clips
    test: Clips


def load_clips_of(dataset: ml_collections.ConfigDict) -> Clips:
    """Reads the clips of `config.dataset`: its actions, frame stride and joints.

    Prepares the data set first where that needs no files.

    Raises:
      JaxposeError: not prepared, an unknown action, joints that no rule leads to, or
        numbers that are not finite or beyond all bounds.
    """
    data_dir = dataset.data_dir or None
    # Hosts take turns: those that share a folder find it prepared by the first one,
    # the others prepare their own.
    hosts.in_turn(
        f"prepare {dataset.name}", lambda: ensure_prepared(dataset.name, data_dir)
    )
    clips = load_clips(dataset.name, data_dir)
    require_sound(clips)
    if dataset.actions:
        clips = select_actions(clips, dataset.actions)
    clips = downsample(clips, dataset.frame_stride)
    return convert_skeletons(clips, dataset.skeleton, dataset.keypoints_skeleton)


def load_splits(config: ml_collections.ConfigDict) -> Splits:
    """Reads the data set of a run once and splits it by subject.

    Raises:
      JaxposeError: not prepared, or a subject is unknown, on both sides, or without
        frames.
    """
    dataset = config.dataset
    clips = load_clips_of(dataset)
    # Scores are only worth something on people whom training has not seen.
    held_out = held_out_subjects(config)
    if missing := set(held_out) - set(dataset.train_subjects):
        raise JaxposeError(
            f"config.dataset.validation_subjects {sorted(missing)} are not among "
            "train_subjects"
        )
    if both := set(dataset.train_subjects) & set(dataset.test_subjects):
        raise JaxposeError(
            f"config.dataset: subjects {sorted(both)} are in train_subjects and in "
            "test_subjects"
        )

    # The config lists the held-out subjects among the training subjects.
    train_subjects = [s for s in dataset.train_subjects if s not in held_out]
    splits = Splits(
        train=select_subjects(clips, train_subjects),
        validation=select_subjects(clips, held_out),
        test=select_subjects(clips, dataset.test_subjects),
    )
    for name, split in (("train", splits.train), ("test", splits.test)):
        if not split.num_frames:
            raise JaxposeError(
                f"config.dataset.{name}_subjects selects no frames; give at least one "
                "subject"
            )
    return splits


def require_same(**parts: Clips) -> None:
    """Raises JaxposeError unless all processes of a run have read the same clips."""
    if jax.process_count() == 1:
        return
    found = {}
    for name, clips in parts.items():
        found[name] = {"frames": clips.num_frames, "fingerprint": fingerprint(clips)}
    agreement.require_same(data_set=found)
