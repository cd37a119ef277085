"""Messages hold at most 200 characters of what a file holds."""

import pytest

from jaxpose.datasets.arrays import require_key
from jaxpose.datasets.cmu_mocap.frame_rates import read_listing
from jaxpose.errors import JaxposeError


def test_long_names_are_cut():
    held = {"x" * 130_000 + str(number): number for number in range(30)}
    with pytest.raises(JaxposeError, match="key 'data' is missing") as error:
        require_key(held, "data", "a.npz")
    assert len(str(error.value)) < 300


def test_long_values_are_cut(tmp_path):
    path = tmp_path / "index.csv"
    value = "1" * 130_000
    path.write_text(f"subject,trial,frames_per_second\n1,1,{value}\n")
    with pytest.raises(JaxposeError, match="not the listing") as error:
        read_listing(path)
    assert len(str(error.value)) < 500 + len(str(path))
