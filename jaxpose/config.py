"""The config of a run: how it is made and checked, and the variants of a config file.

A file in `configs/` makes a config with `make_config`, sets the recipe of its paper,
and changes what a variant differs in. Fields are named by their dotted names, as on the
command line: `optimizer.decay` is `--config.optimizer.decay=0.95`.
"""

from collections.abc import Mapping
from typing import Any

import ml_collections

from jaxpose.datasets import PROTOCOLS, protocol_of
from jaxpose.datasets.cmu_mocap.protocol import BOTH_ARCHIVES
from jaxpose.errors import JaxposeError
from jaxpose.field_checks import check_length
from jaxpose.fields import FIELDS, Config, default_value, no_such_field
from jaxpose.wording import shown

# A data set, as TFDS names it, and the fields that a variant changes.
Variant = tuple[str, Mapping[str, Any]]

# Fields that runs of format 2 may lack.
LATER_FIELDS = (
    "simulated_detector",
    "augment_frame_rate",
    "person_frame",
    "target_frames",
    "velocity_loss",
    "init_from",
    "optimizer.restart_epochs",
    "wandb",
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


def make_config(model: str, dataset: str) -> Config:
    """Makes a config with every field, set for the model and the data set's protocol.

    It is locked: setting a field that does not exist is an error with those that do.

    Args:
      model: name of the model in `jaxpose.models.MODELS`, whose defaults are its sizes.
      dataset: data set, `NAME/CONFIG` or `NAME`, whose protocol decides `data_fields`.

    Raises:
      JaxposeError: unknown model or data set.
    """
    # Imported here, as Flax takes seconds and a mistyped variant is answered before.
    from jaxpose import models

    config = Config()
    config.model = Config({"name": model})
    for name, default in models.config_fields(model).items():
        config.model[name] = default_value(default)
    # A dotted name is a field inside groups, which are made when they are first met.
    for name, field in FIELDS.items():
        *groups, leaf = name.split(".")
        holder = config
        for group in groups:
            if group not in holder:
                holder[group] = Config()
            holder = holder[group]
        holder[leaf] = default_value(field.default)
    config.update_from_flattened_dict(data_fields(dataset))
    # A mistyped field must not become a new one.
    config.lock()
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


def follow_dataset(
    config: ml_collections.ConfigDict, trained: ml_collections.ConfigDict
) -> None:
    """Gives a config that names another data set the test subjects of that one.

    Those of the training are nobody there. Subjects and actions that differ from the
    training's were chosen, and stay.

    Args:
      config: the config to score or lift with; changed in place.
      trained: the config that the run was trained with.
    """
    protocol = protocol_of(config.dataset.name)
    if protocol.name == protocol_of(trained.dataset.name).name:
        return
    for field, value in (
        ("test_subjects", protocol.test_subjects),
        ("actions", protocol.actions),
    ):
        unchanged = config.dataset[field] == trained.dataset[field]
        if unchanged and protocol.name in PROTOCOLS:
            config.dataset[field] = value


def restore_config(values: Mapping[str, Any]) -> Config:
    """Returns the config that a JSON file holds, as `make_config` would have made it.

    Fields that came after the run have their defaults, with which it was made. Fields
    that this jaxpose does not know stay.

    Args:
      values: JSON data: lists in place of tuples, null in place of absent values.
    """
    from jaxpose import models

    # Types of the fields that may be absent: the flags of the command line need them.
    defaults = {name: field.default for name, field in FIELDS.items()}
    model = values.get("model", {}).get("name")
    if model in models.MODELS:
        for name, default in models.config_fields(model).items():
            defaults[f"model.{name}"] = default
    config = _restore_level(values, defaults, "")
    for name in LATER_FIELDS:
        *group, leaf = name.split(".")
        holder = config.get(group[0], Config()) if group else config
        if leaf not in holder:
            holder[leaf] = default_value(FIELDS[name].default)
    config.lock()
    return config


def _restore_level(
    values: Mapping[str, Any], defaults: Mapping[str, Any], level: str
) -> Config:
    """Returns the fields of one level; `level` is its dotted name and a dot."""
    config = Config()
    for name, value in values.items():
        if isinstance(value, dict):
            value = _restore_level(value, defaults, f"{level}{name}.")
        elif value is None:
            value = default_value(defaults.get(level + name))
        config[name] = tuple(value) if isinstance(value, list) else value
    return config


def check_names(config: ml_collections.ConfigDict) -> None:
    """Raises JaxposeError for a field that no run has, with the fields of its level.

    `config.model` is left out: `models.build_model` knows its fields.
    """
    levels: dict[str, list[str]] = {"": ["model"]}
    for name in FIELDS:
        level, _, leaf = name.rpartition(".")
        levels.setdefault(level, []).append(leaf)
    for level, known in levels.items():
        # A group is a field of the level above it.
        known += [name for name in levels if name and not level]
        holder = config[level] if level else config
        for name in holder:
            if name not in known:
                full = f"config.{level}".removesuffix(".")
                raise JaxposeError(no_such_field(full, name, known))


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
            raise JaxposeError(f"config.{name}={shown(value)} {complaint}")
    if config.steps_per_epoch:
        check_length(config.num_epochs, config.steps_per_epoch, config.batch_size)
    if config.lifting_workdir and not config.refinement:
        raise JaxposeError(
            "config.lifting_workdir is for a second stage: set config.refinement=True"
        )
    if config.init_from and config.refinement:
        raise JaxposeError(
            "config.init_from: a second stage begins with the run of "
            "config.lifting_workdir; leave it empty"
        )
    restarts = config.optimizer.restart_epochs
    if restarts and restarts[-1] >= config.num_epochs:
        raise JaxposeError(
            f"config.optimizer.restart_epochs={restarts!r} must be before the end, "
            f"config.num_epochs={config.num_epochs}"
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
