"""Finds the videos and the frame numbers in the names of files and images."""

import collections
import dataclasses
import re
from collections.abc import Iterable, Sequence

from jaxpose.recordings.content import stem_of

# Ranges of frame numbers that a recording may have: where numbers are sparser, they are
# no frame numbers, but numbers of photos or times.
_MAX_FRAMES = 1_000_000
_MIN_SPARSE_FRAMES = 10_000
_MAX_FRAMES_PER_NAME = 100

_MAX_DIGITS = 15
_MAX_NUMBER = 10**_MAX_DIGITS
_PADDED_DIGITS = 6  # of frame numbers of OpenPose (12), Pose2Sim and ffmpeg (6)
# What tools append to the name of a frame.
_SUFFIX = re.compile(r"[ _.-]*(keypoints|pose|kpts|joints)?([ _.-]+[23]d)?$", re.I)
_SEPARATORS = " _-.@/\\"
# Words that name a frame, and no video.
_GENERIC = re.compile(r"(^|[ _./-])(frames?|img|images?|keypoints|pose)$", re.I)

SPARSE = (
    "the numbers in the names are no frame numbers of one video (they lie too far "
    "apart); frames are counted from 0 in the order of the names"
)


@dataclasses.dataclass(frozen=True)
class NamedFrames:
    """Names that are those of the frames of one video.

    Attributes:
      video: name of the video, empty where the names have none.
      pattern: the names with `*` for the frame number, for messages.
      members: places of the names among those given, by frame.
      numbers: the frame number of each member.
      remarks: sentences for the user.
    """

    video: str
    pattern: str
    members: tuple[int, ...]
    numbers: tuple[int, ...]
    remarks: tuple[str, ...] = ()


def natural_key(name: str) -> tuple[tuple[int, int | str], ...]:
    """Returns a key that sorts names by the numbers in them: 2 comes before 10."""
    parts: list[tuple[int, int | str]] = []
    for number, text in enumerate(re.split(r"(\d{1,15})", name)):
        is_number = number % 2 == 1
        parts.append((0, int(text)) if is_number else (1, text.casefold()))
    return tuple(parts)


def split_into_videos(names: Sequence[str]) -> list[NamedFrames]:
    """Returns the videos that names such as `walk_000012_keypoints.json` belong to.

    The last number that differs between the names is the frame's; names that differ in
    anything else are those of different videos.

    Args:
      names: different names of files or images, in any order.
    """
    # Names of one pattern agree in everything but numbers.
    patterns: dict[tuple[str, ...], list[int]] = collections.defaultdict(list)
    tokens = []
    for index, name in enumerate(names):
        stem = stem_of(name)
        core = _SUFFIX.sub("", stem) or stem
        parts = re.split(r"(\d+)", core)
        tokens.append(parts)
        patterns[tuple(parts[::2])].append(index)

    videos = []
    for texts, members in patterns.items():
        columns = list(zip(*(tokens[index][1::2] for index in members), strict=True))
        for column, group in _groups(columns, members):
            ending = names[group[0]][len("".join(tokens[group[0]])) :]
            videos.append(_named_frames(tokens, texts, column, group, ending))
    videos.sort(key=lambda video: natural_key(video.pattern))
    return videos


def _groups(
    columns: list[tuple[str, ...]], members: list[int]
) -> list[tuple[int | None, list[int]]]:
    """Returns (column of the frame number, names) of each video among names.

    Args:
      columns: the digits at each place of the pattern, for all members.
      members: places of the names.
    """
    if not columns:
        return [(None, [index]) for index in members]
    widths = {len(digits) for digits in columns[-1]}
    is_padded = len(widths) == 1 and widths.pop() >= _PADDED_DIGITS
    varying = [i for i, digits in enumerate(columns) if len(set(digits)) > 1]
    last = len(columns) - 1
    if not varying or (is_padded and last not in varying):
        return _grouped_by_others(columns, last, members)

    # A number that is different everywhere beside the frame number, such as a time,
    # would make a video of each frame.
    best = _grouped_by_others(columns, varying[-1], members)
    if len(best) > max(1, len(members) // 2):
        for column in varying[:-1]:
            groups = _grouped_by_others(columns, column, members)
            if len(groups) < len(best):
                best = groups
    if len(best) == len(members) and len(varying) > 1:
        column = min(varying, key=lambda i: _span(columns[i]))
        if len(set(columns[column])) == len(members):
            return [(column, members)]
    return best


def _grouped_by_others(
    columns: list[tuple[str, ...]], column: int, members: list[int]
) -> list[tuple[int | None, list[int]]]:
    """Returns the groups of names that agree in all numbers but those of `column`."""
    groups: dict[tuple[str, ...], list[int]] = collections.defaultdict(list)
    for place, index in enumerate(members):
        others = tuple(c[place] for i, c in enumerate(columns) if i != column)
        groups[others].append(index)
    return [(column, group) for group in groups.values()]


def _span(digits: Iterable[str]) -> int:
    """Returns the range of numbers."""
    numbers = [int(text[-_MAX_DIGITS:]) for text in digits]
    return max(numbers) - min(numbers)


def _named_frames(
    tokens: list[list[str]],
    texts: tuple[str, ...],
    column: int | None,
    group: list[int],
    ending: str,
) -> NamedFrames:
    """Returns the frames of one video, by frame number."""
    parts = tokens[group[0]]
    if column is None:
        return NamedFrames(
            texts[0].strip(_SEPARATORS), texts[0] + ending, (group[0],), (0,)
        )
    place = 2 * column + 1
    before, after = "".join(parts[:place]), "".join(parts[place + 1 :])

    # The name of the video is what comes before the frame number, or else behind it.
    video = ""
    for text in (before, after):
        while not video and text.strip(_SEPARATORS):
            text = text.strip(_SEPARATORS)
            shorter = _GENERIC.sub("", text)
            if shorter == text:
                video = text
            text = shorter
    digits = [tokens[index][place] for index in group]
    numbers, remarks = frame_numbers([int(text[:_MAX_DIGITS]) for text in digits])
    order = sorted(range(len(group)), key=lambda i: numbers[i])
    return NamedFrames(
        video,
        f"{before}*{after}{ending}",
        tuple(group[i] for i in order),
        tuple(numbers[i] for i in order),
        remarks,
    )


def frame_numbers(numbers: Sequence[int]) -> tuple[list[int], tuple[str, ...]]:
    """Returns the frame numbers of a video, and sentences for the user about them.

    Numbers that lie too far apart for one video are replaced by their rank.
    """
    different = sorted(set(numbers))
    span = different[-1] - different[0] + 1
    allowed = max(_MIN_SPARSE_FRAMES, _MAX_FRAMES_PER_NAME * len(different))
    is_small = -_MAX_NUMBER < different[0] <= different[-1] < _MAX_NUMBER
    if is_small and span <= min(allowed, _MAX_FRAMES):
        return list(numbers), ()
    rank = {number: index for index, number in enumerate(different)}
    return [rank[number] for number in numbers], (SPARSE,)
