"""Prepares a data set: finds its files, checks them, and writes them for TFDS.

python -m jaxpose.prepare synthetic
python -m jaxpose.prepare cmu_mocap --source=allasfamc.zip
python -m jaxpose.prepare human36m/cpn_ft_h36m_dbb_17 --source=DIR --check
python -m jaxpose.prepare custom --source=DIR --name=kitchen
"""

from jaxpose import terminal
from jaxpose.parallel import signals

if __name__ == "__main__":
    terminal.protect()
    signals.install()  # before the imports that take seconds

import argparse
import collections
import contextlib
import functools
import io
import pathlib
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from absl import logging
from rich.console import Console

from jaxpose.datasets import PROTOCOLS, Sources, get_builder
from jaxpose.datasets.prepared import require_prepared
from jaxpose.datasets.report import Finding, Report, Source, findings_table
from jaxpose.errors import DamagedDataError, JaxposeError, explain
from jaxpose.locks import locked
from jaxpose.recordings.flags import add_flags, options_of
from jaxpose.recordings.options import Options
from jaxpose.wording import printable

if TYPE_CHECKING:
    from jaxpose.datasets.base import ClipBuilder


def prepare(
    dataset: str,
    *,
    source: Sources | None = None,
    data_dir: str | pathlib.Path | None = None,
    overwrite: bool = False,
    partial: bool = False,
    reading: Options | None = None,
) -> Report:
    """Prepares `dataset` unless it is prepared, and returns the report.

    Programs that prepare the same data set in the same folder wait for each other.

    Args:
      dataset: TFDS name, `name` or `name/config`.
      source: the original archive or folder, or several, where one is needed.
      data_dir: TFDS data folder; None means TFDS's default.
      overwrite: whether to prepare again. The new files replace the old ones once they
        are complete.
      partial: whether to prepare a split that lacks subjects or takes.
      reading: what the user states about files of keypoints, for `custom`.

    Raises:
      JaxposeError: the data set is unknown, or files are bad or missing. Without
        `overwrite` also: the prepared data came from another source, or is damaged. No
        unfinished files stay behind.
    """
    open_builder = functools.partial(
        get_builder,
        dataset,
        data_dir=data_dir,
        source=source,
        partial=partial,
        reading=reading,
    )
    # Nothing is written for data that is there: its folder may be read-only.
    if not overwrite and (report := _report_of(open_builder())):
        return report
    folder = _folder_of(open_builder)
    root, own, config = folder.parents[2], folder.parents[1].name, folder.parent.name
    try:
        with locked(root / f".{own}.lock", f"prepares {own}") as is_alone:
            # Another program may have prepared it while this one waited.
            if not overwrite and (report := _report_of(open_builder())):
                return report
            with _set_aside(folder, is_alone):
                # A new builder: the one above read the folder that was moved away.
                builder = open_builder()
                _write(builder)
    except OSError as error:
        raise JaxposeError(
            f"cannot prepare {own}/{config} in {root}: {error}"
        ) from error
    report = builder.report
    assert report is not None  # it is prepared now
    return report


def _report_of(builder: "ClipBuilder") -> Report | None:
    """Returns the report of prepared data, None where it is not prepared.

    Raises:
      JaxposeError: the data came from another source, or is damaged.
    """
    if not builder.is_prepared():
        return None
    if builder.sources:
        _require_unchanged(builder)
    return builder.report


def _folder_of(open_builder: Callable[[], "ClipBuilder"]) -> pathlib.Path:
    """Returns the folder of a data set, which may be damaged: ROOT/NAME/CONFIG/VERSION.

    The next preparation replaces it.
    """
    try:
        return pathlib.Path(open_builder().data_dir)
    except DamagedDataError as error:
        return error.folder


def ensure_prepared(dataset: str, data_dir: str | pathlib.Path | None = None) -> None:
    """Prepares a generated data set, such as `synthetic`, unless it is prepared.

    Raises:
      JaxposeError: the data set needs files and is not prepared; the message says how
        to prepare it.
    """
    builder = get_builder(dataset, data_dir=data_dir)
    if builder.NEEDS_SOURCE:
        require_prepared(builder)
    elif not builder.is_prepared():
        prepare(dataset, data_dir=data_dir)


def inspect_source(
    dataset: str,
    *,
    source: Sources | None = None,
    data_dir: str | pathlib.Path | None = None,
    reading: Options | None = None,
) -> list[Finding]:
    """Returns what is complete, missing or suspicious in a source; writes nothing.

    Args:
      dataset: TFDS name, `name` or `name/config`.
      source: the original archive or folder, or several.
      data_dir: TFDS data folder; None means TFDS's default.
      reading: what the user states about files of keypoints, for `custom`.

    Raises:
      JaxposeError: the data set is unknown, or a file is missing or cannot be read.
    """
    builder = get_builder(dataset, data_dir=data_dir, source=source, reading=reading)
    return builder.inspect_source(builder.find_source(None))


def _write(builder: "ClipBuilder") -> None:
    """Writes the data set, or leaves the data folder as it was.

    Raises:
      JaxposeError: the source is bad, or the disk is full or not writable.
    """
    # What exists now may be a user's and stays; what appears from here on is ours.
    root = pathlib.Path(builder.data_dir_root)
    new_folders = [folder for folder in _folders(builder) if not folder.exists()]
    default_config = root / builder.name / ".config"  # TFDS's note of the first config
    had_default_config = default_config.exists()

    written = False
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()  # the builders show their own
    try:
        # TFDS prints "unknown size" lines, which tell a user nothing.
        with contextlib.redirect_stdout(io.StringIO()), signals.held():
            builder.download_and_prepare()
        written = True
    except (OSError, RuntimeError) as error:
        # array_record reports a full disk as a RuntimeError.
        raise JaxposeError(
            f"cannot prepare {builder.full_name} in {builder.data_dir}: {error}"
        ) from error
    finally:
        # Runs after Ctrl-C as well: remove downloads that stopped and empty folders.
        if not written:
            downloads = root / "downloads" / builder.name
            for unfinished in downloads.glob("*.tmp.*"):
                shutil.rmtree(unfinished)
            if not had_default_config:
                shutil.rmtree(default_config, ignore_errors=True)
            for folder in new_folders:
                if folder.exists() and not any(folder.iterdir()):
                    folder.rmdir()


def _folders(builder: "ClipBuilder") -> list[pathlib.Path]:
    """Returns the folders that a preparation makes, inner ones first."""
    root = pathlib.Path(builder.data_dir_root)
    own, downloads = root / builder.name, root / "downloads"
    inner = [
        own / builder.builder_config.name,
        downloads / builder.name,
        downloads / "extracted",
    ]
    return [*inner, own, downloads, root]


@contextlib.contextmanager
def _set_aside(folder: pathlib.Path, is_alone: bool) -> Iterator[None]:
    """Moves `folder` away; moves it back if the block fails, else deletes it.

    Args:
      folder: folder of the data set.
      is_alone: whether a lock keeps other programs away.
    """
    aside = folder.with_name(f"previous.{folder.name}")

    # A killed program leaves an unfinished folder, or the old data set aside. Without a
    # lock it might be of a program that works on it now.
    if is_alone:
        for unfinished in folder.parent.glob(f"incomplete.*_{folder.name}"):
            shutil.rmtree(unfinished)
    if aside.exists() and not folder.exists():
        aside.rename(folder)
    if not folder.exists():
        yield
        return

    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    try:
        yield
    except BaseException:  # Ctrl-C must not lose the old data either
        aside.rename(folder)
        raise
    shutil.rmtree(aside)


def _require_unchanged(builder: "ClipBuilder") -> None:
    """Raises JaxposeError if the prepared data came from another source than given."""
    source = builder.find_source(None)
    report = builder.report
    # Data without a record of its source cannot be compared.
    given = Source.of(source)
    if given is None or report is None or report.source is None:
        return
    if not given.same_content(report.source):
        raise JaxposeError(
            f"{builder.full_name} is already prepared in {builder.data_dir} from "
            f"{report.source}, and the source given is {given}; add --overwrite to "
            "prepare it again"
        )
    if report.reading != (builder.reading.to_json() if report.reading else {}):
        raise JaxposeError(
            f"{builder.full_name} is already prepared in {builder.data_dir} with other "
            "flags; add --overwrite to prepare it again, or keep both with --name=NAME"
        )


def _parser() -> argparse.ArgumentParser:
    """Returns the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m jaxpose.prepare",
        description=(__doc__ or "").split("\n")[0],
        epilog="Exit status: 0; 1 for an error, where a recording is refused and, with "
        "--check, where anything is missing or suspicious.",
    )
    known = ", ".join(PROTOCOLS)
    parser.add_argument(
        "dataset", metavar="DATASET", help=f"NAME or NAME/CONFIG; names: {known}"
    )
    parser.add_argument(
        "--source",
        metavar="PATH",
        action="append",
        help="the original archive or folder; may be repeated where there are several",
    )
    parser.add_argument(
        "--data_dir", metavar="DIR", help="TFDS data folder (default: TFDS's own)"
    )
    parser.add_argument(
        "--check", action="store_true", help="only check the source, write nothing"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace data that is prepared"
    )
    parser.add_argument(
        "--partial",
        action="store_true",
        help="prepare a split that lacks subjects or takes",
    )
    parser.add_argument(
        "--name",
        metavar="NAME",
        help="keep recordings of your own beside others: custom/h36m_17-NAME",
    )
    add_flags(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Runs the command line and returns the exit status."""
    flags = _parser().parse_args(argv)
    logging.set_verbosity(logging.ERROR)
    reading: Options | None = options_of(flags)
    if reading == Options():
        reading = None
    try:
        dataset = _named(flags.dataset, flags.name)
        if flags.check:
            findings = inspect_source(
                dataset,
                source=flags.source,
                data_dir=flags.data_dir,
                reading=reading,
            )
            _print_findings(dataset, findings)
            # A script can tell from the status alone whether the source is complete.
            good = ("complete", "not read")
            return int(any(finding.status not in good for finding in findings))
        report = prepare(
            dataset,
            source=flags.source,
            data_dir=flags.data_dir,
            overwrite=flags.overwrite,
            partial=flags.partial,
            reading=reading,
        )
        _print_report(report)
        builder = get_builder(dataset, data_dir=flags.data_dir)
        print(f"prepared in {builder.data_dir}")
        # The others are prepared, but what is left out must not go unnoticed.
        return int(any(finding.status == "refused" for finding in report.findings))
    except (JaxposeError, OSError, MemoryError) as error:
        # Names of files may hold control characters; one message has several lines.
        lines = [printable(line) for line in (explain(error) or "").split("\n")]
        print("\n".join([f"error: {lines[0]}", *lines[1:]]), file=sys.stderr)
        return 1


def _named(dataset: str, name: str | None) -> str:
    """Returns the data set's name with the user's own behind it.

    Raises:
      JaxposeError: the data set has no such names.
    """
    if name is None:
        return dataset
    kind, _, joints = dataset.partition("/")
    if kind != "custom":
        raise JaxposeError(f"--name is for recordings of your own, not for {dataset!r}")
    return f"custom/{joints or 'h36m_17'}-{name}"


def _print_report(report: Report) -> None:
    """Prints the source, the findings, what was written, and the notes."""
    source = f" from {report.source}" if report.source else ""
    print(printable(f"{report.dataset}{source}"))
    if report.findings:
        _print_findings(report.dataset, report.findings)
    _console().print(report.counts_table())
    for note in report.notes:
        print(f"note: {printable(note)}")


def _print_findings(dataset: str, findings: list[Finding]) -> None:
    """Prints the table of findings and the number of each status."""
    if not findings:
        print(
            f"{dataset}: nothing is published to check it against; preparing it checks "
            "every file"
        )
        return
    _console().print(findings_table(findings, "what the source holds"))
    counts = collections.Counter(finding.status for finding in findings)
    parts = []
    statuses = ["complete", "missing", "suspicious"]
    statuses += [name for name in ("refused", "not read") if counts[name]]
    for status in statuses:
        parts.append(f"{counts[status]} {status}")
    print(", ".join(parts))


def _console() -> Console:
    """Returns a console wide enough for the table, in a pipe or a narrow window too."""
    return Console(width=max(Console().width, 140))


if __name__ == "__main__":
    sys.exit(main())
