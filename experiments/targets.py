"""Describes the accelerators that `experiments.compile_for` compiles for."""

import dataclasses
import os
import pathlib
from typing import Any

import jax
from jax.experimental import topologies
from jax.sharding import AxisType, Mesh

from jaxpose.errors import JaxposeError

H100_FILE = pathlib.Path(__file__).parent / "h100.txtpb"


@dataclasses.dataclass(frozen=True)
class Chip:
    """What bounds one chip.

    Attributes:
      flops: bfloat16 operations per second, dense, of the maker's data sheet.
      bandwidth: bytes per second of its memory.
      links: bytes per second that it sends to the chips around it, by all its ports.
      memory_gib: its memory.
      launch_seconds: from the start of one kernel to the start of the next, at best; 0
        where a program is not made of kernels.
      platform: JAX's name of the compiler.
      extra: the extra of this package that installs the compiler.
    """

    flops: float
    bandwidth: float
    links: float
    memory_gib: float
    launch_seconds: float
    platform: str
    extra: str


CHIPS = {
    "h100": Chip(989e12, 3.35e12, 450e9, 80, 2e-6, "cuda", "aot-cuda"),
    "v5e": Chip(197e12, 0.82e12, 200e9, 16, 0, "tpu", "aot-tpu"),
    "v5p": Chip(459e12, 2.77e12, 600e9, 95, 0, "tpu", "aot-tpu"),
    "v6e": Chip(918e12, 1.64e12, 400e9, 32, 0, "tpu", "aot-tpu"),
}


def chip_of(target: str) -> Chip:
    """Returns the chip of a target such as `h100` or `v5e:2x2`.

    Raises:
      JaxposeError: unknown chip.
    """
    name = target.partition(":")[0]
    if name not in CHIPS:
        raise JaxposeError(
            f"--target={target}: unknown chip; known: {', '.join(CHIPS)}, a TPU with "
            "its shape, v5e:2x2"
        )
    return CHIPS[name]


def make_target_mesh(target: str) -> Mesh:
    """Returns the mesh of all chips of `target`, which need not be at hand.

    Raises:
      JaxposeError: unknown target, or its compiler is not installed or not free.
    """
    chip = chip_of(target)
    if chip.platform == "cuda" and ":" in target:
        raise JaxposeError(f"--target={target}: of a GPU it is one chip, h100")
    try:
        devices = _describe(target, chip.platform).devices
    except (RuntimeError, ValueError, ImportError, NotImplementedError) as error:
        reason = (
            str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        )
        raise JaxposeError(
            f"--target={target}: {reason}. Its compiler is installed by "
            f"pip install '.[{chip.extra}]', in an environment of its own"
        ) from error
    return jax.make_mesh(
        (len(devices),), ("data",), devices=devices, axis_types=(AxisType.Auto,)
    )


def _describe(target: str, platform: str) -> Any:
    """Returns JAX's description of the chips of `target`."""
    if platform == "tpu":
        # The compiler would ask the machine's metadata server for its TPU.
        os.environ["TPU_SKIP_MDS_QUERY"] = "1"
        return topologies.get_topology_desc(platform="tpu", topology_name=target)
    # One GPU: slices x hosts x devices. There is no driver to check.
    os.environ["JAX_SKIP_CUDA_CONSTRAINTS_CHECK"] = "1"
    return topologies.get_topology_desc(
        platform="cuda",
        topology_name=target,
        topology="1x1x1",
        target_config=H100_FILE.read_text(),
    )
