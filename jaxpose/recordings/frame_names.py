"""Finds the videos and the frame numbers in the names of files and images."""

import collections
import dataclasses
import itertools
import re
import statistics
from collections.abc import Iterable, Sequence

from jaxpose.recordings.content import stem_of
from jaxpose.recordings.frame_times import frames_of_times

# Ranges of frame numbers that a recording may have: where numbers are sparser, they are
# no frame numbers, but numbers of photos or times.
_MAX_FRAMES = 1_000_000
_MIN_SPARSE_FRAMES = 10_000
_MAX_FRAMES_PER_NAME = 100

_MAX_DIGITS = 15
_MAX_NUMBER = 10**_MAX_DIGITS
_WIDE_DIGITS = 4  # of a number with zeros in front that is more likely a frame's
_PADDED_DIGITS = 6  # of frame numbers of OpenPose (12), Pose2Sim and ffmpeg (6)
# What tools append to the name of a frame.
_SUFFIX = re.compile(r"[ _.-]*(keypoints|pose|kpts|joints)?([ _.-]+[23]d)?$", re.I)
_SEPARATORS = " _-.@/\\"
# What stands before the number of a frame, and before that of another thing.
_FRAME_WORD = re.compile(r"(^|[ _./-])(f|fr|frm|frames?|img|images?)[ _.-]?$", re.I)
_OTHER_WORD = re.compile(
    r"(cam|camera|view|kamera|take|person|subject|player|clip|seq|video)[ _.-]?$", re.I
)
_MAX_GAP = 0.5  # seconds without a frame around most of the full ones
_MIN_TIMES = 4  # names, of which fewer show no constant step
TIMES = "frames are placed by the times in the names"
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

    The number that counts through the names is the frame's; names that differ in
    anything else, but for a time, are those of different videos.

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
        times = _times_in(columns, texts)
        if times is not None:
            videos.append(_timed_frames(tokens, members, *times))
            continue
        for column, group in _groups(columns, texts, members):
            ending = names[group[0]][len("".join(tokens[group[0]])) :]
            videos.append(_named_frames(tokens, texts, column, group, ending))
    videos.sort(key=lambda video: natural_key(video.pattern))
    return videos


def _groups(
    columns: list[tuple[str, ...]], texts: tuple[str, ...], members: list[int]
) -> list[tuple[int | None, list[int]]]:
    """Returns (column of the frame number, names) of each video among names.

    Args:
      columns: the digits at each place of the pattern, for all members.
      texts: what stands between the places of digits, and around them.
      members: places of the names.
    """
    if not columns:
        return [(None, [index]) for index in members]
    widths = {len(digits) for digits in columns[-1]}
    is_padded = len(widths) == 1 and widths.pop() >= _PADDED_DIGITS
    varying = [i for i, digits in enumerate(columns) if len(set(digits)) > 1]
    last = len(columns) - 1
    if not varying or (is_padded and last not in varying):
        return _grouped_by(columns, last, varying, members)

    # Words and zeros in front say which number is the frame's; else it is the last
    # one, unless that makes many videos of names that another number puts together.
    likely = [i for i in varying if not _OTHER_WORD.search(texts[i])]
    if not likely:
        # Views of one frame, if another number is the frame's.
        fixed = [i for i in range(last) if _is_frame_like(columns[i], texts[i])]
        likely = fixed[-1:] or varying
    stated = []
    for i in likely:
        is_fraction = i + 1 in varying and texts[i + 1] == "."
        if not is_fraction and _is_frame_like(columns[i], texts[i]):
            stated.append(i)
    stated = stated or likely
    groups = {column: _videos_by(columns, column, varying) for column in stated}
    fewest = min(stated, key=lambda i: (len(groups[i]), _span(columns[i])))
    column = stated[-1]
    is_apart = len(groups[column]) > max(1, len(members) // 2)
    is_apart = is_apart or len(groups[column]) > 2 * len(groups[fewest])
    if is_apart or len(groups[column]) == len(groups[fewest]) == 1:
        column = fewest
    videos = groups[column].values()
    return [(column, [members[place] for place in places]) for places in videos]


def _is_frame_like(digits: tuple[str, ...], before: str) -> bool:
    """Returns whether a number follows the word for a frame, or has zeros in front."""
    widths = {len(text) for text in digits}
    is_wide = len(widths) == 1 and widths.pop() >= _WIDE_DIGITS
    has_zeros = is_wide and any(text.startswith("0") for text in digits)
    return has_zeros or _FRAME_WORD.search(before) is not None


def _videos_by(
    columns: list[tuple[str, ...]], column: int, varying: list[int]
) -> dict[tuple[str, ...], list[int]]:
    """Returns the places of the names of each video if `column` has the frames.

    Numbers that follow from that of the frame, such as its time, make no other video.
    """
    derived = _derived(columns, column, varying)
    others = [i for i in varying if i != column and i not in derived]
    videos: dict[tuple[str, ...], list[int]] = collections.defaultdict(list)
    for place in range(len(columns[column])):
        videos[tuple(columns[i][place] for i in others)].append(place)
    return videos


def _derived(
    columns: list[tuple[str, ...]], column: int, varying: list[int]
) -> set[int]:
    """Returns the columns whose number follows from that of the frame, as a time does.

    Such a number changes with nearly every frame, or where one behind it starts again:
    seconds change where milliseconds do. That of a take changes seldom, by itself.
    """
    places = {digits: place for place, digits in enumerate(columns[column])}
    order = [places[digits] for digits in sorted(places, key=int)]
    derived: set[int] = set()
    starts_again: set[int] = set()
    for other in sorted(varying, reverse=True):
        pairs = set(zip(columns[column], columns[other], strict=True))
        if other == column or len(pairs) > len(places):
            continue
        values = [int(columns[other][place][:_MAX_DIGITS]) for place in order]
        steps = list(itertools.pairwise(values))
        changes = {i for i, (one, following) in enumerate(steps) if one != following}
        if 2 * len(changes) > len(steps) or (changes and changes <= starts_again):
            derived.add(other)
            drops = {i for i, (one, following) in enumerate(steps) if one > following}
            starts_again |= drops
    return derived


def _grouped_by(
    columns: list[tuple[str, ...]], column: int, varying: list[int], members: list[int]
) -> list[tuple[int | None, list[int]]]:
    """Returns the groups of names that agree in all numbers but those of `column`."""
    groups: dict[tuple[str, ...], list[int]] = collections.defaultdict(list)
    for place, index in enumerate(members):
        others = tuple(columns[i][place] for i in varying if i != column)
        groups[others].append(index)
    return [(column, group) for group in groups.values()]


def _times_in(
    columns: list[tuple[str, ...]], texts: tuple[str, ...]
) -> tuple[int, int, list[int]] | None:
    """Returns first and last column of times, and the frame of each name, or None.

    Times are seconds with a fraction, `1.033`, or hours to milliseconds,
    `13-58-01-960`. They ascend by a constant step, also where a second begins.
    """
    varying = [i for i, digits in enumerate(columns) if len(set(digits)) > 1]
    if len(varying) < 2 or len(columns[0]) < _MIN_TIMES:
        return None
    first, last = varying[0], varying[-1]
    is_decimal = first == last - 1 and texts[last] == "."
    if not is_decimal:
        first = last - 3
        if first < 0 or varying[0] < first or not _is_clock(columns[first:]):
            return None
    times = []
    for digits in zip(*columns[first : last + 1], strict=True):
        seconds = 0
        for part in digits[:-1]:
            seconds = 60 * seconds + int(part[:_MAX_DIGITS])
        times.append(seconds + float(f"0.{digits[-1]}"))
    unit = 10 ** -max(map(len, columns[last]))

    order = sorted(range(len(times)), key=times.__getitem__)
    ascending = [times[i] for i in order]
    numbers = frames_of_times(ascending)
    if numbers is None or numbers[-1] > _MAX_FRAMES_PER_NAME * len(times):
        return None
    # Numbers of takes and frames would jump where a take begins, and count by 1.
    steps = list(itertools.pairwise(ascending))
    begins = [end - start for start, end in steps if int(start) != int(end)]
    smooth = sum(step < _MAX_GAP for step in begins)
    usual = statistics.median(end - start for start, end in steps)
    if 2 * smooth < len(begins) or usual < 1.5 * unit:
        return None
    frames = [0] * len(times)
    for place, number in zip(order, numbers, strict=True):
        frames[place] = number
    return first, last, frames


def names_another_thing(before: str) -> bool:
    """Returns whether a number after a text is that of a camera, person or take."""
    return _OTHER_WORD.search(before) is not None


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
    parts = list(tokens[group[0]])
    if column is None:
        return NamedFrames(
            texts[0].strip(_SEPARATORS), texts[0] + ending, (group[0],), (0,)
        )
    place = 2 * column + 1
    # Other numbers that change within the video are times or the like.
    for other in range(1, len(parts), 2):
        if any(tokens[index][other] != parts[other] for index in group):
            parts[other] = "*"
    before, after = "".join(parts[:place]), "".join(parts[place + 1 :])
    video = _video_name(before, after)
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


def _video_name(before: str, after: str) -> str:
    """Returns the name of a video: what comes before the frame, or else behind it."""
    for text in (before.replace("*", ""), after.replace("*", "")):
        while text.strip(_SEPARATORS):
            text = text.strip(_SEPARATORS)
            shorter = _GENERIC.sub("", text)
            if shorter == text:
                return text
            text = shorter
    return ""


def _is_clock(columns: list[tuple[str, ...]]) -> bool:
    """Returns whether digits are hours, minutes, seconds and milliseconds."""
    for digits, end in zip(columns, (24, 60, 60, 1000), strict=False):
        width = len(str(end - 1))
        if any(len(text) != width or int(text) >= end for text in digits):
            return False
    return True


def _timed_frames(
    tokens: list[list[str]],
    members: list[int],
    first: int,
    last: int,
    numbers: list[int],
) -> NamedFrames:
    """Returns the frames of a video whose names state times, by frame number."""
    parts = tokens[members[0]]
    before, after = "".join(parts[: 2 * first + 1]), "".join(parts[2 * last + 2 :])
    order = sorted(range(len(members)), key=lambda i: numbers[i])
    return NamedFrames(
        _video_name(before, after),
        f"{before}*{after}",
        tuple(members[i] for i in order),
        tuple(numbers[i] for i in order),
        (TIMES,),
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
