"""Filters of positions over time: zero-phase Butterworth, and One-Euro."""

import numpy as np

from jaxpose.errors import JaxposeError

# Two passes of a second-order filter damp the cutoff twice. This factor moves the
# cutoff of one pass so that both together have -3 dB at the wanted frequency (Winter,
# Biomechanics and Motor Control of Human Movement, 4th edition, chapter 3).
_TWO_PASSES = (np.sqrt(2.0) - 1) ** 0.25
# Of a low pass, as a fraction of the rate.
_LEAST_CUTOFF = 1e-5


def butterworth(values: np.ndarray, rate: float, cutoff: float) -> np.ndarray:
    """Filters `[F, ...]` forwards and backwards by a second-order low pass.

    Together this is the fourth-order zero-phase filter of biomechanics. Its gain is
    1 / sqrt(2) at `cutoff`.

    Args:
      values: `[F, ...]`, a constant step of time apart.
      rate: frames per second.
      cutoff: Hz.

    Raises:
      JaxposeError: the cutoff is not from 1e-5 to below half of the rate.
    """
    if len(values) < 2:
        return values.copy()
    # A lower one keeps a constant, and its filter is beyond float64.
    if not rate * _LEAST_CUTOFF <= cutoff < rate / 2:
        raise JaxposeError(
            f"cutoff {cutoff:g} Hz: expected at least {rate * _LEAST_CUTOFF:g}, and "
            f"less than half of the {rate:g} frames per second"
        )
    from scipy import signal  # takes longer to import than all of this package

    # The bilinear transform bends frequencies: the correction is one of the tangent.
    tangent = np.tan(np.pi * cutoff / rate) / _TWO_PASSES
    one_pass = np.arctan(tangent) * rate / np.pi
    sections = signal.butter(2, one_pass, fs=rate, output="sos")
    # Beyond both ends the signal goes on, point-symmetric, until the filter settles.
    settling = max(9, round(2 * rate / cutoff))
    padding = min(settling, len(values) - 1)
    return signal.sosfiltfilt(sections, values, axis=0, padlen=padding)


class OneEuroFilter:
    """Filters frames as they come: strongly at rest, hardly in fast motion.

    Casiez, Roussel and Vogel, "1 Euro Filter", CHI 2012. The cutoff of a joint is
    `min_cutoff + beta * speed`. The speed is that of the joint in space, so that the
    result does not depend on the axes.
    """

    def __init__(self, min_cutoff: float, beta: float, speed_cutoff: float = 1.0):
        """Takes the parameters.

        Args:
          min_cutoff: Hz, at rest. A lower one removes more jitter.
          beta: Hz per metre per second. A higher one lags less in fast motion.
          speed_cutoff: Hz, for the speed itself.

        Raises:
          JaxposeError: a cutoff is not above 0, or beta is below 0.
        """
        if not (min_cutoff > 0 and speed_cutoff > 0 and beta >= 0):
            raise JaxposeError(
                f"One-Euro filter with min_cutoff {min_cutoff:g}, beta {beta:g}, "
                f"speed_cutoff {speed_cutoff:g}: expected cutoffs above 0, beta at "
                "least 0"
            )
        self._min_cutoff = min_cutoff
        self._beta = beta
        self._speed_cutoff = speed_cutoff
        self._time = -np.inf
        self._values: np.ndarray | None = None
        self._velocity = np.zeros(3)

    def __call__(self, values: np.ndarray, time: float) -> np.ndarray:
        """Filters one frame.

        Args:
          values: `[J, 3]` metres.
          time: seconds, later than that of the frame before.

        Returns:
          `[J, 3]`.
        """
        if self._values is None:
            self._values, self._time = values.copy(), time
            self._velocity = np.zeros_like(values)
            return self._values
        step = time - self._time
        velocity = (values - self._values) / step
        share = _share_of_new(np.array(self._speed_cutoff), step)
        self._velocity = self._velocity + share * (velocity - self._velocity)
        speed = np.linalg.norm(self._velocity, axis=-1, keepdims=True)
        share = _share_of_new(self._min_cutoff + self._beta * speed, step)
        self._values = self._values + share * (values - self._values)
        self._time = time
        return self._values


def _share_of_new(cutoff: np.ndarray, step: float) -> np.ndarray:
    """Returns the weight of the new value in a first-order low pass."""
    time_constant = 1 / (2 * np.pi * cutoff)
    return step / (step + time_constant)
