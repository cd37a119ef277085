"""The config of a run: every field with its default and its check, and its variants.

A file in `configs/` makes a config with `make_config`, sets the recipe of its paper,
and changes what a variant differs in. Fields are named by their dotted names, as on the
command line: `optimizer.decay` is `--config.optimizer.decay=0.95`.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import ml_collections
from ml_collections import config_dict

from jaxpose.data.detectors import DETECTORS
from jaxpose.datasets import PROTOCOLS, protocol_of
from jaxpose.datasets.cmu_mocap.protocol import BOTH_ARCHIVES
from jaxpose.errors import JaxposeError

# A data set, as TFDS names it, and the fields that a variant changes.
Variant = tuple[str, Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class Field:
    """A field of every config.

    Attributes:
      default: the default value; a type stands for an absent value (None) of that type.
      complain: the check: returns what is wrong with a value, None if nothing is; no
        check where it is None itself.
    """

    default: Any
    complain: Callable[[Any], str | None] | None = None


def _at_least(least: int) -> Callable[[float], str | None]:
    """Returns the check of a number that has a lower bound."""
    return lambda value: None if value >= least else f"must be at least {least}"


def _one_of(*known: str) -> Callable[[str], str | None]:
    """Returns the check of a name that must be among the `known` ones."""
    complaint = f"is unknown; known: {', '.join(known)}"
    return lambda value: None if value in known else complaint


def _positive(value: float) -> str | None:
    return None if 0 < value < math.inf else "must be a finite number above 0"


def _fraction(value: float) -> str | None:
    return None if 0 <= value < 1 else "must be at least 0 and below 1"


def _frame_rates(value: tuple[float, ...]) -> str | None:
    if not value or (len(value) == 2 and 0 < value[0] <= value[1]):
        return None
    return "must be empty, or the lowest and the highest frames per second"


def _detector(value: str | None) -> str | None:
    return None if value is None else _one_of(*DETECTORS)(value)


def _seed(value: int) -> str | None:
    return None if 0 <= value < 2**32 else "must be at least 0 and below 2**32"


def _steps(value: int) -> str | None:
    return None if value >= 0 else "must be 0 (one pass) or more"


# Who is trained on, and which checkpoint is scored; what the choices of
# `config.protocol` say of themselves beside scores.
TRAINING_PROTOCOLS = {
    "held_out": "the data set's validation subjects, if it has any (S8 of Human3.6M "
    "and of MPI-INF-3DHP), are not trained on and select the checkpoint",
    "paper": "all training subjects of the data set, and the last epoch",
}

# `config.model` is not among them: its fields are those of the model.
FIELDS: dict[str, Field] = {
    # Initial weights, order of the samples, dropout and augmentation.
    "seed": Field(0, _seed),
    # A second stage: a refinement network behind the trained model of another workdir.
    "refinement": Field(False),
    "lifting_workdir": Field(str),
    # Begin with the best weights of another run, whose model has the same parameters:
    # a causal form with those of the centred one. Absent: random weights.
    "start_workdir": Field(str),
    # `held_out` is honest practice; `paper` is how the papers train and report.
    "protocol": Field("held_out", _one_of(*TRAINING_PROTOCOLS)),
    # TFDS builder and builder config, such as human36m/gt_17.
    "dataset.name": Field(str),
    # The folder that it is prepared in; absent: TFDS's own default.
    "dataset.data_dir": Field(str),
    "dataset.train_subjects": Field(()),
    # Held out of train_subjects: the best checkpoint has the smallest MPJPE on them.
    # Empty, or under the protocol `paper`: the last checkpoint counts as the best.
    "dataset.validation_subjects": Field(()),
    # Scored, or predicted with --mode=predict, where empty means all.
    "dataset.test_subjects": Field(()),
    # Actions to train on and to score; absent: all.
    "dataset.actions": Field(tuple),
    # Joint sets to convert 3D and 2D to (jaxpose/body/joint_rules.py); absent: as
    # stored.
    "dataset.skeleton": Field(str),
    "dataset.keypoints_skeleton": Field(str),
    # Keep every n-th frame, in training and test.
    "dataset.frame_stride": Field(1, _at_least(1)),
    # Poses per update, over all devices.
    "batch_size": Field(128, _at_least(1)),
    # For batches beyond memory: parts of the batch, one after the other. The gradient
    # is the mean of theirs; batch norm sees each part alone.
    "accumulation_steps": Field(1, _at_least(1)),
    "num_epochs": Field(60, _at_least(1)),
    # Updates per epoch; 0 is one pass over the training frames.
    "steps_per_epoch": Field(0, _steps),
    # Most updates that run without returning to Python.
    "steps_per_dispatch": Field(100, _at_least(1)),
    # An epoch holds every frame and its mirror image.
    "augment_flip": Field(True),
    # Virtual views (in none of the papers): turn poses about the vertical axis, and
    # change the lengths of bones by up to this fraction.
    "augment_rotation": Field(False),
    "augment_bones": Field(0.0, _fraction),
    # For real video (in none of the papers): random cameras see the poses, and the
    # keypoints are those of a simulated detector (jaxpose/data/simulated_detector.py)
    # after the joint rules; absent: the data's own. Models may read its confidence, too
    # (model.keypoint_features=3).
    "simulated_detector": Field(str, _detector),
    # Windows are read at a rate between these frames per second; empty: as recorded.
    # Needs a simulated detector.
    "augment_frame_rate": Field((), _frame_rates),
    # Keypoints relative to the person in each frame; the person's place and size are
    # features of their own (jaxpose/models/person_frame.py). In training, prediction
    # and streams alike.
    "person_frame": Field(False),
    # GLA-GCN's: targets turn and scale a little in the image plane, the input stays.
    "augment_target": Field(False),
    # Unit of the training targets, in 1/metre: 1 is metres, 1000 is millimetres.
    "target_scale": Field(1.0, _positive),
    "loss": Field("mpjpe", _one_of("mpjpe", "mse")),
    # Neighbouring target frames per sample. With more than 1 the loss is the mean over
    # all of them, whatever the model's own loss, plus this weight times the loss of the
    # differences of neighbours.
    "target_frames": Field(1, _at_least(1)),
    "velocity_loss": Field(0.0, _at_least(0)),
    # PyTorch's momentum of batch norm falls from 0.1 to 0.001 over the epochs.
    "batch_norm_decay": Field(False),
    "optimizer.name": Field("adam", _one_of("adam", "adamw", "amsgrad", "ranger")),
    "optimizer.learning_rate": Field(1e-3, _positive),
    "optimizer.schedule": Field(
        "exponential", _one_of("exponential", "cosine", "halving", "warmup_cosine")
    ),
    # Factor per epoch, of the schedules exponential and halving.
    "optimizer.decay": Field(0.95, _positive),
    # Of the schedule cosine.
    "optimizer.final_learning_rate": Field(1e-5, _at_least(0)),
    # Of the schedule warmup_cosine.
    "optimizer.warmup_steps": Field(0, _at_least(0)),
    # Of the optimisers adamw and ranger.
    "optimizer.weight_decay": Field(0.0, _at_least(0)),
    # Epochs between evaluations and checkpoints.
    "evaluate_every": Field(1, _at_least(1)),
    # A checkpoint inside a longer epoch, so that a kill costs no more.
    "checkpoint_seconds": Field(600, _at_least(0)),
    "eval_batch_size": Field(1024, _at_least(1)),
    # Test-time average with the mirrored input.
    "flip_average": Field(True),
    # Keeps the checkpoint that is best on the test subjects, as much of the field does;
    # the results say so.
    "select_on_test": Field(False),
    # Of matrix products: tf32 needs an NVIDIA GPU.
    "precision": Field("float32", _one_of("float32", "tf32", "bfloat16")),
}

# Fields that runs of format 2 may lack.
LATER_FIELDS = (
    "simulated_detector",
    "augment_frame_rate",
    "person_frame",
    "target_frames",
    "velocity_loss",
    "start_workdir",
)

# The recipe of runs of minutes on a laptop; a config adds sizes and updates per epoch.
QUICK_RUN = {
    "num_epochs": 5,
    "steps_per_dispatch": 20,
    "loss": "mpjpe",
    "optimizer.name": "adam",
    "optimizer.learning_rate": 2e-3,
    "optimizer.schedule": "warmup_cosine",
    "optimizer.warmup_steps": 100,
}
# The same on real motion capture of few people: ten minutes on two CPU cores.
CMU_RUN = QUICK_RUN | {
    "num_epochs": 10,
    "augment_rotation": True,
    "augment_bones": 0.1,
}
# The same recipe on the split of both archives, so that only the data differs.
CMU_MORE = {
    "dataset.train_subjects": BOTH_ARCHIVES.train_subjects,
    "dataset.test_subjects": BOTH_ARCHIVES.test_subjects,
}
# The second stage, after the run of --config.lifting_workdir=DIR. It sees the true
# depth of the root, and its loss is on the refined pose alone.
SECOND_STAGE = {
    "refinement": True,
    "optimizer.learning_rate": 1e-5,
    "loss": "mpjpe",
}


def make_config(model: str, dataset: str) -> ml_collections.ConfigDict:
    """Makes a config with every field, set for the model and the data set's protocol.

    Args:
      model: name of the model in `jaxpose.models.MODELS`, whose defaults are its sizes.
      dataset: data set, `NAME/CONFIG` or `NAME`, whose protocol decides `data_fields`.

    Raises:
      JaxposeError: unknown model or data set.
    """
    # Imported here, as Flax takes seconds and a mistyped variant is answered before.
    from jaxpose import models

    config = ml_collections.ConfigDict()
    config.model = ml_collections.ConfigDict({"name": model})
    for name, default in models.config_fields(model).items():
        config.model[name] = _value(default)
    # A dotted name is a field inside groups, which are made when they are first met.
    for name, field in FIELDS.items():
        *groups, leaf = name.split(".")
        holder = config
        for group in groups:
            if group not in holder:
                holder[group] = ml_collections.ConfigDict()
            holder = holder[group]
        holder[leaf] = _value(field.default)
    config.update_from_flattened_dict(data_fields(dataset))
    return config


def data_fields(dataset: str) -> dict[str, Any]:
    """Returns the fields that the protocol of a data set decides, by dotted name.

    Raises:
      JaxposeError: unknown data set.
    """
    protocol = protocol_of(dataset)
    if protocol.name not in PROTOCOLS:
        raise JaxposeError(
            f"unknown data set {protocol.name!r}; known: {', '.join(PROTOCOLS)}"
        )
    return {
        "dataset.name": dataset,
        "dataset.train_subjects": protocol.train_subjects,
        "dataset.validation_subjects": protocol.validation_subjects,
        "dataset.test_subjects": protocol.test_subjects,
        "dataset.actions": protocol.actions,
        "target_scale": protocol.target_scale,
        "model.skeleton": protocol.skeleton,
    }


def choose_variant(
    file: str, variant: str, variants: Mapping[str, Variant], quick: Mapping[str, Any]
) -> Variant:
    """Returns the data set and the changed fields of a variant of a config file.

    Args:
      file: the config file, for the error.
      variant: one of `variants`, or `quick_NAME` for the quick sizes on data set NAME.
      variants: the file's own variants.
      quick: fields of the quick sizes.

    Raises:
      JaxposeError: unknown variant.
    """
    # Quick sizes run on every data set that has training data.
    known = {**variants}
    for name, protocol in PROTOCOLS.items():
        if protocol.train_subjects:
            joints = {"dataset.keypoints_skeleton": protocol.skeleton}
            known[f"quick_{name}"] = (name, {**quick, **joints})
    if variant not in known:
        raise JaxposeError(
            f"{file} has no variant {variant!r}; it has {', '.join(known)}"
        )
    return known[variant]


def held_out_subjects(config: ml_collections.ConfigDict) -> tuple[str, ...]:
    """Returns the training subjects that only select the checkpoint, by the protocol.

    Without any the last checkpoint counts as the best.
    """
    if config.protocol == "paper":
        return ()
    return tuple(config.dataset.validation_subjects)


def with_new_fields(config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
    """Returns the config of an earlier run with the fields that came later.

    They have their defaults, with which the run was made.
    """
    for name in LATER_FIELDS:
        if name not in config:
            config[name] = _value(FIELDS[name].default)
    return config


def check_fields(config: ml_collections.ConfigDict) -> None:
    """Checks the value of every field of `FIELDS`, before anything is written.

    Raises:
      JaxposeError: names the first field that is missing, or whose value no run could
        use.
    """
    for name, field in FIELDS.items():
        value = config
        for part in name.split("."):
            if part not in value:
                raise JaxposeError(
                    f"config.{name} is missing: the config of another program, or of "
                    "an earlier jaxpose"
                )
            value = value[part]
        may_be_absent = isinstance(field.default, type)
        if value is None and not may_be_absent:
            raise JaxposeError(f"config.{name} is None; its default: {field.default!r}")
        complaint = field.complain(value) if field.complain else None
        if complaint:
            raise JaxposeError(f"config.{name}={value!r} {complaint}")
    if config.lifting_workdir and not config.refinement:
        raise JaxposeError(
            "config.lifting_workdir is for a second stage: set config.refinement=True"
        )
    if config.start_workdir and config.refinement:
        raise JaxposeError(
            "config.start_workdir: a second stage begins with the run of "
            "config.lifting_workdir; leave it empty"
        )
    if config.augment_frame_rate and not config.simulated_detector:
        raise JaxposeError(
            "config.augment_frame_rate reads poses between frames, which have no "
            "keypoints: set config.simulated_detector"
        )
    if config.velocity_loss and config.target_frames < 2:
        raise JaxposeError(
            f"config.velocity_loss={config.velocity_loss:g} compares neighbouring "
            "frames: set config.target_frames to 2 or more"
        )
    if config.target_frames > 1 and config.refinement:
        raise JaxposeError(
            "config.target_frames: a refined model has one target frame; set it to 1"
        )


def _value(default: Any) -> Any:
    """Returns the default of a field, or the placeholder of a type."""
    if isinstance(default, type):
        return config_dict.placeholder(default)
    return default
