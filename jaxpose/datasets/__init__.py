"""The data sets: the protocol of each, and the builder that prepares it.

A data set is a package `jaxpose/datasets/NAME/` with `protocol.py`, which holds
`PROTOCOL`, and TFDS's `NAME_dataset_builder.py`, which holds `Builder`. `PROTOCOLS` is
the one place that lists them. TFDS is imported only by `get_builder`, TensorFlow never.
"""

import importlib.util
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from jaxpose.datasets.cmu_mocap.protocol import PROTOCOL as CMU_MOCAP
from jaxpose.datasets.custom.protocol import PROTOCOL as CUSTOM
from jaxpose.datasets.hdm05.protocol import PROTOCOL as HDM05
from jaxpose.datasets.human36m.protocol import PROTOCOL as HUMAN36M
from jaxpose.datasets.humaneva.protocol import PROTOCOL as HUMANEVA
from jaxpose.datasets.mpi_inf_3dhp.protocol import PROTOCOL as MPI_INF_3DHP
from jaxpose.datasets.protocol import Protocol
from jaxpose.datasets.synthetic.protocol import PROTOCOL as SYNTHETIC
from jaxpose.errors import JaxposeError

if TYPE_CHECKING:
    from jaxpose.datasets.base import ClipBuilder
    from jaxpose.recordings.options import Options

# Archives or folders with the original files of a data set.
Sources = str | pathlib.Path | Sequence[str | pathlib.Path]

PROTOCOLS: dict[str, Protocol] = {
    "synthetic": SYNTHETIC,
    "cmu_mocap": CMU_MOCAP,
    "hdm05": HDM05,
    "human36m": HUMAN36M,
    "humaneva": HUMANEVA,
    "mpi_inf_3dhp": MPI_INF_3DHP,
    "custom": CUSTOM,
}


def protocol_of(dataset: str) -> Protocol:
    """Returns the protocol of `dataset`, `NAME` or `NAME/CONFIG`.

    Clips that are no data set of this package, such as arrays in memory, have a
    protocol without subjects or tables.
    """
    name = dataset.partition("/")[0]
    return PROTOCOLS.get(name, Protocol(name=name))


def get_builder(
    dataset: str,
    *,
    data_dir: str | pathlib.Path | None = None,
    source: Sources | None = None,
    partial: bool = False,
    reading: "Options | None" = None,
) -> "ClipBuilder":
    """Returns the builder of `dataset`, `NAME/CONFIG`, or `NAME` for its first config.

    Args:
      dataset: TFDS name.
      data_dir: TFDS data folder; None means TFDS's default (`TFDS_DATA_DIR`, or
        `~/tensorflow_datasets`).
      source: archive or folder with the original files, where they are needed; several
        for a data set that may have several.
      partial: prepare what is there of a split that lacks subjects or takes.
      reading: what the user states about files of keypoints, for `custom`; None:
        nothing.

    Raises:
      JaxposeError: unknown data set or config (the message lists the known ones),
        statements about files that the data set does not read, prepared data that is
        damaged, or TFDS is not installed.
    """
    _require_tfds()
    # Configs and scores need the protocols alone, and TFDS takes a second to import.
    from jaxpose.datasets.builders import BUILDERS

    name, _, config = dataset.partition("/")
    if name not in BUILDERS:
        raise JaxposeError(f"unknown data set {name!r}; known: {', '.join(BUILDERS)}")
    builder = BUILDERS[name]
    if reading is not None and not builder.READS_RECORDINGS:
        raise JaxposeError(
            f"data set {name!r} has files of its own; flags about files of keypoints, "
            "such as --layout and --person, are for custom"
        )
    given = source if isinstance(source, list | tuple) else (source,)
    if "" in (data_dir, *given):
        raise JaxposeError("--source and --data_dir are paths; one of them is empty")
    data_dir = None if data_dir is None else pathlib.Path(data_dir).expanduser()
    return builder(
        config=builder.config_named(config),
        data_dir=data_dir,
        source=source,
        partial=partial,
        reading=reading,
    )


def _require_tfds() -> None:
    """Raises JaxposeError unless the libraries that store data sets are installed."""
    libraries = {
        "tensorflow_datasets": "tensorflow-datasets",
        "array_record": "array_record",
    }
    for module, package in libraries.items():
        if importlib.util.find_spec(module) is None:
            raise JaxposeError(
                f"data sets need {package}, which is not installed: pip install "
                "tensorflow-datasets array_record, on Linux or macOS (no version for "
                "Windows exists; its Linux subsystem, WSL, can prepare and train)"
            )
