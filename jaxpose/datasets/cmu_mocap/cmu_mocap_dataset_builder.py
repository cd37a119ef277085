"""CMU motion capture on 17 joints at 50 Hz, seen by the four Human3.6M cameras of subject S1."""

import pathlib
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from typing import ClassVar

import numpy as np
import requests
import tensorflow_datasets as tfds

from jaxpose.body.skeletons import H36M_17
from jaxpose.datasets import base
from jaxpose.datasets.cmu_mocap import asf_amc
from jaxpose.datasets.h36m_cameras import FPS, h36m_cameras
from jaxpose.datasets.rendering import add_detector_noise, render
from jaxpose.datasets.report import Report
from jaxpose.datasets.schema import clip_example
from jaxpose.errors import JaxposeError

URL = "http://mocap.cs.cmu.edu/allasfamc.zip"

# Bones whose ends are the joints of H36M_17 from index 1 on; the pelvis is the middle of both hips.
JOINT_BONES = (
    "rhipjoint", "rfemur", "rtibia", "lhipjoint", "lfemur", "ltibia", "lowerback", "thorax",
    "upperneck", "head", "lclavicle", "lhumerus", "lwrist", "rclavicle", "rhumerus", "rwrist",
)  # fmt: skip

# Neither file says the rate: 120 Hz but for these subjects, of which only 88's is known.
OTHER_RATES = {"88": 60.0}
UNKNOWN_RATES = frozenset(
    (
        "33",
        "34",
        "42",
        "60",
        "61",
        "62",
        "74",
        "75",
        "77",
        "79",
        "80",
        "87",
        "89",
        "136",
    )
)
DEFAULT_RATE = 120.0


class Builder(base.ClipBuilder):
    """The CMU Graphics Lab Motion Capture Database.

    Subjects are the database's (`01`), takes its trials (`01_08`). The archive does not say
    what a trial shows, so `action` is the trial too, and per-action tables have a row a trial.
    All clips are in one split, `train`; configs choose subjects.

    Licence: free to use, copy, modify and redistribute, also in products that are sold; the
    data itself must not be resold, also not converted. Keep the notice in `CITATION`.
    """

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS: ClassVar[list[base.ClipConfig]] = [
        base.ClipConfig(name="gt", description="2D is the exact projection"),
        base.ClipConfig(
            name="noisy",
            description="2D with a detector's errors",
            keypoints_source="noisy_projection",
        ),
    ]
    DESCRIPTION = "Real motion capture (.asf/.amc) on the 17 Human3.6M joints, four projected cameras."
    CITATION = (
        "The data used in this project was obtained from mocap.cs.cmu.edu. "
        "The database was created with funding from NSF EIA-0196217."
    )
    HOMEPAGE = "http://mocap.cs.cmu.edu"
    HOW_TO_GET = (
        f"The archive is downloaded from {URL}; "
        "a copy of it, or its extracted folder, can be given as --source=PATH."
    )

    def find_source(
        self, dl_manager: tfds.download.DownloadManager | None
    ) -> pathlib.Path:
        """`source`, or the archive downloaded from the database's site."""
        if self.source is not None or dl_manager is None:
            return super().find_source(dl_manager)
        try:
            # Fails in seconds where there is no network; TFDS tries again for minutes.
            requests.head(URL, timeout=20, allow_redirects=True).raise_for_status()
            return pathlib.Path(dl_manager.download(URL))
        except (OSError, tfds.download.DownloadError) as error:
            raise JaxposeError(
                f"could not download {URL}: {error}. {self.HOW_TO_GET}"
            ) from error

    def splits(self, source: pathlib.Path, report: Report) -> dict[str, Iterable[dict]]:
        """All clips in the split `train`."""
        noisy = self.builder_config.keypoints_source != "gt"
        return {"train": self._clips(Archive(source), report, noisy)}

    def _clips(self, archive: "Archive", report: Report, noisy: bool) -> Iterator[dict]:
        for subject, trials in archive.trials.items():
            if subject in UNKNOWN_RATES:
                report.notes.append(
                    f"subject {subject} skipped ({len(trials)} takes): unknown frame rate"
                )
                continue
            asf_name = archive.skeletons[subject]
            skeleton = asf_amc.parse_asf(archive.read(asf_name), asf_name)
            if missing := set(JOINT_BONES) - set(skeleton.bones):
                raise JaxposeError(
                    f"{asf_name}: bone {', '.join(sorted(missing))} is missing"
                )
            rate = OTHER_RATES.get(subject, DEFAULT_RATE)
            for take, amc_name in trials.items():
                motion = asf_amc.parse_amc(archive.read(amc_name), skeleton, amc_name)
                positions = resample(joints(skeleton, motion), rate, FPS)
                yield from self._views(subject, take, centre(to_z_up(positions)), noisy)

    def _views(
        self, subject: str, take: str, positions: np.ndarray, noisy: bool
    ) -> Iterator[dict]:
        for camera in h36m_cameras("S1"):
            keypoints_2d, positions_3d, valid = render(positions, camera)
            if noisy:
                seed = zlib.crc32(f"{take}.{camera.name}".encode())
                keypoints_2d = add_detector_noise(
                    keypoints_2d, np.random.default_rng(seed)
                )
            yield clip_example(
                subject=subject,
                action=take,
                take=take,
                camera=camera,
                skeleton=H36M_17,
                keypoints_2d=keypoints_2d,
                positions_3d=positions_3d,
                valid=valid,
                fps=FPS,
                keypoints_source=self.builder_config.keypoints_source,
            )


class Archive:
    """`allasfamc.zip` or its extracted folder.

    Attributes:
      skeletons: name of the .asf file by subject.
      trials: names of the .amc files by subject and take, sorted.
    """

    def __init__(self, source: pathlib.Path):
        """Lists the files.

        Raises:
          JaxposeError: not a zip archive or folder, or without .asf and .amc files.
        """
        self._source = source
        self._zip = None
        if source.is_dir():
            names = [path.relative_to(source).as_posix() for path in source.rglob("*")]
        else:
            try:
                self._zip = zipfile.ZipFile(source)
            except (zipfile.BadZipFile, OSError) as error:
                raise JaxposeError(
                    f"{source} is not a readable zip archive ({error}); expected allasfamc.zip from {URL}, "
                    "whole, or its extracted folder"
                ) from error
            names = self._zip.namelist()
        self.skeletons, self.trials = _index(sorted(names), source)

    def read(self, name: str) -> str:
        """The text of a file.

        Raises:
          JaxposeError: it cannot be read or decompressed.
        """
        try:
            content = (
                (self._source / name).read_bytes()
                if self._zip is None
                else self._zip.read(name)
            )
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            RuntimeError,
        ) as error:
            raise JaxposeError(
                f"{self._source}: cannot read {name} ({error}); get it again"
            ) from error
        return content.decode("latin-1")


def _index(
    names: list[str], source: pathlib.Path
) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    skeletons, trials = {}, {}
    for name in names:
        if match := re.search(r"(?:^|/)(\d+)\.asf$", name):
            skeletons[match[1]] = name
        elif match := re.search(r"(?:^|/)((\d+)_\d+)\.amc$", name):
            trials.setdefault(match[2], {})[match[1]] = name
    if not trials:
        raise JaxposeError(
            f"{source} holds no .amc file named <subject>_<trial>.amc; expected the layout of allasfamc.zip: "
            "all_asfamc/subjects/<subject>/<subject>.asf and <subject>_<trial>.amc"
        )
    if missing := sorted(set(trials) - set(skeletons)):
        raise JaxposeError(
            f"{source}: no skeleton file {', '.join(f'{name}.asf' for name in missing)}"
        )
    return skeletons, trials


def joints(
    skeleton: asf_amc.AcclaimSkeleton, motion: dict[str, np.ndarray]
) -> np.ndarray:
    """H36M_17 joints `[F, 17, 3]` in the file's world (y up), metres."""
    ends = asf_amc.bone_ends(skeleton, motion, JOINT_BONES)
    pelvis = (ends["lhipjoint"] + ends["rhipjoint"]) / 2
    return np.stack([pelvis] + [ends[bone] for bone in JOINT_BONES], axis=1)


def resample(positions: np.ndarray, rate: float, new_rate: float) -> np.ndarray:
    """`positions [F, J, 3]` at `new_rate`, linear in time between frames; the first frame stays."""
    last = len(positions) - 1
    frames = np.arange(int(last * new_rate / rate) + 1) * (rate / new_rate)
    below = np.minimum(frames.astype(np.int64), max(last - 1, 0))
    share = (frames - below)[:, None, None]
    return (1 - share) * positions[below] + share * positions[
        np.minimum(below + 1, last)
    ]


def to_z_up(positions: np.ndarray) -> np.ndarray:
    """World axes (x, y, z) with y up to (x, -z, y) with z up."""
    return np.stack([positions[..., 0], -positions[..., 2], positions[..., 1]], axis=-1)


def centre(positions: np.ndarray) -> np.ndarray:
    """`positions [F, J, 3]`, z up, moved so that the pelvis is over the origin on average."""
    offset = positions[:, :1].mean(axis=0, keepdims=True)
    offset[..., 2] = 0
    return positions - offset
