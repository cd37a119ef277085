"""Data sets. Importing this package registers every builder with TFDS.

After `import jaxpose.datasets`, `tfds.builder("cmu_mocap/gt")` and `tfds.data_source` find
them. No TensorFlow is needed or imported.
"""

import pathlib

from jaxpose.datasets.base import ClipBuilder
from jaxpose.datasets.cmu_mocap.cmu_mocap_dataset_builder import Builder as CmuMocap
from jaxpose.datasets.custom.custom_dataset_builder import Builder as Custom
from jaxpose.datasets.human36m.human36m_dataset_builder import Builder as Human36m
from jaxpose.datasets.humaneva.humaneva_dataset_builder import Builder as HumanEva
from jaxpose.datasets.mpi_inf_3dhp.mpi_inf_3dhp_dataset_builder import (
    Builder as MpiInf3dhp,
)
from jaxpose.datasets.synthetic.synthetic_dataset_builder import Builder as Synthetic
from jaxpose.errors import JaxposeError

BUILDERS: dict[str, type[ClipBuilder]] = {
    "synthetic": Synthetic,
    "cmu_mocap": CmuMocap,
    "human36m": Human36m,
    "humaneva": HumanEva,
    "mpi_inf_3dhp": MpiInf3dhp,
    "custom": Custom,
}


def get_builder(
    dataset: str,
    *,
    data_dir: str | pathlib.Path | None = None,
    source: str | pathlib.Path | None = None,
    partial: bool = False,
) -> ClipBuilder:
    """The builder of `dataset`, `name` or `name/config`; without a config the builder's first.

    Args:
      dataset: TFDS name.
      data_dir: TFDS data folder; None means TFDS's default (`TFDS_DATA_DIR`, or
        `~/tensorflow_datasets`).
      source: archive or folder with the original files, where they are needed.
      partial: prepare what is there of a split that lacks subjects or takes.

    Raises:
      JaxposeError: unknown data set or config (the message lists the known ones), or what is
        prepared is damaged.
    """
    name, _, config = dataset.partition("/")
    if name not in BUILDERS:
        raise JaxposeError(f"unknown data set {name!r}; known: {', '.join(BUILDERS)}")
    builder = BUILDERS[name]
    configs = [known.name for known in builder.BUILDER_CONFIGS]
    if config and config not in configs:
        raise JaxposeError(
            f"data set {name!r} has no config {config!r}; it has {', '.join(configs)}"
        )
    if "" in (data_dir, source):
        raise JaxposeError("--source and --data_dir are paths; one of them is empty")
    data_dir = None if data_dir is None else pathlib.Path(data_dir).expanduser()
    return builder(
        config=config or configs[0], data_dir=data_dir, source=source, partial=partial
    )
