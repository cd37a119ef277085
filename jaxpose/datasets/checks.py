"""Checks of a source before it is prepared: is it complete, and can it be what it says it is?

A builder yields findings; `prepare` prints them as a table. `missing` and `suspicious` findings
do not stop a clip from being read: what cannot be read at all is a `JaxposeError` of its reader.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from jaxpose import cameras
from jaxpose.datasets.report import Finding
from jaxpose.skeletons import get_skeleton

MEAN_BONE_RANGE = (0.05, 0.5)  # metres; a factor of 1000 between units cannot hide in it
LONGEST_BONE = 0.8  # metres
BONE_CHANGE = 0.1  # metres, of one bone within a clip
OUTSIDE_FRACTION = 0.01  # of the keypoints, further out than a tenth of the image
REPROJECTION_PIXELS = {True: 2.0, False: 30.0}  # median per clip: projected truth, a detector


def check_counts(
    frames: Mapping[tuple[str, str], int], expected: Mapping[tuple[str, str], int]
) -> Iterator[Finding]:
    """Compares frame counts per (subject, take) with the published ones.

    Yields one `complete` finding for each subject whose takes and frames all agree.
    """
    for subject in dict.fromkeys(subject for subject, _ in (*expected, *frames)):
        takes = {take for name, take in expected if name == subject}
        found = {take: count for (name, take), count in frames.items() if name == subject}
        if not found:
            yield Finding("missing", subject, f"no take; expected {len(takes)}")
            continue
        findings = list(_check_takes(subject, found, {t: expected[subject, t] for t in takes}))
        yield from findings
        if not findings:
            yield Finding("complete", subject, f"{len(found)} takes, {sum(found.values()):,} frames")


def _check_takes(subject: str, found: dict[str, int], expected: dict[str, int]) -> Iterator[Finding]:
    for take in sorted({*found, *expected}):
        if take not in found:
            yield Finding("missing", f"{subject}/{take}", f"no such take; expected {expected[take]:,} frames")
        elif take not in expected:
            yield Finding("suspicious", f"{subject}/{take}", "not a take of the published data set")
        elif found[take] != expected[take]:
            yield Finding(
                "suspicious", f"{subject}/{take}", f"{found[take]:,} frames; expected {expected[take]:,}"
            )


def check_clip(example: Mapping[str, Any]) -> Iterator[Finding]:
    """Checks one example of the clip schema, over its valid frames.

    Bone lengths, keypoints inside the image, and, where the camera and the absolute root are
    known, the distance between the keypoints and the projected 3D joints.
    """
    for message in (*_bone_messages(example), *_reprojection_messages(example)):
        yield Finding("suspicious", _what(example), message)
    yield from check_image(example)


def check_image(example: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether the keypoints of the valid frames lie inside the image, up to a tenth of its size."""
    keypoints_2d = example["keypoints_2d"][example["valid"]]
    size = np.asarray(example["image_size"], np.float32)
    outside = (keypoints_2d < -0.1 * size) | (keypoints_2d > 1.1 * size)
    fraction = outside.any(axis=-1).mean() if len(keypoints_2d) else 0.0
    if fraction > OUTSIDE_FRACTION:
        message = f"{fraction:.1%} of the keypoints lie outside the {size[0]:.0f}x{size[1]:.0f} image"
        yield Finding("suspicious", _what(example), message)


def _what(example: Mapping[str, Any]) -> str:
    return "/".join((example["subject"], example["take"], example["camera"]))


def _bone_messages(example: Mapping[str, Any]) -> Iterator[str]:
    skeleton = get_skeleton(example["skeleton"])
    positions_3d = example["positions_3d"][example["valid"]]
    if not example["has_positions_3d"] or not skeleton.bones or not len(positions_3d):
        return
    child, parent = np.array(skeleton.bones).T
    lengths = np.linalg.norm(positions_3d[:, child] - positions_3d[:, parent], axis=-1)
    typical = np.median(lengths, axis=0)
    if not MEAN_BONE_RANGE[0] <= typical.mean() <= MEAN_BONE_RANGE[1]:
        yield f"the mean bone length is {typical.mean():.3g} m; expected about 0.25: wrong unit?"
        return
    if typical.max() > LONGEST_BONE:
        joint = skeleton.joints[child[typical.argmax()]]
        yield f"the bone to {joint} is {typical.max():.2f} m long: wrong joint order?"
    change = np.abs(lengths - typical[None]).max(axis=0)
    if change.max() > BONE_CHANGE:
        joint = skeleton.joints[child[change.argmax()]]
        yield f"the bone to {joint} changes its length by up to {change.max():.2f} m"


def _reprojection_messages(example: Mapping[str, Any]) -> Iterator[str]:
    keypoints_joints = get_skeleton(example["keypoints_skeleton"]).joints
    joints = get_skeleton(example["skeleton"]).joints
    common = [name for name in joints if name in keypoints_joints]
    valid = example["valid"]
    if not (example["has_intrinsics"] and example["has_absolute_root"] and common and valid.any()):
        return
    distortion = example["distortion"]
    size = tuple(int(length) for length in example["image_size"])
    camera = cameras.normalized_intrinsics(
        example["intrinsics"], distortion if np.isfinite(distortion).all() else None, size
    )
    positions_3d = example["positions_3d"][valid][:, [joints.index(name) for name in common]]
    keypoints_2d = example["keypoints_2d"][valid][:, [keypoints_joints.index(name) for name in common]]
    projected = cameras.image_coordinates(cameras.project(positions_3d.astype(np.float64), camera), size)
    error = np.median(np.linalg.norm(projected - keypoints_2d, axis=-1))
    limit = REPROJECTION_PIXELS[example["keypoints_source"].startswith("gt")]
    if error > limit:
        yield (
            f"the 3D joints project {error:.0f} px (median) from the keypoints; expected below {limit:.0f}"
        )
