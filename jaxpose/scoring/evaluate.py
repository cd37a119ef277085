"""Scores of a model on clips, with the protocol they were measured under."""

from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import ml_collections
import numpy as np
from jax.sharding import Mesh
from rich.console import Console
from rich.table import Table

from jaxpose import metrics
from jaxpose.body.skeletons import get_skeleton
from jaxpose.data import windows
from jaxpose.data.clips import Clips
from jaxpose.datasets import protocol_of
from jaxpose.errors import JaxposeError
from jaxpose.inference import predictor

MILLIMETRES = 1000.0
METRICS = ("mpjpe", "p_mpjpe", "n_mpjpe", "mpjve")


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


def compared_positions(
    predicted: np.ndarray, clips: Clips, frames: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Prediction and truth at `frames` as the protocol of the data set compares them, `[M, J, 3]` metres.

    On MPI-INF-3DHP the predicted root becomes 0 (P.5). Clips in image space are compared in metres
    where they have a scale, each relative to its root; elsewhere in their own unit.
    """
    target = root_relative(clips, frames)
    root = get_skeleton(clips.skeleton).root
    if (
        clips.metres_per_unit is not None
        and np.isfinite(clips.metres_per_unit[frames]).all()
    ):
        scale = clips.metres_per_unit[frames, None, None]
        target = windows.root_centre(clips.metric_positions_3d[frames], root)
        return windows.root_centre(predicted * scale, root), target
    return protocol_of(clips.dataset).compared(predicted, root), target


def score(
    predicted: np.ndarray,
    clips: Clips,
    frames: np.ndarray,
    names: Sequence[str] = METRICS,
) -> dict[str, Any]:
    """Errors of `predicted [M, J, 3]` (root-relative, what the model gives) at `frames`, in millimetres.

    `mpjpe`, `p_mpjpe`, `n_mpjpe` and `mpjve` are unweighted means over actions of frame-weighted
    means; `frame_*` are the flat means over frames (protocol P.3). `mpjve` is per frame interval,
    over neighbouring frames of a clip. A number that no frame counts towards is None. `published`
    holds the tables of benchmarks that have others (`Protocol.published_scores`).
    """
    predicted, target = compared_positions(predicted, clips, frames)
    clip_of_frame = clips.clip_of_frame[frames]
    action_names = tuple(dict.fromkeys(clip.action for clip in clips.index))
    action_of_clip = np.array([action_names.index(clip.action) for clip in clips.index])
    actions = action_of_clip[clip_of_frame]
    counts = np.bincount(actions, minlength=len(action_names))
    present = [(i, action) for i, action in enumerate(action_names) if counts[i]]

    results: dict[str, Any] = {"frames": len(frames)}
    per_action: dict[str, dict[str, Any]] = {
        action: {"frames": int(counts[i])} for i, action in present
    }
    for name in names:
        if name == "mpjve":
            errors = (
                np.asarray(metrics.velocity_errors(predicted, target))
                if len(frames) > 1
                else np.zeros(0)
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
            np.bincount(groups[counted], millimetres, len(action_names)),
            np.bincount(groups[counted], minlength=len(action_names)),
        )
        results[name], results[f"frame_{name}"] = average.average, average.frame_mean
        for i, action in present:
            value = average.per_group[i]
            per_action[action][name] = None if np.isnan(value) else float(value)
    results["per_action"] = per_action
    protocol = protocol_of(clips.dataset)
    if published := protocol.published_scores(predicted, target, clips, frames):
        results["published"] = published
    return results


class Evaluator:
    """Scores variables on one set of clips; the clips stay on the device."""

    def __init__(
        self,
        model: nn.Module,
        config: ml_collections.ConfigDict,
        clips: Clips,
        mesh: Mesh,
    ):
        """Puts `clips` on the device."""
        self.clips = clips
        self.frames = scored_frames(clips)
        self._predictor = predictor.Predictor(
            model,
            clips,
            flip_average=config.flip_average,
            batch_size=config.eval_batch_size,
            mesh=mesh,
        )

    def predict(self, variables: Any, frames: np.ndarray | None = None) -> np.ndarray:
        """Root-relative positions `[M, J, 3]`, metres, of `frames` (default: all scored ones)."""
        return self._predictor(variables, self.frames if frames is None else frames)

    def score(self, variables: Any) -> dict[str, Any]:
        """All metrics, millimetres."""
        return score(self.predict(variables), self.clips, self.frames)


def mean_pose(train: Clips) -> np.ndarray:
    """The mean root-relative training pose `[J, 3]`, metres."""
    return (
        root_relative(train, scored_frames(train))
        .mean(axis=0, dtype=np.float64)
        .astype(np.float32)
    )


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
        x, y = (
            features(train.keypoints_2d[part]),
            root_relative(train, part).reshape(len(part), -1),
        )
        gram, moment = gram + x.T @ x, moment + x.T @ y
    ridge = penalty * np.eye(len(gram))
    ridge[-1, -1] = 0.0
    weights = np.linalg.solve(gram + ridge, moment)
    joints = train.positions_3d.shape[1]
    return lambda keypoints: (
        (features(keypoints) @ weights).reshape(-1, joints, 3).astype(np.float32)
    )


def baselines(train: Clips | None, test: Clips) -> dict[str, float | None]:
    """Errors of the mean training pose and of a ridge regression on the test clips, for scale.

    None where there is no training data, or where it has other joints than the test clips.
    """
    names = ("mean_pose_mpjpe", "linear_mpjpe")
    same = ("skeleton", "keypoints_skeleton")
    if train is None or any(
        getattr(train, field) != getattr(test, field) for field in same
    ):
        return dict.fromkeys(names)
    frames = scored_frames(test)
    constant = np.broadcast_to(
        mean_pose(train), (len(frames), *test.positions_3d.shape[1:])
    )
    linear = fit_ridge(train)(test.keypoints_2d[frames])
    errors = (
        score(predicted, test, frames, ["mpjpe"])["mpjpe"]
        for predicted in (constant, linear)
    )
    return dict(zip(names, errors, strict=True))


def protocol_fields(
    config: ml_collections.ConfigDict,
    trained: ml_collections.ConfigDict,
    model: nn.Module,
    train: Clips | None,
    test: Clips,
) -> dict[str, Any]:
    """What a score was measured under; printed beside it (the numbers do not compare without).

    `config` is that of the evaluation, `trained` that of the run; in training they are one.
    """
    if trained.select_on_test:
        selected = "best on the test subjects"
    elif trained.dataset.validation_subjects:
        selected = f"best on held-out {', '.join(trained.dataset.validation_subjects)}"
    else:
        selected = "last"
    subjects = trained.dataset.train_subjects if train is None else train.subjects
    return {
        "dataset": test.dataset,
        "keypoints_source": test.keypoints_source,
        "joints": test.skeleton,
        "trained_on": trained.dataset.name,
        "train_subjects": list(subjects),
        "test_subjects": list(test.subjects),
        "test_frames": "all frames" if test.valid.all() else "valid frames",
        "receptive_field": model.receptive_field,
        "frame_stride": config.dataset.frame_stride,
        "flip_average": config.flip_average,
        "refinement": "with the true root depth" if config.refinement else "none",
        "checkpoint": selected,
        "average": "unweighted over actions of frame-weighted means",
        "alignment": "root",
        "precision": config.precision,
        **protocol_of(test.dataset).describe_scores(test),
    }


def print_results(results: dict[str, Any], title: str) -> None:
    """Prints the scores as a table: one row an action, then the averages and what they mean."""
    table = Table(
        "action",
        *METRICS,
        "frames",
        title=title,
        caption="millimetres; mpjve per frame interval",
    )
    for column in table.columns[1:]:
        column.justify = "right"

    def cells(values: dict[str, float | None], prefix: str = "") -> list[str]:
        numbers = [values.get(prefix + name) for name in METRICS]
        return ["-" if number is None else f"{number:.1f}" for number in numbers]

    for action, values in results["per_action"].items():
        table.add_row(action, *cells(values), str(values["frames"]))
    table.add_section()
    table.add_row(
        "mean over actions", *cells(results), str(results["frames"]), style="bold"
    )
    table.add_row("mean over frames", *cells(results, "frame_"), str(results["frames"]))
    for label, name in (
        ("mean training pose", "mean_pose_mpjpe"),
        ("ridge regression", "linear_mpjpe"),
    ):
        if results[name] is not None:
            table.add_row(label, f"{results[name]:.1f}", *[""] * 4)
    console = Console()
    console.print(table)
    if "published" in results:
        console.print(_published_table(results["published"], title))
    console.print(
        "; ".join(
            f"{name}: {_plain(value)}" for name, value in results["protocol"].items()
        )
    )


def _published_table(published: dict[str, Any], title: str) -> Table:
    """The benchmark's own numbers: a section a grouping, totals last."""
    columns = [name for name, value in published.items() if not isinstance(value, dict)]
    table = Table(
        "group",
        *columns,
        title=f"{title}, published protocol",
        caption="millimetres and per cent",
    )
    for column in table.columns[1:]:
        column.justify = "right"

    def add(name: str, row: dict[str, Any], style: str = "") -> None:
        cells = [
            f"{row[column]:.1f}" if column != "frames" else str(row[column])
            for column in columns
        ]
        table.add_row(name, *cells, style=style)

    for groups in (value for value in published.values() if isinstance(value, dict)):
        for name, row in groups.items():
            add(name, row)
        table.add_section()
    add("total", published, "bold")
    return table


def _plain(value: Any) -> str:
    return (
        ", ".join(map(str, value))
        if isinstance(value, Sequence) and not isinstance(value, str)
        else str(value)
    )
