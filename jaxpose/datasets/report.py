"""What preparing a data set found, counted while it is written and kept beside the data."""

import dataclasses
import pathlib
from collections.abc import Iterable

import numpy as np


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

    def __str__(self) -> str:
        return f"{self.status:10}  {self.what}: {self.detail}"


@dataclasses.dataclass(frozen=True)
class Source:
    """Where data came from; number of files and bytes tell whether it has changed since."""

    path: str
    files: int
    size: int

    @classmethod
    def of(cls, path: pathlib.Path) -> "Source":
        """The archive or folder at `path`."""
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
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
            subjects={name: SubjectCount(**row) for name, row in saved["subjects"].items()},
            findings=[Finding(**finding) for finding in saved["findings"]],
            notes=saved["notes"],
        )

    def __str__(self) -> str:
        rows = [("subject", "takes", "clips", "frames", "invalid", "fps")]
        rows += [_row(name, count) for name, count in self.subjects.items()]
        if len(self.subjects) > 1:
            rows.append(_row("total", _total(self.subjects.values())))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = [self.dataset + (f" from {self.source}" if self.source else "")]
        lines += [
            "  " + "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
        ]
        lines += [f"  {finding}" for finding in self.findings]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)


def _row(name: str, count: SubjectCount) -> tuple[str, ...]:
    fps = "/".join(f"{rate:g}" for rate in count.fps)
    numbers = (len(count.takes), count.clips, count.frames, count.invalid_frames)
    return (name, *(f"{number:,}" for number in numbers), fps)


def _total(counts: Iterable[SubjectCount]) -> SubjectCount:
    total = SubjectCount()
    for count in counts:
        total.takes += count.takes
        total.clips += count.clips
        total.frames += count.frames
        total.invalid_frames += count.invalid_frames
        total.fps += [rate for rate in count.fps if rate not in total.fps]
    return total
