"""Prepares a small synthetic data set, and stops half-way until a file appears.

`python -m tests.held_prepare DATA_DIR SIGNS` prepares as `jaxpose.prepare` does. When
the first clip is made it creates `SIGNS/begun`; it goes on once `SIGNS/go` exists.
"""

import pathlib
import sys
import time
from typing import Any

from jaxpose import prepare
from jaxpose.datasets.synthetic import synthetic_dataset_builder


def hold(signs: pathlib.Path) -> None:
    """Makes the data set small and its preparation wait."""
    render = synthetic_dataset_builder.render

    def held(*args: Any, **kwargs: Any) -> Any:
        (signs / "begun").touch()
        while not (signs / "go").exists():
            time.sleep(0.02)
        return render(*args, **kwargs)

    synthetic_dataset_builder.STATURES = {"train": (1.6,), "test": (1.7,)}
    synthetic_dataset_builder.FRAMES = 40
    synthetic_dataset_builder.render = held


if __name__ == "__main__":
    data_dir, signs = sys.argv[1:]
    hold(pathlib.Path(signs))
    sys.exit(prepare.main(["synthetic", f"--data_dir={data_dir}"]))
