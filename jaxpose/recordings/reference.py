"""Statistics of 2D poses: how far a pose is from a body, and where joints should be."""

import dataclasses
import functools
import importlib.resources
from typing import Self

import numpy as np

from jaxpose.body.skeletons import H36M_17

# Statistics of motion capture; `experiments/plausibility.py` makes them.
_DEFAULT_FILE = "poses.npz"
# Standard deviation of what a detector adds to each joint, by the size of the pose:
# about 1.5 % of the body's height.
NOISE = 0.05
# Poses that a distance is computed of need this many joints.
MIN_JOINTS = 6
# Share of the poses of a training set that lie outside of `heights`, at either end.
_OUTLIERS = 0.001


@dataclasses.dataclass(frozen=True)
class Reference:
    """Statistics of the 2D that a model learned from, in joints of `h36m_17`.

    A pose is normalised: the hip is its origin, and the root mean square distance of
    its joints from their mean is 1.

    Attributes:
      mean: `[34]` mean of the normalised poses, x and y of joint after joint.
      covariance: `[34, 34]` of the same.
      heights: (lowest, highest) `body_height` of a pose, in half image widths.
    """

    mean: np.ndarray
    covariance: np.ndarray
    heights: tuple[float, float]

    @classmethod
    def of(cls, keypoints_2d: np.ndarray) -> Self:
        """Returns the statistics of a training set.

        Args:
          keypoints_2d: `[N, 17, 2]` screen-normalised, joints of `h36m_17`.
        """
        poses = _normalise(keypoints_2d).reshape(len(keypoints_2d), -1)
        heights = np.quantile(body_height(keypoints_2d), [_OUTLIERS, 1 - _OUTLIERS])
        lowest, highest = heights.tolist()
        return cls(poses.mean(axis=0), np.cov(poses.T), (lowest, highest))

    @functools.cached_property
    def turned(self) -> np.ndarray:
        """Returns `[17, 17]` complex, the mean of `z z*` of poses turned by any angle.

        `z` is a normalised pose as complex numbers x + iy. Its mean over all angles is
        0, and that of `z z` as well, so this matrix is all that second moments say
        about the shape of a body that may lie or stand on its head.
        """
        moments = self.covariance + np.outer(self.mean, self.mean)
        xx, xy = moments[0::2, 0::2], moments[0::2, 1::2]
        yx, yy = moments[1::2, 0::2], moments[1::2, 1::2]
        turned = xx + yy + 1j * (yx - xy)
        return turned + NOISE**2 * np.eye(len(turned))

    def distance(self, keypoints_2d: np.ndarray) -> np.ndarray:
        """Returns how far poses are from a body, whatever their place, size and angle.

        The distance is that of Mahalanobis by `turned`, divided by the root of the
        number of joints but one: about 1 for a body, and above 3 for joints in a wrong
        order.

        Args:
          keypoints_2d: `[F, 17, 2]` in any unit, NaN where a joint is to be left out.

        Returns:
          `[F]`; NaN where fewer than `MIN_JOINTS` joints are left, or all joints are at
          one place.
        """
        distances = np.full(len(keypoints_2d), np.nan)
        for rows, joints in _by_pattern(keypoints_2d):
            if len(joints) < MIN_JOINTS:
                continue
            expected = self.turned[np.ix_(joints, joints)]
            inverse = np.linalg.inv(expected)
            poses = _as_complex(keypoints_2d[np.ix_(rows, joints)])

            # The size: that of these joints, by what they have in a body of size 1.
            centred = poses - poses.mean(axis=1, keepdims=True)
            variance = np.trace(expected).real - expected.mean().real * len(joints)
            sizes = np.sqrt((np.abs(centred) ** 2).sum(axis=1) / variance)

            # The place is the one that makes the distance smallest.
            centred -= (centred @ inverse.sum(axis=0) / inverse.sum())[:, None]
            squares = np.einsum("ni,ij,nj->n", centred.conj(), inverse, centred).real
            with np.errstate(divide="ignore", invalid="ignore"):
                distances[rows] = np.sqrt(squares / (len(joints) - 1)) / sizes
        distances[np.isinf(distances)] = np.nan
        return distances

    def estimate(self, keypoints_2d: np.ndarray) -> np.ndarray:
        """Returns the poses with their missing joints where they are most likely.

        That is their expectation given the other joints, for bodies of any place, size
        and angle: a person at a desk stands.

        Args:
          keypoints_2d: `[F, 17, 2]`, NaN where a joint is missing.

        Returns:
          `[F, 17, 2]`; a pose of fewer than `MIN_JOINTS` joints stays as it is.
        """
        completed = np.array(keypoints_2d)
        for rows, joints in _by_pattern(keypoints_2d):
            missing = np.setdiff1d(np.arange(H36M_17.num_joints), joints)
            if len(joints) < MIN_JOINTS or not len(missing):
                continue
            inverse = np.linalg.inv(self.turned[np.ix_(joints, joints)])
            poses = _as_complex(keypoints_2d[np.ix_(rows, joints)])
            place = (poses @ inverse.sum(axis=0) / inverse.sum())[:, None]
            weights = self.turned[np.ix_(missing, joints)] @ inverse
            found = place + (poses - place) @ weights.T
            both = np.stack([found.real, found.imag], axis=-1)
            completed[np.ix_(rows, missing)] = both
        return completed


@functools.cache
def default_reference() -> Reference:
    """Returns the statistics that come with jaxpose, of motion capture in many views.

    The motion capture is that of `cmu_mocap`, seen by the cameras of Human3.6M and by
    cameras around the person at random. These are statistics, no data.
    """
    source = importlib.resources.files("jaxpose.recordings") / _DEFAULT_FILE
    with source.open("rb") as stream, np.load(stream) as arrays:
        lowest, highest = arrays["heights"].tolist()
        return Reference(arrays["mean"], arrays["covariance"], (lowest, highest))


def body_height(keypoints_2d: np.ndarray) -> np.ndarray:
    """Returns the length of bodies from the feet to the head along their bones.

    Args:
      keypoints_2d: `[F, 17, 2]` joints of `h36m_17`.

    Returns:
      `[F]` in the unit of `keypoints_2d`: a person who sits is as long as one who
      stands, as far as the bones are not seen end-on.
    """
    bones = (
        ("hip", "thorax", 1.0),
        ("thorax", "head", 1.0),
        ("left_hip", "left_knee", 0.5),
        ("left_knee", "left_ankle", 0.5),
        ("right_hip", "right_knee", 0.5),
        ("right_knee", "right_ankle", 0.5),
    )
    height = np.zeros(len(keypoints_2d))
    for start, end, weight in bones:
        ends = [H36M_17.joints.index(start), H36M_17.joints.index(end)]
        bone = np.diff(keypoints_2d[:, ends], axis=1)[:, 0]
        height += weight * np.linalg.norm(bone, axis=-1)
    return height


def _normalise(keypoints_2d: np.ndarray) -> np.ndarray:
    """Returns poses `[F, 17, 2]` with the hip at 0, and of size 1."""
    spread = keypoints_2d - keypoints_2d.mean(axis=1, keepdims=True)
    size = np.sqrt((spread**2).sum(axis=-1).mean(axis=1))
    centred = keypoints_2d - keypoints_2d[:, :1]
    return centred / np.maximum(size, np.finfo(np.float64).tiny)[:, None, None]


def _as_complex(keypoints_2d: np.ndarray) -> np.ndarray:
    """Returns x + iy of `[..., 2]`."""
    return keypoints_2d[..., 0] + 1j * keypoints_2d[..., 1]


def _by_pattern(keypoints_2d: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns rows that have the same joints, and these joints, for each such group."""
    known = np.isfinite(keypoints_2d).all(axis=-1)
    patterns, groups = np.unique(known, axis=0, return_inverse=True)
    found = []
    for number, pattern in enumerate(patterns):
        found.append((np.flatnonzero(groups == number), np.flatnonzero(pattern)))
    return found
