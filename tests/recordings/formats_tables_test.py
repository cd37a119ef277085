"""Tables: names of columns give the joint order."""

import numpy as np
import pytest

from jaxpose.body.skeletons import SKELETONS
from jaxpose.recordings.files import read_detections
from jaxpose.recordings.joint_names import find_layout
from tests.recordings.writers import (
    deeplabcut_rows,
    walking,
    wide_rows,
    write_csv,
    write_trc,
)

COCO = SKELETONS["coco_17"].joints
POSES = walking(frames=3)


def read_one(path):
    files = read_detections(path)
    assert files.refused == []
    (detections,) = files.detections
    return detections


def refusal(path):
    files = read_detections(path)
    assert files.detections == []
    ((_, reason),) = files.refused
    return reason


@pytest.mark.parametrize(
    "axes",
    [
        ("_x", "_y", "_score"),
        (".x", ".y", ".score"),
        ("_X", "_Y", "_confidence"),
        (" x", " y", " likelihood"),
        ("-x", "-y", "-c"),
        ("_x", "_y"),
    ],
)
def test_wide_tables(tmp_path, axes):
    found = read_one(write_csv(tmp_path / "a.csv", wide_rows(POSES, COCO, axes, 7)))
    assert (found.format, found.layout) == ("csv", "coco_17")
    assert found.frames.tolist() == [7, 8, 9]
    assert found.ids.tolist() == [0, 0, 0]
    np.testing.assert_allclose(found.keypoints, POSES[:, 0, :, : len(axes)])


@pytest.mark.parametrize(
    "spelling",
    [
        str.upper,
        lambda name: name.title().replace("_", ""),
        lambda name: name.replace("left_", "l").replace("right_", "r"),
        lambda name: name.replace("left_", "L_").replace("right_", "R_"),
        lambda name: "_".join(reversed(name.split("_"))),
    ],
)
def test_names_of_joints_in_any_spelling_and_order(tmp_path, spelling):
    names = tuple(spelling(name) for name in COCO[::-1])
    rows = wide_rows(POSES[:, :, ::-1], names)
    found = read_one(write_csv(tmp_path / "a.csv", rows))
    assert found.layout == "coco_17"
    np.testing.assert_allclose(found.keypoints, POSES[:, 0])


def test_joints_without_columns_are_nan_and_unknown_ones_are_said(tmp_path):
    names = (*COCO[:1], *COCO[5:], "tail")
    keypoints = np.concatenate([POSES[:, :, :1], POSES[:, :, 5:], POSES[:, :, :1]], 2)
    found = read_one(write_csv(tmp_path / "a.csv", wide_rows(keypoints, names)))
    assert found.layout == "coco_17"
    assert np.isnan(found.keypoints[:, 1:5]).all()
    np.testing.assert_allclose(found.keypoints[:, 5:], POSES[:, 0, 5:])
    assert found.remarks == ("joints not read: tail",)


@pytest.mark.parametrize("layout", ["halpe_26", "body_25", "mpii_16", "h36m_17"])
def test_names_of_other_joint_orders(layout):
    names = SKELETONS[layout].joints
    found = find_layout(names)
    assert found.layout == layout
    assert found.columns == tuple(range(len(names)))
    assert find_layout(["tail", "snout", "nose", "left_ear"]) is None


def test_numbered_columns_are_in_the_order_of_their_numbers(tmp_path):
    head, *rows = wide_rows(POSES, tuple(map(str, range(17))))
    for names in ([f"{a}{j}" for j in range(17) for a in "xyv"], head[1:]):
        order = np.random.default_rng(0).permutation(51)
        table = [["frame", *(names[k] for k in order)]]
        table += [[row[0], *(row[1:][k] for k in order)] for row in rows]
        found = read_one(write_csv(tmp_path / "a.csv", table))
        assert found.layout is None
        np.testing.assert_allclose(found.keypoints, POSES[:, 0])


def test_sleap_tracks_are_people(tmp_path):
    keypoints = walking(frames=3, people=2)
    head, *rows = wide_rows(keypoints, COCO, (".x", ".y", ".score"))
    table = [["track", "frame_idx", "instance.score", *head[1:]]]
    for index, row in enumerate(rows):
        table.append([f"track_{index % 2}", row[0], 0.9, *row[1:]])
    found = read_one(write_csv(tmp_path / "a.csv", table))
    assert found.frames.tolist() == [0, 0, 1, 1, 2, 2]
    assert found.ids.tolist() == [1, 2, 1, 2, 1, 2]
    assert found.remarks == ("columns not read: instance.score",)


@pytest.mark.parametrize("people", [1, 2])
def test_deeplabcut(tmp_path, people):
    keypoints = walking(frames=3, people=people)
    keypoints[1, 0] = np.nan
    rows = deeplabcut_rows(keypoints, COCO, individuals=people > 1)
    found = read_one(write_csv(tmp_path / "a.csv", rows))
    assert (found.format, found.layout) == ("deeplabcut", "coco_17")
    if people == 1:
        assert found.frames.tolist() == [0, 1, 2]
        assert np.isnan(found.keypoints[1]).all()
    else:
        assert found.frames.tolist() == [0, 0, 1, 2, 2]
        assert found.ids.tolist() == [0, 1, 1, 0, 1]
        assert found.keypoints[2, 1].tolist() == [204, 52, 0.9]


def test_sports2d_pixels_are_read_and_metres_listed(tmp_path):
    names = ("RHip", "RKnee", "RAnkle", "LHip", "LKnee", "LAnkle", "Neck", "Head")
    keypoints = walking(frames=4, joints=8)
    keypoints[2, 0, 1] = np.nan
    write_trc(tmp_path / "a_px_person00.trc", keypoints, names, 60.0, first=5)
    write_trc(tmp_path / "a_m_person00.trc", keypoints / 100, names)
    files = read_detections(tmp_path)
    assert files.unread == ["a_m_person00.trc: 3D markers (TRC)"]
    (found,) = files.detections
    assert (found.format, found.layout, found.fps) == ("sports2d", "halpe_26", 60.0)
    assert found.frames.tolist() == [5, 6, 7, 8]
    # RKnee, the second column, is joint 14 of Halpe-26.
    assert found.keypoints[0, 14].tolist() == [103, 52]
    assert np.isnan(found.keypoints[2, 14]).all()
    assert np.isnan(found.keypoints[:, 0]).all()  # the nose has no column


def test_long_tables(tmp_path):
    rows = [["frame", "person", "keypoint", "x", "y", "confidence"]]
    for frame in range(3):
        for person in range(2):
            for joint, name in enumerate(COCO):
                rows.append([frame + 4, person, name, frame, person, joint / 16])
    found = read_one(write_csv(tmp_path / "a.csv", rows))
    assert found.layout == "coco_17"
    assert found.frames.tolist() == [4, 4, 5, 5, 6, 6]
    assert found.ids.tolist() == [0, 1, 0, 1, 0, 1]
    assert found.keypoints[3, 16].tolist() == [1, 1, 1]


def test_semicolons_with_decimal_commas_and_a_byte_order_mark(tmp_path):
    path = write_csv(tmp_path / "a.csv", wide_rows(POSES, COCO), delimiter=";")
    text = path.read_text().replace(".", ",").replace("\n", "\r\n")
    for encoding in ("utf-8-sig", "utf-16"):
        path.write_bytes(text.encode(encoding))
        np.testing.assert_allclose(read_one(path).keypoints, POSES[:, 0])


def test_images_in_place_of_frame_numbers(tmp_path):
    rows = wide_rows(POSES, COCO)
    rows[0][0] = "image_name"
    for number, row in enumerate(rows[1:], 8):
        row[0] = f"walk_{number}.png"
    found = read_one(write_csv(tmp_path / "a.csv", rows))
    assert found.frames.tolist() == [8, 9, 10]


def test_empty_cells_are_not_seen(tmp_path):
    rows = wide_rows(POSES, COCO)
    rows[2][4:7] = ["", "NaN", "null"]
    found = read_one(write_csv(tmp_path / "a.csv", rows))
    assert np.isnan(found.keypoints[1, 1]).all()
    assert np.isfinite(found.keypoints).sum() == 3 * 51 - 3


def test_a_bad_cell_names_line_and_column(tmp_path):
    rows = wide_rows(POSES, COCO)
    rows[2][5] = "12px"
    reason = refusal(write_csv(tmp_path / "a.csv", rows))
    assert "line 3, column 6: expected a number, found '12px'" in reason


def test_columns_of_no_body_are_refused(tmp_path):
    names = ("snout", "tail", "paw", "belly", "whisker", "claw")
    rows = wide_rows(POSES[:, :, :6], names)
    assert "no joints of a body" in refusal(write_csv(tmp_path / "a.csv", rows))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a,b\n1,2\n", "text without keypoints"),
        ("x,y\n1,2\n", "text without keypoints"),
        ("just words\n", "text without keypoints"),
        ("1 2 3\n", "text without keypoints"),
        ("0 0.5 0.5 1 1\n", "labels of boxes, without keypoints"),
    ],
)
def test_other_texts_are_left(tmp_path, text, reason):
    (tmp_path / "a.csv").write_text(text)
    files = read_detections(tmp_path)
    assert (files.detections, files.refused) == ([], [])
    assert files.unread == [f"a.csv: {reason}"]


# Six frames of 25 per second, of which the fourth is missing.
GAP = [0, 1, 2, 4, 5]


def with_column(name, values):
    """Returns a wide table of five frames behind a column of that name."""
    head, *rows = wide_rows(walking(frames=5), COCO)
    table = [[name, *head[1:]]]
    for value, row in zip(values, rows, strict=True):
        table.append([value, *row[1:]])
    return table


@pytest.mark.parametrize("name", ["Bild", "#", "", "Unnamed: 0", "n", "index"])
def test_a_column_that_counts_is_that_of_the_frames_whatever_its_name(tmp_path, name):
    found = read_one(write_csv(tmp_path / "a.csv", with_column(name, GAP)))
    assert found.frames.tolist() == GAP
    assert "frames are numbered by the column" in found.remarks[0]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("time", [0.0, 0.04, 0.08, 0.16, 0.2]),
        ("t", [7.0, 7.04, 7.08, 7.16, 7.2]),
        ("Time (s)", [0.0, 0.04, 0.08, 0.16, 0.2]),
        ("timestamp_ms", [0, 40, 80, 160, 200]),
        ("msec", [1, 40, 81, 159, 200]),
        ("time", [f"00:59:59.{ms:03d}" for ms in (0, 40, 80, 160, 200)]),
        ("frame", [0.0, 0.04, 0.08, 0.16, 0.2]),
    ],
)
def test_times_are_frames_and_gaps_stay(tmp_path, name, values):
    found = read_one(write_csv(tmp_path / "a.csv", with_column(name, values)))
    assert found.frames.tolist() == GAP
    assert found.remarks == (f"frames are placed by the times in {name!r}",)


def test_other_columns_of_numbers_are_no_frames(tmp_path):
    for values in ([310, 312, 319, 320, 333], [5, 5, 5, 5, 5], [3, 1, 2, 0, 4]):
        found = read_one(write_csv(tmp_path / "a.csv", with_column("left", values)))
        assert found.frames.tolist() == [0, 1, 2, 3, 4]
        assert found.remarks == ("columns not read: left",)


def test_rows_of_people_without_frames_are_counted_per_person(tmp_path):
    keypoints = walking(frames=3, people=2)
    head, *rows = wide_rows(keypoints, COCO)
    table = [["player", *head[1:]]]
    for index, row in enumerate(rows):
        table.append(["ab"[index % 2], *row[1:]])
    found = read_one(write_csv(tmp_path / "a.csv", table))
    assert found.frames.tolist() == [0, 0, 1, 1, 2, 2]
    assert found.ids.tolist() == [1, 2, 1, 2, 1, 2]
    assert found.remarks == (
        "no column states the frame: each person's rows are counted",
    )


@pytest.mark.parametrize(
    "names",
    [
        ("p1_{}_x", "p1_{}_y", "p2_{}_x", "p2_{}_y"),
        ("person0.{}.x", "person0.{}.y", "person1.{}.x", "person1.{}.y"),
        ("{}_1_x", "{}_1_y", "{}_2_x", "{}_2_y"),
        ("{}_x_1", "{}_y_1", "{}_x_2", "{}_y_2"),
        ("{}_x_p1", "{}_y_p1", "{}_x_p2", "{}_y_p2"),
        ("{}1_x", "{}1_y", "{}2_x", "{}2_y"),
    ],
)
def test_people_beside_each_other_in_columns(tmp_path, names):
    keypoints = walking(frames=3, people=2)
    head = [name.format(joint) for joint in COCO for name in names]
    table = [["frame", *head]]
    for frame in range(3):
        flat = keypoints[frame, :, :, :2].transpose(1, 0, 2).reshape(-1)
        table.append([frame, *flat])
    found = read_one(write_csv(tmp_path / "a.csv", table))
    assert (found.layout, found.remarks) == ("coco_17", ())
    assert found.frames.tolist() == [0, 0, 1, 1, 2, 2]
    assert found.ids.tolist() == [0, 1, 0, 1, 0, 1]
    np.testing.assert_allclose(found.keypoints, keypoints.reshape(6, 17, -1)[..., :2])


def test_numbered_columns_of_two_people(tmp_path):
    keypoints = walking(frames=3, people=2)[..., :2]
    head = [f"{axis}{joint}" for joint in range(34) for axis in "xy"]
    table = [head, *keypoints.reshape(3, -1).tolist()]
    found = read_one(write_csv(tmp_path / "a.csv", table))
    assert found.ids.tolist() == [0, 1, 0, 1, 0, 1]
    np.testing.assert_allclose(found.keypoints, keypoints.reshape(6, 17, 2))


@pytest.mark.parametrize("lead", ["# made by\n# me\n", "% 2 % of all\n", "// a, b\n"])
@pytest.mark.parametrize("separator", [",", "|"])
def test_comments_and_other_separators(tmp_path, lead, separator):
    rows = [map(str, row) for row in wide_rows(POSES, COCO, first=7)]
    text = "\n".join(separator.join(row) for row in rows)
    path = tmp_path / "a.csv"
    path.write_text(f"{lead}{text}\n")
    found = read_one(path)
    assert (found.layout, found.frames.tolist()) == ("coco_17", [7, 8, 9])
    np.testing.assert_allclose(found.keypoints, POSES[:, 0])


def test_a_head_behind_a_comment_sign_and_a_row_of_units(tmp_path):
    head, *rows = wide_rows(POSES, COCO)
    for lead in ([["# " + head[0], *head[1:]]], [head, ["px"] * len(head)]):
        found = read_one(write_csv(tmp_path / "a.csv", [*lead, *rows]))
        assert found.layout == "coco_17"
        np.testing.assert_allclose(found.keypoints, POSES[:, 0])
