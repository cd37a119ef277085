"""The base class of all builders: schema, source, report, and array_record files.

The builder of a data set is a package `jaxpose/datasets/<name>/` with a module
`<name>_dataset_builder.py` that holds `class Builder(ClipBuilder)`, beside the data
set's `protocol.py`, which `jaxpose/datasets/__init__.py` lists. It states `VERSION`,
`BUILDER_CONFIGS`, `DESCRIPTION`, `CITATION`, `HOW_TO_GET`, and implements `splits` and,
where its files can be inspected before they are converted, `inspect_source`. TensorFlow
is never needed.
"""

import abc
import dataclasses
import pathlib
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import tensorflow_datasets as tfds
from tqdm import tqdm

from jaxpose.body.skeletons import get_skeleton
from jaxpose.datasets import Sources, schema
from jaxpose.datasets.report import Finding, Report, Source
from jaxpose.errors import DamagedDataError, JaxposeError
from jaxpose.parallel import signals
from jaxpose.recordings.options import Options
from jaxpose.wording import cut


@dataclasses.dataclass(kw_only=True)
class ClipConfig(tfds.core.BuilderConfig):
    """A builder config: the joints of a data set and the source of its 2D.

    Attributes:
      skeleton: name of the skeleton of the 3D joints.
      keypoints_skeleton: name of the skeleton of the 2D joints; None means `skeleton`.
      keypoints_source: name of the detector or projection that the 2D comes from.
      image_space: whether 3D is in half image widths instead of metres.
      detected: whether clips say which joints were seen, and the frames' numbers.
    """

    skeleton: str = "h36m_17"
    keypoints_skeleton: str | None = None
    keypoints_source: str = "gt"
    image_space: bool = False
    detected: bool = False


# TFDS, which has no annotations, reads `skip_registration` when a class is made.
class ClipBuilder(  # type: ignore[call-arg]
    tfds.core.GeneratorBasedBuilder, skip_registration=True
):
    """Base class of all builders of this project.

    Attributes:
      DESCRIPTION: one paragraph on the data set.
      CITATION: BibTeX, or the notice its licence asks for.
      HOMEPAGE: URL of the data set.
      NEEDS_SOURCE: False for generated data, which `ensure_prepared` prepares by
        itself.
      HOW_TO_GET: where to get the files and what to give as `--source`.
      SPLITS: the subjects of each published split, for a data set that has some. A
        source must hold a split as a whole or nothing of it, unless `partial` is set.
      SEVERAL_SOURCES: whether it may be read from several archives or folders; its
        `inspect_source` and `splits` then take a tuple of paths.
      sources: the archives or folders to read. None given means TFDS's manual folder,
        or a download where the licence allows it.
      partial: whether to prepare a split that lacks subjects or takes.
      READS_RECORDINGS: whether the files are a user's own, which `reading` speaks of.
      reading: what the user states about the files.
      report: findings and counts of the last preparation; None before.
    """

    DESCRIPTION = ""
    CITATION = ""
    HOMEPAGE = ""
    NEEDS_SOURCE = True
    HOW_TO_GET = ""
    SEVERAL_SOURCES = False
    SPLITS: ClassVar[dict[str, tuple[str, ...]]] = {}
    READS_RECORDINGS = False

    def __init__(
        self,
        *,
        source: Sources | None = None,
        partial: bool = False,
        reading: Options | None = None,
        file_format: str | tfds.core.FileFormat | None = "array_record",
        **kwargs: Any,
    ):
        """Opens the data folder, which TFDS reads if it holds the data set.

        Args:
          source: the archive or folder to read, or several of them.
          partial: whether to prepare a split that lacks subjects or takes.
          reading: what the user states about files of keypoints.
          file_format: format of the written files.
          **kwargs: arguments of TFDS's builder, such as `data_dir` and `config`.

        Raises:
          DamagedDataError: the data folder holds the data set, but TFDS cannot read it.
          JaxposeError: the data folder cannot be read at all.
        """
        if source is None:
            source = ()
        elif isinstance(source, str | pathlib.Path):
            source = (source,)
        paths = [pathlib.Path(path).expanduser().resolve() for path in source]
        self.sources = tuple(paths)
        self.partial = partial
        self.reading = reading or Options()
        try:
            super().__init__(file_format=file_format, **kwargs)
        except PermissionError as error:
            folder = kwargs.get("data_dir")
            raise JaxposeError(
                f"cannot read the data folder {folder}: {error.strerror}"
            ) from error
        except Exception as error:
            # TFDS parses its JSON without checks, so damage raises any exception. TFDS
            # sets the folder first; without it, the arguments were wrong, not the data.
            if not hasattr(self, "_data_dir"):
                raise
            raise DamagedDataError(self, "dataset_info.json", error) from error

    @classmethod
    def config_named(cls, name: str) -> ClipConfig:
        """Returns the config called `name`; the first one if it is empty.

        Raises:
          JaxposeError: there is no such config; the message lists the known ones.
        """
        configs = {config.name: config for config in cls.BUILDER_CONFIGS}
        if not name:
            return next(iter(configs.values()))
        if name not in configs:
            raise JaxposeError(
                f"data set {cls.name!r} has no config {name!r}; it has "
                f"{', '.join(configs)}"
            )
        return configs[name]

    @property
    def report(self) -> Report | None:
        """Returns the last preparation's report, from the data folder; None before.

        Raises:
          DamagedDataError: the data is prepared, but the report is gone or damaged.
        """
        try:
            saved = self.info.metadata.get("report")
            if saved is None and not self.is_prepared():
                return None
            return Report.from_json(saved)
        except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
            # These are what damaged JSON makes of `from_json`.
            if isinstance(error, JaxposeError):
                raise
            raise DamagedDataError(self, "metadata.json", error) from error

    @property
    def full_name(self) -> str:
        """Returns the TFDS name with builder config, e.g. `cmu_mocap/gt`."""
        return f"{self.name}/{self.builder_config.name}"

    def is_prepared(self) -> bool:
        """Returns whether the data folder holds the data set in today's schema.

        Raises:
          DamagedDataError: the folder holds it, but its schema cannot be read.
          JaxposeError: the folder cannot be read at all.
        """
        try:
            if not (pathlib.Path(self.data_dir) / "dataset_info.json").exists():
                return False
        except PermissionError as error:
            raise JaxposeError(
                f"cannot read the data folder {self.data_dir}: {error.strerror}"
            ) from error
        # Data of an older version of this program counts as not prepared.
        try:
            written = tfds.features.FeatureConnector.from_config(self.data_dir)
        except Exception as error:  # TFDS raises anything here, as in __init__
            raise DamagedDataError(self, "features.json", error) from error
        return written.to_json() == self.info.features.to_json()

    def find_source(
        self, dl_manager: tfds.download.DownloadManager | None
    ) -> pathlib.Path | tuple[pathlib.Path, ...] | None:
        """Returns the archive or folder to read; None for generated data.

        It is a tuple of them for a data set that may have several.

        Args:
          dl_manager: downloads what a licence allows to be downloaded; None means to
            take only files that are already here.

        Raises:
          JaxposeError: a source does not exist, is empty or cannot be read, or there
            are more of them than the data set has.
        """
        if not self.NEEDS_SOURCE:
            if self.sources:
                raise JaxposeError(
                    f"{self.full_name} is generated and reads no files; "
                    "leave out --source"
                )
            return None

        # TFDS's own place for files that a user must get by hand.
        manual = pathlib.Path(self.data_dir_root) / "downloads" / "manual" / self.name
        sources = self.sources or (manual,)
        if len(sources) > 1 and not self.SEVERAL_SOURCES:
            raise JaxposeError(
                f"{self.full_name} is read from one archive or folder, and --source "
                f"names {len(sources)}; give the folder that holds all its files"
            )
        for source in sources:
            self._require_content(source)
        return sources if self.SEVERAL_SOURCES else sources[0]

    def _require_content(self, source: pathlib.Path) -> None:
        """Raises JaxposeError unless a source exists and can be read."""
        try:
            if not source.exists():
                raise JaxposeError(
                    f"{self.full_name}: {source} does not exist. {self.HOW_TO_GET}"
                )
            if source.is_file():
                is_empty = source.stat().st_size == 0
            else:
                is_empty = not any(source.iterdir())
            if is_empty:
                raise JaxposeError(
                    f"{self.full_name}: {source} is empty. {self.HOW_TO_GET}"
                )
        except OSError as error:
            raise JaxposeError(
                f"{self.full_name}: cannot read {source}: {error.strerror}"
            ) from error

    def inspect_source(self, source: Any) -> list[Finding]:
        """Returns what is complete, missing or suspicious; converts nothing.

        Args:
          source: what `find_source` returns.
        """
        return []

    @abc.abstractmethod
    def splits(self, source: Any, report: Report) -> dict[str, Iterable[dict]]:
        """Returns examples made by `schema.clip_example`, by split.

        Clips keep this order when they are read. An implementation raises JaxposeError
        for a bad file, and nothing is then left in the data folder.

        Args:
          source: what `find_source` returns.
          report: receives a note in `report.notes` for each part that is skipped.
        """

    def _info(self) -> tfds.core.DatasetInfo:
        """Returns what TFDS stores about the data set (TFDS's interface)."""
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
                detected=self.builder_config.detected,
            ),
            metadata=tfds.core.MetadataDict(),
            disable_shuffling=True,  # a run is reproducible only in a fixed clip order
        )

    def _split_generators(
        self, dl_manager: tfds.download.DownloadManager
    ) -> dict[str, Iterator]:
        """Inspects the source, then returns its splits (TFDS's interface)."""
        source = self.find_source(dl_manager)
        report = Report(dataset=self.full_name, source=Source.of(source))
        if self.READS_RECORDINGS:
            report.reading = self.reading.to_json()
        report.findings += self.inspect_source(source)
        self._require_whole_splits(report)
        generators = {}
        for name, examples in self.splits(source, report).items():
            generators[name] = self._generate_examples(name, examples, report)
        return generators

    def _require_whole_splits(self, report: Report) -> None:
        """Raises JaxposeError for a part of a split; notes it with `partial`."""
        for split, subjects in self.SPLITS.items():
            # A subject of which nothing is there has one row without take and frames.
            absent, lacking_takes = [], []
            for row in report.findings:
                if row.status != "missing" or row.subject not in subjects:
                    continue
                if row.take:
                    lacking_takes.append(f"{row.subject} {row.take}")
                elif row.frames is None:
                    absent.append(row.subject)

            # A split may be absent as a whole, such as a test set that nobody asked
            # for.
            if absent == list(subjects):
                report.notes.append(f"nothing of the split {split!r} is there")
                continue
            lacking = absent + lacking_takes
            if not lacking:
                continue
            more = f" and {len(lacking) - 8} more" if len(lacking) > 8 else ""
            what = f"{', '.join(lacking[:8])}{more} of the split {split!r}"
            if not self.partial:
                origin = report.source.path if report.source else self.full_name
                raise JaxposeError(
                    f"{origin} lacks {what}: a part of a split "
                    "gives other numbers than the published ones. Add the files, or "
                    f"prepare the rest with --partial. {self.HOW_TO_GET}"
                )
            report.notes.append(
                f"without {what}: scores are not those of the published protocol"
            )

    def _generate_examples(
        self, split: str, examples: Iterable[dict], report: Report
    ) -> Iterator[tuple[int, dict]]:
        """Yields numbered examples of one split and counts them (TFDS's interface)."""
        seen = set()
        title = f"{self.full_name} {split}"
        progress = tqdm(examples, desc=title, unit=" clips", mininterval=0.5)
        for index, example in enumerate(progress):
            signals.leave_if_requested()
            # Two clips of one name would be scored as one recording.
            key = (example["subject"], example["take"], example["camera"])
            if key in seen:
                raise JaxposeError(
                    f"{self.full_name}: {cut('/'.join(key))} occurs twice in the "
                    "source; "
                    "remove one of them"
                )
            seen.add(key)
            report.count(example)
            yield index, example
        # TFDS writes the metadata at the end; by then it holds the counts of all
        # splits.
        self.info.metadata["report"] = report.to_json()
