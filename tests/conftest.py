"""Strictness that every test runs under, and a cache of compiled programs for all."""

import getpass
import importlib.metadata
import os
import pathlib
import signal
import tempfile
from typing import Any

CACHE = pathlib.Path(tempfile.gettempdir()) / f"jaxpose-tests-{getpass.getuser()}"
# Before JAX is imported, and in the environment, which processes of tests inherit.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.2")

# Tests compile far longer than they compute. These flags make compiling two to eight
# times faster and the programs slower; what a program computes is defined before, by
# XLA's high-level passes. `XLA_FLAGS= python -m pytest` compiles as users do.
_QUICK = [
    "--xla_backend_optimization_level=0",
    # One piece of code per program: the other cores compile other tests.
    "--xla_cpu_parallel_codegen_split_count=1",
]
if importlib.metadata.version("jaxlib").startswith("0.10."):  # later ones refuse it
    _QUICK.append("--xla_cpu_use_fusion_emitters=false")
os.environ.setdefault("XLA_FLAGS", " ".join(_QUICK))

# A shell's background jobs ignore Ctrl-C and so do their children: tests that send it
# to a program must not depend on how pytest was started.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import jax  # noqa: E402
import pytest  # noqa: E402

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_debug_key_reuse", True)


@pytest.fixture(scope="session")
def finished_run(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[pathlib.Path, dict[str, Any]]:
    """The small run, finished: its directory, which nobody changes, and its results."""
    from tests.small_run import train_small  # imports JAX's users after the settings

    directory = tmp_path_factory.mktemp("finished")
    return directory, train_small(str(directory), draw=True)


_TESTS = pathlib.Path(__file__).parent
# Groups of tests that share a run, longest first: one that begins last leaves the other
# processes waiting for it.
_LONG = (
    "end_to_end",
    "training/loop_test",
    "training/resume_test",
    "parallel/hosts_test",
    "goldens_test",
    "experiments",
    "models/precision_test",
    "models/rematerialise_test",
    "models/transforms_test",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begins with the longest test files."""

    def rank(item: pytest.Item) -> int:
        path = item.path.relative_to(_TESTS).as_posix()
        for index, beginning in enumerate(_LONG):
            if path.startswith(beginning):
                return index
        return len(_LONG)

    items.sort(key=rank)
