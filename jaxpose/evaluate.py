"""Scores of a model on clips, with the protocol they were measured under."""

from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import numpy as np
from jax.sharding import Mesh
from rich.console import Console
from rich.table import Table

from jaxpose import metrics, sharding, windows
from jaxpose.clips import Clips
from jaxpose.errors import JaxposeError
from jaxpose.skeletons import get_skeleton

MILLIMETRES = 1000.0
METRICS = ("mpjpe", "p_mpjpe", "n_mpjpe", "mpjve")

Predict = Callable[[Any, windows.FrameTable, jax.Array], jax.Array]


def make_predict(
    model: nn.Module, keypoints_skeleton: str, target_scale: float, flip_average: bool, mesh: Mesh
) -> Predict:
    """A jitted `(variables, table, frames [B]) -> positions [B, J, 3]`, root-relative metres.

    With `flip_average` the prediction is the mean of the plain one and the mirrored one of the
    mirrored input (protocol P.6).
    """
    skeleton, keypoints_mirror = get_skeleton(model.skeleton), get_skeleton(keypoints_skeleton)

    def predict(variables: Any, table: windows.FrameTable, frames: jax.Array) -> jax.Array:
        frames = jax.lax.with_sharding_constraint(frames, sharding.over_batch(mesh))
        keypoints, _ = windows.gather_windows(table, frames, model.receptive_field, model.causal_shift)

        def centre(inputs: jax.Array) -> jax.Array:
            output = model.apply(variables, inputs, train=False)
            return (output[0] if isinstance(output, tuple) else output)[:, 0]

        positions = centre(keypoints)
        if flip_average:
            mirrored = centre(windows.flip(keypoints, keypoints_mirror))
            positions = (positions + windows.flip(mirrored, skeleton)) / 2
        return positions / target_scale

    everywhere = sharding.replicated(mesh)
    return jax.jit(predict, in_shardings=everywhere, out_shardings=everywhere)


def predict_frames(
    predict: Predict,
    variables: Any,
    table: windows.FrameTable,
    frames: np.ndarray,
    batch_size: int,
    mesh: Mesh,
) -> np.ndarray:
    """Predicts `frames [M]` in equal batches; the last one is padded, so nothing compiles twice."""
    batches = []
    for start in range(0, len(frames), batch_size):
        batch = frames[start : start + batch_size]
        padded = np.pad(batch, (0, batch_size - len(batch)), mode="edge").astype(np.int32)
        predicted = predict(variables, table, sharding.put_replicated(padded, mesh))
        batches.append(predicted[: len(batch)])
    return np.concatenate([np.asarray(batch) for batch in batches])


def root_relative(clips: Clips, frames: np.ndarray) -> np.ndarray:
    """Targets of `frames`: `[M, J, 3]` metres, the root's row zero (protocol P.3)."""
    positions = clips.positions_3d[frames]
    root = get_skeleton(clips.skeleton).root
    return positions - positions[:, root : root + 1]


def scored_frames(clips: Clips) -> np.ndarray:
    """Frames that are valid and have a 3D truth, `[M]` int32.

    Raises:
      JaxposeError: there is none.
    """
    has_truth = np.isfinite(clips.positions_3d).all(axis=(1, 2))
    frames = np.flatnonzero(clips.valid & has_truth).astype(np.int32)
    if not len(frames):
        raise JaxposeError(
            f"data set {clips.dataset!r}: no valid frame with 3D positions among the chosen subjects"
        )
    return frames


_PER_POSE = {
    "mpjpe": jax.jit(metrics.mpjpe_per_pose),
    "p_mpjpe": jax.jit(metrics.p_mpjpe_per_pose),
    "n_mpjpe": jax.jit(metrics.n_mpjpe_per_pose),
}


def score(
    predicted: np.ndarray, clips: Clips, frames: np.ndarray, names: Sequence[str] = METRICS
) -> dict[str, Any]:
    """Errors of `predicted [M, J, 3]` (root-relative metres) at `frames`, in millimetres.

    The published numbers (`mpjpe`, `p_mpjpe`, `n_mpjpe`, `mpjve`) are unweighted means over
    actions of frame-weighted means; `frame_*` are the flat means over frames (protocol P.3).
    `mpjve` is per frame interval, over neighbouring frames of a clip. A number that no frame
    counts towards is None.
    """
    target = root_relative(clips, frames)
    clip_of_frame = clips.clip_of_frame[frames]
    action_names = tuple(dict.fromkeys(clip.action for clip in clips.clips))
    action_of_clip = np.array([action_names.index(clip.action) for clip in clips.clips])
    actions = action_of_clip[clip_of_frame]
    counts = np.bincount(actions, minlength=len(action_names))
    present = [(i, action) for i, action in enumerate(action_names) if counts[i]]

    results: dict[str, Any] = {"frames": len(frames)}
    per_action: dict[str, dict[str, Any]] = {action: {"frames": int(counts[i])} for i, action in present}
    for name in names:
        if name == "mpjve":
            errors = (
                np.asarray(metrics.velocity_errors(predicted, target)) if len(frames) > 1 else np.zeros(0)
            )
            counted = (np.diff(frames) == 1) & (np.diff(clip_of_frame) == 0)
            groups = actions[:-1]
        else:
            errors = np.asarray(_PER_POSE[name](predicted, target))
            counted, groups = np.ones(len(frames), bool), actions
        if not counted.any():
            results[name] = results[f"frame_{name}"] = None
            continue
        millimetres = errors[counted].astype(np.float64) * MILLIMETRES
        average = metrics.group_average(
            metrics.Sums(
                np.bincount(groups[counted], millimetres, len(action_names)),
                np.bincount(groups[counted], minlength=len(action_names)),
            )
        )
        results[name], results[f"frame_{name}"] = average.average, average.frame_mean
        for i, action in present:
            value = average.per_group[i]
            per_action[action][name] = None if np.isnan(value) else float(value)
    results["per_action"] = per_action
    return results


def mean_pose(train: Clips) -> np.ndarray:
    """The mean root-relative training pose `[J, 3]`, metres."""
    return root_relative(train, scored_frames(train)).mean(axis=0, dtype=np.float64).astype(np.float32)


def fit_ridge(train: Clips, penalty: float = 1.0) -> Callable[[np.ndarray], np.ndarray]:
    """Ridge regression from one frame's 2D joints and a constant to the root-relative pose.

    `penalty` is on the squared weights and spares the constant (scikit-learn's convention and
    default). Returns `keypoints [M, J2, 2] -> [M, J, 3]`.
    """

    def features(keypoints: np.ndarray) -> np.ndarray:
        flat = keypoints.reshape(len(keypoints), -1).astype(np.float64)
        return np.concatenate([flat, np.ones((len(flat), 1))], axis=1)

    frames = scored_frames(train)
    gram, moment = 0.0, 0.0
    for part in np.array_split(frames, max(1, len(frames) // 100_000)):
        x, y = features(train.keypoints_2d[part]), root_relative(train, part).reshape(len(part), -1)
        gram, moment = gram + x.T @ x, moment + x.T @ y
    ridge = penalty * np.eye(len(gram))
    ridge[-1, -1] = 0.0
    weights = np.linalg.solve(gram + ridge, moment)
    joints = train.positions_3d.shape[1]
    return lambda keypoints: (features(keypoints) @ weights).reshape(-1, joints, 3).astype(np.float32)


def baselines(train: Clips, test: Clips) -> dict[str, float]:
    """Errors of the mean training pose and of a ridge regression on the test clips, for scale."""
    frames = scored_frames(test)
    constant = np.broadcast_to(mean_pose(train), (len(frames), *test.positions_3d.shape[1:]))
    linear = fit_ridge(train)(test.keypoints_2d[frames])
    return {
        "mean_pose_mpjpe": score(constant, test, frames, ["mpjpe"])["mpjpe"],
        "linear_mpjpe": score(linear, test, frames, ["mpjpe"])["mpjpe"],
    }


def print_results(results: dict[str, Any], title: str) -> None:
    """Prints the scores as a table: one row an action, then the averages and what they mean."""
    table = Table("action", *METRICS, "frames", title=title, caption="millimetres; mpjve per frame interval")
    for column in table.columns[1:]:
        column.justify = "right"

    def cells(values: dict[str, float | None], prefix: str = "") -> list[str]:
        numbers = [values.get(prefix + name) for name in METRICS]
        return ["-" if number is None else f"{number:.1f}" for number in numbers]

    for action, values in results["per_action"].items():
        table.add_row(action, *cells(values), str(values["frames"]))
    table.add_section()
    table.add_row("mean over actions", *cells(results), str(results["frames"]), style="bold")
    table.add_row("mean over frames", *cells(results, "frame_"), str(results["frames"]))
    table.add_row("mean training pose", f"{results['mean_pose_mpjpe']:.1f}", *[""] * 4)
    table.add_row("ridge regression", f"{results['linear_mpjpe']:.1f}", *[""] * 4)
    console = Console()
    console.print(table)
    console.print("; ".join(f"{name}: {_plain(value)}" for name, value in results["protocol"].items()))


def _plain(value: Any) -> str:
    return (
        ", ".join(map(str, value))
        if isinstance(value, Sequence) and not isinstance(value, str)
        else str(value)
    )
