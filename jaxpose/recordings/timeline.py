"""Places frames in time: by their numbers, and at the rate that a model was trained at.

Times are in frames of the source, or in seconds where a name says so.
"""

import dataclasses
from collections.abc import Iterable

import numpy as np

from jaxpose.errors import JaxposeError

MAX_FRAMES = 1_000_000  # more means that numbers are no frame numbers
SAME_RATE = 0.05  # rates that differ by a smaller fraction count as equal


@dataclasses.dataclass(frozen=True)
class Timeline:
    """The frames of a file, without a hole, a constant step apart.

    Attributes:
      numbers: `[F]` int, ascending.
      missing: `[F]` bool, whether the file says nothing about the frame.
    """

    numbers: np.ndarray
    missing: np.ndarray

    @property
    def step(self) -> int:
        """Returns the difference between neighbouring numbers."""
        return int(self.numbers[1] - self.numbers[0]) if len(self.numbers) > 1 else 1

    def positions(self, frames: np.ndarray) -> np.ndarray:
        """Returns the place of each frame number in `numbers`."""
        return (frames - self.numbers[0]) // self.step

    def place(self, frames: np.ndarray, values: np.ndarray, empty: float) -> np.ndarray:
        """Returns `[F, ...]`: the values at their frames, `empty` in all others.

        Args:
          frames: `[n]` frame numbers, none of them twice.
          values: `[n, ...]` what the frames hold.
          empty: what the other frames hold.
        """
        placed = np.full((len(self.numbers), *values.shape[1:]), empty, values.dtype)
        placed[self.positions(frames)] = values
        return placed

    def between(self, first: int, last: int) -> "Timeline":
        """Returns the part from frame number `first` to `last`, both of them in it."""
        part = (self.numbers >= first) & (self.numbers <= last)
        return Timeline(self.numbers[part], self.missing[part])


def make_timeline(
    frames: np.ndarray,
    first_frame: int,
    num_frames: int,
    missing_frames: Iterable[int],
    where: str,
) -> Timeline:
    """Makes the timeline of a file.

    Args:
      frames: `[D]` numbers of the frames that show somebody.
      first_frame: number of the first frame that the file speaks of.
      num_frames: number of frames that it speaks of.
      missing_frames: numbers among them that it says nothing about.
      where: the file, for the message.

    Raises:
      JaxposeError: there are too many frames for a video.
    """
    last = first_frame + num_frames - 1
    step = find_step(frames)
    # The detections lie on the grid, wherever the file itself begins.
    first = first_frame
    if len(frames):
        first += int(frames.min() - first_frame) % step
    if (last - first) // step >= MAX_FRAMES:
        raise JaxposeError(
            f"{where}: frames {first} to {last} are too many for a video; at most "
            f"{MAX_FRAMES:,} are read, so the numbers are probably no frame numbers"
        )
    numbers = np.arange(first, last + 1, step)
    return Timeline(numbers, np.isin(numbers, np.fromiter(missing_frames, int)))


def find_step(frames: np.ndarray) -> int:
    """Returns n where the numbers are those of every n-th frame of a video, else 1.

    Args:
      frames: `[D]` frame numbers, in any order.
    """
    distances = np.diff(np.unique(frames))
    if len(distances) < 4:
        return 1
    # All distances are multiples of the step, and most of them are one step.
    step = int(np.gcd.reduce(distances))
    return step if np.median(distances) == step else 1


def frames_per_sample(fps: float, rate: float) -> float:
    """Returns how many frames apart samples at `rate` are, of frames at `fps`.

    Rates that nearly differ by a whole factor count as if they did: then every n-th
    frame is a sample, or a whole number of samples per frame keeps every frame among
    them.
    """
    ratio = fps / rate
    every = max(round(ratio), 1)
    if abs(ratio / every - 1) < SAME_RATE:
        return float(every)
    per_frame = max(round(1 / ratio), 1)
    if abs(ratio * per_frame - 1) < SAME_RATE:
        return 1 / per_frame
    return ratio


def sample_positions(
    num_frames: int, fps: float, rate: float
) -> tuple[np.ndarray, ...]:
    """Returns where to sample a sequence so that a model sees it at its own rate.

    Where every n-th frame gives the rate, there are n sequences, which together hold
    every frame once. Otherwise there is one, between the frames.

    Args:
      num_frames: `F`, frames of the sequence, at least 1.
      fps: frames per second of the sequence.
      rate: frames per second that the model was trained at.

    Returns:
      per sequence `[M]` float, ascending positions in frames. They cover 0 to F - 1,
      and the last one may lie beyond.
    """
    ratio = frames_per_sample(fps, rate)
    every = round(ratio)
    if ratio == every:
        parts = []
        for phase in range(min(every, num_frames)):
            parts.append(np.arange(phase, num_frames, every, dtype=float))
        return tuple(parts)
    num_samples = int(np.ceil(round((num_frames - 1) / ratio, 9))) + 1
    return (np.arange(num_samples) * ratio,)


def sample(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Returns `[M, ...]`: values `[F, ...]` at positions in frames, linear between.

    A position beyond the last frame has the last frame's value.
    """
    last = len(values) - 1
    before = np.clip(np.floor(positions).astype(int), 0, last)
    after = np.minimum(before + 1, last)
    weight = (positions - before).reshape(-1, *[1] * (values.ndim - 1))
    # Whole positions are copies, bit for bit.
    mixed = values[before] * (1 - weight) + values[after] * weight
    sampled = np.where(weight == 0, values[before], mixed)
    return sampled.astype(values.dtype)


def back_to_frames(
    parts: Iterable[np.ndarray], positions: Iterable[np.ndarray], num_frames: int
) -> np.ndarray:
    """Returns `[F, ...]`: what `sample_positions` took apart, at the frames again.

    Args:
      parts: per sequence `[M, ...]`, the values at its positions.
      positions: what `sample_positions` returned.
      num_frames: `F`.
    """
    places, values = np.concatenate(list(positions)), np.concatenate(list(parts))
    order = np.argsort(places, kind="stable")
    # Where in the samples each frame lies: whole numbers where it is one of them.
    index = np.interp(np.arange(num_frames), places[order], np.arange(len(order)))
    nearest = np.round(index)
    index = np.where(np.abs(index - nearest) < 1e-6, nearest, index)
    return sample(values[order], index)
