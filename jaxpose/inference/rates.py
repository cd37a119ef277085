"""Knows the frame rates that a model was trained at."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import ml_collections
import numpy as np

from jaxpose.models.base import LiftingModel
from jaxpose.recordings.settings import LEAST_FPS, MOST_FPS


@dataclasses.dataclass(frozen=True)
class Rates:
    """The frame rates that a model knows, in frames per second.

    Attributes:
      trained: rates of its training clips; empty where they are not known, or do not
        matter to a model of one frame.
      span: the lowest and the highest rate that it was shown, where training clips were
        read at random rates between them; it knows all of these, and only these.
    """

    trained: tuple[float, ...] = ()
    span: tuple[float, ...] = ()

    @property
    def are_known(self) -> bool:
        """Returns whether recordings have to be matched."""
        return bool(self.trained or self.span)

    def nearest(self, fps: float) -> float:
        """Returns the rate that a recording of `fps` is shown at."""
        if self.span:
            lowest, highest = self.span
            # Whole factors keep every frame among those that the model sees.
            if fps > highest:
                return fps / np.ceil(fps / highest)
            return fps * max(np.ceil(lowest / fps), 1)
        if not self.trained:
            return fps
        # Data sets may mix rates: the model knows all of them.
        return min(self.trained, key=lambda rate: abs(np.log(rate / fps)))


def known_rates(
    model: LiftingModel,
    config: ml_collections.ConfigDict,
    description: Mapping[str, Any],
) -> Rates:
    """Returns the rates that the weights of a run know.

    Args:
      model: the model of the run.
      config: the config that it was trained with.
      description: entries of its `environment.json`; `fps` is absent where weights were
        trained elsewhere.
    """
    if model.receptive_field == 1:
        return Rates()
    # Absent in configs that are older than the field.
    span = tuple(config.get("augment_frame_rate", ()))
    stated = description.get("fps")
    if span or not isinstance(stated, list | tuple):
        return Rates((), span)
    return Rates(tuple(filter(is_rate, stated)))


def is_rate(fps: Any) -> bool:
    """Returns whether `fps`, which may be anything, is a rate of a recording."""
    try:
        return bool(LEAST_FPS <= fps <= MOST_FPS)
    except (TypeError, ValueError):  # text, or an array of several numbers
        return False
