"""Inspects a source before it is prepared: completeness and plausible numbers.

A builder adds its clips to a `SourceInspection`, whose findings `prepare` prints as a
table. A "suspicious" finding does not stop a clip from being written, and neither does
a split that is "missing" as a whole. A file that cannot be read at all is a
`JaxposeError` of its reader.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from jaxpose.body import cameras
from jaxpose.body.skeletons import get_skeleton
from jaxpose.datasets.report import Finding

# Mean bone length in metres. A wrong unit, a factor of 1000, cannot hide in this range.
MEAN_BONE_RANGE = (0.05, 0.5)
LONGEST_BONE = 0.8  # metres
MAX_BONE_CHANGE = 0.1  # metres, of one bone within a clip
# Fraction of the keypoints that may lie beyond a tenth of the image outside it.
MAX_OUTSIDE_FRACTION = 0.01
# Median reprojection error per clip, pixels. A projection differs by rounding and the
# linear or full distortion model, a detector by its own errors.
MAX_REPROJECTION_OF_PROJECTION = 2.0
MAX_REPROJECTION_OF_DETECTOR = 30.0

_STATUSES = ("complete", "suspicious", "missing")  # from good to bad


@dataclasses.dataclass
class ClipInspection:
    """Measurements of one clip over its valid frames, and what is implausible about it.

    Attributes:
      bone_length: as in `Finding`.
      outside: as in `Finding`.
      reprojection: as in `Finding`.
      problems: one sentence each.
    """

    bone_length: float | None = None
    outside: float | None = None
    reprojection: float | None = None
    problems: list[str] = dataclasses.field(default_factory=list)


def inspect_clip(example: Mapping[str, Any], *, metric: bool = True) -> ClipInspection:
    """Inspects one example of the clip schema, over its valid frames.

    Measures bone lengths, keypoints outside the image, and, where the camera and the
    absolute root are known, the distance from the projected 3D joints to the keypoints.

    Args:
      example: example of `schema.clip_features`.
      metric: whether its 3D is in metres.
    """
    # Image space and detections without 3D leave some measurements out.
    inspection = ClipInspection()
    if not example["valid"].any():
        return inspection
    if metric and example["has_positions_3d"]:
        _inspect_bones(example, inspection)
    if metric and example["has_absolute_root"] and example["has_intrinsics"]:
        _inspect_reprojection(example, inspection)
    _inspect_image(example, inspection)
    return inspection


def _inspect_bones(example: Mapping[str, Any], inspection: ClipInspection) -> None:
    """Measures bone lengths, which tell the unit and the joint order."""
    skeleton = get_skeleton(example["skeleton"])
    if not skeleton.bones:
        return
    positions_3d = example["positions_3d"][example["valid"]]
    child, parent = np.array(skeleton.bones).T
    lengths = np.linalg.norm(positions_3d[:, child] - positions_3d[:, parent], axis=-1)
    typical = np.median(lengths, axis=0)
    inspection.bone_length = float(typical.mean())

    # With a wrong unit, every other length is implausible too: report the unit alone.
    shortest, longest = MEAN_BONE_RANGE
    if not shortest <= inspection.bone_length <= longest:
        inspection.problems.append(
            f"the mean bone length is {inspection.bone_length:.3g} m; "
            "expected about 0.25: wrong unit?"
        )
        return

    if typical.max() > LONGEST_BONE:
        joint = skeleton.joints[child[typical.argmax()]]
        inspection.problems.append(
            f"the bone to {joint} is {typical.max():.2f} m long: wrong joint order?"
        )
    # Bones are rigid: a change means a jump of one joint, or swapped joints.
    change = np.abs(lengths - typical[None]).max(axis=0)
    if change.max() > MAX_BONE_CHANGE:
        joint = skeleton.joints[child[change.argmax()]]
        inspection.problems.append(
            f"the bone to {joint} changes its length by up to {change.max():.2f} m"
        )


def _inspect_reprojection(
    example: Mapping[str, Any], inspection: ClipInspection
) -> None:
    """Measures whether camera, 3D and 2D belong together, on the joints they share."""
    keypoints_joints = get_skeleton(example["keypoints_skeleton"]).joints
    joints = get_skeleton(example["skeleton"]).joints
    joints_3d, joints_2d = [], []
    for joint, name in enumerate(joints):
        if name in keypoints_joints:
            joints_3d.append(joint)
            joints_2d.append(keypoints_joints.index(name))
    if not joints_3d:
        return
    valid = example["valid"]
    positions_3d = example["positions_3d"][valid][:, joints_3d]
    keypoints_2d = example["keypoints_2d"][valid][:, joints_2d]

    # Project the 3D with the clip's own camera; without distortion where it has none.
    distortion = example["distortion"]
    if not np.isfinite(distortion).all():
        distortion = None
    width, height = np.asarray(example["image_size"]).tolist()
    camera = cameras.normalized_intrinsics(
        example["intrinsics"], distortion, (width, height)
    )
    screen = cameras.project(positions_3d.astype(np.float64), camera)
    projected = cameras.image_coordinates(screen, (width, height))

    # The median ignores the few frames in which a detector loses a joint.
    distances = np.linalg.norm(projected - keypoints_2d, axis=-1)
    inspection.reprojection = float(np.median(distances))
    limit = MAX_REPROJECTION_OF_DETECTOR
    if example["keypoints_source"].startswith("gt"):
        limit = MAX_REPROJECTION_OF_PROJECTION
    if inspection.reprojection > limit:
        inspection.problems.append(
            f"the 3D joints project {inspection.reprojection:.0f} px (median) from the "
            f"keypoints; expected below {limit:.0f}"
        )


def _inspect_image(example: Mapping[str, Any], inspection: ClipInspection) -> None:
    """Measures how many keypoints lie outside the image by more than a tenth of it."""
    keypoints_2d = example["keypoints_2d"][example["valid"]]
    size = np.asarray(example["image_size"], np.float32)
    # Detectors and projections leave the image a little at its border.
    outside = (keypoints_2d < -0.1 * size) | (keypoints_2d > 1.1 * size)
    inspection.outside = float(outside.any(axis=-1).mean())
    if inspection.outside > MAX_OUTSIDE_FRACTION:
        inspection.problems.append(
            f"{inspection.outside:.1%} of the keypoints lie outside the "
            f"{size[0]:.0f}x{size[1]:.0f} image"
        )


@dataclasses.dataclass
class _Take:
    """What was found of one take.

    Attributes:
      frames: frames by camera.
      clips: one inspection per clip.
      problems: the cameras that have a problem, by problem; none for the whole take.
      remarks: what is worth knowing.
    """

    frames: dict[str, int] = dataclasses.field(default_factory=dict)
    clips: list[ClipInspection] = dataclasses.field(default_factory=list)
    problems: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    remarks: list[str] = dataclasses.field(default_factory=list)


class SourceInspection:
    """Collects what a source holds by take, and compares it with published counts."""

    def __init__(self) -> None:
        self._takes: dict[tuple[str, str], _Take] = {}

    def add(
        self,
        example: Mapping[str, Any],
        take: str | None = None,
        *,
        metric: bool = True,
    ) -> None:
        """Counts and inspects a clip.

        Args:
          example: example of `schema.clip_features`.
          take: the take to count it under; None means the clip's own.
          metric: whether its 3D is in metres.
        """
        if take is None:
            take = example["take"]
        found = self._take(example["subject"], take)
        camera = example["camera"]
        found.frames[camera] = found.frames.get(camera, 0) + len(example["valid"])
        inspection = inspect_clip(example, metric=metric)
        found.clips.append(inspection)

        # Cameras that share a problem share one line of the table.
        for problem in inspection.problems:
            affected = found.problems.setdefault(problem, [])
            if camera not in affected:
                affected.append(camera)

    def refuse(self, subject: str, take: str, num_frames: int, problem: str) -> None:
        """Counts a take that cannot be read."""
        self._take(subject, take).frames[""] = num_frames
        self.suspect(subject, take, problem)

    def suspect(self, subject: str, take: str, problem: str) -> None:
        """Adds a problem of a take as a whole."""
        self._take(subject, take).problems[problem] = []

    def remark(self, subject: str, take: str, remark: str) -> None:
        """Adds a remark that makes a take no less complete."""
        self._take(subject, take).remarks.append(remark)

    def findings(
        self,
        published: Mapping[tuple[str, str], int | None] | None,
        *,
        may_be_shorter: bool = False,
    ) -> list[Finding]:
        """Returns one row per subject, followed by its takes that need a remark.

        Args:
          published: frames by (subject, take), None where only the take is known. None
            instead of the mapping, for a data set without published counts, gives one
            row per take and none for subjects.
          may_be_shorter: whether takes may lack frames. In some data sets the frames
            without motion capture are left out.
        """
        if published is None:
            return [self._finding(subject, take, None) for subject, take in self._takes]
        # Subjects in published order, then the ones that are published nowhere.
        rows: list[Finding] = []
        subjects = dict.fromkeys(name for name, _ in (*published, *self._takes))
        for subject in subjects:
            expected = {}
            for (name, take), num_frames in published.items():
                if name == subject:
                    expected[take] = num_frames
            rows += self._subject_findings(subject, expected, may_be_shorter)
        return rows

    def _take(self, subject: str, take: str) -> _Take:
        """Returns the record of a take, a new one at the first call."""
        return self._takes.setdefault((subject, take), _Take())

    def _subject_findings(
        self, subject: str, published: Mapping[str, int | None], may_be_shorter: bool
    ) -> Iterator[Finding]:
        """Yields the row of a subject, then the rows of its takes that need one."""
        found = [take for name, take in self._takes if name == subject]

        # The sum is known only where the frames of every take are published.
        total: int | None = 0
        for count in published.values():
            total = None if total is None or count is None else total + count
        if not found:
            detail = "not there"
            if len(published) > 1:
                detail = f"nothing of its {len(published)} takes"
            yield Finding("missing", subject, detail=detail, published=total)
            return

        # Published takes in their order, then the takes that nobody published.
        rows = []
        for take in dict.fromkeys((*published, *found)):
            rows.append(self._finding(subject, take, published, may_be_shorter))
        if len(rows) == 1:
            yield dataclasses.replace(rows[0], take="")
            return
        # The subject is as good as its worst take.
        ranks = [_STATUSES.index(row.status) for row in rows]
        summary = _summary(rows)
        yield Finding(
            status=_STATUSES[max(ranks)],
            subject=subject,
            detail=f"{len(found)} of {len(published)} takes",
            frames=sum(row.frames or 0 for row in rows),
            published=total,
            bone_length=summary.bone_length,
            outside=summary.outside,
            reprojection=summary.reprojection,
        )
        for row in rows:
            if row.status != "complete" or row.detail:
                yield row

    def _finding(
        self,
        subject: str,
        take: str,
        published: Mapping[str, int | None] | None,
        may_be_shorter: bool = False,
    ) -> Finding:
        """Returns the row of one take."""
        expected = None if published is None else published.get(take)
        if (subject, take) not in self._takes:
            return Finding("missing", subject, take, "no such take", published=expected)
        found = self._takes[subject, take]
        # The cameras of a take see the same frames: count them once.
        num_frames = max(found.frames.values(), default=0)

        # What is wrong with the take as a whole comes before what is wrong with its
        # clips.
        problems = []
        if published is not None and take not in published:
            problems.append("not a take of the published data set")
        elif expected is not None:
            too_short = num_frames < expected and not may_be_shorter
            if too_short or num_frames > expected:
                problems.append(f"expected {expected:,} frames")
        for problem, affected in found.problems.items():
            where = f" (camera {', '.join(affected)})" if any(affected) else ""
            problems.append(problem + where)

        summary = _summary(found.clips)
        return Finding(
            status="suspicious" if problems else "complete",
            subject=subject,
            take=take,
            detail="; ".join([*problems, *found.remarks]),
            frames=num_frames,
            published=expected,
            bone_length=summary.bone_length,
            outside=summary.outside,
            reprojection=summary.reprojection,
        )


def split_total(split: str, num_frames: int, published: int) -> Finding:
    """Returns the row of a split: its frames over all takes and cameras."""
    return Finding(
        "complete" if num_frames == published else "suspicious",
        split,
        detail="over all takes and cameras",
        frames=num_frames,
        published=published,
    )


def _summary(parts: Iterable[ClipInspection | Finding]) -> ClipInspection:
    """Returns the mean bone length, and the largest of the other measurements."""
    lengths, outside, errors = [], [], []
    for part in parts:
        # What was not measured has no say in the summary.
        if part.bone_length is not None:
            lengths.append(part.bone_length)
        if part.outside is not None:
            outside.append(part.outside)
        if part.reprojection is not None:
            errors.append(part.reprojection)
    return ClipInspection(
        bone_length=float(np.mean(lengths)) if lengths else None,
        outside=max(outside, default=None),
        reprojection=max(errors, default=None),
    )
