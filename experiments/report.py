"""Draws the pictures beside a table.

Learning curves, errors by action and cost, poses, and what the models attend to.
"""

import pathlib
import sys
from collections.abc import Callable, Iterable, Sequence
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
from jaxpose.models.base import LiftingModel
from jaxpose.run import Run
from jaxpose.scoring import evaluate
from jaxpose.training import workdirs
from jaxpose.training.metric_writer import read_metrics

# Frames of the test clips among which the best and the worst clip are found.
MOST_FRAMES = 20_000
# By the benchmark's own protocol, as in the tables.
MPJPE = Column("MPJPE", "mpjpe")
# Windows that attention and features are averaged over.
SAMPLES = 64


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
    """Reads the best checkpoint of a finished job, and predicts its test clips.

    Raises:
      JaxposeError: nothing is trained there, or the data is not prepared.
    """
    run = Run.open(job.directory, job.evaluation_config())
    dataset = run.config.dataset
    clips = select_subjects(load_clips_of(dataset), dataset.test_subjects)
    # Every n-th frame, so that all clips have some.
    frames = evaluate.scored_frames(clips)
    step = -(-len(frames) // MOST_FRAMES)
    frames = frames[::step]
    return TrainedRun(
        name=run.config.model.name,
        model=run.model,
        variables=run.variables,
        clips=clips,
        frames=frames,
        predicted=run.predict(clips, frames),
    )


def draw(jobs: list[Job], directory: pathlib.Path) -> None:
    """Draws all pictures of the finished `jobs` of one table into `directory`.

    Raises:
      JaxposeError: some runs cannot be read; everything else is drawn.
    """
    directory.mkdir(parents=True, exist_ok=True)
    # Rows may share a run. The pictures show the row about MPJPE, scored as trained.
    jobs = sorted(
        jobs,
        key=lambda job: (job.row.metric != "mpjpe", bool(job.row.evaluation)),
    )
    distinct = _first_of_each(jobs, lambda job: job.result)
    _draw_curves(distinct, directory / "learning_curves.png")

    # One seed is enough for everything but the curves.
    lowest_seed = min(job.seed for job in distinct)
    first = [job for job in distinct if job.seed == lowest_seed]
    bars: dict[str, dict[str, float]] = {}
    points = []
    for job in first:
        result = workdirs.read_json(job.result)
        bars[_label(job)] = _errors_by_action(result)
        points.append(_cost_point(job, result))
    figures.draw_bars(bars, "MPJPE by action", directory / "actions.png")
    figures.draw_cost(points, directory / "cost.png")

    # A run may be damaged, or its data gone; the others are drawn all the same.
    unreadable = []
    for job in _first_of_each(first, lambda job: job.directory):
        try:
            draw_run(load_run(job), _label(job), directory / job.row.run)
        except JaxposeError as error:
            unreadable.append(str(error))
    if unreadable:
        raise JaxposeError("\n".join(unreadable))


def _errors_by_action(result: dict[str, Any]) -> dict[str, float]:
    """Returns MPJPE by action, millimetres; without actions that no frame shows."""
    errors = {}
    for action, scores in result["per_action"].items():
        if scores["mpjpe"]:
            errors[action] = scores["mpjpe"]
    return errors


def _cost_point(job: Job, result: dict[str, Any]) -> figures.CostPoint:
    """Returns size, cost and errors of a finished run."""
    return figures.CostPoint(
        label=_label(job),
        parameters=result["parameters"],
        macs=result["macs"],
        error=MPJPE.value(result, "mpjpe"),
        published=_published(job),
    )


def draw_run(run: TrainedRun, label: str, stem: pathlib.Path) -> None:
    """Draws the best and worst clips of a run, and what its model attends to.

    Args:
      run: the run.
      label: name of the row.
      stem: beginning of the files' paths.
    """
    _draw_poses(run, label, stem.with_name(f"{stem.name}_poses.png"))
    # A refined model is a second stage: the inside of its first is drawn there.
    if not run.model.needs_camera:
        INSIDE.get(run.name, _draw_attention)(run, label, stem)


def _first_of_each(jobs: Iterable[Job], key: Callable[[Job], Any]) -> list[Job]:
    """Returns the first job of each value of `key`."""
    found: dict[Any, Job] = {}
    for job in jobs:
        found.setdefault(key(job), job)
    return list(found.values())


def _label(job: Job) -> str:
    """Returns the name of the row in pictures."""
    row = job.row
    # Sections repeat labels: AMPose on CPN, AMPose on ground truth.
    if row.section:
        return f"{row.label} ({row.section})"
    return row.label


def _published(job: Job) -> float | None:
    """Returns the paper's MPJPE; None where the row is about another metric."""
    # Beside a toy the paper's figure would only squeeze the axis.
    if job.row.metric != "mpjpe" or job.smoke:
        return None
    # Tables by action have the mean under another heading.
    published = job.row.published
    return published.get("MPJPE", published.get("Avg."))


def _draw_curves(jobs: list[Job], path: pathlib.Path) -> None:
    """Draws the learning curves of all runs and seeds."""
    losses, errors = {}, {}
    # Rows that score one training in several ways have one curve.
    for job in _first_of_each(jobs, lambda job: job.directory):
        label = _label(job)
        if job.seed != 0:
            label += f", seed {job.seed}"
        rows = read_metrics(job.directory / "metrics.jsonl")
        losses[label] = _curve(rows, "loss")
        errors[label] = _curve(rows, "selection_mpjpe")
    figures.draw_curves(losses, errors, path)


def _curve(rows: Iterable[dict[str, Any]], name: str) -> np.ndarray:
    """Returns one metric over updates, `[N, 2]`; some rows do not have it."""
    points = [(row["step"], row[name]) for row in rows if name in row]
    return np.array(points).reshape(-1, 2)


def _numbered(what: str, count: int) -> list[str]:
    """Returns `what1`, `what2`, ...: headings and joint numbers count from 1."""
    return [f"{what}{number}" for number in range(1, count + 1)]


def _spread(count: int, shown: int) -> np.ndarray:
    """Returns `shown` indices `[shown]`, evenly spread over 0 to `count - 1`."""
    return np.linspace(0, count - 1, shown).astype(int)


def _draw_poses(run: TrainedRun, label: str, path: pathlib.Path) -> None:
    """Draws four frames each of the two best and the two worst clips."""
    # Of each clip the mean error over its shown frames, in metres.
    truth = evaluate.root_relative(run.clips, run.frames)
    errors = np.linalg.norm(run.predicted - truth, axis=-1).mean(-1)
    clip_of_frame = run.clips.clip_of_frame[run.frames]
    numbers = np.unique(clip_of_frame)
    # bincount has a place for clips without a shown frame, too.
    sums = np.bincount(clip_of_frame, errors)
    counts = np.bincount(clip_of_frame)
    means = sums[numbers] / counts[numbers]
    best_first = numbers[np.argsort(means)]

    drawn = []
    chosen = [("best", number) for number in best_first[:2]]
    chosen += [("worst", number) for number in best_first[::-1][:2]]
    # Four frames of each, from the first to the last that is scored.
    for rank, number in chosen:
        rows = np.flatnonzero(clip_of_frame == number)
        places = _spread(len(rows), 4)
        shown = rows[places]
        clip = run.clips.index[number]
        name = f"{clip.subject} {clip.take} {clip.camera}"
        caption = f"{rank}: {name}, mean {1000 * errors[rows].mean():.0f} mm"
        drawn.append((caption, truth[shown], run.predicted[shown]))
    skeleton = get_skeleton(run.clips.skeleton)
    title = f"{label}: prediction over truth (grey)"
    figures.draw_poses(
        drawn,
        skeleton,
        title,
        path,
    )


def _windows(run: TrainedRun, rows: np.ndarray) -> jax.Array:
    """Returns the input windows `[B, T, J2, C]` of `run.frames[rows]`."""
    # Gathered as for training: edge frames repeated beyond the clip.
    table = windows.frame_table(run.clips)
    keypoints, _ = windows.gather_windows(
        table,
        run.frames[rows],
        run.model.receptive_field,
        run.model.causal_shift,
    )
    return jnp.asarray(keypoints)


def _samples(run: TrainedRun) -> jax.Array:
    """Returns windows `[SAMPLES, T, J2, C]` spread over the test clips."""
    return _windows(run, _spread(len(run.frames), SAMPLES))


def _draw_gast_net(run: TrainedRun, label: str, stem: pathlib.Path) -> None:
    """Draws GAST-Net's graphs and, where it has B_k, what counts for the ankle."""
    _draw_graphs(run, label, stem.with_name(f"{stem.name}_graphs.png"))
    if run.model.attention_matrix:
        _draw_influence(run, label, stem.with_name(f"{stem.name}_influence.png"))


def _draw_graphs(run: TrainedRun, label: str, path: pathlib.Path) -> None:
    """Draws GAST-Net's Figs. 5 and 8, and the mean of B_k."""
    params = run.variables["params"]
    rows: dict[str, list[np.ndarray]] = {}
    for name, found in internals.local_graphs(run.model, params).items():
        rows[f"local, {name}"] = found
    # B_k depends on the input; shown is the mean over samples, frames and heads.
    maps = internals.attention_maps(
        run.model,
        run.variables,
        _samples(run),
    )
    if maps:
        rows["global, B_k"] = [weights.mean((0, 1, 2)) for weights in maps.values()]
    # C_k is a parameter: it is the same for every input.
    if adaptive := internals.adaptive_graphs(run.model, params):
        rows["global, C_k"] = adaptive
    blocks = _numbered("block ", len(run.model.filter_widths))
    names = dict.fromkeys(rows, get_skeleton(run.model.skeleton).joints)
    figures.draw_matrices(
        rows,
        blocks,
        names,
        f"{label}: adjacency matrices",
        path,
    )


def _draw_influence(run: TrainedRun, label: str, path: pathlib.Path) -> None:
    """Draws GAST-Net's Fig. 7: B_k's row of the right ankle, in four frames."""
    skeleton = get_skeleton(run.model.skeleton)
    joint = skeleton.joints.index("right_ankle")
    # Four frames of the first clip.
    clip_of_frame = run.clips.clip_of_frame[run.frames]
    of_clip = np.flatnonzero(clip_of_frame == clip_of_frame[0])
    rows = of_clip[_spread(len(of_clip), 4)]
    maps = internals.attention_maps(
        run.model,
        run.variables,
        _windows(run, rows),
    )
    # Per block, the mean over frames of the window and heads `[B, J, J]`.
    blocks = [weights.mean((1, 2)) for weights in maps.values()]
    weights = np.stack(blocks)[:, :, joint]
    poses = evaluate.root_relative(run.clips, run.frames[rows])
    title = f"{label}: B_k of the right ankle"
    figures.draw_influence(
        weights,
        poses,
        skeleton,
        joint,
        title,
        path,
    )


def _draw_similarity(run: TrainedRun, label: str, stem: pathlib.Path) -> None:
    """Draws GLA-GCN's Fig. 4: three poses each of two actions.

    Eating and walking as in the paper, or the data's first two actions.
    """
    actions = [clip.action for clip in run.clips.index]
    published = ("Eating", "Walking", "eating", "walking")
    wanted = [name for name in published if name in actions]
    # Keeps the order and removes what is named twice.
    names = list(dict.fromkeys([*wanted, *actions]))[:2]
    clip_of_frame = run.clips.clip_of_frame[run.frames]
    action_of_frame = np.array(actions)[clip_of_frame]
    matrices, columns = [], []
    for name in names:
        frames = np.flatnonzero(action_of_frame == name)
        places = _spread(len(frames), 3)
        shown = frames[places]
        features = internals.head_features(
            run.model,
            run.variables,
            _windows(run, shown),
        )
        # One matrix per pose, as in the paper, not a mean over poses.
        for frame, feature in zip(shown, features, strict=True):
            matrices.append(internals.cosine_similarity(feature[None]))
            columns.append(f"{name}, frame {run.frames[frame]}")
    row = "cosine similarity"
    joints = get_skeleton(run.model.skeleton).joints
    title = f"{label}: features before the last layer"
    figures.draw_matrices(
        {row: matrices},
        columns,
        {row: joints},
        title,
        stem.with_name(f"{stem.name}_similarity.png"),
    )


def _draw_attention(run: TrainedRun, label: str, stem: pathlib.Path) -> None:
    """Draws attention over joints, and over frames where the model has it.

    Means over samples and heads; nothing for a model without attention.
    """
    maps = internals.attention_maps(
        run.model,
        run.variables,
        _samples(run),
    )
    if not maps:
        return
    joints = get_skeleton(run.model.skeleton).joints
    rows: dict[str, list[np.ndarray]] = {}
    names: dict[str, Sequence[str]] = {}
    entries: Sequence[str]
    # Spatial and temporal layers have other tokens: one row of pictures for each.
    for where, weights in maps.items():
        tokens = weights.shape[-1]
        if "temporal" in where:
            row, entries = "over frames", _numbered("", tokens)
        else:
            row, entries = "over joints", joints
        flat = weights.reshape(-1, tokens, tokens)
        mean = flat.mean(0)
        # Layers of one kind have one number of tokens, and share a row.
        rows.setdefault(row, []).append(mean)
        names[row] = entries
    most = max(map(len, rows.values()))
    layers = _numbered("layer ", most)
    figures.draw_matrices(
        rows,
        layers,
        names,
        f"{label}: attention",
        stem.with_name(f"{stem.name}_attention.png"),
    )


# Pictures of the inside of models, by `config.model.name`; others show attention.
INSIDE: dict[str, Callable[[TrainedRun, str, pathlib.Path], None]] = {
    "gast_net": _draw_gast_net,
    "gla_gcn": _draw_similarity,
}


def main() -> None:
    """Draws the finished jobs that `experiments.run` sends."""
    jobs, directory = child.receive()
    try:
        draw(jobs, directory)
    except (JaxposeError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
