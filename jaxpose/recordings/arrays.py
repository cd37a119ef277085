"""Makes recordings of keypoints in memory, by the rules for files."""

from typing import Any

import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.real_arrays import as_floats
from jaxpose.recordings import reader, videos
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.options import Options
from jaxpose.recordings.recording import Recording
from jaxpose.recordings.settings import Settings


def from_arrays(
    keypoints: Any, scores: Any, options: Options, name: str = "keypoints"
) -> Recording:
    """Returns the recording of one person in consecutive frames.

    Args:
      keypoints: `[F, J, 2 or 3]`, an array or nested lists: x and y in pixels, and
        perhaps a confidence.
      scores: `[F, J]` confidences beside keypoints of two numbers, or None.
      options: what is known of the video: image size and rate at least.
      name: of the recording, for messages.

    Raises:
      JaxposeError: another shape, or keypoints that a file would be refused for.
    """
    array = as_floats(name, keypoints)
    if array.ndim != 3 or array.shape[-1] not in (2, 3) or 0 in array.shape:
        raise JaxposeError(
            f"{name} is {list(array.shape)}, expected [frames, joints, 2 or 3] in "
            "pixels, of one person"
        )
    if scores is not None:
        confidence = as_floats("scores", scores)
        if array.shape[-1] != 2 or confidence.shape != array.shape[:2]:
            raise JaxposeError(
                f"scores is {list(confidence.shape)} beside {name} "
                f"{list(array.shape)}, expected [frames, joints] beside [frames, "
                "joints, 2]"
            )
        array = np.concatenate([array, confidence[..., None]], axis=-1)
    num_frames = len(array)
    detections = Detections(
        name=name,
        where=name,
        format="array",
        keypoints=array,
        frames=np.arange(num_frames),
        ids=np.zeros(num_frames, int),
        boxes=np.full((num_frames, 4), np.nan),
        num_frames=num_frames,
    )
    reading = from_detections(detections, options)
    if reading.refused:
        raise JaxposeError(reading.refused[0].reason)
    return reading.recordings[0]


def from_detections(detections: Detections, options: Options) -> reader.Reading:
    """Returns the people of one video, whose detections lie in memory.

    Raises:
      JaxposeError: an option without a meaning, or nobody to follow.
    """
    options = options.checked()
    video = videos.understand(detections, Settings({}, {}), [], options)
    reading = reader.Reading([], [], [])
    for recording in videos.recordings_of(video, detections.name, options):
        judged = reader.judge(recording, options, better_layout=video.choice.better)
        if isinstance(judged, reader.Refusal):
            reading.refused.append(judged)
        else:
            reading.recordings.append(judged)
    return reading
