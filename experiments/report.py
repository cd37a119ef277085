"""The pictures beside a table: learning curves, errors by action and cost, poses, what models look at."""

import pathlib
import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments import child, figures, internals
from experiments.job import Job
from experiments.table import Column
from jaxpose.body.skeletons import get_skeleton
from jaxpose.data import windows
from jaxpose.data.clips import Clips, select_subjects
from jaxpose.data.splits import load_clips_of
from jaxpose.errors import JaxposeError
from jaxpose.models import build_model
from jaxpose.models.base import LiftingModel
from jaxpose.parallel import sharding
from jaxpose.scoring import evaluate
from jaxpose.training import loop, runs
from jaxpose.training.metric_writer import read_metrics

MOST_FRAMES = 20_000  # of the test clips, for the best and worst clip
MPJPE = Column("MPJPE", "mpjpe")  # by the benchmark's own protocol, as in the tables
SAMPLES = 64  # windows that attention and features are averaged over


class TrainedRun(NamedTuple):
    """A finished run on its test clips.

    Attributes:
      name: of the model, as in its config.
      model: the module.
      variables: its best weights.
      clips: the test clips.
      frames: `[M]` frames, evenly spread over those that are scored.
      predicted: `[M, J, 3]`, root-relative metres.
    """

    name: str
    model: LiftingModel
    variables: Any
    clips: Clips
    frames: np.ndarray
    predicted: np.ndarray


def load_run(job: Job) -> TrainedRun:
    """The best checkpoint of a finished job, and its predictions.

    Raises:
      JaxposeError: nothing is trained there, or the data is not prepared.
    """
    config, trained = job.evaluation_config(), runs.load_config(str(job.directory))
    loop.set_precision(config)
    mesh, model = sharding.make_mesh(), build_model(config)
    clips = select_subjects(load_clips_of(config.dataset), config.dataset.test_subjects)
    variables = runs.load_best(config, trained, str(job.directory), mesh).variables
    evaluator = evaluate.Evaluator(model, config, clips, mesh)
    frames = evaluator.frames[:: -(-len(evaluator.frames) // MOST_FRAMES)]
    predicted = evaluator.predict(variables, frames)
    return TrainedRun(config.model.name, model, variables, clips, frames, predicted)


def draw(jobs: list[Job], directory: pathlib.Path) -> None:
    """Draws all pictures of the finished `jobs` of one table into `directory`.

    Raises:
      JaxposeError: some runs cannot be read; everything else is drawn.
    """
    directory.mkdir(parents=True, exist_ok=True)
    # Of rows that share a run, the one about MPJPE, as curves, bars and cost are, scored as it was trained.
    jobs = sorted(
        jobs, key=lambda job: (job.row.metric != "mpjpe", bool(job.row.evaluation))
    )
    distinct = _first_of_each(jobs, lambda job: job.result)
    _draw_curves(distinct, directory / "learning_curves.png")
    first = [
        job for job in distinct if job.seed == min(other.seed for other in distinct)
    ]
    results = {job.result: job.read_result() for job in first}
    bars = {
        _label(job): {
            action: row["mpjpe"]
            for action, row in results[job.result]["per_action"].items()
            if row["mpjpe"]
        }
        for job in first
    }
    figures.draw_bars(bars, "MPJPE by action", directory / "actions.png")
    points = [
        figures.CostPoint(
            _label(job),
            result["parameters"],
            result["macs"],
            MPJPE.value(result, "mpjpe"),
            _published(job),
        )
        for job in first
        for result in [results[job.result]]
    ]
    figures.draw_cost(points, directory / "cost.png")
    unreadable = []
    for job in _first_of_each(first, lambda job: job.directory):
        try:
            draw_run(load_run(job), _label(job), directory / job.row.run)
        except JaxposeError as error:
            unreadable.append(str(error))
    if unreadable:
        raise JaxposeError("\n".join(unreadable))


def draw_run(run: TrainedRun, label: str, stem: pathlib.Path) -> None:
    """Best and worst clips of a run, and what its model looks at, in files that begin with `stem`."""

    def path(what: str) -> pathlib.Path:
        return stem.with_name(f"{stem.name}_{what}.png")

    _draw_poses(run, label, path("poses"))
    if run.model.needs_camera:
        return  # its first stage is drawn for itself
    keypoints = _windows(run, np.linspace(0, len(run.frames) - 1, SAMPLES).astype(int))
    if run.name == "gast_net":
        _draw_graphs(run, keypoints, label, path("graphs"))
        if run.model.attention_matrix:
            _draw_influence(run, label, path("influence"))
    elif run.name == "gla_gcn":
        _draw_similarity(run, label, path("similarity"))
    elif maps := internals.attention_maps(run.model, run.variables, keypoints):
        _draw_attention(run, maps, label, path("attention"))


def _first_of_each(jobs: Iterable[Job], key: Callable[[Job], Any]) -> list[Job]:
    found: dict[Any, Job] = {}
    for job in jobs:
        found.setdefault(key(job), job)
    return list(found.values())


def _label(job: Job) -> str:
    return f"{job.row.label} ({job.row.section})" if job.row.section else job.row.label


def _published(job: Job) -> float | None:
    """The paper's MPJPE; beside a toy it would only squeeze the axis."""
    if job.row.metric != "mpjpe" or job.smoke:
        return None
    return job.row.published.get("MPJPE", job.row.published.get("Avg."))


def _draw_curves(jobs: list[Job], path: pathlib.Path) -> None:
    losses, errors = {}, {}
    for job in _first_of_each(jobs, lambda job: job.directory):
        rows = read_metrics(job.directory / "metrics.jsonl")
        label = _label(job) if job.seed == 0 else f"{_label(job)}, seed {job.seed}"
        for curves, name in ((losses, "loss"), (errors, "selection_mpjpe")):
            curves[label] = np.array(
                [(row["step"], row[name]) for row in rows if name in row]
            ).reshape(-1, 2)
    figures.draw_curves(losses, errors, path)


def _draw_poses(run: TrainedRun, label: str, path: pathlib.Path) -> None:
    """Four frames each of the two best and the two worst clips."""
    truth = evaluate.root_relative(run.clips, run.frames)
    errors = np.linalg.norm(run.predicted - truth, axis=-1).mean(-1)
    clip_of_frame = run.clips.clip_of_frame[run.frames]
    numbers = np.unique(clip_of_frame)
    means = np.array([errors[clip_of_frame == number].mean() for number in numbers])
    order = numbers[np.argsort(means)]
    chosen = [("best", n) for n in order[:2]] + [("worst", n) for n in order[::-1][:2]]
    clips = []
    for rank, number in chosen:
        rows = np.flatnonzero(clip_of_frame == number)
        clip = run.clips.index[number]
        shown = rows[np.linspace(0, len(rows) - 1, 4).astype(int)]
        caption = f"{rank}: {clip.subject} {clip.take} {clip.camera}, mean {1000 * errors[rows].mean():.0f} mm"
        clips.append((caption, truth[shown], run.predicted[shown]))
    figures.draw_poses(
        clips,
        get_skeleton(run.clips.skeleton),
        f"{label}: prediction over truth (grey)",
        path,
    )


def _windows(run: TrainedRun, rows: np.ndarray) -> jax.Array:
    """The input windows `[B, T, J2, 2]` of `run.frames[rows]`."""
    table = windows.frame_table(run.clips)
    keypoints, _ = windows.gather_windows(
        table, run.frames[rows], run.model.receptive_field, run.model.causal_shift
    )
    return jnp.asarray(keypoints)


def _draw_graphs(
    run: TrainedRun, keypoints: jax.Array, label: str, path: pathlib.Path
) -> None:
    """GAST-Net Figs. 5 and 8, and the mean of B_k."""
    params = run.variables["params"]
    rows = {
        f"local, {name}": found
        for name, found in internals.local_graphs(run.model, params).items()
    }
    if maps := internals.attention_maps(run.model, run.variables, keypoints):
        rows["global, B_k"] = [weights.mean((0, 1, 2)) for weights in maps.values()]
    if adaptive := internals.adaptive_graphs(run.model, params):
        rows["global, C_k"] = adaptive
    blocks = [f"block {block + 1}" for block in range(len(run.model.filter_widths))]
    joints = get_skeleton(run.model.skeleton).joints
    figures.draw_matrices(
        rows, blocks, dict.fromkeys(rows, joints), f"{label}: adjacency matrices", path
    )


def _draw_influence(run: TrainedRun, label: str, path: pathlib.Path) -> None:
    """GAST-Net Fig. 7: B_k's row of the right ankle in four frames of the first clip."""
    skeleton = get_skeleton(run.model.skeleton)
    joint = skeleton.joints.index("right_ankle")
    of_clip = np.flatnonzero(
        run.clips.clip_of_frame[run.frames] == run.clips.clip_of_frame[run.frames[0]]
    )
    rows = of_clip[np.linspace(0, len(of_clip) - 1, 4).astype(int)]
    maps = internals.attention_maps(run.model, run.variables, _windows(run, rows))
    weights = np.stack([weights.mean((1, 2))[:, joint] for weights in maps.values()])
    poses = evaluate.root_relative(run.clips, run.frames[rows])
    figures.draw_influence(
        weights, poses, skeleton, joint, f"{label}: B_k of the right ankle", path
    )


def _draw_similarity(run: TrainedRun, label: str, path: pathlib.Path) -> None:
    """GLA-GCN Fig. 4: three poses each of eating and walking, or of the data's first two actions."""
    actions = [clip.action for clip in run.clips.index]
    wanted = [a for a in ("Eating", "Walking", "eating", "walking") if a in actions]
    names = (wanted + [a for a in dict.fromkeys(actions) if a not in wanted])[:2]
    action_of_frame = np.array(actions)[run.clips.clip_of_frame[run.frames]]
    matrices, columns = [], []
    for name in names:
        frames = np.flatnonzero(action_of_frame == name)
        shown = frames[np.linspace(0, len(frames) - 1, 3).astype(int)]
        features = internals.head_features(
            run.model, run.variables, _windows(run, shown)
        )
        matrices += [internals.cosine_similarity(feature[None]) for feature in features]
        columns += [f"{name}, frame {run.frames[frame]}" for frame in shown]
    row = "cosine similarity"
    joints = get_skeleton(run.model.skeleton).joints
    title = f"{label}: features before the last layer"
    figures.draw_matrices({row: matrices}, columns, {row: joints}, title, path)


def _draw_attention(
    run: TrainedRun, maps: dict[str, np.ndarray], label: str, path: pathlib.Path
) -> None:
    """Attention over joints, and over frames where the model has it: mean over samples and heads."""
    joints = get_skeleton(run.model.skeleton).joints
    rows: dict[str, list[np.ndarray]] = {}
    names: dict[str, Any] = {}
    for where, weights in maps.items():
        over_frames = "temporal" in where
        row = "over frames" if over_frames else "over joints"
        rows.setdefault(row, []).append(
            weights.reshape(-1, *weights.shape[-2:]).mean(0)
        )
        names[row] = (
            [str(k + 1) for k in range(weights.shape[-1])] if over_frames else joints
        )
    layers = [f"layer {k + 1}" for k in range(max(map(len, rows.values())))]
    figures.draw_matrices(rows, layers, names, f"{label}: attention", path)


def main() -> None:
    """Draws the finished jobs that it is sent into the directory beside them."""
    jobs, directory = child.receive()
    try:
        draw(jobs, directory)
    except (JaxposeError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
