"""What a detector wrote, before anybody asks which person, which joints, which time."""

import dataclasses

import numpy as np

from jaxpose.errors import JaxposeError

_MAX_JOINTS = 2_000  # of a person; detectors of body, face and hands find 553


@dataclasses.dataclass(frozen=True)
class Detections:
    """The people that one file, or one folder of frames, shows in one video.

    A format reader fills this in and interprets nothing: joints that were not seen are
    still as the file gives them. One row is one person in one frame. D rows, J joints.

    Attributes:
      name: of the video or the file, for people.
      where: the file or folder, for messages.
      format: name of the format, such as "openpose".
      keypoints: `[D, J, 2 or 3]` x, y and, where the file has it, the detector's
        confidence; in the file's own unit. NaN stands for null.
      frames: `[D]` int, the number of each row's frame in the source.
      ids: `[D]` int, the file's own person numbers, -1 where it gives none. A format
        that holds one person, such as an array of poses, gives 0 everywhere.
      boxes: `[D, 4]` left, top, width, height in the unit of `keypoints`, NaN where the
        file has none.
      num_frames: frames that the file speaks of, those without people included: the
        numbers `first_frame` to `first_frame + num_frames - 1`.
      first_frame: number of the first frame that the file speaks of.
      missing_frames: numbers in that range that the file says nothing about: a file of
        a frame is absent.
      normalised: whether the format says that x and y of `keypoints` and `boxes` are
        fractions of the image's width and height; pixels otherwise. A file that should
        hold pixels and looks normalised is not marked.
      layout: joint order that the file states, or None.
      image_size: (width, height) in pixels where the file states it, or None.
      fps: frames per second where the file states it, or None.
      rate_of_times: frames per second that times in the file tell, or None.
      positions_3d: `[F, J3, 3]` metres, camera frame, own 3D of a file of one person,
        or None.
      skeleton: joint order of `positions_3d` where the file states it, or None.
      intrinsics: (fx, fy, cx, cy) in pixels, or None.
      names: subject, action, take and camera, as far as the file states them.
      remarks: sentences for the user about what was read and what was left out.
      warnings: sentences for the user about what of the source is damaged.
    """

    name: str
    where: str
    format: str
    keypoints: np.ndarray
    frames: np.ndarray
    ids: np.ndarray
    boxes: np.ndarray
    num_frames: int
    first_frame: int = 0
    missing_frames: tuple[int, ...] = ()
    normalised: bool = False
    layout: str | None = None
    image_size: tuple[int, int] | None = None
    fps: float | None = None
    rate_of_times: float | None = None
    positions_3d: np.ndarray | None = None
    skeleton: str | None = None
    intrinsics: tuple[float, float, float, float] | None = None
    names: dict[str, str] = dataclasses.field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises JaxposeError for more joints than any detector finds."""
        joints = self.keypoints.shape[1]
        if joints > _MAX_JOINTS:
            raise JaxposeError(
                f"{self.where}: {joints:,} joints per person; expected at most "
                f"{_MAX_JOINTS:,}"
            )
