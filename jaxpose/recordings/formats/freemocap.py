"""Reads the 2D arrays of FreeMoCap: the cameras of one recording in one file.

FreeMoCap 1.x states the axes in the names of its files. `mediapipe_2dData_numCams_
numFrames_numTrackedPoints_pixelXY.npy` is [V, F, J, 2] pixels of one person, as each of
V cameras sees them; NaN where nobody is seen. MediaPipe's 33 joints of the body come
first, those of the hands and the face behind them.
"""

import dataclasses

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.recordings.content import Content
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.formats.base import VideoFormat
from jaxpose.recordings.formats.plain import read_array
from jaxpose.recordings.formats.several_videos import with_video

_AXES = "_numframes_numtrackedpoints_"
_CAMERAS = "_numcams" + _AXES
_BODY_JOINTS = 33  # of MediaPipe

BODY_ONLY = "the joints of hands and face are left out"


def _recognises(content: Content) -> bool:
    """Returns whether a file is one of FreeMoCap's arrays, by its name and content."""
    is_array = content.kind == "arrays" and set(content.value) == {""}
    return is_array and _AXES in content.stem.lower()


def _read(content: Content) -> list[Detections]:
    """Returns the video of each camera in a file.

    Raises:
      JaxposeError: the file holds no pixels, or its array has other axes.
    """
    name = content.stem.lower()
    if _CAMERAS not in name or not name.endswith("pixelxy"):
        raise JaxposeError(
            f"{content.where}: FreeMoCap's 3D or errors, by its name; expected its 2D, "
            "*2dData_numCams_numFrames_numTrackedPoints_pixelXY.npy"
        )
    array = content.value[""]
    if array.ndim != 4 or array.shape[-1] < 2:
        raise JaxposeError(
            f"{content.where}: an array {list(array.shape)}; expected [V, F, J, 2] of "
            "cameras, frames, joints and pixels, as the name says"
        )
    is_body = "mediapipe" in name and array.shape[2] > _BODY_JOINTS
    if is_body:
        array = array[:, :, :_BODY_JOINTS]
    videos = []
    for camera, keypoints in enumerate(array[..., :2]):
        # A camera that never sees the person is no video.
        if not np.isfinite(keypoints).any():
            continue
        (found,) = read_array(keypoints, content, "", "freemocap")
        if is_body:
            found = dataclasses.replace(found, remarks=(*found.remarks, BODY_ONLY))
        videos.append(with_video(found, f"cam{camera}"))
    if not videos:
        return read_array(array[0, ..., :2], content, "", "freemocap")  # says why
    return videos


VIDEO = VideoFormat("freemocap", _recognises, _read)
