"""Checks the fields of a config."""

import ml_collections
import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.training.losses import LOSSES


def check_fields(config: ml_collections.ConfigDict) -> None:
    """Raises JaxposeError for a field whose value no run could use, before anything is written."""
    positive = [
        *("batch_size", "accumulation_steps", "num_epochs"),
        *("steps_per_dispatch", "evaluate_every", "eval_batch_size"),
    ]
    fields = {f"config.{name}": config[name] for name in positive}
    fields["config.dataset.frame_stride"] = config.dataset.frame_stride
    for name, value in fields.items():
        if value < 1:
            raise JaxposeError(f"{name}={value} must be at least 1")
    optimizer = config.optimizer
    fields = {
        "config.target_scale": config.target_scale,
        "config.optimizer.learning_rate": optimizer.learning_rate,
        "config.optimizer.decay": optimizer.decay,
    }
    for name, value in fields.items():
        if not 0 < value < np.inf:
            raise JaxposeError(f"{name}={value} must be a finite number above 0")
    if not 0 <= config.augment_bones < 1:
        raise JaxposeError(
            f"config.augment_bones={config.augment_bones} must be at least 0 and below 1"
        )
    if optimizer.warmup_steps < 0:
        raise JaxposeError(
            f"config.optimizer.warmup_steps={optimizer.warmup_steps} must be at least 0"
        )
    if not 0 <= config.seed < 2**32:
        raise JaxposeError(
            f"config.seed={config.seed} must be at least 0 and below 2**32"
        )
    if config.steps_per_epoch < 0:
        raise JaxposeError(
            f"config.steps_per_epoch={config.steps_per_epoch} must be 0 (one pass) or more"
        )
    if config.lifting_workdir and not config.refinement:
        raise JaxposeError(
            "config.lifting_workdir is for a second stage: set config.refinement=True"
        )
    if config.loss not in LOSSES:
        raise JaxposeError(
            f"config.loss {config.loss!r} is unknown; known: {', '.join(LOSSES)}"
        )
