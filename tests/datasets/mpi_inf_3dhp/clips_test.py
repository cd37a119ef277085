"""Both formats of MPI-INF-3DHP give the same clips, with published numbers."""

import numpy as np

from jaxpose.body import cameras
from jaxpose.body.joint_rules import convert_joints
from jaxpose.datasets.mpi_inf_3dhp import facts, source_files
from tests import fabricate_mpi_inf_3dhp as fabricate
from tests.datasets.mpi_inf_3dhp.clips import FRAMES, examples


def test_published_numbers():
    train = [sequence for takes in facts.TRAIN.values() for sequence in takes.values()]
    assert sum(frames for frames, _ in train) * len(facts.CAMERAS) == 1_052_736
    assert {fps for _, fps in train} == {25, 50}
    assert sum(valid for _, valid in facts.TEST.values()) == 2929
    valid = dict.fromkeys(facts.SCENES.values(), 0)
    for sequence, (_, count) in facts.TEST.items():
        valid[facts.SCENES[sequence]] += count
    assert valid == {"GS": 603 + 540, "noGS": 505 + 553, "Outdoor": 276 + 452}
    sizes = [facts.image_size(sequence) for sequence in facts.TEST]
    assert sizes == [(2048, 2048)] * 4 + [(1920, 1080)] * 2


def test_both_formats_give_the_same_clips(folder):
    official, p_stmo = examples(folder / "official"), examples(folder / "p_stmo")
    assert len(official) == 8 * 2 * 8 + 6
    assert list(official) == list(p_stmo)
    for key, clip in official.items():
        other = p_stmo[key]
        np.testing.assert_allclose(
            clip["positions_3d"], other["positions_3d"], rtol=0, atol=1e-5
        )
        np.testing.assert_allclose(
            clip["keypoints_2d"], other["keypoints_2d"], rtol=0, atol=1e-3
        )
        np.testing.assert_array_equal(clip["valid"], other["valid"])
        assert (clip["fps"], clip["action"]) == (other["fps"], other["action"])
        assert clip["image_size"].tolist() == other["image_size"].tolist()


def test_training_clips(folder):
    clips = examples(folder / "official")
    clip = clips["S3", "Seq2", "4"]
    annot2, annot3 = (
        convert_joints(array, "mpi_inf_3dhp_28", "mpi_inf_3dhp_17")
        for array in fabricate.training_view("S3", "Seq2", 4, FRAMES)
    )
    np.testing.assert_allclose(clip["keypoints_2d"], annot2, atol=1e-3)
    np.testing.assert_allclose(
        clip["positions_3d"], fabricate.UNIVERSAL * annot3 / 1000, atol=1e-6
    )
    assert (clip["fps"], clip["action"], clip["camera"]) == (50, "Seq2", "4")
    assert clip["valid"].all()
    assert not clip["activity"].any()
    assert clips["S1", "Seq1", "0"]["fps"] == 25
    assert {camera for _, take, camera in clips if take.startswith("Seq")} == set(
        "01245678"
    )


def test_test_clips(folder):
    clip = examples(folder / "official")["TS5", "TS5", "0"]
    assert (clip["action"], clip["image_size"].tolist()) == ("Outdoor", [1920, 1080])
    assert np.flatnonzero(clip["valid"]).tolist() == [1, 4, 7, 10]
    assert clip["activity"].tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]
    assert not examples(folder / "p_stmo")["TS5", "TS5", "0"]["activity"].any()


def test_annot3_projects_and_univ_annot3_says_that_it_does_not(folder):
    clip = examples(folder / "official", "annot3")["S2", "Seq1", "8"]
    camera = cameras.normalized_intrinsics(clip["intrinsics"], None, (2048, 2048))
    projected = cameras.project(clip["positions_3d"].astype(np.float64), camera)
    pixels = cameras.image_coordinates(projected, (2048, 2048))
    np.testing.assert_allclose(pixels, clip["keypoints_2d"], atol=1e-2)
    assert clip["has_absolute_root"]
    universal = examples(folder / "official")["S2", "Seq1", "8"]
    assert not universal["has_absolute_root"]
    np.testing.assert_allclose(
        universal["positions_3d"], 0.9 * clip["positions_3d"], rtol=1e-5
    )


def test_calibration_is_found_by_keywords(tmp_path):
    path = tmp_path / "camera.calibration"
    fabricate.write_calibration(
        path, [fabricate.camera_of(number) for number in range(14)]
    )
    lines = path.read_text().splitlines()
    shuffled = [
        lines[0],
        "",
        "  unknown 3",
        *(line for line in lines[1:] if "animated" not in line),
    ]
    path.write_text("\n".join(shuffled))
    found = source_files.load_calibration(path)
    assert list(found) == list(range(14))
    expected = fabricate.camera_of(7)
    np.testing.assert_allclose(found[7].intrinsics, expected.intrinsics)
    np.testing.assert_allclose(found[7].translation, expected.translation, atol=1e-6)
    point = np.array([[0.3, -0.2, 1.1]])
    np.testing.assert_allclose(
        cameras.world_to_camera(
            point, np.array(found[7].orientation), np.array(found[7].translation)
        ),
        cameras.world_to_camera(
            point, np.array(expected.orientation), np.array(expected.translation)
        ),
        atol=1e-6,
    )


def test_cameras_are_found_by_their_number(tmp_path):
    views = [fabricate.training_view("S1", "Seq1", camera, 3) for camera in range(14)]
    order = np.roll(np.arange(14), 5)
    fabricate.write_annot_mat(
        tmp_path / "annot.mat", [views[c] for c in order], cameras=order[None]
    )
    found = source_files.load_annot_mat(tmp_path / "annot.mat", "annot3")
    for camera in facts.CAMERAS:
        expected = convert_joints(
            views[camera][0], "mpi_inf_3dhp_28", "mpi_inf_3dhp_17"
        )
        np.testing.assert_array_equal(found[camera].keypoints_2d, expected)


def test_only_the_usable_rows_are_taken(folder, monkeypatch):
    monkeypatch.setitem(facts.TRAIN, "S1", {"Seq1": (5, 25), "Seq2": (FRAMES, 50)})
    clips = examples(folder / "official")
    assert len(clips["S1", "Seq1", "0"]["valid"]) == 5
    assert len(clips["S1", "Seq2", "0"]["valid"]) == FRAMES
