"""The keypoints of one person in one video, clean: what models and data sets take."""

import dataclasses

import numpy as np

from jaxpose.datasets.camera import Camera


@dataclasses.dataclass(frozen=True)
class Recording:
    """One person seen by one camera. F frames, without a hole; J joints of the layout.

    Attributes:
      name: of the recording, unique among those read together.
      where: the file or folder, for messages.
      format: name of the file format.
      layout: name of the joint order of `keypoints_2d`, a skeleton of `jaxpose.body`.
      keypoints_2d: `[F, J, 2]` pixels, x right and y down; NaN where not seen.
      confidence: `[F, J]` in [0, 1]; 0 where not seen, 1 where the file states none.
      frames: `[F]` int, numbers in the source. Neighbours differ by a constant step,
        which is 1 unless the file holds only every n-th frame of its video.
      detected: `[F]` bool, whether the person was found in the frame; False in the gaps
        of the source as well.
      fps: frames per second of the source, those between two steps included.
      camera: image size, and intrinsics where known.
      person: number of the person in the file, from 1 for the most present one.
      people: how many people the file shows.
      switches: how often the person's id, or the linked track, had to be joined again.
      subject: name of the person.
      action: name that per-action tables group by.
      take: name of the recording within its subject.
      positions_3d: `[F, J3, 3]` metres, camera frame, the user's own 3D, or None.
      skeleton: joint order of `positions_3d`.
      warnings: sentences about what is doubtful, each with the likely mistake and the
        flag that mends it.
      remarks: sentences about what was understood, and about what was left out.
    """

    name: str
    where: str
    format: str
    layout: str
    keypoints_2d: np.ndarray
    confidence: np.ndarray
    frames: np.ndarray
    detected: np.ndarray
    fps: float
    camera: Camera
    person: int
    people: int
    switches: int
    subject: str
    action: str
    take: str
    positions_3d: np.ndarray | None = None
    skeleton: str = "h36m_17"
    warnings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def seen(self) -> np.ndarray:
        """Returns `[F, J]` bool: whether the joint was seen in the frame."""
        return np.isfinite(self.keypoints_2d).all(axis=-1)

    @property
    def video(self) -> str:
        """Returns the name of the video, which is that of all its people."""
        if self.people == 1:
            return self.name
        return self.name.removesuffix(f" person {self.person}")

    @property
    def step(self) -> int:
        """Returns the difference between the numbers of neighbouring frames."""
        return int(self.frames[1] - self.frames[0]) if len(self.frames) > 1 else 1

    @property
    def rate(self) -> float:
        """Returns how many frames of this recording there are per second."""
        return self.fps / self.step

    @property
    def times(self) -> np.ndarray:
        """Returns `[F]` seconds since frame 0 of the source."""
        return self.frames / self.fps
