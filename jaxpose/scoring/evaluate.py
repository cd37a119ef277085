"""Scores predictions of clips: the errors that papers report, in millimetres."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxpose import metrics
from jaxpose.body.skeletons import get_skeleton
from jaxpose.data.clips import Clips
from jaxpose.data.windows import root_centre
from jaxpose.datasets import protocol_of
from jaxpose.errors import JaxposeError
from jaxpose.inference.predictor import Predictor

MILLIMETRES = 1000.0
METRICS = ("mpjpe", "p_mpjpe", "n_mpjpe", "mpjve")

# Errors of single poses; each compiles once per number of frames.
_PER_POSE = {
    "mpjpe": jax.jit(metrics.mpjpe_per_pose),
    "p_mpjpe": jax.jit(metrics.p_mpjpe_per_pose),
    "n_mpjpe": jax.jit(metrics.n_mpjpe_per_pose),
}


class Evaluator:
    """Scores weights on one set of clips, which stays on the devices; see `score`.

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
    """Returns the numbers of the frames that can be scored, `[M]` int32, ascending.

    They are valid and have ground truth in 3D.

    Raises:
      JaxposeError: there is none.
    """
    has_truth = np.isfinite(clips.positions_3d).all(axis=(1, 2))
    is_scored = clips.valid & has_truth
    frame_numbers = np.flatnonzero(is_scored).astype(np.int32)
    if not len(frame_numbers):
        raise JaxposeError(
            f"data set {clips.dataset!r}: no valid frame with 3D positions among the "
            "chosen subjects"
        )
    return frame_numbers


def root_relative(clips: Clips, frame_numbers: np.ndarray) -> np.ndarray:
    """Returns the ground truth of frames relative to the root (P.3).

    Args:
      clips: the clips.
      frame_numbers: `[M]`, the frames.

    Returns:
      `[M, J, 3]`, in the unit of the clips; the root is 0.
    """
    root = get_skeleton(clips.skeleton).root
    return _centred(clips.positions_3d[frame_numbers], root)


def compared_positions(
    predicted: np.ndarray,
    clips: Clips,
    frame_numbers: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns predictions and ground truth as the data set's protocol compares them.

    Clips in image space are compared in metres, relative to the root, where their scale
    is known, and in their own unit elsewhere. All other clips are compared as
    `Protocol.compared` says.

    Args:
      predicted: `[M, J, 3]`, root-relative, in the unit of the clips.
      clips: the clips.
      frame_numbers: `[M]`, the predicted frames.

    Returns:
      Both `[M, J, 3]`, metres unless the scale of clips in image space is unknown.
    """
    root = get_skeleton(clips.skeleton).root
    # Only clips in image space have these two; the scale of their training part is NaN.
    factors = clips.metres_per_unit
    metric = clips.metric_positions_3d
    if factors is not None and metric is not None:
        scale = factors[frame_numbers, None, None]
        if np.isfinite(scale).all():
            scaled = _centred(predicted * scale, root)
            return scaled, _centred(metric[frame_numbers], root)

    compared = protocol_of(clips.dataset).compared(predicted, root)
    return compared, root_relative(clips, frame_numbers)


def score(
    predicted: np.ndarray,
    clips: Clips,
    frame_numbers: np.ndarray,
    names: Sequence[str] = METRICS,
) -> dict[str, Any]:
    """Computes errors in millimetres, averaged as papers average them (P.3).

    Args:
      predicted: `[M, J, 3]`, root-relative, as the model gives them.
      clips: the clips.
      frame_numbers: `[M]`, the predicted frames.
      names: the errors to compute, of `METRICS`.

    Returns:
      A dictionary, whose numbers are None where no frame counts towards them:
        NAME: unweighted mean over the actions of the mean over each action's frames.
        frame_NAME: mean over all frames.
        frames: number of frames.
        per_action: for each action that has frames, its `frames` and its means.
        published: the benchmark's own tables, where it has any
          (`Protocol.published_scores`).
      `mpjve` is per frame interval, over neighbouring frames of a clip.
    """
    predicted, target = compared_positions(predicted, clips, frame_numbers)
    actions = _Actions(clips, frame_numbers)
    # The number of frames comes first, as in the tables.
    results: dict[str, Any] = {"frames": len(frame_numbers)}
    per_action: dict[str, dict[str, Any]] = {}
    for action, count in zip(actions.names, actions.counts, strict=True):
        if count:
            per_action[action] = {"frames": int(count)}

    for name in names:
        errors, groups = _errors(name, predicted, target, actions)
        if not len(errors):
            results[name] = None
            results[f"frame_{name}"] = None
            continue
        # Papers average over actions; the second mean counts every frame once.
        average = actions.average(errors, groups)
        results[name] = average.average
        results[f"frame_{name}"] = average.frame_mean
        for action, value in zip(actions.names, average.per_group, strict=True):
            if action in per_action:
                value = None if np.isnan(value) else float(value)
                per_action[action][name] = value
    results["per_action"] = per_action

    # Tables of the benchmark that are not means over actions.
    protocol = protocol_of(clips.dataset)
    published = protocol.published_scores(predicted, target, clips, frame_numbers)
    if published:
        results["published"] = published
    return results


class GroupAverage(NamedTuple):
    """Averages over groups of frames: one row of a table.

    Attributes:
      per_group: `[G]` frame-weighted mean of each group, NaN where it has no frames.
      average: unweighted mean over the groups that have frames: the published "Avg.".
      frame_mean: mean over all frames.
    """

    per_group: np.ndarray
    average: float
    frame_mean: float


def group_average(totals: np.ndarray, counts: np.ndarray) -> GroupAverage:
    """Averages errors by group, by action for example (protocol P.3).

    Args:
      totals: `[G]` sum of the errors of each group.
      counts: `[G]` number of frames in each sum.

    Raises:
      JaxposeError: there are no frames.
    """
    if not counts.any():
        raise JaxposeError(
            "no valid frame to average; check the chosen subjects, takes and masks"
        )
    # A group without frames has no mean and does not count in the average.
    has_frames = counts > 0
    per_group = np.full(totals.shape, np.nan)
    np.divide(totals, counts, out=per_group, where=has_frames)
    return GroupAverage(
        per_group=per_group,
        average=float(per_group[has_frames].mean()),
        frame_mean=float(totals.sum() / counts.sum()),
    )


def _centred(positions_3d: np.ndarray, root: int) -> np.ndarray:
    """Returns positions `[M, J, 3]` relative to joint `root`."""
    return np.asarray(root_centre(positions_3d, root))


class _Actions:
    """Numbers the actions of clips, so that errors can be averaged over each action.

    Attributes:
      names: the actions, in the order of the clips.
      of_frame: `[M]`, number of the action of each predicted frame.
      counts: number of predicted frames of each action.
      consecutive: `[M - 1]` bool, whether a predicted frame and the one after it are
        neighbours in one clip.
    """

    def __init__(self, clips: Clips, frame_numbers: np.ndarray):
        """Numbers the actions of `clips` in the predicted frames."""
        self.names = clips.actions
        numbers = [self.names.index(clip.action) for clip in clips.index]
        clip_of_frame = clips.clip_of_frame[frame_numbers]
        self.of_frame = np.array(numbers)[clip_of_frame]
        self.counts = np.bincount(self.of_frame, minlength=len(self.names))
        # Velocities across a gap or across two clips are no motion of a person.
        is_next = np.diff(frame_numbers) == 1
        same_clip = np.diff(clip_of_frame) == 0
        self.consecutive = is_next & same_clip

    def average(self, values: np.ndarray, groups: np.ndarray) -> GroupAverage:
        """Averages `values [n]`; value `i` belongs to action number `groups[i]`."""
        num_actions = len(self.names)
        totals = np.bincount(groups, values, num_actions)
        counts = np.bincount(groups, minlength=num_actions)
        return group_average(totals, counts)


def _errors(
    name: str,
    predicted: np.ndarray,
    target: np.ndarray,
    actions: _Actions,
) -> tuple[np.ndarray, np.ndarray]:
    """Computes the errors that metric `name` averages.

    Returns:
      The errors `[n]`, float64 millimetres, and the number of the action of each.
    """
    if name != "mpjve":
        errors = np.asarray(_PER_POSE[name](predicted, target))
        groups = actions.of_frame
    elif len(predicted) < 2:
        return np.zeros(0), np.zeros(0, int)
    else:
        # A velocity belongs to the action of the first of its two frames.
        velocities = np.asarray(metrics.velocity_errors(predicted, target))
        errors = velocities[actions.consecutive]
        groups = actions.of_frame[:-1][actions.consecutive]
    return errors.astype(np.float64) * MILLIMETRES, groups
