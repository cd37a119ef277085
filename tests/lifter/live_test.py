"""Lifting the frames of a camera one by one."""

import time

import numpy as np
import pytest

import jaxpose
from jaxpose import lifter as lifter_module
from jaxpose.errors import JaxposeError
from tests.lifter.small_lifter import small_run
from tests.recordings import walker

F = 40
SETTINGS = {"image_size": walker.SIZE, "fps": 25.0}


@pytest.fixture(scope="module")
def lifter(tmp_path_factory):
    return jaxpose.load(small_run(tmp_path_factory.mktemp("run"), causal=True).workdir)


@pytest.fixture(scope="module")
def keypoints():
    return walker.person("coco_17", F)


def test_each_frame_gets_the_pose_of_lifting_all_of_them(lifter, keypoints):
    live = lifter.stream(**SETTINGS)
    assert live.joints[0] == "hip"
    poses = np.stack([live(frame) for frame in keypoints])
    whole = lifter(keypoints, **SETTINGS)
    assert poses.dtype == np.float64
    np.testing.assert_allclose(poses, whole.positions_3d, atol=1e-6)


def test_a_faster_camera_shows_the_model_every_second_frame(lifter, keypoints):
    live = lifter.stream(image_size=walker.SIZE, fps=50)
    poses = np.stack([live(frame) for frame in keypoints])
    whole = lifter(keypoints, image_size=walker.SIZE, fps=50)
    np.testing.assert_allclose(poses[::2], whole.positions_3d[::2], atol=1e-6)
    # Before its window is full, an odd frame sees the very first one as well.
    np.testing.assert_allclose(poses[17::2], whole.positions_3d[17::2], atol=1e-6)


def test_a_rate_between_is_interpolated(lifter):
    """At 20 frames per second, sample k before frame n lies at frame n - 0.8 k."""
    keypoints = walker.person("coco_17", F)
    slow = np.linspace(0, F - 1, 32)  # 1.258 frames of 25 per second apart
    rate = 25 / (slow[1] - slow[0])
    live = lifter.stream(image_size=walker.SIZE, fps=rate)
    index = slow.astype(int)
    share = (slow - index)[:, None, None]
    after = np.minimum(index + 1, F - 1)
    between = (1 - share) * keypoints[index] + share * keypoints[after]
    pose = np.stack([live(frame) for frame in between])[-1]
    # The model saw nearly what it sees of the original frames.
    expected = lifter(keypoints, **SETTINGS).positions_3d[-1]
    moved = np.linalg.norm(expected - lifter(keypoints, **SETTINGS).positions_3d[-2])
    assert np.linalg.norm(pose - expected) < 0.2 * moved


def test_a_missing_joint_stays_where_it_was_seen(lifter, keypoints):
    live, same = lifter.stream(**SETTINGS), lifter.stream(**SETTINGS)
    for number, frame in enumerate(keypoints):
        scores = np.full(17, 0.9)
        held = frame.copy()
        if number >= 10:
            scores[9] = 0.1  # the left wrist
            held[9] = keypoints[9, 9]
        pose = live(np.column_stack([frame, scores]))
        np.testing.assert_array_equal(pose, same(held))


def test_nobody_in_sight_is_where_the_person_was(lifter, keypoints):
    live, same = lifter.stream(**SETTINGS), lifter.stream(**SETTINGS)
    # Nothing is known before anybody comes.
    assert np.isnan(live(None)).all()
    assert np.isnan(live(np.zeros((17, 2)))).all()
    for frame in keypoints[:12]:
        expected = same(frame)
        np.testing.assert_array_equal(live(frame), expected)
    expected = same(keypoints[11])
    np.testing.assert_array_equal(live(keypoints[12], np.zeros(17)), expected)


def test_a_joint_that_was_never_seen_is_estimated(lifter, keypoints):
    live = lifter.stream(**SETTINGS)
    legless = keypoints[0].copy()
    legless[13:] = np.nan  # knees and ankles
    assert np.isfinite(live(legless)).all()
    # Eyes and ears alone are too little.
    head = np.full((17, 2), np.nan)
    head[:5] = keypoints[0, :5]
    assert np.isnan(lifter.stream(**SETTINGS)(head)).all()


def test_a_frame_takes_a_few_milliseconds(lifter, keypoints):
    live = lifter.stream(**SETTINGS, layout="coco_17")
    durations = []
    for frame in keypoints:
        start = time.perf_counter()
        live(frame)
        durations.append(time.perf_counter() - start)
    # The program was compiled before the first frame.
    assert np.median(durations) < 0.05
    assert durations[0] < 0.5


def test_what_cannot_be_lifted_is_named(lifter, keypoints, tmp_path):
    live = lifter.stream(**SETTINGS)
    with pytest.raises(JaxposeError, match=r"a frame is \[17\], expected \[joints"):
        live(np.zeros(17))
    with pytest.raises(JaxposeError, match=r"scores is \[3\], expected one per joint"):
        live(keypoints[0], np.ones(3))
    live(keypoints[0])
    with pytest.raises(JaxposeError, match="has 14 joints, and coco_17 has 17"):
        live(keypoints[0, :14])
    with pytest.raises(JaxposeError, match="--image_size: image_size is"):
        lifter.stream(image_size=(0, 10))
    centred = jaxpose.load(small_run(tmp_path / "run").workdir)
    with pytest.raises(JaxposeError, match="depends on the 4 frames after its own"):
        centred.stream(**SETTINGS)


def test_released_weights_stream_with_those_that_read_earlier_frames(
    lifter, tmp_path, keypoints, monkeypatch
):
    """`load()` takes the files of the package; `stream` the causal one of them."""
    monkeypatch.setattr(lifter_module, "RELEASED", tmp_path)
    small_run(tmp_path / "run").export(tmp_path / "centred.safetensors")
    lifter.export(tmp_path / "causal.safetensors")
    released = jaxpose.load()
    assert released.name == "jaxpose centred"
    pose = released(keypoints, **SETTINGS)
    assert pose.model == "jaxpose centred"
    found = released.stream(**SETTINGS)(keypoints[0])
    expected = lifter.stream(**SETTINGS)(keypoints[0])
    np.testing.assert_allclose(found, expected, atol=1e-6)
