"""Messages hold at most 200 characters of what a file holds."""

import json

import numpy as np
import pytest

from jaxpose.datasets.arrays import require_key
from jaxpose.datasets.cmu_mocap.frame_rates import read_listing
from jaxpose.datasets.human36m.videopose3d import read_positions
from jaxpose.errors import JaxposeError
from jaxpose.recordings import read
from jaxpose.recordings.calibration import read_calibration
from jaxpose.training import workdirs
from jaxpose.wording import cut, shown


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


LONG = "x" * 130_000


def test_a_value_is_shown_by_its_first_200_characters():
    for value in (
        LONG,
        LONG.encode(),
        [LONG] * 9,
        {LONG: LONG},
        ((LONG,),),
        [[9] * 99],
    ):
        assert len(shown(value)) <= 200
    assert cut(f"a\n{LONG}") == f"a {LONG[:195]}..."
    assert shown("S9") == "'S9'"


def positions_of(subject, action):
    """As VideoPose3D's files hold them."""
    return {subject: {action: np.zeros((4, 32, 3))}}


def write_positions(path, content):
    np.savez(path, positions_3d=np.array(content, dtype=object))


def read_with_size(path):
    return read(path, image_size=(1000, 1000), fps=30)


CAMERA = f'["{LONG}"]\nmatrix = [1, 2]\n'
# For each value: the file that holds a long one, what writes it, and what reads it.
FILES = {
    "subject": (
        "data_3d_h36m.npz",
        lambda path: write_positions(path, positions_of(LONG, "Walking")),
        read_positions,
    ),
    "action": (
        "data_3d_h36m.npz",
        lambda path: write_positions(path, positions_of("S1", LONG)),
        read_positions,
    ),
    "format of a run": (
        "environment.json",
        lambda path: path.write_text(json.dumps({"format": LONG})),
        lambda path: workdirs.load_environment(path.parent),
    ),
    "camera": ("cameras.toml", lambda path: path.write_text(CAMERA), read_calibration),
    "line of a calibration": (
        "cameras.toml",
        lambda path: path.write_text(f"[cam]\n{LONG} {LONG}\n"),
        read_calibration,
    ),
    "key of settings": (
        "jaxpose.json",
        lambda path: path.write_text(json.dumps({LONG: 1})),
        lambda path: read_with_size(path.parent),
    ),
    "column": (
        "walk.csv",
        lambda path: path.write_text(f"frame,{LONG}_x,{LONG}_y\n0,1,2\n1,1,2\n"),
        read_with_size,
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_message_holds_little_of_a_file(tmp_path, name):
    file, write, read_file = FILES[name]
    path = tmp_path / file
    write(path)
    try:
        said = str(read_file(path))
    except JaxposeError as error:
        said = str(error)
    assert LONG[:201] not in said
    assert len(said) < 1000 + 2 * len(str(path))
