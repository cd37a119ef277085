"""Predicts poses of clips and of arrays, many frames in one pass where possible.

Models that lift sequences compute the layers that neighbouring windows share only once.
Clips are cut into chunks of one length. A chunk reads all frames that its targets
depend on, and repeats the edge frames of its clip (P.6). Other models read one window
per target: their chunks are one frame long, and the program is the same.

A `Predictor` lifts frames of clips that stay on the devices, as evaluation needs during
training. A `SequenceLifter` lifts arrays of any length.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from jaxpose.body import cameras
from jaxpose.body.skeletons import get_skeleton
from jaxpose.data import windows
from jaxpose.data.clips import Clips
from jaxpose.errors import JaxposeError
from jaxpose.models.base import LiftingModel
from jaxpose.parallel import sharding

# Positions with flip averaging and plain ones; see `make_lift`.
Predictions = tuple[jax.Array, jax.Array]

# Frames that a `SequenceLifter` lifts per call: one compiled program per length.
LADDER = (16, 64, 256, 1024)


class Predictor:
    """Predicts frames of one set of clips, which stays on the devices; compiles once.

    Attributes:
      chunk_length: `L`, frames that are predicted in one pass.
      chunks_per_batch: chunks that are predicted together.
    """

    def __init__(
        self,
        model: LiftingModel,
        clips: Clips,
        *,
        flip_average: bool = False,
        batch_size: int,
        mesh: Mesh,
    ):
        """Puts `clips` on the devices.

        Args:
          model: a lifting model; all its forms have the same variables.
          clips: the clips.
          flip_average: averages with the mirrored prediction of the mirrored input
            (P.6).
          batch_size: most frames that are predicted together; a multiple of the
            devices.
          mesh: the devices, which share a batch.

        Raises:
          JaxposeError: the batch does not split over the devices.
        """
        sharding.check_batch_size("batch_size", batch_size, mesh)
        self._mesh = mesh
        self._dataset = clips.dataset
        self._num_frames = clips.num_frames
        starts = np.array([clip.start for clip in clips.index])
        self._clip_start_of_frame = starts[clips.clip_of_frame]
        table = windows.frame_table(clips, model.keypoint_features)
        # Only a model with a camera reads the ground truth, for the depth of the root.
        if not model.needs_camera:
            table = table._replace(positions_3d=table.positions_3d[:0])
        self._table = sharding.put_replicated(table, mesh)

        # Sequences are cut into chunks that a device lifts in one pass.
        frames_per_device = _fitting_frames(model, batch_size, mesh) // mesh.size
        lengths = np.array([clip.length for clip in clips.index])
        self.chunk_length = 1
        if model.lifts_sequences:
            self.chunk_length = cheapest_chunk(
                lengths, model.receptive_field, frames_per_device
            )
        # A small set must not be padded to a batch of many times its size.
        num_chunks = int(_num_chunks(lengths, self.chunk_length).sum())
        fitting = frames_per_device // self.chunk_length
        needed = -(-num_chunks // mesh.size)
        chunks_per_device = min(fitting, needed)
        self.chunks_per_batch = chunks_per_device * mesh.size
        self._predict = make_predict(
            model, flip_average, mesh, chunk_length=self.chunk_length
        )

    def __call__(self, variables: Any, frame_numbers: np.ndarray) -> np.ndarray:
        """Predicts frames of the clips.

        Args:
          variables: weights of the model.
          frame_numbers: `[M]` int, rows of the clips' arrays in any order.

        Returns:
          Root-relative positions `[M, J, 3]`, metres, camera frame.

        Raises:
          JaxposeError: no frames, or not all of them are frames of the clips.
        """
        (positions,) = self._predictions(variables, frame_numbers, 1)
        return positions

    def with_plain(
        self, variables: Any, frame_numbers: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Predicts frames of the clips, with flip averaging and without.

        Arguments and errors are those of a call.

        Returns:
          What a call returns, and the plain prediction, which is computed on the way.
          Both are the same unless the predictor averages.
        """
        averaged, plain = self._predictions(variables, frame_numbers, 2)
        return averaged, plain

    def _predictions(
        self, variables: Any, frame_numbers: np.ndarray, count: int
    ) -> list[np.ndarray]:
        """Returns the first `count` outputs of the program, each `[M, J, 3]`."""
        frame_numbers = np.asarray(frame_numbers)
        self._check(frame_numbers)
        # Finds the chunks that hold the frames; they begin at the first of each clip.
        offsets = frame_numbers - self._clip_start_of_frame[frame_numbers]
        starts = frame_numbers - offsets % self.chunk_length
        chunks, chunk_of_frame = np.unique(starts, return_inverse=True)
        batches = []
        for first in range(0, len(chunks), self.chunks_per_batch):
            batch = chunks[first : first + self.chunks_per_batch]
            # Fills the last batch up to the size of the others, which is compiled.
            missing = self.chunks_per_batch - len(batch)
            filled = np.pad(batch, (0, missing), mode="edge").astype(np.int32)
            filled = sharding.put_replicated(filled, self._mesh)
            outputs = self._predict(variables, self._table, filled)
            batches.append([output[: len(batch)] for output in outputs[:count]])
        # Waits for the results only now, so that batches are dispatched without a gap.
        found = []
        for parts in zip(*batches, strict=True):
            positions = np.concatenate([np.asarray(part) for part in parts])
            found.append(positions[chunk_of_frame, frame_numbers - starts])
        return found

    def _check(self, frame_numbers: np.ndarray) -> None:
        """Raises JaxposeError unless the frames, at least one, are in the clips."""
        asked = f"asked to predict {len(frame_numbers)}"
        if len(frame_numbers):
            first, last = frame_numbers.min(), frame_numbers.max()
            if first >= 0 and last < self._num_frames:
                return
            asked = f"{asked} from {first} to {last}"
        raise JaxposeError(
            f"data set {self._dataset!r} has frames 0 to {self._num_frames - 1}; "
            f"{asked}"
        )


class SequenceLifter:
    """Lifts arrays of consecutive frames; arrays of all lengths share few programs.

    An array is lifted in parts of one length of `ladder`, the one that reads the fewest
    frames. The last part is padded by repeating its edge frame.

    Attributes:
      ladder: the lengths, ascending: those of `LADDER` up to the batch size. Each
        compiles once.
    """

    def __init__(
        self,
        model: LiftingModel,
        *,
        flip_average: bool = False,
        batch_size: int,
        mesh: Mesh,
    ):
        """Prepares the program; it compiles on the first array of each length.

        The arguments are those of `Predictor`.
        """
        sharding.check_batch_size("batch_size", batch_size, mesh)
        self._model = model
        most = _fitting_frames(model, batch_size, mesh)
        # Lengths are multiples of the devices and fit into memory.
        ladder = set()
        for length in LADDER:
            divisible = -(-length // mesh.size) * mesh.size
            ladder.add(min(divisible, most))
        self.ladder = tuple(sorted(ladder))
        self._lift = _make_lift_part(model, flip_average, mesh)

    def __call__(self, variables: Any, keypoints_2d: np.ndarray) -> np.ndarray:
        """Lifts every frame of `keypoints_2d [F, J2, C]`, screen-normalised.

        Returns:
          Root-relative positions `[F, J, 3]`, metres, camera frame.
        """
        num_frames = len(keypoints_2d)
        receptive_field = self._model.receptive_field
        target = windows.target_index(receptive_field, self._model.causal_shift)
        length = self._cheapest_length(num_frames)
        parts = []
        for start in range(0, num_frames, length):
            # Reads the frames around the part too; edge frames are repeated (P.6).
            frames_read = length + receptive_field - 1
            rows = np.arange(frames_read) + start - target
            part = keypoints_2d[np.clip(rows, 0, num_frames - 1)]
            parts.append(self._lift(variables, part))
        positions = np.concatenate([np.asarray(part) for part in parts])
        return positions[:num_frames]

    def _cheapest_length(self, num_frames: int) -> int:
        """Returns the length of `ladder` whose parts read the fewest frames."""

        def frames_read(length: int) -> int:
            num_parts = -(-num_frames // length)
            return num_parts * (length + self._model.receptive_field - 1)

        return min(self.ladder, key=frames_read)


def _fitting_frames(model: LiftingModel, batch_size: int, mesh: Mesh) -> int:
    """Returns how many frames, at most `batch_size`, the devices lift together."""
    if mesh.devices.flat[0].platform != "cpu":
        return batch_size
    # On a CPU a model may be faster in smaller batches.
    per_device = model.cpu_batch_size(batch_size // mesh.size)
    return per_device * mesh.size


def cheapest_chunk(lengths: np.ndarray, receptive_field: int, longest: int) -> int:
    """Chooses the chunk length that covers clips with the fewest frames read.

    A chunk of `L` targets reads `L + receptive_field - 1` frames: short chunks overlap
    more, and long ones reach farther beyond the ends of the clips.

    Args:
      lengths: `[clips]`, frames of each clip.
      receptive_field: frames that one pose depends on.
      longest: longest chunk allowed.
    """

    def frames_read(length: int) -> int:
        num_chunks = int(_num_chunks(lengths, length).sum())
        return num_chunks * (length + receptive_field - 1)

    # No chunk needs to be longer than the longest clip.
    longest = min(longest, int(lengths.max()))
    return min(range(1, longest + 1), key=frames_read)


def _num_chunks(lengths: np.ndarray, chunk_length: int) -> np.ndarray:
    """Returns the number of chunks that cover each clip, `[clips]`."""
    return -(-lengths // chunk_length)


def make_predict(
    model: LiftingModel, flip_average: bool, mesh: Mesh, *, chunk_length: int
) -> Callable[[Any, windows.FrameTable, jax.Array], Predictions]:
    """Returns the jitted function that predicts chunks of a table of frames.

    It is `(variables, table, first [B]) -> (positions, plain)`, both
    `[B, chunk_length, J, 3]`, root-relative metres; `first` are the first frames of the
    chunks. Positions beyond the end of a clip mean nothing.

    Args:
      model: a lifting model; one that lifts no sequences needs chunks of one frame.
      flip_average: averages with the mirrored prediction of the mirrored input (P.6).
      mesh: the devices.
      chunk_length: consecutive frames per chunk.
    """
    root = get_skeleton(model.skeleton).root
    target = windows.target_index(model.receptive_field, model.causal_shift)
    frames_read = chunk_length + model.receptive_field - 1
    lift = make_lift(model, flip_average)

    def predict(
        variables: Any, table: windows.FrameTable, first: jax.Array
    ) -> Predictions:
        # Each device gathers and lifts its share of the chunks.
        first = jax.lax.with_sharding_constraint(first, sharding.over_batch(mesh))
        clips = table.clip_of_frame[first]
        rows = windows.window_rows(
            first - target,
            frames_read,
            table.clip_start[clips],
            table.clip_end[clips],
        )
        keypoints_2d = table.keypoints_2d[rows]
        if not model.needs_camera:
            return lift(variables, (keypoints_2d,))
        root_depth = table.positions_3d[first, root, 2]
        return lift(variables, (keypoints_2d, table.camera[clips], root_depth))

    everywhere = sharding.replicated(mesh)
    return jax.jit(predict, in_shardings=everywhere, out_shardings=everywhere)


def _make_lift_part(
    model: LiftingModel, flip_average: bool, mesh: Mesh
) -> Callable[[Any, np.ndarray], jax.Array]:
    """Returns the jitted function that lifts consecutive frames.

    It is `(variables, keypoints_2d [L + T - 1, J2, C]) -> positions [L, J, 3]`,
    root-relative metres; `L` is a multiple of the devices.
    """
    lift = make_lift(model, flip_average)

    def lift_part(variables: Any, keypoints_2d: jax.Array) -> jax.Array:
        num_frames = len(keypoints_2d) - model.receptive_field + 1
        # Each device lifts its share in one pass, or as windows of one target.
        num_chunks = mesh.size if model.lifts_sequences else num_frames
        chunk_length = num_frames // num_chunks
        first = jnp.arange(num_chunks) * chunk_length
        first = jax.lax.with_sharding_constraint(first, sharding.over_batch(mesh))
        # Neighbouring chunks read some frames both.
        read = jnp.arange(chunk_length + model.receptive_field - 1)
        chunks = keypoints_2d[first[:, None] + read[None, :]]
        positions, _ = lift(variables, (chunks,))
        return positions.reshape(num_frames, *positions.shape[2:])

    everywhere = sharding.replicated(mesh)
    return jax.jit(lift_part, in_shardings=everywhere, out_shardings=everywhere)


def make_lift(
    model: LiftingModel, flip_average: bool
) -> Callable[[Any, tuple[Any, ...]], Predictions]:
    """Returns `(variables, inputs) -> (positions, plain)`, root-relative metres.

    Both are `[B, F, J, 3]`; the inputs are those of the model's form for sequences.
    `plain` is the prediction of the input. With `flip_average` the positions are its
    mean with the prediction of the mirrored input, mirrored back (P.6); without they
    are the same.
    """
    skeleton = get_skeleton(model.skeleton)
    keypoints_skeleton = get_skeleton(model.keypoints_skeleton)
    for_sequences = model.for_sequences()

    def lift(variables: Any, inputs: tuple[Any, ...]) -> Predictions:
        positions = for_sequences.predict_sequence(variables, inputs)
        if not flip_average:
            return positions, positions
        # Mirrors the scene: keypoints and camera; the depth of the root is the same.
        keypoints_2d, *camera_and_depth = inputs
        inputs = (windows.flip(keypoints_2d, keypoints_skeleton),)
        if model.needs_camera:
            camera, root_depth = camera_and_depth
            inputs += (cameras.flip_camera(camera), root_depth)
        mirrored = for_sequences.predict_sequence(variables, inputs)
        return (positions + windows.flip(mirrored, skeleton)) / 2, positions

    return lift
