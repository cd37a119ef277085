"""The directory of a run: whether it can be written, and whose run it holds."""

import contextlib
import importlib.metadata
import json
import os
import pathlib
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import jax
import ml_collections

from jaxpose.data.clips import Clips, fingerprint
from jaxpose.errors import JaxposeError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_PACKAGES = (
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "numpy",
    "tensorflow-datasets",
)


def open_workdir(workdir: str) -> pathlib.Path:
    """Creates the directory and tries to write there.

    Raises:
      JaxposeError: it cannot be written.
    """
    directory = pathlib.Path(workdir).absolute()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(
            dir=directory
        ) as probe:  # a name of its own: others may start here now
            probe.write(b"jaxpose")
    except OSError as error:
        raise JaxposeError(
            f"--workdir={workdir} cannot be written: {error.strerror or error}"
        ) from error
    return directory


@contextlib.contextmanager
def sole_use(directory: pathlib.Path) -> Iterator[None]:
    """Keeps other runs out of the directory as long as this one lives, however it ends.

    Of several processes of a run the first asks. File systems that know no locks let all in.

    Raises:
      JaxposeError: another run is in it.
    """
    if fcntl is None or jax.process_index() != 0:
        yield
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JaxposeError(
                f"--workdir={directory} is in use by another run; wait until it ends, or use a new --workdir"
            ) from None
        except OSError:
            pass
        yield
    finally:
        os.close(handle)


def describe_run(config: ml_collections.ConfigDict, clips: Clips) -> dict[str, Any]:
    """What makes a checkpoint self-describing."""
    return {
        "config": plain(config),
        "versions": {name: importlib.metadata.version(name) for name in _PACKAGES}
        | {"python": sys.version.split()[0]},
        "devices": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
        "data": {
            "dataset": clips.dataset,
            "fingerprint": fingerprint(clips),
            "frames": clips.num_frames,
        },
        "skeleton": clips.skeleton,
        "keypoints_skeleton": clips.keypoints_skeleton,
        "normalisation": "keypoints: x from [0, width] to [-1, 1], y by the same factor; positions: metres",
    }


def check_config(config: ml_collections.ConfigDict, directory: pathlib.Path) -> None:
    """Raises JaxposeError with the differing fields if `directory` holds a run of another config."""
    path = directory / "config.json"
    if not path.exists():
        return
    before, now = read_json(path), plain(config)
    # Folders may move; a fingerprint guards what the data holds.
    for plain_config in (before, now):
        plain_config.get("dataset", {}).pop("data_dir", None)
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
    before, now = read_json(path).get("data"), description["data"]
    if before != now:
        raise JaxposeError(
            f"the training data has changed since the run in {directory} began: {before}, now {now}"
        )


def plain(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """The config as JSON reads it back (tuples are lists there)."""
    return json.loads(json.dumps(config.to_dict()))


def tested_data(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """What a config says about the data that it is scored on, but for the folder that it lies in."""
    others = ("data_dir", "train_subjects", "validation_subjects")
    return {
        key: value
        for key, value in plain(config)["dataset"].items()
        if key not in others
    }


def read_json(path: pathlib.Path) -> dict[str, Any]:
    """The object in a file that jaxpose wrote.

    Raises:
      JaxposeError: it is damaged, or something else's.
    """
    try:
        content = json.loads(path.read_text())
    except (ValueError, OSError) as error:
        raise JaxposeError(
            f"{path} cannot be read ({error}); remove it, or use a new --workdir"
        ) from error
    if not isinstance(content, dict):
        raise JaxposeError(f"{path} is not jaxpose's; use another --workdir")
    return content


def differences(
    before: dict[str, Any], now: dict[str, Any], prefix: str = "config"
) -> str:
    """The fields in which two plain configs differ, a line each; empty where they agree."""
    lines = []
    for key in sorted({*before, *now}):
        old, new, name = (
            before.get(key, "absent"),
            now.get(key, "absent"),
            f"{prefix}.{key}",
        )
        if isinstance(old, dict) and isinstance(new, dict):
            lines += [differences(old, new, name)]
        elif old != new:
            lines.append(f"  {name}: {old!r} there, {new!r} now")
    return "\n".join(line for line in lines if line)
