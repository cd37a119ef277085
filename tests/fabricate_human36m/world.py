"""People who walk as the recordings of Human3.6M would show them."""

import zlib

import numpy as np

from jaxpose.body import cameras
from jaxpose.body.skeletons import COCO_17, H36M_17, H36M_32
from jaxpose.datasets.human36m import facts
from jaxpose.datasets.schema import Camera

EXTRA_FRAMES = (1, 3, 3, 1)  # of the video over the 3D track, by camera
BODY_17 = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]

# Metres from the parent, standing, facing +y, z up; joints that repeat another have no
# offset.
_OFFSETS = np.zeros((32, 3))
_OFFSETS[[1, 6]] = [[0.13, 0, 0], [-0.13, 0, 0]]
_OFFSETS[[2, 7, 3, 8]] = [[0, 0, -0.44], [0, 0, -0.44], [0, 0, -0.42], [0, 0, -0.42]]
_OFFSETS[[4, 9, 5, 10]] = [
    [0, 0.14, -0.05],
    [0, 0.14, -0.05],
    [0, 0.07, 0],
    [0, 0.07, 0],
]
_OFFSETS[[12, 13, 16, 24, 14, 15]] = [
    [0, 0, 0.24],
    [0, 0, 0.25],
    [0, 0, 0.25],
    [0, 0, 0.25],
    [0, 0.05, 0.11],
    [0, 0, 0.11],
]
_OFFSETS[[17, 25]] = [[-0.15, 0, 0], [0.15, 0, 0]]
_OFFSETS[[18, 26, 19, 27]] = [
    [0, 0, -0.28],
    [0, 0, -0.28],
    [0, 0, -0.25],
    [0, 0, -0.25],
]
_OFFSETS[[21, 29, 23, 31]] = [[0, 0.08, 0], [0, 0.08, 0], [0, 0, -0.09], [0, 0, -0.09]]
_SWINGING = [1, 2, 6, 7, 12, 13, 17, 18, 25, 26]


def motion(subject: str, take: str, num_frames: int) -> np.ndarray:
    """Returns positions `[num_frames, 32, 3]` in the world, in metres.

    Limbs swing while the body walks on a circle, another circle for each take.
    """
    rng = np.random.default_rng(zlib.crc32(f"{subject} {take}".encode()))
    time = np.arange(num_frames)[:, None] / 50 + rng.uniform(0, 10)
    angles = np.zeros((num_frames, 32))
    phase, pace = (
        rng.uniform(0, 2 * np.pi, len(_SWINGING)),
        rng.uniform(2, 5, len(_SWINGING)),
    )
    angles[:, _SWINGING] = 0.4 * np.sin(pace * time + phase)
    turn = time[:, 0] * rng.uniform(-1, 1)
    rotations = np.empty((num_frames, 32, 3, 3))
    positions = np.empty((num_frames, 32, 3))
    for joint, parent in enumerate(H36M_32.parents):
        if parent < 0:
            rotations[:, joint] = _rotation(turn, axis=2)
            positions[:, joint] = np.stack(
                [0.5 * np.cos(turn), 0.5 * np.sin(turn), 0.95 + 0 * turn], axis=-1
            )
        else:
            positions[:, joint] = (
                positions[:, parent] + rotations[:, parent] @ _OFFSETS[joint]
            )
            rotations[:, joint] = rotations[:, parent] @ _rotation(
                angles[:, joint], axis=0
            )
    return positions


def _rotation(angles: np.ndarray, axis: int) -> np.ndarray:
    """`[F, 3, 3]` right-handed about a coordinate axis."""
    matrices = np.zeros((len(angles), 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrices[:, axis, axis] = 1
    matrices[:, i, i] = matrices[:, j, j] = np.cos(angles)
    matrices[:, j, i] = np.sin(angles)
    matrices[:, i, j] = -np.sin(angles)
    return matrices


def num_frames(subject: str, take: str) -> int:
    """Frames of the 3D track, longer for the takes that are longer in truth."""
    return 8 + facts.FRAMES[subject].get(take, 1825) // 1000


def video_frames(subject: str, take: str) -> tuple[int, ...]:
    """Frames by camera."""
    frames = num_frames(subject, take) * (
        2 if (subject, take) in facts.DRIFTING_TAKES else 1
    )
    return tuple(frames + extra for extra in EXTRA_FRAMES)


def takes_of(subject: str, most: int | None = None) -> list[str]:
    """The first `most` takes."""
    return list(facts.FRAMES[subject])[:most]


def pixels(positions: np.ndarray, camera: Camera) -> np.ndarray:
    """What `camera` sees of world positions `[..., 3]`, with distortion."""
    in_camera = cameras.world_to_camera(
        positions, np.array(camera.orientation), np.array(camera.translation)
    )
    vector = cameras.normalized_intrinsics(
        np.array(camera.intrinsics), np.array(camera.distortion), camera.image_size
    )
    return cameras.image_coordinates(
        cameras.project(in_camera, vector), camera.image_size
    )


def detect(
    positions_32: np.ndarray, camera: Camera, joints: str, seed: str
) -> np.ndarray:
    """`[F, J, 2]` float32: the projection in a detector's joint order, 2 px off."""
    keypoints = pixels(positions_32[:, BODY_17], camera)
    if joints == "mpii_16":
        places = [3, 2, 1, 4, 5, 6, 0, 7, 8, 10, 16, 15, 14, 11, 12, 13]
        keypoints = keypoints[:, places]
    elif joints == "coco_17":
        names = [
            name if name in H36M_17.joints else "neck_nose" for name in COCO_17.joints
        ]
        keypoints = keypoints[:, [H36M_17.joints.index(name) for name in names]]
    rng = np.random.default_rng(zlib.crc32(seed.encode()))
    return (keypoints + rng.normal(0, 2, keypoints.shape)).astype(np.float32)
