"""Compares jaxpose with recorded numbers of the reference implementations.

    python -m tests.goldens PATH...

PATH is a golden file (`.npz`) or a folder of them; tests/references/README.md describes
their layout.
Prints one line a file with the worst relative error of each kind, in float64 and in
float32, and exits with status 1 on any miss, any file that is not understood, and any
array of a file that is neither compared nor used.
"""

import argparse
import json
import pathlib
import sys

import jax
import numpy as np

from jaxpose.errors import JaxposeError
from tests import golden_protocol
from tests.golden_files import (
    FLOAT32,
    FLOAT64,
    STORED_FLOAT32,
    Error,
    GoldenFile,
    relative_error,
)
from tests.golden_models.check import check_model


def check_file(path: pathlib.Path) -> list[Error]:
    """All comparisons of one file.

    Raises:
      JaxposeError: the file, or an array in it, is not understood.
    """
    if path.suffix != ".npz":
        raise JaxposeError("not a golden file: expected .npz")
    arrays = GoldenFile(path)
    config = json.loads(str(arrays["config"])) if "config" in arrays else {}
    errors = (
        check_model(config, arrays) if "model" in config else check_protocol(arrays)
    )
    if arrays.unread:
        raise JaxposeError(
            f"arrays that are not understood: {', '.join(arrays.unread)}"
        )
    return errors


def check_protocol(arrays: GoldenFile) -> list[Error]:
    """Every stored function of a protocol file, in float64 and in float32."""
    pairs = golden_protocol.find(arrays)
    errors = []
    with jax.enable_x64(True):
        for key, found, expected in pairs(arrays, np.dtype("float64")):
            kind, allowed = (
                ("float64", FLOAT64)
                if key.endswith("_f64")
                else ("float64 as stored", STORED_FLOAT32)
            )
            errors.append(Error(kind, relative_error(found, expected), allowed, key))
    with jax.enable_x64(False):
        for key, found, expected in pairs(arrays, np.dtype("float32")):
            errors.append(
                Error("float32", relative_error(found, expected), FLOAT32, key)
            )
    return errors


def summary(errors: list[Error]) -> str:
    """The worst relative error of each kind, and what failed."""
    worst: dict[str, Error] = {}
    for error in errors:
        if error.kind not in worst or not error.error / error.tolerance <= _ratio(
            worst[error.kind]
        ):
            worst[error.kind] = error
    parts = [f"{kind} {error.error:.0e}" for kind, error in worst.items()]
    parts += [
        f"\n    {error.kind}: {error.key} is off by {error.error:.1e}, allowed "
        f"{error.tolerance:.0e}"
        for error in worst.values()
        if error.failed
    ]
    return "  ".join(parts)


def _ratio(error: Error) -> float:
    return error.error / error.tolerance


def find_files(paths: list[pathlib.Path]) -> list[pathlib.Path]:
    """The paths themselves and every `.npz` file in those that are folders.

    Raises:
      JaxposeError: a path does not exist, or a folder holds no golden file.
    """
    files = []
    for path in paths:
        found = sorted(path.glob("*.npz")) if path.is_dir() else [path]
        if not path.exists() or not found:
            problem = "no .npz file in this folder" if path.exists() else "no such file"
            raise JaxposeError(f"{path}: {problem}")
        files += found
    return files


def main(arguments: list[str] | None = None) -> int:
    """Checks the files of the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.goldens", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument(
        "paths",
        nargs="+",
        type=pathlib.Path,
        metavar="PATH",
        help="golden file or folder of them",
    )
    try:
        files = find_files(parser.parse_args(arguments).paths)
    except JaxposeError as error:
        print(f"FAIL  {error}")
        return 1
    failures = 0
    for path in files:
        try:
            errors = check_file(path)
            failed, text = (
                any(error.failed for error in errors) or not errors,
                summary(errors),
            )
        except (
            Exception
        ) as error:  # whatever is wrong with one file, the others are still checked
            failed, text = True, f"{type(error).__name__}: {error}"
        failures += failed
        print(f"{'FAIL' if failed else 'ok':<4}  {path.name}  {text}", flush=True)
    print(f"{len(files) - failures} of {len(files)} files agree")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
