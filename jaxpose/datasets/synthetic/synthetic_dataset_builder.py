"""Builds the synthetic data set: procedural motion, four Human3.6M cameras of S1."""

import dataclasses
import pathlib
from collections.abc import Iterable, Iterator
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from jaxpose.body.skeletons import H36M_17
from jaxpose.datasets import base
from jaxpose.datasets.h36m_cameras import FPS, h36m_cameras
from jaxpose.datasets.rendering import add_detector_noise, render
from jaxpose.datasets.report import Report
from jaxpose.datasets.schema import clip_example
from jaxpose.datasets.synthetic.body import sample_body
from jaxpose.datasets.synthetic.motions import MOTIONS, generate
from jaxpose.datasets.synthetic.protocol import STATURES

TAKES = {"train": 2, "test": 1}  # per body and motion
FRAMES = 250  # per take, 5 seconds


@dataclasses.dataclass(kw_only=True)
class SyntheticConfig(base.ClipConfig):
    """A config of generated data.

    Attributes:
      seed: decides bodies, motions and noise.
    """

    seed: int = 0


class Builder(base.ClipBuilder):
    """Fifteen procedural motions (`action`) by eight training and three test bodies.

    Subjects are `train_0` .. `train_7` and `test_0` .. `test_2`. Every take draws its
    own posture, tempo, range and heading, so test bodies and test motions do not occur
    in training.
    """

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS: ClassVar[list[SyntheticConfig]] = [
        SyntheticConfig(name="gt", description="2D is the exact projection"),
        SyntheticConfig(
            name="noisy",
            description="2D with a detector's errors",
            keypoints_source="noisy_projection",
        ),
    ]
    DESCRIPTION = (
        "Procedural human motion by forward kinematics, four projected cameras; no "
        "download."
    )
    NEEDS_SOURCE = False

    def splits(
        self, source: pathlib.Path | None, report: Report
    ) -> dict[str, Iterable[dict]]:
        """Returns the splits `train` and `test`, of different bodies."""
        return {split: self._clips(split) for split in STATURES}

    def _clips(self, split: str) -> Iterator[dict]:
        """Yields the clips of one split: body by body, motion by motion."""
        for number, stature in enumerate(STATURES[split]):
            # Seeds by what is drawn: a take is the same however many others there are.
            person = [self.builder_config.seed, list(STATURES).index(split), number]
            body = sample_body(stature, np.random.default_rng(person))
            subject = f"{split}_{number}"
            for kind, action in enumerate(MOTIONS):
                for take in range(TAKES[split]):
                    rng = np.random.default_rng([*person, kind, take])
                    positions, _ = generate(action, body, FRAMES, FPS, rng)
                    yield from self._views(subject, action, take, positions, rng)

    def _views(
        self,
        subject: str,
        action: str,
        take: int,
        positions: np.ndarray,
        rng: np.random.Generator,
    ) -> Iterator[dict]:
        """Yields the four clips of one take, `positions [F, 17, 3]` in the world."""
        keypoints_source = self.builder_config.keypoints_source
        for camera in h36m_cameras("S1"):
            keypoints_2d, positions_3d, valid = render(positions, camera)
            # The generator of the take goes on, so each camera has its own noise.
            if keypoints_source != "gt":
                keypoints_2d = add_detector_noise(keypoints_2d, rng)
            yield clip_example(
                subject=subject,
                action=action,
                take=f"{action}_{take}",
                camera=camera,
                skeleton=H36M_17,
                keypoints_2d=keypoints_2d,
                positions_3d=positions_3d,
                valid=valid,
                fps=FPS,
                keypoints_source=keypoints_source,
            )
