"""Reads and lifts recordings with known faults, and prints what becomes of each.

    python -m experiments.recordings --cases=DIR --truth=FILE.npz --workdir=DIR

`--cases` holds a folder per fault, and `--truth` the motions behind them: for each name
`x` the arrays `x_3d [F, 17, 3]`, metres, camera frame, joints of Human3.6M. The run in
`--workdir` is AMPose at quickstart sizes, trained for three epochs on synthetic motion;
it is trained if it is not there. The table is the one of experiments/recordings.md.
"""

import argparse
import dataclasses
import pathlib

import numpy as np

from configs import ampose
from jaxpose import metrics
from jaxpose.body import cameras
from jaxpose.errors import JaxposeError
from jaxpose.inference.doubts import Doubter
from jaxpose.recordings.options import Options
from jaxpose.recordings.reader import model_joints, read_with
from jaxpose.recordings.recording import Recording
from jaxpose.run import Run
from jaxpose.training.workdirs import load_environment

EPOCHS = 3
MILLIMETRES = 1000.0
# Recordings that show another motion than the first one.
MOTIONS = {
    ("00-baseline", "b"): "b",
    ("00-baseline", "c"): "c",
    ("00-baseline", "d"): "d",
    ("01-two-people-alphapose", "two person 1"): "b",
    ("13-one-bad-of-four", "good_b"): "b",
    ("13-one-bad-of-four", "good_c"): "c",
    ("23-fps10", "march10"): "c",
    ("23-fps10", "march50"): "c",
    ("26-same-names", "wave"): "b",
    ("44-portrait-full-frame", "fills_45_percent"): "c",
    ("44-portrait-full-frame", "fills_65_percent"): "c",
    ("44-portrait-full-frame", "fills_85_percent"): "c",
}
NO_TRUTH = ("25-mediapipe-33",)
# The truth has 50 frames per second; this recording every fifth of them.
STRIDES = {("23-fps10", "march10"): 5}
# What a case is read with, where it asks for a flag.
FLAGS = {"11-half-body": Options(estimate_missing=True)}

# The same cases at commit 7835829, before files were read here.
BEFORE = {
    "00-baseline": "43, 57, 49, 61 mm",
    "01-two-people-alphapose": "171 mm, silently",
    "03-openpose-unpadded": "159 mm, silently",
    "04-openpose-files-missing": "the gap closes, silently",
    "05-yolo-zero-xy": "248, 90, 248 mm, silently",
    "07-normalised": "395 to 401 mm, silently",
    "08-swapped-xy": "539 mm, silently",
    "09-y-up": "532 mm, silently",
    "10-portrait": "warned",
    "11-half-body": "the folder is refused",
    "12-from-behind": "refused",
    "13-one-bad-of-four": "nothing is prepared",
    "14-low-confidence": "171 mm, silently",
    "15-mmpose-video": "refused",
    "16-detectron2-npz": "refused, in 3,100 lines",
    "17a-kpts-npz": "refused",
    "17d-csv": "refused",
    "18-openpose-coco18": "refused",
    "19-wholebody-133": "refused",
    "20-crowdpose-14": "refused",
    "21-nobody-alphapose": "a message about joint counts",
    "23-fps10": "read at 2 per second, silently",
    "24b-own-3d-no-camera": "579 and 81 mm of error in the truth, silently",
    "25-mediapipe-33": "refused",
    "26-same-names": '"occurs twice"',
    "27-windows": "upper case is passed over, silently",
    "32-coco-results": "refused: no head",
    "33-settings-per-folder": "`dataset.json` is taken for a recording",
    "36b-null-joint": '"lists of numbers"',
    "43d-size-height-first": "215 mm, silently",
    "43e-coco-said-h36m": "558 mm, silently",
    "44-portrait-full-frame": "68, 96, 123 mm, no word",
}


@dataclasses.dataclass(frozen=True)
class Result:
    """What becomes of one recording.

    Attributes:
      name: of the recording.
      outcome: `ok`, or the first warning, or the reason of a refusal.
      error: MPJPE in millimetres where it was lifted and has a truth, or None.
    """

    name: str
    outcome: str
    error: float | None = None


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    for flag in ("--cases", "--truth", "--workdir"):
        parser.add_argument(flag, required=True, type=pathlib.Path)
    flags = parser.parse_args()
    run = _run(flags.workdir)
    print("| case | before | recording | now | mm |\n|---|---|---|---|---:|")
    for folder in sorted(flags.cases.iterdir()):
        for number, result in enumerate(results_of(folder, run, flags.truth)):
            error = "" if result.error is None else f"{result.error:.0f}"
            case = "" if number else folder.name
            before = "" if number else BEFORE.get(folder.name, "")
            cells = (case, before, result.name, result.outcome, error)
            print(f"| {' | '.join(cells)} |", flush=True)


def _run(workdir: pathlib.Path) -> Run:
    """Returns the run in `workdir`, trained first if there is none."""
    if not (workdir / "results.json").exists():
        config = ampose.get_config("quickstart")
        config.num_epochs = EPOCHS
        # The figures of the table are of a model that saw all bodies.
        config.protocol = "paper"
        Run.create(config, workdir).train()
    return Run.open(workdir)


def results_of(folder: pathlib.Path, run: Run, truth: pathlib.Path) -> list[Result]:
    """Reads a case, lifts what can be used, and compares it with the truth.

    Args:
      folder: the case.
      run: the run of the model.
      truth: the file of the motions.
    """
    reading = read_with(folder, FLAGS.get(folder.name, Options()))
    results = []
    for recording in reading.recordings:
        poses, said = _lift(recording, run)
        warnings = [*recording.warnings, *said]
        outcome = f"warning: {warnings[0]}" if warnings else "ok"
        error = _error(poses, recording, folder.name, truth)
        results.append(Result(recording.name, outcome, error))
    for refusal in reading.refused:
        reason = refusal.reason.removeprefix(f"{refusal.where}: ")
        results.append(Result(refusal.name, f"refused: {reason}"))
    return results


def _lift(recording: Recording, run: Run) -> tuple[np.ndarray, list[str]]:
    """Returns the poses `[F, 17, 3]`, metres, and what the model's sizes make odd."""
    image_size = recording.camera.image_size
    keypoints_2d, seen = model_joints(recording, "h36m_17", estimate_missing=True)
    poses = run.lift(keypoints_2d, image_size, recording.rate)
    heights = load_environment(run.workdir)["body_heights"]
    screen = cameras.normalize_screen_coordinates(keypoints_2d, image_size)
    doubts = Doubter(tuple(heights)).doubts(
        np.asarray(screen), "h36m_17", image_size, recording.rate, seen
    )
    return poses, [doubt.sentence for doubt in doubts]


def _error(
    poses: np.ndarray, recording: Recording, case: str, truth: pathlib.Path
) -> float | None:
    """Returns the MPJPE in millimetres, None where there is no truth.

    Raises:
      JaxposeError: the truth is shorter than the recording.
    """
    if case in NO_TRUTH:
        return None
    key = (case, recording.name)
    rows = np.arange(len(poses)) * STRIDES.get(key, 1)
    target = np.load(truth)[f"{MOTIONS.get(key, 'a')}_3d"]
    if rows[-1] >= len(target):
        raise JaxposeError(
            f"{case} {recording.name}: the truth has {len(target)} frames"
        )
    target = target[rows]
    return MILLIMETRES * float(metrics.mpjpe(poses, target - target[:, :1]))


if __name__ == "__main__":
    main()
