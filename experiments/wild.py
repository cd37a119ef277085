"""Scores models on simulated video: cameras and detectors as people have them.

    python -m experiments.wild --workdir=runs/wild --baseline=runs/cmu --json=wild.json
    python -m experiments.wild --real=FOLDER --baseline=runs/cmu --json=real.json

Rows are data x cameras x detector, each the mean over seeds: the development subjects
17, 49 and 142 of `cmu_mocap`, which no wild model is trained on, and `hdm05`, another
studio. Millimetres; jitter is the length of the second difference per frame squared.
Models see what a user's recording would give them: joints by the rules of detectors,
unseen ones filled in.

With --real the rows are recordings in a folder, scored beside the released weights:
files of a detector, a calibration and marker truth (`experiments/wild.md`).
"""

import functools
import json
import pathlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from absl import app, flags, logging

from experiments.wild_clips import CAMERAS, film
from experiments.wild_real import Lift, constant, find_scenes, run_real
from jaxpose import metrics
from jaxpose.body.skeletons import H36M_17
from jaxpose.data.clips import Clips, select_subjects
from jaxpose.data.windows import root_centre
from jaxpose.datasets import protocol_of
from jaxpose.datasets.cmu_mocap.protocol import BOTH_ARCHIVES
from jaxpose.datasets.prepared import load_clips
from jaxpose.errors import JaxposeError
from jaxpose.lifter import load
from jaxpose.parallel import memory
from jaxpose.run import Run
from jaxpose.scoring.baselines import mean_pose
from jaxpose.wording import one_line

MILLIMETRES = 1000.0
DETECTORS = ("none", "openpose", "blazepose")
MEAN_POSE = "mean pose"
COLUMNS = ("mpjpe", "p_mpjpe", "depth", "in_plane", "jitter", "true_jitter")

Predict = Callable[[Clips], np.ndarray]


def score(predicted: np.ndarray, clips: Clips) -> dict[str, Any]:
    """Computes the errors of the valid frames of clips.

    Args:
      predicted: `[N, 17, 3]` of all frames, root-relative, metres.
      clips: the clips.

    Returns:
      `mpjpe`, `p_mpjpe`, `depth` (mean |z|) and `in_plane` (mean length in x and y),
      `jitter` and `true_jitter`, all in millimetres; `per_joint`, the MPJPE by joint.
    """
    truth = np.asarray(root_centre(clips.positions_3d, H36M_17.root))
    error = (predicted - truth)[clips.valid] * MILLIMETRES
    lengths = np.linalg.norm(error, axis=-1)
    aligned = metrics.p_mpjpe_per_pose(predicted[clips.valid], truth[clips.valid])
    per_joint = dict(zip(H36M_17.joints, lengths.mean(0).tolist(), strict=True))
    return {
        "mpjpe": float(lengths.mean()),
        "p_mpjpe": float(aligned.mean()) * MILLIMETRES,
        "depth": float(np.abs(error[..., 2]).mean()),
        "in_plane": float(np.linalg.norm(error[..., :2], axis=-1).mean()),
        "jitter": jitter(predicted, clips),
        "true_jitter": jitter(truth, clips),
        "per_joint": per_joint,
    }


def jitter(positions_3d: np.ndarray, clips: Clips) -> float:
    """Returns the mean length of second differences, millimetres per frame squared.

    Args:
      positions_3d: `[N, J, 3]` of all frames of `clips`, metres.
      clips: gives the triples of neighbours of one clip, all of them valid.
    """
    differences = np.diff(positions_3d, n=2, axis=0)
    clip = clips.clip_of_frame
    counts = clips.valid[:-2] & clips.valid[1:-1] & clips.valid[2:]
    counts &= clip[:-2] == clip[2:]
    return float(np.linalg.norm(differences[counts], axis=-1).mean()) * MILLIMETRES


def mean_over_seeds(scores: list[dict[str, Any]]) -> dict[str, Any]:
    """Averages the results of `score`."""
    row: dict[str, Any] = {}
    for name in COLUMNS:
        row[name] = float(np.mean([one[name] for one in scores]))
    row["per_joint"] = {}
    for joint in H36M_17.joints:
        values = [one["per_joint"][joint] for one in scores]
        row["per_joint"][joint] = float(np.mean(values))
    return row


def run_bench(
    data: dict[str, Clips],
    models: dict[str, Predict],
    detectors: tuple[str, ...],
    seeds: int,
) -> list[dict[str, Any]]:
    """Scores every model on every row.

    Args:
      data: clips by the name of their rows.
      models: predictions of all frames, root-relative, metres.
      detectors: of `DETECTORS`.
      seeds: how many, from 0.

    Returns:
      rows in the order of the table: `data`, `cameras`, `detector`, `model`, `frames`,
      and the means of `score` over the seeds.
    """
    rows = []
    for name, clips in data.items():
        for cameras in CAMERAS:
            for detector in detectors:
                found: dict[str, list[dict[str, Any]]] = {model: [] for model in models}
                for seed in range(seeds):
                    filmed = film(clips, cameras, detector, seed)
                    for model, predict in models.items():
                        found[model].append(score(predict(filmed), filmed))
                where = {"data": name, "cameras": cameras, "detector": detector}
                for model, scores in found.items():
                    row = where | {"model": model, "frames": int(filmed.valid.sum())}
                    rows.append(row | mean_over_seeds(scores))
    return rows


def to_markdown(rows: list[dict[str, Any]], baseline: str) -> str:
    """Returns the rows as a table, with the ratio to the model called `baseline`."""
    lines = [
        "| data | cameras | detector | model | MPJPE | ratio | P-MPJPE | ratio "
        "| depth | in plane | jitter | truth's |",
        "|---|---|---|---|" + "---:|" * 8,
    ]
    for row in rows:
        place = [row["data"], row["cameras"], row["detector"]]
        cells = [*place, row["model"]]
        # The same row of the baseline, where it is scored.
        same = {}
        for other in rows:
            found_at = [other["data"], other["cameras"], other["detector"]]
            if found_at == place and other["model"] == baseline:
                same = other
        for name in ("mpjpe", "p_mpjpe"):
            ratio = f"{row[name] / same[name]:.2f}" if same else "-"
            cells += [f"{row[name]:.1f}", ratio]
        cells += [f"{row[name]:.1f}" for name in COLUMNS[2:]]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def per_joint_table(rows: list[dict[str, Any]]) -> str:
    """Returns the MPJPE of each joint as a table, in millimetres."""
    joints = list(dict.fromkeys(joint for row in rows for joint in row["per_joint"]))
    names = " | ".join(joint.replace("_", " ") for joint in joints)
    lines = [
        f"| data | cameras | detector | model | {names} |",
        "|---|---|---|---|" + "---:|" * len(joints),
    ]
    for row in rows:
        cells = [row["data"], row["cameras"], row["detector"], row["model"]]
        for joint in joints:
            error = row["per_joint"].get(joint)
            cells.append("-" if error is None else f"{error:.1f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def training_mean(data_dir: str | None) -> np.ndarray:
    """Returns the mean pose `[17, 3]` of the training subjects, root-relative metres.

    Raises:
      JaxposeError: `cmu_mocap` is not prepared.
    """
    train = load_clips("cmu_mocap/gt", data_dir)
    known = set(train.subjects)
    subjects = [name for name in BOTH_ARCHIVES.train_subjects if name in known]
    return mean_pose(select_subjects(train, subjects))


def load_models(workdirs: list[str], data_dir: str | None) -> dict[str, Predict]:
    """Returns the mean pose of the training subjects, and each run by its directory.

    Raises:
      JaxposeError: a directory without a run, or data that is not prepared.
    """
    pose = training_mean(data_dir)
    models: dict[str, Predict] = {
        MEAN_POSE: lambda clips: np.broadcast_to(pose, clips.positions_3d.shape)
    }
    for workdir in workdirs:
        models[workdir] = functools.partial(predict_all, Run.open(workdir))
    return models


def predict_all(run: Run, clips: Clips) -> np.ndarray:
    """Returns the poses of all frames `[N, 17, 3]`."""
    return run.predict(clips, np.arange(clips.num_frames))


def load_data(name: str, subjects: list[str], data_dir: str | None) -> dict[str, Clips]:
    """Returns the clips of `--data`, or of all rows where it is empty.

    Raises:
      JaxposeError: not prepared, or an unknown subject.
    """
    data = {}
    for dataset in [name] if name else ["cmu_mocap/gt", "hdm05/gt"]:
        protocol = protocol_of(dataset)
        is_development = protocol.name == "cmu_mocap"
        chosen = subjects if is_development else list(protocol.test_subjects)
        data[dataset] = select_subjects(load_clips(dataset, data_dir), chosen)
    return data


def load_lifters(workdirs: list[str], data_dir: str | None) -> dict[str, Lift]:
    """Returns the mean pose, the released weights, and each run by its directory.

    The mean pose is left out, and that is said, where `cmu_mocap` is not prepared.

    Raises:
      JaxposeError: a directory without a run.
    """
    lifters: dict[str, Lift] = {}
    try:
        lifters[MEAN_POSE] = constant(training_mean(data_dir))
    except JaxposeError as error:
        print(f"no mean pose: {one_line(error)}", file=sys.stderr)
    for source in (None, *workdirs):
        lifter = load(source)
        lift = functools.partial(lifter.lift, estimate_missing=True)
        lifters[source or lifter.name] = lift
    return lifters


def score_real(folder: str, lifters: dict[str, Lift]) -> list[dict[str, Any]]:
    """Scores lifters on the recordings in a folder; prints those that cannot be.

    Raises:
      JaxposeError: no recording can be scored.
    """
    scenes, failed = find_scenes(pathlib.Path(folder).expanduser())
    for reason in failed:
        print(f"not scored: {reason}", file=sys.stderr)
    if not scenes:
        raise JaxposeError(f"--real={folder}: no recording can be scored")
    return run_real(scenes, lifters)


def main(argv: list[str]) -> None:
    """Reads the flags, scores, prints the tables and writes the JSON file."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
    logging.set_verbosity(logging.WARNING)
    given = flags.FLAGS
    path = pathlib.Path(given.json).expanduser()
    workdirs = [*([given.baseline] if given.baseline else []), *given.workdir]
    try:
        if not path.parent.is_dir():
            raise JaxposeError(f"--json={given.json}: {path.parent} is no directory")
        if given.real:
            rows = score_real(given.real, load_lifters(workdirs, given.data_dir))
        else:
            rows = run_bench(
                load_data(given.data, given.subjects, given.data_dir),
                load_models(workdirs, given.data_dir),
                (given.detector,) if given.detector else DETECTORS,
                given.seeds,
            )
        path.write_text(json.dumps(rows, indent=2) + "\n")
    except (JaxposeError, OSError) as error:
        sys.exit(f"error: {error}")
    print(to_markdown(rows, given.baseline))
    print(per_joint_table(rows))


if __name__ == "__main__":
    flags.DEFINE_string("data", "", "Data set; default: cmu_mocap and hdm05.")
    flags.DEFINE_list(
        "subjects", list(BOTH_ARCHIVES.test_subjects), "Subjects of cmu_mocap."
    )
    flags.DEFINE_string("real", "", "Folder of real recordings, in place of data.")
    flags.DEFINE_enum("detector", None, DETECTORS, "One detector; default: all.")
    flags.DEFINE_multi_string("workdir", [], "Directory of a run; may be repeated.")
    flags.DEFINE_string("baseline", "", "Run of configs/ampose.py:cmu, for the ratios.")
    flags.DEFINE_string("data_dir", None, "Folder of the prepared data.")
    flags.DEFINE_integer("seeds", 2, "Seeds per row.", lower_bound=1)
    flags.DEFINE_string("json", None, "File to write.")
    flags.mark_flag_as_required("json")
    memory.keep_freed_memory()
    app.run(main)
