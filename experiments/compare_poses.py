"""Draws the poses of several runs beside the truth, on the same frames.

    python -m experiments.compare_poses runs/a runs/b --out=poses.png
    python -m experiments.compare_poses runs/a runs/b --out=poses.pdf --frames=120,4310

A row is a frame: the 2D input, the pose of each run over the truth in grey, and the
truth, all at one scale. Rings mark the joints whose errors differ most between the
runs, a thick one the run with the largest error. The ending of the file says its
format: png, pdf or svg.

The runs must have been tested on the same frames. Without `--frames` those are drawn in
which the runs differ most, from as many takes as possible. Their numbers are printed,
and stand in the picture.
"""

import argparse
import collections
import dataclasses
import pathlib
import sys
from collections.abc import Sequence

import numpy as np

from experiments import charts, figures
from experiments.report import sample_frames
from jaxpose.body.skeletons import get_skeleton
from jaxpose.data.clips import Clips, select_subjects
from jaxpose.data.splits import load_clips_of
from jaxpose.errors import JaxposeError
from jaxpose.models import MODELS
from jaxpose.run import Run
from jaxpose.scoring import evaluate, pose_drawing


@dataclasses.dataclass(frozen=True)
class Compared:
    """The poses of several runs on the same frames.

    Attributes:
      names: titles of the runs.
      clips: their common test clips.
      frames: `[F]` int, numbers of the frames in `clips`.
      poses: `[M, F, J, 3]`, of each run, metres, relative to the root.
      truth: `[F, J, 3]`, likewise.
    """

    names: list[str]
    clips: Clips
    frames: np.ndarray
    poses: np.ndarray
    truth: np.ndarray


def open_runs(workdirs: Sequence[str], data_dir: str | None) -> list[Run]:
    """Opens the runs.

    Args:
      workdirs: directories of the runs.
      data_dir: TFDS data folder; None means that of each run.

    Raises:
      JaxposeError: fewer than two runs, or one that cannot be read.
    """
    distinct = {pathlib.Path(workdir).expanduser().resolve() for workdir in workdirs}
    if len(distinct) < max(2, len(workdirs)):
        raise JaxposeError(
            f"name at least two different workdirs; got {', '.join(workdirs)}"
        )
    runs = []
    for workdir in workdirs:
        run = Run.open(workdir)
        if data_dir:
            run.config.dataset.data_dir = data_dir
        runs.append(run)
    return runs


def load_test_clips(runs: Sequence[Run]) -> Clips:
    """Returns the test clips that all runs share.

    Raises:
      JaxposeError: the runs were tested on other data, joints or frames.
    """
    first, *others = runs
    clips = _test_clips(first)
    for run in others:
        found = _test_clips(run)
        # From the widest difference to the narrowest: the first one is reported.
        for what, ours, theirs in (
            ("test data", clips.dataset, found.dataset),
            ("joints", clips.skeleton, found.skeleton),
            ("2D joints", clips.keypoints_skeleton, found.keypoints_skeleton),
            ("test subjects", ", ".join(clips.subjects), ", ".join(found.subjects)),
            ("number of test frames", clips.num_frames, found.num_frames),
            ("clips", _clip_names(clips), _clip_names(found)),
        ):
            if ours != theirs:
                raise JaxposeError(
                    f"{run.workdir} and {first.workdir} cannot be compared: {what} "
                    f"{_short(theirs)} there, {_short(ours)} here; name runs that "
                    "were tested on the same frames"
                )
    return clips


def _test_clips(run: Run) -> Clips:
    """Returns the test clips of a run."""
    dataset = run.config.dataset
    return select_subjects(load_clips_of(dataset), dataset.test_subjects)


def _clip_names(clips: Clips) -> str:
    """Returns the names and lengths of all clips."""
    names = []
    for clip in clips.index:
        names.append(f"{clip.subject} {clip.take} {clip.camera} {clip.length}")
    return ", ".join(names)


def _short(value: str | int) -> str:
    """Returns a value, cut where it is too long for a message."""
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def titles(runs: Sequence[Run]) -> list[str]:
    """Returns the model of each run, with its workdir where models repeat."""
    models = []
    for run in runs:
        refined = ", refined" if run.config.refinement else ""
        models.append(MODELS[run.config.model.name].__name__ + refined)
    counts = collections.Counter(models)
    names = []
    for run, model in zip(runs, models, strict=True):
        names.append(model if counts[model] == 1 else f"{model}\n{run.workdir.name}")
    return names


def parse_frames(text: str, clips: Clips) -> np.ndarray:
    """Returns the frames that `--frames` names, `[F]` int.

    Raises:
      JaxposeError: not numbers, or frames that have no valid truth.
    """
    try:
        frames = np.array([int(word) for word in text.split(",")])
    except ValueError:
        raise JaxposeError(
            f"--frames={text} must be numbers with commas between them"
        ) from None
    allowed = evaluate.scored_frames(clips)
    unknown = sorted(set(frames.tolist()) - set(allowed.tolist()))
    if unknown:
        raise JaxposeError(
            f"--frames: {unknown[0]} is no scored frame of the test set, whose frames "
            f"are 0 to {clips.num_frames - 1}"
        )
    return frames


def predict(runs: Sequence[Run], clips: Clips, frames: np.ndarray) -> Compared:
    """Predicts the frames with each run, as the protocol of the data compares them."""
    poses = []
    for run in runs:
        found = run.predict(clips, frames)
        compared, truth = evaluate.compared_positions(found, clips, frames)
        poses.append(compared)
    return Compared(titles(runs), clips, frames, np.stack(poses), truth)


def differing(compared: Compared, count: int) -> np.ndarray:
    """Chooses the frames in which the errors of the runs differ most.

    Each take gives one frame before any gives two. Frames of one take are a second
    apart, whichever camera saw them.

    Returns:
      `[count or fewer]`, places in `compared.frames`, ascending.
    """
    errors = np.linalg.norm(compared.poses - compared.truth, axis=-1)
    spread = np.ptp(errors, axis=0).mean(-1)
    frames = compared.frames
    clip_of_frame = compared.clips.clip_of_frame[frames]
    # Cameras that see one take show the same motion again.
    takes = []
    for number in clip_of_frame:
        clip = compared.clips.index[number]
        takes.append((clip.subject, clip.take))
    chosen: list[int] = []
    for most_per_take in range(1, count + 1):
        for place in np.argsort(-spread, kind="stable").tolist():
            same = [other for other in chosen if takes[other] == takes[place]]
            if len(same) >= most_per_take or _is_near(compared, place, same):
                continue
            chosen.append(place)
            if len(chosen) == count:
                return np.sort(chosen)
    return np.sort(chosen)


def _is_near(compared: Compared, place: int, others: Sequence[int]) -> bool:
    """Returns whether one of the frames at `others` is within a second of `place`.

    All are frames of one take; each camera counts them from the start of its clip.
    """
    clips, frames = compared.clips, compared.frames
    clip = clips.index[clips.clip_of_frame[frames[place]]]
    for other in others:
        theirs = clips.index[clips.clip_of_frame[frames[other]]]
        apart = frames[other] - theirs.start - (frames[place] - clip.start)
        if abs(apart) < clip.fps:
            return True
    return False


def draw(compared: Compared, places: np.ndarray, path: pathlib.Path) -> None:
    """Draws the frames at `places` of `compared.frames` into the file `path`."""
    clips = compared.clips
    rows = []
    for place in places:
        frame = int(compared.frames[place])
        clip = clips.index[clips.clip_of_frame[frame]]
        caption = f"{clip.subject}  {clip.take}  {clip.camera}\n"
        caption += f"frame {frame - clip.start} (--frames={frame})"
        row = figures.ComparedFrame(
            caption=caption,
            keypoints=clips.keypoints_2d[frame, :, :2],
            poses=compared.poses[:, place],
            truth=compared.truth[place],
            up=pose_drawing.upward(clip),
        )
        rows.append(row)
    layout = get_skeleton(clips.keypoints_skeleton)
    skeleton = get_skeleton(clips.skeleton)
    figures.draw_comparison(rows, compared.names, layout, skeleton, path)


def _parser() -> argparse.ArgumentParser:
    """Returns the parser of the command line."""
    description = "Draws the poses of several runs beside the truth."
    parser = argparse.ArgumentParser(
        "python -m experiments.compare_poses", None, description
    )
    add = parser.add_argument
    add("workdirs", nargs="+", metavar="WORKDIR", help="runs with the same test data")
    add("--out", required=True, type=pathlib.Path, help="picture: png, pdf or svg")
    add("--frames", help="numbers of test frames, 120,4310; default: the runs differ")
    add("--count", type=int, default=4, help="frames without --frames; default: 4")
    add("--data_dir", metavar="DIR", help="TFDS data folder; default: that of the runs")
    return parser


def compare(flags: argparse.Namespace) -> None:
    """Compares the runs that the command line names.

    Raises:
      JaxposeError: flags or runs that do not fit.
    """
    # Everything that can be wrong is found before the first run predicts.
    out = flags.out.expanduser()
    if out.suffix.lower() not in charts.FORMATS:
        raise JaxposeError(
            f"--out={out}: the ending must be {', '.join(charts.FORMATS)}"
        )
    if not out.parent.is_dir():
        raise JaxposeError(f"--out={out}: there is no folder {out.parent}")
    if flags.count < 1:
        raise JaxposeError(f"--count={flags.count} must be at least 1")
    runs = open_runs(flags.workdirs, flags.data_dir)
    clips = load_test_clips(runs)
    if flags.frames is not None:
        frames = parse_frames(flags.frames, clips)
        compared = predict(runs, clips, frames)
        places = np.arange(len(frames))
    else:
        compared = predict(runs, clips, sample_frames(clips))
        places = differing(compared, flags.count)
    draw(compared, places, out)
    print(f"--frames={','.join(map(str, compared.frames[places]))}")
    print(out)


def main(argv: list[str] | None = None) -> int:
    """Runs the command line and returns the exit status."""
    flags = _parser().parse_args(argv)
    try:
        compare(flags)
    except (JaxposeError, OSError) as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
