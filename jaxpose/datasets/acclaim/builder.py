"""The base of the builders of Acclaim data: 17 joints at 50 Hz, four cameras."""

import abc
import pathlib
import zlib
from collections.abc import Iterable, Iterator
from typing import ClassVar

import numpy as np

from jaxpose.body.skeletons import H36M_17
from jaxpose.datasets import base
from jaxpose.datasets.acclaim import asf_amc, motion
from jaxpose.datasets.acclaim.archives import (
    FileNames,
    Take,
    find_takes,
    open_archives,
)
from jaxpose.datasets.h36m_cameras import FPS, h36m_cameras
from jaxpose.datasets.rendering import add_detector_noise, render
from jaxpose.datasets.report import Report
from jaxpose.datasets.schema import clip_example
from jaxpose.errors import JaxposeError


# TFDS, which has no annotations, reads `skip_registration` when a class is made.
class AcclaimBuilder(  # type: ignore[call-arg]
    base.ClipBuilder, skip_registration=True
):
    """Builds data sets of .asf and .amc files, from any number of archives.

    Every take is seen by the four cameras of Human3.6M's S1, with its mean place over
    the origin of their world, at 50 Hz. Frames around a jump of the recording
    (`motion.find_jumps`) are not valid: they are neighbours in windows, but neither
    trained on nor scored. Takes that show one pose throughout are kept, as a pose is no
    error. The report names both.

    Attributes:
      FILES: how the database names its files.
    """

    BUILDER_CONFIGS: ClassVar[list[base.ClipConfig]] = [
        base.ClipConfig(name="gt", description="2D is the exact projection"),
        base.ClipConfig(
            name="noisy",
            description="2D with a detector's errors",
            keypoints_source="noisy_projection",
        ),
    ]
    SEVERAL_SOURCES = True
    FILES: ClassVar[FileNames]

    @abc.abstractmethod
    def frame_rates(self, takes: list[Take], report: Report) -> list[float]:
        """Returns the frames per second of each take.

        Args:
          takes: the takes.
          report: receives a note where the rates are not stated by the files.
        """

    def splits(
        self, source: tuple[pathlib.Path, ...], report: Report
    ) -> dict[str, Iterable[dict]]:
        """Returns all clips in the split `train`; configs choose subjects."""
        archives = open_archives(source, self.FILES)
        takes = find_takes(archives, self.FILES, report.notes)
        rates = self.frame_rates(takes, report)
        return {"train": self._clips(takes, rates, report)}

    def _clips(
        self, takes: list[Take], rates: list[float], report: Report
    ) -> Iterator[dict]:
        """Yields four clips per take, and notes which are static or have jumps."""
        skeletons: dict[str, asf_amc.AcclaimSkeleton] = {}
        static, jumping, num_jumps = [], [], 0
        for take, rate in zip(takes, rates, strict=True):
            # The takes of a subject share a file.
            name = str(take.skeleton)
            if name not in skeletons:
                skeletons[name] = read_skeleton(take)
            positions = read_positions(take, skeletons[name])
            if motion.is_static(positions):
                static.append(take.name)

            # At the rate of the recording a jump lies between two frames; a new frame
            # between such frames is a mixture of them.
            jumps = motion.find_jumps(positions, rate).astype(float)
            valid = motion.resample(jumps, rate, FPS) < 1e-6
            if not valid.all():
                jumping.append(take.name)
                num_jumps += int(np.sum(~valid))

            # The actors walk around a room of their own; the cameras look at the origin
            # of theirs.
            positions = motion.resample(positions, rate, FPS)
            positions = motion.centre(motion.to_z_up(positions))
            yield from self._views(take, positions, valid)

        if static:
            report.notes.append(f"one pose throughout, kept: {', '.join(static)}")
        if jumping:
            report.notes.append(
                f"not valid, a joint faster than {motion.MAX_SPEED:g} m/s: "
                f"{num_jumps:,} frames per camera, of {', '.join(jumping)}"
            )

    def _views(
        self, take: Take, positions: np.ndarray, valid: np.ndarray
    ) -> Iterator[dict]:
        """Yields the four clips of one take.

        Args:
          take: the take.
          positions: `[F, 17, 3]`, metres, z up.
          valid: `[F]` bool; frames outside an image are not valid in its clip either.
        """
        keypoints_source = self.builder_config.keypoints_source
        for camera in h36m_cameras("S1"):
            keypoints_2d, positions_3d, visible = render(positions, camera)
            if keypoints_source != "gt":
                # A seed by name: the noise is the same however many takes are prepared.
                seed = zlib.crc32(f"{take.name}.{camera.name}".encode())
                rng = np.random.default_rng(seed)
                keypoints_2d = add_detector_noise(keypoints_2d, rng)
            yield clip_example(
                subject=take.subject,
                # Names of files do not always state what a take shows.
                action=take.labels.get("action", take.name),
                take=take.name,
                camera=camera,
                skeleton=H36M_17,
                keypoints_2d=keypoints_2d,
                positions_3d=positions_3d,
                valid=visible & valid,
                fps=FPS,
                keypoints_source=keypoints_source,
            )


def read_skeleton(take: Take) -> asf_amc.AcclaimSkeleton:
    """Returns the skeleton of a take.

    Raises:
      JaxposeError: the file is bad, or lacks a bone that a joint is made of.
    """
    name = str(take.skeleton)
    skeleton = asf_amc.parse_asf(take.skeleton.read(), name)
    missing = sorted(set(motion.JOINT_BONES) - set(skeleton.bones))
    if missing:
        raise JaxposeError(f"{name}: bone {', '.join(missing)} is missing")
    return skeleton


def read_positions(take: Take, skeleton: asf_amc.AcclaimSkeleton) -> np.ndarray:
    """Returns the joints of a take `[F, 17, 3]` at its own rate (y up), metres.

    Raises:
      JaxposeError: the file is bad, or belongs to another skeleton.
    """
    name = str(take.motion)
    return motion.joints(
        skeleton, asf_amc.parse_amc(take.motion.read(), skeleton, name)
    )
