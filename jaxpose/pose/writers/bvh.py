"""BVH: a skeleton with fixed bones, and its rotations over time, for animation."""

import dataclasses

import numpy as np

from jaxpose.body.skeletons import Skeleton
from jaxpose.errors import JaxposeError
from jaxpose.pose.bones import median_lengths, outwards, with_lengths
from jaxpose.pose.pose import Pose
from jaxpose.pose.vectors import across, unit
from jaxpose.pose.writers.axes import y_up

_CENTIMETRES = 100.0
_LEAST_LENGTH = 1e-6  # metres of a bone that has a direction
_END_LENGTH = (
    5.0  # centimetres beyond head, wrists and ankles, so that they can be seen
)
_CHANNELS = "Zrotation Xrotation Yrotation"

# Directions of bones in the rest pose: a T-pose that faces the camera, y up.
_DOWN = ("knee", "ankle", "foot", "leg")
_FORWARD = ("toe",)


@dataclasses.dataclass(frozen=True)
class _Rig:
    """Holds a skeleton with fixed bones.

    Attributes:
      body: the joint set.
      children: of each joint.
      offsets: `[J, 3]` centimetres from each joint's parent to it, in the rest pose.
    """

    body: Skeleton
    children: list[list[int]]
    offsets: np.ndarray


def encode(pose: Pose) -> bytes:
    """Returns a BVH file: centimetres, y up, degrees, the rest pose a T-pose.

    Bones have their median length. A bone to an only child points exactly as in the
    pose, turned from its rest direction by the smallest rotation against its parent.
    Hip and thorax, which have several children, are rotated by a least-squares fit.
    The translation of the root is that of the pose, and constant where it is unknown.

    Raises:
      JaxposeError: a bone has no length, so it has no direction.
    """
    body = pose.body
    positions = y_up(pose)
    lengths = median_lengths(positions, pose.seen, body)
    for child, parent in body.bones:
        if lengths[child] < _LEAST_LENGTH:
            raise JaxposeError(
                f"pose {pose.name!r}: the bone from {body.joints[parent]} to "
                f"{body.joints[child]} has no length, and BVH holds directions of bones"
            )
    positions = with_lengths(positions, lengths, body) * _CENTIMETRES
    rig = _make_rig(positions, body)
    angles = _euler_angles(_local_rotations(positions, rig))

    lines = ["HIERARCHY"]
    order = _write_joint(rig, body.root, 0, lines)
    lines += ["MOTION", f"Frames: {len(positions)}", f"Frame Time: {1 / pose.rate:.8f}"]
    motion = [positions[:, body.root]]
    motion += [angles[:, joint] for joint in order]
    for row in np.concatenate(motion, axis=1):
        lines.append(" ".join(f"{number:.6f}" for number in row))
    return ("\n".join(lines) + "\n").encode()


def _make_rig(positions: np.ndarray, body: Skeleton) -> _Rig:
    """Makes the skeleton whose bones have the lengths of `[F, J, 3]` positions."""
    children: list[list[int]] = [[] for _ in body.joints]
    offsets = np.zeros((body.num_joints, 3))
    for child, parent in body.bones:
        children[parent].append(child)
        length = np.linalg.norm(positions[0, child] - positions[0, parent])
        offsets[child] = length * _rest_direction(body.joints[child])
    # Several bones from one joint move as one: they get the mean of their true shape.
    for joint, group in enumerate(children):
        if len(group) > 1:
            shape = _bones_from(positions, joint, group)
            offsets[group] = _mean_shape(shape, offsets[group])
    return _Rig(body, children, offsets)


def _rest_direction(name: str) -> np.ndarray:
    """Returns the direction of the bone to a joint in a T-pose that faces +z."""
    if any(part in name for part in _FORWARD):
        return np.array([0.0, 0.0, 1.0])
    if any(part in name for part in _DOWN):
        return np.array([0.0, -1.0, 0.0])
    if name.startswith("left_"):
        return np.array([1.0, 0.0, 0.0])
    if name.startswith("right_"):
        return np.array([-1.0, 0.0, 0.0])
    return np.array([0.0, 1.0, 0.0])


def _bones_from(positions: np.ndarray, joint: int, group: list[int]) -> np.ndarray:
    """Returns `[F, n, 3]`, the bones from a joint to n children."""
    return positions[:, group] - positions[:, joint, None]


def _mean_shape(bones: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Returns `[n, 3]`: the mean of `bones` `[F, n, 3]`, each turned onto `rest`."""
    shape = rest
    for _ in range(5):
        rotations = _fit_rotations(shape, bones)
        # The inverse of each rotation brings the frame's bones to the rest pose.
        turned = np.einsum("fji,fnj->fni", rotations, bones)
        shape = turned.mean(axis=0)
    # The mean may have drifted; the rest pose has to face the camera.
    turn = _fit_rotations(shape, rest[None])[0]
    lengths = np.linalg.norm(rest, axis=-1, keepdims=True)
    return unit(shape) * lengths @ turn.T


def _fit_rotations(rest: np.ndarray, bones: np.ndarray) -> np.ndarray:
    """Returns `[F, 3, 3]` that turn `rest` `[n, 3]` best onto `bones` `[F, n, 3]`.

    Kabsch's solution of the least-squares problem, without reflections.
    """
    common = np.einsum("fni,nj->fij", bones, rest)
    left, _, right = np.linalg.svd(common)
    sign = np.linalg.det(left @ right)
    left[..., -1] *= sign[:, None]
    return left @ right


def _local_rotations(positions: np.ndarray, rig: _Rig) -> np.ndarray:
    """Returns `[F, J, 3, 3]`: the rotation of each joint against its parent."""
    frames, joints = positions.shape[:2]
    identity = np.broadcast_to(np.eye(3), (frames, 3, 3))
    local = np.broadcast_to(np.eye(3), (frames, joints, 3, 3)).copy()
    in_space = local.copy()
    for joint in outwards(rig.body):
        parent = rig.body.parents[joint]
        above = in_space[:, parent] if parent >= 0 else identity
        group = rig.children[joint]
        if group:
            bones = _bones_from(positions, joint, group)
            # In the axes of the parent, where the rest pose is at rest.
            bones = np.einsum("fji,fnj->fni", above, bones)
            if len(group) == 1:
                local[:, joint] = _smallest_rotation(rig.offsets[group[0]], bones[:, 0])
            else:
                local[:, joint] = _fit_rotations(rig.offsets[group], bones)
        in_space[:, joint] = above @ local[:, joint]
    return local


def _smallest_rotation(rest: np.ndarray, bones: np.ndarray) -> np.ndarray:
    """Returns `[F, 3, 3]` that turn `rest` `[3]` into the directions `bones` `[F, 3]`.

    Rodrigues' formula: with the axis `a = rest x bone`, not scaled, and its matrix `A`
    of cross products, `R = I + A + A^2 / (1 + rest . bone)`.
    """
    start, end = unit(rest), unit(bones)
    # Opposite directions have no smallest rotation: any axis across does.
    axis = across(start)
    half_turn = 2 * np.outer(axis, axis) - np.eye(3)
    axis = np.cross(start, end)
    cosine = end @ start
    matrix = np.zeros((len(end), 3, 3))
    matrix[:, 0, 1], matrix[:, 1, 0] = -axis[:, 2], axis[:, 2]
    matrix[:, 0, 2], matrix[:, 2, 0] = axis[:, 1], -axis[:, 1]
    matrix[:, 1, 2], matrix[:, 2, 1] = -axis[:, 0], axis[:, 0]
    factor = 1 / np.maximum(1 + cosine, 1e-9)
    rotations = np.eye(3) + matrix + matrix @ matrix * factor[:, None, None]
    is_opposite = (cosine < 1e-9 - 1)[:, None, None]
    rotations = np.where(is_opposite, half_turn, rotations)
    # Bones without length turn nothing.
    has_direction = np.isfinite(cosine)[:, None, None]
    return np.where(has_direction, rotations, np.eye(3))


def _euler_angles(rotations: np.ndarray) -> np.ndarray:
    """Returns `[F, J, 3]` degrees about z, x, y with `R = Rz Rx Ry`, without jumps.

    Args:
      rotations: `[F, J, 3, 3]`.
    """
    x = np.arcsin(np.clip(rotations[..., 2, 1], -1, 1))
    z = np.arctan2(-rotations[..., 0, 1], rotations[..., 1, 1])
    y = np.arctan2(-rotations[..., 2, 0], rotations[..., 2, 2])
    # Where x is a right angle, only the sum or difference of z and y is known.
    is_locked = np.hypot(rotations[..., 0, 1], rotations[..., 1, 1]) < 1e-9
    alone = np.arctan2(rotations[..., 1, 0], rotations[..., 0, 0])
    z, y = np.where(is_locked, alone, z), np.where(is_locked, 0.0, y)
    angles = np.degrees(np.stack([z, x, y], axis=-1))
    # Programs interpolate between frames: a step of 359 degrees would be a spin.
    return np.unwrap(angles, period=360, axis=0)


def _write_joint(rig: _Rig, joint: int, depth: int, lines: list[str]) -> list[int]:
    """Writes a joint and those below it; returns them in the order of the file."""
    indent = "  " * depth
    is_root = depth == 0
    kind, places = ("ROOT", "6") if is_root else ("JOINT", "3")
    offset = np.zeros(3) if is_root else rig.offsets[joint]
    channels = "Xposition Yposition Zposition " if is_root else ""
    lines += [
        f"{indent}{kind} {rig.body.joints[joint]}",
        f"{indent}{{",
        f"{indent}  OFFSET {_numbers(offset)}",
        f"{indent}  CHANNELS {places} {channels}{_CHANNELS}",
    ]
    order = [joint]
    for child in rig.children[joint]:
        order += _write_joint(rig, child, depth + 1, lines)
    if not rig.children[joint]:
        end = _END_LENGTH * _rest_direction(rig.body.joints[joint])
        lines += [
            f"{indent}  End Site",
            f"{indent}  {{",
            f"{indent}    OFFSET {_numbers(end)}",
            f"{indent}  }}",
        ]
    lines.append(f"{indent}}}")
    return order


def _numbers(offset: np.ndarray) -> str:
    """Returns three numbers as BVH writes them."""
    return " ".join(f"{number:.6f}" for number in offset)
