"""C3D: the binary marker files of biomechanics, written by `ezc3d`."""

import pathlib
import tempfile

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.pose.pose import Pose
from jaxpose.pose.writers.axes import z_up

_MILLIMETRES = 1000.0


def encode(pose: Pose) -> bytes:
    """Returns a C3D file: millimetres, z up, y away from the camera.

    The residual of every point is 0, which the format calls computed, not measured.

    Raises:
      JaxposeError: `ezc3d` is not installed.
    """
    try:
        import ezc3d
    except ImportError:
        raise JaxposeError(
            "C3D files need ezc3d, which is not installed: pip install 'jaxpose[c3d]'"
        ) from None
    frames, joints = len(pose.frames), len(pose.joints)
    content = ezc3d.c3d()
    points = content["parameters"]["POINT"]
    points["RATE"]["value"] = [pose.rate]
    points["LABELS"]["value"] = list(pose.joints)
    points["UNITS"]["value"] = ["mm"]
    # A viewer that follows the screen axes shows the person upright.
    content.add_parameter("POINT", "X_SCREEN", ["+X"])
    content.add_parameter("POINT", "Y_SCREEN", ["+Z"])
    data = np.ones((4, joints, frames))
    data[:3] = z_up(pose).transpose(2, 1, 0) * _MILLIMETRES
    content["data"]["points"] = data
    content["data"]["meta_points"]["residuals"] = np.zeros((1, joints, frames))
    # The library writes to paths only.
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "pose.c3d"
        content.write(str(path))
        return path.read_bytes()
