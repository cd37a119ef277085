"""Scores of two predictions that need no network, for scale: mean pose and ridge."""

from collections.abc import Callable

import numpy as np

from jaxpose.data.clips import Clips
from jaxpose.scoring.evaluate import root_relative, score, scored_frames

_RIDGE_PART = 100_000  # frames whose features are in memory together


def baselines(train: Clips | None, test: Clips) -> dict[str, float | None]:
    """Returns MPJPE of the mean training pose and of a ridge regression, millimetres.

    None where there is no training data, or where it has other joints than `test`.
    """
    names = ("mean_pose_mpjpe", "linear_mpjpe")
    if train is None or _joints(train) != _joints(test):
        return dict.fromkeys(names)
    frame_numbers = scored_frames(test)
    joints = test.positions_3d.shape[1:]
    constant = np.broadcast_to(mean_pose(train), (len(frame_numbers), *joints))
    linear = fit_ridge(train)(test.keypoints_2d[frame_numbers])
    errors: dict[str, float | None] = {}
    for name, predicted in zip(names, (constant, linear), strict=True):
        errors[name] = score(predicted, test, frame_numbers, ["mpjpe"])["mpjpe"]
    return errors


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
    # X^T X and X^T Y are sums over frames: never are the features of all in memory.
    gram, moment = np.zeros(()), np.zeros(())
    num_parts = max(1, len(frame_numbers) // _RIDGE_PART)
    for part in np.array_split(frame_numbers, num_parts):
        x = _ridge_features(train.keypoints_2d[part])
        y = root_relative(train, part).reshape(len(part), -1)
        gram, moment = gram + x.T @ x, moment + x.T @ y
    ridge = penalty * np.eye(len(gram))
    ridge[-1, -1] = 0.0
    weights = np.linalg.solve(gram + ridge, moment)
    joints = train.positions_3d.shape[1]

    def predict(keypoints_2d: np.ndarray) -> np.ndarray:
        poses = _ridge_features(keypoints_2d) @ weights
        return poses.reshape(-1, joints, 3).astype(np.float32)

    return predict


def _ridge_features(keypoints_2d: np.ndarray) -> np.ndarray:
    flat = keypoints_2d.reshape(len(keypoints_2d), -1).astype(np.float64)
    return np.concatenate([flat, np.ones((len(flat), 1))], axis=1)


def _joints(clips: Clips) -> tuple[str, str]:
    return clips.skeleton, clips.keypoints_skeleton
