"""Rows below the frames, separators of thousands and columns of cameras in tables."""

import numpy as np
import pytest

from jaxpose.body.skeletons import SKELETONS
from jaxpose.recordings.files import read_detections
from jaxpose.recordings.formats.table_mend import with_plain_thousands
from tests.recordings.writers import deeplabcut_rows, walking, wide_rows, write_csv

COCO = SKELETONS["coco_17"].joints
POSES = walking(frames=4)


def read_one(path):
    """Returns the only detections in a file."""
    (found,) = read_detections(path).detections
    return found


@pytest.mark.parametrize(
    "words",
    [
        ["mean"],
        ["std"],
        ["Median:"],
        ["mean", "std"],
        ["Mean", "Std Dev"],
        ["count", "25%", "max"],
    ],
)
def test_means_below_the_frames_are_no_frames(tmp_path, words):
    table = wide_rows(POSES, COCO, first=7)
    last = table[-1][1:]
    found = read_one(write_csv(tmp_path / "a.csv", table + [[w, *last] for w in words]))
    assert found.frames.tolist() == [7, 8, 9, 10]
    np.testing.assert_allclose(found.keypoints, POSES[:, 0])
    names = ", ".join(word.lower().replace(":", "").replace(" ", "") for word in words)
    assert found.remarks == (f"no frames: the last rows, {names}",)


def test_means_below_a_table_of_deeplabcut(tmp_path):
    table = deeplabcut_rows(POSES, COCO)
    path = write_csv(tmp_path / "a.csv", [*table, ["mean", *table[-1][1:]]])
    found = read_one(path)
    assert (found.format, found.frames.tolist()) == ("deeplabcut", [0, 1, 2, 3])


def pixels_across_1000():
    """Returns `[4, 17, 2]` whole pixels from 940 to 1059, and a row of 1 to 4."""
    x = np.arange(17) * 5 + 940 + 10 * np.arange(4)[:, None]
    return np.stack([x, x + 9], axis=-1)


@pytest.mark.parametrize(("mark", "separator"), [(",", ","), (".", ";"), (",", ";")])
def test_thousands_have_a_separator(tmp_path, mark, separator):
    pixels = pixels_across_1000()
    head = ["frame"] + [f"{name}_{axis}" for name in COCO for axis in "xy"]
    lines = [separator.join(head)]
    for frame, pose in enumerate(pixels, 998):
        cells = [f"{n:,}".replace(",", mark) for n in (frame, *pose.reshape(-1))]
        lines.append(separator.join(f'"{cell}"' for cell in cells))
    path = tmp_path / "a.csv"
    path.write_text("\n".join(lines))
    found = read_one(path)
    assert found.frames.tolist() == [998, 999, 1000, 1001]
    np.testing.assert_array_equal(found.keypoints, pixels)
    assert found.remarks == (f"'1{mark}000' is read as 1000",)


def mended(cells):
    """Returns what becomes of a column of cells."""
    rows, _ = with_plain_thousands([(1, ["x"]), *((2, [cell]) for cell in cells)])
    return [row[0] for _, row in rows[1:]]


@pytest.mark.parametrize(
    "cells",
    [
        ["1.844", "0.5"],
        ["1.844", "2", "1.532"],
        ["844.123", "845", "846.250"],
        ["12.345", "640", "641"],
        ["0.987", "1"],
        ["1.000", "1.000"],
        ["844,123", "845,250"],
        ["1.844", "1,532", "987"],
        ["1,844", "9870"],
    ],
)
def test_decimals_stay_decimals(cells):
    assert mended(cells) == cells


def test_a_column_of_thousands():
    assert mended(["987", "1.844", "0", ""]) == ["987", "1844", "0", ""]
    assert mended(["999", "1,000", "12,345"]) == ["999", "1000", "12345"]


def test_columns_of_thousands_alone():
    head = (1, ["x", "y", "score"])
    rows = [head, (2, ["1,844", "950", "0.512"]), (3, ["1,850", "960", "1.000"])]
    found, (remark,) = with_plain_thousands(rows)
    assert [cells[0] for _, cells in found[1:]] == ["1844", "1850"]
    assert [cells[1:] for _, cells in found] == [cells[1:] for _, cells in rows]
    assert remark == "'1,844' is read as 1844"
    rows = [head, (2, ["1,844", "1,950", "1,000"]), (3, ["1,850", "1,950", "1,000"])]
    found, _ = with_plain_thousands(rows)
    assert [cells for _, cells in found[1:]] == [
        ["1844", "1950", "1,000"],
        ["1850", "1950", "1,000"],
    ]
    # Where the mark is a decimal one elsewhere, it is one here.
    rows = [head, (2, ["1.844", "950", "0.512"]), (3, ["1.850", "960", "1.000"])]
    assert with_plain_thousands(rows) == (rows, ())


@pytest.mark.parametrize("name", ["{c}_{n}", "{n}_{c}"])
@pytest.mark.parametrize(
    "cameras", [("cam1", "cam2"), ("GoPro 3", "GoPro 4"), ("view_a", "view_b")]
)
def test_two_cameras_in_the_columns_are_two_recordings(tmp_path, name, cameras):
    head, *rows = wide_rows(POSES, COCO, first=7)
    table = [[head[0]]]
    for camera in cameras:
        table[0] += [name.format(c=camera, n=column) for column in head[1:]]
    for row in rows:
        table.append([*row, *(value + 100 for value in row[1:])])
    found = read_detections(write_csv(tmp_path / "a.csv", table)).detections
    assert [each.name for each in found] == [f"a {camera}" for camera in cameras]
    for shift, each in zip((0, 100), found, strict=True):
        assert (each.layout, each.frames.tolist()) == ("coco_17", [7, 8, 9, 10])
        np.testing.assert_allclose(each.keypoints, POSES[:, 0] + shift)


def test_columns_of_unknown_devices_are_refused(tmp_path):
    head, *rows = wide_rows(POSES, COCO)
    head += [f"rig2_{column}" for column in head[1:]]
    head[1 : 1 + 51] = [f"rig1_{column}" for column in head[1 : 1 + 51]]
    table = [head, *([*row, *row[1:]] for row in rows)]
    path = write_csv(tmp_path / "a.csv", table)
    ((_, reason),) = read_detections(path).refused
    assert "the columns rig1_nose, rig1_left_eye" in reason
