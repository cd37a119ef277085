"""What becomes of recordings as people feed them to a lifter, each with a known fault.

The cases lie beside the checkout, with the motions that they were made of.
"""

import dataclasses

import numpy as np
import pytest

from jaxpose.body.skeletons import H36M_17
from jaxpose.read import to_json
from jaxpose.recordings import model_joints, read
from tests.shared import shared_path

LIMBS = [
    joint
    for joint, name in enumerate(H36M_17.joints)
    if name.startswith(("left_", "right_"))
]


@dataclasses.dataclass(frozen=True)
class Expected:
    """What should become of a case.

    Attributes:
      statuses: "ok", "suspicious" or "refused" by name of the recording.
      says: words of each warning or reason.
      layout: joint order of all recordings, where it matters.
      motions: name of the true motion by recording, where the pixels are the truth's.
    """

    statuses: dict[str, str]
    says: tuple[str, ...] = ()
    layout: str | None = None
    motions: dict[str, str] = dataclasses.field(default_factory=dict)


def good(*names: str, layout: str | None = None, **motions: str) -> Expected:
    return Expected(dict.fromkeys(names, "ok"), (), layout, motions)


def bad(status: str, *names: str, says: str) -> Expected:
    return Expected(dict.fromkeys(names, status), (says,) * len(names))


CASES = {
    "00-baseline": good("a", "b", "c", "d", a="a", b="b", c="c", d="d"),
    "01-two-people-alphapose": Expected(
        {"two person 1": "ok", "two person 2": "ok"},
        layout="coco_17",
        motions={"two person 1": "b", "two person 2": "a"},
    ),
    "03-openpose-unpadded": good("walk", layout="body_25", walk="a"),
    "04-openpose-files-missing": good("walk", layout="body_25", walk="a"),
    "05-yolo-zero-xy": good(
        "walk", "walk_minus_one", "walk_xy_only", walk_minus_one="a", walk_xy_only="a"
    ),
    "07-normalised": bad(
        "refused",
        *("openpose_scale_3", "walk_0_to_1", "walk_minus1_to_1"),
        says="these look normalised",
    ),
    "08-swapped-xy": bad("suspicious", "walk", says="x and y are probably swapped"),
    "09-y-up": bad("suspicious", "walk", says="heads are below hips"),
    "10-portrait": Expected(
        {"walk_right_size": "ok", "walk_wrong_size": "suspicious"},
        ("give --image_size=1080,1920",),
    ),
    "11-half-body": bad("refused", "desk", says="left_knee, left_ankle are seen in no"),
    "12-from-behind": good("behind", layout="body_25", behind="a"),
    "13-one-bad-of-four": Expected(
        {"good_a": "ok", "good_b": "ok", "good_c": "ok", "bad": "refused"},
        ("left_ankle is seen in no frame",),
        motions={"good_a": "a", "good_b": "b", "good_c": "c"},
    ),
    "14-low-confidence": good("table", table="a"),
    "15-mmpose-video": good("results_walk", layout="coco_17", results_walk="a"),
    "16-detectron2-npz": good("walk", layout="coco_17", walk="a"),
    "17a-kpts-npz": good("keypoints", layout="coco_17", keypoints="a"),
    "17d-csv": good("walk", layout="coco_17", walk="a"),
    "18-openpose-coco18": good("walk", layout="coco_18", walk="a"),
    "19-wholebody-133": good("walk", layout="coco_wholebody_133", walk="a"),
    "20-crowdpose-14": good("walk", layout="crowdpose_14", walk="a"),
    "21-nobody-alphapose": bad("refused", "empty", says="nobody was detected"),
    "23-fps10": good("march10", "march50", march50="c"),
    "24b-own-3d-no-camera": Expected(
        {
            "camera": "ok",
            "shifted_10_frames": "suspicious",
            "cm": "refused",
            "world_z_up": "refused",
        },
        (
            "do not fit the 2D by a similarity",
            "look like centimetres",
            "do not fit the 2D by a similarity",
        ),
    ),
    "25-mediapipe-33": good("squat", layout="mediapipe_33"),
    "26-same-names": good("walk", "wave", walk="a", wave="b"),
    "27-windows": good("UPPER2", "UPPER", "größe π", UPPER="a", UPPER2="a"),
    "32-coco-results": good("r", layout="coco_17", r="a"),
    "33-settings-per-folder": good("phone", "webcam"),
    "36b-null-joint": good("null_joint", null_joint="a"),
    "43d-size-height-first": bad("suspicious", "x", says="given as height, width"),
    "43e-coco-said-h36m": bad("refused", "x", says="give --layout=coco_17"),
    # Larger than a model ever saw, which tests/inference/doubts_test.py shows.
    "44-portrait-full-frame": good(*(f"fills_{k}_percent" for k in (45, 65, 85))),
}


@pytest.mark.parametrize("case", CASES)
def test_case(case):
    expected = CASES[case]
    reading = read(shared_path(f"recordings/cases/{case}"))
    rows = to_json(reading)["recordings"]
    assert {row["name"]: row["status"] for row in rows} == expected.statuses
    said = []
    for row in rows:
        said += row["warnings"]
        if row["reason"]:
            said.append(row["reason"])
    assert len(said) == len(expected.says)
    for words, sentence in zip(expected.says, said, strict=True):
        assert words in sentence
        assert "\n" not in sentence
    if expected.layout is not None:
        assert {row["layout"] for row in rows} == {expected.layout}

    # Every limb that counts as seen is where it truly is, frame by frame.
    truth = np.load(shared_path("recordings/truth.npz"))
    for recording in reading.recordings:
        if recording.name not in expected.motions:
            continue
        keypoints_2d, seen = model_joints(recording, "h36m_17")
        rows = recording.frames - recording.frames[0]
        target = truth[f"{expected.motions[recording.name]}_2d"][rows]
        distance = np.linalg.norm(keypoints_2d - target, axis=-1)[:, LIMBS]
        assert np.median(distance[seen[:, LIMBS]]) < 0.1


def read_only(case: str, **options):
    (recording,) = read(shared_path(f"recordings/cases/{case}"), **options).recordings
    return recording


def test_two_people_are_counted_and_one_can_be_picked():
    first = read_only("01-two-people-alphapose", person=1)
    assert (first.people, first.person, first.switches) == (2, 1, 0)


def test_the_gap_of_missing_files_stays():
    recording = read_only("04-openpose-files-missing")
    assert recording.frames.tolist() == list(range(150))
    assert (~recording.detected).sum() == 60
    assert not recording.seen[~recording.detected].any()


def test_joints_that_were_not_detected_are_masked():
    reading = read(shared_path("recordings/cases/05-yolo-zero-xy"))
    for recording in reading.recordings:
        assert 0.8 < recording.seen.mean() < 1
        assert np.isnan(recording.keypoints_2d[~recording.seen]).all()
    assert read_only("36b-null-joint").seen.mean() > 0.98
    hidden = read_only("14-low-confidence")
    assert 0.8 < hidden.seen.mean() < 0.95


def test_legs_that_are_never_seen_are_estimated_on_request_and_masked():
    recording = read_only("11-half-body", estimate_missing=True)
    keypoints_2d, seen = model_joints(recording, "h36m_17", estimate_missing=True)
    assert np.isfinite(keypoints_2d).all()
    never = [H36M_17.joints[joint] for joint in np.flatnonzero(~seen.any(axis=0))]
    assert never == ["right_knee", "right_ankle", "left_knee", "left_ankle"]


def test_rates_and_sizes_are_those_of_file_and_nearest_settings():
    reading = read(shared_path("recordings/cases/23-fps10"))
    assert [found.rate for found in reading.recordings] == [10, 50]
    reading = read(shared_path("recordings/cases/33-settings-per-folder"))
    sizes = {found.name: found.camera.image_size for found in reading.recordings}
    assert sizes == {"phone": (1080, 1920), "webcam": (640, 480)}
    assert read_only("16-detectron2-npz").camera.image_size == (1000, 1002)
