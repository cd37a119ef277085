"""Times in a file that contradict the frame rate that is stated."""

import numpy as np
import pytest

from jaxpose import recordings
from jaxpose.body.skeletons import SKELETONS
from tests.recordings import walker
from tests.recordings.writers import write_csv, write_json

COCO = SKELETONS["coco_17"].joints
WALK = walker.person("coco_17", 40)
TIMES = np.arange(40) / 30
WARNING = "times step by 33.3 ms = 30 fps, but fps is 60: motion would be 2 times as"


def write_table(folder, name, times, frames=None):
    """Writes a table with a column of times, and of frames if they are given."""
    head = [name, *(f"{joint}_{axis}" for joint in COCO for axis in "xy")]
    rows = []
    for time, pose in zip(times, WALK[..., :2], strict=True):
        rows.append([time, *pose.reshape(-1)])
    if frames is not None:
        head = ["frame", *head]
        rows = [[frame, *row] for frame, row in zip(frames, rows, strict=True)]
    return write_csv(folder / "a.csv", [head, *rows])


def write_records(folder, name, times):
    """Writes records with a time."""
    records = []
    for time, pose in zip(times, WALK, strict=True):
        records.append({name: time, "keypoints": pose.tolist()})
    return write_json(folder / "a.json", records)


def write_arrays(folder, name, times):
    """Writes an npz with an array of times."""
    arrays = {"keypoints_2d": WALK, name: np.array(times)}
    np.savez(folder / "a.npz", **arrays)
    return folder / "a.npz"


def about_times(path, fps=60):
    """Returns the warnings about times."""
    reading = recordings.read(path, image_size=walker.SIZE, fps=fps)
    (recording,) = reading.recordings
    return [text for text in recording.warnings if text.startswith("times step")]


@pytest.mark.parametrize("write", [write_table, write_records, write_arrays])
@pytest.mark.parametrize(
    ("name", "unit"), [("time", 1), ("timestamp", 1e3), ("time_ms", 1e3), ("t_s", 1)]
)
def test_times_that_contradict_the_frame_rate(tmp_path, write, name, unit):
    path = write(tmp_path, name, (TIMES * unit).round(4).tolist())
    (warning,) = about_times(path)
    assert warning.startswith(WARNING)
    assert warning.endswith("give --fps=30 if the times are right")
    assert about_times(path, fps=29.97) == []


def test_frame_rate_in_the_file_contradicts_its_times(tmp_path):
    arrays = {"keypoints_2d": WALK, "timestamps": TIMES, "fps": 60.0}
    np.savez(tmp_path / "a.npz", **arrays)
    assert len(about_times(tmp_path / "a.npz", fps=None)) == 1


def test_every_second_frame_has_twice_the_step(tmp_path):
    path = write_table(tmp_path, "time", TIMES, frames=range(0, 80, 2))
    assert about_times(path) == []
    assert len(about_times(path, fps=30)) == 1


@pytest.mark.parametrize(
    "times", [np.arange(40), np.tile([20.0, 31.0], 20) + np.arange(40) / 10]
)
def test_counts_and_durations_tell_no_rate(tmp_path, times):
    path = write_table(tmp_path, "ms", times, frames=range(40))
    assert about_times(path) == []
