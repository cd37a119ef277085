"""HumanEva-I's .mat files and npz pairs give the same clips."""

import shutil

import numpy as np

from jaxpose.body.cameras import world_to_camera
from jaxpose.body.joint_rules import convert_joints
from jaxpose.body.skeletons import HUMANEVA_15, HUMANEVA_20
from jaxpose.datasets.humaneva import facts, source_files
from tests import fabricate_humaneva
from tests.datasets.humaneva.clips import examples


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
