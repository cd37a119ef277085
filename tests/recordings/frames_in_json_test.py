"""Of which frame each entry of a list is: numbers, times, counters and motion."""

import pytest

from jaxpose.recordings.files import read_detections
from jaxpose.recordings.frame_times import frames_of_times
from tests.recordings.writers import write_json


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("timestamp_ms", [0, 33, 67, 133]),
        ("timestampMs", [0, 33, 67, 133]),
        ("timestamp", [1.0, 1.04, 1.08, 1.16]),
        ("time", [0.0, 0.04, 0.08, 0.16]),
        ("Frame", [0, 1, 2, 4]),
        ("image", [0, 1, 2, 4]),
        ("image", ["f_0.png", "f_1.png", "f_2.png", "f_4.png"]),
    ],
)
@pytest.mark.parametrize("tool", ["mediapipe", "mmpose", "ultralytics"])
def test_frames_of_lists_lie_where_their_times_and_images_do(
    tmp_path, tool, key, values
):
    joints = [[10.0 * j, 20.0 * j] for j in range(1, 18)]
    landmarks = [{"x": x, "y": y, "visibility": 0.9} for x, y in joints]
    x, y = zip(*joints, strict=True)
    frame = {
        "mediapipe": {"landmarks": landmarks},
        "mmpose": {"instances": [{"keypoints": joints}]},
        "ultralytics": {"results": [{"keypoints": {"x": x, "y": y}}]},
    }[tool]
    frames = [{key: value, **frame} for value in values]
    (found,) = read_detections(write_json(tmp_path / "a.json", frames)).detections
    assert (found.format, found.frames.tolist()) == (tool, [0, 1, 2, 4])


def test_long_gaps_between_rounded_times_keep_their_length():
    # 30 frames per second in whole milliseconds, without frames 50 to 149.
    frames = [*range(50), *range(150, 200)]
    times = [round(1000 * frame / 30) for frame in frames]
    assert frames_of_times(times) == frames
    assert frames_of_times([0, 1, 2.5, 3.2, 4.9, 6, 7.4]) is None


def test_keys_of_records_in_any_spelling(tmp_path):
    joints = [[10.0 * j, 20.0 * j, 0.9] for j in range(1, 18)]
    for spelling in (("Frame", "Keypoints"), ("FRAME-ID", "KEYPOINTS")):
        records = [dict(zip(spelling, (n, joints), strict=True)) for n in (3, 5)]
        (found,) = read_detections(write_json(tmp_path / "a.json", records)).detections
        assert (found.format, found.frames.tolist()) == ("records", [3, 5])
