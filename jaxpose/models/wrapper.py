"""A lifting model around another one, of which it has all that it does not change."""

from typing import ClassVar, Self

import flax.linen as nn

from jaxpose.models.base import LiftingModel


class LiftingWrapper(LiftingModel, kw_only=True):
    """A lifting model that calls another one. It declares what `lifting` declares.

    Attributes:
      lifting: the other model.
    """

    lifting: LiftingModel
    # Numbers per keypoint that the wrapper adds to its input before it calls `lifting`.
    added_features: ClassVar[int] = 0

    def __post_init__(self) -> None:
        """Takes joints, features and unit from `lifting`."""
        # Copies, so that callers read the contract of either in the same way.
        self.skeleton = self.lifting.skeleton
        self.keypoint_features = self.lifting.keypoint_features - self.added_features
        self.target_scale = self.lifting.target_scale
        super().__post_init__()

    @property
    def receptive_field(self) -> int:
        """Returns the number of input frames of one pose."""
        return self.lifting.receptive_field

    @property
    def causal_shift(self) -> int:
        """Returns the frames that the window is shifted into the past."""
        return self.lifting.causal_shift

    @property
    def keypoints_skeleton(self) -> str:
        """Returns the name of the skeleton of the input."""
        return self.lifting.keypoints_skeleton

    def keeps_momentum(self, path: tuple[str, ...]) -> bool:
        """Returns what the lifting model says of its batch norms."""
        return self.lifting.keeps_momentum(path)

    def for_platform(self, platform: str) -> Self:
        """Returns the model with the lifting model's form."""
        return self.clone(lifting=self.lifting.for_platform(platform))

    @nn.nowrap
    def cpu_batch_size(self, batch_size: int) -> int:
        """Returns what the lifting model asks for."""
        return self.lifting.cpu_batch_size(batch_size)
