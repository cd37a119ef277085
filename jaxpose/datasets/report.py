"""Reports of a preparation: what the source held, and what was written."""

import dataclasses
import pathlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from rich import box
from rich.table import Table
from rich.text import Text

from jaxpose.wording import printable


@dataclasses.dataclass(frozen=True)
class Finding:
    """One row of an inspection: a take, a subject or a split, and what is published.

    Attributes:
      status: "complete", "missing", "suspicious"; of recordings also "refused" and
        "not read", which are left out.
      subject: name of the subject, or of the split.
      take: name of the take; empty for the subject as a whole.
      detail: what is wrong or worth knowing.
      frames: frames found, counted once for all cameras unless `detail` says otherwise.
      published: frames of the published data set; None where it states no number.
      bone_length: mean over the bones, metres; None where there is no metric 3D.
      outside: fraction of the keypoints outside the image, for the worst camera.
      reprojection: median distance from the projected 3D joints to the keypoints,
        pixels, for the worst camera; None where the camera or the place of the root is
        unknown.
    """

    status: str
    subject: str
    take: str = ""
    detail: str = ""
    frames: int | None = None
    published: int | None = None
    bone_length: float | None = None
    outside: float | None = None
    reprojection: float | None = None


@dataclasses.dataclass(frozen=True)
class Source:
    """The archive or folder that data came from, or several of them.

    Attributes:
      path: where it was; several places are separated by commas.
      files: number of files.
      size: bytes of all files; files and size tell whether the content has changed.
    """

    path: str
    files: int
    size: int

    @classmethod
    def of(
        cls, source: pathlib.Path | tuple[pathlib.Path, ...] | None
    ) -> "Source | None":
        """Returns the description of archives or folders; None for generated data."""
        if source is None:
            return None
        # Counting files and bytes is quick, where hashing 10 GB would take minutes.
        sources = source if isinstance(source, tuple) else (source,)
        files, size = 0, 0
        for path in sources:
            for file in [path] if path.is_file() else path.rglob("*"):
                if file.is_file():
                    files += 1
                    size += file.stat().st_size
        return cls(", ".join(map(str, sources)), files, size)

    def same_content(self, other: "Source") -> bool:
        """Returns whether both hold as many files and bytes, in any place."""
        return (self.files, self.size) == (other.files, other.size)

    def __str__(self) -> str:
        files = "1 file" if self.files == 1 else f"{self.files:,} files"
        return f"{self.path} ({files}, {self.size:,} bytes)"


@dataclasses.dataclass
class SubjectCount:
    """Counts of one subject. A take seen by four cameras is four clips.

    Attributes:
      takes: names of the recordings.
      clips: number of (take, camera) pairs.
      frames: frames of all clips.
      invalid_frames: number of those frames that are neither trained on nor scored.
      fps: the frame rates that occur.
    """

    takes: list[str] = dataclasses.field(default_factory=list)
    clips: int = 0
    frames: int = 0
    invalid_frames: int = 0
    fps: list[float] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Report:
    """What a builder found in its source and wrote into the data folder.

    Attributes:
      dataset: TFDS name with builder config.
      source: where the data came from; None for generated data.
      subjects: counts by subject, in order of appearance.
      findings: rows of the inspection before writing.
      notes: what was skipped or looked odd, one sentence each.
      reading: how recordings were read, as `jaxpose.recordings.options.Options` holds
        it; empty for published data sets.
    """

    dataset: str
    source: Source | None = None
    subjects: dict[str, SubjectCount] = dataclasses.field(default_factory=dict)
    findings: list[Finding] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    reading: dict[str, Any] = dataclasses.field(default_factory=dict)

    def count(self, example: dict[str, Any]) -> None:
        """Adds one clip, an example of `schema.clip_features`."""
        row = self.subjects.setdefault(example["subject"], SubjectCount())
        # The four cameras of a take share its name and rate; list each once.
        if example["take"] not in row.takes:
            row.takes.append(example["take"])
        if float(example["fps"]) not in row.fps:
            row.fps.append(float(example["fps"]))
        row.clips += 1
        row.frames += len(example["valid"])
        row.invalid_frames += int(np.sum(~example["valid"]))

    def to_json(self) -> dict[str, Any]:
        """Returns a JSON-serialisable dict; `from_json` inverts it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> "Report":
        """Returns the report that `to_json` wrote."""
        # The nested dataclasses became dicts; build them again from the inside out.
        subjects = {}
        for name, row in saved["subjects"].items():
            subjects[name] = SubjectCount(**row)
        return cls(
            dataset=saved["dataset"],
            source=Source(**saved["source"]) if saved["source"] else None,
            subjects=subjects,
            findings=[Finding(**finding) for finding in saved["findings"]],
            notes=saved["notes"],
            reading=saved.get("reading", {}),
        )

    def counts_table(self) -> Table:
        """Returns a table of what was written, by subject."""
        table = _table(
            "what was written", "subject", "takes", "clips", "frames", "invalid", "fps"
        )
        for name, count in self.subjects.items():
            table.add_row(Text(printable(name)), *_cells(count))
        # A total repeats the only row of a data set with one subject.
        if len(self.subjects) > 1:
            table.add_section()
            table.add_row("total", *_cells(_total(self.subjects.values())))
        return table


def findings_table(findings: Iterable[Finding], title: str) -> Table:
    """Returns a table that shows what is complete, missing or suspicious."""
    table = _table(
        title,
        "subject",
        "take",
        "frames",
        "published",
        "bone, m",
        "outside",
        "reprojection, px",
        "status",
        "remark",
    )
    table.caption = (
        "Checked in every clip: finite numbers; the mean bone length; keypoints "
        "outside the image; the median distance from the projected 3D joints to the "
        "keypoints (for the worst camera)."
    )
    # Text columns are left-justified; only the last one, the remark, may wrap.
    for column in (table.columns[1], *table.columns[-2:]):
        column.justify = "left"
    for column in table.columns[:-1]:
        column.no_wrap = True
    # What was not measured is a dash, so that it differs from a measured zero.
    for finding in findings:
        table.add_row(
            Text(printable(finding.subject)),
            Text(printable(finding.take)),
            _number(finding.frames, ","),
            _number(finding.published, ","),
            _number(finding.bone_length, ".3f"),
            _number(finding.outside, ".1%"),
            _number(finding.reprojection, ".1f"),
            finding.status,
            Text(printable(finding.detail)),
        )
    return table


def _table(title: str, *columns: str) -> Table:
    """Returns an empty table: names in the first column, numbers in the others."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
    )
    # The first column holds names, the others mostly numbers.
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index else "left")
    return table


def _number(value: float | None, form: str) -> str:
    """Returns `value` in a format, or a dash where nothing was measured."""
    return "-" if value is None else format(value, form)


def _cells(count: SubjectCount) -> tuple[str, ...]:
    """Returns one row of `Report.counts_table`, without the name."""
    numbers = (len(count.takes), count.clips, count.frames, count.invalid_frames)
    cells = map("{:,}".format, numbers)
    # A subject may have takes of several rates, as in MPI-INF-3DHP: 25/50.
    rates = "/".join(f"{rate:g}" for rate in count.fps)
    return (*cells, rates)


def _total(counts: Iterable[SubjectCount]) -> SubjectCount:
    """Returns the sum over the subjects."""
    total = SubjectCount()
    for count in counts:
        total.takes += count.takes  # names repeat across subjects and count each time
        total.clips += count.clips
        total.frames += count.frames
        total.invalid_frames += count.invalid_frames
        for rate in count.fps:
            if rate not in total.fps:
                total.fps.append(rate)
    return total
