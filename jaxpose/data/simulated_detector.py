"""Simulates the keypoints that a 2D detector would deliver for known 3D poses.

The points of the detector's layout are placed on the pose, projected, disturbed, and
taken through the joint rules of a user's recording. Everything is drawn from one key.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.body.detector_rules import convert_seen
from jaxpose.body.layouts import LAYOUT_JOINTS
from jaxpose.body.skeletons import H36M_17
from jaxpose.data.detector_points import (
    MORE_POINTS,
    POINTS,
    behind_the_head,
    detector_points,
)
from jaxpose.data.detectors import Detector
from jaxpose.data.random_cameras import View, project, standing_height

_LAYOUT = "halpe_26"
# The share of windows whose layout lacks a point.
_LAYOUTS_WITHOUT = {"neck": 0.4, "hip": 0.4, "head": 0.7}
# Joints of a lower confidence count as not seen: the default for recordings.
MIN_CONFIDENCE = 0.3
# The median of the length of a normal vector in the plane, in standard deviations.
_MEDIAN_LENGTH = 1.177

# Errors of a joint relative to the mean of all; faces are found best.
_ERROR_OF_JOINT = {
    "wrist": 1.5,
    "ankle": 1.4,
    "elbow": 1.1,
    "knee": 1.1,
    "hip": 1.1,
    "shoulder": 0.8,
}
_ERROR_OF_OTHERS = 0.6
# Seconds over which disturbances fade, or that they last.
_SLOW, _MEDIUM, _BURST, _LOSS, _SWAP, _TURN = 1.5, 0.2, 0.5, 0.3, 0.8, 1.0
# Errors of bursts: standard deviation of the logarithm of their size.
_BURSTS = 0.5
_OUTLIER = 5.0  # times the usual error
_HEAD_TURN = np.deg2rad(20.0)  # standard deviation


def simulate(
    key: jax.Array, view: View, fps: jax.Array, detector: Detector
) -> jax.Array:
    """Returns the keypoints of a simulated detector, after the joint rules.

    Args:
      key: randomness of the batch.
      view: poses `[B, T, 17, 3]` of `h36m_17` in the frame of their cameras.
      fps: `[B]`, frames per second.
      detector: how it errs.

    Returns:
      `[B, T, 17, 3]`: x, y, screen-normalised, and the confidence in [0, 1]. A joint
      that was not seen has zeros.
    """
    turn_key, neck_key, layout_key, face_key, error_key = jax.random.split(key, 5)
    batch, frames = view.positions_3d.shape[:2]
    turns = smooth_noise(turn_key, (batch, frames, 1), _fading(fps, _TURN)[:, None])
    neck_height = jax.random.uniform(neck_key, (batch, 1))
    points_3d = detector_points(
        view.positions_3d,
        _HEAD_TURN * turns[..., 0],
        jnp.broadcast_to(neck_height, (batch, frames)),
    )
    # The person's height in the image, were they to stand where they are.
    depth = jnp.maximum(view.positions_3d[:, :, H36M_17.root, 2], 0.1)
    height = standing_height(view.positions_3d, H36M_17)
    height = height * view.camera[:, None, 0] / depth
    points_2d = project(view, points_3d)
    keypoints = disturb(error_key, points_2d, height, fps, detector)

    seen = keypoints[..., 2] >= MIN_CONFIDENCE
    seen = seen & _in_image(view, points_3d, keypoints) & _in_layout(layout_key, batch)
    hides = jax.random.bernoulli(face_key, detector.faces, (batch, 1, 1))
    seen = seen & ~(hides & behind_the_head(points_3d))
    keypoints = jnp.where(seen[..., None], keypoints, 0)
    # Halpe's points begin with these; its feet are in no rule.
    num_feet = len(LAYOUT_JOINTS[_LAYOUT]) - len(POINTS)
    keypoints = jnp.pad(keypoints, ((0, 0), (0, 0), (0, num_feet), (0, 0)))
    return convert_seen(keypoints, _LAYOUT, H36M_17.name)


def _in_image(view: View, points_3d: jax.Array, keypoints: jax.Array) -> jax.Array:
    """Returns which points `[B, T, P]` lie in the image."""
    limits = jnp.stack([jnp.ones_like(view.half_height), view.half_height], axis=-1)
    inside = (jnp.abs(keypoints[..., :2]) <= limits[:, None, None]).all(axis=-1)
    # `project` moves points farther aside than 45 degrees to there.
    return inside & (jnp.abs(points_3d[..., :2]) < points_3d[..., 2:]).all(axis=-1)


def _in_layout(key: jax.Array, batch: int) -> jax.Array:
    """Draws which points `[B, 1, P]` the detector of each window has.

    A share of them has those of COCO, one the neck and the hip of BODY_25 besides, and
    one the crown of Halpe as well.
    """
    drawn = jax.random.uniform(key, (batch, 1, 1))
    least = np.zeros(len(POINTS))
    for name, share in _LAYOUTS_WITHOUT.items():
        least[POINTS.index(name)] = share
    return drawn >= least[None, None]


def disturb(
    key: jax.Array,
    points_2d: jax.Array,
    height: jax.Array,
    fps: jax.Array,
    detector: Detector,
) -> jax.Array:
    """Adds the errors of a detector to true points.

    Args:
      key: randomness of the batch.
      points_2d: `[B, T, P, 2]`, screen-normalised, in the order of `POINTS`.
      height: `[B, T]`, the person's height in the image, in the same unit.
      fps: `[B]`, frames per second.
      detector: how it errs.

    Returns:
      `[B, T, P, 3]`: x, y, and the confidence, 0 where a joint is missing.
    """
    window_key, noise_key, swap_key, loss_key = jax.random.split(key, 4)
    batch, frames, points = points_2d.shape[:3]
    window = _draw_window(window_key, batch, detector)
    points_2d = _swap_sides(swap_key, points_2d, fps, window.swapped)

    # Lost joints, frames without a person and outliers last for tenths of a second.
    by_kind = jnp.stack([window.lost, window.gaps, window.outliers], axis=1)
    shares = by_kind[:, np.repeat([0, 1, 2], [points, 1, points])]
    happens = stretches(loss_key, frames, shares, fps * _LOSS)
    is_lost = happens[..., :points] | happens[..., points : points + 1]
    is_outlier = happens[..., points + 1 :]

    noise, burst = _noise(noise_key, (batch, frames, points), fps, window)
    factors = jnp.asarray(error_factors(), points_2d.dtype)[None, None]
    size = window.error[:, None, None] * factors * burst
    size = jnp.where(is_outlier, _OUTLIER, 1.0) * size
    error = size[..., None] / _MEDIAN_LENGTH * noise
    # Detectors are sure of themselves to different degrees, and some do not say. They
    # know how hard a place is better than how far off they are.
    doubt = 0.75 * size + 0.25 * jnp.sqrt((error**2).sum(-1))
    confidence = jnp.exp(-doubt / window.tolerance[:, None, None])
    confidence = jnp.where(window.is_silent[:, None, None], 1.0, confidence)
    confidence = jnp.where(is_lost, 0.0, confidence)
    found = points_2d + height[..., None, None] * error
    return jnp.concatenate([found, confidence[..., None]], axis=-1)


def error_factors() -> np.ndarray:
    """Returns the error of each of `POINTS` relative to the mean of COCO's, `[P]`."""
    factors = []
    for name in POINTS:
        part = name.split("_")[-1]
        is_limb = name not in MORE_POINTS
        factors.append(_ERROR_OF_JOINT.get(part, _ERROR_OF_OTHERS) if is_limb else 1.0)
    return np.array(factors)


def smooth_noise(
    key: jax.Array, shape: tuple[int, int, int], correlation: jax.Array
) -> jax.Array:
    """Draws autoregressive noise of order 1 and variance 1 along the frames.

    Args:
      key: randomness.
      shape: `(B, T, C)`.
      correlation: `[B, C]` (or `[B, 1]`), of neighbouring frames.

    Returns:
      `[B, T, C]`.
    """
    white = _normal(key, shape)
    innovation = jnp.sqrt(1 - correlation**2)  # keeps the variance at 1

    def advance(before: jax.Array, fresh: jax.Array) -> tuple[jax.Array, jax.Array]:
        now = correlation * before + innovation * fresh
        return now, now

    frames = jnp.moveaxis(white, 1, 0)
    _, later = jax.lax.scan(advance, frames[0], frames[1:])
    return jnp.moveaxis(jnp.concatenate([frames[:1], later]), 0, 1)


def stretches(
    key: jax.Array, frames: int, shares: jax.Array, length: jax.Array
) -> jax.Array:
    """Draws when things happen that last for a while: Markov chains of two states.

    Args:
      key: randomness.
      frames: `T`.
      shares: `[B, C]`, the mean share of time, below 1.
      length: `[B]`, the mean length of a stretch in frames.

    Returns:
      `[B, T, C]` bool.
    """
    uniform = jax.random.uniform(key, (frames, *shares.shape))
    leave = jnp.minimum(1 / length, 1)[:, None]
    enter = leave * shares / (1 - shares)

    def advance(happens: jax.Array, drawn: jax.Array) -> tuple[jax.Array, jax.Array]:
        now = jnp.where(happens, drawn >= leave, drawn < enter)
        return now, now

    first = uniform[0] < shares
    _, later = jax.lax.scan(advance, first, uniform[1:])
    return jnp.moveaxis(jnp.concatenate([first[None], later]), 0, 1)


class _Window(NamedTuple):
    """What a window draws once; all `[B]`, the shares of time in [0, 1]."""

    error: jax.Array
    lost: jax.Array
    outliers: jax.Array
    swapped: jax.Array
    gaps: jax.Array
    slow: jax.Array
    white: jax.Array
    tolerance: jax.Array
    is_silent: jax.Array


def _draw_window(key: jax.Array, batch: int, detector: Detector) -> _Window:
    """Draws the severity of the errors of each window."""
    names = [*_Window._fields, "clean", "swaps"]
    uniform = {}
    for name, one in zip(names, jax.random.split(key, len(names)), strict=True):
        uniform[name] = jax.random.uniform(one, (batch,))
    errs = uniform["clean"] >= detector.clean
    low, high = np.log(detector.error)
    # Squares: most windows lose little, some a lot.
    shares = {}
    for name in ("lost", "outliers", "gaps"):
        shares[name] = errs * getattr(detector, name) * uniform[name] ** 2
    swaps = errs & (uniform["swaps"] < detector.swaps)
    return _Window(
        error=errs * jnp.exp(low + (high - low) * uniform["error"]),
        **shares,
        swapped=swaps * detector.swapped * uniform["swapped"],
        slow=0.2 + 0.5 * uniform["slow"],
        white=0.2 * uniform["white"] ** 2,
        tolerance=0.05 * 6 ** uniform["tolerance"],
        is_silent=~errs | (uniform["is_silent"] < 0.4),
    )


def _noise(
    key: jax.Array, shape: tuple[int, int, int], fps: jax.Array, window: _Window
) -> tuple[jax.Array, jax.Array]:
    """Draws noise `[B, T, P, 2]` of variance 1, and factors `[B, T, P]` of its bursts.

    It has a part that stays for a second, one for some frames, and one for each frame.
    """
    batch, frames, points = shape
    smooth_key, white_key = jax.random.split(key)
    times = np.repeat([_SLOW, _MEDIUM, _BURST], [2 * points, 2 * points, points])
    fading = jnp.exp(-1 / (fps[:, None] * times[None]))
    process = smooth_noise(smooth_key, (batch, frames, len(times)), fading)
    slow, medium, burst = jnp.split(process, [2 * points, 4 * points], axis=-1)
    white = _normal(white_key, (batch, frames, 2 * points))
    shares = window.slow, 1 - window.slow - window.white, window.white
    noise = jnp.zeros(())
    for share, part in zip(shares, (slow, medium, white), strict=True):
        noise = noise + jnp.sqrt(share)[:, None, None] * part
    return noise.reshape(*shape, 2), jnp.exp(_BURSTS * burst)


def _normal(key: jax.Array, shape: tuple[int, int, int]) -> jax.Array:
    """Draws normal numbers of 16 random bits each, up to 4.2 standard deviations.

    Twice as fast as `jax.random.normal`, which would take as long as a train step.
    """
    half = (*shape[:-1], (shape[-1] + 1) // 2)
    pairs = jax.lax.bitcast_convert_type(jax.random.bits(key, half), jnp.uint16)
    pairs = pairs.reshape(*shape[:-1], -1)[..., : shape[-1]]
    uniform = (pairs.astype(jnp.float32) + 0.5) / 2**15 - 1
    return np.sqrt(2) * jax.lax.erf_inv(uniform)


def _swap_sides(
    key: jax.Array, points_2d: jax.Array, fps: jax.Array, swapped: jax.Array
) -> jax.Array:
    """Swaps left and right of the body, the legs or the arms for stretches of time."""
    # The whole body is mistaken more often than legs or arms alone.
    shares = swapped[:, None] * jnp.array([[0.6, 0.25, 0.15]])
    happens = stretches(key, points_2d.shape[1], shares, fps * _SWAP)
    for number, parts in enumerate(((), ("hip", "knee", "ankle"), ("elbow", "wrist"))):
        is_swapped = happens[..., number]
        mirrored = points_2d[:, :, _mirror(parts)]
        points_2d = jnp.where(is_swapped[..., None, None], mirrored, points_2d)
    return points_2d


def _mirror(parts: tuple[str, ...]) -> np.ndarray:
    """Returns the order of `POINTS` with sides swapped; of `parts`, or of all."""
    order = []
    for index, name in enumerate(POINTS):
        side, _, part = name.partition("_")
        if side in ("left", "right") and (not parts or part in parts):
            other = {"left": "right", "right": "left"}[side]
            index = POINTS.index(f"{other}_{part}")
        order.append(index)
    return np.array(order)


def _fading(fps: jax.Array, seconds: float) -> jax.Array:
    """Returns the correlation `[B]` of neighbouring frames of noise that fades."""
    return jnp.exp(-1 / (fps * seconds))
