"""Compares configs: where they differ, and whether one run goes on where another ends.

Configs are plain here, as JSON has them.
"""

import json
from typing import Any

from jaxpose.models import MODELS, config_fields
from jaxpose.wording import shown

# Schedules whose learning rates depend on the number of epochs.
_LENGTH_DEPENDENT = ("cosine", "warmup_cosine")
# Fields that name directories of other runs, and where the values of a run are shown.
_FOLDERS = ("lifting_workdir", "init_from", "wandb")
# Fields that may change when a run is extended.
_LENGTH = ("config.num_epochs", "config.optimizer.restart_epochs")


def differences(
    before: dict[str, Any], now: dict[str, Any], prefix: str = "config"
) -> list[str]:
    """Lists the fields in which two plain configs differ, with both values."""
    found = []
    for key in sorted({*before, *now}):
        name = f"{prefix}.{key}"
        old = before.get(key, "absent")
        new = now.get(key, "absent")
        # Groups of fields are compared field by field.
        if isinstance(old, dict) and isinstance(new, dict):
            found += differences(old, new, name)
        elif old != new:
            found.append(f"{name}: {shown(old)} there, {shown(new)} now")
    return found


def comparable(config: dict[str, Any]) -> dict[str, Any]:
    """Returns a config in which absent fields of the model have the model's default."""
    name = config["model"].get("name")
    if name not in MODELS:
        return config
    # A default that is a type stands for an absent value.
    model: dict[str, Any] = {}
    for field, default in config_fields(name).items():
        model[field] = None if isinstance(default, type) else default
    # Through JSON: tuples become lists, as in `config.json`.
    model = json.loads(json.dumps(model)) | config["model"]
    return config | {"model": model}


def without_folders(config: dict[str, Any]) -> dict[str, Any]:
    """Returns a config without the folders, which may move."""
    kept = {name: value for name, value in config.items() if name not in _FOLDERS}
    dataset = dict(config["dataset"])
    dataset.pop("data_dir", None)
    return kept | {"dataset": dataset}


def with_folders(recorded: dict[str, Any], in_file: dict[str, Any]) -> dict[str, Any]:
    """Returns the config in a record with the folders that `config.json` names."""
    folders = {name: in_file[name] for name in _FOLDERS if name in in_file}
    dataset = dict(recorded["dataset"])
    if "data_dir" in in_file["dataset"]:
        dataset["data_dir"] = in_file["dataset"]["data_dir"]
    return recorded | folders | {"dataset": dataset}


def is_extension(before: dict[str, Any], now: dict[str, Any]) -> bool:
    """Returns whether a run goes on where a shorter one ends, with the same updates.

    The schedules of the shorter run must not depend on its length, or begin anew at its
    end.

    Args:
      before: plain config of the shorter run.
      now: plain config of the longer one.
    """
    for config in (before, now):
        optimizer = config.get("optimizer")
        if type(config.get("num_epochs")) is not int or not isinstance(optimizer, dict):
            return False
    if now["num_epochs"] <= before["num_epochs"]:
        return False
    if not differ_in_length(differences(before, now)):
        return False
    restarts = now["optimizer"].get("restart_epochs", [])
    if restarts == list(restarts_at_end(before)):
        return True
    depends = before["optimizer"].get("schedule") in _LENGTH_DEPENDENT
    depends |= bool(before.get("batch_norm_decay"))
    return restarts == before["optimizer"].get("restart_epochs", []) and not depends


def differ_in_length(differing: list[str]) -> bool:
    """Returns whether all differences are fields that an extension changes."""
    return all(line.split(":")[0] in _LENGTH for line in differing)


def restarts_at_end(before: dict[str, Any]) -> tuple[int, ...]:
    """Returns `restart_epochs` of a run that begins its schedules anew at its end."""
    earlier = before["optimizer"].get("restart_epochs", [])
    return (*earlier, before["num_epochs"])
