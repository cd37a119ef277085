"""Where the tests find the reference material that lies beside the checkout, if it does."""

import pathlib

import pytest

SHARED = pathlib.Path(__file__).resolve().parents[2] / "shared"


def shared_path(relative: str) -> pathlib.Path:
    """The path of `relative` in the reference material; skips the test where it is missing."""
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"reference material {relative} is not beside the checkout")
    return path
