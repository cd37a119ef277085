"""Prepares a data set: finds its files, checks them, and writes them once in TFDS's format.

python -m jaxpose.prepare synthetic
python -m jaxpose.prepare cmu_mocap --source=allasfamc.zip
python -m jaxpose.prepare human36m/cpn_ft_h36m_dbb_17 --source=DIR --check
"""

import argparse
import contextlib
import io
import pathlib
import shutil
import sys
from collections.abc import Iterator

import tensorflow_datasets as tfds
from absl import logging

from jaxpose.datasets import BUILDERS, get_builder
from jaxpose.datasets.base import ClipBuilder
from jaxpose.datasets.reader import require_prepared
from jaxpose.datasets.report import Finding, Report, Source
from jaxpose.errors import JaxposeError


def prepare(
    dataset: str,
    *,
    source: str | pathlib.Path | None = None,
    data_dir: str | pathlib.Path | None = None,
    overwrite: bool = False,
) -> Report:
    """Prepares `dataset` unless it is, and says what was found.

    Args:
      dataset: TFDS name, `name` or `name/config`.
      source: the original archive or folder, where one is needed.
      data_dir: TFDS data folder; None means TFDS's default.
      overwrite: prepare again, replacing what is there once the new files are complete.

    Raises:
      JaxposeError: unknown data set, bad or missing files, or it was prepared from another
        source and `overwrite` is False. Nothing half-written stays behind.
    """
    builder = get_builder(dataset, data_dir=data_dir, source=source)
    if overwrite or not builder.is_prepared():
        with _set_aside(pathlib.Path(builder.data_dir)):
            builder = get_builder(dataset, data_dir=data_dir, source=source)
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


def check(
    dataset: str, *, source: str | pathlib.Path | None = None, data_dir: str | pathlib.Path | None = None
) -> list[Finding]:
    """What is complete, missing or suspicious in the files of `dataset`; writes nothing."""
    builder = get_builder(dataset, data_dir=data_dir, source=source)
    return builder.check(builder.find_source(None))


def _write(builder: ClipBuilder) -> None:
    """Prepares, or leaves the data folder as it was."""
    made = [folder for folder in _folders(builder) if not folder.exists()]
    written = False
    tfds.disable_progress_bar()  # the builders show their own
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # TFDS reports sizes that it does not know
            builder.download_and_prepare()
        written = True
    except OSError as error:
        raise JaxposeError(f"cannot prepare {builder.full_name} in {builder.data_dir}: {error}") from error
    finally:
        if not written:
            for partial in (pathlib.Path(builder.data_dir_root) / "downloads" / builder.name).glob("*.tmp.*"):
                shutil.rmtree(partial)
            for folder in made:
                _remove_unless_used(folder)


def _folders(builder: ClipBuilder) -> list[pathlib.Path]:
    """Folders that preparing makes, inner ones first."""
    root = pathlib.Path(builder.data_dir_root)
    own, downloads = root / builder.name, root / "downloads"
    inner = [own / builder.builder_config.name, downloads / builder.name, downloads / "extracted"]
    return [*inner, own, downloads, root]


def _remove_unless_used(folder: pathlib.Path) -> None:
    """Removes `folder` if it holds no file but TFDS's note of the default config."""
    note = folder / ".config"
    if folder.exists() and not any(path for path in folder.iterdir() if path != note):
        shutil.rmtree(folder)


@contextlib.contextmanager
def _set_aside(folder: pathlib.Path) -> Iterator[None]:
    """Moves what is there away, back again if what follows fails, and deletes it otherwise."""
    if not folder.exists():
        yield
        return
    aside = folder.with_name(f"previous.{folder.name}")
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
    parser = argparse.ArgumentParser(prog="python -m jaxpose.prepare", description=__doc__.split("\n")[0])
    known = ", ".join(BUILDERS)
    parser.add_argument("dataset", metavar="DATASET", help=f"NAME or NAME/CONFIG; names: {known}")
    parser.add_argument("--source", metavar="PATH", help="the original archive or folder")
    parser.add_argument("--data_dir", metavar="DIR", help="TFDS data folder (default: TFDS's own)")
    parser.add_argument("--check", action="store_true", help="only check the source, write nothing")
    parser.add_argument("--overwrite", action="store_true", help="prepare again what is prepared")
    flags = parser.parse_args(argv)
    logging.set_verbosity(logging.ERROR)
    try:
        if flags.check:
            findings = check(flags.dataset, source=flags.source, data_dir=flags.data_dir)
            print("\n".join(map(str, findings)) or f"{flags.dataset}: no check before preparing")
            return 0
        report = prepare(
            flags.dataset, source=flags.source, data_dir=flags.data_dir, overwrite=flags.overwrite
        )
        print(report)
        print(f"prepared in {get_builder(flags.dataset, data_dir=flags.data_dir).data_dir}")
        return 0
    except JaxposeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
