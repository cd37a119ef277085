"""Builds a user's own recordings for TFDS, in the joints of a config."""

import pathlib
from collections.abc import Iterable
from typing import ClassVar

import tensorflow_datasets as tfds

from jaxpose.body.skeletons import get_skeleton
from jaxpose.datasets.base import ClipBuilder, ClipConfig
from jaxpose.datasets.custom import recordings
from jaxpose.datasets.inspection import SourceInspection
from jaxpose.datasets.report import Finding, Report
from jaxpose.datasets.schema import clip_example


class Builder(ClipBuilder):
    """A folder of 2D keypoints, with optional 3D; `recordings` documents its layout.

    2D is converted to the config's joints by the rules of `jaxpose.body.joint_rules`. A
    frame is valid if every joint was seen; others are filled in and serve as
    neighbours. All recordings are in one split, `train`, as configs choose by subject.
    """

    VERSION = tfds.core.Version("1.0.0")
    # The joints that models are trained on, or a detector's own.
    BUILDER_CONFIGS: ClassVar[list[ClipConfig]] = [
        ClipConfig(
            name="h36m_17",
            description="the 17 Human3.6M joints",
            keypoints_source="custom",
        ),
        ClipConfig(
            name="h36m_16",
            description="the 16 Human3.6M joints without Neck/Nose",
            skeleton="h36m_16",
            keypoints_source="custom",
        ),
        ClipConfig(
            name="coco_17",
            description="2D in COCO's joints as given, 3D in the 17 of Human3.6M",
            keypoints_skeleton="coco_17",
            keypoints_source="custom",
        ),
    ]
    DESCRIPTION = "Recordings of your own: 2D keypoints, with optional 3D."
    HOW_TO_GET = (
        "Give a folder of npz or JSON recordings as --source. Each holds keypoints_2d "
        "[F, J, 2] in pixels, and its joint order (coco_17, halpe_26, body_25, mpii_16 "
        f"or h36m_17), image_size and fps, or {recordings.SETTINGS_FILE} in the folder "
        "does; a folder of OpenPose's frames and an AlphaPose result list are read "
        "too. jaxpose/datasets/custom/recordings.py documents every key."
    )

    def splits(self, source: pathlib.Path, report: Report) -> dict[str, Iterable[dict]]:
        """Returns all recordings in the split `train`."""
        return {"train": map(self._example, recordings.load_folder(source))}

    def inspect_source(self, source: pathlib.Path) -> list[Finding]:
        """Inspects every recording; nothing is published to compare it with."""
        inspection = SourceInspection()
        for recording in recordings.load_folder(source):
            example = self._example(recording)
            inspection.add(example)
            subject, take = example["subject"], example["take"]

            # Tell the user what was guessed, what is absent, and what may be misspelt.
            filled_in = int((~example["valid"]).sum())
            if filled_in:
                camera = example["camera"]
                remark = f"{filled_in} frames with joints filled in (camera {camera})"
                inspection.remark(subject, take, remark)
            if not example["has_positions_3d"]:
                inspection.remark(subject, take, "2D only")
            if recording.not_read:
                keys = ", ".join(recording.not_read)
                inspection.remark(subject, take, f"keys that were not read: {keys}")
        # Every recording gets a row, complete or not.
        return inspection.findings(None)

    def _example(self, recording: recordings.Recording) -> dict:
        """Returns the clip of a recording, in the joints of the config."""
        config = self.builder_config
        skeleton = get_skeleton(config.skeleton)
        keypoints_skeleton = get_skeleton(config.keypoints_skeleton or skeleton.name)
        # Frames with filled-in joints are neither trained on nor scored.
        keypoints_2d, seen = recordings.keypoints_as(recording, keypoints_skeleton.name)
        positions_3d = recordings.positions_as(recording, skeleton.name)
        return clip_example(
            subject=recording.subject,
            action=recording.action,
            take=recording.take,
            camera=recording.camera,
            skeleton=skeleton,
            keypoints_skeleton=keypoints_skeleton,
            keypoints_source=config.keypoints_source,
            keypoints_2d=keypoints_2d,
            positions_3d=positions_3d,
            valid=seen,
            fps=recording.fps,
        )
