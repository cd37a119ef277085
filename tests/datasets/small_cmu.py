"""A small archive in the layout of allasfamc.zip: straight limbs, standing still."""

import pathlib
import zipfile
from collections.abc import Mapping, Sequence

AMC_FRAMES = 13

# Bone: parent, direction, length, axis, degrees of freedom.
_BONES = {
    "lhipjoint": ("root", (1.0, 0.0, 0.0), 2.0, "0 0 0", ""),
    "lfemur": ("lhipjoint", (0.0, -1.0, 0.0), 7.0, "0 0 20", "rx ry rz"),
    "ltibia": ("lfemur", (0.0, -1.0, 0.0), 8.0, "0 0 20", "rx"),
    "rhipjoint": ("root", (-1.0, 0.0, 0.0), 2.0, "0 0 0", ""),
    "rfemur": ("rhipjoint", (0.0, -1.0, 0.0), 7.0, "0 0 -20", "rx ry rz"),
    "rtibia": ("rfemur", (0.0, -1.0, 0.0), 8.0, "0 0 -20", "rx"),
    "lowerback": ("root", (0.0, 1.0, 0.0), 4.0, "0 0 0", "rx ry rz"),
    "thorax": ("lowerback", (0.0, 1.0, 0.0), 4.0, "0 0 0", "rx ry rz"),
    "upperneck": ("thorax", (0.0, 1.0, 0.0), 2.0, "0 0 0", "rx ry rz"),
    "head": ("upperneck", (0.0, 1.0, 0.0), 2.0, "0 0 0", "rx ry rz"),
    "lclavicle": ("thorax", (1.0, 0.0, 0.0), 2.5, "0 0 0", "ry rz"),
    "lhumerus": ("lclavicle", (0.0, -1.0, 0.0), 5.0, "0 0 0", "rx ry rz"),
    "lwrist": ("lhumerus", (0.0, -1.0, 0.0), 5.0, "0 0 0", "ry"),
    "rclavicle": ("thorax", (-1.0, 0.0, 0.0), 2.5, "0 0 0", "ry rz"),
    "rhumerus": ("rclavicle", (0.0, -1.0, 0.0), 5.0, "0 0 0", "rx ry rz"),
    "rwrist": ("rhumerus", (0.0, -1.0, 0.0), 5.0, "0 0 0", "ry"),
}


def asf_text() -> str:
    """A skeleton with the bones that the 17 joints need."""
    lines = [
        "# a small skeleton",
        ":version 1.10",
        ":name VICON",
        ":units",
        "  mass 1.0",
        "  length 0.45",
        "  angle deg",
        ":root",
        "  order TX TY TZ RX RY RZ",
        "  axis XYZ",
        "  position 0 0 0",
        "  orientation 0 0 0",
        ":bonedata",
    ]
    for number, (name, (_, direction, length, axis, dof)) in enumerate(
        _BONES.items(), start=1
    ):
        lines += ["  begin", f"    id {number}", f"    name {name}"]
        lines += [
            f"    direction {' '.join(map(str, direction))}",
            f"    length {length}",
        ]
        lines += [f"    axis {axis} XYZ"] + (
            [f"    dof {dof}", "    limits (-90.0 90.0)"] if dof else []
        )
        lines += ["  end"]
    lines += [":hierarchy", "  begin"]
    parents = dict.fromkeys(parent for parent, *_ in _BONES.values())
    for parent in parents:
        lines.append(
            "    "
            + " ".join(
                [parent, *(name for name, bone in _BONES.items() if bone[0] == parent)]
            )
        )
    return "\n".join([*lines, "  end", ""])


def amc_text(
    num_frames: int,
    angles: dict[str, tuple[float, ...]] | None = None,
    places: Sequence[float] = (),
) -> str:
    """A motion that keeps the pose `angles` (zero where not given) for `num_frames`.

    The root stays where it is; its x in the first frames is that of `places`.
    """
    pose = {
        name: (0.0,) * len(dof.split()) for name, (*_, dof) in _BONES.items() if dof
    }
    pose |= angles or {}
    lines = ["# a small motion", ":FULLY-SPECIFIED", ":DEGREES"]
    for frame in range(1, num_frames + 1):
        x = places[frame - 1] if frame <= len(places) else 1.0
        lines += [str(frame), f"root {x} 17.0 3.0 0.0 0.0 0.0"]
        lines += [
            f"{name} {' '.join(map(str, values))}" for name, values in pose.items()
        ]
    return "\n".join([*lines, ""])


def member(subject: str, take: int = 0) -> str:
    """The name of the .amc file of a take in allasfamc.zip, or of the .asf file."""
    folder = f"all_asfamc/subjects/{subject}"
    return f"{folder}/{subject}_{take:02}.amc" if take else f"{folder}/{subject}.asf"


def write_archive(
    path: pathlib.Path,
    takes: Mapping[str, Sequence[int]] | None = None,
    method: int = zipfile.ZIP_DEFLATED,
) -> pathlib.Path:
    """Zips the takes of each subject: 01 has two, 33 and 88 (60 Hz) one."""
    takes = takes or {"01": (1, 2), "33": (1,), "88": (1,)}
    with zipfile.ZipFile(path, "w", method) as archive:
        for subject, numbers in takes.items():
            archive.writestr(member(subject), asf_text())
            for take in numbers:
                text = amc_text(AMC_FRAMES, {"lhumerus": (10.0 * take, 5.0, 0.0)})
                archive.writestr(member(subject, take), text)
    return path
