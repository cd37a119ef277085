"""Checks of single values of a config: each returns what is wrong, None if nothing is.

A field has an upper bound where a larger value would only hang or fill the memory; the
complaint then says what it would cost.
"""

import itertools
from collections.abc import Callable
from typing import Any

from jaxpose.errors import JaxposeError

Check = Callable[[Any], str | None]

# Updates and samples are counted in 32 bits.
MOST = 2**31 - 1
# Factors are float32 on the devices: beyond these bounds they, or their products with
# gradients, would be infinite or 0.
_LEAST_FACTOR, _MOST_FACTOR = 1e-12, 1e12
# Faster than any training so far, so that the years below are the fewest.
_UPDATES_PER_SECOND = 1000
_SECONDS_PER_YEAR = 365 * 24 * 3600


def is_number(value: Any) -> bool:
    """Returns whether a value is a number that can be compared."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def at_least(least: int) -> Check:
    """Returns the check of a number that has a lower bound, and that of all factors."""
    complaint = f"must be at least {least}"

    def check(value: Any) -> str | None:
        if not is_number(value):
            return f"{complaint}, a number"
        is_inside = least <= value <= _MOST_FACTOR
        return None if is_inside else f"{complaint}, and finite: at most 1e12"

    return check


def between(least: int, most: int, cost: str) -> Check:
    """Returns the check of a whole number with two bounds.

    Args:
      least: lowest value.
      most: highest value.
      cost: why there is no higher one, the end of a sentence.
    """

    def check(value: Any) -> str | None:
        if type(value) is not int:
            return f"must be a whole number of at least {least}"
        if value < least:
            return f"must be at least {least}"
        return None if value <= most else f"must be at most {most:,}: {cost}"

    return check


def repetitions(least: int, unit: str) -> Check:
    """Returns the check of a number of updates or epochs.

    Args:
      least: lowest value.
      unit: what is counted, `updates` or `epochs`; an epoch has one update or more.
    """

    def check(value: Any) -> str | None:
        if type(value) is not int:
            return f"must be a whole number of at least {least}"
        if value < least:
            return f"must be at least {least}"
        if value <= MOST:
            return None
        return f"{unit} would take {years(value)}; at most {MOST:,} can be counted"

    return check


def years(updates: int) -> str:
    """Returns how long so many updates take, on a fast machine."""
    count = updates / _UPDATES_PER_SECOND / _SECONDS_PER_YEAR
    return f"{count:,.1f} years at {_UPDATES_PER_SECOND:,} updates per second"


def check_length(num_epochs: int, steps_per_epoch: int, batch_size: int) -> None:
    """Checks how long a training is, and the order of the samples of an epoch.

    Raises:
      JaxposeError: more updates, or samples per epoch, than can be counted.
    """
    updates = num_epochs * steps_per_epoch
    if updates > MOST:
        raise JaxposeError(
            f"config.num_epochs={num_epochs} of {steps_per_epoch:,} updates would take "
            f"{years(updates)}; at most {MOST:,} updates can be counted: lower "
            "config.num_epochs or config.steps_per_epoch"
        )
    samples = steps_per_epoch * batch_size
    if samples > MOST:
        raise JaxposeError(
            f"an epoch of {steps_per_epoch:,} updates of config.batch_size="
            f"{batch_size} needs {4 * samples / 1e9:,.1f} GB for the order of its "
            f"{samples:,} samples; at most {MOST:,} can be counted: lower "
            "config.steps_per_epoch and raise config.num_epochs"
        )


def one_of(*known: str) -> Check:
    """Returns the check of a name that must be among the `known` ones."""
    complaint = f"is unknown; known: {', '.join(known)}"
    return lambda value: None if value in known else complaint


def tuple_of_names(value: Any) -> str | None:
    """Checks names, as a tuple: a text would be taken for its letters."""
    if value is None:
        return None
    if isinstance(value, str):
        return f"must be a tuple of names: write ({value!r},)"
    are_names = isinstance(value, tuple | list)
    are_names = are_names and all(isinstance(name, str) for name in value)
    return None if are_names else "must be a tuple of names, such as ('S9', 'S11')"


def positive(value: Any) -> str | None:
    """Checks a factor above 0."""
    is_positive = is_number(value) and _LEAST_FACTOR <= value <= _MOST_FACTOR
    complaint = "must be a finite number above 0, from 1e-12 to 1e12"
    return None if is_positive else complaint


def fraction(value: Any) -> str | None:
    """Checks a number of at least 0 and below 1."""
    is_fraction = is_number(value) and 0 <= value < 1
    return None if is_fraction else "must be at least 0 and below 1"


def seed(value: Any) -> str | None:
    """Checks the seed of random numbers."""
    is_seed = type(value) is int and 0 <= value < 2**32
    return None if is_seed else "must be at least 0 and below 2**32"


def frame_rates(value: Any) -> str | None:
    """Checks the lowest and the highest frames per second, or none at all."""
    complaint = (
        "must be empty, or the lowest and the highest frames per second, at most 1,000"
    )
    if not isinstance(value, tuple | list) or len(value) not in (0, 2):
        return complaint
    if not all(is_number(rate) for rate in value):
        return complaint
    return None if not value or 0 < value[0] <= value[1] <= 1000 else complaint


def ascending(value: Any) -> str | None:
    """Checks numbers of epochs, each above the one before and above 0."""
    are_epochs = isinstance(value, tuple | list)
    are_epochs = are_epochs and all(type(epoch) is int for epoch in value)
    if are_epochs and all(a < b for a, b in itertools.pairwise((0, *value))):
        return None
    return "must be a tuple of numbers of epochs from 1 on, in ascending order"
