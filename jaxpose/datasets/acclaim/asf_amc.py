"""Reads Acclaim skeletons (.asf) and motions (.amc), and computes forward kinematics.

This is written here because no maintained library reads the files: `asfamc-parser`, the
only one on PyPI for them, had its last release in 2021.

A length unit of a file with `:units length s` is 1/s inch; angles are in degrees; y is
up. With C = Rz Ry Rx of a bone's `axis` and M = Rz Ry Rx of its degrees of freedom,
R(bone) = R(parent) C M C^-1 and end(bone) = end(parent) + R(bone) (direction * length).
"""

import dataclasses

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.wording import cut, shown

METRES_PER_INCH = 0.0254

# Words of the files.
_ROOT = "root"
_ROTATIONS = ("rx", "ry", "rz")
_TRANSLATIONS = ("tx", "ty", "tz")
_SECTIONS = ("units", "root", "bonedata", "hierarchy")
_MOTION_START = ":DEGREES"

_FIX = (
    "replace the file by a complete copy, or remove it and give the extracted folder "
    "as --source"
)

Lines = list[list[str]]  # the words of each line


@dataclasses.dataclass(frozen=True)
class Bone:
    """One bone of a skeleton.

    Attributes:
      name: name in the file.
      parent: name of the parent bone, `root` for the first ones.
      offset: `[3]` metres, its end relative to its start in the skeleton's rest pose.
      axis: `[3]` degrees, the x, y and z rotation of its own frame.
      dof: its degrees of freedom, in the order of their values in a motion.
    """

    name: str
    parent: str
    offset: np.ndarray
    axis: np.ndarray
    dof: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class AcclaimSkeleton:
    """The content of an .asf file.

    Attributes:
      root_dof: the six degrees of freedom of the root, in the order of their values in
        a motion.
      scale: metres per length unit.
      bones: bones by name, parents before children.
    """

    root_dof: tuple[str, ...]
    scale: float
    bones: dict[str, Bone]

    @property
    def num_values(self) -> dict[str, int]:
        """Returns how many values the root and each moving bone have per frame."""
        counts = {_ROOT: len(self.root_dof)}
        for name, bone in self.bones.items():
            if bone.dof:
                counts[name] = len(bone.dof)
        return counts


def parse_asf(text: str, name: str) -> AcclaimSkeleton:
    """Returns the skeleton in `text`.

    Args:
      text: contents of the .asf file.
      name: file name for messages.

    Raises:
      JaxposeError: a section, field or number is missing, not finite, or of an unknown
        kind.
    """
    sections = _sections(text, name)
    scale = METRES_PER_INCH / _length_unit(sections["units"], name)
    order = _field(sections["root"], "order", f"{name}: :root")
    axis_order = _field(sections["root"], "axis", f"{name}: :root")
    root_dof = tuple(dof.lower() for dof in order)
    # All files of the database are like this; other conventions are not computed.
    if sorted(root_dof) != sorted(_TRANSLATIONS + _ROTATIONS) or axis_order != ["XYZ"]:
        raise JaxposeError(
            f"{name}: root order {shown(root_dof)} and axis {shown(axis_order)}; "
            "expected six dof and XYZ"
        )
    if not sections["hierarchy"]:
        raise JaxposeError(f"{name}: section :hierarchy is empty")
    bones = _bones(sections["bonedata"], scale, name)
    bones = _attach(bones, sections["hierarchy"], name)
    return AcclaimSkeleton(root_dof, scale, bones)


def parse_amc(text: str, skeleton: AcclaimSkeleton, name: str) -> dict[str, np.ndarray]:
    """Returns the motion in `text`.

    A motion has millions of numbers, so all frames are read at once, as if the file
    were well formed. Where something does not fit, `_defect` reads again line by line
    to find out what.

    Args:
      text: contents of the .amc file, `:DEGREES`, frames numbered from 1.
      skeleton: the skeleton, which names the degrees of freedom of each bone.
      name: file name for messages.

    Returns:
      `[F, dof]` by bone, file units: the root in `skeleton.root_dof`, others in
      degrees.

    Raises:
      JaxposeError: the file is truncated, not finite, or has other bones than the
        skeleton; the message names line and frame.
    """
    start = text.find(_MOTION_START)
    if start < 0:
        raise JaxposeError(
            f"{name}: no line ':DEGREES'; expected an .amc motion file in degrees"
        )
    tokens = text[start + len(_MOTION_START) :].split()

    # Every frame has the layout of the first one: its number, then a bone and its
    # values.
    layout = _first_frame(tokens, skeleton)
    width = 1 + sum(1 + size for _, size in layout)
    if not layout or len(tokens) % width:
        raise _defect(text, skeleton, name)
    num_frames = len(tokens) // width
    motion = {}
    column = 1
    try:
        for bone, size in layout:
            # The same token of all frames is one slice with a step of a frame's width.
            if any(token != bone for token in tokens[column::width]):
                raise _defect(text, skeleton, name)
            values = np.empty((num_frames, size))
            for k in range(size):  # each number of all frames
                values[:, k] = list(map(float, tokens[column + 1 + k :: width]))
            motion[bone] = values
            column += 1 + size
    except ValueError as error:
        if isinstance(error, JaxposeError):
            raise
        raise _defect(text, skeleton, name) from error

    # What is well formed may still lack frames or bones.
    frame_numbers = list(map(str, range(1, num_frames + 1)))
    is_finite = np.isfinite(np.concatenate(list(motion.values()), axis=1)).all()
    is_complete = set(motion) == set(skeleton.num_values)
    if not is_finite or not is_complete or tokens[::width] != frame_numbers:
        raise _defect(text, skeleton, name)
    return motion


def bone_ends(
    skeleton: AcclaimSkeleton, motion: dict[str, np.ndarray], wanted: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """Computes forward kinematics.

    Args:
      skeleton: the bones.
      motion: motion from `parse_amc`.
      wanted: names of bones of `skeleton`.

    Returns:
      `[F, 3]` by bone in `wanted`: its end in the file's world (y up), metres.
    """
    # The root: six values per frame, in the file's order.
    root = dict(zip(skeleton.root_dof, motion[_ROOT].T, strict=True))
    angles = np.stack([root[dof] for dof in _ROTATIONS], axis=-1)
    places = np.stack([root[dof] for dof in _TRANSLATIONS], axis=-1)
    rotations = {_ROOT: euler_rotation(angles)}
    ends = {_ROOT: places * skeleton.scale}

    # Parents come before children, so one pass is enough.
    needed = _with_ancestors(skeleton, wanted)
    for name, bone in skeleton.bones.items():
        if name not in needed:
            continue
        rotation = rotations[bone.parent]
        if bone.dof:
            axis = euler_rotation(bone.axis)
            angles = np.zeros((len(motion[name]), 3))
            columns = [_ROTATIONS.index(dof) for dof in bone.dof]
            angles[:, columns] = motion[name]
            rotation = rotation @ (axis @ euler_rotation(angles) @ axis.T)
        rotations[name] = rotation
        ends[name] = ends[bone.parent] + rotation @ bone.offset
    return {name: ends[name] for name in wanted}  # without the ancestors


def euler_rotation(angles: np.ndarray) -> np.ndarray:
    """Returns Rz Ry Rx `[..., 3, 3]` of x, y and z angles `[..., 3]` in degrees."""
    radians = np.radians(angles)
    cx, cy, cz = np.moveaxis(np.cos(radians), -1, 0)
    sx, sy, sz = np.moveaxis(np.sin(radians), -1, 0)
    rows = [
        [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
        [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
        [-sy, cy * sx, cy * cx],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


# Parts of an .asf file.


def _sections(text: str, name: str) -> dict[str, Lines]:
    """Returns the lines of each section, without comments.

    Raises:
      JaxposeError: a section is missing.
    """
    sections: dict[str, Lines] = {}
    current = None
    # Lines before the first section are of no use here.
    for line in text.splitlines():
        tokens = line.split()
        if not tokens or tokens[0].startswith("#"):
            continue
        if tokens[0].startswith(":"):
            current = sections.setdefault(tokens[0][1:].lower(), [])
        elif current is not None:
            current.append(tokens)
    missing = [f":{key}" for key in _SECTIONS if key not in sections]
    if missing:
        raise JaxposeError(
            f"{name}: no section {', '.join(missing)}; expected an .asf skeleton file"
        )
    return sections


def _length_unit(units: Lines, name: str) -> float:
    """Returns the `length` of the section `:units`.

    Raises:
      JaxposeError: it is missing or not positive, or angles are not in degrees.
    """
    where = f"{name}: :units"
    if _field(units, "angle", where) != ["deg"]:
        raise JaxposeError(
            f"{name}: angles are not in degrees; expected 'angle deg' in :units"
        )
    length = float(_numbers(_field(units, "length", where), 1, f"{where} length")[0])
    if length <= 0:
        raise JaxposeError(
            f"{name}: :units length is {length}; expected a positive number"
        )
    return length


def _field(lines: Lines, key: str, where: str) -> list[str]:
    """Returns the words after `key`; raises JaxposeError if no line begins with it."""
    for tokens in lines:
        if tokens[0] == key:
            return tokens[1:]
    raise JaxposeError(f"{where} has no field {key!r}")


def _numbers(tokens: list[str], size: int, where: str) -> np.ndarray:
    """Returns `size` finite numbers; raises JaxposeError for anything else."""
    try:
        numbers = np.array([float(token) for token in tokens])
    except ValueError:
        numbers = np.full(0, np.nan)
    if numbers.shape != (size,) or not np.isfinite(numbers).all():
        raise JaxposeError(
            f"{where} is {cut(' '.join(tokens))!r}; expected {size} finite numbers"
        )
    return numbers


def _bones(lines: Lines, scale: float, name: str) -> dict[str, Bone]:
    """Returns the bones in file order, without parents yet."""
    bones = {}
    block: Lines = []
    for tokens in lines:
        if tokens[0] != "end":
            block.append(tokens)
            continue
        bone = _bone(block, scale, name)
        bones[bone.name] = bone
        block = []
    return bones


def _bone(block: Lines, scale: float, name: str) -> Bone:
    """Returns the bone that the lines from `begin` to `end` describe.

    Raises:
      JaxposeError: a field is missing, or its axis or degrees of freedom are of a kind
        that `bone_ends` does not compute.
    """
    bone = " ".join(_field(block, "name", f"{name}: :bonedata"))
    where = f"{name}: bone {bone[:80]!r}"
    direction = _numbers(_field(block, "direction", where), 3, f"{where} direction")
    (length,) = _numbers(_field(block, "length", where), 1, f"{where} length")
    axis = _field(block, "axis", where)

    # A bone without the field does not move.
    dof: tuple[str, ...] = ()
    if any(tokens[0] == "dof" for tokens in block):
        dof = tuple(_field(block, "dof", where))
    is_known = set(dof) <= set(_ROTATIONS) and len(set(dof)) == len(dof)
    if axis[3:] != ["XYZ"] or not is_known:
        raise JaxposeError(
            f"{where} has axis {axis} and dof {dof}; expected x y z XYZ, and rx, ry, rz"
        )
    angles = _numbers(axis[:3], 3, f"{where} axis")
    return Bone(bone, "", direction * length * scale, angles, dof)


def _attach(bones: dict[str, Bone], hierarchy: Lines, name: str) -> dict[str, Bone]:
    """Returns the bones with their parents, parents first.

    Raises:
      JaxposeError: the hierarchy names an unknown bone, or one bone twice, or children
        before their parent.
    """
    # Requiring parents first lets `bone_ends` go through the bones once.
    attached: dict[str, Bone] = {}
    for parent, *children in hierarchy:
        if parent in ("begin", "end"):
            continue
        if parent != _ROOT and parent not in attached:
            raise JaxposeError(
                f"{name}: :hierarchy names children of {shown(parent)} before its "
                "own parent"
            )
        for child in children:
            if child in attached:
                raise JaxposeError(
                    f"{name}: :hierarchy names bone {shown(child)}, twice"
                )
            if child not in bones:
                raise JaxposeError(
                    f"{name}: :hierarchy names bone {shown(child)}, which :bonedata "
                    "lacks"
                )
            attached[child] = dataclasses.replace(bones[child], parent=parent)
    return attached


# Parts of an .amc file.


def _first_frame(tokens: list[str], skeleton: AcclaimSkeleton) -> list[tuple[str, int]]:
    """Returns (bone, number of values) in the order of the file's first frame."""
    num_values = skeleton.num_values
    layout: list[tuple[str, int]] = []
    column = 1
    while column < len(tokens) and len(layout) < len(num_values):
        bone = tokens[column]
        if bone not in num_values:
            break
        layout.append((bone, num_values[bone]))
        column += 1 + num_values[bone]
    return layout


def _with_ancestors(skeleton: AcclaimSkeleton, bones: tuple[str, ...]) -> set[str]:
    """Returns the names of `bones` and of all bones between them and the root."""
    needed: set[str] = set()
    for bone in bones:
        while bone != _ROOT and bone not in needed:
            needed.add(bone)
            bone = skeleton.bones[bone].parent
    return needed


def _defect(text: str, skeleton: AcclaimSkeleton, name: str) -> JaxposeError:
    """Returns the error for the first thing that is wrong in a motion file."""
    num_values = skeleton.num_values
    frame_number, in_motion = 0, False
    seen: set[str] = set()
    for line_number, line in enumerate(text.splitlines(), start=1):
        tokens = line.split()
        if not in_motion or not tokens:
            in_motion = in_motion or line.strip() == _MOTION_START
            continue
        where = f"{name}, line {line_number}, frame {frame_number}"

        # A number alone begins a frame; the one before must be complete.
        if len(tokens) == 1 and tokens[0].isdecimal():
            # By its text: Python reads no number of thousands of digits.
            if tokens[0].lstrip("0") != str(frame_number + 1):
                return JaxposeError(
                    f"{where}: frame {cut(tokens[0])} follows; expected "
                    f"{frame_number + 1}; {_FIX}"
                )
            missing = _missing(num_values, seen)
            if frame_number and missing:
                return JaxposeError(f"{where}: the frame lacks {missing}; {_FIX}")
            frame_number, seen = frame_number + 1, set()
            continue

        # Any other line is a bone and its values.
        bone, *values = tokens
        if bone not in num_values or bone in seen:
            return JaxposeError(
                f"{where}: found {bone[:80]!r}; expected each bone of the .asf once; "
                f"{_FIX}"
            )
        try:
            _numbers(values, num_values[bone], f"{where}: {bone}")
        except JaxposeError as error:
            return JaxposeError(f"{error}; {_FIX}")
        seen.add(bone)

    # Every line is good by itself; what remains is the end, or the order of the bones.
    if frame_number == 0:
        return JaxposeError(f"{name}: no frames after ':DEGREES'; {_FIX}")
    missing = _missing(num_values, seen)
    if missing:
        return JaxposeError(
            f"{name}, frame {frame_number}: the file ends in the middle of the frame, "
            f"which lacks {missing}; the file is truncated: {_FIX}"
        )
    return JaxposeError(f"{name}: the bones change their order between frames; {_FIX}")


def _missing(num_values: dict[str, int], seen: set[str]) -> str:
    """Returns the names of bones that a frame lacks, empty for a complete frame."""
    return ", ".join(sorted(set(num_values) - seen))
