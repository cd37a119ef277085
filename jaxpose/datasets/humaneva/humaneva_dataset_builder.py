"""Builds HumanEva-I for TFDS: `gt` and `detectron_pt_coco`, with 15 or 20 joints."""

import collections
import pathlib
from collections.abc import Iterable, Iterator
from typing import ClassVar

import tensorflow_datasets as tfds

from jaxpose.body.skeletons import Skeleton, get_skeleton
from jaxpose.datasets.base import ClipBuilder, ClipConfig
from jaxpose.datasets.humaneva import facts, source_files
from jaxpose.datasets.inspection import SourceInspection
from jaxpose.datasets.report import Finding, Report
from jaxpose.datasets.videopose3d_npz import Keypoints, Positions


def _config(joints: int, source: str, suffix: str = "") -> ClipConfig:
    """Returns the config of one number of 3D joints and one source of 2D."""
    is_gt = source == "gt"
    kind = "ground-truth 2D" if is_gt else "2D detections in COCO order"
    return ClipConfig(
        name=source + suffix,
        description=f"{joints} joints, {kind}",
        skeleton=f"humaneva_{joints}",
        keypoints_skeleton=None if is_gt else "coco_17",
        keypoints_source=source,
    )


class Builder(ClipBuilder):
    """HumanEva-I: three subjects, three colour cameras, 640 x 480 at 60 fps.

    Subjects are `Train/S1` ... `Validate/S3`, as the protocol (P.4) names them: train
    on the first, score Walking, Jog and Box of the second, per subject. ThrowCatch of
    S3 is skipped (damaged motion capture). Walking of S3 is kept, as in every
    publication, although its motion capture is corrupt and its error large. The pose of
    each camera is published and its focal length is not, so clips have extrinsics and
    no intrinsics.
    """

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS: ClassVar[list[ClipConfig]] = [
        _config(15, "gt"),
        _config(15, "detectron_pt_coco"),
        _config(20, "gt", "_20"),
        _config(20, "detectron_pt_coco", "_20"),
    ]
    DESCRIPTION = (
        "HumanEva-I: walking, jogging, throwing, gestures and boxing of three subjects "
        "seen by three cameras, with motion capture."
    )
    HOMEPAGE = "http://humaneva.is.tue.mpg.de/"
    SPLITS: ClassVar[dict[str, tuple[str, ...]]] = {
        "train": ("Train/S1", "Train/S2", "Train/S3"),
        "validation": ("Validate/S1", "Validate/S2", "Validate/S3"),
    }
    CITATION = """@article{sigal2010humaneva,
  title={HumanEva: Synchronized video and motion capture dataset and baseline algorithm
         for evaluation of articulated human motion},
  author={Sigal, Leonid and Balan, Alexandru O. and Black, Michael J.},
  journal={International Journal of Computer Vision}, volume={87}, year={2010}}"""
    HOW_TO_GET = facts.HOW_TO_GET

    def splits(self, source: pathlib.Path, report: Report) -> dict[str, Iterable[dict]]:
        """Returns `train` with Train/S1-S3 and `validation` with Validate/S1-S3."""
        positions, keypoints = self._load(source)

        # The skipped takes are in some files and not in others; note only what is
        # there.
        person, skipped_action = facts.SKIPPED
        takes = [*positions.get(f"Train/{person}", ())]
        takes += positions.get(f"Validate/{person}", ())
        if any(take.startswith(skipped_action) for take in takes):
            report.notes.append(
                f"{skipped_action} of {person} is skipped: "
                "its motion capture is damaged"
            )

        # A split without any subject is left out, so that TFDS does not write it empty.
        examples: dict[str, Iterable[dict]] = {}
        for split, subjects in self.SPLITS.items():
            present = [name for name in subjects if name in positions]
            if present:
                examples[split] = self._examples(positions, keypoints, present)
        return examples

    def inspect_source(self, source: pathlib.Path) -> list[Finding]:
        """Compares the frames of each action with the published ones."""
        positions, keypoints = self._load(source)
        inspection = SourceInspection()
        # The chunks of an action are counted together: their gaps are not published.
        chunks: collections.Counter[tuple[str, str]] = collections.Counter()
        for example in self._examples(positions, keypoints, facts.SUBJECTS):
            inspection.add(example, take=example["action"])
            if example["camera"] == facts.CAMERA_NAMES[0]:
                chunks[example["subject"], example["action"]] += 1
        for (subject, action), count in chunks.items():
            if count > 1:
                inspection.remark(subject, action, f"{count} chunks")

        # Actions that nobody scores may be absent.
        published = {}
        for subject in facts.SUBJECTS:
            for action in facts.ACTIONS:
                if action in facts.SCORED_ACTIONS or (subject, action) in chunks:
                    published[subject, action] = facts.num_frames(subject, action)
        return inspection.findings(published, may_be_shorter=True)

    def _load(self, source: pathlib.Path) -> tuple[Positions, Keypoints]:
        """Returns 3D and 2D in the joints of the config."""
        # Together, since the .mat files hold both.
        skeleton, keypoints_skeleton = self._skeletons()
        keypoints_source = self.builder_config.keypoints_source
        return source_files.load(source, skeleton, keypoints_skeleton, keypoints_source)

    def _skeletons(self) -> tuple[Skeleton, Skeleton]:
        """Returns the skeletons of 3D and 2D."""
        config = self.builder_config
        skeleton = get_skeleton(config.skeleton)
        return skeleton, get_skeleton(config.keypoints_skeleton or config.skeleton)

    def _examples(
        self, positions: Positions, keypoints: Keypoints, subjects: Iterable[str]
    ) -> Iterator[dict]:
        """Yields the clips of `subjects`, take by take, three cameras each."""
        skeleton, keypoints_skeleton = self._skeletons()
        for subject in subjects:
            yield from source_files.subject_examples(
                positions,
                keypoints,
                subject,
                skeleton,
                keypoints_skeleton,
                self.builder_config.keypoints_source,
            )
