"""A user's own recordings in every layout, whole and damaged."""

import contextlib
import json
import pathlib
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxpose import prepare as prepare_command
from jaxpose.body.joint_rules import convert_joints
from jaxpose.body.skeletons import H36M_17, get_skeleton
from jaxpose.datasets import get_builder
from jaxpose.datasets.prepared import load_clips
from jaxpose.datasets.report import Report
from jaxpose.errors import JaxposeError
from jaxpose.prepare import prepare
from jaxpose.recordings import model_joints, read
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
    scored[9, joints.index("right_ear")] = 0  # the crown follows from the other one
    contents = {
        "keypoints": "body_25",
        "keypoints_2d": scored.tolist(),
        "fps": 30,
        "image_size": [1280, 720],
    }
    (tmp_path / "walk.json").write_text(json.dumps(contents))
    (clip,) = examples(tmp_path).values()
    assert np.flatnonzero(~clip["valid"]).tolist() == [0]
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
        examples(folder / "anna", "coco_17")


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
    status, take, frames, remarks = found["carla"]
    assert (status, take, frames) == ("complete", "jump", FRAMES)
    for remark in (
        "1 frame without the person",
        "1 frame with joints filled in",
        "2D only",
        "1 short sight of others was left out",
    ):
        assert remark in remarks.split("; ")


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
    assert millimetres.status == "refused"
    assert "look like millimetres; divide by 1000" in millimetres.detail


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
        "2D only; not read: position_3d, notes",
    )


@pytest.mark.parametrize("changes, message", [
    ({"keypoints": "smpl_24"}, "'smpl_24'"),
    ({"keypoints": "coco"}, "give --layout=h36m_17"),
    ({"keypoints": "coco_17", "keypoints_2d": np.zeros((20, 16, 2)) + 5}, "16"),
    ({"keypoints_2d": np.full((20, 17, 2), np.nan)}, "NaN|seen in no frame"),
    ({"positions_3d": np.zeros((19, 17, 3))}, "positions_3d: 19 frames beside 20"),
    ({"positions_3d": np.full((20, 17, 3), np.inf)}, "not finite"),
    ({"skeleton": "smpl_24"}, "skeleton is 'smpl_24'; known are h36m_17"),
    ({"skeleton": "coco_17"}, "positions_3d do not fit the 2D by a similarity"),
    ({"keypoints": None}, None),
    ({"fps": 0.0}, "fps is 0.0"),
    ({"fps": "fast"}, "fps: expected 1 finite numbers"),
    ({"image_size": np.array([1280])}, "image_size: expected 2 finite numbers"),
    ({"image_size": np.array([1280, -720])}, r"expected \[width, height\] in pixels"),
    ({"image_size": None}, "states the image size; give --image_size=WIDTH,HEIGHT"),
    ({"intrinsics": np.zeros(3)}, "intrinsics: expected 4 finite numbers"),
    ({"subject": 7}, "subject is 7; expected a name"),
])  # fmt: skip
def test_the_only_recording_is_refused_with_its_reason(tmp_path, changes, message):
    source = tmp_path / "source"
    fabricate.write_npz(source / "a.npz", 20, **changes)
    if message is None:
        assert examples(source)
        return
    with pytest.raises(JaxposeError, match=r"a\.npz: .*" + message) as error:
        prepare("custom", source=source, data_dir=tmp_path / "data")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "data").exists()


def test_settings_with_an_unknown_key_are_an_error(tmp_path):
    (tmp_path / "dataset.json").write_text('{"frame_rate": 3}')
    with pytest.raises(JaxposeError, match=r"keys out of keypoints, .*'frame_rate'"):
        examples(tmp_path)


@pytest.fixture
def one_bad(tmp_path):
    """Two good recordings and one without legs."""
    folder = tmp_path / "source"
    for name in ("a", "b"):
        fabricate.write_npz(folder / f"{name}.npz", 20, take=name)
    no_legs = fabricate.recording("h36m_17", 20)[0]
    no_legs[:, 1:7] = np.nan
    fabricate.write_npz(folder / "desk.npz", 20, keypoints_2d=no_legs, take="desk")
    return folder


def test_others_are_prepared_and_the_refused_one_is_named(one_bad, tmp_path, capsys):
    flags = ["custom", f"--source={one_bad}", f"--data_dir={tmp_path / 'data'}"]
    assert prepare_command.main(flags) == 1
    printed = capsys.readouterr().out
    assert "2 complete, 0 missing, 0 suspicious, 1 refused" in printed
    (row,) = [line.split() for line in printed.splitlines() if "desk  " in line]
    assert row[:7] == ["desk", *["-"] * 5, "refused"]
    clips = load_clips("custom/h36m_17", tmp_path / "data")
    assert [clip.take for clip in clips.index] == ["a", "b"]
    assert prepare_command.main([*flags, "--check"]) == 1

    # On request its legs are estimated, and no frame of it is valid.
    flags = [*flags, "--estimate_missing", "--overwrite"]
    assert prepare_command.main(flags) == 0
    clips = load_clips("custom/h36m_17", tmp_path / "data")
    desk = clips.index[2]
    assert desk.take == "desk"
    frames = slice(desk.start, desk.end)
    assert not clips.valid[frames].any()
    assert clips.seen[frames].mean(axis=0).tolist() == [1, *[0] * 6, *[1] * 10]
    assert np.isfinite(clips.keypoints_2d).all()


def test_several_data_sets_lie_side_by_side(one_bad, tmp_path):
    data_dir = tmp_path / "data"
    flags = ["custom", f"--data_dir={data_dir}"]
    (one_bad / "desk.npz").unlink()
    fabricate.write_npz(tmp_path / "other" / "c.npz", 30, take="c")
    assert prepare_command.main([*flags, f"--source={one_bad}"]) == 0
    named = [*flags, f"--source={tmp_path / 'other'}", "--name=kitchen"]
    assert prepare_command.main(named) == 0
    assert load_clips("custom/h36m_17", data_dir).num_frames == 40
    assert load_clips("custom/h36m_17-kitchen", data_dir).num_frames == 30
    with pytest.raises(JaxposeError, match=r"has no config 'smpl'; it has h36m_17"):
        get_builder("custom/smpl-kitchen", data_dir=data_dir)
    with pytest.raises(JaxposeError, match=r"'a/b' is no name for a data set"):
        get_builder("custom/h36m_17-a/b", data_dir=data_dir)


def test_other_flags_need_overwrite_or_another_name(one_bad, tmp_path, capsys):
    flags = ["custom", f"--source={one_bad}", f"--data_dir={tmp_path / 'data'}"]
    prepare_command.main(flags)
    assert prepare_command.main([*flags, "--fps=25"]) == 1
    message = "is already prepared in .* with other flags; add --overwrite"
    assert re.search(message, capsys.readouterr().err)
    assert prepare_command.main([*flags, "--fps=25", "--name=slow"]) == 1
    clips = load_clips("custom/h36m_17-slow", tmp_path / "data")
    assert clips.index[0].fps == 25


def test_flags_about_recordings_are_for_recordings(tmp_path, capsys):
    for flag, message in (
        ("--fps=25", "are for custom"),
        ("--name=a", "for recordings"),
    ):
        flags = ["synthetic", f"--data_dir={tmp_path}", flag]
        assert prepare_command.main(flags) == 1
        assert message in capsys.readouterr().err


def test_each_person_is_a_subject(tmp_path):
    first = fabricate.recording("coco_17", 40)[0]
    second = first[:20] * 0.6 + [30, 100]
    people = []
    for frame in range(40):
        shown = [first[frame], second[frame]] if frame < 20 else [first[frame]]
        for pose in shown:
            scored = np.column_stack([pose, np.full(17, 0.9)])
            person = {"image_id": f"{frame}.jpg", "category_id": 1, "score": 2.5}
            people.append(person | {"keypoints": scored.ravel().tolist()})
    settings = {"image_size": [1280, 720], "fps": 30}
    (tmp_path / "two.json").write_text(json.dumps(people))
    (tmp_path / "dataset.json").write_text(json.dumps(settings))
    clips = examples(tmp_path)
    assert [name.partition(" ")[2] for name in clips] == ["person 1", "person 2"]
    assert [len(clip["valid"]) for clip in clips.values()] == [40, 20]
    for clip, expected in zip(clips.values(), (first, second), strict=True):
        expected = convert_joints(expected, "coco_17", "h36m_17")
        np.testing.assert_allclose(clip["keypoints_2d"], expected, atol=1e-3)


def test_the_second_of_one_name_is_refused(tmp_path):
    fabricate.write_npz(tmp_path / "a.npz", 20)
    fabricate.write_npz(tmp_path / "b.npz", 20)
    reading = read(tmp_path)
    assert [found.name for found in reading.recordings] == ["a"]
    assert "are those of" in reading.refused[0].reason


def test_a_file_instead_of_a_folder(tmp_path):
    fabricate.write_npz(tmp_path / "a.npz", 20)
    assert list(examples(tmp_path / "a.npz")) == ["anna"]


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
        for recording in read(folder).recordings:
            assert model_joints(recording, "h36m_17")[0].shape[1:] == (17, 2)
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
        reading = read(source)
        assert reading.recordings or reading.refused or reading.unread
