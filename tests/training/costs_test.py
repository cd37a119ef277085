"""What a training would need in memory is answered before it is taken."""

import re

import pytest

from jaxpose.errors import JaxposeError
from jaxpose.models import build_model
from jaxpose.parallel import memory, sharding
from jaxpose.training import setup
from tests.small_run import small_clips, small_config


def compile_small(**fields):
    """Compiles an update of the small run with these fields."""
    config = small_config()
    config.update(fields)
    mesh = sharding.make_mesh()
    training = setup.set_up(config, build_model(config), small_clips(), mesh)
    training.compile(training.fresh_state())


def have(monkeypatch, gigabytes):
    """Makes the system tell of so much free memory."""
    monkeypatch.setattr(memory, "free_bytes", lambda: int(gigabytes * 1e9))


def test_what_an_update_needs_is_answered_with_a_batch_that_fits(monkeypatch):
    have(monkeypatch, 0.02)
    with pytest.raises(
        JaxposeError,
        match=r"batch_size=1024 poses needs 0\.\d GB of memory, and 0\.0 GB are free",
    ) as error:
        compile_small(batch_size=1024)
    found = re.search(r"to about (\d+), or raise .* to (\d+) or more", str(error.value))
    assert found, error.value
    batch_size, parts = map(int, found.groups())
    # The advice holds, and leaves little unused.
    compile_small(batch_size=batch_size)
    assert batch_size * (parts + 1) > 1024 > batch_size
    with pytest.raises(JaxposeError, match="are free; lower config"):
        compile_small(batch_size=2 * batch_size)


def test_a_model_and_an_order_that_do_not_fit_are_answered(monkeypatch):
    have(monkeypatch, 1e-4)
    with pytest.raises(JaxposeError, match=r"moments and gradients need .* smaller$"):
        compile_small()
    have(monkeypatch, 1)
    with pytest.raises(
        JaxposeError,
        match=r"10,000,000 updates of 16 samples needs 1\.9 GB, and 1\.0 GB are free",
    ):
        compile_small(steps_per_epoch=10**7)


def test_a_training_of_more_updates_than_can_be_counted_is_answered():
    with pytest.raises(
        JaxposeError, match=r"of 12 updates would take 0\.8 years at 1,"
    ):
        compile_small(num_epochs=2 * 10**9)


@pytest.mark.slow
def test_a_batch_of_a_million_is_answered_by_what_it_needs():
    with pytest.raises(JaxposeError, match=r"needs \d\d+\.\d GB of memory, and"):
        compile_small(batch_size=1_000_000)


def test_free_memory_is_that_of_the_system_or_of_its_control_group(tmp_path):
    assert memory.free_bytes(tmp_path) is None
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text(
        "MemTotal:       1000 kB\nMemAvailable:    600 kB\nSwapFree:        100 kB\n"
        "HugePages_Total:       0\n"
    )
    assert memory.free_bytes(tmp_path) == 700 * 1024
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (group / "memory.current").write_text("1000\n")
    (group / "memory.max").write_text("max\n")
    assert memory.free_bytes(tmp_path) == 700 * 1024
    (group / "memory.max").write_text("3000\n")
    assert memory.free_bytes(tmp_path) == 2000
