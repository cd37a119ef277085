"""The builders of the data sets; importing this module registers them with TFDS.

After `import jaxpose.datasets.builders`, `tfds.builder("cmu_mocap/gt")` and
`tfds.data_source` find them.
"""

import importlib

from jaxpose.datasets import PROTOCOLS
from jaxpose.datasets.base import ClipBuilder


def _import_builder(name: str) -> type[ClipBuilder]:
    """Imports the builder of data set `name` from where TFDS's naming puts it."""
    module = importlib.import_module(f"jaxpose.datasets.{name}.{name}_dataset_builder")
    return module.Builder


BUILDERS: dict[str, type[ClipBuilder]] = {
    name: _import_builder(name) for name in PROTOCOLS
}
