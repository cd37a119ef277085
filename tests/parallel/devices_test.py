"""One device and eight train the same, whatever the processor.

Devices add up a batch in another order, so their sums differ by rounding. In float32
that can grow without a bound: the gradient of a bias before batch norm is zero but for
rounding, and Adam, which divides a gradient by its own size, makes whole steps of it.
In float64 rounding (1e-16) is far below the 1e-8 that Adam adds to that size, so the
two runs must stay together: there the test compares them, update by update.
"""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What `tests.parallel.on_devices` found, by number of devices and name."""
    path = tmp_path_factory.mktemp("devices") / "found.npz"
    # Not the flags of the other tests: they would cost digits of float64.
    flags = (
        "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"
    )
    environment = {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1", "XLA_FLAGS": flags}
    subprocess.run(
        [sys.executable, "-m", "tests.parallel.on_devices", str(path)],
        cwd=ROOT,
        env=os.environ | environment,
        check=True,
    )
    with np.load(path) as arrays:
        return dict(arrays)


pytestmark = pytest.mark.xdist_group("devices")


def test_every_loss_is_that_of_one_device(found):
    assert found["1 losses"].dtype == np.float64
    assert len(found["1 losses"]) == 36
    np.testing.assert_allclose(found["8 losses"], found["1 losses"], rtol=1e-9)


def test_the_trained_state_is_that_of_one_device(found):
    names = [name[2:] for name in found if name.startswith("1 state")]
    assert sum("batch_stats" in name for name in names) == 4
    assert sum("params" in name for name in names) > 15
    for name in names:
        one, eight = found["1 " + name], found["8 " + name]
        # A gradient of rounding alone, 1e-16, moves a parameter by 1e-8 of a step.
        allowed = 1e-7 * np.abs(one).max()
        np.testing.assert_allclose(eight, one, rtol=0, atol=allowed, err_msg=name)


def test_the_scores_are_those_of_one_device(found):
    assert found["1 scores"].shape == (4,)
    np.testing.assert_allclose(found["8 scores"], found["1 scores"], rtol=1e-9)
