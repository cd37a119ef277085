"""HumanEva-I as clips: `humaneva/gt`, `humaneva/detectron_pt_coco`, and both with 20 joints."""

import pathlib
from collections.abc import Iterable, Iterator
from typing import ClassVar

import tensorflow_datasets as tfds

from jaxpose.datasets.base import ClipBuilder, ClipConfig
from jaxpose.datasets.checks import check_clip
from jaxpose.datasets.humaneva import files, tables
from jaxpose.datasets.report import Finding, Report
from jaxpose.datasets.videopose3d_npz import Keypoints, Positions
from jaxpose.errors import JaxposeError
from jaxpose.skeletons import Skeleton, get_skeleton


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
    CITATION = """@article{sigal2010humaneva,
  title={HumanEva: Synchronized video and motion capture dataset and baseline algorithm for evaluation of articulated human motion},
  author={Sigal, Leonid and Balan, Alexandru O. and Black, Michael J.},
  journal={International Journal of Computer Vision}, volume={87}, year={2010}}"""  # noqa: E501
    HOW_TO_GET = (
        "Get HumanEva-I (release 1.1 beta with the critical OFS update) at "
        "http://humaneva.is.tue.mpg.de/ under its licence and convert it with VideoPose3D's "
        "ConvertHumanEva.m. Give the folder that holds converted_15j (or converted_20j), or the "
        "data_3d_humaneva15.npz and data_2d_humaneva15_*.npz made from it, as --source."
    )

    def splits(self, source: pathlib.Path, report: Report) -> dict[str, Iterable[dict]]:
        """`train` holds Train/S1-S3, `validation` Validate/S1-S3."""
        positions, keypoints = self._load(source)
        if absent := files.missing(positions):
            raise JaxposeError(
                f"{source} lacks {', '.join(absent)}, which the protocol trains on or scores. "
                f"{self.HOW_TO_GET}"
            )
        if any(take.startswith("ThrowCatch") for take in positions["Train/S3"] | positions["Validate/S3"]):
            report.notes.append("ThrowCatch of S3 is skipped: its motion capture is damaged")
        return {
            "train": self._examples(positions, keypoints, "Train/"),
            "validation": self._examples(positions, keypoints, "Validate/"),
        }

    def check(self, source: pathlib.Path) -> list[Finding]:
        """Frames per subject and action against the published table, and every clip on its own."""
        positions, keypoints = self._load(source)
        findings = list(_check_lengths(positions))
        for example in self._examples(positions, keypoints, ""):
            findings += check_clip(example)
        return findings

    def _load(self, source: pathlib.Path) -> tuple[Positions, Keypoints]:
        return files.load(source, *self._skeletons(), self.builder_config.keypoints_source)

    def _skeletons(self) -> tuple[Skeleton, Skeleton]:
        config = self.builder_config
        return get_skeleton(config.skeleton), get_skeleton(config.keypoints_skeleton or config.skeleton)

    def _examples(self, positions: Positions, keypoints: Keypoints, prefix: str) -> Iterator[dict]:
        source = self.builder_config.keypoints_source
        for subject in tables.SUBJECTS:
            if subject.startswith(prefix):
                yield from files.examples(positions, keypoints, subject, *self._skeletons(), source)


def _check_lengths(positions: Positions) -> Iterator[Finding]:
    """Frames of each subject and action beside the published ones, which count the invalid frames."""
    for subject in tables.SUBJECTS:
        for action in tables.ACTIONS:
            if (subject.partition("/")[2], action) == tables.SKIPPED:
                continue
            takes = positions.get(subject, {})
            chunks = [len(array) for take, array in takes.items() if take.startswith(action)]
            published = tables.num_frames(subject, action)
            status = "missing" if not chunks else "suspicious" if sum(chunks) > published else "complete"
            detail = f"{sum(chunks)} valid frames in {len(chunks)} chunks; the take has {published}"
            yield Finding(status, f"{subject} {action}", detail)
