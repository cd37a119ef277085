"""The device mesh: all devices of all hosts on one axis, `data`.

Data-parallel `jit` over this mesh takes the place of `pmap`, which JAX keeps in
maintenance mode. The same program runs on one device, on several, and on several hosts.
"""

from typing import Any

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxpose.errors import JaxposeError


def make_mesh() -> Mesh:
    """Returns a mesh with one axis, `data`, over all devices."""
    return jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
    """Returns the sharding that puts the same array on every device."""
    return NamedSharding(mesh, PartitionSpec())


def over_batch(mesh: Mesh) -> NamedSharding:
    """Returns the sharding that splits the leading axis over the devices."""
    return NamedSharding(mesh, PartitionSpec("data"))


def check_batch_size(name: str, batch_size: int, mesh: Mesh) -> None:
    """Checks that `batch_size`, the config field `name`, splits evenly over `mesh`.

    Raises:
      JaxposeError: it does not; the message has the nearest size that does.
    """
    if batch_size < 1 or batch_size % mesh.size:
        nearest = max(1, round(batch_size / mesh.size)) * mesh.size
        raise JaxposeError(
            f"{name}={batch_size} does not split evenly over {mesh.size} devices; "
            f"the nearest that does is {nearest}"
        )


def put_replicated(tree: Any, mesh: Mesh) -> Any:
    """Puts a tree of host arrays, equal on all hosts, on every device."""

    def put(array: Any) -> jax.Array:
        return jax.make_array_from_callback(
            array.shape, replicated(mesh), array.__getitem__
        )

    return jax.tree.map(put, tree)
