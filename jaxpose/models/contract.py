"""Checks that a model keeps the contract of `LiftingModel`, before any data is read.

What a model declares is checked whenever one is built. A run that begins also traces it
in every form that the program uses, which takes seconds; nothing is computed.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxpose.body.skeletons import get_skeleton
from jaxpose.errors import JaxposeError
from jaxpose.models.base import LiftingModel

# The longest window: two minutes at 60 frames per second.
_MOST_FRAMES = 8191
# Frames that a form for sequences is asked to lift: another number than the batch.
_FRAMES = 3


@functools.lru_cache(maxsize=32)  # a program builds its model several times
def check_contract(model: LiftingModel) -> None:
    """Traces `model` in training and prediction, and checks what it returns.

    Raises:
      JaxposeError: names the model and the first point that it breaks.
    """
    variables = _check_prediction(model)
    _check_training(model, variables)
    _check_sequences(model, variables)
    _check_streams(model, variables)


def check_declarations(model: LiftingModel) -> None:
    """Raises JaxposeError unless names, sizes and fields mean something."""
    kind = type(model).__name__
    get_skeleton(model.skeleton)
    get_skeleton(model.keypoints_skeleton)
    model.check_fields()
    if model.keypoint_features not in (2, 3):
        raise JaxposeError(
            f"{kind}: keypoint_features={model.keypoint_features} must be 2 (x, y) or "
            "3 (x, y, confidence)"
        )
    # The window: how many frames, and which of them is the target.
    field, shift = model.receptive_field, model.causal_shift
    if type(field) is not int or field < 1 or field % 2 == 0:
        raise JaxposeError(
            f"{kind}: receptive_field is {field!r}, expected an odd number of frames, "
            "1 or more: a window has a middle"
        )
    if field > _MOST_FRAMES:
        hours = min(field, 10**100) / 50 / 3600  # longer ones are no floats
        raise JaxposeError(
            f"{kind}: receptive_field is {hours:.2g} hours of video at 50 frames per "
            f"second; expected at most {_MOST_FRAMES:,} frames: lower "
            "config.model.num_frames or config.model.filter_widths"
        )
    if type(shift) is not int or not 0 <= shift <= field // 2:
        raise JaxposeError(
            f"{kind}: causal_shift is {shift!r}, expected 0 to {field // 2}, half of "
            "the receptive field"
        )
    if model.needs_camera and model.lifts_sequences:
        raise JaxposeError(
            f"{kind}: lifts_sequences is True, and needs_camera too; a camera and the "
            "depth of a root belong to one window"
        )


def _check_prediction(model: LiftingModel) -> dict[str, Any]:
    """Checks one window in prediction; returns the shapes of the variables."""

    def predict(key: jax.Array) -> tuple[Any, jax.Array]:
        inputs = model.example_inputs()
        output, variables = model.init_with_output(key, *inputs, train=False)
        return variables, jnp.asarray(model.target_pose(output))

    problem = "cannot be applied to its inputs"
    variables, pose = _trace(model, problem, predict, jax.random.key(0))
    if unknown := sorted(set(variables) - {"params", "batch_stats"}):
        raise JaxposeError(
            f"{type(model).__name__} has variables in {', '.join(unknown)}; known "
            "collections: params, batch_stats"
        )
    _check_pose(model, "target_pose", pose, batch_size=1, frames=1)
    return variables


def _check_training(model: LiftingModel, variables: dict[str, Any]) -> None:
    """Checks the loss of a batch of two windows, as the train step computes it."""
    joints = get_skeleton(model.skeleton).num_joints

    def train(variables: dict[str, Any], key: jax.Array) -> tuple[jax.Array, jax.Array]:
        output, _ = model.apply(
            variables,
            *model.example_inputs(2),
            train=True,
            rngs={"dropout": key},
            mutable=["batch_stats"],
        )
        truth = jnp.ones((2, model.receptive_field, joints, 3))
        loss = model.loss(output, truth, lambda a, b: jnp.mean(a - b), jnp.int32(0))
        return jnp.asarray(model.target_pose(output)), loss

    problem = "cannot be applied to its inputs with train=True"
    pose, loss = _trace(model, problem, train, variables, jax.random.key(0))
    _check_pose(model, "target_pose with train=True", pose, batch_size=2, frames=1)
    if loss is None or loss.shape != ():
        shape = None if loss is None else list(loss.shape)
        raise JaxposeError(
            f"{type(model).__name__}: loss is {shape}, expected a scalar"
        )


def _check_sequences(model: LiftingModel, variables: dict[str, Any]) -> None:
    """Checks the form that predicts clips, with the variables of the model."""
    form = model.for_sequences()
    if form is model and not model.lifts_sequences:
        return
    frames = _FRAMES if model.lifts_sequences else 1

    def lift(variables: dict[str, Any]) -> jax.Array:
        keypoints_2d, *others = model.example_inputs(2)
        # A sequence repeats the frame of the window.
        length = frames + model.receptive_field - 1
        keypoints_2d = jnp.repeat(keypoints_2d[:, :1], length, axis=1)
        pose = form.predict_sequence(variables, (keypoints_2d, *others))
        return jnp.asarray(pose)

    problem = f"lifts_sequences is {model.lifts_sequences}, and for_sequences() fails"
    pose = _trace(model, problem, lift, variables)
    name = f"target_pose of for_sequences() for {frames} frames"
    _check_pose(model, name, pose, batch_size=2, frames=frames)


def _check_streams(model: LiftingModel, variables: dict[str, Any]) -> None:
    """Checks the form that takes one frame at a time, where there is one."""
    try:
        form = model.for_streams()
    except JaxposeError:  # most models need the frames after the target
        return
    if form is model:
        return

    def lift(variables: dict[str, Any]) -> jax.Array:
        frame = model.example_inputs(2)[0][:, :1]
        output, _ = form.apply(variables, frame, train=False, mutable=["cache"])
        return jnp.asarray(form.target_pose(output))

    pose = _trace(model, "for_streams() fails", lift, variables)
    _check_pose(model, "target_pose of for_streams()", pose, batch_size=2, frames=1)


def _trace(
    model: LiftingModel, problem: str, function: Callable[..., Any], *arguments: Any
) -> Any:
    """Returns the shapes of what `function` returns.

    Raises:
      JaxposeError: the code of the model raises; the error begins with `problem`.
    """
    try:
        return jax.eval_shape(function, *arguments)
    except JaxposeError:
        raise
    except Exception as error:  # whatever the code of a model raises
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise JaxposeError(f"{type(model).__name__} {problem}: {reason}") from error


def _check_pose(
    model: LiftingModel, name: str, pose: Any, *, batch_size: int, frames: int
) -> None:
    """Raises JaxposeError unless `pose` has the shape of poses of the model."""
    expected = [batch_size, frames, model.output_joints, 3]
    if list(pose.shape) != expected:
        raise JaxposeError(
            f"{type(model).__name__}: {name} is {list(pose.shape)}, expected {expected}"
        )
