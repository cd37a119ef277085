"""A person who walks past a camera, in the joints of any layout."""

import numpy as np

from jaxpose.body.skeletons import get_skeleton

SIZE = (1920, 1080)
FPS = 25.0

# The standing person in metres: x to the person's left, y up, z to the front.
_STANDING = {
    "hip": (0, 0.95, 0), "spine": (0, 1.18, 0), "thorax": (0, 1.42, 0),
    "neck_nose": (0, 1.54, 0.09), "head": (0, 1.72, 0.02),
    "left_hip": (0.12, 0.95, 0), "left_knee": (0.13, 0.50, 0.02),
    "left_ankle": (0.13, 0.08, -0.02),
    "left_shoulder": (0.18, 1.41, 0), "left_elbow": (0.24, 1.12, -0.03),
    "left_wrist": (0.25, 0.88, 0.08),
    "left_eye": (0.032, 1.59, 0.08), "left_ear": (0.075, 1.585, 0.0),
    "left_mouth": (0.025, 1.50, 0.08), "left_big_toe": (0.15, 0.02, 0.16),
    "left_small_toe": (0.19, 0.02, 0.12), "left_heel": (0.13, 0.03, -0.07),
    "left_hand_root": (0.25, 0.88, 0.08), "face": (0, 1.55, 0.09),
    "chest": (0, 1.25, 0.02),
}  # fmt: skip
_NAMED_AFTER = {
    "pelvis": "hip", "mid_hip": "hip", "neck": "thorax", "nose": "neck_nose",
    "upper_neck": "neck_nose", "head_top": "head", "foot_index": "big_toe",
    "eye_inner": "eye", "eye_outer": "eye", "pinky": "wrist", "index": "wrist",
    "thumb": "wrist",
}  # fmt: skip


def positions(names: tuple[str, ...], num_frames: int = 60) -> np.ndarray:
    """Returns a walk towards the upper right of the image, `[F, J, 3]` metres.

    In the camera's frame, four to five metres away.
    """
    time = np.arange(num_frames)[:, None] / FPS
    swing = 0.25 * np.sin(2 * np.pi * time)
    joints = []
    for name in names:
        x, y, z = _place(name)
        place = np.tile([x, y, z], (num_frames, 1)).astype(float)
        # Legs and arms swing against each other, more the farther down.
        sign = 1 if name.startswith("left_") else -1
        if any(part in name for part in ("knee", "ankle", "toe", "heel", "foot")):
            place[:, 2:] += sign * swing * (0.95 - y)
        elif any(part in name for part in ("elbow", "wrist", "hand")):
            place[:, 2:] -= sign * swing * (1.41 - y)
        joints.append(place)
    person = np.stack(joints, axis=1)

    # Turned by 60 degrees, and coming nearer.
    angle = np.radians(60.0)
    x, y, z = np.moveaxis(person, -1, 0)
    across = np.cos(angle) * x + np.sin(angle) * z
    ahead = np.cos(angle) * z - np.sin(angle) * x
    travelled = 0.6 * time
    return np.stack(
        [
            across - 0.6 + np.sin(angle) * travelled,
            1.0 - y,
            5.0 - ahead - np.cos(angle) * travelled,
        ],
        axis=-1,
    )


def person(layout: str, num_frames: int = 60) -> np.ndarray:
    """Returns the walk in the joints of `layout`, `[F, J, 2]` pixels of `SIZE`."""
    in_space = positions(get_skeleton(layout).joints, num_frames)
    return 1100.0 * in_space[..., :2] / in_space[..., 2:] + np.array(SIZE) / 2


def _place(name: str) -> tuple[float, float, float]:
    """Returns where the standing person has a joint."""
    side, _, part = name.partition("_")
    if side == "face":
        return _STANDING["face"]
    if side not in ("left", "right"):
        return _STANDING[_NAMED_AFTER.get(name, name)]
    if "finger" in part or part.split("_")[0] in ("thumb", "pinky"):
        part = "hand_root"
    x, y, z = _STANDING["left_" + _NAMED_AFTER.get(part, part)]
    return (x if side == "left" else -x), y, z
