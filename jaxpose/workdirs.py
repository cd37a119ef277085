"""The directory of a run: whether it can be written, and whose run it holds."""

import importlib.metadata
import json
import pathlib
import sys
import tempfile
from typing import Any

import jax
import ml_collections

from jaxpose.clips import Clips, fingerprint
from jaxpose.errors import JaxposeError

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "tensorflow-datasets")


def open_workdir(workdir: str) -> pathlib.Path:
    """Creates the directory and tries to write there.

    Raises:
      JaxposeError: it cannot be written.
    """
    directory = pathlib.Path(workdir).absolute()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory) as probe:  # a name of its own: others may start here now
            probe.write(b"jaxpose")
    except OSError as error:
        raise JaxposeError(f"--workdir={workdir} cannot be written: {error.strerror or error}") from error
    return directory


def describe_run(config: ml_collections.ConfigDict, clips: Clips) -> dict[str, Any]:
    """What makes a checkpoint self-describing."""
    return {
        "config": plain(config),
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES}
        | {"python": sys.version.split()[0]},
        "devices": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
        "data": {"dataset": clips.dataset, "fingerprint": fingerprint(clips), "frames": clips.num_frames},
        "skeleton": clips.skeleton,
        "keypoints_skeleton": clips.keypoints_skeleton,
        "normalisation": "keypoints: x from [0, width] to [-1, 1], y by the same factor; positions: metres",
    }


def check_config(config: ml_collections.ConfigDict, directory: pathlib.Path) -> None:
    """Raises JaxposeError with the differing fields if `directory` holds a run of another config."""
    path = directory / "config.json"
    if not path.exists():
        return
    before, now = json.loads(path.read_text()), plain(config)
    # Folders may move; a fingerprint guards what the data holds.
    for plain_config in (before, now):
        plain_config["dataset"].pop("data_dir", None)
        plain_config.pop("lifting_workdir", None)  # read once, when the run began
    if differing := differences(before, now):
        raise JaxposeError(
            f"{directory} holds a run with another config; use a new --workdir or undo the change:\n"
            f"{differing}"
        )


def check_data(description: dict[str, Any], directory: pathlib.Path) -> None:
    """Raises JaxposeError if the training data is not what the run in `directory` began with."""
    path = directory / "environment.json"
    if not path.exists():
        return
    before, now = json.loads(path.read_text())["data"], description["data"]
    if before != now:
        raise JaxposeError(
            f"the training data has changed since the run in {directory} began: {before}, now {now}"
        )


def plain(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """The config as JSON reads it back (tuples are lists there)."""
    return json.loads(json.dumps(config.to_dict()))


def differences(before: dict[str, Any], now: dict[str, Any], prefix: str = "config") -> str:
    """The fields in which two plain configs differ, a line each; empty where they agree."""
    lines = []
    for key in sorted({*before, *now}):
        old, new, name = before.get(key, "absent"), now.get(key, "absent"), f"{prefix}.{key}"
        if isinstance(old, dict) and isinstance(new, dict):
            lines += [differences(old, new, name)]
        elif old != new:
            lines.append(f"  {name}: {old!r} there, {new!r} now")
    return "\n".join(line for line in lines if line)
