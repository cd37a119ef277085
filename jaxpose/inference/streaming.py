"""Lifts a stream of frames: returns the pose of each frame as soon as it comes in.

A causal temporal convolution depends only on the earlier frames under its kernel. The
state of a stream holds them in one ring buffer per layer. A frame therefore passes
through the network once, and nothing is computed again. AMPose keeps the frames of its
window instead. Models of a single frame need no state.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from jaxpose.body.skeletons import get_skeleton
from jaxpose.data import windows
from jaxpose.errors import JaxposeError
from jaxpose.models.base import LiftingModel

State = dict[str, Any]


class Stream(NamedTuple):
    """The two jitted functions of a stream; `B` streams run side by side.

    Attributes:
      init: makes the state before the first frame,
        `(variables, keypoints_2d [B, J2, C]) -> state`. The argument is the first
        frame; it stands for all frames before it, as edge padding does (P.6).
      step: lifts the next frame, screen-normalised, to its root-relative pose in
        metres: `(variables, state, keypoints_2d) -> (state, positions_3d [B, J, 3])`.
        The state that goes in is consumed: its buffers become those of the new one.
    """

    init: Callable[[Any, jax.Array], State]
    step: Callable[[Any, State, jax.Array], tuple[State, jax.Array]]


def make_stream(model: LiftingModel, *, flip_average: bool = False) -> Stream:
    """Makes the stream of `model`, whose poses are those of predicting the whole clip.

    Both functions raise JaxposeError where keypoints or state do not fit the model.

    Args:
      model: causal AMPose, GAST-Net or VideoPose3D, or any model of a single frame.
      flip_average: averages with the mirrored prediction of the mirrored input (P.6);
        both pass the network as one batch.

    Raises:
      JaxposeError: the model needs frames that have not come yet.
    """
    model = model.for_streams()
    skeleton = get_skeleton(model.skeleton)
    keypoints_mirror = get_skeleton(model.keypoints_skeleton)

    def advance(
        variables: Any,
        state: State,
        keypoints: jax.Array,
    ) -> tuple[State, jax.Array]:
        if keypoints.ndim != 3:
            raise JaxposeError(
                "a stream takes one frame, keypoints_2d [batch, joints, "
                f"{model.keypoint_features}], got {list(keypoints.shape)}"
            )
        # The second half of the batch is the mirror image of the first.
        if flip_average:
            keypoints = jnp.concatenate(
                [keypoints, windows.flip(keypoints, keypoints_mirror)]
            )
        # The layers keep their ring buffers in the collection "cache".
        output, updated = model.apply(
            {**variables, "cache": state},
            keypoints[:, None],
            train=False,
            mutable=["cache"],
        )
        positions = model.target_pose(output)[:, 0]
        if flip_average:
            plain, mirrored = jnp.split(positions, 2)
            positions = (plain + windows.flip(mirrored, skeleton)) / 2
        return updated.get("cache", {}), positions

    def init(variables: Any, keypoints_2d: jax.Array) -> State:
        # With an empty state, the layers fill their buffers with this frame. Of a
        # sequence that repeats it, every layer's output repeats too.
        return advance(variables, {}, keypoints_2d)[0]

    def step(
        variables: Any,
        state: State,
        keypoints_2d: jax.Array,
    ) -> tuple[State, jax.Array]:
        # Checked while tracing: costs nothing when the compiled step runs.
        expected = _shapes(jax.eval_shape(init, variables, keypoints_2d))
        if _shapes(state) != expected:
            raise JaxposeError(
                f"the state is not one of this stream of {type(model).__name__} with a "
                f"batch of {len(keypoints_2d)}; make it with init and as many streams. "
                f"Expected {expected}, got {_shapes(state)}"
            )
        return advance(variables, state, keypoints_2d)

    return Stream(jax.jit(init), jax.jit(step, donate_argnums=1))


def _shapes(state: State) -> dict[str, str]:
    """Returns type and shape of each buffer by its path, as text for messages."""
    shapes = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(state):
        name = jax.tree_util.keystr(path)
        shapes[name] = f"{leaf.dtype}{list(leaf.shape)}"
    return shapes
