"""Human3.6M: every format gives the clips of the published protocol; bad files fail."""

import io
import json
import pathlib
import pickle
import shutil
import sys
import tarfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxpose.body import cameras
from jaxpose.body.skeletons import H36M_16, get_skeleton
from jaxpose.datasets import get_builder
from jaxpose.datasets.h36m_cameras import CAMERA_NAMES, h36m_cameras
from jaxpose.datasets.human36m import facts, motionbert
from jaxpose.datasets.human36m.cdf import read_pose
from jaxpose.datasets.human36m.human36m_dataset_builder import Builder
from jaxpose.datasets.human36m.metadata import read_cameras
from jaxpose.datasets.human36m.official import OfficialFiles
from jaxpose.datasets.human36m.takes import stacked_hourglass_to_h36m_16
from jaxpose.datasets.report import Report
from jaxpose.errors import JaxposeError
from jaxpose.prepare import inspect_source, prepare
from tests import fabricate, fabricate_human36m, motionbert_score
from tests.shared import shared_path

Examples = dict[tuple[str, str, str], dict]


def examples(source: pathlib.Path, config: str) -> Examples:
    builder = get_builder(f"human36m/{config}", source=source, data_dir="unused")
    clips = [
        clip for split in builder.splits(source, Report("")).values() for clip in split
    ]
    return {(clip["subject"], clip["take"], clip["camera"]): clip for clip in clips}


@pytest.fixture(scope="module")
def npz(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("npz")
    fabricate_human36m.fabricate_npz(folder, ("S1", "S9", "S11"))
    return folder


@pytest.fixture(scope="module")
def extracted(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("extracted")
    fabricate_human36m.fabricate_extracted(
        folder, ("S1", "S11"), kinds=("D3_Positions",)
    )
    return folder


@pytest.fixture(scope="module")
def pickled(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("motionbert")
    fabricate_human36m.fabricate_motionbert(folder, ("S1", "S9"))
    return folder


@pytest.fixture
def small(tmp_path) -> pathlib.Path:
    """A npz pair of two takes of S1, to be spoilt."""
    fabricate_human36m.fabricate_npz(tmp_path / "small", ("S1",), most_takes=2)
    return tmp_path / "small"


def assert_same_clips(found: Examples, expected: Examples, pixels: float) -> None:
    assert list(found) == list(expected)
    for key, clip in found.items():
        other = expected[key]
        np.testing.assert_allclose(
            clip["positions_3d"], other["positions_3d"], rtol=0, atol=1e-5
        )
        np.testing.assert_allclose(
            clip["keypoints_2d"], other["keypoints_2d"], rtol=0, atol=pixels
        )
        np.testing.assert_allclose(
            clip["translation"], other["translation"], rtol=0, atol=1e-6
        )
        for field in (
            "action",
            "skeleton",
            "keypoints_skeleton",
            "keypoints_source",
            "fps",
        ):
            assert clip[field] == other[field]


# Facts


def test_frame_table_gives_the_published_totals():
    for subjects, total in (
        (facts.TRAIN_SUBJECTS, 1_559_752),
        (facts.TEST_SUBJECTS, 543_344),
        (("S1",), 248_376),
        (("S1", "S5"), 644_692),
        (("S1", "S5", "S6"), 894_556),
    ):
        assert (
            4 * sum(sum(facts.FRAMES[subject].values()) for subject in subjects)
            == total
        )
    assert (facts.TRAIN_FRAMES, facts.TEST_FRAMES) == (1_559_752, 543_344)
    assert [len(takes) for takes in facts.FRAMES.values()] == [30] * 6 + [29]


def test_frame_table_is_the_published_one():
    published = json.loads(shared_path("cameras/h36m_frame_counts.json").read_text())[
        "subjects"
    ]
    for subject, takes in facts.FRAMES.items():
        expected = {
            take: row["mocap_frames"]
            for take, row in published[subject].items()
            if (subject, take) not in facts.DROPPED_TAKES
        }
        assert takes == expected
        for take, row in published[subject].items():
            assert facts.canonical_take(row["file_stem"]) == take


def test_takes_are_grouped_by_their_first_word():
    assert facts.canonical_take("TakingPhoto 1") == "Photo 1"
    assert facts.canonical_take("WalkingDog") == "WalkDog"
    assert facts.action_of("SittingDown 1") == "SittingDown"
    assert {
        facts.action_of(take) for takes in facts.FRAMES.values() for take in takes
    } == set(facts.ACTIONS)
    with pytest.raises(JaxposeError, match=r"'Dancing 1'.*Directions"):
        facts.canonical_take("Dancing 1")


# Formats


def test_official_files_and_npz_give_the_same_clips(npz, extracted):
    from_npz = {
        key: clip for key, clip in examples(npz, "gt_17").items() if key[0] != "S9"
    }
    assert_same_clips(examples(extracted, "gt_17"), from_npz, pixels=1e-3)


@pytest.mark.parametrize(
    "layout", ["S1/{subject}/MyPoseFeatures/{kind}", "extracted/{subject}/Poses_{kind}"]
)
@pytest.mark.parametrize("kind", ["D3_Positions", "D3_Positions_mono"])
def test_both_layouts_and_both_frames_give_the_same_clips(tmp_path, npz, layout, kind):
    fabricate_human36m.fabricate_extracted(tmp_path, ("S1",), 2, layout, kinds=(kind,))
    found = examples(tmp_path, "gt_32")
    expected = examples(npz, "gt_32")
    assert len(found) == 8
    assert_same_clips(found, {key: expected[key] for key in found}, pixels=1e-2)


def test_archives_give_the_same_clips(tmp_path, npz):
    fabricate_human36m.fabricate_archives(tmp_path, ("S1",), 2)
    expected = examples(npz, "gt_19")
    found = examples(tmp_path, "gt_19")
    assert_same_clips(found, {key: expected[key] for key in found}, pixels=1e-3)
    official = examples(tmp_path, "d2_19")
    for key, clip in official.items():
        np.testing.assert_allclose(
            clip["keypoints_2d"], found[key]["keypoints_2d"], rtol=0, atol=1e-3
        )
        assert clip["keypoints_source"] == "d2"


def test_official_3d_goes_with_detections_beside_it(tmp_path, npz):
    fabricate_human36m.fabricate_extracted(
        tmp_path, ("S1",), 2, kinds=("D3_Positions",)
    )
    shutil.copy(npz / "data_2d_h36m_cpn_ft_h36m_dbb.npz", tmp_path)
    expected = examples(npz, "cpn_ft_h36m_dbb_17")
    found = examples(tmp_path, "cpn_ft_h36m_dbb_17")
    assert_same_clips(found, {key: expected[key] for key in found}, pixels=0)


def test_metadata_cameras_are_the_published_ones(tmp_path):
    fabricate_human36m.write_metadata(tmp_path / "metadata.xml")
    for subject in facts.SUBJECTS:
        for found, published in zip(
            read_cameras(tmp_path / "metadata.xml", subject),
            h36m_cameras(subject),
            strict=True,
        ):
            sign = np.sign(np.dot(found.orientation, published.orientation))
            np.testing.assert_allclose(
                sign * np.array(found.orientation), published.orientation, atol=2e-7
            )
            np.testing.assert_allclose(
                found.translation, published.translation, atol=1e-12
            )
            np.testing.assert_allclose(found.intrinsics, published.intrinsics)
            np.testing.assert_allclose(found.distortion, published.distortion)
            assert (found.name, found.image_size) == (
                published.name,
                published.image_size,
            )


def test_metadata_rotation_is_the_transposed_product_of_three(tmp_path):
    angles = np.array([0.3, -1.1, 2.0])
    numbers = np.zeros(300)
    numbers[6 * (2 * 11 + 8) :][:6] = [*angles, 1000, 2000, 3000]  # camera 2, subject 9
    (tmp_path / "metadata.xml").write_text(
        f"<m><w0>[{' '.join(map(str, numbers))}]</w0></m>"
    )
    camera = read_cameras(tmp_path / "metadata.xml", "S9")[2]
    x, y, z = -angles[0], angles[1], -angles[2]
    turn_x = np.array(
        [[1, 0, 0], [0, np.cos(x), np.sin(x)], [0, -np.sin(x), np.cos(x)]]
    )
    turn_y = np.array(
        [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]
    )
    turn_z = np.array(
        [[np.cos(z), np.sin(z), 0], [-np.sin(z), np.cos(z), 0], [0, 0, 1]]
    )
    camera_to_world = (turn_x @ turn_y @ turn_z).T
    rotated = cameras.quaternion_rotate(np.array(camera.orientation), np.eye(3))
    np.testing.assert_allclose(rotated.T, camera_to_world, atol=1e-12)
    assert camera.translation == (1.0, 2.0, 3.0)


# Configs


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


# Quirks


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


# Check and prepare


def test_check_compares_counts_and_totals(small):
    findings = inspect_source(
        "human36m/cpn_ft_h36m_dbb_17", source=small, data_dir="unused"
    )
    frames = {
        take: fabricate_human36m.num_frames("S1", take)
        for take in ("Directions", "Directions 1")
    }
    found = {
        (row.subject, row.take): (row.status, row.frames, row.published, row.detail)
        for row in findings
    }
    assert found["S1", ""] == ("missing", sum(frames.values()), 62094, "2 of 30 takes")
    assert found["S1", "Directions"] == (
        "suspicious",
        frames["Directions"],
        1612,
        "expected 1,612 frames",
    )
    assert found["S1", "Eating 2"] == ("missing", None, 2357, "no such take")
    assert found["S9", ""] == ("missing", None, 79417, "nothing of its 30 takes")
    everything = "over all takes and cameras"
    assert found["train", ""] == (
        "suspicious",
        4 * sum(frames.values()),
        1_559_752,
        everything,
    )
    assert found["test", ""] == ("suspicious", 0, 543_344, everything)


def test_check_calls_the_published_counts_complete(npz, monkeypatch):
    table = {
        subject: {
            take: fabricate_human36m.num_frames(subject, take)
            for take in facts.FRAMES[subject]
        }
        for subject in ("S1", "S9", "S11")
    }
    monkeypatch.setattr(facts, "FRAMES", table)
    monkeypatch.setattr(facts, "TRAIN_FRAMES", 4 * sum(table["S1"].values()))
    monkeypatch.setattr(
        facts,
        "TEST_FRAMES",
        4 * sum(sum(table[name].values()) for name in ("S9", "S11")),
    )
    findings = inspect_source("human36m/sh_ft_h36m_17", source=npz, data_dir="unused")
    assert {finding.status for finding in findings} == {"complete"}
    rows = [(finding.subject, finding.take) for finding in findings]
    drifting = [
        ("S9", take)
        for take in facts.FRAMES["S9"]
        if ("S9", take) in facts.DRIFTING_TAKES
    ]
    assert rows == [
        ("S1", ""),
        ("S9", ""),
        *drifting,
        ("S11", ""),
        ("train", ""),
        ("test", ""),
    ]


def test_check_goes_on_behind_a_bad_clip(small):
    edit(
        small / "data_3d_h36m.npz",
        lambda data: data["S1"]["Directions"].__setitem__((3, 2, 1), np.nan),
    )
    findings = inspect_source("human36m/gt_17", source=small, data_dir="unused")
    bad = [finding for finding in findings if "not finite" in finding.detail]
    assert [(finding.status, finding.take) for finding in bad] == [
        ("suspicious", "Directions")
    ]
    assert any(
        finding.take == "Directions 1" and finding.reprojection < 1e-3
        for finding in findings
    )


@pytest.mark.parametrize(
    "name, config",
    [("human36m", "cpn_ft_h36m_dbb_16"), ("human36m_motionbert", "motionbert_sh_17")],
)
def test_fabricated_files_are_prepared(tmp_path, name, config, capsys, monkeypatch):
    monkeypatch.setattr(
        facts, "FRAMES", {name: first_takes(name) for name in facts.SUBJECTS}
    )
    assert fabricate.main([name, str(tmp_path / "files")]) == 0
    report = prepare(
        f"human36m/{config}", source=tmp_path / "files", data_dir=tmp_path / "data"
    )
    assert list(report.subjects) == list(facts.SUBJECTS)
    assert {count.clips for count in report.subjects.values()} == {8}
    assert report.notes == [
        "3D is in image space (half image widths), not in metres"
    ] * ("motionbert" in name)


def first_takes(subject: str) -> dict[str, int]:
    return dict(list(facts.FRAMES[subject].items())[:2])


def test_a_split_is_whole_or_absent_unless_partial_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(
        facts, "FRAMES", {name: first_takes(name) for name in facts.SUBJECTS}
    )
    source, data = tmp_path / "files", tmp_path / "data"
    fabricate_human36m.fabricate_npz(source, ("S9", "S11"))
    report = prepare("human36m/gt_17", source=source, data_dir=data)
    assert list(report.subjects) == ["S9", "S11"]
    assert report.notes == ["nothing of the split 'train' is there"]
    # A take less, and one that is not S11's corrupt one, which is no loss.
    edit(source / POSITIONS, lambda d: d["S11"].pop("Discussion 1"))
    with pytest.raises(
        JaxposeError,
        match=r"lacks S11 Discussion 1 of the split 'test'.*--partial\. Human",
    ):
        prepare("human36m/gt_17", source=source, data_dir=data, overwrite=True)
    assert (
        get_builder("human36m/gt_17", data_dir=data).report.subjects["S11"].clips == 8
    )
    report = prepare(
        "human36m/gt_17", source=source, data_dir=data, overwrite=True, partial=True
    )
    assert report.subjects["S11"].clips == 4
    assert report.notes[1] == (
        "without S11 Discussion 1 of the split 'test': "
        "scores are not those of the published protocol"
    )
    # Subjects less.
    fabricate_human36m.fabricate_npz(source, ("S1", "S7", "S9"))
    with pytest.raises(
        JaxposeError, match=r"files lacks S5, S6, S8 of the split 'train'"
    ):
        prepare("human36m/gt_17", source=source, data_dir=tmp_path / "other")
    assert not (tmp_path / "other").exists()
    report = prepare(
        "human36m/gt_17", source=source, data_dir=tmp_path / "other", partial=True
    )
    assert [note.split(":")[0] for note in report.notes] == [
        "without S5, S6, S8 of the split 'train'", "without S11 of the split 'test'",
    ]  # fmt: skip
    assert Report.from_json(report.to_json()) == report


# Bad input


def edit(path: pathlib.Path, change) -> None:
    """Applies `change` to the dictionary of subjects in an npz."""
    with np.load(path, allow_pickle=True) as file:
        entries = {key: file[key].item() for key in file.files}
    change(entries[next(key for key in entries if key.startswith("positions"))])
    np.savez_compressed(path, **entries)


def set_camera(subjects: dict, index: int, value) -> None:
    """Replaces the keypoints of S1, take Directions, in one of the four cameras."""
    subjects["S1"]["Directions"][index] = value


CPN = "data_2d_h36m_cpn_ft_h36m_dbb.npz"
POSITIONS = "data_3d_h36m.npz"


@pytest.mark.parametrize(
    "file, change, message",
    [
        (CPN, lambda d: d.pop("S1"), r"cpn_ft_h36m_dbb\.npz has no subject S1"),
        (CPN, lambda d: d["S1"].pop("Directions"), r"no 2D for S1, take 'Directions'"),
        (CPN, lambda d: d["S1"]["Directions"].pop(), r"expected 4 cameras, found 3"),
        (
            CPN,
            lambda d: set_camera(d, 2, d["S1"]["Directions"][2][:5]),
            r"S1, take 'Directions', camera 58860488: 5 frames of 2D .* for 9 of 3D",
        ),
        (
            CPN,
            lambda d: set_camera(d, 0, d["S1"]["Directions"][0][:, :16]),
            r"S1.*Directions.*\[F, 17, 2\].*\[10, 16, 2\]",
        ),
        (
            CPN,
            lambda d: d["S1"]["Directions"][1].__setitem__((0, 0, 0), np.inf),
            r"cpn_ft_h36m_dbb\.npz: clip S1/Directions/55011271: "
            r"keypoints_2d is not finite in 1 of 9",
        ),
        (CPN, lambda d: set_camera(d, 0, "here"), r"Directions.*found a str"),
        (
            POSITIONS,
            lambda d: d.update(S3=d["S1"]),
            r"data_3d_h36m\.npz: subject 'S3' is not of S1, S5",
        ),
        (
            POSITIONS,
            lambda d: d["S1"].update(Dancing=d["S1"]["Directions"]),
            r"'Dancing' is of no known",
        ),
        (
            POSITIONS,
            lambda d: d["S1"].update(
                Photo=d["S1"]["Directions"], TakingPhoto=d["S1"]["Directions"]
            ),
            r"take 'Photo' under two names",
        ),
        (
            POSITIONS,
            lambda d: d["S1"].update(Directions=d["S1"]["Directions"][:, :17]),
            r"Directions.*\[F, 32, 3\].*\[9, 17, 3\]",
        ),
        (
            POSITIONS,
            lambda d: d["S1"].update(Directions=d["S1"]["Directions"][:0]),
            r"Directions.*\[F, 32, 3\].*\[0, 32, 3\]",
        ),
        (POSITIONS, lambda d: d.pop("S1"), r"data_3d_h36m\.npz.*holds no data"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_npz_is_named(small, tmp_path, file, change, message):
    edit(small / file, change)
    with pytest.raises(JaxposeError, match=message):
        prepare(
            "human36m/cpn_ft_h36m_dbb_17",
            source=small,
            data_dir=tmp_path / "data",
            partial=True,
        )
    assert not (tmp_path / "data").exists()


def test_files_that_are_not_there_are_named(small):
    (small / "data_2d_h36m_detectron_ft_h36m.npz").unlink()
    with pytest.raises(
        JaxposeError, match=r"data_2d_h36m_detectron_ft_h36m\.npz does not exist"
    ):
        examples(small, "detectron_ft_h36m_17")
    with pytest.raises(
        JaxposeError, match=r"holds no 3D positions.*Poses_D3_Positions_S1\.tgz"
    ):
        examples(small, "d2_17")
    with pytest.raises(
        JaxposeError, match=r"h36m_sh_conf_cam_source_final\.pkl does not exist"
    ):
        examples(small, "motionbert_sh_17")
    with pytest.raises(JaxposeError, match="has no config 'gt_18'"):
        get_builder("human36m/gt_18", source=small)


def test_files_taken_for_each_other_are_told_apart(small):
    shutil.copy(small / CPN, small / POSITIONS)
    with pytest.raises(
        JaxposeError, match=r"data_3d_h36m\.npz.*'positions_3d' is missing"
    ):
        examples(small, "gt_17")


def test_coco_keypoints_under_another_name_are_refused(small):
    shutil.copy(small / "data_2d_h36m_detectron_pt_coco.npz", small / CPN)
    with pytest.raises(JaxposeError, match=r"keypoints_symmetry.*other joints"):
        examples(small, "cpn_ft_h36m_dbb_17")


@pytest.fixture
def official(tmp_path) -> pathlib.Path:
    """One take of S1 in every official file, to be spoilt."""
    fabricate_human36m.fabricate_extracted(tmp_path / "files", ("S1",), 1)
    return tmp_path / "files"


def test_a_missing_camera_is_named(official):
    (official / "S1/MyPoseFeatures/D2_Positions/Directions 1.58860488.cdf").unlink()
    with pytest.raises(
        JaxposeError,
        match=r"D2_Positions of S1, take 'Directions 1', lacks camera 58860488",
    ):
        examples(official, "d2_17")


def test_official_2d_that_is_shorter_is_refused(official):
    path = official / "S1/MyPoseFeatures/D2_Positions/Directions 1.58860488.cdf"
    values = read_pose(path, "", 2)
    fabricate_human36m.write_cdf(path, values[:-1])
    with pytest.raises(JaxposeError, match="must not be shorter"):
        examples(official, "d2_17")
    fabricate_human36m.write_cdf(path, np.concatenate([values, values]))
    assert len(
        examples(official, "d2_17")["S1", "Directions 1", "58860488"]["valid"]
    ) == len(values)


def test_a_strange_file_name_is_refused(official):
    folder = official / "S1/MyPoseFeatures/D3_Positions"
    (folder / "Directions 1.cdf").rename(folder / "Directions 1.54138969.cdf")
    with pytest.raises(
        JaxposeError, match=r"'Directions 1.54138969.cdf' is named unlike"
    ):
        examples(official, "gt_17")


def test_a_cdf_of_another_width_is_refused(official):
    path = official / "S1/MyPoseFeatures/D3_Positions/Directions 1.cdf"
    fabricate_human36m.write_cdf(path, np.ones((9, 64)))
    with pytest.raises(
        JaxposeError,
        match=r"Directions 1\.cdf.*\(1, 9, 64\); expected floats \(1, frames, 96\)",
    ):
        examples(official, "gt_17")


def test_a_take_that_breaks_off_in_zeros_is_refused(official):
    path = official / "S1/MyPoseFeatures/D3_Positions/Directions 1.cdf"
    values = read_pose(path, "", 3)
    values[6:] = 0
    fabricate_human36m.write_cdf(path, values)
    with pytest.raises(JaxposeError, match=r"frame 6 .* holds only zeros"):
        examples(official, "gt_17")


def test_a_take_in_another_byte_order_than_it_says_is_refused(official):
    path = official / "S1/MyPoseFeatures/D3_Positions/Directions 1.cdf"
    content = bytearray(path.read_bytes())
    content[39] = 1  # the encoding: big endian
    path.write_bytes(content)
    with pytest.raises(JaxposeError, match=r"frame 0 .* numbers beyond 100000 mm"):
        examples(official, "gt_17")


def test_without_cdflib_the_extra_is_named(official, monkeypatch):
    monkeypatch.setitem(sys.modules, "cdflib", None)
    with pytest.raises(JaxposeError, match=r"cdflib.*human36m"):
        examples(official, "gt_17")


@pytest.mark.parametrize(
    "name", ["../outside.cdf", "/outside.cdf", "S1/../../outside.cdf"]
)
def test_an_archive_that_leads_outside_is_refused(tmp_path, name):
    path = tmp_path / "Poses_D3_Positions_S1.tgz"
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo(name), io.BytesIO(b""))
    with pytest.raises(JaxposeError, match="refused: member"):
        examples(tmp_path, "gt_17")
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_a_link_in_an_archive_is_refused(tmp_path):
    with tarfile.open(tmp_path / "Poses_D3_Positions_S1.tgz", "w:gz") as archive:
        link = tarfile.TarInfo("S1/MyPoseFeatures/D3_Positions/Directions.cdf")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(JaxposeError, match="refused: member"):
        examples(tmp_path, "gt_17")


@pytest.mark.parametrize(
    "text", ["", "<w0>[1 2 3]</w0>", "<w0>[one]</w0>", f"<w0>[{'nan ' * 300}]</w0>"]
)
def test_bad_metadata_is_named(official, text):
    (official / "metadata.xml").write_text(text)
    with pytest.raises(JaxposeError, match=r"metadata\.xml: <w0> holds"):
        examples(official, "gt_17")


# MotionBERT


def test_the_pickle_is_cut_into_clips(pickled):
    clips = motionbert.read_clips(pickled / motionbert.FILES["motionbert_sh"], "test")
    assert len(clips) == 4 * 30
    assert {clip.action for clip in clips} == set(facts.ACTIONS)
    assert sum(not clip.scored for clip in clips) == 4 * 3
    frames = fabricate_human36m.num_frames("S9", "Greeting")
    (clip,) = (clip for clip in clips if clip.source == "s_09_act_05_subact_02_ca_03")
    assert (clip.subject, clip.action, clip.camera.name) == (
        "S9",
        "Greeting",
        "58860488",
    )
    assert clip.keypoints_2d.shape == (2 * frames + 1, 17, 2)  # not cut to the 3D track


def test_screen_units_are_half_the_image_width():
    corners = np.array([[0, 0, 500], [1000, 1002, -500]])
    screen = motionbert.to_screen(corners, (1000, 1002))
    np.testing.assert_allclose(screen, [[-1, -1.002, 1], [1, 1.002, -1]])
    np.testing.assert_allclose(
        motionbert_score.to_pixels(screen, (1000, 1002)), corners
    )


def test_the_published_score_is_reproduced(pickled):
    clips = motionbert.read_clips(pickled / motionbert.FILES["motionbert_sh"], "test")
    rng = np.random.default_rng(0)
    predictions, errors = {}, {}
    for clip in clips:
        noise = rng.normal(0, 0.01, clip.positions_image.shape)
        truth = motionbert.to_screen(clip.positions_image, clip.camera.image_size)
        if not clip.scored:
            truth = truth + 100  # must not count
        frames = np.arange(len(truth))
        # Two windows that overlap in frames 3 and 4; the second repeats its last frame.
        first, second = frames[:5], np.append(frames[3:], frames[-1])
        predictions[clip.source] = [
            (first, (truth + noise)[first]),
            (second, (truth - noise)[second]),
        ]
        share = np.where(frames < 3, 1, np.where(frames < 5, 0, -1))[:, None, None]
        millimetres = 500 * clip.factor[:, None, None] * share * noise
        distance = np.linalg.norm(millimetres - millimetres[:, :1], axis=-1)
        if clip.scored:
            errors.setdefault(clip.action, []).append(distance.mean(-1))
    scores = motionbert_score.mpjpe_by_action(clips, predictions)
    expected = {
        action: np.concatenate(parts).mean() for action, parts in errors.items()
    }
    assert list(scores) == [*sorted(expected), "average"]
    for action, value in expected.items():
        assert scores[action] == pytest.approx(value, rel=1e-9)
    assert scores["average"] == pytest.approx(
        np.mean(list(expected.values())), rel=1e-9
    )
    with pytest.raises(AssertionError, match="some frames have no prediction"):
        motionbert_score.mpjpe_by_action(clips, {})


def test_unscored_takes_of_the_pickle_are_not_valid(pickled):
    clips = examples(pickled, "motionbert_sh_17")
    for (_, take, _), clip in clips.items():
        assert clip["valid"].all() == (take not in motionbert.UNSCORED)
        assert clip["valid"].any() == clip["valid"].all()
        assert not clip["has_absolute_root"]


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda d: d.pop("test"), r"'test' is missing"),
        (lambda d: d["test"].pop("2.5d_factor"), r"'2.5d_factor' is missing"),
        (
            lambda d: d["test"].update(joint_2d=d["test"]["joint_2d"][:-1]),
            r"joint3d_image.*expected shape",
        ),
        (
            lambda d: d["test"].update(source=d["test"]["source"][:-1]),
            r"source.*names, one per frame",
        ),
        (lambda d: d["test"]["source"].__setitem__(0, "x"), r"'x' is not like 's_09"),
        (
            lambda d: d["test"]["camera_name"].__setitem__(0, "x"),
            r"camera_name.*changes within",
        ),
        (
            lambda d: d["test"].update(confidence=np.ones(3)),
            r"confidence.*expected shape",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_pickle_is_named(pickled, tmp_path, change, message):
    data = pickle.loads((pickled / motionbert.FILES["motionbert_sh"]).read_bytes())
    change(data)
    path = tmp_path / motionbert.FILES["motionbert_sh"]
    path.write_bytes(pickle.dumps(data))
    with pytest.raises(JaxposeError, match=message):
        prepare(
            "human36m/motionbert_sh_17", source=tmp_path, data_dir=tmp_path / "data"
        )
    assert not (tmp_path / "data").exists()


def test_a_pickle_without_confidence_has_ones(pickled, tmp_path):
    data = pickle.loads((pickled / motionbert.FILES["motionbert_sh"]).read_bytes())
    assert (
        motionbert.read_clips(pickled / motionbert.FILES["motionbert_sh"], "train")[
            0
        ].confidence[0, 0]
        == 0.9
    )
    del data["train"]["confidence"]
    path = tmp_path / "other.pkl"
    path.write_bytes(pickle.dumps(data))
    assert (motionbert.read_clips(path, "train")[0].confidence == 1).all()


# Damaged files


@pytest.fixture(scope="module")
def intact(tmp_path_factory) -> dict[str, bytes]:
    """One small file of each kind."""
    folder = tmp_path_factory.mktemp("intact")
    fabricate_human36m.fabricate_archives(folder, ("S1",), 1, kinds=("D3_Positions",))
    fabricate_human36m.fabricate_npz(folder, ("S1",), 1)
    fabricate_human36m.fabricate_motionbert(folder, ("S1",), 1)
    fabricate_human36m.write_cdf(
        folder / "Directions.cdf", fabricate_human36m.motion("S1", "Directions", 9)
    )
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@settings(deadline=5000, max_examples=150)
@given(data=st.data())
@pytest.mark.parametrize(
    "name, read",
    [
        (
            "Directions.cdf",
            lambda folder: read_pose(folder / "Directions.cdf", "Directions.cdf", 3),
        ),
        (
            "Poses_D3_Positions_S1.tgz",
            lambda folder: OfficialFiles(folder).read_world("S1"),
        ),
        (POSITIONS, lambda folder: examples(folder, "gt_32")),
        (CPN, lambda folder: examples(folder, "cpn_ft_h36m_dbb_17")),
        (
            "h36m_sh_conf_cam_source_final.pkl",
            lambda folder: motionbert.read_clips(
                folder / "h36m_sh_conf_cam_source_final.pkl", "train"
            ),
        ),
        ("metadata.xml", lambda folder: read_cameras(folder / "metadata.xml", "S1")),
    ],
)
def test_damaged_files_raise_only_the_projects_error(
    intact, name, read, data, tmp_path_factory
):
    content = bytearray(intact[name])
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(
                st.integers(0, 255)
            )
    folder = tmp_path_factory.mktemp("damaged")
    if name == CPN:
        (folder / POSITIONS).write_bytes(intact[POSITIONS])
    (folder / name).write_bytes(content)
    message = name
    try:
        read(folder)
    except JaxposeError as error:
        message = str(error)
    finally:
        shutil.rmtree(folder)
    assert name in message or "Directions" in message
