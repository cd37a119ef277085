"""Recordings out of detections: who, which joints, when, and under which name."""

import json
import pathlib

import numpy as np
import pytest

from jaxpose.body.joint_rules import convert_joints
from jaxpose.errors import JaxposeError
from jaxpose.recordings import reader
from jaxpose.recordings.detections import Detections
from jaxpose.recordings.files import Files
from jaxpose.recordings.plausibility import Doubt
from tests.fabricate_custom import FPS, IMAGE_SIZE, recording
from tests.recordings.media_files import write_mp4

FRAMES = 40


@pytest.fixture
def holds(tmp_path, monkeypatch):
    """Makes the folder `tmp_path` hold these detections, refused and unread files."""

    def hold(*detections: Detections, refused=(), unread=()) -> pathlib.Path:
        files = Files(list(detections), list(refused), list(unread))
        monkeypatch.setattr(reader, "read_detections", lambda path: files)
        return tmp_path

    return hold


@pytest.fixture
def doubts(monkeypatch):
    """Makes the check for plausibility doubt each recording in these ways."""

    def doubt(*found: Doubt) -> None:
        monkeypatch.setattr(
            reader.plausibility, "check", lambda *args, **kwargs: list(found)
        )

    doubt()
    return doubt


def seen_at(folder: pathlib.Path, name: str = "walk.json", **changes) -> Detections:
    """One person in COCO's joints, all of them seen."""
    keypoints_2d = recording("coco_17", FRAMES)[0]
    fields = {
        "name": pathlib.Path(name).stem,
        "where": str(folder / name),
        "format": "alphapose",
        "keypoints": keypoints_2d,
        "frames": np.arange(FRAMES),
        "ids": np.full(FRAMES, -1),
        "boxes": np.full((FRAMES, 4), np.nan),
        "num_frames": FRAMES,
        "layout": "coco_17",
        "image_size": IMAGE_SIZE,
        "fps": FPS,
    } | changes
    rows = len(fields["frames"])
    for key, empty in (("ids", -1), ("boxes", [np.nan] * 4)):
        if len(fields[key]) != rows:
            fields[key] = np.full((rows, *np.shape(empty)), empty)
    return Detections(**fields)


def two_people(folder: pathlib.Path, **changes) -> Detections:
    """The second one is smaller, farther left, and there from frame 10 to 29."""
    first = recording("coco_17", FRAMES)[0]
    second = first[10:30] * 0.5 + [20, 200]
    frames = np.concatenate([np.arange(FRAMES), np.arange(10, 30)])
    return seen_at(
        folder, keypoints=np.concatenate([first, second]), frames=frames, **changes
    )


def test_a_recording_holds_what_the_file_says(tmp_path, holds, doubts):
    (found,) = reader.read(holds(seen_at(tmp_path, "ann/walk.json"))).recordings
    keypoints_2d = recording("coco_17", FRAMES)[0]
    np.testing.assert_array_equal(found.keypoints_2d, keypoints_2d)
    assert (found.name, found.format, found.layout) == ("walk", "alphapose", "coco_17")
    assert (found.subject, found.take, found.action) == ("ann", "walk", "walk")
    assert (found.camera.name, found.camera.image_size) == ("0", IMAGE_SIZE)
    assert (found.person, found.people, found.switches) == (1, 1, 0)
    assert found.detected.all()
    assert found.seen.all()
    assert (found.fps, found.rate, found.step) == (FPS, FPS, 1)
    np.testing.assert_allclose(found.times, np.arange(FRAMES) / FPS)
    joints, seen = reader.model_joints(found, "h36m_17")
    expected = convert_joints(keypoints_2d, "coco_17", "h36m_17")
    np.testing.assert_allclose(joints, expected)
    assert seen.all()


def test_every_person_is_a_recording_over_his_own_frames(tmp_path, holds, doubts):
    first, second = reader.read(holds(two_people(tmp_path))).recordings
    assert (first.name, second.name) == ("walk person 1", "walk person 2")
    assert first.subject != second.subject
    assert (first.people, second.people) == (2, 2)
    assert first.frames.tolist() == list(range(FRAMES))
    assert second.frames.tolist() == list(range(10, 30))
    expected = recording("coco_17", FRAMES)[0][10:30] * 0.5 + [20, 200]
    np.testing.assert_array_equal(second.keypoints_2d, expected)

    (second_alone,) = reader.read(holds(two_people(tmp_path)), person=2).recordings
    np.testing.assert_array_equal(second_alone.keypoints_2d, second.keypoints_2d)
    assert second_alone.name == "walk person 2"
    (refusal,) = reader.read(holds(two_people(tmp_path)), person=3).refused
    assert "--person=3 is not there; the file shows 2 people" in refusal.reason


def test_gaps_stay_and_are_marked(tmp_path, holds, doubts):
    kept = [frame for frame in range(FRAMES) if frame not in (7, 8, 20)]
    detections = seen_at(
        tmp_path,
        keypoints=recording("coco_17", FRAMES)[0][kept],
        frames=np.array(kept) + 100,
        first_frame=100,
        missing_frames=(107, 108),
    )
    (found,) = reader.read(holds(detections)).recordings
    assert found.frames.tolist() == list(range(100, 100 + FRAMES))
    assert np.flatnonzero(~found.detected).tolist() == [7, 8, 20]
    joints, seen = reader.model_joints(found, "h36m_17")
    assert np.flatnonzero(~seen.all(axis=1)).tolist() == [7, 8, 20]
    np.testing.assert_allclose(joints[20], (joints[19] + joints[21]) / 2)


def test_every_fifth_frame_keeps_its_numbers_and_times(tmp_path, holds, doubts):
    detections = seen_at(
        tmp_path, frames=np.arange(FRAMES) * 5, num_frames=FRAMES * 5 - 4, fps=50.0
    )
    (found,) = reader.read(holds(detections)).recordings
    assert found.frames.tolist() == list(range(0, 5 * FRAMES, 5))
    assert (found.fps, found.rate, found.step) == (50, 10, 5)
    assert found.times[3] == pytest.approx(0.3)
    assert "the file holds every 5th frame: 10 per second" in found.remarks


def test_size_and_rate_come_from_flag_file_settings_or_video(tmp_path, holds, doubts):
    stated = {"image_size": None, "fps": None}
    path = holds(seen_at(tmp_path, **stated))
    (refusal,) = reader.read(path).refused
    assert refusal.reason == (
        f"{tmp_path}/walk.json: neither the file, nor a dataset.json, nor a video "
        "beside it states the image size and the frame rate; give "
        "--image_size=WIDTH,HEIGHT --fps=FPS"
    )
    write_mp4(tmp_path / "walk.mp4", (1280, 720), 24)
    (found,) = reader.read(path).recordings
    assert (found.camera.image_size, found.fps) == ((1280, 720), 24)
    assert "image size 1280 x 720 from walk.mp4" in found.remarks

    settings = {"image_size": [1281, 721], "fps": 25}
    (tmp_path / "dataset.json").write_text(json.dumps(settings))
    (found,) = reader.read(path).recordings
    assert (found.camera.image_size, found.fps) == ((1281, 721), 25)
    path = holds(seen_at(tmp_path))
    (found,) = reader.read(path).recordings
    assert (found.camera.image_size, found.fps) == (IMAGE_SIZE, FPS)
    (found,) = reader.read(path, image_size=(1300, 800), fps=60).recordings
    assert (found.camera.image_size, found.fps) == ((1300, 800), 60)


def test_only_the_first_person_says_whether_the_image_size_fits(
    tmp_path, holds, doubts
):
    doubts(Doubt("small", "warn", "they are smaller"))
    reading = reader.read(holds(two_people(tmp_path)))
    warnings = [found.warnings for found in reading.recordings]
    assert warnings == [("they are smaller",), ()]


def test_fractions_of_the_image_become_pixels(tmp_path, holds, doubts):
    fractions = recording("coco_17", FRAMES)[0] / IMAGE_SIZE
    fractions[3, 5] = np.nan
    detections = seen_at(tmp_path, keypoints=fractions, normalised=True)
    (found,) = reader.read(holds(detections)).recordings
    expected = recording("coco_17", FRAMES)[0]
    expected[3, 5] = np.nan
    np.testing.assert_allclose(found.keypoints_2d, expected)


def test_one_bad_recording_never_stops_the_others(tmp_path, holds, doubts):
    no_legs = recording("coco_17", FRAMES)[0]
    no_legs[:, 11:] = np.nan
    path = holds(
        seen_at(tmp_path, "good.json"),
        seen_at(tmp_path, "desk.json", keypoints=no_legs),
        seen_at(
            tmp_path,
            "empty.json",
            keypoints=np.zeros((0, 17, 3)),
            frames=np.zeros(0, int),
        ),
        seen_at(tmp_path, "also_good.json"),
        refused=[(str(tmp_path / "page.json"), "page.json: a web page")],
        unread=["notes.txt: no keypoints"],
    )
    reading = reader.read(path)
    assert [found.name for found in reading.recordings] == ["good", "also_good"]
    reasons = {refusal.name: refusal.reason for refusal in reading.refused}
    assert list(reasons) == ["desk", "empty", "page"]
    assert "seen in no frame" in reasons["desk"]
    assert reasons["empty"].endswith("empty.json: nobody was detected in any frame")
    assert reading.unread == ["notes.txt: no keypoints"]
    # The refused one is shown as far as it was understood.
    assert reading.refused[0].recording.layout == "coco_17"


def test_implausible_recordings_are_refused_or_warned_of(tmp_path, holds, doubts):
    path = holds(seen_at(tmp_path))
    warning = Doubt("scale", "warn", "the body is larger than the model ever saw")
    grave = Doubt("normalised", "refuse", "these look normalised")
    doubts(grave, warning)
    reading = reader.read(path)
    assert not reading.recordings
    assert reading.refused[0].reason == f"{tmp_path}/walk.json: these look normalised"
    (found,) = reader.read(path, force=True).recordings
    assert found.warnings == (grave.sentence, warning.sentence)
    doubts(warning)
    (found,) = reader.read(path).recordings
    assert found.warnings == (warning.sentence,)


def test_files_of_one_name_are_called_after_their_folders(tmp_path, holds, doubts):
    name = "res/alphapose-results.json"
    path = holds(seen_at(tmp_path, f"walk/{name}"), seen_at(tmp_path, f"wave/{name}"))
    first, second = reader.read(path).recordings
    assert (first.name, second.name) == ("walk", "wave")
    assert (first.subject, first.take) == ("res", "walk")
    assert (second.subject, second.take) == ("res", "wave")


def test_names_that_are_stated_twice_are_refused(tmp_path, holds, doubts):
    names = {"subject": "ann", "take": "one", "camera": "left"}
    path = holds(
        seen_at(tmp_path, "a.json", names=names),
        seen_at(tmp_path, "b.json", names=names),
    )
    reading = reader.read(path)
    assert [found.name for found in reading.recordings] == ["a"]
    assert (
        f"subject 'ann', take 'one' and camera 'left' are those of {tmp_path}/a.json"
        in reading.refused[0].reason
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": (0, 720)}, r"--image_size: image_size is \(0, 720\)"),
        ({"fps": -1}, r"--fps: fps is -1"),
        ({"min_confidence": 2}, "--min_confidence=2: expected a number from 0 to 1"),
        ({"person": 0}, "--person=0: people are counted from 1"),
    ],
)
def test_arguments_without_a_meaning_are_named(tmp_path, holds, options, message):
    with pytest.raises(JaxposeError, match=message):
        reader.read(holds(), **options)


def test_joints_that_hardly_any_frame_shows_are_warned_of_and_masked(
    tmp_path, holds, doubts
):
    doubts()
    for frames, is_warned in ((3, True), (4, False)):
        keypoints = recording("coco_17", FRAMES)[0].copy()
        keypoints[frames:, 9, :2] = 0  # the left wrist
        found = reader.read(holds(seen_at(tmp_path, keypoints=keypoints)))
        (read,) = found.recordings
        expected = [f"left_wrist is seen in {frames} of {FRAMES} frames (8 %)"]
        assert [w.partition(":")[0] for w in read.warnings] == expected * is_warned
        _, seen = reader.model_joints(read, "h36m_17")
        wrist = 13  # of h36m_17
        assert np.flatnonzero(seen[:, wrist]).tolist() == list(range(frames))
