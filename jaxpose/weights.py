"""Weights of a lifting model in one file, `.safetensors`, with all that lifting needs.

The file holds the variables by name, such as `params.head.kernel`, in float16 or
float32. Its metadata has one entry, `jaxpose`, a JSON object with

    format       number of this format
    config       the config of the model
    description  what the weights were trained on; see `Weights`
    program      facts about the program, where the file holds one
    sha256       digest of everything else

A file may hold the compiled program of the model as well (`Lifter.export`), the bytes
`_PROGRAM`. It then runs without the code of the model.
The same weights always make the same file, bit for bit.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
from typing import Any

import ml_collections
import numpy as np
import safetensors
import safetensors.numpy
from flax import traverse_util

from jaxpose.errors import JaxposeError
from jaxpose.inference.exported import Program
from jaxpose.recordings.content import UnreadError, load_content
from jaxpose.regular_files import open_regular
from jaxpose.training import records, workdirs
from jaxpose.whole_files import replacing
from jaxpose.wording import cut

FORMAT = 1
ENDING = ".safetensors"
_TYPES = ("float16", "float32")
_PROGRAM = "program"
# Folders and a project of whoever trained, which nobody else has.
_LOCAL_FIELDS = ("dataset.data_dir", "lifting_workdir", "init_from", "wandb")


@dataclasses.dataclass(frozen=True)
class Weights:
    """The variables of a trained model, and how to use them.

    Attributes:
      name: of the file or the run, for people.
      config: the config that they were trained with.
      variables: collections as `model.apply` takes them, float32.
      description: entries of `environment.json` (`fps`, `unit`, `body_heights`,
        `data`), `step` and `run_format`.
      program: the model as a program; None: it is built from the config.
    """

    name: str
    config: ml_collections.ConfigDict
    variables: dict[str, Any]
    description: dict[str, Any]
    program: Program | None = None


def save_weights(
    path: str | os.PathLike[str], weights: Weights, dtype: str = "float32"
) -> None:
    """Writes a file that `load_weights` reads; readers see nothing or all of it.

    Args:
      path: the file, `NAME.safetensors`.
      weights: what to write. Folders in the config are left out.
      dtype: of the variables in the file: float32, or float16 for half the size.

    Raises:
      JaxposeError: another ending or type, a number that is not finite in that type, or
        a file that cannot be written.
    """
    file = pathlib.Path(path).expanduser()
    if file.suffix != ENDING:
        raise JaxposeError(f"{path}: weights are written as NAME{ENDING}")
    if dtype not in _TYPES:
        raise JaxposeError(f"dtype={dtype!r}: expected {' or '.join(_TYPES)}")
    arrays = {}
    for name, array in traverse_util.flatten_dict(weights.variables, sep=".").items():
        # Numbers beyond float16 become infinite, which is found here.
        with np.errstate(over="ignore"):
            arrays[name] = np.asarray(array).astype(dtype)
        if not np.isfinite(arrays[name]).all():
            raise JaxposeError(
                f"{path}: {name} of {weights.name} is not finite in {dtype}; the "
                "training diverged, or float32 is needed"
            )
    header = {
        "format": FORMAT,
        "config": _portable(weights.config),
        "description": weights.description,
    }
    if weights.program is not None:
        header["program"] = weights.program.facts
        arrays[_PROGRAM] = np.frombuffer(weights.program.code, np.uint8)
    header["sha256"] = _digest(header, arrays)
    metadata = {"jaxpose": json.dumps(header)}
    try:
        with replacing(file) as partial:
            partial.write_bytes(safetensors.numpy.save(arrays, metadata))
    except OSError as error:
        raise JaxposeError(f"{path} cannot be written: {error.strerror}") from error


def load_weights(path: str | os.PathLike[str]) -> Weights:
    """Reads a file of `save_weights`.

    Raises:
      JaxposeError: there is no such file, it is damaged, of a later version, or not one
        of jaxpose's.
    """
    file = pathlib.Path(path).expanduser()
    try:
        open_regular(file).close()  # a pipe or a device would never end
        with safetensors.safe_open(file, framework="numpy") as opened:
            metadata = opened.metadata() or {}
            names = opened.keys()
            arrays = {name: opened.get_tensor(name) for name in names}
    except OSError as error:
        raise JaxposeError(f"{path} cannot be read: {_reason(error)}") from None
    except JaxposeError:
        raise
    except (safetensors.SafetensorError, TypeError, ValueError, KeyError) as error:
        raise JaxposeError(f"{path}: {_kind(file, error)}") from None
    if "jaxpose" not in metadata:
        raise JaxposeError(
            f"{path}: weights of another program; expected a file of Run.export, with "
            "the config of its model"
        )
    header = _parse_header(metadata["jaxpose"])
    if header.get("format", FORMAT) != FORMAT:
        raise JaxposeError(
            f"{path} has format {header['format']}, this jaxpose reads {FORMAT}; "
            "install a newer jaxpose"
        )
    stated = header.pop("sha256", "")
    if _digest(header, arrays) != stated:
        raise JaxposeError(
            f"{path} is damaged: its content does not have the digest that it states; "
            "get it again"
        )

    # A right digest does not tell that jaxpose wrote the file.
    if not _is_complete(header, arrays):
        raise JaxposeError(
            f"{path} lacks what a file of Run.export holds: config, description with "
            "run_format, variables; get it again"
        )
    description = header["description"]
    workdirs.check_format(description["run_format"], file)
    config = workdirs.current_config(header["config"], description["run_format"])
    program = None
    if header.get("program"):
        program = Program(arrays.pop(_PROGRAM).tobytes(), header["program"])
    floats = {name: array.astype(np.float32) for name, array in arrays.items()}
    variables = traverse_util.unflatten_dict(floats, sep=".")
    name = f"{file.stem} {stated[:8]}"
    return Weights(name, config, variables, description, program)


def _portable(config: ml_collections.ConfigDict) -> dict[str, Any]:
    """Returns the config as JSON has it, without the folders of this machine."""
    copied = config.copy_and_resolve_references()
    with copied.unlocked(), copied.ignore_type():
        copied.update_from_flattened_dict(dict.fromkeys(_LOCAL_FIELDS))
    return workdirs.plain(copied)


def _parse_header(text: str) -> dict[str, Any]:
    """Returns the object in a JSON text, an empty one where it is damaged."""
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return header if isinstance(header, dict) else {}


def _is_complete(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> bool:
    """Returns whether a file of weights has the parts that `load_weights` takes."""
    description = header.get("description")
    if not isinstance(description, dict) or not records.is_config(header.get("config")):
        return False
    has_program = not header.get("program") or _PROGRAM in arrays
    return has_program and type(description.get("run_format")) is int


def _digest(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> str:
    """Returns the SHA-256 of names and values, as hexadecimal digits."""
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _kind(path: pathlib.Path, error: Exception) -> str:
    """Returns what a file is that safetensors cannot read."""
    with path.open("rb") as stream:
        head = stream.read(9)
    # The header of a safetensors file is JSON behind eight bytes of length.
    if head and head[8:] != b"{":
        try:
            return f"this is a {load_content(path).kind} file, not one of weights"
        except UnreadError as found:
            if "unknown kind" not in str(found):
                return f"this is {found}, not a file of weights"
        except JaxposeError:  # damaged besides
            pass
    return f"damaged, cut short or no safetensors file ({_reason(error)}); get it again"


def _reason(error: Exception) -> str:
    """Returns the reason of a library's error in one line."""
    strerror = error.strerror if isinstance(error, OSError) else None
    return strerror or cut(str(error)) or type(error).__name__
