"""Reads the 2D keypoints that demos of the MHFormer family write.

MHFormer at f45cc7b (demo/vis.py), StridedTransformer, PoseFormerV2: `input_2D/
keypoints.npz` with `reconstruction` [P, F, 17, 2], pixels, Human3.6M's 17 joints.
MotionAGFormer adds the confidence: [P, F, 17, 3]. The same key in their
`output_3D` holds 3D poses, [F, 17, 3] metres, and is refused. `kpts` is the key of
GAST-Net and of other detectors' arrays, [P, F, J, 2] or [F, J, 2], of any joint order.
"""

from typing import Any

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.recordings.collect import are_fractions
from jaxpose.recordings.content import Content
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.formats.base import VideoFormat
from jaxpose.recordings.formats.plain import read_array

_KEY = "reconstruction"


def _recognises(content: Content) -> bool:
    """Returns whether a content has the key of the demos."""
    return content.kind == "arrays" and isinstance(content.value.get(_KEY), np.ndarray)


def _read(content: Content) -> list[Detections]:
    """Returns the videos in a file.

    Raises:
      JaxposeError: the file holds 3D poses, or an array of another shape.
    """
    array = content.value[_KEY]
    if array.ndim >= 3 and array.shape[-1] == 3 and _is_3d(array):
        raise JaxposeError(
            f"{content.where}: {_KEY} {list(array.shape)} holds 3D poses, the "
            "result of a lifter; give it the 2D keypoints, `input_2D/keypoints.npz`"
        )
    layout = "h36m_17" if array.ndim >= 3 and array.shape[-2] == 17 else None
    stated: dict[str, Any] = {"format": "mhformer", "layout": layout}
    return read_array(array, content, _KEY, **stated)


def _is_3d(array: np.ndarray) -> bool:
    """Returns whether the third column is a coordinate, not a confidence."""
    if array.dtype.kind not in "fiu":
        return False
    values = np.asarray(array, np.float64)
    third = values[..., 2][np.isfinite(values[..., 2])]
    is_confidence = len(third) > 0 and third.min() >= 0 and third.max() <= 1.001
    return not is_confidence or are_fractions(values)


VIDEO = VideoFormat("mhformer", _recognises, _read)
