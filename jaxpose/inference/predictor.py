"""Prediction of clips: one pass where a model has a form for whole sequences, else a window a frame.

The dilated networks compute every layer once a frame, PoseFormer and CrossFormer their spatial
blocks. Clips are cut into chunks of one length, and a chunk reads the frames that its targets
see, repeating the edge frames of its clip (protocol P.6). So every clip fits one compiled program
of bounded memory. The models of windows have chunks of one frame: the same program.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from jaxpose.body import cameras
from jaxpose.body.skeletons import get_skeleton
from jaxpose.data import windows
from jaxpose.data.clips import Clips
from jaxpose.errors import JaxposeError
from jaxpose.models.base import LiftingModel
from jaxpose.parallel import sharding


class Predictor:
    """Predicts frames of one set of clips, which stays on the device; compiles once.

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
        """Puts `clips` on the device.

        Args:
          model: a module of `jaxpose.models` in any form; the parameters of all forms are the same.
          clips: the clips.
          flip_average: averages with the mirrored prediction of the mirrored input (P.6).
          batch_size: frames predicted together at most; a multiple of the devices.
          mesh: the devices, which share a batch.
        """
        sharding.check_batch_size("batch_size", batch_size, mesh)
        self._mesh = mesh
        self._clips = clips
        table = windows.frame_table(clips)
        if not model.needs_camera:
            table = table._replace(
                positions_3d=None
            )  # only refinement reads the truth: spares the memory
        self._table = sharding.put_replicated(table, mesh)
        lengths = np.array([clip.length for clip in clips.index])
        self.chunk_length = 1
        if mesh.devices.flat[0].platform == "cpu":
            batch_size = model.cpu_batch_size(batch_size // mesh.size) * mesh.size
        if model.lifts_sequences:
            self.chunk_length = cheapest_chunk(
                lengths, model.receptive_field, batch_size // mesh.size
            )
        chunks = int(_num_chunks(lengths, self.chunk_length).sum())
        # Small sets must not be padded up to a batch many times their size.
        per_device = min(
            batch_size // (self.chunk_length * mesh.size), -(-chunks // mesh.size)
        )
        self.chunks_per_batch = per_device * mesh.size
        self._predict = make_predict(
            model,
            clips.keypoints_skeleton,
            flip_average,
            mesh,
            chunk_length=self.chunk_length,
        )

    def __call__(self, variables: Any, frames: np.ndarray) -> np.ndarray:
        """Root-relative positions `[M, J, 3]`, metres, of `frames [M]`, rows of the clips in any order.

        Raises:
          JaxposeError: no frames, or not all of them are frames of the clips.
        """
        frames = np.asarray(frames)
        if (
            not len(frames)
            or frames.min() < 0
            or frames.max() >= self._clips.num_frames
        ):
            raise JaxposeError(
                f"data set {self._clips.dataset!r} has frames 0 to {self._clips.num_frames - 1}; asked to "
                f"predict {len(frames)}"
                + (f" from {frames.min()} to {frames.max()}" if len(frames) else "")
            )
        clip_start = np.array([clip.start for clip in self._clips.index])[
            self._clips.clip_of_frame[frames]
        ]
        starts = frames - (frames - clip_start) % self.chunk_length
        chunks, chunk_of_frame = np.unique(starts, return_inverse=True)
        batches = []
        for i in range(0, len(chunks), self.chunks_per_batch):
            batch = chunks[i : i + self.chunks_per_batch]
            # The last batch is filled up, so that nothing compiles twice.
            filled = np.pad(
                batch, (0, self.chunks_per_batch - len(batch)), mode="edge"
            ).astype(np.int32)
            predicted = self._predict(
                variables, self._table, sharding.put_replicated(filled, self._mesh)
            )
            batches.append(predicted[: len(batch)])
        positions = np.concatenate([np.asarray(batch) for batch in batches])
        return positions[chunk_of_frame, frames - starts]


def cheapest_chunk(lengths: np.ndarray, receptive_field: int, longest: int) -> int:
    """The chunk length, at most `longest`, that covers clips of `lengths` with the fewest frames read.

    A chunk of `L` targets reads `L + receptive_field - 1` frames: short chunks overlap more, and
    long ones reach farther beyond the ends of the clips.
    """

    def frames_read(length: int) -> int:
        return int(_num_chunks(lengths, length).sum()) * (length + receptive_field - 1)

    return min(range(1, min(longest, int(lengths.max())) + 1), key=frames_read)


def _num_chunks(lengths: np.ndarray, chunk_length: int) -> np.ndarray:
    return -(-lengths // chunk_length)


def make_predict(
    model: LiftingModel,
    keypoints_skeleton: str,
    flip_average: bool,
    mesh: Mesh,
    *,
    chunk_length: int,
) -> Callable[[Any, windows.FrameTable, jax.Array], jax.Array]:
    """A jitted `(variables, table, first [B]) -> positions [B, chunk_length, J, 3]`, root-relative metres.

    `first` are the first frames of the chunks; more than one frame is for models with a form for
    whole sequences. Positions beyond the end of a clip mean nothing. With `flip_average` the prediction is
    the mean of the plain one and the mirrored one of the mirrored input (protocol P.6).
    """
    skeleton, keypoints_mirror = (
        get_skeleton(model.skeleton),
        get_skeleton(keypoints_skeleton),
    )
    model = model.for_sequences()
    target = windows.target_index(model.receptive_field, model.causal_shift)
    frames_read = chunk_length + model.receptive_field - 1

    def predict(
        variables: Any, table: windows.FrameTable, first: jax.Array
    ) -> jax.Array:
        first = jax.lax.with_sharding_constraint(first, sharding.over_batch(mesh))
        clips = table.clip_of_frame[first]
        bounds = table.clip_start[clips], table.clip_end[clips]
        keypoints = table.keypoints_2d[
            windows.window_rows(first - target, frames_read, *bounds)
        ]
        camera = table.camera[clips]

        def lift(keypoints: jax.Array, camera: jax.Array) -> jax.Array:
            if not model.needs_camera:
                return model.predict_sequence(variables, keypoints)
            root_depth = table.positions_3d[first, skeleton.root, 2]
            return model.predict_sequence(variables, (keypoints, camera, root_depth))

        positions = lift(keypoints, camera)
        if flip_average:
            mirrored = lift(
                windows.flip(keypoints, keypoints_mirror), cameras.flip_camera(camera)
            )
            positions = (positions + windows.flip(mirrored, skeleton)) / 2
        return positions

    everywhere = sharding.replicated(mesh)
    return jax.jit(predict, in_shardings=everywhere, out_shardings=everywhere)
