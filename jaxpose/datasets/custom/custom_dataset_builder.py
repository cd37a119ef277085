"""Builds a user's own recordings for TFDS, in the joints of a config."""

import copy
import dataclasses
import functools
import pathlib
import re
from collections.abc import Iterable
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from jaxpose.body.skeletons import get_skeleton
from jaxpose.datasets.base import ClipBuilder, ClipConfig
from jaxpose.datasets.inspection import SourceInspection
from jaxpose.datasets.report import Finding, Report
from jaxpose.datasets.schema import clip_example
from jaxpose.errors import JaxposeError
from jaxpose.recordings import reader
from jaxpose.recordings.recording import Recording
from jaxpose.wording import count_of

# Of several data sets: letters, digits and what no file system minds.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


class Builder(ClipBuilder):
    """Whatever a detector wrote, as far as `jaxpose.recordings` reads it.

    2D is converted to the config's joints. A frame is valid if every joint was seen;
    others are filled in and serve as neighbours. Each person is a recording. All
    recordings are in one split, `train`, as configs choose by subject.

    A config may have a name of the user's behind its joints, such as
    `custom/h36m_17-kitchen`, so that several data sets lie side by side.
    """

    VERSION = tfds.core.Version("1.0.0")
    # The joints that models are trained on, or a detector's own.
    BUILDER_CONFIGS: ClassVar[list[ClipConfig]] = [
        ClipConfig(
            name="h36m_17",
            description="the 17 Human3.6M joints",
            keypoints_source="custom",
            detected=True,
        ),
        ClipConfig(
            name="h36m_16",
            description="the 16 Human3.6M joints without Neck/Nose",
            skeleton="h36m_16",
            keypoints_source="custom",
            detected=True,
        ),
        ClipConfig(
            name="coco_17",
            description="2D in COCO's joints as given, 3D in the 17 of Human3.6M",
            keypoints_skeleton="coco_17",
            keypoints_source="custom",
            detected=True,
        ),
    ]
    DESCRIPTION = "Recordings of your own: 2D keypoints, with optional 3D."
    HOW_TO_GET = (
        "Give the file or the folder that a detector wrote as --source; "
        "docs/recordings.md lists the formats. `jaxpose read PATH` shows what is "
        "understood, and writes nothing."
    )
    READS_RECORDINGS = True

    @classmethod
    def config_named(cls, name: str) -> ClipConfig:
        """Returns the config `JOINTS` or `JOINTS-NAME`; the first one if it is empty.

        Raises:
          JaxposeError: unknown joints, or a name that no folder can have.
        """
        joints, dash, own_name = name.partition("-")
        config = super().config_named(joints)
        if not dash:
            return config
        if not _NAME.fullmatch(own_name):
            raise JaxposeError(
                f"{own_name!r} is no name for a data set; use letters, digits and _.-"
            )
        renamed = copy.copy(config)
        renamed.name = name
        return renamed

    def splits(self, source: pathlib.Path, report: Report) -> dict[str, Iterable[dict]]:
        """Returns all recordings in the split `train`.

        Raises:
          JaxposeError: there is none that can be used.
        """
        reading = self._read(source)
        if not reading.recordings:
            raise JaxposeError(reader.why_nothing(source, reading))
        return {"train": map(self._example, reading.recordings)}

    def inspect_source(self, source: pathlib.Path) -> list[Finding]:
        """Inspects every recording; nothing is published to compare it with."""
        inspection = SourceInspection()
        reading = self._read(source)
        for recording in reading.recordings:
            example = self._example(recording)
            inspection.add(example)
            subject, take = recording.subject, recording.take
            for warning in recording.warnings:
                inspection.suspect(subject, take, warning)
            for remark in _remarks(recording, example):
                inspection.remark(subject, take, remark)

        # Every recording gets a row, complete or not, and so does what is left out.
        findings = inspection.findings(None)
        for refusal in reading.refused:
            findings.append(Finding("refused", refusal.name, detail=refusal.reason))
        for unread in reading.unread:
            findings.append(Finding("not read", unread))
        return findings

    @functools.cached_property
    def _readings(self) -> dict[pathlib.Path, reader.Reading]:
        return {}

    def _read(self, source: pathlib.Path) -> reader.Reading:
        """Returns what a source holds; reads it once."""
        if source not in self._readings:
            config = self.builder_config
            skeleton = config.keypoints_skeleton or config.skeleton
            options = dataclasses.replace(self.reading, skeleton=skeleton)
            self._readings[source] = reader.read_with(source, options)
        return self._readings[source]

    def _example(self, recording: Recording) -> dict:
        """Returns the clip of a recording, in the joints of the config."""
        config = self.builder_config
        skeleton = get_skeleton(config.skeleton)
        keypoints_skeleton = get_skeleton(config.keypoints_skeleton or skeleton.name)
        keypoints_2d, seen = reader.model_joints(
            recording, keypoints_skeleton.name, self.reading.estimate_missing
        )
        return clip_example(
            subject=recording.subject,
            action=recording.action,
            take=recording.take,
            camera=recording.camera,
            skeleton=skeleton,
            keypoints_skeleton=keypoints_skeleton,
            keypoints_source=config.keypoints_source,
            keypoints_2d=keypoints_2d,
            positions_3d=reader.positions_as(recording, skeleton.name),
            # Frames with filled-in joints are neither trained on nor scored.
            valid=np.asarray(seen.all(axis=1)),
            fps=recording.rate,
            seen=seen,
            frame_numbers=recording.frames,
        )


def _remarks(recording: Recording, example: dict) -> list[str]:
    """Returns what a user may want to know of a recording that is in order."""
    remarks = []
    if recording.people > 1:
        remarks.append(f"person {recording.person} of {recording.people}")
    if recording.switches:
        times = count_of(recording.switches, "time", "times")
        remarks.append(f"lost and found again {times}")
    gaps = int((~recording.detected).sum())
    if gaps:
        remarks.append(f"{count_of(gaps, 'frame', 'frames')} without the person")
    filled_in = int((~example["valid"]).sum())
    if filled_in:
        frames = count_of(filled_in, "frame", "frames")
        remarks.append(f"{frames} with joints filled in")
    if not example["has_positions_3d"]:
        remarks.append("2D only")
    return [*remarks, *recording.remarks]
