"""What all builders share: the schema, the source, the report, and array_record files.

A builder of a data set is a package `jaxpose/datasets/<name>/` with a module
`<name>_dataset_builder.py` that holds `class Builder(ClipBuilder)`, imported by
`jaxpose/datasets/__init__.py`. It states `VERSION`, `BUILDER_CONFIGS`, `DESCRIPTION`,
`CITATION`, `HOW_TO_GET`, and implements `splits` and, where its files can be checked before
they are converted, `check`. TensorFlow is never needed.
"""

import abc
import dataclasses
import pathlib
from collections.abc import Iterable, Iterator
from typing import ClassVar

import tensorflow_datasets as tfds
from tqdm import tqdm

from jaxpose.body.skeletons import get_skeleton
from jaxpose.datasets import schema
from jaxpose.datasets.report import Finding, Report, Source
from jaxpose.errors import JaxposeError
from jaxpose.parallel import signals


class DamagedDataError(JaxposeError):
    """What was prepared cannot be read any more.

    Attributes:
      folder: where it lies.
    """

    def __init__(self, builder: "ClipBuilder", file: str, reason: Exception):
        self.folder = pathlib.Path(builder.data_dir)
        super().__init__(
            f"{self.folder / file} is missing, damaged or of another version "
            f"({str(reason) or type(reason).__name__}); prepare {builder.full_name} again with --overwrite"
        )


@dataclasses.dataclass(kw_only=True)
class ClipConfig(tfds.core.BuilderConfig):
    """A builder config: which joints, and which 2D.

    Attributes:
      skeleton: name of the skeleton of the 3D joints.
      keypoints_skeleton: name of the skeleton of the 2D joints; None means `skeleton`.
      keypoints_source: where the 2D comes from.
      image_space: 3D is in half image widths, not metres.
    """

    skeleton: str = "h36m_17"
    keypoints_skeleton: str | None = None
    keypoints_source: str = "gt"
    image_space: bool = False


class ClipBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Base class of all builders of this project.

    Attributes:
      DESCRIPTION: one paragraph on the data set.
      CITATION: BibTeX, or the notice its licence asks for.
      HOMEPAGE: its site.
      NEEDS_SOURCE: False for a data set that is generated, which `ensure_prepared` then does.
      HOW_TO_GET: where to get the files and what to give as `--source`.
      SPLITS: the subjects of each published split, for a data set that has some. A source holds
        a split whole or not at all, unless `partial`.
      source: the archive or folder to read, or None to look in TFDS's manual folder, or to
        download where the licence allows it.
      partial: whether to prepare what is there of a split.
      report: what the last preparation found; None before.
    """

    DESCRIPTION = ""
    CITATION = ""
    HOMEPAGE = ""
    NEEDS_SOURCE = True
    HOW_TO_GET = ""
    SPLITS: ClassVar[dict[str, tuple[str, ...]]] = {}

    def __init__(
        self,
        *,
        source: str | pathlib.Path | None = None,
        partial: bool = False,
        file_format: str | tfds.core.FileFormat | None = "array_record",
        **kwargs,
    ):
        """As TFDS, with the `source` to read from.

        Raises:
          DamagedDataError: the data folder holds the data set, but TFDS cannot read what it wrote.
          JaxposeError: the data folder cannot be read at all.
        """
        self.source = (
            None if source is None else pathlib.Path(source).expanduser().resolve()
        )
        self.partial = partial
        try:
            super().__init__(file_format=file_format, **kwargs)
        except PermissionError as error:
            folder = kwargs.get("data_dir")
            raise JaxposeError(
                f"cannot read the data folder {folder}: {error.strerror}"
            ) from error
        except (
            Exception
        ) as error:  # a parser over damaged JSON fails in every way there is
            if not hasattr(self, "_data_dir"):
                raise
            raise DamagedDataError(self, "dataset_info.json", error) from error

    @property
    def report(self) -> Report | None:
        """What the preparation found, read back from the data folder if it was an earlier one.

        Raises:
          DamagedDataError: it was prepared, and the report is gone or damaged.
        """
        try:
            saved = self.info.metadata.get("report")
            if saved is None and not self.is_prepared():
                return None
            return Report.from_json(saved)
        except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
            if isinstance(error, JaxposeError):
                raise
            raise DamagedDataError(self, "metadata.json", error) from error

    @property
    def full_name(self) -> str:
        """TFDS name with builder config, e.g. `cmu_mocap/gt`."""
        return f"{self.name}/{self.builder_config.name}"

    def is_prepared(self) -> bool:
        """Whether the data folder holds the finished data set, in today's schema.

        Raises:
          DamagedDataError: it does, but what it says of its schema cannot be read.
          JaxposeError: the folder cannot be read at all.
        """
        try:
            if not (pathlib.Path(self.data_dir) / "dataset_info.json").exists():
                return False
        except PermissionError as error:
            raise JaxposeError(
                f"cannot read the data folder {self.data_dir}: {error.strerror}"
            ) from error
        try:
            written = tfds.features.FeatureConnector.from_config(self.data_dir)
        except Exception as error:  # as in __init__
            raise DamagedDataError(self, "features.json", error) from error
        return written.to_json() == self.info.features.to_json()

    def find_source(
        self, dl_manager: tfds.download.DownloadManager | None
    ) -> pathlib.Path | None:
        """The archive or folder to read; None for generated data.

        Args:
          dl_manager: downloads what may be downloaded; None means to take only what is here.

        Raises:
          JaxposeError: it is not there, or is empty.
        """
        if not self.NEEDS_SOURCE:
            if self.source is not None:
                raise JaxposeError(
                    f"{self.full_name} is made here and reads no files; leave out --source"
                )
            return None
        source = (
            self.source
            or pathlib.Path(self.data_dir_root) / "downloads" / "manual" / self.name
        )
        try:
            if not source.exists():
                raise JaxposeError(
                    f"{self.full_name}: {source} does not exist. {self.HOW_TO_GET}"
                )
            if not (
                source.stat().st_size if source.is_file() else any(source.iterdir())
            ):
                raise JaxposeError(
                    f"{self.full_name}: {source} is empty. {self.HOW_TO_GET}"
                )
        except OSError as error:
            raise JaxposeError(
                f"{self.full_name}: cannot read {source}: {error.strerror}"
            ) from error
        return source

    def inspect_source(self, source: pathlib.Path | None) -> list[Finding]:
        """What is complete, missing or suspicious in `source`, without converting it."""
        return []

    @abc.abstractmethod
    def splits(
        self, source: pathlib.Path | None, report: Report
    ) -> dict[str, Iterable[dict]]:
        """Examples made by `schema.clip_example`, by split; skipped parts go to `report.notes`.

        Clips keep this order when they are read. Raise JaxposeError for bad files: nothing is
        then left in the data folder.
        """

    def _info(self) -> tfds.core.DatasetInfo:
        skeleton = get_skeleton(self.builder_config.skeleton)
        keypoints_skeleton = get_skeleton(
            self.builder_config.keypoints_skeleton or skeleton.name
        )
        return tfds.core.DatasetInfo(
            builder=self,
            description=self.DESCRIPTION,
            citation=self.CITATION,
            homepage=self.HOMEPAGE,
            features=schema.clip_features(
                skeleton,
                keypoints_skeleton,
                image_space=self.builder_config.image_space,
            ),
            metadata=tfds.core.MetadataDict(),
            disable_shuffling=True,
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator]:
        source = self.find_source(dl_manager)
        report = Report(dataset=self.full_name, source=source and Source.of(source))
        report.findings += self.inspect_source(source)
        self._require_whole_splits(report)
        splits = self.splits(source, report)
        return {
            name: self._generate_examples(name, examples, report)
            for name, examples in splits.items()
        }

    def _require_whole_splits(self, report: Report) -> None:
        """Raises JaxposeError for a part of a split, or notes it if `partial`; notes an absent split."""
        for split, subjects in self.SPLITS.items():
            missing = [
                row
                for row in report.findings
                if row.status == "missing" and row.subject in subjects
            ]
            absent = [
                row.subject for row in missing if row.frames is None and not row.take
            ]
            if absent == list(subjects):
                report.notes.append(f"nothing of the split {split!r} is there")
                continue
            lacking = [
                *absent,
                *(f"{row.subject} {row.take}" for row in missing if row.take),
            ]
            if not lacking:
                continue
            more = f" and {len(lacking) - 8} more" if len(lacking) > 8 else ""
            what = f"{', '.join(lacking[:8])}{more} of the split {split!r}"
            if not self.partial:
                raise JaxposeError(
                    f"{report.source.path} lacks {what}: a part of a split gives other numbers than the "
                    "published ones. Add the files, or prepare what is there with --partial. "
                    f"{self.HOW_TO_GET}"
                )
            report.notes.append(
                f"without {what}: scores are not those of the published protocol"
            )

    def _generate_examples(
        self, split: str, examples: Iterable[dict], report: Report
    ) -> Iterator[tuple[int, dict]]:
        seen = set()
        progress = tqdm(
            examples, desc=f"{self.full_name} {split}", unit=" clips", mininterval=0.5
        )
        for index, example in enumerate(progress):
            signals.leave_if_requested()
            key = (example["subject"], example["take"], example["camera"])
            if key in seen:
                raise JaxposeError(
                    f"{self.full_name}: {'/'.join(key)} occurs twice in the source"
                )
            seen.add(key)
            report.count(example)
            yield index, example
        # Kept with the data; after the last split it holds all of them.
        self.info.metadata["report"] = report.to_json()
