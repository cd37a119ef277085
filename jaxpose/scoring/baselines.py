"""Scores of two predictions without a network: the mean pose and a ridge regression.

They give the scores of a model a scale.
"""

from collections.abc import Callable

import numpy as np

from jaxpose.data.clips import Clips
from jaxpose.scoring.evaluate import root_relative, score, scored_frames

# Frames whose features are in memory together.
_RIDGE_PART = 100_000


def baselines(train: Clips | None, test: Clips) -> dict[str, float | None]:
    """Scores the mean training pose and a ridge regression on `test`.

    Returns:
      MPJPE in millimetres under `mean_pose_mpjpe` and `linear_mpjpe`; None where there
      is no training data, or where it has other joints than `test`.
    """
    if train is None or _joints(train) != _joints(test):
        return {"mean_pose_mpjpe": None, "linear_mpjpe": None}
    frame_numbers = scored_frames(test)

    def error(predicted: np.ndarray) -> float | None:
        return score(predicted, test, frame_numbers, ["mpjpe"])["mpjpe"]

    # The same pose in every frame.
    pose = mean_pose(train)
    constant = np.broadcast_to(pose, (len(frame_numbers), *pose.shape))
    linear = fit_ridge(train)(test.keypoints_2d[frame_numbers])
    return {
        "mean_pose_mpjpe": error(constant),
        "linear_mpjpe": error(linear),
    }


def mean_pose(train: Clips) -> np.ndarray:
    """Returns the mean root-relative training pose `[J, 3]`, metres."""
    poses = root_relative(train, scored_frames(train))
    return poses.mean(axis=0, dtype=np.float64).astype(np.float32)


def fit_ridge(train: Clips, penalty: float = 1.0) -> Callable[[np.ndarray], np.ndarray]:
    """Fits a ridge regression from one frame's keypoints to its root-relative pose.

    Minimises `|X W - Y|^2 + penalty |W|^2`, where the rows of `X` are the keypoints and
    a constant, whose weights are not penalised (scikit-learn's convention and default).

    Returns:
      The function `keypoints_2d [M, J2, 2] -> positions [M, J, 3]`.
    """
    frame_numbers = scored_frames(train)
    # X^T X and X^T Y are sums over frames, added up part by part: the features of all
    # frames together may not fit into memory.
    gram = np.zeros(())
    moment = np.zeros(())
    num_parts = max(1, len(frame_numbers) // _RIDGE_PART)
    for part in np.array_split(frame_numbers, num_parts):
        x = _ridge_features(train.keypoints_2d[part])
        y = root_relative(train, part).reshape(len(part), -1)
        gram = gram + x.T @ x
        moment = moment + x.T @ y

    # The last feature is the constant, whose weights are not penalised.
    ridge = penalty * np.eye(len(gram))
    ridge[-1, -1] = 0.0
    weights = np.linalg.solve(gram + ridge, moment)
    joints = train.positions_3d.shape[1]

    def predict(keypoints_2d: np.ndarray) -> np.ndarray:
        poses = _ridge_features(keypoints_2d) @ weights
        return poses.reshape(-1, joints, 3).astype(np.float32)

    return predict


def _ridge_features(keypoints_2d: np.ndarray) -> np.ndarray:
    """Returns the rows of `X`, `[M, J2 * 2 + 1]` float64: keypoints and a 1."""
    num_frames = len(keypoints_2d)
    flat = keypoints_2d.reshape(num_frames, -1)
    constant = np.ones((num_frames, 1))
    return np.concatenate([flat.astype(np.float64), constant], axis=1)


def _joints(clips: Clips) -> tuple[str, str]:
    """Returns the names of the joint sets in 3D and in 2D."""
    return clips.skeleton, clips.keypoints_skeleton
