"""Configs of runs of earlier formats, as the next format has them, and their unit."""

import pathlib
from collections.abc import Mapping
from typing import Any

from jaxpose.data import requirements
from jaxpose.datasets import get_builder
from jaxpose.errors import JaxposeError
from jaxpose.models import MODELS, config_fields


def from_format_1(config: dict[str, Any]) -> dict[str, Any]:
    """Returns the config of a run of format 1 as format 2 has it.

    Absent values were empty strings and lists, and `model.keypoint_features` was named
    `model.in_features`.
    """
    model = dict(config["model"])
    dataset = dict(config["dataset"])
    if "in_features" in model:
        model["keypoint_features"] = model.pop("in_features")
    for name, value in model.items():
        if value in ("", []):
            model[name] = None
    for name in ("data_dir", "actions", "skeleton", "keypoints_skeleton"):
        dataset[name] = dataset.get(name) or None
    lifting_workdir = config.get("lifting_workdir") or None
    return config | {
        "model": model,
        "dataset": dataset,
        "lifting_workdir": lifting_workdir,
    }


def from_format_2(config: dict[str, Any]) -> dict[str, Any]:
    """Returns the config of a run of format 2 as format 3 has it.

    Before the field `protocol` existed, validation subjects were held out.
    Every run had a field `stage_two_epoch`, which only GLA-GCN reads and now holds, and
    AMPose's `joint_width` was named `width`. A run that went on in a later jaxpose has
    the config of format 3 already.
    """
    config = dict(config)
    model = dict(config["model"])
    known: Mapping[str, Any] = {}
    if model.get("name") in MODELS:
        known = config_fields(model["name"])
    stage_two_epoch = config.pop("stage_two_epoch", None)
    # The second stage of a refinement has no sequence to learn: it had 0 there.
    has_stages = "stage_two_epoch" in known and not config.get("refinement")
    if has_stages and stage_two_epoch is not None:
        model["stage_two_epoch"] = stage_two_epoch
    if "width" in model and "joint_width" in known:
        model["joint_width"] = model.pop("width")
    return {"protocol": "held_out"} | config | {"model": model}


def with_names_of_today(config: dict[str, Any]) -> dict[str, Any]:
    """Returns a config whose fields have the names of today.

    `init_from` was named `start_workdir`, and took workdirs only.
    """
    config = dict(config)
    if "start_workdir" in config:
        config.setdefault("init_from", config.pop("start_workdir"))
    return config


def unit_of(dataset: str, workdir: pathlib.Path) -> str:
    """Returns the unit of a run of format 1, which the builder of its data set knows.

    Args:
      dataset: data set that the run was trained on.
      workdir: its directory, for the error.

    Raises:
      JaxposeError: the builder cannot be imported here.
    """
    try:
        builder = get_builder(dataset)
    except ImportError as error:
        raise JaxposeError(
            f"{workdir} was made by an earlier jaxpose, which did not save the unit of "
            f"{dataset!r}; install tensorflow-datasets, which finds it"
        ) from error
    if builder.builder_config.image_space:
        return requirements.HALF_IMAGE_WIDTH
    return requirements.METRE
