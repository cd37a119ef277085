"""Shows clips to a model at the rate that it was trained at, in seconds."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import ml_collections
import numpy as np

from jaxpose.data.clips import Clip, Clips
from jaxpose.models.base import LiftingModel
from jaxpose.recordings import timeline


@dataclasses.dataclass(frozen=True)
class Rates:
    """The frame rates that a model knows, in frames per second.

    Attributes:
      trained: rates of its training clips; empty where they are not known, or do not
        matter to a model of one frame.
      span: the lowest and the highest rate that it was shown, where training clips were
        read at random rates between them; it knows all of these, and only these.
    """

    trained: tuple[float, ...] = ()
    span: tuple[float, ...] = ()

    @property
    def are_known(self) -> bool:
        """Returns whether recordings have to be matched."""
        return bool(self.trained or self.span)

    def nearest(self, fps: float) -> float:
        """Returns the rate that a recording of `fps` is shown at."""
        if self.span:
            lowest, highest = self.span
            # Whole factors keep every frame among those that the model sees.
            if fps > highest:
                return fps / np.ceil(fps / highest)
            return fps * max(np.ceil(lowest / fps), 1)
        if not self.trained:
            return fps
        # Data sets may mix rates: the model knows all of them.
        return min(self.trained, key=lambda rate: abs(np.log(rate / fps)))


def known_rates(
    model: LiftingModel,
    config: ml_collections.ConfigDict,
    description: Mapping[str, Any],
) -> Rates:
    """Returns the rates that the weights of a run know.

    Args:
      model: the model of the run.
      config: the config that it was trained with.
      description: entries of its `environment.json`; `fps` is absent where weights were
        trained elsewhere.
    """
    if model.receptive_field == 1:
        return Rates()
    # Absent in configs that are older than the field.
    span = tuple(config.get("augment_frame_rate", ()))
    return Rates(() if span else tuple(description.get("fps", ())), span)


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


def resample(clips: Clips, known: Rates) -> Resampled:
    """Samples each clip at the rate nearest to its own that a model knows.

    Where every n-th frame of a clip has that rate, the clip becomes n clips, which
    together hold each frame once. Otherwise keypoints are interpolated linearly.

    Args:
      clips: any clips.
      known: the rates that the model knows.
    """
    index: list[Clip] = []
    keypoints_2d, positions_3d, valid = [], [], []
    all_positions = []
    start = 0
    for clip in clips.index:
        frames = slice(clip.start, clip.end)
        rate = known.nearest(clip.fps)
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
