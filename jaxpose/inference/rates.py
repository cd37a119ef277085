"""Shows clips to a model at the rate that it was trained at, in seconds."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from jaxpose.data.clips import Clip, Clips
from jaxpose.recordings import timeline


def nearest_rate(fps: float, trained: Sequence[float]) -> float:
    """Returns the rate nearest to `fps` that a model was trained at.

    Args:
      fps: frames per second of a recording.
      trained: frames per second of the training clips, at least one.
    """
    # Data sets may mix rates: the model knows all of them.
    return min(trained, key=lambda rate: abs(np.log(rate / fps)))


@dataclasses.dataclass(frozen=True)
class Resampled:
    """Clips at other rates, and the way back to the frames that they were made of.

    Attributes:
      clips: one or several per clip that was resampled, in the same order.
      positions: per original clip, the positions of the samples in its frames, one
        array per new clip.
    """

    clips: Clips
    positions: tuple[tuple[np.ndarray, ...], ...]

    def back(self, predicted: np.ndarray, original: Clips) -> np.ndarray:
        """Returns the poses of all frames of the original clips, `[N, J, 3]`.

        Args:
          predicted: `[M, J, 3]`, poses of all frames of `clips`.
          original: the clips that were resampled.
        """
        poses = []
        start = 0
        for clip, positions in zip(original.index, self.positions, strict=True):
            parts = []
            for places in positions:
                parts.append(predicted[start : start + len(places)])
                start += len(places)
            poses.append(timeline.back_to_frames(parts, positions, clip.length))
        return np.concatenate(poses)


def resample(clips: Clips, trained: Sequence[float]) -> Resampled:
    """Samples each clip at the rate nearest to its own that a model was trained at.

    Where every n-th frame of a clip has that rate, the clip becomes n clips, which
    together hold each frame once. Otherwise keypoints are interpolated linearly.

    Args:
      clips: any clips.
      trained: frames per second of the training clips, at least one.
    """
    index: list[Clip] = []
    keypoints_2d, positions_3d, valid = [], [], []
    all_positions = []
    start = 0
    for clip in clips.index:
        frames = slice(clip.start, clip.end)
        rate = nearest_rate(clip.fps, trained)
        positions = timeline.sample_positions(clip.length, clip.fps, rate)
        all_positions.append(positions)
        for places in positions:
            length = len(places)
            index.append(
                dataclasses.replace(clip, start=start, length=length, fps=rate)
            )
            start += length
            keypoints_2d.append(timeline.sample(clips.keypoints_2d[frames], places))
            positions_3d.append(timeline.sample(clips.positions_3d[frames], places))
            nearest = np.minimum(places.round().astype(int), clip.length - 1)
            valid.append(clips.valid[frames][nearest])
    resampled = dataclasses.replace(
        clips,
        keypoints_2d=np.concatenate(keypoints_2d),
        positions_3d=np.concatenate(positions_3d),
        valid=np.concatenate(valid),
        index=tuple(index),
        activity=None,
        metres_per_unit=None,
        metric_positions_3d=None,
        seen=None,
        frame_numbers=None,
    )
    return Resampled(resampled, tuple(all_positions))
