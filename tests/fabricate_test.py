"""Made-up files are written with the packages of README, or their lack is named."""

import subprocess
import sys

import pytest

from tests import fabricate

WITHOUT = """
import sys
for name in ("cdflib", "ezc3d", "h5py", "hypothesis", "pytest", "torch"):
    sys.modules[name] = None  # as if it were not installed
from tests import fabricate
sys.exit(fabricate.main(sys.argv[1:]))
"""


def test_requirements_alone_write_files(tmp_path):
    finished = subprocess.run(
        [sys.executable, "-c", WITHOUT, "custom", str(tmp_path / "made")],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    assert list((tmp_path / "made").iterdir())


@pytest.mark.parametrize(("name", "package"), sorted(fabricate.NEEDS.items()))
def test_a_missing_package_is_one_line_and_nothing_is_written(
    name, package, tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, package, None)
    assert fabricate.main([name, str(tmp_path / "made")]) == 1
    assert capsys.readouterr().err == (
        f"error: {name} needs {package}, which is not installed: "
        f"pip install {package}\n"
    )
    assert not list(tmp_path.iterdir())
