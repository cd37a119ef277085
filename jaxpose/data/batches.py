"""Batches of training windows, made inside the compiled step from data on the devices.

The order of an epoch is a list of sample numbers. A step looks up the frames of its
samples, gathers their windows, flips and centres them, so that no step waits for the
host.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from jax.sharding import Mesh

from jaxpose.body import cameras
from jaxpose.body.skeletons import get_skeleton
from jaxpose.data import augmentation, simulation, virtual_views, windows
from jaxpose.models.base import LiftingModel
from jaxpose.parallel import sharding

# The arguments of a model, and the root-relative windows that it should return.
Batch = tuple[tuple[jax.Array, ...], jax.Array]


class TrainData(NamedTuple):
    """The device-resident training data.

    Attributes:
      table: all frames.
      samples: `[S]` int32, the frames that may be targets.
    """

    table: windows.FrameTable
    samples: jax.Array | np.ndarray


def make_epoch_order(
    num_samples: int,
    steps_per_epoch: int,
    batch_size: int,
    seed: int,
    mesh: Mesh,
) -> Callable[[int], jax.Array]:
    """Makes the function `epoch -> sample numbers [steps_per_epoch * batch_size]`.

    The int32 numbers are a random permutation of the samples, or several permutations
    one after another where an epoch is longer than one pass. They depend on the seed
    and the epoch alone, so a resumed run reads the same samples.
    """
    needed = steps_per_epoch * batch_size
    # Rounded up: the last permutation may be cut off.
    passes = -(-needed // num_samples)

    def order(epoch: jax.Array) -> jax.Array:
        key = jax.random.fold_in(jax.random.key(seed), epoch)

        # One permutation per pass over the samples, cut to the epoch. The loop is part
        # of the program: compiling takes as long for a thousand passes as for one.
        def permute(key: jax.Array) -> jax.Array:
            return jax.random.permutation(key, num_samples).astype(jnp.int32)

        permutations = jax.lax.map(permute, jax.random.split(key, passes))
        return permutations.reshape(-1)[:needed]

    return jax.jit(order, out_shardings=sharding.replicated(mesh))


def make_batch_function(
    model: LiftingModel,
    config: ml_collections.ConfigDict,
    mesh: Mesh,
) -> Callable[[TrainData, jax.Array, jax.Array], Batch]:
    """Makes the input pipeline: `(data, numbers [B], key) -> (inputs, positions)`.

    The function is for use inside `jit`. A sample number of `S` or more stands for the
    flipped copy of sample `number - S`. `inputs` are the arguments of the model;
    `positions [B, T, J, 3]` are root-relative windows in the training unit. With `F`
    target frames a window has `F - 1` frames more; the sample is the middle target.
    """
    skeleton = get_skeleton(model.skeleton)
    keypoints_mirror = get_skeleton(model.keypoints_skeleton)
    length = model.receptive_field + config.target_frames - 1
    target = windows.target_index(model.receptive_field, model.causal_shift)
    target += (config.target_frames - 1) // 2
    batch_sharding = sharding.over_batch(mesh)

    def make_batch(
        data: TrainData,
        numbers: jax.Array,
        key: jax.Array,
    ) -> Batch:
        # Looks up the frames of the samples, and the windows around them.
        numbers = jax.lax.with_sharding_constraint(numbers, batch_sharding)
        flipped = numbers >= data.samples.shape[0]
        frames = data.samples[numbers % data.samples.shape[0]]
        gathered = windows.read_windows(data.table, frames, length, target)
        keypoints, positions = map(jnp.asarray, gathered)
        clips = data.table.clip_of_frame[frames]
        camera = data.table.camera[clips]
        view_key, target_key = jax.random.split(key)
        # Virtual views need the absolute positions, before centring.
        if config.simulated_detector:
            keypoints, positions = simulation.simulated_windows(
                view_key,
                data.table,
                frames,
                detector=config.simulated_detector,
                length=length,
                target=target,
                frame_rates=config.augment_frame_rate,
                bones=config.augment_bones,
            )
            keypoints = keypoints[..., : model.keypoint_features]
        elif config.augment_rotation or config.augment_bones:
            keypoints, positions = virtual_views.random_views(
                view_key,
                positions,
                camera,
                data.table.up[clips],
                skeleton,
                rotation=config.augment_rotation,
                bones=config.augment_bones,
            )
        # Refinement needs the depth of the root, which centring removes.
        root_depth = positions[:, target, skeleton.root, 2]
        centred = windows.root_centre(positions, skeleton.root) * config.target_scale
        positions = jnp.asarray(windows.flip_where(flipped, centred, skeleton))
        keypoints = jnp.asarray(
            windows.flip_where(flipped, keypoints, keypoints_mirror)
        )
        # GLA-GCN moves the targets alone; the input stays.
        if config.augment_target:
            positions = augmentation.random_move_in_image_plane(target_key, positions)
        if not model.needs_camera:
            return (keypoints,), positions
        # A flipped sample is seen by the mirrored camera.
        camera = jnp.where(flipped[:, None], cameras.flip_camera(camera), camera)
        return (keypoints, camera, root_depth), positions

    return make_batch
