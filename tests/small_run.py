"""A training run of seconds on random smooth motion in memory.

`python -m tests.small_run WORKDIR [OVERRIDES_AS_JSON [STAGE SIGNAL [CALL]]]` trains in
a process of its own, for tests that kill it or give it several devices. With a stage,
`data`, `compile`, `update`, `score` or `draw`, it sends itself the signal there, the
CALL-th time that it comes there (default 1).
"""

from jaxpose.parallel import signals

if __name__ == "__main__":
    signals.install()  # before the imports that take seconds

import contextlib
import itertools
import json
import signal
import sys
from collections.abc import Iterator
from typing import Any
from unittest import mock

import ml_collections
import numpy as np

from configs import ampose
from jaxpose.body.skeletons import get_skeleton
from jaxpose.data import splits
from jaxpose.data.clips import Clip, Clips
from jaxpose.run import Run
from jaxpose.scoring import evaluate, pictures
from jaxpose.training import setup, workdirs
from jaxpose.training.metric_writer import MetricWriter

SUBJECTS = ("train_0", "train_1", "train_2", "train_3", "test_0", "test_1")

# Where a run sends itself a signal: the owner and name of a function of that stage.
STAGES = {
    "data": (workdirs, "describe_run"),
    "compile": (setup, "create_state"),
    "update": (MetricWriter, "write"),
    "score": (evaluate, "score"),
    "draw": (pictures, "draw_learning_curves"),
}


def small_clips(skeleton: str = "h36m_17", frames: int = 60) -> Clips:
    """Returns two takes of each subject, seen by one camera.

    Every seventh frame is invalid in one of the takes.
    """
    rng = np.random.default_rng(0)
    joints = get_skeleton(skeleton).num_joints
    rest = rng.normal(size=(joints, 3)) * 0.3
    index, keypoints, positions, valid = [], [], [], []
    for subject in SUBJECTS:
        for take, action in (("Walk 1", "Walk"), ("Sit", "Sit")):
            phase = np.linspace(0, 6, frames)[:, None, None] + rng.uniform(
                0, 6, (1, joints, 3)
            )
            world = rest[None] + 0.2 * np.sin(phase) + np.array([0.0, 0.0, 4.0])
            positions.append(world)
            keypoints.append(world[..., :2] / world[..., 2:] * 2.2)
            valid.append(
                np.arange(frames) % 7 != 3 if action == "Sit" else np.ones(frames, bool)
            )
            index.append(
                Clip(
                    subject,
                    action,
                    take,
                    "front",
                    frames * len(index),
                    frames,
                    50.0,
                    (1000, 1000),
                    True,
                )
            )
    return Clips(
        "small/gt",
        skeleton,
        skeleton,
        "gt",
        np.concatenate(keypoints).astype(np.float32),
        np.concatenate(positions).astype(np.float32),
        np.concatenate(valid),
        tuple(index),
    )


def small_config() -> ml_collections.ConfigDict:
    """AMPose of one layer; 6 epochs of 12 updates, 4 to a dispatch."""
    config = ampose.get_config("quickstart")
    config.model.depth, config.model.joint_width, config.model.heads = 1, 16, 4
    config.model.graph_norm = "batch"
    config.model.dropout_rate = 0.1
    config.augment_rotation, config.augment_bones = False, 0.0
    config.dataset.train_subjects, config.dataset.test_subjects = (
        SUBJECTS[:4],
        SUBJECTS[4:],
    )
    config.dataset.validation_subjects = ("train_3",)
    (
        config.batch_size,
        config.num_epochs,
        config.steps_per_epoch,
        config.steps_per_dispatch,
    ) = 16, 6, 12, 4
    config.eval_batch_size = 64
    return config


@contextlib.contextmanager
def in_memory(clips: Clips | None = None) -> Iterator[None]:
    """Makes the program read `clips` (default: `small_clips`) as its data set."""
    clips = small_clips() if clips is None else clips
    with (
        mock.patch.object(splits, "ensure_prepared"),
        mock.patch.object(splits, "load_clips", return_value=clips),
    ):
        yield


@contextlib.contextmanager
def without_pictures() -> Iterator[None]:
    """Leaves out the drawing, which takes as long as all the updates."""
    with (
        mock.patch.object(pictures, "animate_clip"),
        mock.patch.object(pictures, "draw_learning_curves"),
    ):
        yield


def train_small(
    workdir: str,
    overrides: dict | None = None,
    clips: Clips | None = None,
    *,
    draw: bool = False,
) -> dict:
    """Trains in this process; returns the results. Pictures are drawn if `draw`."""
    config = small_config()
    config.update_from_flattened_dict(overrides or {})
    drawing = contextlib.nullcontext() if draw else without_pictures()
    with in_memory(clips), drawing:
        return Run.create(config, workdir).train()


def signal_at(stage: str, number: int, call: int = 1) -> None:
    """Sends itself signal `number` at the `call`-th call of the function of `stage`."""
    owner, name = STAGES[stage]
    function = getattr(owner, name)
    calls = itertools.count(1)

    def signalled(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == call:
            signal.raise_signal(number)
        return function(*args, **kwargs)

    setattr(owner, name, signalled)


if __name__ == "__main__":
    workdir, *rest = sys.argv[1:]
    overrides = rest[0] if rest else "{}"
    with without_pictures():
        if len(rest) > 1:
            stage, *numbers = rest[1:]
            signal_at(stage, *map(int, numbers))
        train_small(workdir, json.loads(overrides), draw=True)
