"""Finds the place of this process in a run, from the environment of a cluster.

SLURM and Open MPI tell each process how many there are and which of them it is. SLURM
also tells the nodes. `JAX_COORDINATOR_ADDRESS` and `JAX_COORDINATOR_PORT` count as they
do in JAX. JAX itself reads what TPU pods tell.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

# What each cluster calls the number of processes and the number of this one. SLURM's
# older releases have but the second name for the number of processes of a step.
_SLURM = (("SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"), ("SLURM_PROCID",))
_OPEN_MPI = (("OMPI_COMM_WORLD_SIZE",), ("OMPI_COMM_WORLD_RANK",))
# Only `srun`, which starts all processes, sets the nodes of a step.
_NODES = "SLURM_STEP_NODELIST"
# Ports that Linux gives to no other connection by itself: the last 4,096. Jobs and
# steps that run at once get different ones of them.
_FIRST_PORT, _PORTS = 61_440, 4_096
_STEP_STRIDE = 1_021


class Place(NamedTuple):
    """The place of a process in a run; None stands for what is not known.

    Attributes:
      coordinator: `host:port` of the first process.
      num_processes: how many there are.
      process_id: which of them this is, from 0.
    """

    coordinator: str | None
    num_processes: int | None
    process_id: int | None


def complete(given: Place, environment: Mapping[str, str]) -> Place:
    """Returns a place with what the environment tells of it.

    Args:
      given: what the flags tell, which comes first.
      environment: variables of this process.
    """
    # Open MPI first: inside of SLURM, `mpirun` starts a daemon per node by `srun`, and
    # its processes inherit what SLURM tells the daemon.
    numbers, nodes = _numbers(environment, _OPEN_MPI), ""
    if None in numbers and _NODES in environment:
        numbers, nodes = _numbers(environment, _SLURM), environment[_NODES]
    # One without the other may be left over from another program.
    count, process = (None, None) if None in numbers else numbers
    return Place(
        given.coordinator or _coordinator(environment, nodes),
        count if given.num_processes is None else given.num_processes,
        process if given.process_id is None else given.process_id,
    )


def _numbers(
    environment: Mapping[str, str], names: tuple[tuple[str, ...], ...]
) -> list[int | None]:
    """Returns how many processes there are and which this is, as far as it is told."""
    return [_number(environment, alternatives) for alternatives in names]


def _number(environment: Mapping[str, str], names: tuple[str, ...]) -> int | None:
    """Returns the number in the first variable that holds one."""
    for name in names:
        if re.fullmatch(r"[0-9]{1,9}", environment.get(name, "")):
            return int(environment[name])
    return None


def _coordinator(environment: Mapping[str, str], nodes: str) -> str | None:
    """Returns where the first process can be reached, None where nothing tells.

    Args:
      environment: variables of this process.
      nodes: those of a step of SLURM, empty elsewhere.
    """
    if address := environment.get("JAX_COORDINATOR_ADDRESS"):
        return address
    port = _number(environment, ("JAX_COORDINATOR_PORT",))
    if port is None:
        job = _number(environment, ("SLURM_JOB_ID",))
        if job is None:
            return None
        step = _number(environment, ("SLURM_STEP_ID",)) or 0
        port = _FIRST_PORT + (job + _STEP_STRIDE * step) % _PORTS
    host = first_node(nodes)
    return f"{host}:{port}" if host else None


def first_node(nodes: str) -> str:
    """Returns the first name of a list of SLURM's, such as `gpu[03-07,9],login`."""
    # Commas within brackets are between numbers of one name.
    (first,) = re.findall(r"^(?:[^\[,]|\[[^\]]*\])*", nodes)
    return re.sub(r"\[([^\],-]*)[^\]]*\]", r"\1", first)
