"""A user's own recordings in every layout, whole and damaged."""

import contextlib
import json
import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxpose.body.joint_rules import convert_joints
from jaxpose.body.skeletons import H36M_17, get_skeleton
from jaxpose.datasets import get_builder
from jaxpose.datasets.custom import recordings
from jaxpose.datasets.prepared import load_clips
from jaxpose.datasets.report import Report
from jaxpose.errors import JaxposeError
from jaxpose.prepare import prepare
from tests import fabricate_custom as fabricate

FRAMES = 20


def examples(source: pathlib.Path, config: str = "h36m_17") -> dict[str, dict]:
    builder = get_builder(f"custom/{config}", source=source, data_dir="unused")
    return {
        clip["subject"]: clip for clip in builder.splits(source, Report(""))["train"]
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("custom")
    fabricate.fabricate_folder(folder, FRAMES)
    return folder


def test_every_layout_becomes_human36m_joints(folder):
    clips = examples(folder)
    assert list(clips) == ["anna", "ben", "carla", "dave", "erin"]
    layouts = {
        "anna": "h36m_17",
        "ben": "mpii_16",
        "carla": "body_25",
        "dave": "halpe_26",
        "erin": "coco_17",
    }
    for subject, layout in layouts.items():
        expected = convert_joints(
            fabricate.recording(layout, FRAMES)[0], layout, "h36m_17"
        )
        valid = clips[subject]["valid"]
        np.testing.assert_allclose(
            clips[subject]["keypoints_2d"][valid], expected[valid], atol=1e-3
        )
        assert clips[subject]["image_size"].tolist() == [1280, 720]
        assert clips[subject]["fps"] == 30
        assert clips[subject]["keypoints_skeleton"] == "h36m_17"
    left_wrist = H36M_17.joints.index("left_wrist")
    for clip in clips.values():  # all of the same person
        np.testing.assert_allclose(
            clip["keypoints_2d"][0, left_wrist],
            clips["anna"]["keypoints_2d"][0, left_wrist],
            atol=1e-3,
        )


def test_3d_is_kept_where_there_is_some(folder):
    clips = examples(folder)
    assert {subject: clip["has_positions_3d"] for subject, clip in clips.items()} == {
        "anna": True, "ben": False, "carla": False, "dave": False, "erin": False,
    }  # fmt: skip
    anna = clips["anna"]
    np.testing.assert_allclose(
        anna["positions_3d"], fabricate.recording("h36m_17", FRAMES)[1], atol=1e-5
    )
    assert anna["has_absolute_root"]
    assert anna["intrinsics"].tolist() == list(fabricate.CAMERA.intrinsics)
    assert (anna["action"], anna["take"], anna["camera"]) == (
        "turning",
        "turning 1",
        "front",
    )
    assert np.isnan(clips["ben"]["positions_3d"]).all()


def test_unseen_joints_are_filled_in_and_their_frames_invalid(folder):
    clips = examples(folder)
    carla = clips["carla"]
    assert np.flatnonzero(~carla["valid"]).tolist() == [5]
    before, lost, after = carla["keypoints_2d"][4:7]
    np.testing.assert_allclose(lost, (before + after) / 2, atol=1e-3)
    assert np.flatnonzero(~clips["dave"]["valid"]).tolist() == [3]
    # Frame 7 shows a fainter stranger 300 pixels away, listed first.
    expected = convert_joints(
        fabricate.recording("body_25", FRAMES)[0], "body_25", "h36m_17"
    )
    np.testing.assert_allclose(carla["keypoints_2d"][7], expected[7], atol=1e-3)


def test_confidence_zero_is_unseen_only_where_a_joint_needs_it(tmp_path):
    keypoints_2d, _ = fabricate.recording("body_25", FRAMES)
    scored = np.concatenate([keypoints_2d, np.ones((FRAMES, 25, 1))], axis=-1)
    joints = get_skeleton("body_25").joints
    scored[0, joints.index("left_ankle")] = (
        0  # at the start: the nearest sight is repeated
    )
    scored[:, joints.index("left_heel")] = 0  # no joint of Human3.6M is made of it
    scored[9, joints.index("right_ear")] = 0  # the crown is
    contents = {
        "keypoints": "body_25",
        "keypoints_2d": scored.tolist(),
        "fps": 30,
        "image_size": [1280, 720],
    }
    (tmp_path / "walk.json").write_text(json.dumps(contents))
    (clip,) = examples(tmp_path).values()
    assert np.flatnonzero(~clip["valid"]).tolist() == [0, 9]
    ankle = H36M_17.joints.index("left_ankle")
    np.testing.assert_array_equal(
        clip["keypoints_2d"][0, ankle], clip["keypoints_2d"][1, ankle]
    )
    assert clip["subject"] == tmp_path.name
    assert (clip["take"], clip["action"], clip["camera"]) == ("walk", "walk", "0")


def test_null_in_json_is_unseen(tmp_path):
    keypoints_2d = fabricate.recording("h36m_17", 3)[0].tolist()
    keypoints_2d[1][2] = [None, None]
    fabricate.write_json(
        tmp_path / "a.json",
        "h36m_17",
        3,
        keypoints_2d=keypoints_2d,
        fps=25,
        image_size=[1280, 720],
    )
    (clip,) = examples(tmp_path).values()
    assert clip["valid"].tolist() == [True, False, True]


def test_configs(folder, tmp_path):
    coco = tmp_path / "coco"
    fabricate.write_openpose(coco / "p" / "jump", 8)
    (coco / "dataset.json").write_text(
        json.dumps({"fps": 30, "image_size": [1280, 720]})
    )
    clip = examples(coco, "coco_17")["p"]
    assert clip["keypoints_2d"].shape == (8, 17, 2)
    assert clip["positions_3d"].shape == (8, 17, 3)
    np.testing.assert_allclose(
        clip["keypoints_2d"][0], fabricate.recording("coco_17", 8)[0][0], atol=1e-3
    )
    clip = examples(folder, "h36m_16")["anna"]
    assert clip["positions_3d"].shape == (FRAMES, 16, 3)
    with pytest.raises(
        JaxposeError,
        match=r"with_3d\.npz: no conversion from skeleton 'h36m_17' to 'coco_17'",
    ):
        examples(folder, "coco_17")


def test_prepares_and_reads_back(folder, tmp_path):
    report = prepare("custom", source=folder, data_dir=tmp_path)
    clips = load_clips("custom/h36m_17", tmp_path)
    assert clips.subjects == ("anna", "ben", "carla", "dave", "erin")
    assert clips.num_frames == 5 * FRAMES
    found = {
        row.subject: (row.status, row.take, row.frames, row.detail)
        for row in report.findings
    }
    assert found["anna"] == ("complete", "turning 1", FRAMES, "")
    filled_in = "1 frames with joints filled in (camera 0); 2D only"
    assert found["carla"] == ("complete", "jump", FRAMES, filled_in)


def test_check_finds_3d_that_does_not_project_and_wrong_units(tmp_path):
    _, positions_3d = fabricate.recording("h36m_17", FRAMES)
    fabricate.write_npz(
        tmp_path / "a.npz",
        FRAMES,
        take="moved",
        positions_3d=positions_3d + np.array([0.5, 0, 0]),
    )
    fabricate.write_npz(
        tmp_path / "b.npz", FRAMES, take="millimetres", positions_3d=1000 * positions_3d
    )
    builder = get_builder("custom", source=tmp_path, data_dir="unused")
    moved, millimetres = builder.inspect_source(tmp_path)
    assert "px (median) from the keypoints" in moved.detail
    assert "wrong unit?" in millimetres.detail


def test_check_names_keys_that_mean_nothing(tmp_path):
    _, positions_3d = fabricate.recording("h36m_17", FRAMES)
    fabricate.write_npz(
        tmp_path / "a.npz",
        FRAMES,
        positions_3d=None,
        position_3d=positions_3d,
        notes="new",
    )
    builder = get_builder("custom", source=tmp_path, data_dir="unused")
    (found,) = builder.inspect_source(tmp_path)
    assert (found.status, found.detail) == (
        "complete",
        "2D only; keys that were not read: position_3d, notes",
    )


@pytest.mark.parametrize("changes, message", [
    (
        {"keypoints": None},
        r"with the defaults of dataset\.json\): key 'keypoints' is missing",
    ),
    (
        {"keypoints": "coco"},
        "keypoints is 'coco'; known joint orders are coco_17, halpe_26",
    ),
    (
        {"keypoints": "coco_17", "keypoints_2d": np.zeros((20, 16, 2))},
        r"found \[20, 16, 2\]",
    ),
    (
        {"keypoints_2d": np.zeros((17, 2))},
        r"expected shape \[F, 17, 2\], found \[17, 2\]",
    ),
    ({"keypoints_2d": np.zeros((0, 17, 2))}, r"found \[0, 17, 2\]"),
    ({"keypoints_2d": np.full((20, 17, 2), "x")}, "of numbers, found an array of <U1"),
    ({"keypoints_2d": np.full((20, 17, 2), np.nan)}, "hip is seen in no frame"),
    ({"keypoints_2d": None}, "key 'keypoints_2d' is missing"),
    (
        {"positions_3d": np.zeros((19, 17, 3))},
        r"positions_3d \(h36m_17\): expected shape \[20, 17, 3\]",
    ),
    ({"positions_3d": np.full((20, 17, 3), np.inf)}, "numbers are not finite"),
    ({"skeleton": "smpl_24"}, "skeleton is 'smpl_24'; known are h36m_17"),
    (
        {"skeleton": np.array(["h36m_17", "coco_17"])},
        "skeleton is .*; known are h36m_17",
    ),
    (
        {"keypoints": np.array(["h36m_17", "coco_17"])},
        "keypoints is .*; known joint orders are",
    ),
    ({"skeleton": "coco_17"}, None),
    ({"fps": 0.0}, "fps is 0.0"),
    ({"fps": "fast"}, "fps: expected lists of numbers"),
    ({"image_size": np.array([1280])}, "image_size: expected 2 finite numbers"),
    ({"image_size": np.array([1280, -720])}, r"expected \[width, height\] in pixels"),
    ({"image_size": None}, "key 'image_size' is missing"),
    ({"intrinsics": np.zeros(3)}, "intrinsics: expected 4 finite numbers"),
    ({"subject": 7}, "subject is 7; expected a name"),
])  # fmt: skip
def test_bad_recordings(tmp_path, changes, message):
    source = tmp_path / "source"
    fabricate.write_npz(source / "a.npz", 20, **changes)
    if message is None:
        assert examples(source)  # COCO's joints in 3D convert as in 2D
        return
    with pytest.raises(JaxposeError, match=r"(a\.npz|clip anna).*" + message):
        prepare("custom", source=source, data_dir=tmp_path / "data")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name, content, message", [
    ("a.json", "{", "not a JSON file, or damaged"),
    ("a.json", "3", "expected an object or a list, found a int"),
    ("a.json", "[" * 100_000, "not a JSON file, or damaged"),
    ("a.json", "[]", "expected detections of one joint count"),
    (
        "a.json",
        '{"keypoints_2d": [[1, 2], [3]]}',
        "keypoints_2d: expected lists of numbers, all of",
    ),
    ("a.json", '[{"image_id": "0.jpg"}]', "key 'keypoints' is missing"),
    (
        "a.json",
        '[{"image_id": "x", "keypoints": [1, 2, 3]}]',
        "image_id 'x' does not end in a frame number",
    ),
    (
        "a.json",
        '[{"image_id": "1", "keypoints": [1, 2]}]',
        "a pose is a multiple of 3 numbers",
    ),
    (
        "a.json",
        '[{"image_id": "0", "keypoints": [1, 2, 3]}, '
        '{"image_id": "9999999", "keypoints": [1, 2, 3]}]',
        "in at most 1,000,000 frames",
    ),
    ("a.npz", "no zip", "not an npz file"),
    ("b/x_0_keypoints.json", '{"people": 3}', "people is a int, expected a list"),
    (
        "b/x_0_keypoints.json",
        '{"people": [{"pose_keypoints_2d": [1, 2, 3]}]}',
        "a pose is 75 numbers",
    ),
    ("b/x_0_keypoints.json", '{"version": 1.3}', "key 'people' is missing"),
    (
        "dataset.json",
        '{"frame_rate": 3}',
        "expected an object with keys out of keypoints, image_size, fps",
    ),
    ("dataset.json", "{}", "holds no recording"),
])  # fmt: skip
def test_bad_files(tmp_path, name, content, message):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    with pytest.raises(JaxposeError, match=message):
        examples(tmp_path)


def test_two_recordings_of_one_name(tmp_path):
    fabricate.write_npz(tmp_path / "source" / "a.npz", 20)
    fabricate.write_npz(tmp_path / "source" / "b.npz", 20)
    with pytest.raises(
        JaxposeError, match="anna/turning 1/front occurs twice in the source"
    ):
        prepare("custom", source=tmp_path / "source", data_dir=tmp_path / "data")


def test_a_file_instead_of_a_folder(tmp_path):
    fabricate.write_npz(tmp_path / "a.npz", 20)
    with pytest.raises(JaxposeError, match="is not a folder"):
        examples(tmp_path / "a.npz")


@settings(max_examples=100, deadline=None)
@given(
    name=st.sampled_from([
        "anna/with_3d.npz",
        "ben/mpii.json",
        "dave/alphapose-results.json",
        "erin/data_2d_custom_dance.npz",
        "dataset.json",
    ]),
    cut=st.floats(0, 2),
    flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), max_size=8),
)  # fmt: skip
def test_damaged_files_end_in_the_projects_error(folder, name, cut, flips):
    path = folder / name
    whole = path.read_bytes()
    damaged = bytearray(whole[: round(cut * len(whole))] if cut < 1 else whole)
    for place, value in flips:
        if damaged:
            damaged[int(place * len(damaged))] = value
    path.write_bytes(damaged)
    try:
        for recording in recordings.load_folder(folder):
            assert recordings.keypoints_as(recording, "h36m_17")[0].shape[1:] == (17, 2)
    except JaxposeError:
        pass
    finally:
        path.write_bytes(whole)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["people", "image_id", "keypoints", "fps", *fabricate.KEYS]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@settings(max_examples=100, deadline=None)
@given(value=json_values, key=st.sampled_from(fabricate.KEYS), whole_file=st.booleans())
def test_any_json_ends_in_a_recording_or_the_projects_error(
    tmp_path_factory, value, key, whole_file
):
    source = tmp_path_factory.getbasetemp() / "any_json"
    settings = {"fps": 30, "image_size": [1280, 720]}
    fabricate.write_json(source / "a.json", "h36m_17", 2, **(settings | {key: value}))
    if whole_file:
        (source / "a.json").write_text(json.dumps(value))
    with contextlib.suppress(JaxposeError):
        assert list(recordings.load_folder(source))
