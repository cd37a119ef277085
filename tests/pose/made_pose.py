"""A made-up person who waves, for tests of what poses can do."""

import numpy as np

from jaxpose.datasets.camera import Camera
from jaxpose.pose.pose import FrameOfReference, Pose
from tests.pose import people

# Metres from the hip, x right, y down, z away.
STANDING = people.person() * [1, -1, -1]
RIGHT_WRIST = 16


def waving(num_frames=40, name="wave", first_frame=0, person=1, unseen=()):
    """Returns a pose of 25 frames per second; joints `unseen` have no keypoint."""
    frames = first_frame + np.arange(num_frames)
    positions_3d = np.repeat(STANDING[None], num_frames, axis=0)
    positions_3d[:, RIGHT_WRIST, 1] = -0.4 + 0.3 * np.sin(frames / 3)
    keypoints_2d = 400 * positions_3d[..., :2] + np.array([960 + 300 * person, 540])
    seen = np.ones(positions_3d.shape[:2], bool)
    seen[:, list(unseen)] = False
    return Pose(
        name=name,
        positions_3d=positions_3d,
        seen=seen,
        frames=frames,
        times=frames / 25,
        keypoints_2d=np.where(seen[..., None], keypoints_2d, np.nan),
        camera=Camera("phone", (1920, 1080)),
        frame_of_reference=FrameOfReference.CAMERA_FROM_HIP,
        model="a model",
        person=person,
    )
