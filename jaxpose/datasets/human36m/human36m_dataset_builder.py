"""Human3.6M for TFDS."""

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
    clips,
)
from jaxpose.datasets.inspection import SourceInspection, split_total
from jaxpose.datasets.report import Finding, Report
from jaxpose.errors import JaxposeError


def _configs() -> Iterator[base.ClipConfig]:
    for source in (*PROJECTIONS, OFFICIAL_2D):
        for joints in (17, 16, 19, 32):
            yield base.ClipConfig(
                name=f"{source}_{joints}",
                skeleton=f"h36m_{joints}",
                keypoints_source=source,
            )
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
    for source in motionbert.FILES:
        yield base.ClipConfig(
            name=f"{source}_17",
            skeleton="h36m_17",
            keypoints_source=source,
            image_space=True,
        )


class Builder(base.ClipBuilder):
    """Human3.6M: train S1, S5, S6, S7, S8; test S9, S11 (protocol P.3).

    A config is named by its 2D and its joints. 2D: `gt` is the projection with full distortion,
    `gt_linear` the one by a pinhole camera, `d2` the keypoints of the official files; the others
    are VideoPose3D's detection files. Joints: 17, 16 (without Neck/Nose), 19 (with toes), 32.
    Where 2D is COCO's or, at 17 joints, MPII's, it keeps its own skeleton. `motionbert_*` is in
    image space: its positions are half image widths, not metres, and are scored as
    MotionBERT's evaluation does.
    """

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS: ClassVar[list[base.ClipConfig]] = list(_configs())
    DESCRIPTION = "Human3.6M motion capture, 7 subjects, 15 actions, four calibrated cameras at 50 Hz."
    CITATION = """@article{h36m_pami,
  author = {Ionescu, Catalin and Papava, Dragos and Olaru, Vlad and Sminchisescu, Cristian},
  title = {Human3.6M: Large Scale Datasets and Predictive Methods for 3D Human Sensing in Natural
           Environments},
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
        """Takes, frames and totals against the published table, then every clip."""
        return (
            self._check_image_space(source)
            if self._image_space
            else self._check_metric(source)
        )

    def splits(self, source: pathlib.Path, report: Report) -> dict[str, Iterable[dict]]:
        """`train` and `test` by subject, as far as they are there."""
        if self._image_space:
            report.notes.append(
                "3D is in image space (half image widths), not in metres"
            )
            return {
                split: self._image_space_clips(source, split)
                for split in ("train", "test")
            }
        opened = Recordings(source, self.builder_config)
        return {
            split: self._clips(
                opened, [subject for subject in subjects if subject in opened.subjects]
            )
            for split, subjects in self.SPLITS.items()
            if set(subjects) & set(opened.subjects)
        }

    def _clips(self, opened: Recordings, subjects: list[str]) -> Iterator[dict]:
        for subject in subjects:
            for take in opened.takes(subject):
                yield from clips(take, self.builder_config)

    @property
    def _image_space(self) -> bool:
        return self.builder_config.image_space

    def _image_space_clips(self, source: pathlib.Path, split: str) -> Iterator[dict]:
        name = self.builder_config.keypoints_source
        path = source / motionbert.FILES[name] if source.is_dir() else source
        if not path.exists():
            raise JaxposeError(f"{path} does not exist. {self.HOW_TO_GET}")
        return motionbert.clip_examples(motionbert.read_clips(path, split), name)

    def _check_image_space(self, source: pathlib.Path) -> list[Finding]:
        """By subject: the names of the clips do not say which take is which."""
        check, frames = SourceInspection(), dict.fromkeys(self.SPLITS, 0)
        for split in self.SPLITS:
            for example in self._image_space_clips(source, split):
                check.add(example, take="", metric=False)
                frames[split] += len(example["valid"])
        published: dict[tuple[str, str], int | None] = {
            (subject, ""): sum(facts.FRAMES[subject].values())
            for subject in facts.TRAIN_SUBJECTS
        }
        published |= {
            (subject, ""): None for subject in facts.TEST_SUBJECTS
        }  # not cut to the 3D track
        return [
            *check.findings(published),
            split_total("train", frames["train"], motionbert.TRAIN_FRAMES),
            split_total("test", frames["test"], motionbert.TEST_FRAMES),
        ]

    def _check_metric(self, source: pathlib.Path) -> list[Finding]:
        opened, check = Recordings(source, self.builder_config), SourceInspection()
        frames = dict.fromkeys(self.SPLITS, 0)
        for subject in opened.subjects:
            split = "train" if subject in facts.TRAIN_SUBJECTS else "test"
            for take in opened.takes(subject):
                frames[split] += len(CAMERA_NAMES) * take.num_frames
                try:
                    for example in clips(take, self.builder_config):
                        check.add(example)
                except JaxposeError as error:
                    check.refuse(subject, take.name, take.num_frames, str(error))
                if (subject, take.name) in facts.DRIFTING_TAKES:
                    check.remark(subject, take.name, _DRIFT)
        published = {
            (subject, take): count
            for subject, takes in facts.FRAMES.items()
            for take, count in takes.items()
        }
        return [
            *check.findings(published),
            split_total("train", frames["train"], facts.TRAIN_FRAMES),
            split_total("test", frames["test"], facts.TEST_FRAMES),
        ]


_DRIFT = "known: its labels drift from the video; kept, as VideoPose3D does (LCN, MotionBERT: not scored)"
