"""A user's own recordings as clips: `custom/h36m_17`, `custom/h36m_16`, `custom/coco_17`."""

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
    """A folder of 2D keypoints, with 3D where there is some; `recordings` documents the layout.

    2D is converted to the config's joints by the rules of `jaxpose.body.joint_rules`. A frame is valid
    where every joint was seen; others are filled in and serve as neighbours. All recordings are
    in one split, `train`, as configs choose by subject.
    """

    VERSION = tfds.core.Version("1.0.0")
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
    DESCRIPTION = "Recordings of your own: 2D keypoints, with 3D where there is some."
    HOW_TO_GET = (
        "Give a folder of npz or JSON recordings as --source. Each holds keypoints_2d [F, J, 2] in "
        "pixels, and its joint order (coco_17, halpe_26, body_25, mpii_16 or h36m_17), image_size and "
        f"fps, or {recordings.SETTINGS_FILE} in the folder does; a folder of OpenPose's frames and an "
        "AlphaPose result list are read too. jaxpose/datasets/custom/recordings.py documents every key."
    )

    def splits(self, source: pathlib.Path, report: Report) -> dict[str, Iterable[dict]]:
        """All recordings in the split `train`."""
        return {"train": map(self._example, recordings.load_folder(source))}

    def inspect_source(self, source: pathlib.Path) -> list[Finding]:
        """Every recording on its own."""
        check = SourceInspection()
        for recording in recordings.load_folder(source):
            example = self._example(recording)
            check.add(example)
            if filled_in := int((~example["valid"]).sum()):
                remark = f"{filled_in} frames with joints filled in (camera {example['camera']})"
                check.remark(example["subject"], example["take"], remark)
            if not example["has_positions_3d"]:
                check.remark(example["subject"], example["take"], "2D only")
            if recording.not_read:
                remark = f"keys that were not read: {', '.join(recording.not_read)}"
                check.remark(example["subject"], example["take"], remark)
        return check.findings(None)

    def _example(self, recording: recordings.Recording) -> dict:
        skeleton = get_skeleton(self.builder_config.skeleton)
        keypoints_skeleton = get_skeleton(
            self.builder_config.keypoints_skeleton or skeleton.name
        )
        keypoints_2d, seen = recordings.keypoints_as(recording, keypoints_skeleton.name)
        return clip_example(
            subject=recording.subject,
            action=recording.action,
            take=recording.take,
            camera=recording.camera,
            skeleton=skeleton,
            keypoints_skeleton=keypoints_skeleton,
            keypoints_source=self.builder_config.keypoints_source,
            keypoints_2d=keypoints_2d,
            positions_3d=recordings.positions_as(recording, skeleton.name),
            valid=seen,
            fps=recording.fps,
        )
