"""What all builders share: the schema, the source, the report, and array_record files.

A builder of a data set is a package `jaxpose/datasets/<name>/` with a module
`<name>_dataset_builder.py` that holds `class Builder(ClipBuilder)`, imported by
`jaxpose/datasets/__init__.py`. It states `VERSION`, `BUILDER_CONFIGS`, `DESCRIPTION`,
`CITATION`, `HOW_TO_GET`, and implements `splits` and, where its files can be checked before
they are converted, `check`. TensorFlow is never needed.
"""

import dataclasses
import pathlib
from collections.abc import Iterable, Iterator

import tensorflow_datasets as tfds

from jaxpose.datasets import schema
from jaxpose.datasets.report import Report
from jaxpose.errors import JaxposeError
from jaxpose.skeletons import get_skeleton


@dataclasses.dataclass(kw_only=True)
class ClipConfig(tfds.core.BuilderConfig):
    """A builder config: which joints, and which 2D.

    Attributes:
      skeleton: name of the skeleton of the 3D joints.
      keypoints_skeleton: name of the skeleton of the 2D joints; None means `skeleton`.
      keypoints_source: where the 2D comes from.
    """

    skeleton: str = "h36m_17"
    keypoints_skeleton: str | None = None
    keypoints_source: str = "gt"


@dataclasses.dataclass(frozen=True)
class Finding:
    """One line of a check before writing.

    Attributes:
      status: "complete", "missing" or "suspicious".
      what: the subject, take or file.
      detail: what was found, and what was expected.
    """

    status: str
    what: str
    detail: str


class ClipBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Base class of all builders of this project.

    Attributes:
      DESCRIPTION: one paragraph on the data set.
      CITATION: BibTeX, or the notice its licence asks for.
      HOMEPAGE: its site.
      NEEDS_SOURCE: False for a data set that is generated, which `ensure_prepared` then does.
      HOW_TO_GET: where to get the files and what to give as `--source`.
      source: the archive or folder to read, or None to look in TFDS's manual folder, or to
        download where the licence allows it.
      report: what the last preparation found; None before.
    """

    DESCRIPTION = ""
    CITATION = ""
    HOMEPAGE = ""
    NEEDS_SOURCE = True
    HOW_TO_GET = ""

    def __init__(
        self,
        *,
        source: str | pathlib.Path | None = None,
        file_format: str | tfds.core.FileFormat | None = "array_record",
        **kwargs,
    ):
        """As TFDS, with the `source` to read from."""
        self.source = None if source is None else pathlib.Path(source).expanduser().resolve()
        super().__init__(file_format=file_format, **kwargs)

    @property
    def report(self) -> Report | None:
        """What the preparation found, read back from the data folder if it was an earlier one."""
        saved = self.info.metadata.get("report")
        return None if saved is None else Report.from_json(saved)

    @property
    def full_name(self) -> str:
        """TFDS name with builder config, e.g. `cmu_mocap/gt`."""
        return f"{self.name}/{self.builder_config.name}"

    def find_source(self, dl_manager: tfds.download.DownloadManager) -> pathlib.Path | None:
        """The archive or folder to read.

        Raises:
          JaxposeError: it was not given and does not lie in the manual folder, or does not
            exist, or is empty.
        """
        if not self.NEEDS_SOURCE:
            return None
        if self.source is None:
            manual = pathlib.Path(dl_manager._manual_dir) / self.name
            if not manual.exists():
                raise JaxposeError(f"{self.name} needs files that are not here. {self.HOW_TO_GET}")
            return manual
        if not self.source.exists():
            raise JaxposeError(f"source {self.source} does not exist. {self.HOW_TO_GET}")
        if _is_empty(self.source):
            raise JaxposeError(f"source {self.source} is empty. {self.HOW_TO_GET}")
        return self.source

    def check(self, source: pathlib.Path | None) -> list[Finding]:
        """What is complete, missing or suspicious in `source`, without converting it."""
        return []

    def splits(self, source: pathlib.Path | None, report: Report) -> dict[str, Iterable[dict]]:
        """Examples made by `schema.clip_example`, by split; skipped parts go to `report.notes`.

        Clips keep this order when they are read. Raise JaxposeError for bad files: nothing is
        then left in the data folder.
        """
        raise TypeError(f"{type(self).__name__} does not define splits()")

    def _info(self) -> tfds.core.DatasetInfo:
        skeleton = get_skeleton(self.builder_config.skeleton)
        keypoints_skeleton = get_skeleton(self.builder_config.keypoints_skeleton or skeleton.name)
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.DESCRIPTION,
            citation=self.CITATION,
            homepage=self.HOMEPAGE,
            features=schema.clip_features(skeleton, keypoints_skeleton),
            metadata=tfds.core.MetadataDict(),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        source = self.find_source(dl_manager)
        report = Report(dataset=self.full_name, source=describe_source(source))
        splits = self.splits(source, report)
        return {name: self._generate_examples(examples, report) for name, examples in splits.items()}

    def _generate_examples(self, examples: Iterable[dict], report: Report) -> Iterator[tuple[int, dict]]:
        seen = set()
        for index, example in enumerate(examples):
            key = (example["subject"], example["take"], example["camera"])
            if key in seen:
                raise JaxposeError(f"{self.full_name}: {'/'.join(key)} occurs twice in the source")
            seen.add(key)
            report.count(example)
            yield index, example
        self.info.metadata["report"] = report.to_json()


def describe_source(source: pathlib.Path | None) -> str:
    """Path, number of files and bytes: enough to notice that it changed."""
    if source is None:
        return ""
    files = [source] if source.is_file() else [path for path in source.rglob("*") if path.is_file()]
    return f"{source} ({len(files)} files, {sum(path.stat().st_size for path in files):,} bytes)"


def _is_empty(source: pathlib.Path) -> bool:
    return source.stat().st_size == 0 if source.is_file() else not any(source.iterdir())
