"""HumanEva-I as clips: `humaneva/gt`, `humaneva/detectron_pt_coco`, and both with 20 joints."""

import collections
import pathlib
from collections.abc import Iterable, Iterator
from typing import ClassVar

import tensorflow_datasets as tfds

from jaxpose.body.skeletons import Skeleton, get_skeleton
from jaxpose.datasets.base import ClipBuilder, ClipConfig
from jaxpose.datasets.humaneva import facts, source_files
from jaxpose.datasets.humaneva.protocol import PROTOCOL
from jaxpose.datasets.inspection import SourceInspection
from jaxpose.datasets.report import Finding, Report
from jaxpose.datasets.videopose3d_npz import Keypoints, Positions

_DAMAGED = ("Train/S3", "Validate/S3")  # their ThrowCatch


def _config(joints: int, source: str, suffix: str = "") -> ClipConfig:
    twod = "ground-truth 2D" if source == "gt" else "2D detections in COCO order"
    return ClipConfig(
        name=source + suffix,
        description=f"{joints} joints, {twod}",
        skeleton=f"humaneva_{joints}",
        keypoints_skeleton=None if source == "gt" else "coco_17",
        keypoints_source=source,
    )


class Builder(ClipBuilder):
    """HumanEva-I: three subjects, three colour cameras, 640 x 480 at 60 fps.

    Subjects are `Train/S1` ... `Validate/S3`, as the protocol (P.4) names them: train on the
    one, score Walking, Jog and Box of the other, per subject. ThrowCatch of S3 is skipped
    (damaged motion capture); Walking of S3 is kept, as everybody does, though its motion
    capture is corrupt and its error large. The camera's place is published, its focal length
    is not, so clips have extrinsics and no intrinsics.
    """

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS: ClassVar[list[ClipConfig]] = [
        _config(15, "gt"),
        _config(15, "detectron_pt_coco"),
        _config(20, "gt", "_20"),
        _config(20, "detectron_pt_coco", "_20"),
    ]
    DESCRIPTION = (
        "HumanEva-I: walking, jogging, throwing, gestures and boxing of three subjects seen by "
        "three cameras, with motion capture."
    )
    HOMEPAGE = "http://humaneva.is.tue.mpg.de/"
    SPLITS: ClassVar[dict[str, tuple[str, ...]]] = {
        "train": PROTOCOL.train_subjects,
        "validation": PROTOCOL.test_subjects,
    }
    CITATION = """@article{sigal2010humaneva,
  title={HumanEva: Synchronized video and motion capture dataset and baseline algorithm for evaluation of articulated human motion},
  author={Sigal, Leonid and Balan, Alexandru O. and Black, Michael J.},
  journal={International Journal of Computer Vision}, volume={87}, year={2010}}"""
    HOW_TO_GET = facts.HOW_TO_GET

    def splits(self, source: pathlib.Path, report: Report) -> dict[str, Iterable[dict]]:
        """`train` holds Train/S1-S3, `validation` Validate/S1-S3."""
        positions, keypoints = self._load(source)
        if any(
            take.startswith("ThrowCatch")
            for name in _DAMAGED
            for take in positions.get(name, ())
        ):
            report.notes.append(
                "ThrowCatch of S3 is skipped: its motion capture is damaged"
            )
        return {
            split: self._examples(
                positions, keypoints, [name for name in subjects if name in positions]
            )
            for split, subjects in self.SPLITS.items()
            if set(subjects) & set(positions)
        }

    def inspect_source(self, source: pathlib.Path) -> list[Finding]:
        """Frames per subject and action against the published table, and every clip on its own."""
        positions, keypoints = self._load(source)
        check, chunks = SourceInspection(), collections.Counter()
        for example in self._examples(positions, keypoints, facts.SUBJECTS):
            check.add(example, take=example["action"])
            chunks[example["subject"], example["action"], example["camera"]] += 1
        for (subject, action, camera), count in chunks.items():
            if count > 1 and camera == facts.CAMERA_NAMES[0]:
                check.remark(subject, action, f"{count} chunks")
        published = {
            (subject, action): facts.num_frames(subject, action)
            for subject in facts.SUBJECTS
            for action in facts.ACTIONS
            if action in facts.SCORED_ACTIONS
            or (subject, action, facts.CAMERA_NAMES[0]) in chunks
        }
        return check.findings(published, may_be_shorter=True)

    def _load(self, source: pathlib.Path) -> tuple[Positions, Keypoints]:
        return source_files.load(
            source, *self._skeletons(), self.builder_config.keypoints_source
        )

    def _skeletons(self) -> tuple[Skeleton, Skeleton]:
        config = self.builder_config
        return get_skeleton(config.skeleton), get_skeleton(
            config.keypoints_skeleton or config.skeleton
        )

    def _examples(
        self, positions: Positions, keypoints: Keypoints, subjects: Iterable[str]
    ) -> Iterator[dict]:
        source = self.builder_config.keypoints_source
        for subject in subjects:
            yield from source_files.examples(
                positions, keypoints, subject, *self._skeletons(), source
            )
