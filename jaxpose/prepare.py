"""Prepares a data set: finds its files, checks them, and writes them once in TFDS's format.

python -m jaxpose.prepare synthetic
python -m jaxpose.prepare cmu_mocap --source=allasfamc.zip
python -m jaxpose.prepare human36m/cpn_ft_h36m_dbb_17 --source=DIR --check
"""

from jaxpose.parallel import signals

if __name__ == "__main__":
    signals.install()  # before the imports that take seconds

import argparse
import collections
import contextlib
import io
import pathlib
import shutil
import sys
from collections.abc import Iterator

import tensorflow_datasets as tfds
from absl import logging
from rich.console import Console

from jaxpose.datasets import PROTOCOLS, get_builder
from jaxpose.datasets.base import ClipBuilder, DamagedDataError
from jaxpose.datasets.prepared import require_prepared
from jaxpose.datasets.report import Finding, Report, Source, findings_table
from jaxpose.errors import JaxposeError


def prepare(
    dataset: str,
    *,
    source: str | pathlib.Path | None = None,
    data_dir: str | pathlib.Path | None = None,
    overwrite: bool = False,
    partial: bool = False,
) -> Report:
    """Prepares `dataset` unless it is, and says what was found.

    Args:
      dataset: TFDS name, `name` or `name/config`.
      source: the original archive or folder, where one is needed.
      data_dir: TFDS data folder; None means TFDS's default.
      overwrite: prepare again, replacing what is there once the new files are complete.
      partial: prepare what is there of a split that lacks subjects or takes.

    Raises:
      JaxposeError: unknown data set, bad or missing files, or, unless `overwrite`, what is
        prepared came from another source or is damaged. Nothing half-written stays behind.
    """
    try:
        builder = get_builder(dataset, data_dir=data_dir, source=source)
        prepared, folder = builder.is_prepared(), pathlib.Path(builder.data_dir)
    except DamagedDataError as error:
        if not overwrite:
            raise
        prepared, folder = False, error.folder
    if overwrite or not prepared:
        with _set_aside(folder):
            builder = get_builder(
                dataset, data_dir=data_dir, source=source, partial=partial
            )
            _write(builder)
    elif builder.source is not None:
        _check_unchanged(builder)
    return builder.report


def ensure_prepared(dataset: str, data_dir: str | pathlib.Path | None = None) -> None:
    """Prepares a data set that needs no files from elsewhere, such as `synthetic`.

    Raises:
      JaxposeError: it needs files and is not prepared; the message says how to prepare it.
    """
    builder = get_builder(dataset, data_dir=data_dir)
    if builder.NEEDS_SOURCE:
        require_prepared(builder)
    elif not builder.is_prepared():
        prepare(dataset, data_dir=data_dir)


def inspect_source(
    dataset: str,
    *,
    source: str | pathlib.Path | None = None,
    data_dir: str | pathlib.Path | None = None,
) -> list[Finding]:
    """What is complete, missing or suspicious in the files of `dataset`; writes nothing."""
    builder = get_builder(dataset, data_dir=data_dir, source=source)
    return builder.inspect_source(builder.find_source(None))


def _write(builder: ClipBuilder) -> None:
    """Prepares, or leaves the data folder as it was."""
    made = [folder for folder in _folders(builder) if not folder.exists()]
    note = (
        pathlib.Path(builder.data_dir_root) / builder.name / ".config"
    )  # TFDS's, of the default config
    noted = note.exists()
    written = False
    tfds.disable_progress_bar()  # the builders show their own
    try:
        # TFDS reports sizes that it does not know.
        with contextlib.redirect_stdout(io.StringIO()), signals.held():
            builder.download_and_prepare()
        written = True
    except (
        OSError,
        RuntimeError,
    ) as error:  # array_record passes on a full disk as a RuntimeError
        raise JaxposeError(
            f"cannot prepare {builder.full_name} in {builder.data_dir}: {error}"
        ) from error
    finally:
        if not written:
            for partial in (
                pathlib.Path(builder.data_dir_root) / "downloads" / builder.name
            ).glob("*.tmp.*"):
                shutil.rmtree(partial)
            if not noted:
                shutil.rmtree(note, ignore_errors=True)
            for folder in made:
                if folder.exists() and not any(folder.iterdir()):
                    folder.rmdir()


def _folders(builder: ClipBuilder) -> list[pathlib.Path]:
    """Folders that preparing makes, inner ones first."""
    root = pathlib.Path(builder.data_dir_root)
    own, downloads = root / builder.name, root / "downloads"
    inner = [
        own / builder.builder_config.name,
        downloads / builder.name,
        downloads / "extracted",
    ]
    return [*inner, own, downloads, root]


@contextlib.contextmanager
def _set_aside(folder: pathlib.Path) -> Iterator[None]:
    """Moves what is there away, back again if what follows fails, and deletes it otherwise."""
    aside = folder.with_name(f"previous.{folder.name}")
    for unfinished in folder.parent.glob(
        f"incomplete.*_{folder.name}"
    ):  # of a program that was killed
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
    except BaseException:
        aside.rename(folder)
        raise
    shutil.rmtree(aside)


def _check_unchanged(builder: ClipBuilder) -> None:
    """Raises JaxposeError if the prepared data came from another source than the one given."""
    builder.find_source(None)
    given, used = Source.of(builder.source), builder.report.source
    if not given.same_content(used):
        raise JaxposeError(
            f"{builder.full_name} is already prepared in {builder.data_dir} from {used}, "
            f"and the source given is {given}; add --overwrite to prepare it again"
        )


def main(argv: list[str] | None = None) -> int:
    """Runs the command line and returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m jaxpose.prepare",
        description=__doc__.split("\n")[0],
        epilog="Exit status: 0; 1 for an error and, with --check, where anything is missing or suspicious.",
    )
    known = ", ".join(PROTOCOLS)
    parser.add_argument(
        "dataset", metavar="DATASET", help=f"NAME or NAME/CONFIG; names: {known}"
    )
    parser.add_argument(
        "--source", metavar="PATH", help="the original archive or folder"
    )
    parser.add_argument(
        "--data_dir", metavar="DIR", help="TFDS data folder (default: TFDS's own)"
    )
    parser.add_argument(
        "--check", action="store_true", help="only check the source, write nothing"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="prepare again what is prepared"
    )
    parser.add_argument(
        "--partial",
        action="store_true",
        help="prepare what is there of an incomplete split",
    )
    flags = parser.parse_args(argv)
    logging.set_verbosity(logging.ERROR)
    try:
        if flags.check:
            findings = inspect_source(
                flags.dataset, source=flags.source, data_dir=flags.data_dir
            )
            _print_findings(flags.dataset, findings)
            return int(any(finding.status != "complete" for finding in findings))
        report = prepare(
            flags.dataset,
            source=flags.source,
            data_dir=flags.data_dir,
            overwrite=flags.overwrite,
            partial=flags.partial,
        )
        _print_report(report)
        print(
            f"prepared in {get_builder(flags.dataset, data_dir=flags.data_dir).data_dir}"
        )
        return 0
    except JaxposeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _print_report(report: Report) -> None:
    print(report.dataset + (f" from {report.source}" if report.source else ""))
    if report.findings:
        _print_findings(report.dataset, report.findings)
    _console().print(report.counts_table())
    for note in report.notes:
        print(f"note: {note}")


def _print_findings(dataset: str, findings: list[Finding]) -> None:
    if not findings:
        print(
            f"{dataset}: nothing is published to check it against; preparing it checks every file"
        )
        return
    _console().print(findings_table(findings, "what the source holds"))
    counts = collections.Counter(finding.status for finding in findings)
    print(
        ", ".join(
            f"{counts[status]} {status}"
            for status in ("complete", "missing", "suspicious")
        )
    )


def _console() -> Console:
    """Wide enough for the table in a pipe or a narrow window."""
    return Console(width=max(Console().width, 140))


if __name__ == "__main__":
    sys.exit(main())
