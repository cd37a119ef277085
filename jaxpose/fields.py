"""Every field of a config: its default, its meaning and its check.

Fields are named by their dotted names, as on the command line: `optimizer.decay` is
`--config.optimizer.decay=0.95`. The fields of `config.model` are those of the model.
"""

import dataclasses
import difflib
from collections.abc import Callable, Iterable
from typing import Any

import ml_collections
from ml_collections import config_dict

from jaxpose.data.detectors import DETECTORS
from jaxpose.errors import JaxposeError
from jaxpose.field_checks import (
    ascending,
    at_least,
    between,
    fraction,
    frame_rates,
    one_of,
    positive,
    repetitions,
    seed,
    tuple_of_names,
)


class Config(ml_collections.ConfigDict):
    """A config whose fields are fixed once it is locked, as `make_config` returns it.

    A new name is then an error that lists the fields of that level.
    """

    def __setitem__(self, key: str, value: Any) -> None:
        """Sets a field.

        Raises:
          JaxposeError: the config is locked and has no such field.
        """
        if self.is_locked and key not in self:
            raise JaxposeError(no_such_field("this config", key, self.keys()))
        super().__setitem__(key, value)


@dataclasses.dataclass(frozen=True)
class Field:
    """A field of every config.

    Attributes:
      default: the default value; a type stands for an absent value (None) of that type.
      about: what the field does, for people.
      complain: the check: returns what is wrong with a value, None if nothing is; no
        check where it is None itself.
    """

    default: Any
    about: str
    complain: Callable[[Any], str | None] | None = None


def _project(value: str | None) -> str | None:
    return "names no project" if value is not None and not value.strip() else None


def _detector(value: str | None) -> str | None:
    return None if value is None else one_of(*DETECTORS)(value)


# Who is trained on, and which checkpoint is scored; what the choices of
# `config.protocol` say of themselves beside scores.
TRAINING_PROTOCOLS = {
    "held_out": "the data set's validation subjects, if it has any (S8 of Human3.6M "
    "and of MPI-INF-3DHP, train_3 of synthetic), are not trained on and select the "
    "checkpoint",
    "paper": "all training subjects of the data set, and the last epoch",
}

# What larger values would cost, the ends of sentences.
_BATCH = "so many poses at a time need hundreds of gigabytes"
_PARTS = "a CPU compiles each part by itself, which takes seconds"
_DISPATCH = "no report, checkpoint or Ctrl-C comes between them"
_TARGETS = "every sample would be a recording of minutes"
_STRIDE = "hardly a frame is left"

# `config.model` is not among them: its fields are those of the model.
FIELDS: dict[str, Field] = {
    "seed": Field(
        0,
        "Of the initial weights, order of the samples, dropout and augmentation.",
        seed,
    ),
    "refinement": Field(
        False,
        "A second stage: a refinement network behind the trained model of another "
        "workdir.",
    ),
    "lifting_workdir": Field(str, "Workdir of the first stage of a refinement."),
    "init_from": Field(
        str,
        "Begin with these weights: the workdir of a run, whose best checkpoint is "
        "taken, or a file of Run.export. Its model has the same parameters: a causal "
        "form begins with those of the centred one. Absent: random weights.",
    ),
    "protocol": Field(
        "held_out",
        "Who is trained on and which checkpoint is scored. `held_out` is honest "
        "practice; `paper` is how the papers train and report.",
        one_of(*TRAINING_PROTOCOLS),
    ),
    # Data.
    "dataset.name": Field(
        str, "TFDS builder and builder config, such as human36m/gt_17."
    ),
    "dataset.data_dir": Field(
        str, "The folder that it is prepared in; absent: TFDS's own default."
    ),
    "dataset.train_subjects": Field(
        (), "Trained on, but for those held out.", tuple_of_names
    ),
    "dataset.validation_subjects": Field(
        (),
        "Held out of train_subjects: the best checkpoint has the smallest MPJPE on "
        "them. Empty, or under the protocol `paper`: the last checkpoint counts as the "
        "best.",
        tuple_of_names,
    ),
    "dataset.test_subjects": Field(
        (),
        "Scored, or predicted with --mode=predict, where empty means all.",
        tuple_of_names,
    ),
    "dataset.actions": Field(
        tuple, "Trained on and scored; absent: all.", tuple_of_names
    ),
    "dataset.skeleton": Field(
        str,
        "Joint set that 3D is converted to (jaxpose/body/joint_rules.py); absent: as "
        "stored.",
    ),
    "dataset.keypoints_skeleton": Field(
        str, "Joint set that 2D is converted to; absent: as stored."
    ),
    "dataset.frame_stride": Field(
        1, "Keep every n-th frame, in training and test.", between(1, 10_000, _STRIDE)
    ),
    # Length of the training.
    "batch_size": Field(
        128, "Poses per update, over all devices.", between(1, 2**22, _BATCH)
    ),
    "accumulation_steps": Field(
        1,
        "For batches beyond memory: parts of the batch, one after the other. The "
        "gradient is the mean of theirs; batch norm sees each part alone.",
        between(1, 1024, _PARTS),
    ),
    "num_epochs": Field(60, "Epochs of the whole run.", repetitions(1, "epochs")),
    "steps_per_epoch": Field(
        0,
        "Updates per epoch; 0 is one pass over the training frames.",
        repetitions(0, "updates per epoch"),
    ),
    "steps_per_dispatch": Field(
        100,
        "Most updates that run without returning to Python.",
        between(1, 10_000, _DISPATCH),
    ),
    # Augmentation.
    "augment_flip": Field(True, "An epoch holds every frame and its mirror image."),
    "augment_rotation": Field(
        False,
        "Virtual views (in none of the papers): turn poses about the vertical axis.",
    ),
    "augment_bones": Field(
        0.0,
        "Change the lengths of bones by up to this fraction (in none of the papers).",
        fraction,
    ),
    "simulated_detector": Field(
        str,
        "For real video (in none of the papers): random cameras see the poses, and the "
        "keypoints are those of a simulated detector "
        "(jaxpose/data/simulated_detector.py) after the joint rules; absent: the "
        "data's own. Models may read its confidence, too (model.keypoint_features=3).",
        _detector,
    ),
    "augment_frame_rate": Field(
        (),
        "Windows are read at a rate between these frames per second; empty: as "
        "recorded. Needs a simulated detector.",
        frame_rates,
    ),
    "person_frame": Field(
        False,
        "Keypoints relative to the person in each frame; the person's place and size "
        "are features of their own (jaxpose/models/person_frame.py). In training, "
        "prediction and streams alike.",
    ),
    "augment_target": Field(
        False,
        "GLA-GCN's: targets turn and scale a little in the image plane, the input "
        "stays.",
    ),
    # Loss.
    "target_scale": Field(
        1.0,
        "Unit of the training targets, in 1/metre: 1 is metres, 1000 is millimetres.",
        positive,
    ),
    "loss": Field("mpjpe", "Of the positions.", one_of("mpjpe", "mse")),
    "target_frames": Field(
        1,
        "Neighbouring target frames per sample. With more than 1 the loss is the mean "
        "over all of them, whatever the model's own loss, plus velocity_loss times the "
        "loss of the differences of neighbours.",
        between(1, 1024, _TARGETS),
    ),
    "velocity_loss": Field(0.0, "Weight of that loss of differences.", at_least(0)),
    # Optimiser.
    "batch_norm_decay": Field(
        False,
        "PyTorch's momentum of batch norm falls from 0.1 to 0.001 over the epochs.",
    ),
    "optimizer.name": Field(
        "adam", "The optimiser.", one_of("adam", "adamw", "amsgrad", "ranger")
    ),
    "optimizer.learning_rate": Field(1e-3, "The largest learning rate.", positive),
    "optimizer.schedule": Field(
        "exponential",
        "How the learning rate falls.",
        one_of("exponential", "cosine", "halving", "warmup_cosine"),
    ),
    "optimizer.decay": Field(
        0.95, "Factor per epoch, of the schedules exponential and halving.", positive
    ),
    "optimizer.final_learning_rate": Field(
        1e-5, "Of the schedule cosine.", at_least(0)
    ),
    "optimizer.warmup_steps": Field(
        0, "Of the schedule warmup_cosine.", repetitions(0, "updates")
    ),
    "optimizer.restart_epochs": Field(
        (),
        "Epochs at which learning rate and batch_norm_decay begin anew; each part of "
        "the run has a schedule of its own length. A run is extended beyond the end of "
        "its schedule with them.",
        ascending,
    ),
    "optimizer.weight_decay": Field(
        0.0, "Of the optimisers adamw and ranger.", at_least(0)
    ),
    # Checkpoints and scores.
    "evaluate_every": Field(
        1, "Epochs between evaluations and checkpoints.", repetitions(1, "epochs")
    ),
    "checkpoint_seconds": Field(
        600,
        "A checkpoint inside a longer epoch, so that a kill costs no more.",
        at_least(0),
    ),
    "wandb": Field(
        str,
        "Project of Weights & Biases that gets the values of TensorBoard, by the same "
        "names; needs the extra wandb. Absent: none.",
        _project,
    ),
    "eval_batch_size": Field(
        1024, "Poses that are predicted together.", between(1, 2**22, _BATCH)
    ),
    "flip_average": Field(True, "Test-time average with the mirrored input."),
    "select_on_test": Field(
        False,
        "Keeps the checkpoint that is best on the test subjects, as much of the field "
        "does; the results say so.",
    ),
    "precision": Field(
        "float32",
        "Of matrix products: tf32 needs an NVIDIA GPU.",
        one_of("float32", "tf32", "bfloat16"),
    ),
}


def default_value(default: Any) -> Any:
    """Returns the default of a field, or the placeholder of a type."""
    if isinstance(default, type):
        return config_dict.placeholder(default)
    return default


def no_such_field(level: str, name: str, known: Iterable[str]) -> str:
    """Returns the message for a field that a level of a config does not have.

    Args:
      level: dotted name of the level, such as `config.optimizer`.
      name: the field.
      known: the fields of that level.
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return f"{level} has no field {name!r}{hint}; it has {', '.join(names)}"


def find_unknown(config: ml_collections.ConfigDict, name: str) -> str | None:
    """Returns what is wrong with the dotted name of a field, None if it exists."""
    level, holder = "config", config
    for part in name.split("."):
        # A name may go on behind a field that is no group.
        if not isinstance(holder, ml_collections.ConfigDict):
            return f"{level} is no group of fields: --{level}=VALUE sets it"
        if part not in holder:
            return no_such_field(level, part, holder.keys())
        level, holder = f"{level}.{part}", holder[part]
    return None
