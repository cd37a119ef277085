"""Draws the pictures beside a table.

Learning curves, errors by action and cost, poses, and what the models attend to.
"""

import pathlib
import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from experiments import charts, child, figures
from experiments.inside import TrainedRun, draw_inside, spread
from experiments.job import Job
from experiments.table import PARAMETERS, Column, Table
from jaxpose.body.skeletons import get_skeleton
from jaxpose.data.clips import Clips, select_subjects
from jaxpose.data.splits import load_clips_of
from jaxpose.errors import JaxposeError
from jaxpose.models import build_model
from jaxpose.models.cost import describe
from jaxpose.run import Run
from jaxpose.scoring import evaluate, pose_drawing
from jaxpose.training import workdirs
from jaxpose.training.losses import loss_in_millimetres
from jaxpose.training.metric_writer import read_metrics

# Frames of the test clips among which the best and the worst clip are found.
MOST_FRAMES = 20_000
# By the benchmark's own protocol, as in the tables.
MPJPE = Column("MPJPE", "mpjpe")


def load_run(job: Job) -> TrainedRun:
    """Reads the best checkpoint of a finished job, and predicts its test clips.

    Raises:
      JaxposeError: nothing is trained there, or the data is not prepared.
    """
    run = Run.open(job.directory, job.evaluation_config())
    dataset = run.config.dataset
    clips = select_subjects(load_clips_of(dataset), dataset.test_subjects)
    frames = sample_frames(clips)
    return TrainedRun(
        name=run.config.model.name,
        model=run.model,
        variables=run.variables,
        clips=clips,
        frames=frames,
        predicted=run.predict(clips, frames),
    )


def sample_frames(clips: Clips) -> np.ndarray:
    """Returns every n-th scored frame, `[M]` int, so that all clips have some."""
    frames = evaluate.scored_frames(clips)
    step = -(-len(frames) // MOST_FRAMES)
    return frames[::step]


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
    charts.draw_bars(bars, "MPJPE, mm", directory / "actions.png")
    charts.draw_cost(points, directory / "cost.png")

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


def _cost_point(job: Job, result: dict[str, Any]) -> charts.CostPoint:
    """Returns size, cost and errors of a finished run."""
    return charts.CostPoint(
        label=_label(job),
        parameters=result["parameters"],
        macs=result["macs"],
        error=MPJPE.value(result, "mpjpe"),
        published=_published(job),
    )


def draw_windows(
    table: Table, jobs: list[Job], finished: list[Job], path: pathlib.Path
) -> None:
    """Draws the scores of a table over the windows' lengths, with the paper's.

    Sizes are counted, so that rows which never ran have them, too.

    Args:
      table: the table.
      jobs: all jobs of the table.
      finished: those whose figures count.
      path: the file.
    """
    columns = []
    for column in table.columns:
        if not column.quoted and column.metric != PARAMETERS.metric:
            columns.append(column)
    points = []
    for job in _first_of_each(jobs, lambda job: job.row.run):
        row = job.row
        # A toy takes the place of its row, and never stands beside the paper's figures.
        frames = build_model(row.make_config()).receptive_field
        size = describe(build_model(job.config()))["parameters"]
        published = {} if job.smoke else row.published
        results = [
            workdirs.read_json(other.result) for other in finished if other.row == row
        ]
        scores = {}
        for column in columns:
            values = [column.value(result, row.metric) for result in results]
            known = [value for value in values if value is not None]
            if known:
                scores[column.title] = float(np.mean(known))
        point = charts.WindowPoint(row.label, frames, size, scores, published)
        points.append(point)
    charts.draw_windows(points, [column.title for column in columns], path)


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
        draw_inside(run, label, stem)


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
    losses, errors, factors = {}, {}, {}
    # Rows that score one training in several ways have one curve.
    for job in _first_of_each(jobs, lambda job: job.directory):
        label = _label(job)
        if job.seed != 0:
            label += f", seed {job.seed}"
        rows = read_metrics(job.directory / "metrics.jsonl")
        losses[label] = _curve(rows, "loss")
        errors[label] = _curve(rows, "selection_mpjpe")
        config = job.config()
        factors[label] = loss_in_millimetres(config.loss, config.target_scale)
    charts.draw_curves(losses, errors, factors, path)


def _curve(rows: Iterable[dict[str, Any]], name: str) -> np.ndarray:
    """Returns one metric over updates, `[N, 2]`; some rows do not have it."""
    points = [(row["step"], row[name]) for row in rows if name in row]
    return np.array(points).reshape(-1, 2)


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
        places = spread(len(rows), 4)
        shown = rows[places]
        clip = run.clips.index[number]
        name = f"{clip.subject} {clip.take} {clip.camera}"
        caption = f"{rank}: {name}, mean {1000 * errors[rows].mean():.0f} mm"
        shown_clip = figures.ShownClip(
            caption=caption,
            keypoints=run.clips.keypoints_2d[run.frames[shown], :, :2],
            truth=truth[shown],
            predicted=run.predicted[shown],
            up=pose_drawing.upward(clip),
        )
        drawn.append(shown_clip)
    layout = get_skeleton(run.clips.keypoints_skeleton)
    skeleton = get_skeleton(run.clips.skeleton)
    title = f"{label}: prediction over truth (grey)"
    figures.draw_poses(
        drawn,
        layout,
        skeleton,
        title,
        path,
    )


def main() -> None:
    """Draws the finished jobs that `experiments.run` sends."""
    finished, directory, windows = child.receive()
    try:
        if windows:
            directory.mkdir(parents=True, exist_ok=True)
            table, jobs = windows
            draw_windows(table, jobs, finished, directory / "windows.png")
        if finished:
            draw(finished, directory)
    except (JaxposeError, OSError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
