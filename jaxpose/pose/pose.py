"""The 3D poses of one person in one recording."""

import dataclasses
import enum
import os
from typing import TYPE_CHECKING

import numpy as np

from jaxpose.body.skeletons import Skeleton, get_skeleton
from jaxpose.datasets.camera import Camera

if TYPE_CHECKING:
    from jaxpose.pose.viewer import Viewer


class FrameOfReference(enum.StrEnum):
    """Axes and origin of positions.

    Camera axes are x right, y down, z away from the camera. Upright axes are x right,
    y up against gravity, z towards the camera; the floor is at y = 0 where the place of
    the person is known. Both are right-handed.
    """

    CAMERA_FROM_HIP = "camera axes, relative to the hip"
    CAMERA = "camera axes, origin at the camera"
    UPRIGHT_FROM_HIP = "upright axes, relative to the hip"
    UPRIGHT = "upright axes, origin on the floor"


@dataclasses.dataclass(frozen=True, eq=False)
class Pose:
    """Holds the poses of one person. F frames, J joints of the skeleton.

    A pose is never changed: each method returns another one.

    Attributes:
      name: of the recording.
      positions_3d: `[F, J, 3]` float64 metres, in the frame of reference.
      seen: `[F, J]` bool: whether the detector saw the joint; others were filled in.
      frames: `[F]` int, numbers in the source.
      times: `[F]` seconds since frame 0 of the source.
      keypoints_2d: `[F, J, 2]` pixels of the same joints, x right and y down; NaN where
        not seen.
      camera: image size, and intrinsics where known.
      frame_of_reference: axes and origin of `positions_3d`.
      skeleton: name of the joint order.
      model: which weights lifted it.
      person: number of the person in the recording, from 1.
    """

    name: str
    positions_3d: np.ndarray
    seen: np.ndarray
    frames: np.ndarray
    times: np.ndarray
    keypoints_2d: np.ndarray
    camera: Camera
    frame_of_reference: FrameOfReference = FrameOfReference.CAMERA_FROM_HIP
    skeleton: str = "h36m_17"
    model: str = ""
    person: int = 1

    @property
    def body(self) -> Skeleton:
        """Returns the joint set, with its bones."""
        return get_skeleton(self.skeleton)

    @property
    def joints(self) -> tuple[str, ...]:
        """Returns the names of the joints, in array order."""
        return self.body.joints

    @property
    def rate(self) -> float:
        """Returns the frames per second of the pose; 1 where there is one frame."""
        if len(self.times) < 2:
            return 1.0
        return float((len(self.times) - 1) / (self.times[-1] - self.times[0]))

    def view(self, *others: "Pose", video: str | os.PathLike | None = None) -> "Viewer":
        """Returns a page that a notebook shows in place.

            pose.view(video="walk.mp4").open()  # in the browser

        Args:
          others: other people of the same recording.
          video: file of the recording, to show the keypoints over its frames.

        Raises:
          JaxposeError: the people are not in one frame of reference, or the video is
            missing or too large to be a part of the page.
        """
        from jaxpose.pose.viewer import view

        return view((self, *others), video)
