"""Real recordings, made up: a calibrated camera, markers in other axes, keypoints."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import jaxpose
from experiments import wild, wild_real, wild_truth
from jaxpose.body.skeletons import get_skeleton
from jaxpose.errors import JaxposeError
from tests.recordings import walker

F = 50  # frames at 25 per second
K1 = 0.1
LENS = (1100.0, 1100.0, 950.0, 540.0)
CALIBRATION = f"""
[cam_01]
name = "cam_01"
size = [ 1920.0, 1080.0]
matrix = [ [ 1100.0, 0.0, 950.0], [ 0.0, 1100.0, 540.0], [ 0.0, 0.0, 1.0]]
distortions = [ {K1}, 0.0, 0.0, 0.0]
fisheye = false

[cam_02]
name = "cam_02"
size = [ 1280.0, 720.0]
matrix = [ [ 900.0, 0.0, 640.0], [ 0.0, 900.0, 360.0], [ 0.0, 0.0, 1.0]]
distortions = [ 0.0, 0.0, 0.0, 0.0]
fisheye = false
"""
# The world of the markers: y up, turned and 3 m away from the camera.
TO_CAMERA = Rotation.from_euler("yx", [130, 172], degrees=True).as_matrix()
CENTRE = np.array([0.3, 1.1, 0.5])
MARKERS = {"left_": "L", "right_": "R"}


def marker_name(joint: str) -> str:
    """`RKnee` for `right_knee`, as Pose2Sim names markers."""
    side, part = joint.split("_")
    return MARKERS[f"{side}_"] + part.title()


def write_trc(path: Path, positions: np.ndarray, start: float, rate: float) -> None:
    """Writes `[F, 12, 3]` metres as millimetres; NaN becomes an empty cell."""
    names = [marker_name(limb) for limb in wild_truth.LIMBS]
    rows = [
        ["PathFileType", "4", "(X/Y/Z)", path.name],
        ["DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units"],
        [f"{rate:g}", f"{rate:g}", str(len(positions)), "12", "mm"],
        ["Frame#", "Time", *"\t\t\t".join(names).split("\t"), "", ""],
        ["", "", *[f"{axis}{n}" for n in range(1, 13) for axis in "XYZ"]],
    ]
    for number, frame in enumerate(positions):
        cells = [f"{value:.4f}" if value == value else "" for value in frame.ravel()]
        rows.append([str(number + 1), f"{start + number / rate:.6f}", *cells])
    path.write_text("\n".join("\t".join(row) for row in rows) + "\n")


def truth_at(frames: int, rate: float) -> np.ndarray:
    """The walk of `walker` in camera axes, `[F, 12, 3]` metres, at another rate."""
    at_25 = walker.positions(wild_truth.LIMBS, F)
    times = np.arange(frames) / rate
    flat = at_25.reshape(F, -1)
    columns = [np.interp(times * 25, np.arange(F), column) for column in flat.T]
    return np.stack(columns, axis=1).reshape(frames, 12, 3)


@pytest.fixture
def folder(tmp_path):
    """A project as Pose2Sim lays it out, with a second take without a truth."""
    take = tmp_path / "real" / "walk"
    (take / "calibration").mkdir(parents=True)
    (take / "calibration" / "Calib.toml").write_text(CALIBRATION)
    (take / "Config.toml").write_text("[project]\nframe_rate = 25\n")
    names = get_skeleton("coco_17").joints
    placed = walker.positions(names, F)
    flat = placed[..., :2] / placed[..., 2:]
    bent = flat * (1 + K1 * np.sum(flat**2, axis=-1, keepdims=True))
    pixels = bent * LENS[:2] + LENS[2:]
    rng = np.random.default_rng(0)
    pixels += rng.normal(scale=1.0, size=pixels.shape)
    scored = np.concatenate([pixels, np.full((F, 17, 1), 0.9)], axis=-1)
    (take / "pose" / "cam01_json").mkdir(parents=True)
    rows = []
    for frame in range(F):
        row = {"image_id": f"{frame}.jpg", "category_id": 1, "score": 2.0}
        rows.append(row | {"keypoints": scored[frame].ravel().tolist()})
    (take / "pose" / "cam01_json" / "result.json").write_text(json.dumps(rows))
    (take / "dataset.json").write_text('{"fps": 25}')
    # Twice the rate, from a fifth of a second on; a wrist is lost for a while.
    truth = truth_at(2 * F - 1, 50.0)[10:]
    world = (truth - [0, 0, 3.0]) @ TO_CAMERA + CENTRE
    world[20:30, wild_truth.LIMBS.index("left_wrist")] = np.nan
    write_trc(take / "walk.trc", 1000 * world, 0.2, 50.0)
    other = tmp_path / "real" / "other"
    other.mkdir()
    np.save(other / "solo.npy", scored)
    return tmp_path / "real"


def test_markers_are_read_in_metres_at_the_times_of_the_video(folder):
    markers = wild_truth.read_trc(folder / "walk" / "walk.trc")
    assert markers.rate == pytest.approx(50)
    assert markers.times[0] == pytest.approx(0.2)
    at = markers.at(np.array([0.1, 0.2, 0.21, 0.3, 0.44, 5.0]))
    known = np.isfinite(at).all(axis=-1)
    # Before, and after; the wrist is lost from 0.6 to 0.8 s only.
    assert known.all(axis=1).tolist() == [False, True, True, True, True, False]
    expected = (truth_at(2 * F - 1, 50.0)[15] - [0, 0, 3.0]) @ TO_CAMERA + CENTRE
    np.testing.assert_allclose(at[3], expected, atol=1e-6)
    wrist = wild_truth.LIMBS.index("left_wrist")
    assert np.isnan(markers.at(np.array([0.7]))[0, wrist]).all()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("mm", "inch", r"Units are 'inch'; expected m, cm or mm"),
        ("LHip", "C7", r"no marker names the left and the right hip"),
        ("PathFileType", "Path", r"expected a TRC file"),
        ("0.200000", "9.200000", r"the column of times does not ascend"),
        ("0.220000", "x", r"holds 'x'; expected a number"),
    ],
)
def test_a_damaged_truth_is_named(folder, old, new, message):
    path = folder / "walk" / "walk.trc"
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(JaxposeError, match=message):
        wild_truth.read_trc(path)


def test_the_camera_is_found_from_truth_and_keypoints(folder):
    (scene,), (failed,) = wild_real.find_scenes(folder)
    assert "solo.npy: expected one TRC file" in failed
    # The size is that of the calibration, as the file says none.
    camera = scene.recording.camera
    assert camera.image_size == (1920, 1080)
    assert camera.intrinsics == LENS
    assert scene.fit < 2.0  # pixels, of one pixel of noise
    expected = walker.positions(wild_truth.LIMBS, F)
    expected = expected - expected[:, :2].mean(axis=1, keepdims=True)
    known = np.isfinite(scene.truth).all(axis=-1)
    assert known.any(axis=1).sum() >= 20
    np.testing.assert_allclose(scene.truth[known], expected[known], atol=0.02)


def test_scores_by_hand(folder):
    (scene,), _ = wild_real.find_scenes(folder)
    names = get_skeleton("h36m_17").joints
    limbs = [names.index(limb) for limb in wild_truth.LIMBS]
    positions = np.zeros((len(scene.truth), 17, 3))
    positions[:, limbs] = np.nan_to_num(scene.truth)
    # All limbs but the hips, which are the root, are off.
    positions[:, limbs[2:]] += [0.03, 0, -0.04]
    pose = wild_real.constant(np.zeros((17, 3)))(scene.recording)
    pose = dataclasses.replace(pose, positions_3d=positions)
    found = wild_real.score_pose(pose, scene)
    complete = np.isfinite(scene.truth).all(axis=(1, 2))
    assert found["frames"] == complete.sum() > 20
    assert found["mpjpe"] == pytest.approx(50 * 10 / 12)
    assert found["depth"] == pytest.approx(40 * 10 / 12)
    assert found["in_plane"] == pytest.approx(30 * 10 / 12)
    assert found["per_joint"]["left_wrist"] == pytest.approx(50)
    assert found["per_joint"]["left_hip"] == pytest.approx(0)
    assert 0 < found["p_mpjpe"] < found["mpjpe"]
    assert found["jitter"] == pytest.approx(found["true_jitter"])


def test_a_truth_of_somebody_else_is_not_scored(folder):
    path = folder / "walk" / "walk.trc"
    markers = wild_truth.read_trc(path)
    rng = np.random.default_rng(0)
    shuffled = rng.permutation(markers.positions_3d, axis=1)
    write_trc(path, 1000 * shuffled, 0.2, 50.0)
    scenes, failed = wild_real.find_scenes(folder)
    assert scenes == []
    assert any(
        "pixels from the keypoints; expected the same" in each for each in failed
    )


def test_the_released_weights_are_scored(folder, tmp_path, capsys):
    lifters = wild.load_lifters([], str(tmp_path))
    (row,) = wild.score_real(str(folder), lifters)
    said = capsys.readouterr().err
    assert "no mean pose: data set cmu_mocap/gt is not prepared" in said
    assert "not scored: " in said
    assert (row["data"], row["model"]) == ("real", "jaxpose centred")
    assert set(row["per_joint"]) == set(wild_truth.LIMBS)
    # The same as by the library, of the file itself.
    (scene,), _ = wild_real.find_scenes(folder)
    take = folder / "walk"
    pose = jaxpose.load().read(take / "pose", image_size=(1920, 1080))
    assert pose.rate == 25
    score = wild_real.score_pose(pose, scene)
    assert row["mpjpe"] == pytest.approx(score["mpjpe"], rel=0.05)  # the lens is bent
    assert 10 < row["p_mpjpe"] < row["mpjpe"] < 400
    table = wild.to_markdown([row], "")
    assert f"| {row['mpjpe']:.1f} | - | {row['p_mpjpe']:.1f} |" in table
    assert "| left hip |" in wild.per_joint_table([row])


def test_the_mean_pose_is_a_row(folder):
    (scene,), _ = wild_real.find_scenes(folder)
    pose = np.zeros((17, 3))
    (row,) = wild_real.run_real([scene], {"mean pose": wild_real.constant(pose)})
    assert row["model"] == "mean pose"
    assert row["cameras"] == "walk/pose/cam01_json/result.json"
    length = np.linalg.norm(scene.truth, axis=-1)
    complete = np.isfinite(length).all(axis=1)
    assert row["mpjpe"] == pytest.approx(1000 * length[complete].mean())
    assert "| mean pose |" in wild.to_markdown([row], "")
