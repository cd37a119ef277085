"""Small made-up files in the exact layouts of the data sets; they need no licence.

    python -m tests.fabricate NAME DIR

writes the layout NAME into DIR; without arguments it lists the names.
"""

import importlib
import pathlib
import sys
from collections.abc import Callable

from tests import (
    fabricate_custom,
    fabricate_human36m,
    fabricate_humaneva,
    fabricate_mpi_inf_3dhp,
)

FABRICATORS: dict[str, Callable[[pathlib.Path], None]] = {
    "human36m": fabricate_human36m.fabricate_npz,
    "human36m_archives": fabricate_human36m.fabricate_archives,
    "human36m_extracted": fabricate_human36m.fabricate_extracted,
    "human36m_motionbert": fabricate_human36m.fabricate_motionbert,
    "humaneva": fabricate_humaneva.fabricate_npz,
    "humaneva_mat": fabricate_humaneva.fabricate_mat,
    "mpi_inf_3dhp": fabricate_mpi_inf_3dhp.fabricate_official,
    "mpi_inf_3dhp_p_stmo": fabricate_mpi_inf_3dhp.fabricate_npz,
    "custom": fabricate_custom.fabricate_folder,
}
# Optional packages that write a layout.
NEEDS = {
    "human36m_archives": "cdflib",
    "human36m_extracted": "cdflib",
    "mpi_inf_3dhp": "h5py",
}


def main(argv: list[str]) -> int:
    """Runs the command line and returns the exit status."""
    if len(argv) != 2 or argv[0] not in FABRICATORS:
        print(
            "usage: python -m tests.fabricate NAME DIR",
            f"NAME: {', '.join(FABRICATORS)}",
            sep="\n",
            file=sys.stderr,
        )
        return 2
    if package := NEEDS.get(argv[0]):
        try:
            importlib.import_module(package)
        except ImportError:
            print(
                f"error: {argv[0]} needs {package}, which is not installed: "
                f"pip install {package}",
                file=sys.stderr,
            )
            return 1
    folder = pathlib.Path(argv[1])
    FABRICATORS[argv[0]](folder)
    print(f"wrote {argv[0]} into {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
