"""`jaxpose.load` and what it returns: keypoints and recordings become poses."""

import json
import logging

import numpy as np
import pytest

import jaxpose
from jaxpose import lifter as lifter_module
from jaxpose import recordings
from jaxpose.errors import JaxposeError
from jaxpose.prepare import prepare
from jaxpose.recordings import arrays
from jaxpose.recordings.options import Options
from jaxpose.wording import in_python
from tests.lifter.small_lifter import small_run
from tests.recordings import walker

F = 60


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return small_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def lifter(run):
    return jaxpose.load(run.workdir)


@pytest.fixture(scope="module")
def keypoints():
    """A walk in COCO's joints, `[F, 17, 2]`; the left wrist is lost for ten frames."""
    keypoints = walker.person("coco_17", F)
    keypoints[10:20, 9] = 0
    return keypoints


@pytest.fixture(scope="module")
def file(keypoints, tmp_path_factory):
    """Two people at 50 frames per second; the second one, smaller, comes later."""
    path = tmp_path_factory.mktemp("recordings") / "street.json"
    second = walker.person("coco_17", F)[20:] / 2
    rows = []
    for frame in range(F):
        people = [keypoints[frame]]
        if frame >= 20:
            people.append(second[frame - 20])
        for pose in people:
            scored = np.column_stack([pose, np.ones(17)])
            name = f"{frame}.jpg"
            rows.append({"image_id": name, "keypoints": scored.ravel().tolist()})
            rows[-1] |= {"category_id": 1, "score": 3.0}
    path.write_text(json.dumps(rows))
    settings = {"image_size": walker.SIZE, "fps": 50.0, "intrinsics": [1100] * 4}
    (path.parent / "dataset.json").write_text(json.dumps(settings))
    return path


@pytest.mark.parametrize("features", [2, 3])
def test_reading_a_file_gives_what_the_run_predicts_of_it(
    features, run, lifter, file, tmp_path
):
    """Of models without and with a confidence: 0 of joints that were not seen."""
    if features == 3:
        run = small_run(tmp_path / "run", keypoint_features=3)
        lifter = jaxpose.load(run.workdir)
    prepare("custom", source=file, data_dir=tmp_path)
    config = run.config.copy_and_resolve_references()
    with config.ignore_type():
        config.dataset.name, config.dataset.data_dir = "custom/h36m_17", str(tmp_path)
    config.dataset.test_subjects = ()
    opened = jaxpose.Run.open(run.workdir, config)
    predicted = opened.write_predictions(formats=["npz"], folder=tmp_path)
    poses = lifter.read(file, people=2)
    assert [pose.name for pose in poses] == ["street person 1", "street person 2"]
    for pose, path in zip(poses, predicted, strict=True):
        stored = jaxpose.Pose.load(path)
        assert stored.joints == pose.joints
        for name in ("positions_3d", "seen", "frames", "times"):
            expected = getattr(stored, name)
            np.testing.assert_allclose(getattr(pose, name), expected, atol=1e-6)


def test_run_and_lifter_say_on_one_line_what_they_are(run, lifter):
    facts = "videopose3d of 9 frames, 3,619 parameters, trained on synthetic/gt"
    assert repr(run) == f"<Run {run.workdir}: {facts}>"
    assert repr(lifter) == f"<Lifter {lifter.name}: {facts}>"


@pytest.mark.parametrize(
    ("flag", "argument"),
    [
        (
            "give --layout=body_25 or --layout=coco_17",
            'give layout="body_25" or layout="coco_17"',
        ),
        ("give --image_size=1080,1920", "give image_size=(1080, 1920)"),
        ("raise --min_confidence", "raise min_confidence"),
        ("at --fps=29.97.", "at fps=29.97."),
        ("estimate with --estimate_missing", "estimate with estimate_missing=True"),
        ("OpenPose: --keypoint_scale=0", "OpenPose: --keypoint_scale=0"),
    ],
)
def test_flags_in_messages_become_arguments(flag, argument):
    assert in_python(flag) == argument


def test_what_python_is_told_names_arguments(run, lifter, caplog):
    keypoints = walker.person("coco_17", F)
    height, width = walker.SIZE
    wrong = {"image_size": (width, height), "fps": 25.0}
    with caplog.at_level("WARNING", logger="absl"):
        lifter(keypoints, layout="coco_17", **wrong)
        run.lift(keypoints, layout="coco_17", **wrong)
    given = f"give image_size=({height}, {width})"
    assert [given in message for message in caplog.messages] == [True, True]
    scores = np.full((F, 17), 0.9)
    scores[:, 15] = 0
    with pytest.raises(jaxpose.JaxposeError, match="with estimate_missing=True"):
        lifter(keypoints, scores=scores, image_size=walker.SIZE, fps=25)


def test_a_pose_says_what_was_seen_when_and_where(lifter, file, keypoints):
    pose = lifter.read(file)
    assert (pose.name, pose.person) == ("street person 1", 1)
    assert pose.positions_3d.shape == (F, 17, 3)
    assert pose.positions_3d.dtype == np.float64
    assert not pose.positions_3d[:, 0].any()  # the hip, exactly
    assert pose.joints[0] == "hip"
    np.testing.assert_allclose(pose.times, np.arange(F) / 50)
    assert pose.camera.image_size == walker.SIZE
    assert pose.camera.intrinsics == (1100, 1100, 1100, 1100)
    assert pose.model == lifter.name

    # Joints of Human3.6M in pixels of the source, NaN where nobody saw them.
    wrist = pose.joints.index("left_wrist")
    lost = ~pose.seen[:, wrist]
    np.testing.assert_array_equal(np.flatnonzero(lost), np.arange(10, 20))
    assert np.isnan(pose.keypoints_2d[lost, wrist]).all()
    np.testing.assert_allclose(pose.keypoints_2d[~lost, wrist], keypoints[~lost, 9])
    assert pose.seen.all(axis=0).sum() == 16


def test_arrays_go_by_the_rules_for_files(lifter, file, keypoints):
    scores = np.full((F, 17), 0.9)
    scores[30:40, 15] = 0.1  # the left ankle
    settings = {"image_size": walker.SIZE, "fps": 50.0}
    pose = lifter(keypoints, scores=scores, layout="coco", **settings)
    ankle = pose.joints.index("left_ankle")
    np.testing.assert_array_equal(
        np.flatnonzero(~pose.seen[:, ankle]), np.arange(30, 40)
    )
    together = np.concatenate([keypoints, scores[..., None]], axis=-1)
    same = lifter(together.tolist(), **settings)
    np.testing.assert_array_equal(same.positions_3d, pose.positions_3d)
    # With all ankles seen it is the person of the file.
    whole = lifter(keypoints, **settings, intrinsics=(9.0, 9.0, 5.0, 5.0))
    np.testing.assert_allclose(
        whole.positions_3d, lifter.read(file).positions_3d, atol=1e-6
    )
    assert whole.camera.intrinsics == (9, 9, 5, 5)


def test_the_rate_is_matched_in_seconds(lifter):
    """A model of 25 frames per second sees the same of 25 and of 50."""
    keypoints = walker.person("coco_17", F)
    fast = lifter(keypoints, image_size=walker.SIZE, fps=50)
    slow = lifter(keypoints[::2], image_size=walker.SIZE, fps=25)
    np.testing.assert_allclose(fast.positions_3d[::2], slow.positions_3d, atol=1e-6)
    np.testing.assert_allclose(fast.times[::2], slow.times)


def test_a_file_of_weights_lifts_as_its_run_does(run, lifter, file, tmp_path):
    run.export(tmp_path / "own.safetensors")
    own = jaxpose.load(tmp_path / "own.safetensors")
    assert own.name.startswith("own ")
    pose = own.read(file, person=2)
    assert pose.person == 2
    expected = lifter.read(file, people=2)[1].positions_3d
    np.testing.assert_array_equal(pose.positions_3d, expected)


def test_doubtful_keypoints_are_warned_of_and_worthless_ones_refused(
    lifter, keypoints, caplog
):
    caplog.set_level(logging.WARNING, logger="absl")  # programs may have raised it
    turned = {"image_size": walker.SIZE[::-1], "fps": 25}
    lifter(keypoints, **turned)
    assert "the size is probably turned" in caplog.text
    settings = {"image_size": walker.SIZE, "fps": 25}
    with pytest.raises(JaxposeError, match=r"keypoints: .* look normalised to 0 to 1"):
        lifter(keypoints / walker.SIZE, **settings)
    legless = keypoints.copy()
    legless[:, 11:] = np.nan
    with pytest.raises(JaxposeError, match="estimate them"):
        lifter(legless, **settings)
    pose = lifter(legless, **settings, estimate_missing=True)
    assert np.isfinite(pose.positions_3d).all()
    assert not pose.seen[:, pose.joints.index("left_knee")].any()


def test_what_is_no_recording_is_named(lifter, keypoints, tmp_path):
    settings = {"image_size": walker.SIZE, "fps": 25}
    for wrong, message in (
        ({"keypoints": keypoints[0]}, r"keypoints is \[17, 2\], expected \[frames"),
        ({"keypoints": [["a"]]}, "keypoints is no array of numbers"),
        ({"scores": np.ones((F, 16))}, r"scores is \[60, 16\] beside keypoints"),
        ({"image_size": (0, 5)}, "image_size is"),
        ({"keypoints": [[[10**400] * 2] * 17] * 3}, "keypoints is no array of numbers"),
        ({"keypoints": keypoints + 1j}, "keypoints is no array of numbers: complex"),
        ({"intrinsics": (0, 0, 5, 5)}, "intrinsics: expected 4 finite numbers"),
        ({"fps": float("nan")}, "fps: expected 1 finite numbers"),
        ({"fps": 1e-5}, r"fps is 1e-05; expected frames per second, from 0\.1"),
        ({"layout": "coco25d"}, "'coco25d' is no joint order known"),
    ):
        arguments = {"keypoints": keypoints, **settings} | wrong
        with pytest.raises(JaxposeError, match=message):
            lifter(arguments.pop("keypoints"), **arguments)
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", keypoints)
    with pytest.raises(JaxposeError, match=r"holds 2 videos \(a, b, \.\.\.\)"):
        lifter.read(tmp_path, **settings)
    with pytest.raises(JaxposeError, match=r"npy: person=2 is not there"):
        lifter.read(tmp_path / "a.npy", person=2, **settings)
    (tmp_path / "empty").mkdir()
    with pytest.raises(JaxposeError, match="holds no recording that can be used"):
        lifter.read(tmp_path / "empty", **settings)


def test_what_cannot_lift_is_named(run, tmp_path, monkeypatch):
    monkeypatch.setattr(lifter_module, "RELEASED", tmp_path / "none")
    with pytest.raises(JaxposeError, match="comes without released weights"):
        jaxpose.load()
    with pytest.raises(JaxposeError, match="does not exist; expected the workdir"):
        jaxpose.load(tmp_path / "absent")
    with pytest.raises(JaxposeError, match="holds no run"):
        jaxpose.load(tmp_path)
    weights = run.weights
    weights.description["unit"] = "half image width"
    with pytest.raises(JaxposeError, match="in units of one half image width"):
        jaxpose.Lifter(weights)


def test_a_model_that_reads_confidence_gets_that_of_what_a_joint_is_made_of(tmp_path):
    lifter = jaxpose.Lifter(small_run(tmp_path, keypoint_features=3).weights)
    keypoints = walker.person("coco_17", F)
    scores = np.full((F, 17), 0.8)
    scores[:, 11] = 0.5  # the left hip, of which the hip is made
    scores[:10, 9] = 0.1  # the left wrist, not seen
    settings = {"image_size": walker.SIZE, "fps": 25.0}
    pose = lifter(keypoints, scores=scores, **settings)

    converted, seen = recordings.model_joints(
        arrays.from_arrays(keypoints, scores, Options(**settings)), "h36m_17"
    )
    confidence = np.full((F, 17), 0.8)
    confidence[:, pose.joints.index("hip")] = 0.5
    confidence[:, pose.joints.index("left_hip")] = 0.5
    confidence[:, pose.joints.index("spine")] = 0.5
    confidence[~seen] = 0
    run = jaxpose.Run.open(tmp_path)
    expected = run.lift(
        np.concatenate([converted, confidence[..., None]], axis=-1), walker.SIZE, 25.0
    )
    np.testing.assert_allclose(pose.positions_3d, expected - expected[:, :1], atol=1e-6)


def test_the_weights_in_the_package_lift(keypoints):
    """They are there, small, described, and know where a walker's feet are."""
    files = sorted(lifter_module.RELEASED.iterdir())
    assert [file.name for file in files] == [
        "MODEL_CARD.md",
        "causal.safetensors",
        "centred.safetensors",
    ]
    assert sum(file.stat().st_size for file in files) < 8e6
    pose = jaxpose.load()(keypoints, image_size=walker.SIZE, fps=25)
    assert pose.model == "jaxpose centred"
    height = dict(zip(pose.joints, pose.positions_3d[..., 1].mean(axis=0), strict=True))
    assert height["head"] < height["thorax"] < height["hip"] < height["left_ankle"]
    assert 1.2 < height["left_ankle"] - height["head"] < 2.0
