"""Human3.6M: skeletons, frames, projections and the quirks of its clips."""

import numpy as np

from jaxpose.body import cameras
from jaxpose.body.skeletons import H36M_16, get_skeleton
from jaxpose.datasets.h36m_cameras import CAMERA_NAMES, h36m_cameras
from jaxpose.datasets.human36m import facts, motionbert
from jaxpose.datasets.human36m.human36m_dataset_builder import Builder
from jaxpose.datasets.human36m.takes import stacked_hourglass_to_h36m_16
from jaxpose.prepare import inspect_source
from tests import fabricate_human36m
from tests.datasets.human36m.clips import examples


def test_every_config_yields_its_skeletons(small):
    names = [config.name for config in Builder.BUILDER_CONFIGS]
    assert len(set(names)) == len(names) == 23
    for config in Builder.BUILDER_CONFIGS:
        if (
            config.keypoints_source == "d2"
            or config.keypoints_source in motionbert.FILES
        ):
            continue
        clip = examples(small, config.name)["S1", "Directions 1", "55011271"]
        frames = fabricate_human36m.num_frames("S1", "Directions 1")
        joints = get_skeleton(config.skeleton).num_joints
        keypoints = get_skeleton(config.keypoints_skeleton or config.skeleton)
        assert clip["positions_3d"].shape == (frames, joints, 3)
        assert clip["keypoints_2d"].shape == (frames, keypoints.num_joints, 2)
        assert clip["keypoints_skeleton"] == keypoints.name
        assert clip["keypoints_source"] == config.keypoints_source
        assert clip["action"] == "Directions"
        assert clip["fps"] == 50
        assert clip["valid"].all()


def test_positions_are_in_the_camera_frame_with_the_absolute_root(small):
    take = "Directions 1"
    clips = examples(small, "gt_17")
    for camera in h36m_cameras("S1"):
        clip = clips["S1", take, camera.name]
        world = fabricate_human36m.motion("S1", take, len(clip["valid"]))[:, 0]
        rotation = cameras.quaternion_rotate(np.array(camera.orientation), np.eye(3))
        expected = (world - camera.translation) @ rotation.T
        np.testing.assert_allclose(clip["positions_3d"][:, 0], expected, atol=1e-6)
        assert clip["has_absolute_root"]
        assert clip["has_intrinsics"]
        assert clip["has_extrinsics"]


def test_gt_is_the_projection_with_distortion_and_gt_linear_without(npz):
    full = examples(npz, "gt_16")["S1", "Eating 2", "54138969"]
    linear = examples(npz, "gt_linear_16")["S1", "Eating 2", "54138969"]
    fx, fy, cx, cy = full["intrinsics"]
    pinhole = linear["positions_3d"][..., :2] / linear["positions_3d"][..., 2:] * [
        fx,
        fy,
    ] + [cx, cy]
    np.testing.assert_allclose(linear["keypoints_2d"], pinhole, atol=1e-3)
    assert np.abs(full["keypoints_2d"] - pinhole).max() > 0.5
    assert np.isnan(linear["distortion"]).all()
    np.testing.assert_array_equal(full["distortion"], h36m_cameras("S1")[0].distortion)


def test_stacked_hourglass_joints_become_the_human36m_joint_they_stand_for(npz):
    places = {"hip": 6, "spine": 7, "thorax": 8, "head": 9}
    mpii = get_skeleton("mpii_16")
    order = stacked_hourglass_to_h36m_16(np.arange(16)[None, :, None])[0, :, 0].tolist()
    assert sorted(order) == list(range(16))
    for name, index in zip(H36M_16.joints, order, strict=True):
        assert index == places[name] if name in places else mpii.joints[index] == name
    found = examples(npz, "sh_ft_h36m_16")["S9", "Waiting 1", "60457274"]
    truth = examples(npz, "gt_16")["S9", "Waiting 1", "60457274"]
    assert np.abs(found["keypoints_2d"] - truth["keypoints_2d"]).mean() < 3


def test_s1_names_are_those_of_the_others(extracted):
    assert (extracted / "S1/MyPoseFeatures/D3_Positions/TakingPhoto 1.cdf").exists()
    takes = {
        take for subject, take, _ in examples(extracted, "gt_17") if subject == "S1"
    }
    assert takes == set(facts.FRAMES["S1"])
    assert {
        "Photo",
        "Photo 1",
        "WalkDog",
        "WalkDog 1",
        "Eating 2",
        "Sitting 2",
    } <= takes


def test_the_corrupt_take_of_s11_is_dropped(extracted):
    assert (extracted / "S11/MyPoseFeatures/D3_Positions/Directions.cdf").exists()
    takes = {
        take for subject, take, _ in examples(extracted, "gt_17") if subject == "S11"
    }
    assert takes == set(facts.FRAMES["S11"])
    assert "Directions" not in takes


def test_longer_2d_is_cut_to_the_3d(npz):
    with np.load(npz / "data_2d_h36m_cpn_ft_h36m_dbb.npz", allow_pickle=True) as file:
        detected = file["positions_2d"].item()["S9"]["Greeting"]
    clips = examples(npz, "cpn_ft_h36m_dbb_17")
    frames = fabricate_human36m.num_frames("S9", "Greeting")
    assert [len(view) for view in detected] == [
        2 * frames + extra for extra in (1, 3, 3, 1)
    ]
    for view, camera in zip(detected, CAMERA_NAMES, strict=True):
        clip = clips["S9", "Greeting", camera]
        np.testing.assert_array_equal(clip["keypoints_2d"], view[:frames])
        assert len(clip["positions_3d"]) == frames


def test_drifting_takes_are_kept_and_told_of(npz):
    findings = inspect_source("human36m/gt_17", source=npz, data_dir="unused")
    clips = examples(npz, "gt_17")
    for subject, take in facts.DRIFTING_TAKES:
        assert (subject, take, CAMERA_NAMES[0]) in clips
        (finding,) = (
            found
            for found in findings
            if (found.subject, found.take) == (subject, take)
        )
        assert "its labels drift from the video; kept" in finding.detail


def test_image_heights_differ_by_camera(npz):
    clips = examples(npz, "gt_17")
    sizes = [
        clips["S1", "Walking", camera]["image_size"].tolist() for camera in CAMERA_NAMES
    ]
    assert sizes == [[1000, 1002], [1000, 1000], [1000, 1000], [1000, 1002]]
