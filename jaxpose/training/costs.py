"""What a training needs in memory, found before its first update.

A system that is out of memory kills the program without a word. What does not fit is
answered here, with what it needs and what would fit.
"""

import math
from typing import Any

import jax
import ml_collections
from jax.sharding import Mesh

from jaxpose.errors import JaxposeError
from jaxpose.parallel import memory

_GIGABYTE = 1e9
# Part of the free memory that one program may plan with.
_USABLE = 0.9


def free_bytes(mesh: Mesh) -> float:
    """Returns the free memory of each device; infinity where nothing tells it."""
    devices = [d for d in mesh.devices.flat if d.process_index == jax.process_index()]
    if devices[0].platform == "cpu":
        # All devices of a host share its memory.
        free = memory.free_bytes()
        return math.inf if free is None else free / len(devices)
    statistics = devices[0].memory_stats() or {}
    if "bytes_limit" not in statistics:
        return math.inf
    return statistics["bytes_limit"] - statistics.get("bytes_in_use", 0)


def size_of(tree: Any) -> int:
    """Returns the bytes of all arrays, or shapes of arrays, of a tree."""
    leaves = jax.tree.leaves(tree)
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in leaves)


def require_state(state: Any, mesh: Mesh) -> None:
    """Checks that weights, moments and gradients fit into the memory.

    Args:
      state: shapes of the state of the training.
      mesh: the devices.

    Raises:
      JaxposeError: they do not.
    """
    # An update holds the old state, the new one and the gradient at the same time.
    needed, free = 2 * size_of(state) + size_of(state.params), free_bytes(mesh)
    if needed > _USABLE * free:
        raise JaxposeError(
            f"the weights of this config.model, their moments and gradients need "
            f"{_gigabytes(needed)}, and {_gigabytes(free)} are free; make the model "
            "smaller"
        )


def require_order(steps_per_epoch: int, batch_size: int, mesh: Mesh) -> None:
    """Checks that the order of the samples of an epoch fits into the memory.

    Raises:
      JaxposeError: it does not.
    """
    # Four bytes per sample, in the permutations, in the order and in the next one.
    needed, free = 3 * 4 * steps_per_epoch * batch_size, free_bytes(mesh)
    if needed > _USABLE * free:
        raise JaxposeError(
            f"the order of an epoch of {steps_per_epoch:,} updates of {batch_size:,} "
            f"samples needs {_gigabytes(needed)}, and {_gigabytes(free)} are free; "
            "lower config.steps_per_epoch and raise config.num_epochs"
        )


def require_update(
    program: jax.stages.Compiled, config: ml_collections.ConfigDict, mesh: Mesh
) -> None:
    """Checks that a compiled update fits into the memory; the data is there already.

    Raises:
      JaxposeError: it does not; the message has a batch that would.
    """
    planned = program.memory_analysis()
    if planned is None:
        return
    needed = planned.temp_size_in_bytes + planned.output_size_in_bytes
    needed -= planned.alias_size_in_bytes
    free = free_bytes(mesh)
    if needed <= _USABLE * free:
        return
    # Memory is proportional to the poses of a part, but for the weights.
    parts = math.ceil(config.accumulation_steps * needed / (_USABLE * free))
    fitting = int(config.batch_size / config.accumulation_steps * _USABLE * free)
    fitting = fitting // needed // mesh.size * mesh.size
    fix = f"lower config.batch_size to about {fitting:,}"
    if parts <= config.batch_size:
        fix += f", or raise config.accumulation_steps to {parts:,} or more"
    if fitting < mesh.size:
        fix = "make config.model smaller, or its window"
    raise JaxposeError(
        f"an update of config.batch_size={config.batch_size} poses needs "
        f"{_gigabytes(needed)} of memory, and {_gigabytes(free)} are free; {fix}"
    )


def _gigabytes(number: float) -> str:
    return f"{number / _GIGABYTE:,.1f} GB"
