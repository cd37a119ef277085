"""Where the tests find recorded numbers: in the repository, or beside the checkout."""

import pathlib

import pytest

REFERENCES = pathlib.Path(__file__).resolve().parent / "references"
SHARED = pathlib.Path(__file__).resolve().parents[2] / "shared"


def shared_path(relative: str) -> pathlib.Path:
    """Returns the path of `relative` in the reference material beside the checkout.

    Recorded references under 300 KB, `goldens/NAME`, are in the repository instead.
    Skips the test where the file is missing.
    """
    recorded = REFERENCES / relative.removeprefix("goldens/")
    if relative.startswith("goldens/") and recorded.exists():
        return recorded
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"reference material {relative} is not beside the checkout")
    return path
