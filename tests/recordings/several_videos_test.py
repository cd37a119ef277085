"""A column or key of videos tells them apart, and never mixes them."""

import numpy as np
import pytest

from jaxpose.body.skeletons import SKELETONS
from jaxpose.errors import JaxposeError
from jaxpose.recordings.files import read_detections
from jaxpose.recordings.layouts import choose_layout
from tests.recordings.writers import (
    deeplabcut_rows,
    walking,
    wide_rows,
    write_csv,
    write_json,
)

COCO = SKELETONS["coco_17"].joints
POSES = walking(frames=4)
MOVED = POSES + np.array([100.0, 0.0, 0.0])


def rows_of_two(column):
    """Returns a table of two videos, whose frames begin at 7 in both."""
    head, *first = wide_rows(POSES, COCO, first=7)
    second = wide_rows(MOVED, COCO, first=7)[1:]
    table = [[column, *head]]
    table += [["left.mp4", *row] for row in first]
    return table + [["right.mp4", *row] for row in second]


def records_of_two(key):
    """Returns records of two videos, frame by frame."""
    records = []
    for frame in range(4):
        for name, poses in (("left.mp4", POSES), ("right.mp4", MOVED)):
            pose = poses[frame, 0].tolist()
            records.append({key: name, "frame": frame + 7, "keypoints": pose})
    return records


def assert_two(found):
    """Checks names, frames and places of both videos."""
    assert [each.name for each in found] == ["a left.mp4", "a right.mp4"]
    assert [each.frames.tolist() for each in found] == [[7, 8, 9, 10]] * 2
    np.testing.assert_allclose(found[0].keypoints, POSES[:, 0])
    np.testing.assert_allclose(found[1].keypoints, MOVED[:, 0])


@pytest.mark.parametrize("name", ["video", "camera", "Video_Name", "filename", "image"])
def test_two_videos_in_a_table_or_a_list(tmp_path, name):
    table = write_csv(tmp_path / "a.csv", rows_of_two(name))
    assert_two(read_detections(table).detections)
    records = write_json(tmp_path / "b" / "a.json", records_of_two(name))
    assert_two(read_detections(records).detections)


def test_the_file_of_the_whole_video_is_no_frame(tmp_path):
    table = rows_of_two("file")[:5]
    (found,) = read_detections(write_csv(tmp_path / "a.csv", table)).detections
    assert (found.name, found.frames.tolist()) == ("a", [7, 8, 9, 10])


def test_images_of_frames_beside_their_numbers_are_no_videos(tmp_path):
    head, *rows = wide_rows(walking(frames=4, people=2), COCO, first=7)
    table = [["image", *head]]
    table += [[f"{row[0]:04d}.jpg", *row] for row in rows]
    (found,) = read_detections(write_csv(tmp_path / "a.csv", table)).detections
    assert found.frames.tolist() == [7, 7, 8, 8, 9, 9, 10, 10]


@pytest.mark.parametrize("has_index", [False, True])
def test_the_numbers_around_a_table_of_pandas_are_no_frame(tmp_path, has_index):
    rows = [list(map(str, range(51)))]
    rows += POSES.reshape(4, -1).tolist()
    if has_index:
        index = ["", 3, 4, 6, 7]
        rows = [[label, *row] for label, row in zip(index, rows, strict=True)]
    (found,) = read_detections(write_csv(tmp_path / "a.csv", rows)).detections
    assert found.frames.tolist() == ([3, 4, 6, 7] if has_index else [0, 1, 2, 3])
    np.testing.assert_allclose(found.keypoints, POSES[:, 0])


def test_the_line_that_tells_excel_the_separator(tmp_path):
    path = write_csv(tmp_path / "a.csv", wide_rows(POSES, COCO), delimiter=";")
    path.write_text("sep=;\n" + path.read_text())
    (found,) = read_detections(path).detections
    np.testing.assert_allclose(found.keypoints, POSES[:, 0])


def test_labels_of_deeplabcut_have_three_columns_of_the_image(tmp_path):
    head, body = deeplabcut_rows(POSES, COCO)[:3], []
    head = [[row[0], "", "", *row[1:]] for row in head]
    for number, pose in enumerate(POSES[:, 0]):
        image = f"img{number + 5:04d}.png"
        body.append(["labeled-data", "walk", image, *pose.ravel().tolist()])
    path = write_csv(tmp_path / "a.csv", head + body)
    (found,) = read_detections(path).detections
    assert (found.format, found.frames.tolist()) == ("deeplabcut", [5, 6, 7, 8])
    np.testing.assert_allclose(found.keypoints, POSES[:, 0])


@pytest.mark.parametrize("frames", ["frame_idx", "frame", "image_ids", "indices"])
@pytest.mark.parametrize("scores", ["visible", "score", "kpt_conf", "likelihood"])
def test_frames_and_confidences_under_other_names(tmp_path, frames, scores):
    shown = np.ones((4, 17))
    shown[1, 3] = 0
    arrays = {"keypoints": POSES[:, 0, :, :2], scores: shown}
    arrays[frames] = np.array([2, 3, 5, 6])
    np.savez(tmp_path / "a.npz", **arrays)
    lists = {name: array.tolist() for name, array in arrays.items()}
    write_json(tmp_path / "b.json", lists)
    for found in read_detections(tmp_path).detections:
        assert found.frames.tolist() == [2, 3, 5, 6]
        np.testing.assert_allclose(found.keypoints[..., 2], shown)
        assert found.remarks == ()


def test_joints_of_sapiens_are_named():
    with pytest.raises(JaxposeError, match="308 joints are those of Sapiens"):
        choose_layout(np.tile(POSES[:, 0], (1, 19, 1))[:, :308])
