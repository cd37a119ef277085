"""HumanEva-I from its .mat files and VideoPose3D's npz pairs, whole and damaged."""

import pathlib
import shutil

import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jaxpose.body.cameras import world_to_camera
from jaxpose.body.joint_rules import convert_joints
from jaxpose.body.skeletons import COCO_17, HUMANEVA_15, HUMANEVA_20
from jaxpose.datasets import get_builder
from jaxpose.datasets.humaneva import facts, source_files
from jaxpose.datasets.prepared import load_clips
from jaxpose.datasets.report import Report
from jaxpose.errors import JaxposeError
from jaxpose.prepare import prepare
from tests import fabricate_humaneva


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> pathlib.Path:
    """The .mat files and npz files with 15 joints, in folders of their own."""
    folder = tmp_path_factory.mktemp("humaneva")
    fabricate_humaneva.fabricate_mat(folder / "mat", 15)
    fabricate_humaneva.fabricate_npz(folder / "npz", 15)
    return folder


def examples(
    source: pathlib.Path, config: str = "gt"
) -> dict[tuple[str, str, str], dict]:
    builder = get_builder(f"humaneva/{config}", source=source, data_dir="unused")
    clips = [
        clip for split in builder.splits(source, Report("")).values() for clip in split
    ]
    return {(clip["subject"], clip["take"], clip["camera"]): clip for clip in clips}


def test_frame_table_is_the_protocols():
    assert facts.num_frames("Train/S1", "Walking") == 1203 - 590
    assert facts.num_frames("Validate/S3", "Box") == 512 - 5
    for person in ("S1", "S2", "S3"):
        for (_, end), (start, _) in zip(
            facts.FRAMES[f"Validate/{person}"],
            facts.FRAMES[f"Train/{person}"],
            strict=True,
        ):
            assert end == start  # a take begins with validation and ends with training


def test_mat_and_npz_give_the_same_clips(folder):
    from_mat, from_npz = examples(folder / "mat"), examples(folder / "npz")
    assert list(from_mat) == list(from_npz)
    for key, clip in from_mat.items():
        np.testing.assert_allclose(
            clip["positions_3d"], from_npz[key]["positions_3d"], rtol=0, atol=1e-5
        )
        np.testing.assert_allclose(
            clip["keypoints_2d"], from_npz[key]["keypoints_2d"], rtol=0, atol=1e-3
        )
        assert {k: str(v) for k, v in clip.items() if not np.ndim(v)} == {
            k: str(v) for k, v in from_npz[key].items() if not np.ndim(v)
        }


def test_chunks_are_numbered_with_the_invalid_runs(folder):
    clips = examples(folder / "mat")
    chunks = {
        (subject, take): len(clip["valid"])
        for (subject, take, _), clip in clips.items()
    }
    assert ("Train/S1", "Box 1 chunk0") not in chunks
    assert chunks["Train/S1", "Box 1 chunk1"] == 404 - 25
    assert [
        take for subject, take in chunks if subject == "Train/S2" and "Jog" in take
    ] == [
        "Jog 1 chunk0",
        "Jog 1 chunk2",
    ]
    assert chunks["Train/S2", "Jog 1 chunk2"] == 390 - 110
    assert chunks["Validate/S1", "Walking 1 chunk2"] == 585 - 301
    assert not any(
        subject.endswith("S3") and "ThrowCatch" in take for subject, take in chunks
    )


def test_clips_are_in_the_camera_frame_in_metres(folder):
    clip = examples(folder / "mat")["Train/S1", "Jog 1 chunk0", "C2"]
    world, _, _ = fabricate_humaneva._take("Train/S1", "Jog", 15)
    camera = facts.cameras_of("Train/S1")[1]
    expected = world_to_camera(
        world, np.array(camera.orientation), np.array(camera.translation)
    )
    np.testing.assert_allclose(clip["positions_3d"], expected, atol=1e-5)
    assert (clip["positions_3d"][..., 2] > 1).all()  # in front of the camera
    head, hip = HUMANEVA_15.joints.index("head"), HUMANEVA_15.root
    assert (
        clip["positions_3d"][0, head, 1] < clip["positions_3d"][0, hip, 1]
    )  # y is down
    assert (clip["action"], clip["fps"], clip["image_size"].tolist()) == (
        "Jog",
        60,
        [640, 480],
    )
    assert clip["has_extrinsics"]
    assert not clip["has_intrinsics"]
    assert clip["valid"].all()


def test_detections_are_coco_and_combine_with_either_3d(folder, tmp_path):
    from_npz = examples(folder / "npz", "detectron_pt_coco")
    shutil.copytree(folder / "mat", tmp_path, dirs_exist_ok=True)
    shutil.copy(folder / "npz" / "data_2d_humaneva15_detectron_pt_coco.npz", tmp_path)
    from_mat = examples(tmp_path, "detectron_pt_coco")
    assert list(from_npz) == list(from_mat)
    clip = from_npz["Validate/S2", "Box 1 chunk0", "C3"]
    assert (clip["keypoints_skeleton"], clip["skeleton"]) == ("coco_17", "humaneva_15")
    np.testing.assert_array_equal(
        clip["keypoints_2d"],
        from_mat["Validate/S2", "Box 1 chunk0", "C3"]["keypoints_2d"],
    )
    as_humaneva = convert_joints(clip["keypoints_2d"], "coco_17", "humaneva_15")
    truth = examples(folder / "npz")["Validate/S2", "Box 1 chunk0", "C3"][
        "keypoints_2d"
    ]
    shoulder = HUMANEVA_15.joints.index("left_shoulder")
    np.testing.assert_allclose(as_humaneva[:, shoulder], truth[:, shoulder], atol=1e-2)


def test_20_joints_become_the_15(folder, tmp_path):
    fabricate_humaneva.fabricate_mat(tmp_path, 20, ("Train/S2",))
    joints_20, _ = source_files.load(tmp_path, HUMANEVA_20, HUMANEVA_20, "gt")
    joints_15, _ = source_files.load(folder / "mat", HUMANEVA_15, HUMANEVA_15, "gt")
    assert list(joints_20["Train/S2"]) == list(joints_15["Train/S2"])
    for take, positions in joints_20["Train/S2"].items():
        converted = convert_joints(positions, "humaneva_20", "humaneva_15")
        np.testing.assert_allclose(converted, joints_15["Train/S2"][take], atol=1e-9)


def test_prepares_and_reads_back(folder, tmp_path):
    report = prepare("humaneva/gt", source=folder / "npz", data_dir=tmp_path)
    clips = load_clips("humaneva/gt", tmp_path)
    assert clips.subjects == facts.SUBJECTS
    assert report.subjects["Train/S1"].takes == [
        "Walking 1 chunk0",
        "Jog 1 chunk0",
        "ThrowCatch 1 chunk0",
        "Gestures 1 chunk0",
        "Box 1 chunk1",
    ]
    assert not [finding for finding in report.findings if finding.status == "missing"]
    found = {(row.subject, row.take): row for row in report.findings}
    assert {row.status for row in found.values()} == {"complete"}
    assert (found["Train/S1", ""].frames, found["Train/S1", ""].published) == (
        2268 - 25,
        2268,
    )
    jog = found["Train/S2", "Jog"]
    assert (jog.frames, jog.published, jog.detail) == (397 - 10 - 7, 397, "2 chunks")
    assert found["Train/S3", ""].detail == "4 of 4 takes"  # ThrowCatch is none of them


def test_throw_catch_of_s3_is_skipped_with_a_note(folder, tmp_path):
    contents = npz_contents(folder / "npz")
    for name in ("positions_3d", "positions_2d"):
        subject = contents[name]["Train/S3"]
        subject["ThrowCatch 1 chunk0"] = subject["Box 1 chunk0"]
    write_pair(tmp_path, contents)
    builder = get_builder("humaneva/gt", source=tmp_path, data_dir="unused")
    report = Report("")
    clips = [
        clip for split in builder.splits(tmp_path, report).values() for clip in split
    ]
    assert not any(
        clip["subject"] == "Train/S3" and clip["action"] == "ThrowCatch"
        for clip in clips
    )
    assert report.notes == [
        "ThrowCatch of S3 is skipped: its motion capture is damaged"
    ]


def npz_contents(folder: pathlib.Path) -> dict:
    """A copy of the ground-truth pair that a test may change."""
    contents = {}
    for name in ("data_3d_humaneva15", "data_2d_humaneva15_gt"):
        with np.load(folder / f"{name}.npz", allow_pickle=True) as arrays:
            contents |= {key: arrays[key].item() for key in arrays}
    return contents


def write_pair(folder: pathlib.Path, contents: dict) -> None:
    keypoints = {
        key: contents[key] for key in ("positions_2d", "metadata") if key in contents
    }
    np.savez(folder / "data_2d_humaneva15_gt.npz", **keypoints)
    np.savez(
        folder / "data_3d_humaneva15.npz",
        **{k: v for k, v in contents.items() if k not in keypoints},
    )


def remove_subject(contents):
    del contents["positions_3d"]["Train/S2"]


def remove_action(contents):
    del contents["positions_3d"]["Validate/S1"]["Jog 1 chunk0"]


def remove_2d(contents):
    del contents["positions_2d"]["Train/S1"]["Jog 1 chunk0"]


def remove_camera(contents):
    contents["positions_2d"]["Train/S1"]["Jog 1 chunk0"].pop()


def shorten_2d(contents):
    views = contents["positions_2d"]["Train/S1"]["Jog 1 chunk0"]
    views[1] = views[1][:-1]


def other_joints(contents):
    contents["positions_3d"]["Train/S1"]["Jog 1 chunk0"] = np.zeros((373, 17, 3))


def other_layout(contents):
    contents["metadata"]["keypoints_symmetry"] = [
        list(COCO_17.left),
        list(COCO_17.right),
    ]


def text(contents):
    contents["positions_3d"]["Train/S1"]["Jog 1 chunk0"] = "positions"


def not_finite(contents):
    contents["positions_3d"]["Train/S1"]["Jog 1 chunk0"][7, 3, 1] = np.nan


def other_name(contents):
    contents["positions_3d"]["Train/S1"]["Jogging 1 chunk0"] = np.zeros((5, 15, 3))


def list_of_subjects(contents):
    contents["positions_3d"] = [1, 2]


def no_positions(contents):
    contents["poses"] = contents.pop("positions_3d")


def no_metadata(contents):
    del contents["metadata"]


@pytest.mark.parametrize("damage, message", [
    (remove_subject, "lacks Train/S2 of the split 'train'"),
    (remove_action, "lacks Validate/S1 Jog of the split 'validation'"),
    (remove_2d, "2D file lacks Train/S1/Jog 1 chunk0"),
    (remove_camera, "expected 3 cameras, found 2"),
    (
        shorten_2d,
        "Train/S1/Jog 1 chunk0/C2: 2D has 372 frames, fewer than the 373 of 3D",
    ),
    (other_joints, r"expected shape \[F, 15, 3\], found \[373, 17, 3\]"),
    (other_layout, "the file holds other joints"),
    (text, r"expected an array \[F, 15, 3\] of numbers, found a str"),
    (not_finite, r"1 numbers are not finite, the first at \[7, 3, 1\]"),
    (other_name, "unknown take 'Jogging 1 chunk0'"),
    (list_of_subjects, "expected a dict with names as keys, found a ndarray"),
    (
        no_positions,
        "data_3d_humaneva15.npz: key 'positions_3d' is missing; the file holds 'poses'",
    ),
    (no_metadata, "data_2d_humaneva15_gt.npz: key 'metadata' is missing"),
])  # fmt: skip
def test_bad_npz(folder, tmp_path, damage, message):
    contents = npz_contents(folder / "npz")
    damage(contents)
    source = tmp_path / "source"
    source.mkdir()
    write_pair(source, contents)
    with pytest.raises(JaxposeError, match=message):
        prepare("humaneva/gt", source=source, data_dir=tmp_path / "data")
    assert not (tmp_path / "data").exists()


def change_length(arrays):
    arrays["poses_3d"] = arrays["poses_3d"][:-1]


def change_joints(arrays):
    arrays["poses_3d"] = arrays["poses_3d"][:, :14]


def change_cameras(arrays):
    arrays["poses_2d"] = arrays["poses_2d"][:2]


def change_mask(arrays):
    arrays["poses_2d"][:, 11] = np.nan


def drop_key(arrays):
    del arrays["poses_2d"]


def cells(arrays):
    arrays["poses_3d"] = np.array([["a", "b"]], object)


@pytest.mark.parametrize("damage, message", [
    (change_length, "poses_3d has 372 frames, the published split has 373"),
    (change_joints, r"poses_3d: expected shape \[F, 15, 3\], found \[373, 14, 3\]"),
    (
        change_cameras,
        r"poses_2d: expected shape \[3, 373, 15, 2\], found \[2, 373, 15, 2\]",
    ),
    (change_mask, "not finite in the same frames; they differ first in frame 11"),
    (drop_key, "key 'poses_2d' is missing"),
    (cells, "of numbers, found an array of object"),
])  # fmt: skip
def test_bad_mat(folder, tmp_path, damage, message):
    path = pathlib.Path("Train/S1/Jog_1.mat")
    arrays = scipy.io.loadmat(folder / "mat" / "converted_15j" / path)
    damage(arrays)
    (tmp_path / path.parent).mkdir(parents=True)
    scipy.io.savemat(
        tmp_path / path, {k: v for k, v in arrays.items() if k.startswith("poses")}
    )
    with pytest.raises(JaxposeError, match=r"Jog_1\.mat: .*" + message):
        source_files.load_converted(tmp_path, HUMANEVA_15)


def test_missing_files(folder, tmp_path):
    with pytest.raises(JaxposeError, match="does not exist"):
        prepare("humaneva", source=tmp_path / "nowhere", data_dir=tmp_path / "data")
    (tmp_path / "other.txt").write_text("nothing")
    with pytest.raises(
        JaxposeError,
        match=r"neither data_3d_humaneva15\.npz nor the folder converted_15j",
    ):
        prepare("humaneva", source=tmp_path, data_dir=tmp_path / "data")
    shutil.copy(folder / "npz" / "data_3d_humaneva15.npz", tmp_path)
    with pytest.raises(
        JaxposeError, match=r"data_2d_humaneva15_gt\.npz does not exist"
    ):
        prepare("humaneva", source=tmp_path, data_dir=tmp_path / "data")


@pytest.fixture(scope="module")
def small_mat(tmp_path_factory) -> pathlib.Path:
    """One take, uncompressed so that damage reaches the arrays."""
    path = tmp_path_factory.mktemp("fuzz") / "Train" / "S1" / "Jog_1.mat"
    path.parent.mkdir(parents=True)
    rng = np.random.default_rng(0)
    arrays = {
        "poses_3d": rng.normal(size=(373, 15, 3)),
        "poses_2d": rng.normal(size=(3, 373, 15, 2)),
    }
    scipy.io.savemat(path, arrays)
    return path


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    cut=st.floats(0, 1),
    flips=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8),
)
def test_damaged_mat_files_end_in_the_projects_error(small_mat, cut, flips):
    whole = small_mat.read_bytes()
    damaged = bytearray(whole[: round(cut * len(whole))] if cut < 0.9 else whole)
    for place, value in flips:
        if place < len(damaged):
            damaged[place] = value
    small_mat.write_bytes(damaged)
    try:
        positions, _ = source_files.load_converted(small_mat.parents[2], HUMANEVA_15)
        assert positions["Train/S1"]["Jog 1 chunk0"].shape == (373, 15, 3)
    except JaxposeError:
        pass
    finally:
        small_mat.write_bytes(whole)
