"""Human3.6M: damaged files raise the project's error only."""

import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxpose.datasets.human36m import motionbert
from jaxpose.datasets.human36m.cdf import read_pose
from jaxpose.datasets.human36m.metadata import read_cameras
from jaxpose.datasets.human36m.official import OfficialFiles
from jaxpose.errors import JaxposeError
from tests import fabricate_human36m
from tests.datasets.human36m.clips import CPN, POSITIONS, examples


@pytest.fixture(scope="module")
def intact(tmp_path_factory) -> dict[str, bytes]:
    """One small file of each kind."""
    folder = tmp_path_factory.mktemp("intact")
    fabricate_human36m.fabricate_archives(folder, ("S1",), 1, kinds=("D3_Positions",))
    fabricate_human36m.fabricate_npz(folder, ("S1",), 1)
    fabricate_human36m.fabricate_motionbert(folder, ("S1",), 1)
    fabricate_human36m.write_cdf(
        folder / "Directions.cdf", fabricate_human36m.motion("S1", "Directions", 9)
    )
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@settings(deadline=5000, max_examples=150)
@given(data=st.data())
@pytest.mark.parametrize(
    "name, read",
    [
        (
            "Directions.cdf",
            lambda folder: read_pose(folder / "Directions.cdf", "Directions.cdf", 3),
        ),
        (
            "Poses_D3_Positions_S1.tgz",
            lambda folder: OfficialFiles(folder).read_world("S1"),
        ),
        (POSITIONS, lambda folder: examples(folder, "gt_32")),
        (CPN, lambda folder: examples(folder, "cpn_ft_h36m_dbb_17")),
        (
            "h36m_sh_conf_cam_source_final.pkl",
            lambda folder: motionbert.read_clips(
                folder / "h36m_sh_conf_cam_source_final.pkl", "train"
            ),
        ),
        ("metadata.xml", lambda folder: read_cameras(folder / "metadata.xml", "S1")),
    ],
)
def test_damaged_files_raise_only_the_projects_error(
    intact, name, read, data, tmp_path_factory
):
    content = bytearray(intact[name])
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(
                st.integers(0, 255)
            )
    folder = tmp_path_factory.mktemp("damaged")
    if name == CPN:
        (folder / POSITIONS).write_bytes(intact[POSITIONS])
    (folder / name).write_bytes(content)
    message = name
    try:
        read(folder)
    except JaxposeError as error:
        message = str(error)
    finally:
        shutil.rmtree(folder)
    assert name in message or "Directions" in message
