"""Lifts keypoints of one person in consecutive frames, whatever their frame rate."""

import pathlib
from typing import Any

import ml_collections
import numpy as np
from jax.sharding import Mesh

from jaxpose.data.requirements import require_finite
from jaxpose.inference.predictor import SequenceLifter
from jaxpose.inference.rates import Rates
from jaxpose.models.base import LiftingModel
from jaxpose.precision import matmul_precision
from jaxpose.recordings import timeline


class RateMatchedLifter:
    """Lifts arrays of any length and rate; keeps the compiled programs.

    The model sees the keypoints at the nearest rate that it knows. Where every n-th
    frame has that rate, the array is lifted as n sequences, which together hold each
    frame once. Otherwise keypoints and poses are interpolated linearly.
    """

    def __init__(
        self,
        model: LiftingModel,
        config: ml_collections.ConfigDict,
        known: Rates,
        mesh: Mesh,
        where: str | pathlib.Path,
    ):
        """Prepares the programs, which compile when they are first needed.

        Args:
          model: a model that reads keypoints alone.
          config: batch size, precision and flip averaging.
          known: the rates that the model knows.
          mesh: the devices.
          where: name of the weights, for errors.
        """
        self._precision = config.precision
        self._known = known
        self._where = where
        self._lift = SequenceLifter(
            model,
            flip_average=config.flip_average,
            batch_size=config.eval_batch_size,
            mesh=mesh,
        )

    def __call__(
        self, variables: Any, keypoints_2d: np.ndarray, fps: float | None
    ) -> np.ndarray:
        """Lifts every frame.

        Args:
          variables: weights of the model.
          keypoints_2d: `[F, J2, C]` screen-normalised.
          fps: frames per second; None: those that the model knows.

        Returns:
          Positions `[F, J, 3]` float32, metres, camera frame, relative to the root.

        Raises:
          JaxposeError: a pose is not finite.
        """
        with matmul_precision(self._precision):
            if fps is None or not self._known.are_known:
                positions_3d = self._lift(variables, keypoints_2d)
            else:
                positions_3d = self._lift_matched(variables, keypoints_2d, fps)
        require_finite(positions_3d, self._where)
        return positions_3d

    def _lift_matched(
        self, variables: Any, keypoints_2d: np.ndarray, fps: float
    ) -> np.ndarray:
        """Returns what a call returns, at the nearest rate that the model knows."""
        num_frames = len(keypoints_2d)
        rate = self._known.nearest(fps)
        places = timeline.sample_positions(num_frames, fps, rate)
        parts = []
        for part in places:
            parts.append(self._lift(variables, timeline.sample(keypoints_2d, part)))
        return timeline.back_to_frames(parts, places, num_frames)
