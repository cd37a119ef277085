"""The released weights: CMU motion capture, filmed by a simulated detector.

    python -m jaxpose.main --config=configs/wild.py --workdir=runs/wild
    python -m jaxpose.main --config=configs/wild.py:causal --workdir=runs/wild_causal

Trained on the 17 training subjects of both archives of `cmu_mocap`; nothing else. The
bench is `python -m experiments.wild`, and experiments/wild.md holds what it measured.

Variants:
    centred (default)   AMPose, 27 frames, the target in the middle
    causal              the target is the last frame, so that it streams; smaller, as a
                        frame has to be lifted within milliseconds
    trial_NAME          minutes of training, to choose between models: ampose27 and
                        ampose1 (AMPose of 27 frames and of one), pose27 and pose81
                        (VideoPose3D)
    quick               seconds, to see that everything works
"""

from typing import Any

import ml_collections

from jaxpose.config import CMU_MORE, make_config
from jaxpose.errors import JaxposeError

DATASET = "cmu_mocap/gt"

# What every model here is trained for.
WILD = CMU_MORE | {
    "simulated_detector": "mixed",
    "augment_frame_rate": (20.0, 60.0),
    "augment_bones": 0.1,
    "person_frame": True,
    "model.keypoint_features": 3,
    "loss": "mpjpe",
    "optimizer.name": "adamw",
    "optimizer.weight_decay": 1e-4,
    "optimizer.learning_rate": 1e-3,
    "optimizer.schedule": "warmup_cosine",
    "optimizer.warmup_steps": 500,
    "steps_per_dispatch": 20,
    "checkpoint_seconds": 300,
}
# One token per joint holds its keypoints of all frames, so frames cost little.
AMPOSE = {
    "model.num_frames": 27,
    "model.depth": 4,
    "model.joint_width": 96,
    "model.heads": 4,
    "model.graph_norm": "layer",
    "batch_size": 64,
    "target_frames": 2,
    "velocity_loss": 1.0,
}
# Both files together are smaller than 8 MB in float16. The last checkpoint counts, for
# the learning rate falls to 0. Batches of 256 keep a GPU busy.
LARGE_BATCHES = AMPOSE | {
    "batch_size": 256,
    "precision": "tf32",
    "steps_per_epoch": 1000,
}
RELEASE = LARGE_BATCHES | {
    "model.depth": 6,
    "model.joint_width": 160,
    "num_epochs": 24,
    "evaluate_every": 24,
}
CAUSAL = LARGE_BATCHES | {
    "model.depth": 5,
    "model.joint_width": 128,
    "model.causal": True,
    "num_epochs": 20,
    "evaluate_every": 20,
}
POSE = {
    "model.channels": 384,
    "model.dropout_rate": 0.1,
    "batch_size": 256,
    "target_frames": 2,
    "velocity_loss": 1.0,
}
TRIAL = {"num_epochs": 1, "evaluate_every": 1}

# The model of a variant, and the fields that it changes.
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "centred": ("ampose", RELEASE),
    "causal": ("ampose", CAUSAL),
    "trial_ampose27": ("ampose", AMPOSE | TRIAL | {"steps_per_epoch": 1500}),
    "trial_ampose1": (
        "ampose",
        AMPOSE | TRIAL | {"model.num_frames": 1, "steps_per_epoch": 1500},
    ),
    "trial_pose27": (
        "videopose3d",
        POSE | TRIAL | {"model.filter_widths": (3, 3, 3), "steps_per_epoch": 1000},
    ),
    "trial_pose81": (
        "videopose3d",
        POSE | TRIAL | {"model.filter_widths": (3, 3, 3, 3), "steps_per_epoch": 1000},
    ),
    "quick": (
        "videopose3d",
        POSE
        | {
            "model.channels": 32,
            "model.filter_widths": (3, 3),
            "batch_size": 64,
            "num_epochs": 2,
            "steps_per_epoch": 20,
        },
    ),
}


def get_config(variant: str = "centred") -> ml_collections.ConfigDict:
    """Returns the config of `variant`.

    Raises:
      JaxposeError: unknown variant.
    """
    if variant not in VARIANTS:
        raise JaxposeError(
            f"configs/wild.py has no variant {variant!r}; it has {', '.join(VARIANTS)}"
        )
    model, changes = VARIANTS[variant]
    config = make_config(model, DATASET)
    config.update_from_flattened_dict(WILD | changes)
    # Windows of one target each; whole sequences are predicted in the dilated form.
    if "strided" in config.model:
        config.model.strided = True
    return config
