"""Builds Human3.6M for TFDS."""

import pathlib
from collections.abc import Iterable, Iterator
from typing import ClassVar

import tensorflow_datasets as tfds

from jaxpose.datasets import base
from jaxpose.datasets.h36m_cameras import CAMERA_NAMES
from jaxpose.datasets.human36m import facts, motionbert
from jaxpose.datasets.human36m.takes import (
    DETECTIONS,
    OFFICIAL_2D,
    PROJECTIONS,
    Recordings,
    take_examples,
)
from jaxpose.datasets.inspection import SourceInspection, split_total
from jaxpose.datasets.report import Finding, Report
from jaxpose.errors import JaxposeError

_DRIFT = (
    "known: its labels drift from the video; kept, as VideoPose3D does "
    "(LCN, MotionBERT: not scored)"
)


def _configs() -> Iterator[base.ClipConfig]:
    """Yields a config for each source of 2D and each set of joints it can have."""
    # 2D that follows the 3D joints.
    for source in (*PROJECTIONS, OFFICIAL_2D):
        for joints in (17, 16, 19, 32):
            yield base.ClipConfig(
                name=f"{source}_{joints}",
                skeleton=f"h36m_{joints}",
                keypoints_source=source,
            )
    # Detectors, whose joints differ; only COCO's cannot become the 16 of Human3.6M.
    for source, keypoints_skeleton in DETECTIONS.items():
        yield base.ClipConfig(
            name=f"{source}_17",
            skeleton="h36m_17",
            keypoints_skeleton=keypoints_skeleton,
            keypoints_source=source,
        )
        if keypoints_skeleton != "coco_17":
            yield base.ClipConfig(
                name=f"{source}_16", skeleton="h36m_16", keypoints_source=source
            )
    # LCN's and MotionBERT's pickles.
    for source in motionbert.FILES:
        yield base.ClipConfig(
            name=f"{source}_17",
            skeleton="h36m_17",
            keypoints_source=source,
            image_space=True,
        )


class Builder(base.ClipBuilder):
    """Human3.6M: train S1, S5, S6, S7, S8; test S9, S11 (protocol P.3).

    A config is named by its 2D and its joints. 2D: `gt` is the projection with full
    distortion, `gt_linear` the projection by a pinhole camera, `d2` the keypoints of
    the official files; the others are VideoPose3D's detection files. Joints: 17, 16
    (without Neck/Nose), 19 (with toes), 32. Detections in COCO's joints, and at 17
    joints in MPII's, keep their own skeleton. `motionbert_*` is in image space: its
    positions are half image widths instead of metres, and are scored as in MotionBERT's
    evaluation.
    """

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS: ClassVar[list[base.ClipConfig]] = list(_configs())
    DESCRIPTION = (
        "Human3.6M motion capture, 7 subjects, 15 actions, four calibrated cameras at "
        "50 Hz."
    )
    CITATION = """@article{h36m_pami,
  author = {Ionescu, Catalin and Papava, Dragos and Olaru, Vlad and
            Sminchisescu, Cristian},
  title = {Human3.6M: Large Scale Datasets and Predictive Methods for 3D Human Sensing
           in Natural Environments},
  journal = {IEEE Transactions on Pattern Analysis and Machine Intelligence},
  volume = {36},
  number = {7},
  pages = {1325--1339},
  year = {2014}
}"""
    HOMEPAGE = "http://vision.imar.ro/human3.6m/"
    SPLITS: ClassVar[dict[str, tuple[str, ...]]] = {
        "train": facts.TRAIN_SUBJECTS,
        "test": facts.TEST_SUBJECTS,
    }
    HOW_TO_GET = facts.HOW_TO_GET

    def inspect_source(self, source: pathlib.Path) -> list[Finding]:
        """Compares the frames with the published ones, and inspects every clip."""
        if self.builder_config.image_space:
            return self._inspect_image_space(source)
        return self._inspect_metric(source)

    def splits(self, source: pathlib.Path, report: Report) -> dict[str, Iterable[dict]]:
        """Returns `train` and `test`, with the subjects that the source has."""
        examples: dict[str, Iterable[dict]] = {}
        if self.builder_config.image_space:
            report.notes.append(
                "3D is in image space (half image widths), not in metres"
            )
            for split in self.SPLITS:
                examples[split] = self._image_space_clips(source, split)
            return examples

        # A split without any subject is left out, so that TFDS does not write it empty.
        recordings = Recordings(source, self.builder_config)
        for split, subjects in self.SPLITS.items():
            present = [name for name in subjects if name in recordings.subjects]
            if present:
                examples[split] = self._clips(recordings, present)
        return examples

    def _clips(self, recordings: Recordings, subjects: list[str]) -> Iterator[dict]:
        """Yields the clips of `subjects`, take by take, four cameras each."""
        for subject in subjects:
            for take in recordings.takes(subject):
                yield from take_examples(take, self.builder_config)

    def _image_space_clips(self, source: pathlib.Path, split: str) -> Iterator[dict]:
        """Returns the clips of one split of a MotionBERT pickle.

        Raises:
          JaxposeError: the file is missing or damaged.
        """
        # A file that was given is the pickle itself, whatever its name.
        name = self.builder_config.keypoints_source
        path = source / motionbert.FILES[name] if source.is_dir() else source
        if not path.exists():
            raise JaxposeError(f"{path} does not exist. {self.HOW_TO_GET}")
        return motionbert.clip_examples(motionbert.read_clips(path, split), name)

    def _inspect_image_space(self, source: pathlib.Path) -> list[Finding]:
        """Returns findings by subject: clip names do not state the take."""
        inspection = SourceInspection()
        num_frames = dict.fromkeys(self.SPLITS, 0)
        for split in self.SPLITS:
            for example in self._image_space_clips(source, split):
                inspection.add(example, take="", metric=False)
                num_frames[split] += len(example["valid"])

        # The test clips are not cut to the 3D track, so only their total is known.
        published: dict[tuple[str, str], int | None] = {}
        for subject in facts.TRAIN_SUBJECTS:
            published[subject, ""] = sum(facts.FRAMES[subject].values())
        for subject in facts.TEST_SUBJECTS:
            published[subject, ""] = None
        return [
            *inspection.findings(published),
            split_total("train", num_frames["train"], motionbert.TRAIN_FRAMES),
            split_total("test", num_frames["test"], motionbert.TEST_FRAMES),
        ]

    def _inspect_metric(self, source: pathlib.Path) -> list[Finding]:
        """Returns findings by subject and take, and the totals of the splits."""
        recordings = Recordings(source, self.builder_config)
        inspection = SourceInspection()
        num_frames = dict.fromkeys(self.SPLITS, 0)
        for subject in recordings.subjects:
            split = "train" if subject in facts.TRAIN_SUBJECTS else "test"
            for take in recordings.takes(subject):
                num_frames[split] += len(CAMERA_NAMES) * take.num_frames
                # A bad take becomes a row of the table instead of the end of the check.
                try:
                    for example in take_examples(take, self.builder_config):
                        inspection.add(example)
                except JaxposeError as error:
                    inspection.refuse(subject, take.name, take.num_frames, str(error))
                if (subject, take.name) in facts.DRIFTING_TAKES:
                    inspection.remark(subject, take.name, _DRIFT)

        # The table has no entry for the dropped take, which is not missing then.
        published = {}
        for subject, takes in facts.FRAMES.items():
            for name, count in takes.items():
                published[subject, name] = count
        return [
            *inspection.findings(published),
            split_total("train", num_frames["train"], facts.TRAIN_FRAMES),
            split_total("test", num_frames["test"], facts.TEST_FRAMES),
        ]
