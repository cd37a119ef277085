"""What preparing a data set found, counted while it is written and kept beside the data."""

import dataclasses
import pathlib
from collections.abc import Iterable

import numpy as np
from rich import box
from rich.table import Table


@dataclasses.dataclass(frozen=True)
class Finding:
    """One row of a check: a take, a subject or a split, beside what is published of it.

    Attributes:
      status: "complete", "missing" or "suspicious".
      subject: the subject, or what else is counted.
      take: the take; empty for the subject as a whole.
      detail: what is wrong or worth knowing.
      frames: frames found, counted once for all cameras unless `detail` says otherwise.
      published: how many there are in the published data set; None where nobody says.
      bone_length: mean over the bones, metres; None where there is no metric 3D.
      outside: share of the keypoints outside the image, of the worst camera.
      reprojection: median distance from the projected 3D joints to the keypoints, pixels, of
        the worst camera; None where the camera or the place of the root is unknown.
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
    """Where data came from; number of files and bytes tell whether it has changed since."""

    path: str
    files: int
    size: int

    @classmethod
    def of(cls, path: pathlib.Path) -> "Source":
        """The archive or folder at `path`."""
        files = (
            [path]
            if path.is_file()
            else [file for file in path.rglob("*") if file.is_file()]
        )
        return cls(str(path), len(files), sum(file.stat().st_size for file in files))

    def same_content(self, other: "Source") -> bool:
        """Whether both hold as many files and bytes, wherever they lie."""
        return (self.files, self.size) == (other.files, other.size)

    def __str__(self) -> str:
        return f"{self.path} ({self.files:,} {'file' if self.files == 1 else 'files'}, {self.size:,} bytes)"


@dataclasses.dataclass
class SubjectCount:
    """Counts of one subject. A take seen by four cameras is four clips.

    Attributes:
      takes: names of the recordings.
      clips: number of (take, camera) pairs.
      frames: frames of all clips.
      invalid_frames: those of them that are neither trained on nor scored.
      fps: the frame rates that occur.
    """

    takes: list[str] = dataclasses.field(default_factory=list)
    clips: int = 0
    frames: int = 0
    invalid_frames: int = 0
    fps: list[float] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Report:
    """What a builder found.

    Attributes:
      dataset: TFDS name with builder config.
      source: where the data came from; None for generated data.
      subjects: counts by subject, in order of appearance.
      findings: of the check before writing.
      notes: what was skipped or looked odd, one sentence each.
    """

    dataset: str
    source: Source | None = None
    subjects: dict[str, SubjectCount] = dataclasses.field(default_factory=dict)
    findings: list[Finding] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)

    def count(self, example: dict[str, object]) -> None:
        """Adds one clip, an example of `schema.clip_features`."""
        row = self.subjects.setdefault(example["subject"], SubjectCount())
        if example["take"] not in row.takes:
            row.takes.append(example["take"])
        if float(example["fps"]) not in row.fps:
            row.fps.append(float(example["fps"]))
        row.clips += 1
        row.frames += len(example["valid"])
        row.invalid_frames += int(np.sum(~example["valid"]))

    def to_json(self) -> dict[str, object]:
        """A JSON-serialisable dict; `from_json` inverts it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, saved: dict) -> "Report":
        """The report that `to_json` wrote."""
        return cls(
            dataset=saved["dataset"],
            source=Source(**saved["source"]) if saved["source"] else None,
            subjects={
                name: SubjectCount(**row) for name, row in saved["subjects"].items()
            },
            findings=[Finding(**finding) for finding in saved["findings"]],
            notes=saved["notes"],
        )

    def counts_table(self) -> Table:
        """What was written, by subject."""
        table = _table(
            "what was written", "subject", "takes", "clips", "frames", "invalid", "fps"
        )
        for name, count in self.subjects.items():
            table.add_row(name, *_cells(count))
        if len(self.subjects) > 1:
            table.add_section()
            table.add_row("total", *_cells(_total(self.subjects.values())))
        return table


def findings_table(findings: Iterable[Finding], title: str) -> Table:
    """A check for people: what is complete, missing or suspicious."""
    table = _table(
        title, "subject", "take", "frames", "published", "bone, m", "outside", "reprojection, px", "status",
        "remark",
    )  # fmt: skip
    table.caption = (
        "Checked in every clip: finite numbers; the mean bone length; keypoints outside the image; "
        "the median distance from the projected 3D joints to the keypoints (of the worst camera)."
    )
    for column in (table.columns[1], *table.columns[-2:]):
        column.justify = "left"
    for column in table.columns[:-1]:
        column.no_wrap = True
    for finding in findings:
        table.add_row(
            finding.subject,
            finding.take,
            _number(finding.frames, ","),
            _number(finding.published, ","),
            _number(finding.bone_length, ".3f"),
            _number(finding.outside, ".1%"),
            _number(finding.reprojection, ".1f"),
            finding.status,
            finding.detail,
        )
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
    )
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index else "left")
    return table


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _cells(count: SubjectCount) -> tuple[str, ...]:
    numbers = (len(count.takes), count.clips, count.frames, count.invalid_frames)
    return (
        *(f"{number:,}" for number in numbers),
        "/".join(f"{rate:g}" for rate in count.fps),
    )


def _total(counts: Iterable[SubjectCount]) -> SubjectCount:
    total = SubjectCount()
    for count in counts:
        total.takes += count.takes
        total.clips += count.clips
        total.frames += count.frames
        total.invalid_frames += count.invalid_frames
        total.fps += [rate for rate in count.fps if rate not in total.fps]
    return total
