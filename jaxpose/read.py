"""Prints what files of keypoints hold, and writes nothing.

python -m jaxpose.read FOLDER
python -m jaxpose.read results.json --image_size=1920,1080 --fps=30 --json
"""

from jaxpose import terminal
from jaxpose.parallel import signals

# Before the imports, which take a second: a signal in them must not be lost.
if __name__ == "__main__":
    terminal.protect()
    signals.install()

import argparse
import json
import pathlib
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jaxpose.errors import JaxposeError, explain
from jaxpose.recordings.flags import add_flags, options_of
from jaxpose.recordings.reader import Reading, read_with
from jaxpose.recordings.recording import Recording
from jaxpose.wording import count_of, printable

WIDTH = 80
# Keys of the JSON that have no value for a file that was not understood.
_UNKNOWN = (
    "format",
    "layout",
    "people",
    "frames",
    "gaps",
    "image_size",
    "fps",
    "seen",
)


def main(argv: list[str] | None = None) -> int:
    """Runs the command line and returns the exit status."""
    flags = _parser().parse_args(argv)
    try:
        reading = read_with(pathlib.Path(flags.path), options_of(flags))
    except (JaxposeError, OSError, MemoryError) as error:
        print(f"error: {printable(explain(error) or '')}", file=sys.stderr)
        return 1
    if flags.json:
        print(json.dumps(to_json(reading), indent=2))
    else:
        print(to_text(reading))
    # Nothing to read is no better than something that is refused.
    return int(bool(reading.refused) or not reading.recordings)


def _parser() -> argparse.ArgumentParser:
    """Returns the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m jaxpose.read",
        description=(__doc__ or "").split("\n")[0],
        epilog="Exit status: 0; 1 where a recording is refused or none is found.",
    )
    parser.add_argument("path", metavar="PATH", help="a file, or a folder of files")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_flags(parser)
    return parser


def to_json(reading: Reading) -> dict[str, Any]:
    """Returns what is printed with --json.

    Per recording: `frames` counts all frames from the first to the last one, `gaps`
    those of them in which the person was not found, and `seen` is the fraction of the
    joints that were. `status` is "ok", "suspicious" where there are warnings, or
    "refused"; a refused recording has None where nothing is known.
    """
    rows = []
    for recording in reading.recordings:
        status = "suspicious" if recording.warnings else "ok"
        row = {"name": recording.name, **_facts(recording)}
        rows.append(row | {"status": status, "reason": None})
    for refusal in reading.refused:
        row = {"name": refusal.name, **_facts(refusal.recording)}
        if refusal.recording is None:
            row["format"] = refusal.format or None
        rows.append(row | {"status": "refused", "reason": refusal.reason})
    return {"recordings": rows, "unread": reading.unread}


def _facts(recording: Recording | None) -> dict[str, Any]:
    """Returns the facts of a recording, None for each where there is none."""
    if recording is None:
        return {**dict.fromkeys(_UNKNOWN), "warnings": []}
    return {
        "format": recording.format,
        "layout": recording.layout,
        "people": recording.people,
        "frames": len(recording.frames),
        "gaps": int((~recording.detected).sum()),
        "image_size": list(recording.camera.image_size),
        "fps": recording.fps,
        "seen": round(float(recording.seen.mean()), 4),
        "warnings": list(recording.warnings),
    }


def to_text(reading: Reading) -> str:
    """Returns a table of the recordings, then what there is to say about each."""
    console = Console(width=WIDTH, highlight=False)
    lines = []
    for part in (_table(reading.recordings), _notes(reading)):
        with console.capture() as capture:
            console.print(part)
        # Tables of rich have an empty margin on all sides.
        text = textwrap.dedent(capture.get())
        lines += [line.rstrip() for line in text.splitlines() if line.strip()]
    return "\n".join([*lines, _summary(reading)])


def _notes(reading: Reading) -> Table:
    """Returns warnings, remarks, and what is refused or not read, one per row."""
    notes = Table.grid(padding=(0, 2))
    for recording in reading.recordings:
        for warning in recording.warnings:
            _add(notes, "warning", f"{recording.name}: {warning}", "yellow")
    # The people of one video share most remarks: each is printed once.
    names_of: dict[str, list[str]] = {}
    for recording in reading.recordings:
        for remark in _remarks(recording):
            names_of.setdefault(remark, []).append(recording.name)
    for remark, names in names_of.items():
        _add(notes, "note", f"{', '.join(names)}: {remark}")
    for refusal in reading.refused:
        reason = refusal.reason.removeprefix(f"{refusal.where}: ")
        _add(notes, "refused", f"{refusal.name}: {reason}", "red")
    for unread in reading.unread:
        _add(notes, "not read", unread)
    return notes


def _add(notes: Table, kind: str, sentence: str, style: str = "dim") -> None:
    """Adds a sentence; names in it are data, no markup."""
    notes.add_row(Text(kind, style=style), Text(printable(sentence)))


def _table(recordings: Sequence[Recording]) -> Table:
    """Returns a table with a row per recording."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("recording", overflow="fold", min_width=12)
    for column in ("format", "layout"):
        table.add_column(column, no_wrap=True)
    for column in ("frames", "gaps", "fps", "image", "seen"):
        table.add_column(column, justify="right", no_wrap=True)
    if not recordings:
        return Table()
    for recording in recordings:
        facts = _facts(recording)
        width, height = facts["image_size"]
        cells = [
            recording.name,
            recording.format,
            recording.layout,
            f"{facts['frames']:,}",
            f"{facts['gaps']:,}" if facts["gaps"] else "-",
            f"{recording.fps:g}",
            f"{width}x{height}",
            f"{facts['seen']:.0%}",
        ]
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


def _remarks(recording: Recording) -> list[str]:
    """Returns the remarks about a recording, and how the person was followed."""
    remarks = list(recording.remarks)
    if recording.people > 1:
        remarks.append(f"the video shows {recording.people} people")
    if recording.switches:
        times = count_of(recording.switches, "time", "times")
        remarks.append(
            f"the id changes, or the person is lost and found by motion, {times}: look "
            "whether it is the same person"
        )
    return remarks


def _summary(reading: Reading) -> str:
    """Returns the last line: how many recordings can be used, and how many not."""
    parts = [count_of(len(reading.recordings), "recording", "recordings")]
    if reading.refused:
        parts.append(f"{len(reading.refused)} refused")
    if reading.unread:
        files = count_of(len(reading.unread), "file", "files")
        parts.append(f"{files} not read")
    return ", ".join(parts)


if __name__ == "__main__":
    sys.exit(main())
