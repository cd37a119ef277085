"""The flags by which a user states what files of keypoints leave open."""

import argparse
import dataclasses
import re
from typing import Any

from jaxpose.recordings.layouts import MIN_CONFIDENCE
from jaxpose.recordings.options import Options
from jaxpose.wording import shown

# Python reads no number of thousands of digits.
_PIXELS = re.compile(r"\s*[0-9]{1,9}\s*")


def add_flags(parser: argparse.ArgumentParser, person: int | None = None) -> None:
    """Adds the flags that `options_of` reads.

    Args:
      parser: of a command line.
      person: number of the person who is read by default; None: everybody.
    """
    group = parser.add_argument_group("what the files do not say, or say wrongly")
    group.add_argument(
        "--layout", metavar="NAME", help="joint order: coco_17, body_25, halpe_26, ..."
    )
    group.add_argument(
        "--image_size", metavar="W,H", type=_size, help="width and height, pixels"
    )
    group.add_argument(
        "--fps", metavar="N", type=float, help="frames per second of the video"
    )
    group.add_argument(
        "--min_confidence",
        metavar="C",
        type=float,
        default=MIN_CONFIDENCE,
        help="joints of a lower confidence count as not seen (default: %(default)s)",
    )
    group.add_argument(
        "--person",
        metavar="K",
        type=int,
        default=person,
        help="only this person of each video, 1 is the most present one "
        f"(default: {person or 'all'})",
    )
    group.add_argument(
        "--estimate_missing",
        action="store_true",
        help="estimate joints that are never seen; they stay masked in every result",
    )
    group.add_argument(
        "--force",
        action="store_true",
        help="use recordings that look wrong, with a warning",
    )


def options_of(flags: argparse.Namespace) -> Options:
    """Returns what the flags of `add_flags` state."""
    return Options(**stated_by(flags))


def stated_by(flags: argparse.Namespace) -> dict[str, Any]:
    """Returns the fields of `Options` that the flags of `add_flags` state."""
    names = [field.name for field in dataclasses.fields(Options)]
    return {name: value for name, value in vars(flags).items() if name in names}


def _size(text: str) -> tuple[int, int]:
    """Returns the two numbers of "1920,1080" or "1920x1080"."""
    width, separator, height = text.partition("," if "," in text else "x")
    are_pixels = all(_PIXELS.fullmatch(part) for part in (width, height))
    if not separator or not are_pixels:
        raise argparse.ArgumentTypeError(
            f"{shown(text)} is not WIDTH,HEIGHT in whole pixels, such as 1920,1080"
        )
    return int(width), int(height)
