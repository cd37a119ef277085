"""What clusters tell a process about its place in a run."""

import pytest

from jaxpose.parallel.clusters import Place, complete, first_node

NOTHING = Place(None, None, None)
SLURM = {
    "SLURM_JOB_ID": "4097",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NODELIST": "gpu[03-04]",
    "SLURM_STEP_NUM_TASKS": "8",
    "SLURM_NTASKS": "16",
    "SLURM_PROCID": "5",
    "SLURM_LOCALID": "1",
}
OPEN_MPI = {"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "3"}


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("node7", "node7"),
        ("node7,node9", "node7"),
        ("node[007-015]", "node007"),
        ("node[3,7-15],login", "node3"),
        ("rack[1-2]n[04,06]", "rack1n04"),
        ("gpu[01-02]-ib,gpu7", "gpu01-ib"),
        ("gpu-2.site.org", "gpu-2.site.org"),
        ("", ""),
    ],
)
def test_the_first_of_slurms_nodes(nodes, first):
    assert first_node(nodes) == first


def test_slurm_tells_everything():
    # 61,440 + 4,097 modulo 4,096.
    assert complete(NOTHING, SLURM) == Place("gpu03:61441", 8, 5)
    # The next step of the job has another port, and the next job, too.
    assert complete(NOTHING, SLURM | {"SLURM_STEP_ID": "1"}).coordinator == (
        "gpu03:62462"
    )
    assert complete(NOTHING, SLURM | {"SLURM_JOB_ID": "4098"}).coordinator == (
        "gpu03:61442"
    )


def test_flags_come_first_and_jaxs_variables_second():
    given = Place("here:1234", 2, 0)
    assert complete(given, SLURM) == given
    port = SLURM | {"JAX_COORDINATOR_PORT": "1111"}
    assert complete(NOTHING, port) == Place("gpu03:1111", 8, 5)
    address = SLURM | {"JAX_COORDINATOR_ADDRESS": "there:2222"}
    assert complete(NOTHING, address) == Place("there:2222", 8, 5)


def test_open_mpi_tells_the_numbers():
    place = complete(Place("here:1234", None, None), OPEN_MPI)
    assert place == Place("here:1234", 4, 3)
    # Where the first process is, it does not tell.
    assert complete(NOTHING, OPEN_MPI) == Place(None, 4, 3)


def test_inside_of_slurm_open_mpi_tells_of_its_own_processes():
    # `mpirun` starts a daemon per node by `srun`: SLURM numbers these, from the second
    # node on, and the processes inherit it.
    inherited = SLURM | OPEN_MPI
    assert complete(NOTHING, inherited) == Place(None, 4, 3)
    assert complete(Place("here:1234", None, None), inherited) == (
        Place("here:1234", 4, 3)
    )
    # A half is left over from another program.
    assert complete(NOTHING, SLURM | {"OMPI_COMM_WORLD_SIZE": "4"}).num_processes == 8


@pytest.mark.parametrize(
    "environment",
    [
        {},
        # In the script of `sbatch`, before `srun` has started the processes.
        {"SLURM_JOB_ID": "1", "SLURM_NTASKS": "8", "SLURM_PROCID": "0"},
        {"OMPI_COMM_WORLD_SIZE": "4"},
        {"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "x"},
    ],
)
def test_without_a_cluster_nothing_is_known(environment):
    assert complete(NOTHING, environment) == NOTHING


def test_a_broken_environment_is_not_guessed_at():
    for name in ("SLURM_JOB_ID", "SLURM_PROCID"):
        broken = SLURM | {name: "none"}
        assert None in complete(NOTHING, broken)
    assert complete(NOTHING, SLURM | {"SLURM_STEP_NODELIST": ""}).coordinator is None
