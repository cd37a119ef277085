"""Frame rates of the CMU database, which its files do not state."""

import csv
import io
import math
import pathlib

from jaxpose.errors import JaxposeError
from jaxpose.regular_files import read_regular
from jaxpose.wording import cut

# The listing of the database, beside an archive or in an extracted folder.
LISTING = "index.csv"
_MAX_BYTES = 2**22
_COLUMNS = ("subject", "trial", "frames_per_second")

# The database's own listing, in short: 120 Hz except for these subjects and one trial.
DEFAULT_RATE, SLOW_RATE = 120.0, 60.0
_SLOW_SUBJECTS = frozenset({
    33, 34, 42, 60, 61, 62, 74, 75, 77, 79, 80, 87, 88, 89,
})  # fmt: skip
_SLOW_TRIALS = frozenset({(136, 19)})


def known_rate(subject: int, trial: int) -> float:
    """Returns the frames per second of a trial."""
    if subject in _SLOW_SUBJECTS or (subject, trial) in _SLOW_TRIALS:
        return SLOW_RATE
    return DEFAULT_RATE


def find_listing(source: pathlib.Path) -> pathlib.Path | None:
    """Returns the listing in a folder, or beside a folder or archive, if any."""
    for folder in (source, source.parent):
        if (folder / LISTING).is_file():
            return folder / LISTING
    return None


def read_listing(path: pathlib.Path) -> dict[tuple[int, int], float]:
    """Returns the frames per second by subject and trial.

    Raises:
      JaxposeError: it lacks a column, or a number is none.
    """
    rates = {}
    try:
        text = read_regular(path, _MAX_BYTES).decode("utf-8")
        with io.StringIO(text, newline="") as stream:
            rows = csv.DictReader(stream)
            missing = set(_COLUMNS) - set(rows.fieldnames or ())
            if missing:
                raise ValueError(f"no column {', '.join(sorted(missing))}")
            for row in rows:
                subject, trial, text = (row[column] or "" for column in _COLUMNS)
                rate = float(text)
                if not 1 <= rate <= 1000 or not math.isfinite(rate):
                    raise ValueError(f"line {rows.line_num}: {text} frames per second")
                rates[int(subject), int(trial)] = rate
    except (OSError, ValueError, csv.Error) as error:
        raise JaxposeError(
            f"{path} is not the listing of the database ({cut(str(error))}); expected "
            "a CSV file with the columns "
            f"{', '.join(_COLUMNS)}; correct it or move it away"
        ) from error
    return rates
