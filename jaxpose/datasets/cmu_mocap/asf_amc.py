"""Acclaim skeleton (.asf) and motion (.amc) files, and their forward kinematics.

Written here because no maintained library reads them: `asfamc-parser`, the only one on PyPI
with that purpose, had its last release in 2021.

A length unit of a file with `:units length s` is 1/s inch; angles are in degrees; y is up.
With C = Rz Ry Rx of a bone's `axis` and M = Rz Ry Rx of its degrees of freedom,
R(bone) = R(parent) C M C^-1 and end(bone) = end(parent) + R(bone) (direction * length).
"""

import dataclasses

import numpy as np

from jaxpose.errors import JaxposeError

METRES_PER_INCH = 0.0254
_ROOT = "root"
_ROTATIONS = ("rx", "ry", "rz")
_TRANSLATIONS = ("tx", "ty", "tz")


@dataclasses.dataclass(frozen=True)
class Bone:
    """One bone of a skeleton.

    Attributes:
      name: as in the file.
      parent: name of the parent bone, `root` for the first ones.
      offset: `[3]` metres, its end relative to its start in the skeleton's rest pose.
      axis: `[3]` degrees, the x, y and z rotation of its own frame.
      dof: its degrees of freedom in the order in which the motion gives them.
    """

    name: str
    parent: str
    offset: np.ndarray
    axis: np.ndarray
    dof: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class AcclaimSkeleton:
    """An .asf file.

    Attributes:
      root_dof: the six numbers of the root in the order in which the motion gives them.
      scale: metres per length unit.
      bones: by name, parents before children.
    """

    root_dof: tuple[str, ...]
    scale: float
    bones: dict[str, Bone]


def parse_asf(text: str, name: str) -> AcclaimSkeleton:
    """The skeleton in `text`.

    Args:
      text: contents of the .asf file.
      name: file name for messages.

    Raises:
      JaxposeError: a section, field or number is missing, not finite, or of an unknown kind.
    """
    sections = _sections(text, name)
    scale = METRES_PER_INCH / _scale(sections["units"], name)
    root_dof = _field(sections["root"], "order", f"{name}: :root")
    axis_order = _field(sections["root"], "axis", f"{name}: :root")
    root_dof = tuple(dof.lower() for dof in root_dof)
    if sorted(root_dof) != sorted(_TRANSLATIONS + _ROTATIONS) or axis_order != ["XYZ"]:
        raise JaxposeError(
            f"{name}: root order {root_dof} and axis {axis_order}; expected six dof and XYZ"
        )
    if not sections["hierarchy"]:
        raise JaxposeError(f"{name}: section :hierarchy is empty")
    parsed = _bones(sections["bonedata"], scale, name)
    return AcclaimSkeleton(
        root_dof, scale, _attach(parsed, sections["hierarchy"], name)
    )


def parse_amc(text: str, skeleton: AcclaimSkeleton, name: str) -> dict[str, np.ndarray]:
    """The motion in `text`.

    Args:
      text: contents of the .amc file, `:DEGREES`, frames numbered from 1.
      skeleton: names the degrees of freedom of each bone.
      name: file name for messages.

    Returns:
      `[F, dof]` by bone, file units: the root in `skeleton.root_dof`, others in degrees.

    Raises:
      JaxposeError: truncated, not finite, or other bones than the skeleton has; the message
        names line and frame.
    """
    start = text.find(":DEGREES")
    if start < 0:
        raise JaxposeError(
            f"{name}: no line ':DEGREES'; expected an .amc motion file in degrees"
        )
    body = text[start + len(":DEGREES") :]
    tokens = body.split()
    layout = _first_frame(tokens, skeleton)
    width = 1 + sum(1 + size for _, size in layout)
    if not layout or len(tokens) % width:
        raise _defect(text, skeleton, name)
    num_frames = len(tokens) // width
    motion, column = {}, 1
    try:
        for bone, size in layout:
            if any(token != bone for token in tokens[column::width]):
                raise _defect(text, skeleton, name)
            values = [
                list(map(float, tokens[column + 1 + k :: width])) for k in range(size)
            ]
            motion[bone] = np.array(values).reshape(size, num_frames).T
            column += 1 + size
    except ValueError as error:
        raise _defect(text, skeleton, name) from error
    if any(not np.isfinite(values).all() for values in motion.values()) or set(
        motion
    ) != _moving(skeleton):
        raise _defect(text, skeleton, name)
    if tokens[::width] != [str(frame) for frame in range(1, num_frames + 1)]:
        raise _defect(text, skeleton, name)
    return motion


def bone_ends(
    skeleton: AcclaimSkeleton, motion: dict[str, np.ndarray], wanted: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Forward kinematics.

    Args:
      skeleton: the bones.
      motion: from `parse_amc`.
      wanted: names of bones of `skeleton`.

    Returns:
      `[F, 3]` by bone in `wanted`: its end in the file's world (y up), metres.
    """
    root = dict(zip(skeleton.root_dof, motion[_ROOT].T, strict=True))
    rotations = {
        _ROOT: euler_rotation(np.stack([root[dof] for dof in _ROTATIONS], axis=-1))
    }
    ends = {
        _ROOT: np.stack([root[dof] for dof in _TRANSLATIONS], axis=-1) * skeleton.scale
    }
    needed = _with_ancestors(skeleton, wanted)
    for name, bone in skeleton.bones.items():
        if name not in needed:
            continue
        rotation = rotations[bone.parent]
        if bone.dof:
            axis = euler_rotation(bone.axis)
            angles = np.zeros((len(motion[name]), 3))
            angles[:, [_ROTATIONS.index(dof) for dof in bone.dof]] = motion[name]
            rotation = rotation @ (axis @ euler_rotation(angles) @ axis.T)
        rotations[name] = rotation
        ends[name] = ends[bone.parent] + rotation @ bone.offset
    return {name: ends[name] for name in wanted}


def euler_rotation(angles: np.ndarray) -> np.ndarray:
    """Rz Ry Rx `[..., 3, 3]` of the x, y and z angles `[..., 3]` in degrees."""
    (cx, cy, cz), (sx, sy, sz) = (
        np.moveaxis(f(np.radians(angles)), -1, 0) for f in (np.cos, np.sin)
    )
    rows = [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
        [-sy, cy * sx, cy * cx],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _sections(text: str, name: str) -> dict[str, list[list[str]]]:
    """The tokens of each line, by section."""
    sections, current = {}, None
    for line in text.splitlines():
        tokens = line.split()
        if not tokens or tokens[0].startswith("#"):
            continue
        if tokens[0].startswith(":"):
            current = sections.setdefault(tokens[0][1:].lower(), [])
        elif current is not None:
            current.append(tokens)
    missing = [
        f":{key}"
        for key in ("units", "root", "bonedata", "hierarchy")
        if key not in sections
    ]
    if missing:
        raise JaxposeError(
            f"{name}: no section {', '.join(missing)}; expected an .asf skeleton file"
        )
    return sections


def _scale(units: list[list[str]], name: str) -> float:
    if _field(units, "angle", f"{name}: :units") != ["deg"]:
        raise JaxposeError(
            f"{name}: angles are not in degrees; expected 'angle deg' in :units"
        )
    (length,) = _numbers(
        _field(units, "length", f"{name}: :units"), 1, f"{name}: :units length"
    )
    if length <= 0:
        raise JaxposeError(
            f"{name}: :units length is {length}; expected a positive number"
        )
    return length


def _field(lines: list[list[str]], key: str, where: str) -> list[str]:
    for tokens in lines:
        if tokens[0] == key:
            return tokens[1:]
    raise JaxposeError(f"{where} has no field {key!r}")


def _numbers(tokens: list[str], size: int, where: str) -> np.ndarray:
    try:
        numbers = np.array([float(token) for token in tokens])
    except ValueError:
        numbers = np.full(0, np.nan)
    if numbers.shape != (size,) or not np.isfinite(numbers).all():
        raise JaxposeError(
            f"{where} is {' '.join(tokens)!r}; expected {size} finite numbers"
        )
    return numbers


def _bones(lines: list[list[str]], scale: float, name: str) -> dict[str, Bone]:
    """Bones in file order, their parents still empty."""
    bones, start = {}, 0
    for end in [k for k, tokens in enumerate(lines) if tokens[0] == "end"]:
        block, start = lines[start:end], end + 1
        bone = " ".join(_field(block, "name", f"{name}: :bonedata"))
        where = f"{name}: bone {bone!r}"
        direction = _numbers(_field(block, "direction", where), 3, f"{where} direction")
        (length,) = _numbers(_field(block, "length", where), 1, f"{where} length")
        axis = _field(block, "axis", where)
        dof = next((tuple(tokens[1:]) for tokens in block if tokens[0] == "dof"), ())
        if (
            axis[3:] != ["XYZ"]
            or not set(dof) <= set(_ROTATIONS)
            or len(set(dof)) < len(dof)
        ):
            raise JaxposeError(
                f"{where} has axis {axis} and dof {dof}; expected x y z XYZ, and rx, ry, rz"
            )
        angles = _numbers(axis[:3], 3, f"{where} axis")
        bones[bone] = Bone(bone, "", direction * length * scale, angles, dof)
    return bones


def _attach(
    bones: dict[str, Bone], hierarchy: list[list[str]], name: str
) -> dict[str, Bone]:
    """Bones with parents, parents first."""
    attached = {}
    for parent, *children in (
        tokens for tokens in hierarchy if tokens[0] not in ("begin", "end")
    ):
        if parent != _ROOT and parent not in attached:
            raise JaxposeError(
                f"{name}: :hierarchy names children of {parent!r} before its own parent"
            )
        for child in children:
            if child not in bones or child in attached:
                found = "twice" if child in attached else "which :bonedata lacks"
                raise JaxposeError(f"{name}: :hierarchy names bone {child!r}, {found}")
            attached[child] = dataclasses.replace(bones[child], parent=parent)
    return attached


def _moving(skeleton: AcclaimSkeleton) -> set[str]:
    return {_ROOT} | {name for name, bone in skeleton.bones.items() if bone.dof}


def _dof_count(skeleton: AcclaimSkeleton, bone: str) -> int:
    return len(skeleton.root_dof) if bone == _ROOT else len(skeleton.bones[bone].dof)


def _first_frame(tokens: list[str], skeleton: AcclaimSkeleton) -> list[tuple[str, int]]:
    """(bone, number of values) in the order of the file's first frame."""
    moving, layout, column = _moving(skeleton), [], 1
    while (
        column < len(tokens) and tokens[column] in moving and len(layout) < len(moving)
    ):
        bone = tokens[column]
        layout.append((bone, _dof_count(skeleton, bone)))
        column += 1 + layout[-1][1]
    return layout


def _with_ancestors(skeleton: AcclaimSkeleton, bones: tuple[str, ...]) -> set[str]:
    needed = set()
    for bone in bones:
        while bone != _ROOT and bone not in needed:
            needed.add(bone)
            bone = skeleton.bones[bone].parent
    return needed


def _defect(text: str, skeleton: AcclaimSkeleton, name: str) -> JaxposeError:
    """The first thing wrong in a motion file, found line by line."""
    moving, frame, seen, in_motion = _moving(skeleton), 0, set(), False
    fix = "replace the file by a complete copy, or remove it and give the extracted folder as --source"
    for number, line in enumerate(text.splitlines(), start=1):
        tokens = line.split()
        if not in_motion or not tokens:
            in_motion = in_motion or line.strip() == ":DEGREES"
            continue
        where = f"{name}, line {number}, frame {frame}"
        if len(tokens) == 1 and tokens[0].isdecimal():
            if int(tokens[0]) != frame + 1:
                return JaxposeError(
                    f"{where}: frame {tokens[0]} follows; expected {frame + 1}; {fix}"
                )
            if frame and seen != moving:
                return JaxposeError(
                    f"{where}: the frame lacks {_list(moving - seen)}; {fix}"
                )
            frame, seen = frame + 1, set()
            continue
        bone, *values = tokens
        if bone not in moving or bone in seen:
            return JaxposeError(
                f"{where}: found {bone!r}; expected each bone of the .asf once; {fix}"
            )
        size = _dof_count(skeleton, bone)
        try:
            _numbers(values, size, f"{where}: {bone}")
        except JaxposeError as error:
            return JaxposeError(f"{error}; {fix}")
        seen.add(bone)
    if frame == 0:
        return JaxposeError(f"{name}: no frames after ':DEGREES'; {fix}")
    if seen != moving:
        return JaxposeError(
            f"{name}, frame {frame}: the file ends in the middle of the frame, which lacks "
            f"{_list(moving - seen)}; the file is truncated: {fix}"
        )
    return JaxposeError(f"{name}: the bones change their order between frames; {fix}")


def _list(bones: set[str]) -> str:
    return ", ".join(sorted(bones))
