"""Reading takes seconds for an hour of video: `pytest -m slow -n 0 -s` prints them."""

import time

import numpy as np
import pytest

from jaxpose import recordings
from tests.recordings.formats_by_layout_test import write
from tests.recordings.walker import FPS, SIZE, person

FRAMES = 10_000
# Seconds of one core from files to recordings, whatever else the machine does. Files of
# OpenPose and YOLO are one per frame.
LIMITS = {
    ("openpose", "body_25"): 10.0,
    ("yolo_labels", "coco_17"): 10.0,
    ("alphapose", "coco_17"): 2.0,
    ("alphapose", "halpe_26"): 2.0,
    ("mmpose", "coco_17"): 2.0,
    ("coco_results", "coco_17"): 2.0,
    ("ultralytics", "coco_17"): 2.0,
    ("mediapipe", "mediapipe_33"): 2.0,
    ("csv", "coco_17"): 2.0,
}


@pytest.mark.slow
@pytest.mark.parametrize(("format", "layout"), LIMITS)
def test_ten_thousand_frames_are_read_in_seconds(tmp_path, format, layout):
    walk = person(layout, 100)
    keypoints = np.full((100, 1, walk.shape[1], 3), 0.9)
    keypoints[:, 0, :, :2] = walk
    # The walk there and back, again and again.
    there_and_back = np.concatenate([keypoints, keypoints[::-1]])
    frames = np.tile(there_and_back, (FRAMES // 200, 1, 1, 1))
    path = write(tmp_path, format, frames, layout)
    seconds = []
    for _ in range(3):
        start = time.process_time()
        reading = recordings.read(path, image_size=SIZE, fps=FPS)
        seconds.append(time.process_time() - start)
    print(f"\n{format} {layout}: {min(seconds):.2f} s")
    (recording,) = reading.recordings
    assert len(recording.frames) == FRAMES
    assert min(seconds) < LIMITS[format, layout]
