"""Of which frame each entry of a list is: numbers, times, counters and motion."""

import numpy as np
import pytest

from jaxpose import recordings
from jaxpose.recordings.files import read_detections
from jaxpose.recordings.frame_times import counts_frames, frames_of_times
from tests.recordings import walker
from tests.recordings.writers import write_json


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("timestamp_ms", [0, 33, 67, 133]),
        ("timestampMs", [0, 33, 67, 133]),
        ("timestamp", [1.0, 1.04, 1.08, 1.16]),
        ("time", [0.0, 0.04, 0.08, 0.16]),
        ("time", ["00:59.960", "01:00.000", "01:00.040", "01:00.120"]),
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


@pytest.mark.parametrize("last", [1e30, 1e308])
@pytest.mark.parametrize("first", [0.0, -1e308])
def test_a_gap_of_ages_has_no_number_of_frames(first, last):
    assert frames_of_times([first, 1, 2, 3, 4, last]) is None
    assert not counts_frames([first, 0.5, 2, last])


def test_keys_of_records_in_any_spelling(tmp_path):
    joints = [[10.0 * j, 20.0 * j, 0.9] for j in range(1, 18)]
    for spelling in (("Frame", "Keypoints"), ("FRAME-ID", "KEYPOINTS")):
        records = [dict(zip(spelling, (n, joints), strict=True)) for n in (3, 5)]
        (found,) = read_detections(write_json(tmp_path / "a.json", records)).detections
        assert (found.format, found.frames.tolist()) == ("records", [3, 5])


def records_of(poses, **keys):
    """Returns a record without a frame for each of `[N, J, 2]` poses."""
    return [{"keypoints": pose.tolist(), **keys} for pose in poses]


def test_records_without_frames_of_one_person_are_frames_in_order(tmp_path):
    walk = walker.person("coco_17", 40)
    path = write_json(tmp_path / "walk.json", records_of(walk, bbox=[0, 0, 9, 9]))
    # A second file beside it is another video, and no second frame.
    write_json(tmp_path / "walk2.json", records_of(walk[::-1]))
    files = {found.name: found for found in read_detections(tmp_path).detections}
    for name, poses in (("walk", walk), ("walk2", walk[::-1])):
        assert files[name].frames.tolist() == list(range(40))
        np.testing.assert_allclose(files[name].keypoints, poses)
    reading = recordings.read(path, image_size=walker.SIZE, fps=walker.FPS)
    (recording,) = reading.recordings
    assert (recording.people, len(recording.frames)) == (1, 40)
    assert "the records state no frame" in " ".join(recording.remarks)


def test_records_without_frames_of_several_people_are_asked_for(tmp_path):
    walk = walker.person("coco_17", 40)
    both = np.stack([walk, walk + 500.0], axis=1).reshape(80, 17, 2)
    files = read_detections(write_json(tmp_path / "a.json", records_of(both)))
    ((_, reason),) = files.refused
    assert "80 records show the same people again and again" in reason
    assert '"frame": 0' in reason


def test_people_of_an_image_stay_people_of_an_image(tmp_path):
    pose = walker.person("coco_17", 1)
    for number in (3, 30):
        shifts = 400.0 * np.arange(number)[:, None, None]
        path = write_json(tmp_path / "a.json", records_of(pose + shifts))
        (found,) = read_detections(path).detections
        assert found.frames.tolist() == [0] * number
