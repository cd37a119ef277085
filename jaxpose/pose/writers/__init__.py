"""Formats that poses are written in, by the ending of the file.

A format is one module with a function from a pose to the bytes of a file. To add one,
write the module and name its function in `ENCODERS`.
"""

import pathlib
from collections.abc import Callable

from jaxpose.errors import JaxposeError
from jaxpose.pose.files import refuse_existing, write_whole
from jaxpose.pose.pose import Pose
from jaxpose.pose.viewer import page
from jaxpose.pose.writers import animation, bvh, c3d, csv, gltf, json, npz, trc

ENCODERS: dict[str, Callable[[Pose], bytes]] = {
    ".npz": npz.encode,
    ".json": json.encode,
    ".csv": csv.encode,
    ".trc": trc.encode,
    ".c3d": c3d.encode,
    ".bvh": bvh.encode,
    ".glb": gltf.encode_glb,
    ".gltf": gltf.encode_gltf,
    ".html": page.encode,
    ".gif": animation.encode_gif,
    ".mp4": animation.encode_mp4,
}


def save(pose: Pose, path: pathlib.Path, overwrite: bool) -> pathlib.Path:
    """Writes a pose; readers see either no file or the whole one.

    Args:
      pose: the pose.
      path: its ending decides the format.
      overwrite: whether a file that exists is replaced.

    Returns:
      The path.

    Raises:
      JaxposeError: unknown ending, the file exists, a package for the format is
        missing, or the file cannot be written.
    """
    encode = ENCODERS.get(path.suffix.lower())
    if encode is None:
        raise JaxposeError(
            f"{path}: unknown ending {path.suffix!r} for poses; known: "
            f"{', '.join(ENCODERS)}"
        )
    refuse_existing(path, overwrite)
    write_whole(path, encode(pose), overwrite)
    return path
