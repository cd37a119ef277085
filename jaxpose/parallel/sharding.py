"""The one mesh: every device of every host on a single `data` axis.

Data-parallel `jit` over this mesh takes the place of `pmap`, which JAX keeps in maintenance
mode: the same program runs on one device, on several, and on many hosts.
"""

from typing import Any

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxpose.errors import JaxposeError


def make_mesh() -> Mesh:
    """A mesh with one axis, `data`, over all devices."""
    return jax.make_mesh((jax.device_count(),), ("data",), axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
    """The same array on every device."""
    return NamedSharding(mesh, PartitionSpec())


def over_batch(mesh: Mesh) -> NamedSharding:
    """The leading axis split over the devices."""
    return NamedSharding(mesh, PartitionSpec("data"))


def check_batch_size(name: str, batch_size: int, mesh: Mesh) -> None:
    """Raises JaxposeError unless `batch_size` splits evenly over the mesh."""
    if batch_size < 1 or batch_size % mesh.size:
        nearest = max(1, round(batch_size / mesh.size)) * mesh.size
        raise JaxposeError(
            f"{name}={batch_size} does not split evenly over {mesh.size} devices; "
            f"the nearest that does is {nearest}"
        )


def put_replicated(tree: Any, mesh: Mesh) -> Any:
    """Puts host arrays, equal on every host, on all devices."""
    return jax.tree.map(
        lambda x: jax.make_array_from_callback(
            x.shape, replicated(mesh), x.__getitem__
        ),
        tree,
    )
