"""Files of a run's directory: whose run it holds, and who may write there.

config.json       the config that the run is trained with
environment.json  format, versions, data and unit, as they were when the run began
checkpoints/      see `jaxpose.training.checkpoints`; each holds the above as well
metrics.jsonl     see `jaxpose.training.metric_writer`
results.json      scores of the best checkpoint
"""

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
from absl import logging

from jaxpose.config import restore_config
from jaxpose.data.clips import Clips, fingerprint
from jaxpose.data.random_cameras import HEIGHTS
from jaxpose.data.requirements import unit_of
from jaxpose.errors import JaxposeError, join_first
from jaxpose.inference.doubts import body_heights
from jaxpose.regular_files import read_regular
from jaxpose.training import earlier_formats, records
from jaxpose.training.comparison import (
    comparable,
    differ_in_length,
    differences,
    is_extension,
    restarts_at_end,
    with_folders,
    without_folders,
)
from jaxpose.whole_files import write_json
from jaxpose.wording import cut, shown

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# Rises when older versions of jaxpose can no longer read a run. Runs that state no
# format are of format 1.
FORMAT = 3
# Packages whose versions are saved with a run.
_PACKAGES = (
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "numpy",
    "tensorflow-datasets",
)


def open_workdir(workdir: str | pathlib.Path) -> pathlib.Path:
    """Creates the directory and tries to write there; returns its absolute path.

    Raises:
      JaxposeError: it cannot be written.
    """
    directory = pathlib.Path(workdir).absolute()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        # The file has a name of its own: other runs may try the same directory now.
        with tempfile.TemporaryFile(dir=directory) as probe:
            probe.write(b"jaxpose")
    except OSError as error:
        raise JaxposeError(
            f"workdir={workdir} cannot be written: {error.strerror or error}"
        ) from error
    return directory


@contextlib.contextmanager
def sole_use(workdir: pathlib.Path) -> Iterator[None]:
    """Keeps other runs out of the directory until the context or the process ends.

    The first process of a run takes the lock for all of them. File systems without
    locks let every run in.

    Raises:
      JaxposeError: another run is in it.
    """
    if fcntl is None or jax.process_index() != 0:
        yield
        return
    # The system releases the lock when the process ends, however it ends.
    handle = os.open(workdir, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise JaxposeError(
                f"workdir={workdir} is in use by another run; wait until it ends, or "
                "use a new one"
            ) from None
        except OSError:  # a file system without locks
            pass
        yield
    finally:
        os.close(handle)


def describe_run(
    config: ml_collections.ConfigDict, clips: Clips | None = None, **more: Any
) -> dict[str, Any]:
    """Returns the description that is saved with every checkpoint.

    Args:
      config: the config of the run.
      clips: the training data; None for weights that were trained elsewhere.
      more: further entries.
    """
    versions = {}
    for name in _PACKAGES:
        # Lifting and conversion work without some of them.
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    versions["python"] = sys.version.split()[0]
    description = {
        "config": plain(config),
        "format": FORMAT,
        "versions": versions,
        "devices": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
        **more,
    }
    if clips is None:
        return description
    # Random cameras see other sizes than those of the data.
    heights = HEIGHTS if config.simulated_detector else body_heights(clips)
    # The fingerprint guards a resumed run against other data of the same name.
    return description | {
        "data": {
            "dataset": clips.dataset,
            "fingerprint": fingerprint(clips),
            "frames": clips.num_frames,
        },
        "fps": sorted({clip.fps for clip in clips.index}),
        "skeleton": clips.skeleton,
        "keypoints_skeleton": clips.keypoints_skeleton,
        "normalisation": (
            "keypoints: x from [0, width] to [-1, 1], y by the same factor; "
            f"positions: {unit_of(clips)}"
        ),
        "unit": unit_of(clips),
        "body_heights": heights,
    }


def write_description(workdir: pathlib.Path, description: dict[str, Any]) -> None:
    """Writes `config.json`, and `environment.json` unless an earlier start wrote it."""
    # The config has a file of its own.
    environment = dict(description)
    write_json(workdir / "config.json", environment.pop("config"))
    path = workdir / "environment.json"
    if not records.is_environment(_read_object(path)):
        write_json(path, records.newest_environment(workdir) or environment)


def holds_run(workdir: pathlib.Path) -> bool:
    """Returns whether a run has begun in `workdir`."""
    is_begun = (workdir / "config.json").exists()
    return is_begun or records.newest_record(workdir) is not None


def load_config(
    workdir: pathlib.Path, name: str = "workdir"
) -> ml_collections.ConfigDict:
    """Returns the config that the run in `workdir` was trained with.

    The config in its newest checkpoint is the truth where it has a digest, but for the
    folders, which may move. Without a digest it takes the place of a file that is
    missing or damaged.

    Args:
      workdir: directory of the run.
      name: of the argument or field that holds the directory, for the error.

    Raises:
      JaxposeError: there is no run, it is of a later format, or a file is damaged.
    """
    path = workdir / "config.json"
    written = load_environment(workdir).get("format", 1)
    record = records.newest_record(workdir) or {}
    in_file = _read_object(path)
    recorded = record.get("config", {})
    if records.is_config(recorded):
        recorded = earlier_formats.with_names_of_today(recorded)
        if in_file is not None and records.is_config(in_file):
            in_file = earlier_formats.with_names_of_today(in_file)
        if in_file is None or not records.is_config(in_file):
            logging.warning("%s is missing or damaged: read from a checkpoint", path)
            return current_config(recorded, record.get("format", 1))
        if records.is_sealed(record):
            recorded = with_folders(recorded, in_file)
            # A run that was extended a moment ago has no checkpoint that says so.
            if is_extension(recorded, in_file):
                recorded = in_file
            if differing := differences(recorded, in_file):
                found = join_first(differing)
                logging.warning("%s differs from its checkpoints: %s", path, found)
            return current_config(recorded, record["format"])
    if not path.exists():
        raise JaxposeError(
            f"{name}={workdir} holds no run (no config.json); train there first"
        )
    config = read_json(path)
    if not records.is_config(config):
        raise JaxposeError(
            f"{path} is not the config of a run; {name} must be the directory of one"
        )
    return current_config(config, written)


def current_config(config: dict[str, Any], written: int) -> ml_collections.ConfigDict:
    """Returns the config of a run of format `written` as this jaxpose has it.

    Args:
      config: as `config.json` holds it.
      written: a format up to `FORMAT`.
    """
    if written < 2:
        config = earlier_formats.from_format_1(config)
    if written < 3:
        config = earlier_formats.from_format_2(config)
    config = earlier_formats.with_names_of_today(config)
    return restore_config(config)


def load_environment(workdir: pathlib.Path) -> dict[str, Any]:
    """Returns what `environment.json` holds, nothing where there is no such file.

    Raises:
      JaxposeError: the run is of a later format, or the file is damaged.
    """
    path = workdir / "environment.json"
    environment = _read_object(path)
    if not records.is_environment(environment):
        environment = records.newest_environment(workdir) or environment
    if environment is None:
        if not path.exists():
            return {}
        environment = read_json(path)  # names what is wrong with it
    written = environment.get("format", 1)
    if type(written) is not int:
        raise JaxposeError(
            f"{path} is damaged: format is {shown(written)}, expected a whole "
            "number; use "
            "another workdir"
        )
    check_format(written, workdir)
    return environment


def check_format(written: int, where: pathlib.Path) -> None:
    """Raises JaxposeError if the format of the run at `where` is a later one."""
    if written > FORMAT:
        raise JaxposeError(
            f"{where} holds a run of format {written}, this jaxpose reads formats up "
            f"to {FORMAT}; install a newer jaxpose"
        )


def check_config(config: ml_collections.ConfigDict, workdir: pathlib.Path) -> None:
    """Checks that `workdir` is free, or holds a run of this config or a shorter one.

    Raises:
      JaxposeError: it holds another run, or one whose schedule depends on its length.
    """
    differing = changes(config, workdir)
    if not differing:
        return
    before, now = plain(load_config(workdir)), plain(config)
    if is_extension(without_folders(before), without_folders(now)):
        return
    shown = join_first(differing)
    if now["num_epochs"] > before["num_epochs"] and differ_in_length(differing):
        raise JaxposeError(
            f"the run in {workdir} has {before['num_epochs']} epochs, on which its "
            f"learning rates or batch_norm_decay depend ({shown}); to go on, begin "
            f'them anew: --config.optimizer.restart_epochs="{restarts_at_end(before)}"'
        )
    raise JaxposeError(
        f"{workdir} holds a run with another config ({shown}); use a new workdir or "
        "undo the change"
    )


def changes(config: ml_collections.ConfigDict, workdir: pathlib.Path) -> list[str]:
    """Lists the fields in which the run in `workdir` has another config.

    Folders may move: a fingerprint guards the data, and other runs are read once.
    """
    if not holds_run(workdir):
        return []
    # An earlier version may have written fewer fields: both sides get all of them.
    before = comparable(plain(load_config(workdir)))
    now = comparable(plain(config))
    return differences(without_folders(before), without_folders(now))


def check_model(
    config: ml_collections.ConfigDict,
    trained: ml_collections.ConfigDict,
    workdir: pathlib.Path,
) -> None:
    """Raises JaxposeError unless `config` has the model that the run has."""
    before = comparable(plain(trained))
    now = comparable(plain(config))
    # The weights depend on these fields alone.
    fields = ("model", "refinement", "person_frame")
    differing = differences(
        {name: before.get(name, "absent") for name in fields},
        {name: now.get(name, "absent") for name in fields},
    )
    if differing:
        raise JaxposeError(
            f"the model of {workdir} was trained with other fields: "
            f"{join_first(differing)}"
        )


def check_data(description: dict[str, Any], workdir: pathlib.Path) -> None:
    """Raises JaxposeError if the training data changed since the run began."""
    environment = load_environment(workdir)
    before, now = environment.get("data"), description["data"]
    is_begun = environment or (workdir / "environment.json").exists()
    if is_begun and before != now:
        raise JaxposeError(
            f"the training data has changed since the run in {workdir} began: "
            f"{before}, now {now}"
        )


def plain(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """Returns the config as JSON reads it back: tuples become lists."""
    return json.loads(json.dumps(config.to_dict()))


def tested_data(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """Returns the fields that choose the test data, without the folder it lies in."""
    fields = plain(config)["dataset"]
    for name in ("data_dir", "train_subjects", "validation_subjects"):
        fields.pop(name, None)
    return fields


def data_suffix(config: ml_collections.ConfigDict) -> str:
    """Returns the end of the names of files about another data set."""
    return f"_{config.dataset.name.replace('/', '_')}"


def _read_object(path: pathlib.Path) -> dict[str, Any] | None:
    """Returns the JSON object in a file, None where it is missing or damaged.

    Raises:
      JaxposeError: the system refuses to read it.
    """
    try:
        return records.read_object(path)
    except OSError as error:
        raise JaxposeError(f"{path} cannot be read: {error.strerror}") from error


def read_json(path: pathlib.Path) -> dict[str, Any]:
    """Returns the object in a file that jaxpose wrote.

    Raises:
      JaxposeError: the file is damaged, or another program wrote it.
    """
    try:
        content = json.loads(read_regular(path, records.MAX_BYTES))
    except (ValueError, OSError) as error:
        raise JaxposeError(
            f"{path} cannot be read ({cut(str(error))}); restore it, or use a new "
            "workdir"
        ) from error
    if not isinstance(content, dict):
        raise JaxposeError(f"{path} is not jaxpose's; use another workdir")
    return content
