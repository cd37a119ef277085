"""Builds CMU motion capture for TFDS: 17 joints at 50 Hz, four Human3.6M cameras."""

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

# Bones whose ends are the joints of H36M_17 from index 1 on. The pelvis is the middle
# of both hips.
JOINT_BONES = (
    "rhipjoint", "rfemur", "rtibia", "lhipjoint", "lfemur", "ltibia", "lowerback",
    "thorax", "upperneck", "head", "lclavicle", "lhumerus", "lwrist", "rclavicle",
    "rhumerus", "rwrist",
)  # fmt: skip

# Neither file states the rate. It is 120 Hz except for these subjects, of which only
# 88's rate is known.
DEFAULT_RATE = 120.0
OTHER_RATES = {"88": 60.0}
UNKNOWN_RATES = frozenset({
    "33", "34", "42", "60", "61", "62", "74", "75", "77", "79", "80", "87", "89", "136",
})  # fmt: skip


class Builder(base.ClipBuilder):
    """The CMU Graphics Lab Motion Capture Database.

    Subjects are the database's (`01`), takes its trials (`01_08`). The archive does not
    state what a trial shows, so `action` is the trial too, and per-action tables have
    one row per trial. All clips are in one split, `train`; configs choose subjects.

    Licence: free to use, copy, modify and redistribute, also in products that are sold;
      the
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
    DESCRIPTION = (
        "Real motion capture (.asf/.amc) on the 17 Human3.6M joints, four projected "
        "cameras."
    )
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
    ) -> pathlib.Path | None:
        """Returns `source`, or the archive downloaded from the database's site.

        Raises:
          JaxposeError: the source does not exist, or the download failed.
        """
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
        """Returns all clips in the split `train`."""
        return {"train": self._clips(Archive(source), report)}

    def _clips(self, archive: "Archive", report: Report) -> Iterator[dict]:
        """Yields the clips of all subjects with a known frame rate."""
        for subject, trials in archive.trials.items():
            # A wrong rate would give wrong speeds, which models learn from.
            if subject in UNKNOWN_RATES:
                report.notes.append(
                    f"subject {subject} skipped ({len(trials)} takes): "
                    "unknown frame rate"
                )
                continue
            asf_name = archive.skeletons[subject]
            skeleton = asf_amc.parse_asf(archive.read(asf_name), asf_name)
            missing = sorted(set(JOINT_BONES) - set(skeleton.bones))
            if missing:
                raise JaxposeError(f"{asf_name}: bone {', '.join(missing)} is missing")
            rate = OTHER_RATES.get(subject, DEFAULT_RATE)
            for take, amc_name in trials.items():
                motion = asf_amc.parse_amc(archive.read(amc_name), skeleton, amc_name)
                positions = resample(joints(skeleton, motion), rate, FPS)
                # The actors walk around a room of their own; the cameras look at the
                # origin of theirs.
                positions = centre(to_z_up(positions))
                yield from self._views(subject, take, positions)

    def _views(self, subject: str, take: str, positions: np.ndarray) -> Iterator[dict]:
        """Yields the four clips of one take, `positions [F, 17, 3]` in the world."""
        keypoints_source = self.builder_config.keypoints_source
        for camera in h36m_cameras("S1"):
            keypoints_2d, positions_3d, valid = render(positions, camera)
            if keypoints_source != "gt":
                # A seed by name: the noise is the same however many takes are prepared.
                seed = zlib.crc32(f"{take}.{camera.name}".encode())
                rng = np.random.default_rng(seed)
                keypoints_2d = add_detector_noise(keypoints_2d, rng)
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
                keypoints_source=keypoints_source,
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
          JaxposeError: this is no zip archive or folder, or it lacks .asf or .amc
            files.
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
                    f"{source} is not a readable zip archive ({error}); expected "
                    f"allasfamc.zip from {URL}, whole, or its extracted folder"
                ) from error
            names = self._zip.namelist()
        self.skeletons, self.trials = _index(sorted(names), source)

    def read(self, name: str) -> str:
        """Returns the text of a file.

        Raises:
          JaxposeError: it cannot be read or decompressed.
        """
        try:
            if self._zip is None:
                content = (self._source / name).read_bytes()
            else:
                content = self._zip.read(name)
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
    """Returns `Archive.skeletons` and `Archive.trials` of the file names in a source.

    Raises:
      JaxposeError: there is no motion, or a motion without skeleton.
    """
    skeletons: dict[str, str] = {}
    trials: dict[str, dict[str, str]] = {}
    for name in names:
        if match := re.search(r"(?:^|/)(\d+)\.asf$", name):
            skeletons[match[1]] = name
        elif match := re.search(r"(?:^|/)((\d+)_\d+)\.amc$", name):
            trials.setdefault(match[2], {})[match[1]] = name
    if not trials:
        raise JaxposeError(
            f"{source} holds no .amc file named <subject>_<trial>.amc; expected the "
            "layout of allasfamc.zip: all_asfamc/subjects/<subject>/<subject>.asf and "
            "<subject>_<trial>.amc"
        )
    missing = [f"{name}.asf" for name in sorted(set(trials) - set(skeletons))]
    if missing:
        raise JaxposeError(f"{source}: no skeleton file {', '.join(missing)}")
    return skeletons, trials


def joints(
    skeleton: asf_amc.AcclaimSkeleton, motion: dict[str, np.ndarray]
) -> np.ndarray:
    """Returns H36M_17 joints `[F, 17, 3]` in the file's world (y up), metres."""
    ends = asf_amc.bone_ends(skeleton, motion, JOINT_BONES)
    pelvis = (ends["lhipjoint"] + ends["rhipjoint"]) / 2
    return np.stack([pelvis] + [ends[bone] for bone in JOINT_BONES], axis=1)


def resample(positions: np.ndarray, rate: float, new_rate: float) -> np.ndarray:
    """Returns `positions [F, J, 3]` at `new_rate`, linear in time between frames.

    The first frame stays where it is.
    """
    last = len(positions) - 1
    num_frames = int(last * new_rate / rate) + 1
    places = np.arange(num_frames) * (rate / new_rate)  # in frames of the source
    below = np.minimum(places.astype(np.int64), max(last - 1, 0))
    above = np.minimum(below + 1, last)
    share = (places - below)[:, None, None]
    return (1 - share) * positions[below] + share * positions[above]


def to_z_up(positions: np.ndarray) -> np.ndarray:
    """Converts world axes (x, y, z) with y up to (x, -z, y) with z up."""
    x, y, z = np.moveaxis(positions, -1, 0)
    return np.stack([x, -z, y], axis=-1)


def centre(positions: np.ndarray) -> np.ndarray:
    """Moves `positions [F, J, 3]`, z up, so that the mean pelvis is over the origin."""
    offset = positions[:, :1].mean(axis=0, keepdims=True)
    offset[..., 2] = 0  # feet stay on the floor
    return positions - offset
