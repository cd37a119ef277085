"""Checks that all processes of a run are about to compute the same.

JAX trusts its processes: one with another learning rate, seed or subject would take
part in every update, and the score would be wrong.
"""

import hashlib
import importlib.metadata
import json
import pathlib
from typing import Any

import jax
import ml_collections
import numpy as np
from jax.experimental import multihost_utils

from jaxpose.errors import JaxposeError, join_first

_PACKAGE = pathlib.Path(__file__).resolve().parents[1]
_LIBRARIES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")
# Settings of JAX that change numbers, and that its environment variables may set.
_SETTINGS = (
    "jax_enable_x64",
    "jax_default_matmul_precision",
    "jax_default_prng_impl",
    "jax_threefry_partitionable",
)
_LONGEST_VALUE = 100  # characters of a value in a message


def require_same(**topics: Any) -> None:
    """Raises JaxposeError, in every process, unless all hold the same values.

    Every process calls it with the same topics.

    Args:
      topics: JSON data by what it describes. The message names the first topic that
        differs, and its first fields: "process 1 has another config:
        optimizer.learning_rate 0.001 there, 0.0005 here".
    """
    if jax.process_count() == 1:
        return
    texts = _gather(json.dumps(topics, sort_keys=True))
    here = json.loads(texts[jax.process_index()])
    for process, text in enumerate(texts):
        there = json.loads(text)
        for topic in topics:
            if differing := differences(there.get(topic), here[topic]):
                name = topic.replace("_", " ")
                raise JaxposeError(
                    f"process {process} has another {name}: {join_first(differing)}"
                )


def require_same_command(
    mode: str, workdir: str, config: ml_collections.ConfigDict
) -> None:
    """Raises JaxposeError, in every process, unless all were started for one run.

    Args:
      mode: of the program.
      workdir: which all see under one path.
      config: the config. Its data folder may differ: the data is compared later.
    """
    if jax.process_count() == 1:
        return
    fields = config.to_dict()
    fields["dataset"] = {k: v for k, v in config.dataset.items() if k != "data_dir"}
    require_same(
        mode=mode,
        config=fields,
        workdir=str(pathlib.Path(workdir).expanduser().absolute()),
        code_version=code_versions(),
    )


def code_versions() -> dict[str, str]:
    """Returns versions of libraries, settings of JAX, and a digest of each source file.

    The files are those of this package, named by their paths in it.
    """
    found = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    for name in _SETTINGS:
        found[name] = str(getattr(jax.config, name))
    for path in sorted(_PACKAGE.rglob("*.py")):
        name = path.relative_to(_PACKAGE.parent).as_posix()
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return found


def differences(there: Any, here: Any, name: str = "") -> list[str]:
    """Lists where two values of JSON differ, with both values."""
    if isinstance(there, dict) and isinstance(here, dict):
        found = []
        for key in sorted({*there, *here}):
            inner = f"{name}.{key}" if name else key
            found += differences(
                there.get(key, "absent"), here.get(key, "absent"), inner
            )
        return found
    # As text, because NaN is not equal to itself.
    shown = [json.dumps(there), json.dumps(here)]
    if shown[0] == shown[1]:
        return []
    values = [text[:_LONGEST_VALUE] for text in shown]
    return [f"{name} {values[0]} there, {values[1]} here".strip()]


def _gather(text: str) -> list[str]:
    """Returns the texts of all processes, in their order."""
    own = np.frombuffer(text.encode(), np.uint8)
    # Arrays of one operation have one size.
    sizes = multihost_utils.process_allgather(np.int32(own.size))
    padded = np.zeros(max(sizes), np.uint8)
    padded[: own.size] = own
    rows = multihost_utils.process_allgather(padded)
    return [rows[k][:size].tobytes().decode() for k, size in enumerate(sizes)]
