"""What benchmarks publish beyond means over actions (protocol P.4, P.5), by the test clips' data set."""

from collections.abc import Iterable
from typing import Any

import jax
import numpy as np

from jaxpose import metrics
from jaxpose.body.skeletons import get_skeleton
from jaxpose.data.clips import Clips

_MILLIMETRES = 1000.0
# Joints that the official PCK and AUC of MPI-INF-3DHP leave out: root, spine and the middle of
# the head, which is the third joint that Human3.6M's sets call neck_nose.
_NOT_IN_PCK = frozenset({"pelvis", "hip", "spine", "neck_nose"})

_joint_errors, _p_mpjpe = (
    jax.jit(metrics.joint_errors),
    jax.jit(metrics.p_mpjpe_per_pose),
)


def benchmark(clips: Clips) -> str:
    """The data set's name without its builder config: `human36m`, `humaneva`, `mpi_inf_3dhp`, ..."""
    return clips.dataset.partition("/")[0]


def published_scores(
    predicted: np.ndarray, target: np.ndarray, clips: Clips, frames: np.ndarray
) -> dict[str, Any] | None:
    """The numbers of the benchmark's own tables; None where they are the means over actions (P.3).

    Args:
      predicted: `[M, J, 3]`, root-relative metres, as the protocol compares them.
      target: `[M, J, 3]`, likewise.
      clips: the test clips.
      frames: `[M]`, the scored frames.

    Returns:
      Totals by metric, and under `per_*` the same by group; errors in millimetres, PCK and AUC in
      per cent.
    """
    if benchmark(clips) == "mpi_inf_3dhp":
        return _mpi_inf_3dhp(predicted, target, clips, frames)
    if benchmark(clips) == "humaneva":
        return _humaneva(predicted, target, clips, frames)
    return None


def protocol_fields(clips: Clips) -> dict[str, Any]:
    """How the published scores of the benchmark are measured, printed beside them."""
    if benchmark(clips) == "mpi_inf_3dhp":
        counted = [
            get_skeleton(clips.skeleton).joints[joint]
            for joint in pck_joints(clips.skeleton)
        ]
        return {
            "published_average": "over all valid frames of the sequences",
            "root": "prediction overwritten by 0",
            "pck_threshold_mm": metrics.PCK_THRESHOLD_MM,
            "auc_thresholds_mm": "0, 5, ..., 150",
            "pck_joints": counted,
            "pck_all_joints": f"all {get_skeleton(clips.skeleton).num_joints}, root included",
        }
    if benchmark(clips) == "humaneva":
        return {"published_average": "unweighted over the cells (action, subject)"}
    if clips.metres_per_unit is not None:
        return {
            "units": "predicted in image space, scaled to millimetres by each frame's 2.5d_factor"
        }
    return {}


def pck_joints(skeleton: str) -> tuple[int, ...]:
    """The 14 joints of P.5 that PCK and AUC count, in 3DHP's order or in one of Human3.6M's.

    Head (top), neck, shoulders, elbows, wrists, hips, knees and ankles.
    """
    if skeleton == "mpi_inf_3dhp_17":
        return metrics.MPI_INF_3DHP_PCK_JOINTS
    return tuple(
        i
        for i, name in enumerate(get_skeleton(skeleton).joints)
        if name not in _NOT_IN_PCK
    )


def _mpi_inf_3dhp(
    predicted: np.ndarray, target: np.ndarray, clips: Clips, frames: np.ndarray
) -> dict[str, Any]:
    """MPJPE over all joints, PCK and AUC over the 14 of P.5 and over all, of pooled valid frames."""
    errors = np.asarray(_joint_errors(predicted, target)) * np.float32(_MILLIMETRES)
    counted = errors[:, pck_joints(clips.skeleton)]
    per_frame = {"mpjpe": errors.mean(-1)}
    for suffix, joints in (("", counted), ("_all_joints", errors)):
        per_frame[f"pck{suffix}"] = 100 * np.asarray(metrics.pck_per_pose(joints))
        per_frame[f"auc{suffix}"] = 100 * np.asarray(metrics.auc_per_pose(joints))
    clip = [clips.index[number] for number in clips.clip_of_frame[frames]]
    scores: dict[str, Any] = _row(per_frame, np.ones(len(frames), bool))
    scores["per_scene"] = _rows(per_frame, [one.action for one in clip])
    scores["per_sequence"] = _rows(per_frame, [one.subject for one in clip])
    # P-STMO's npz files do not say what a frame shows.
    if clips.activity is not None and clips.activity[frames].all():
        names = [
            metrics.MPI_INF_3DHP_ACTIVITIES[number]
            for number in clips.activity[frames].tolist()
        ]
        scores["per_activity"] = _rows(per_frame, names)
    return scores


def _humaneva(
    predicted: np.ndarray, target: np.ndarray, clips: Clips, frames: np.ndarray
) -> dict[str, Any]:
    """P-MPJPE, the published one, and MPJPE of each cell (action, subject), and their means over cells."""
    per_frame = {
        "p_mpjpe": np.asarray(_p_mpjpe(predicted, target)) * _MILLIMETRES,
        "mpjpe": np.asarray(_joint_errors(predicted, target)).mean(-1) * _MILLIMETRES,
    }
    clip = [clips.index[number] for number in clips.clip_of_frame[frames]]
    cells = _rows(
        per_frame, [f"{one.action} {one.subject.rpartition('/')[2]}" for one in clip]
    )
    means = {
        name: float(np.mean([cell[name] for cell in cells.values()]))
        for name in per_frame
    }
    return {**means, "frames": len(frames), "per_action_and_subject": cells}


def _rows(
    per_frame: dict[str, np.ndarray], groups: Iterable[str]
) -> dict[str, dict[str, Any]]:
    groups = np.array(list(groups))
    return {
        str(group): _row(per_frame, groups == group)
        for group in dict.fromkeys(groups.tolist())
    }


def _row(per_frame: dict[str, np.ndarray], chosen: np.ndarray) -> dict[str, Any]:
    means = {
        name: float(values[chosen].mean(dtype=np.float64))
        for name, values in per_frame.items()
    }
    return {**means, "frames": int(chosen.sum())}
