"""Good files that are written in an unusual way, and the messages for others."""

import json

import numpy as np
import pytest

from jaxpose import recordings
from jaxpose.errors import JaxposeError
from jaxpose.recordings.files import read_detections
from jaxpose.recordings.reader import why_nothing
from tests.recordings import walker
from tests.recordings.writers import write_json

WALK = walker.person("coco_17", 8)
SIZE, FPS = walker.SIZE, walker.FPS


def read_one(path):
    files = read_detections(path)
    assert files.refused == []
    (detections,) = files.detections
    return detections


@pytest.mark.parametrize("by_frame", [True, False])
def test_people_and_frames_on_two_levels(tmp_path, by_frame):
    people = {"7": WALK, "9": WALK + 300.0}
    value = {}
    for number, poses in people.items():
        for frame in (0, 1, 2, 4, 5):
            outer, inner = (frame, number) if by_frame else (number, frame)
            value.setdefault(str(outer), {})[str(inner)] = poses[frame].tolist()
    found = read_one(write_json(tmp_path / "a.json", value))
    assert found.format == "by person"
    assert found.frames.tolist() == [0, 0, 1, 1, 2, 2, 4, 4, 5, 5]
    assert found.ids.tolist() == [7, 9] * 5
    np.testing.assert_allclose(found.keypoints[-1], people["9"][5])


def test_lists_of_people_with_their_frames(tmp_path):
    persons = []
    for number, start in ((7, 0), (9, 3)):
        frames = [
            {"frame": frame, "keypoints": WALK[frame].tolist()}
            for frame in range(start, 5)
        ]
        persons.append({"id": number, "frames": frames})
    found = read_one(write_json(tmp_path / "a.json", {"persons": persons, "fps": 25}))
    assert found.frames.tolist() == [0, 1, 2, 3, 3, 4, 4]
    assert found.ids.tolist() == [7, 7, 7, 7, 9, 7, 9]
    assert found.fps == 25


def test_as_many_people_as_frames_are_asked_about(tmp_path):
    value = {str(a): {str(b): WALK[b].tolist() for b in range(3)} for a in range(3)}
    ((_, reason),) = read_detections(write_json(tmp_path / "a.json", value)).refused
    assert "which ones are frames and which ones people is not clear" in reason


def test_numbers_as_texts(tmp_path):
    poses = [[[f"{x:.3f}" for x in joint] for joint in pose] for pose in WALK.tolist()]
    found = read_one(write_json(tmp_path / "a.json", {"Keypoints-2D": poses}))
    np.testing.assert_allclose(found.keypoints, WALK, atol=1e-3)


@pytest.mark.parametrize(
    "stated",
    [
        {"width": 1920, "height": 1080, "fps": 25},
        {"img_w": 1, "image_width": 1920, "image_height": 1080, "frame_rate": 25.0},
        {"w": 1920, "h": 1080, "FPS": "25"},
        {"image_size": "1920x1080", "fps": "50/2"},
        {"resolution": "1920, 1080", "video_fps": 25},
    ],
)
def test_size_and_rate_in_npz_and_json(tmp_path, stated):
    np.savez(tmp_path / "a.npz", keypoints=WALK, **stated)
    write_json(tmp_path / "b.json", {"keypoints": WALK.tolist(), **stated})
    for name in ("a.npz", "b.json"):
        found = read_one(tmp_path / name)
        assert (found.image_size, found.fps) == (SIZE, FPS)


def test_times_in_npz_leave_gaps(tmp_path):
    np.savez(tmp_path / "a.npz", keypoints=WALK[:4], timestamps=[0.0, 0.04, 0.12, 0.16])
    assert read_one(tmp_path / "a.npz").frames.tolist() == [0, 1, 3, 4]


@pytest.mark.parametrize("size", ["1920x1080", "1920, 1080", "[1920, 1080]"])
def test_sizes_as_texts_in_settings(tmp_path, size):
    np.save(tmp_path / "a.npy", WALK)
    write_json(tmp_path / "dataset.json", {"image_size": size, "fps": "25"})
    (recording,) = recordings.read(tmp_path).recordings
    assert (recording.camera.image_size, recording.fps) == (SIZE, FPS)


def test_a_last_line_that_is_cut_is_left_out_with_a_warning(tmp_path):
    lines = []
    for frame, pose in enumerate(WALK):
        lines.append(json.dumps({"frame": frame, "keypoints": pose.tolist()}))
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(lines)[:-100])
    (recording,) = recordings.read(path, image_size=SIZE, fps=FPS).recordings
    assert recording.frames.tolist() == list(range(7))
    assert recording.warnings[0].startswith("line 8, the last one, is cut short")
    # A line in the middle is damage.
    path.write_text("\n".join([*lines[:3], lines[3][:50], *lines[4:]]))
    assert len(recordings.read(path, image_size=SIZE, fps=FPS).refused) == 1


def test_labels_of_boxes_alone_are_frames_without_a_person(tmp_path):
    box = "0 0.5 0.5 0.2 0.4"
    joints = " ".join(f"{x / 1920:.6f} {y / 1080:.6f} 0.9" for x, y in WALK[0])
    for frame, lines in enumerate([[box], [f"{box} {joints}"], [box], [box]]):
        (tmp_path / f"walk_{frame}.txt").write_text("\n".join(lines) + "\n")
    # A box behind which joints follow in another line.
    (tmp_path / "walk_4.txt").write_text(f"{box}\n{box} {joints}\n")
    found = read_one(tmp_path)
    assert found.frames.tolist() == [1, 4]
    assert (found.first_frame, found.num_frames) == (0, 5)


@pytest.mark.parametrize(
    "arguments",
    [{"fps": "25"}, {"fps": 25}, {"fps": "50/2", "image_size": "1920x1080"}],
)
def test_arguments_as_texts(tmp_path, arguments):
    np.save(tmp_path / "a.npy", WALK)
    arguments = {"image_size": list(SIZE), **arguments}
    (recording,) = recordings.read(tmp_path, **arguments).recordings
    assert (recording.camera.image_size, recording.fps) == (SIZE, FPS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fps": "fast"}, "--fps: fps: expected 1 finite numbers, found ['fast']"),
        ({"fps": [25, 30]}, "--fps: fps: expected 1 finite numbers"),
        ({"image_size": 1920}, "--image_size: image_size: expected 2 finite numbers"),
        ({"image_size": "big"}, "--image_size: image_size: expected 2 finite numbers"),
        ({"min_confidence": "low"}, "--min_confidence: expected 1 finite numbers"),
        ({"min_confidence": 3}, "--min_confidence=3: expected a number from 0 to 1"),
        ({"person": 1.5}, "--person=1.5: people are counted from 1"),
        ({"person": "ann"}, "--person: expected 1 finite numbers"),
        ({"layout": 17}, "--layout=17: expected the name of a joint order"),
        ({"path": None}, "path is None; expected a file or a folder"),
    ],
)
def test_arguments_without_a_meaning(tmp_path, arguments, message):
    np.save(tmp_path / "a.npy", WALK)
    with pytest.raises(JaxposeError) as error:
        recordings.read(**{"path": tmp_path, **arguments})
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_unknown_json_names_its_keys_and_what_is_always_read(tmp_path):
    value = {f"key_{number:03d}": 1 for number in range(100)}
    path = write_json(tmp_path / "a.json", value)
    ((_, reason),) = read_detections(path).refused
    assert "with the keys 'key_000', 'key_001'," in reason
    assert "'key_018'" not in reason  # cut at 200 characters
    # The folder around it says the same.
    nothing = why_nothing(tmp_path, recordings.read(tmp_path))
    assert nothing.endswith(reason.rpartition(": not read: ")[2].partition("; ")[2])
    assert reason.endswith(
        "; jaxpose always reads an npz or JSON file with keypoints_2d [frames, joints, "
        "2 or 3] in pixels, image_size [width, height], fps, and the joint order as "
        "keypoints"
    )
