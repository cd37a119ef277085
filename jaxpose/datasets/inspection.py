"""Checks of a source before it is prepared: is it complete, and can it be what it says it is?

A builder collects them in a `SourceInspection`; `prepare` prints them as a table. `suspicious` findings
do not stop a clip from being written, nor does a split that is `missing` as a whole; what cannot
be read at all is a `JaxposeError` of its reader.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from jaxpose.body import cameras
from jaxpose.body.skeletons import get_skeleton
from jaxpose.datasets.report import Finding

MEAN_BONE_RANGE = (
    0.05,
    0.5,
)  # metres; a factor of 1000 between units cannot hide in it
LONGEST_BONE = 0.8  # metres
BONE_CHANGE = 0.1  # metres, of one bone within a clip
OUTSIDE_FRACTION = 0.01  # of the keypoints, further out than a tenth of the image
REPROJECTION_PIXELS = {
    True: 2.0,
    False: 30.0,
}  # median per clip: projected truth, a detector

_STATUSES = ("complete", "suspicious", "missing")  # from good to bad


@dataclasses.dataclass
class ClipInspection:
    """What one clip measures over its valid frames, and what is implausible about it.

    Attributes:
      bone_length, outside, reprojection: as `Finding` has them.
      problems: one sentence each.
    """

    bone_length: float | None = None
    outside: float | None = None
    reprojection: float | None = None
    problems: list[str] = dataclasses.field(default_factory=list)


def inspect_clip(example: Mapping[str, Any], *, metric: bool = True) -> ClipInspection:
    """Checks one example of the clip schema, over its valid frames.

    Bone lengths, keypoints inside the image, and, where the camera and the absolute root are
    known, the distance between the keypoints and the projected 3D joints.

    Args:
      example: of `schema.clip_features`.
      metric: whether its 3D is in metres.
    """
    check = ClipInspection()
    if not example["valid"].any():
        return check
    if metric and example["has_positions_3d"]:
        _check_bones(example, check)
    if metric and example["has_absolute_root"] and example["has_intrinsics"]:
        _check_reprojection(example, check)
    _check_image(example, check)
    return check


def _check_bones(example: Mapping[str, Any], check: ClipInspection) -> None:
    skeleton = get_skeleton(example["skeleton"])
    positions_3d = example["positions_3d"][example["valid"]]
    if not skeleton.bones:
        return
    child, parent = np.array(skeleton.bones).T
    lengths = np.linalg.norm(positions_3d[:, child] - positions_3d[:, parent], axis=-1)
    typical = np.median(lengths, axis=0)
    check.bone_length = float(typical.mean())
    if not MEAN_BONE_RANGE[0] <= check.bone_length <= MEAN_BONE_RANGE[1]:
        check.problems.append(
            f"the mean bone length is {check.bone_length:.3g} m; expected about 0.25: wrong unit?"
        )
        return
    if typical.max() > LONGEST_BONE:
        joint = skeleton.joints[child[typical.argmax()]]
        check.problems.append(
            f"the bone to {joint} is {typical.max():.2f} m long: wrong joint order?"
        )
    change = np.abs(lengths - typical[None]).max(axis=0)
    if change.max() > BONE_CHANGE:
        joint = skeleton.joints[child[change.argmax()]]
        check.problems.append(
            f"the bone to {joint} changes its length by up to {change.max():.2f} m"
        )


def _check_reprojection(example: Mapping[str, Any], check: ClipInspection) -> None:
    keypoints_joints = get_skeleton(example["keypoints_skeleton"]).joints
    joints = get_skeleton(example["skeleton"]).joints
    common = [name for name in joints if name in keypoints_joints]
    if not common:
        return
    valid, distortion = example["valid"], example["distortion"]
    size = tuple(int(length) for length in example["image_size"])
    camera = cameras.normalized_intrinsics(
        example["intrinsics"],
        distortion if np.isfinite(distortion).all() else None,
        size,
    )
    positions_3d = example["positions_3d"][valid][
        :, [joints.index(name) for name in common]
    ]
    keypoints_2d = example["keypoints_2d"][valid][
        :, [keypoints_joints.index(name) for name in common]
    ]
    projected = cameras.image_coordinates(
        cameras.project(positions_3d.astype(np.float64), camera), size
    )
    check.reprojection = float(
        np.median(np.linalg.norm(projected - keypoints_2d, axis=-1))
    )
    limit = REPROJECTION_PIXELS[example["keypoints_source"].startswith("gt")]
    if check.reprojection > limit:
        check.problems.append(
            f"the 3D joints project {check.reprojection:.0f} px (median) from the keypoints; "
            f"expected below {limit:.0f}"
        )


def _check_image(example: Mapping[str, Any], check: ClipInspection) -> None:
    """Keypoints lie inside the image, up to a tenth of its size."""
    keypoints_2d = example["keypoints_2d"][example["valid"]]
    size = np.asarray(example["image_size"], np.float32)
    outside = (keypoints_2d < -0.1 * size) | (keypoints_2d > 1.1 * size)
    check.outside = float(outside.any(axis=-1).mean())
    if check.outside > OUTSIDE_FRACTION:
        check.problems.append(
            f"{check.outside:.1%} of the keypoints lie outside the {size[0]:.0f}x{size[1]:.0f} image"
        )


@dataclasses.dataclass
class _Take:
    """What was found of one take."""

    frames: dict[str, int] = dataclasses.field(default_factory=dict)  # by camera
    clips: list[ClipInspection] = dataclasses.field(default_factory=list)
    problems: dict[str, list[str]] = dataclasses.field(
        default_factory=dict
    )  # the cameras that have it
    remarks: list[str] = dataclasses.field(default_factory=list)


class SourceInspection:
    """Collects what is found in a source, take by take, and compares it with what is published."""

    def __init__(self) -> None:
        self._takes: dict[tuple[str, str], _Take] = {}

    def add(
        self,
        example: Mapping[str, Any],
        take: str | None = None,
        *,
        metric: bool = True,
    ) -> None:
        """Counts and checks a clip; `take` is what it is counted under, its own take unless given."""
        found = self._take(
            example["subject"], example["take"] if take is None else take
        )
        camera = example["camera"]
        found.frames[camera] = found.frames.get(camera, 0) + len(example["valid"])
        check = inspect_clip(example, metric=metric)
        found.clips.append(check)
        for problem in check.problems:
            cameras_of_it = found.problems.setdefault(problem, [])
            if camera not in cameras_of_it:
                cameras_of_it.append(camera)

    def refuse(self, subject: str, take: str, frames: int, problem: str) -> None:
        """Counts a take that cannot be read."""
        self._take(subject, take).frames[""] = frames
        self.suspect(subject, take, problem)

    def suspect(self, subject: str, take: str, problem: str) -> None:
        """Adds what is wrong with a take that was added."""
        self._take(subject, take).problems[problem] = []

    def remark(self, subject: str, take: str, remark: str) -> None:
        """Adds what is worth knowing about a take, and no reason to suspect it."""
        self._take(subject, take).remarks.append(remark)

    def findings(
        self,
        published: Mapping[tuple[str, str], int | None] | None,
        *,
        may_be_shorter: bool = False,
    ) -> list[Finding]:
        """A row for each subject, and below it one for each take that there is something to say about.

        Args:
          published: frames by (subject, take), None where only the take is known; None where
            nothing is published, which gives a row for every take and none for subjects.
          may_be_shorter: takes may lack frames, as those without motion capture are left out.
        """
        if published is None:
            return [self._finding(subject, take, None) for subject, take in self._takes]
        rows = []
        for subject in dict.fromkeys(
            subject for subject, _ in (*published, *self._takes)
        ):
            rows += self._of_subject(
                subject,
                {take: n for (name, take), n in published.items() if name == subject},
                may_be_shorter,
            )
        return rows

    def _take(self, subject: str, take: str) -> _Take:
        return self._takes.setdefault((subject, take), _Take())

    def _of_subject(
        self, subject: str, published: Mapping[str, int | None], may_be_shorter: bool
    ) -> Iterator[Finding]:
        found = [take for name, take in self._takes if name == subject]
        counts = [count for count in published.values() if count is not None]
        total = sum(counts) if len(counts) == len(published) else None
        if not found:
            detail = (
                f"nothing of its {len(published)} takes"
                if len(published) > 1
                else "not there"
            )
            yield Finding("missing", subject, detail=detail, published=total)
            return
        order = [*published, *(take for take in found if take not in published)]
        rows = [
            self._finding(subject, take, published, may_be_shorter) for take in order
        ]
        if len(rows) == 1:
            yield dataclasses.replace(rows[0], take="")
            return
        yield Finding(
            status=max((row.status for row in rows), key=_STATUSES.index),
            subject=subject,
            detail=f"{len(found)} of {len(published)} takes",
            frames=sum(row.frames for row in rows if row.frames is not None),
            published=total,
            **_summary(rows),
        )
        yield from (row for row in rows if row.status != "complete" or row.detail)

    def _finding(
        self,
        subject: str,
        take: str,
        published: Mapping[str, int | None] | None,
        may_be_shorter: bool = False,
    ) -> Finding:
        expected = None if published is None else published.get(take)
        if (subject, take) not in self._takes:
            return Finding("missing", subject, take, "no such take", published=expected)
        found = self._takes[subject, take]
        frames = max(found.frames.values(), default=0)
        problems = [
            problem
            + (f" (camera {', '.join(cameras_of_it)})" if any(cameras_of_it) else "")
            for problem, cameras_of_it in found.problems.items()
        ]
        if published is not None and take not in published:
            problems.insert(0, "not a take of the published data set")
        elif expected is not None and (
            frames > expected or (frames < expected and not may_be_shorter)
        ):
            problems.insert(0, f"expected {expected:,} frames")
        return Finding(
            status="suspicious" if problems else "complete",
            subject=subject,
            take=take,
            detail="; ".join([*problems, *found.remarks]),
            frames=frames,
            published=expected,
            **_summary(found.clips),
        )


def split_total(split: str, frames: int, published: int) -> Finding:
    """The frames of a whole split over all takes and cameras beside the number everybody quotes."""
    return Finding(
        "complete" if frames == published else "suspicious",
        split,
        detail="over all takes and cameras",
        frames=frames,
        published=published,
    )


def _summary(parts: Iterable[ClipInspection | Finding]) -> dict[str, float | None]:
    """The mean bone length, and the worst of the rest."""
    parts = list(parts)

    def known(name: str) -> list[float]:
        return [value for part in parts if (value := getattr(part, name)) is not None]

    lengths = known("bone_length")
    return {
        "bone_length": float(np.mean(lengths)) if lengths else None,
        "outside": max(known("outside"), default=None),
        "reprojection": max(known("reprojection"), default=None),
    }
