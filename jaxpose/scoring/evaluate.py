"""Scores predictions of clips: the errors that papers report, in millimetres."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jaxpose import metrics
from jaxpose.body.skeletons import get_skeleton
from jaxpose.data.clips import Clips
from jaxpose.datasets import protocol_of
from jaxpose.errors import JaxposeError
from jaxpose.inference.predictor import Predictor

MILLIMETRES = 1000.0
METRICS = ("mpjpe", "p_mpjpe", "n_mpjpe", "mpjve")

# Compiled once per number of frames.
_PER_POSE = {
    "mpjpe": jax.jit(metrics.mpjpe_per_pose),
    "p_mpjpe": jax.jit(metrics.p_mpjpe_per_pose),
    "n_mpjpe": jax.jit(metrics.n_mpjpe_per_pose),
}


class Evaluator:
    """Scores weights on one set of clips, which stays on the devices.

    Attributes:
      clips: the clips.
      frame_numbers: `[M]`, the frames that are scored.
    """

    def __init__(self, clips: Clips, predictor: Predictor):
        """Takes a `predictor` of the same `clips`.

        Raises:
          JaxposeError: no frame can be scored.
        """
        self.clips = clips
        self.frame_numbers = scored_frames(clips)
        self.predict = predictor

    def score(self, variables: Any) -> dict[str, Any]:
        """Returns all scores of the weights `variables`; see `score`."""
        predicted = self.predict(variables, self.frame_numbers)
        return score(predicted, self.clips, self.frame_numbers)


def scored_frames(clips: Clips) -> np.ndarray:
    """Returns the frames that are valid and have a 3D truth, `[M]` int32.

    Raises:
      JaxposeError: there is none.
    """
    has_truth = np.isfinite(clips.positions_3d).all(axis=(1, 2))
    frame_numbers = np.flatnonzero(clips.valid & has_truth).astype(np.int32)
    if not len(frame_numbers):
        raise JaxposeError(
            f"data set {clips.dataset!r}: no valid frame with 3D positions among the "
            "chosen subjects"
        )
    return frame_numbers


def root_relative(clips: Clips, frame_numbers: np.ndarray) -> np.ndarray:
    """Returns the truth at frames: `[M, J, 3]` metres, the root's row zero (P.3)."""
    root = get_skeleton(clips.skeleton).root
    return _root_centred(clips.positions_3d[frame_numbers], root)


def compared_positions(
    predicted: np.ndarray, clips: Clips, frame_numbers: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns prediction and truth as the protocol of the data set compares them.

    Clips in image space are compared in metres where they have a scale, relative to the
    root; elsewhere in their own unit. Others as `Protocol.compared` says.

    Args:
      predicted: `[M, J, 3]`, root-relative, in the unit of the clips.
      clips: the clips.
      frame_numbers: `[M]`, the predicted frames.

    Returns:
      Both `[M, J, 3]`, metres unless the clips have no scale.
    """
    root = get_skeleton(clips.skeleton).root
    if clips.metres_per_unit is not None and clips.metric_positions_3d is not None:
        scale = clips.metres_per_unit[frame_numbers, None, None]
        if np.isfinite(scale).all():  # the training part has none
            metric = clips.metric_positions_3d[frame_numbers]
            return _root_centred(predicted * scale, root), _root_centred(metric, root)
    compared = protocol_of(clips.dataset).compared(predicted, root)
    return compared, root_relative(clips, frame_numbers)


def score(
    predicted: np.ndarray,
    clips: Clips,
    frame_numbers: np.ndarray,
    names: Sequence[str] = METRICS,
) -> dict[str, Any]:
    """Computes errors in millimetres (P.3).

    Args:
      predicted: `[M, J, 3]`, root-relative, as the model gives them.
      clips: the clips.
      frame_numbers: `[M]`, the predicted frames.
      names: the errors to compute, of `METRICS`.

    Returns:
      By name the unweighted mean over actions of frame-weighted means, under `frame_*`
      the flat mean over frames, and both by action under `per_action`. `mpjve` is per
      frame interval, over neighbouring frames of a clip. A number that no frame counts
      towards is None. `published` holds the tables of benchmarks that have others
      (`Protocol.published_scores`).
    """
    predicted, target = compared_positions(predicted, clips, frame_numbers)
    # The number of frames comes first, as in the tables.
    actions = _Actions(clips, frame_numbers)
    results: dict[str, Any] = {"frames": len(frame_numbers)}
    per_action: dict[str, dict[str, Any]] = {}
    for action, count in zip(actions.names, actions.counts, strict=True):
        if count:
            per_action[action] = {"frames": int(count)}
    for name in names:
        if name == "mpjve":
            errors, groups = _velocity_errors(predicted, target, actions)
        else:
            errors = np.asarray(_PER_POSE[name](predicted, target))
            groups = actions.of_frame
        if not len(errors):
            results[name] = results[f"frame_{name}"] = None
            continue
        # Papers average over actions; the flat mean beside it counts every frame once.
        average = actions.average(errors.astype(np.float64) * MILLIMETRES, groups)
        results[name], results[f"frame_{name}"] = average.average, average.frame_mean
        for action, value in zip(actions.names, average.per_group, strict=True):
            if action in per_action:
                per_action[action][name] = None if np.isnan(value) else float(value)
    results["per_action"] = per_action
    # Tables of the benchmark that are no means over actions.
    protocol = protocol_of(clips.dataset)
    published = protocol.published_scores(predicted, target, clips, frame_numbers)
    if published:
        results["published"] = published
    return results


def _root_centred(positions_3d: np.ndarray, root: int) -> np.ndarray:
    return positions_3d - positions_3d[:, root : root + 1]


class _Actions:
    """Numbers the actions of clips, to average over the frames of each.

    Attributes:
      names: the actions, in the order of the clips.
      of_frame: `[M]`, number of the action of each predicted frame.
      counts: predicted frames of each action.
      consecutive: `[M - 1]` bool, whether a frame and the next are neighbours.
    """

    def __init__(self, clips: Clips, frame_numbers: np.ndarray):
        self.names = tuple(dict.fromkeys(clip.action for clip in clips.index))
        numbers = [self.names.index(clip.action) for clip in clips.index]
        clip_of_frame = clips.clip_of_frame[frame_numbers]
        self.of_frame = np.array(numbers)[clip_of_frame]
        self.counts = np.bincount(self.of_frame, minlength=len(self.names))
        self.consecutive = (np.diff(frame_numbers) == 1) & (np.diff(clip_of_frame) == 0)

    def average(self, values: np.ndarray, groups: np.ndarray) -> metrics.GroupAverage:
        """Averages `values [n]` of the actions numbered `groups [n]`."""
        totals = np.bincount(groups, values, len(self.names))
        counts = np.bincount(groups, minlength=len(self.names))
        return metrics.group_average(totals, counts)


def _velocity_errors(
    predicted: np.ndarray, target: np.ndarray, actions: _Actions
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the velocity errors of neighbouring frames, and the actions of them."""
    if len(predicted) < 2:
        return np.zeros(0), np.zeros(0, int)
    errors = np.asarray(metrics.velocity_errors(predicted, target))
    return errors[actions.consecutive], actions.of_frame[:-1][actions.consecutive]
