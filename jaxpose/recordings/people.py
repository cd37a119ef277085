"""Follows people through a video: decides which detections are of the same person.

Neighbouring frames are linked first, wherever there is no doubt: by the file's own ids,
else by the nearest pose. The pieces that come of it, the tracks, are then joined over
gaps and crossings by their motion, the most likely pair first.
"""

import dataclasses
import itertools

import numpy as np

# Distances between poses are in body sizes: the mean over the joints that both show.
MAX_LINK = 0.7  # of a person between two neighbouring frames
MAX_JUMP = 0.5  # of an id, where another detection fits much better
EXCHANGE = 0.1  # of two ids that take each other's place from one frame to the next
DUPLICATE = 0.06  # between two detections of one person in one frame
# A second candidate makes a link doubtful unless it is farther by a half and this much.
MARGIN = 0.03

VELOCITY_FRAMES = 5  # over which the motion at the end of a track is measured
# Tracks are joined over gaps of up to these frames, in turn. Over long gaps, those of
# fewer rows than the second number are left alone: slips of a detector are many.
GAPS = ((3, 1), (30, 3), (300, 10))
LOST = 30  # frames; a person who is found again later counts as a switch
MAX_SIZE_CHANGE = 2.0
OTHER_ID = 0.2  # that another id adds to the cost of joining two tracks
MAX_RETURN = 3.0  # body sizes between two sights of the only person of a video

# Frames per track, on average, below which motion is too fast to be followed.
SHORTEST = 3
# Shorter sights beside a longer one are no person, but slips of the detector.
MIN_FRAMES = 15


@dataclasses.dataclass(frozen=True)
class Person:
    """The detections of one person, at most one per frame.

    Attributes:
      rows: `[n]` int, rows of the detections, by frame.
      switches: how often the id changed, or the person was lost for long and found.
    """

    rows: np.ndarray
    switches: int


@dataclasses.dataclass(frozen=True)
class People:
    """Who is seen in a video.

    Attributes:
      people: the most present one first, by size times frames.
      passing: how many sights were left out as too short to be a person.
    """

    people: tuple[Person, ...]
    passing: int


def follow(
    keypoints_2d: np.ndarray,
    confidence: np.ndarray,
    frames: np.ndarray,
    ids: np.ndarray,
) -> People:
    """Finds the people of a video among its detections.

    Args:
      keypoints_2d: `[D, J, 2]` pixels, NaN where not seen.
      confidence: `[D, J]` in [0, 1], 0 where not seen.
      frames: `[D]` int, counted so that neighbouring frames differ by 1.
      ids: `[D]` int, the file's own person numbers, -1 where it gives none.
    """
    # A file of one person needs no decision, whatever its poses do.
    first_id = ids[0] if len(ids) else -1
    if first_id >= 0 and (ids == first_id).all() and _is_unique(frames):
        return People((Person(np.argsort(frames, kind="stable"), 0),), 0)

    seen = np.isfinite(keypoints_2d).all(axis=-1)
    rows = np.flatnonzero(seen.any(axis=1))
    rows = rows[np.argsort(frames[rows], kind="stable")]
    if not len(rows):
        return People((), 0)
    poses = _Poses(keypoints_2d[rows], frames[rows], ids[rows])
    score = np.where(seen, confidence, 0)[rows].sum(axis=1)

    # Rows that repeat a person of their frame are left out from here on.
    kept = np.flatnonzero(~_duplicates(poses, score))
    poses, rows, score = poses.take(kept), rows[kept], score[kept]
    poses.ids = _one_row_per_id(poses, score)

    tracks = _tracks(poses)
    if poses.is_alone and (poses.ids < 0).all() and len(rows) < SHORTEST * len(tracks):
        # Seconds lie between the frames: motion cannot tell people apart.
        tracks = [_Track(np.arange(len(rows)))]
    joined = _join(poses, tracks)
    tracks = _without_passing(joined, poses.is_alone)
    passing = len(joined) - len(tracks)
    tracks = _join_only_person(poses, tracks)
    people = []
    for track in sorted(tracks, key=lambda track: -poses.size[track.rows].sum()):
        people.append(Person(rows[track.rows], track.switches))
    return People(tuple(people), passing)


class _Poses:
    """The detections by frame. D rows.

    Attributes:
      xy: `[D, J, 2]` pixels, NaN where not seen.
      frames: `[D]` int, ascending.
      ids: `[D]` int, -1 where the file gives none.
      size: `[D]` pixels, the longer side of the box around the seen joints.
      centre: `[D, 2]` pixels, the middle of that box.
      is_alone: whether no frame shows two people.
    """

    def __init__(self, xy: np.ndarray, frames: np.ndarray, ids: np.ndarray):
        self.xy = xy
        self.frames = frames
        self.ids = ids
        self.is_alone = len(np.unique(frames)) == len(frames)
        seen = np.isfinite(xy)
        lowest = np.where(seen, xy, np.inf).min(axis=1)
        highest = np.where(seen, xy, -np.inf).max(axis=1)
        self.centre = (highest + lowest) / 2
        # Half a body looks small: a quarter of the usual size is the least that counts.
        size = (highest - lowest).max(axis=1)
        self.size = np.maximum(size, max(np.median(size) / 4, 1e-9))

    def take(self, rows: np.ndarray) -> "_Poses":
        """Returns the detections `rows`."""
        return _Poses(self.xy[rows], self.frames[rows], self.ids[rows])

    def distance(
        self, first: np.ndarray, second: np.ndarray, motion: np.ndarray | None = None
    ) -> np.ndarray:
        """Returns the distance of pairs of rows `[P]`, in body sizes.

        Args:
          first: `[P]` rows.
          second: `[P]` rows.
          motion: `[P, 2]` pixels that the first ones are expected to move.
        """
        shift = np.zeros((len(first), 2)) if motion is None else motion
        offset = self.centre[second] - self.centre[first] - shift
        distance = np.linalg.norm(offset, axis=1)
        size = np.maximum(self.size[first], self.size[second])
        # Far pairs stay with the distance of their centres, which costs little.
        near = np.flatnonzero(distance < 3 * size)
        for part in np.array_split(near, max(1, len(near) * self.xy.shape[1] // 10**6)):
            apart = self.xy[second[part]] - self.xy[first[part]] - shift[part, None]
            lengths = np.sqrt((apart**2).sum(axis=-1))
            common = np.isfinite(lengths)
            count = common.sum(axis=1)
            mean = np.where(common, lengths, 0).sum(axis=1) / np.maximum(count, 1)
            # Two joints say less about a body than its outline.
            distance[part] = np.where(count >= 3, mean, distance[part])
        return distance / size


@dataclasses.dataclass(frozen=True)
class _Track:
    """Rows of one person, at most one per frame, and how often it was found again."""

    rows: np.ndarray
    switches: int = 0


def _is_unique(values: np.ndarray) -> bool:
    return len(np.unique(values)) == len(values)


def _pairs(
    first: np.ndarray, begin: np.ndarray, end: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns all pairs of `first[k]` with the numbers `begin[k]` to `end[k] - 1`."""
    counts = np.maximum(end - begin, 0)
    total = int(counts.sum())
    before = np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(first, counts), np.repeat(begin, counts) + np.arange(
        total
    ) - before


def _duplicates(poses: _Poses, score: np.ndarray) -> np.ndarray:
    """Returns `[D]` bool: rows that repeat a better row of the same frame."""
    rows = np.arange(len(poses.frames))
    end = np.searchsorted(poses.frames, poses.frames, side="right")
    first, second = _pairs(rows, rows + 1, end)
    same = poses.distance(first, second) < DUPLICATE
    first, second = first[same], second[same]
    worse = np.where(score[second] > score[first], first, second)
    duplicate = np.zeros(len(rows), bool)
    duplicate[worse] = True
    return duplicate


def _one_row_per_id(poses: _Poses, score: np.ndarray) -> np.ndarray:
    """Returns the ids, -1 where a better row of the frame has the same one."""
    order = np.lexsort((-score, poses.ids, poses.frames))
    frames, ids = poses.frames[order], poses.ids[order]
    repeated = (frames[1:] == frames[:-1]) & (ids[1:] == ids[:-1])
    result = poses.ids.copy()
    result[order[1:][repeated]] = -1
    return result


def _tracks(poses: _Poses) -> list[_Track]:
    """Links rows of neighbouring frames wherever there is no doubt."""
    rows = np.arange(len(poses.frames))
    begin = np.searchsorted(poses.frames, poses.frames + 1, side="left")
    end = np.searchsorted(poses.frames, poses.frames + 1, side="right")
    first, second = _pairs(rows, begin, end)
    distance = poses.distance(first, second)
    linked = _certain_links(poses.ids, first, second, distance)

    # A row has at most one successor: follow them from the rows without predecessor.
    successor = np.full(len(rows), -1)
    successor[first[linked]] = second[linked]
    is_start = np.ones(len(rows), bool)
    is_start[second[linked]] = False
    number = np.cumsum(is_start) - 1
    # Rows are by frame, so each row is numbered before its successor is.
    numbers, following = number.tolist(), successor.tolist()
    for row, start in enumerate(is_start.tolist()):
        if not start:
            continue
        while following[row] >= 0:
            numbers[following[row]] = numbers[row]
            row = following[row]
    # The rows of each number are a track.
    order = np.argsort(np.array(numbers), kind="stable")
    borders = np.flatnonzero(np.diff(np.array(numbers)[order])) + 1
    tracks = []
    for rows in np.split(order, borders):
        ids = poses.ids[rows]
        exchanged = (ids[1:] != ids[:-1]) & (ids[1:] >= 0) & (ids[:-1] >= 0)
        tracks.append(_Track(rows, int(exchanged.sum())))
    return tracks


def _certain_links(
    ids: np.ndarray, first: np.ndarray, second: np.ndarray, distance: np.ndarray
) -> np.ndarray:
    """Returns `[P]` bool: pairs of rows that are of one person without a doubt."""
    size = len(ids)
    same_id = (ids[first] == ids[second]) & (ids[first] >= 0)
    no_id = (ids[first] < 0) | (ids[second] < 0)

    # An id is trusted unless it jumps while another detection lies where it was.
    nearest_to_first = _least(first, distance, size)[first]
    nearest_to_second = _least(second, distance, size)[second]
    nearest = np.minimum(nearest_to_first, nearest_to_second)
    jumps = (distance > MAX_JUMP) & (nearest < distance / 5)
    is_broken, is_crossed = _exchanges(ids, first, second, distance)
    by_id = (same_id & ~jumps & ~is_broken) | is_crossed

    # Rows that an id has linked are no candidates for others.
    taken_first, taken_second = np.zeros(size, bool), np.zeros(size, bool)
    taken_first[first[by_id]], taken_second[second[by_id]] = True, True
    is_candidate = no_id & ~taken_first[first] & ~taken_second[second]
    others = np.where(is_candidate, distance, np.inf)
    near = _least(first, others, size)[first], _least(second, others, size)[second]
    is_nearest = is_candidate & (others <= near[0]) & (others <= near[1])

    # The second nearest on both sides must be clearly farther away.
    rest = np.where(is_nearest, np.inf, others)
    rival = np.minimum(
        _least(first, rest, size)[first], _least(second, rest, size)[second]
    )
    is_clear = rival > 1.5 * distance + MARGIN
    return by_id | (is_nearest & is_clear & (distance < MAX_LINK))


def _exchanges(
    ids: np.ndarray, first: np.ndarray, second: np.ndarray, distance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Finds where two ids take each other's place between neighbouring frames.

    No two people do that: the tracker took one for the other.

    Args:
      ids: `[D]`, -1 where there is none.
      first, second: `[P]` int, all pairs of rows of neighbouring frames.
      distance: `[P]`, between the poses of a pair.

    Returns:
      is_broken: `[P]` bool: pairs of one id that are not of one person.
      is_crossed: `[P]` bool: pairs of two ids that are.
    """
    nearest_to_first = _nearest_pair(first, distance, len(ids))
    nearest_to_second = _nearest_pair(second, distance, len(ids))
    same_id = (ids[first] == ids[second]) & (ids[first] >= 0)
    moved = np.flatnonzero(same_id & (distance > EXCHANGE))
    # Who came to the old place of the id, and who was at its new place before.
    came, was = nearest_to_first[first[moved]], nearest_to_second[second[moved]]
    other = ids[second[came]]
    exchanged = (other == ids[first[was]]) & (other >= 0) & (other != ids[first[moved]])
    exchanged &= np.maximum(distance[came], distance[was]) < distance[moved] / 5
    is_broken, is_crossed = np.zeros((2, len(first)), bool)
    is_broken[moved[exchanged]] = True
    is_crossed[came[exchanged]] = True
    is_crossed[was[exchanged]] = True
    return is_broken, is_crossed


def _nearest_pair(rows: np.ndarray, distance: np.ndarray, size: int) -> np.ndarray:
    """Returns `[size]` int: the pair of the least distance of each row, -1 for none."""
    order = np.lexsort((distance, rows))
    found, places = np.unique(rows[order], return_index=True)
    nearest = np.full(size, -1)
    nearest[found] = order[places]
    return nearest


def _least(rows: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    """Returns `[size]`: the least of the values of each row, infinite without one."""
    least = np.full(size, np.inf)
    np.minimum.at(least, rows, values)
    return least


def _join(poses: _Poses, tracks: list[_Track]) -> list[_Track]:
    """Joins tracks over gaps: by motion if short, by id, by motion if longer."""
    for longest, least in GAPS:
        long = [track for track in tracks if len(track.rows) >= least]
        short = [track for track in tracks if len(track.rows) < least]
        if long:
            long = _join_by_motion(poses, long, longest)
        tracks = _join_by_id(poses, long + short)
    return tracks


def _join_by_motion(poses: _Poses, tracks: list[_Track], longest: int) -> list[_Track]:
    """Joins tracks that continue each other after at most `longest` frames."""
    tracks = sorted(tracks, key=lambda track: poses.frames[track.rows[0]])
    last = np.array([track.rows[-1] for track in tracks])
    start = poses.frames[[track.rows[0] for track in tracks]]
    first_after = np.searchsorted(start, poses.frames[last], side="right")
    last_after = np.searchsorted(start, poses.frames[last] + longest, side="right")
    before, after = _pairs(np.arange(len(tracks)), first_after, last_after)
    cost = _cost_of_joining(poses, tracks, before, after)

    # The most likely pair first; a track has one predecessor and one successor.
    successor: dict[int, int] = {}
    taken = set()
    for pair in np.argsort(cost, kind="stable"):
        if not np.isfinite(cost[pair]):
            break
        one, other = int(before[pair]), int(after[pair])
        if one not in successor and other not in taken:
            successor[one] = other
            taken.add(other)
    return _joined(poses, tracks, successor)


def _cost_of_joining(
    poses: _Poses, tracks: list[_Track], before: np.ndarray, after: np.ndarray
) -> np.ndarray:
    """Returns `[P]`: how badly two tracks continue each other; infinite: not at all.

    The cost is the distance, in body sizes, between the second track's first pose and
    the first one's last pose moved on at the mean of both velocities. A change of the
    velocity adds to it, as people who cross keep theirs.
    """
    ends, starts, sizes = [], [], []
    for track in tracks:
        ends.append(_velocity(poses, track.rows[-VELOCITY_FRAMES - 1 :]))
        starts.append(_velocity(poses, track.rows[: VELOCITY_FRAMES + 1]))
        sizes.append(np.median(poses.size[track.rows]))
    size = np.array(sizes)
    last = np.array([track.rows[-1] for track in tracks])[before]
    first = np.array([track.rows[0] for track in tracks])[after]
    gap = poses.frames[first] - poses.frames[last]

    # A track of one frame has no velocity and takes the other's.
    end, start = np.array(ends)[before], np.array(starts)[after]
    known_end, known_start = np.isfinite(end), np.isfinite(start)
    end = np.where(known_end, end, np.where(known_start, start, 0))
    start = np.where(known_start, start, end)
    pair_size = np.maximum(size[before], size[after])
    motion = (end + start) / 2 * gap[:, None]
    length = np.linalg.norm(motion, axis=1)
    motion *= np.minimum(1, pair_size / np.maximum(length, 1e-9))[:, None]
    change = np.linalg.norm(end - start, axis=1) / pair_size
    cost = poses.distance(last, first, motion)
    cost += VELOCITY_FRAMES * change / np.maximum(1, gap / VELOCITY_FRAMES)

    # People move on while nobody sees them, but they do not grow.
    limit = MAX_LINK + np.minimum(0.02 * gap, 0.8)
    smaller = np.minimum(size[before], size[after])
    fits = (cost < limit) & (pair_size < MAX_SIZE_CHANGE * smaller)
    # Two ids are more likely two people.
    last_id, first_id = poses.ids[last], poses.ids[first]
    differ = (last_id >= 0) & (first_id >= 0) & (last_id != first_id)
    return np.where(fits, cost + OTHER_ID * differ, np.inf)


def _velocity(poses: _Poses, rows: np.ndarray) -> np.ndarray:
    """Returns `[2]` pixels per frame from the first to the last of `rows`, or NaN."""
    duration = poses.frames[rows[-1]] - poses.frames[rows[0]]
    moved = poses.xy[rows[-1]] - poses.xy[rows[0]]
    moved = moved[np.isfinite(moved).all(axis=1)]
    if duration == 0 or not len(moved):
        return np.full(2, np.nan)
    return np.median(moved, axis=0) / duration


def _join_by_id(poses: _Poses, tracks: list[_Track]) -> list[_Track]:
    """Joins each track to the next one of its id, whatever the gap between them."""
    order = sorted(range(len(tracks)), key=lambda k: poses.frames[tracks[k].rows[0]])
    tracks = [tracks[k] for k in order]
    successor: dict[int, int] = {}
    latest: dict[int, int] = {}
    for number, track in enumerate(tracks):
        begins_with, ends_with = (int(poses.ids[track.rows[end]]) for end in (0, -1))
        earlier = latest.get(begins_with)
        if earlier is not None:
            end = poses.frames[tracks[earlier].rows[-1]]
            if end < poses.frames[track.rows[0]]:
                successor[earlier] = number
        if ends_with >= 0:
            latest[ends_with] = number
    return _joined(poses, tracks, successor)


def _joined(
    poses: _Poses, tracks: list[_Track], successor: dict[int, int]
) -> list[_Track]:
    """Returns the tracks with each one's successors appended."""
    is_start = set(range(len(tracks))) - set(successor.values())
    joined = []
    for number in sorted(is_start):
        parts, switches = [tracks[number].rows], tracks[number].switches
        while number in successor:
            number = successor[number]
            last, first = parts[-1][-1], tracks[number].rows[0]
            parts.append(tracks[number].rows)
            switches += tracks[number].switches + _is_switch(poses, last, first)
        joined.append(_Track(np.concatenate(parts), switches))
    return joined


def _is_switch(poses: _Poses, last: int, first: int) -> bool:
    """Returns whether two rows are one person on the word of their motion alone."""
    ids = poses.ids[[last, first]]
    if (ids >= 0).all():
        return bool(ids[0] != ids[1])
    # Nobody else can have taken the place of the only person.
    gap = poses.frames[first] - poses.frames[last]
    return bool(gap > LOST) and not poses.is_alone


def _without_passing(tracks: list[_Track], is_alone: bool) -> list[_Track]:
    """Returns the tracks that are long enough for a person.

    Args:
      tracks: all tracks.
      is_alone: whether no frame shows two people. Short tracks are then slips only as
        long as they are few.
    """
    lengths = np.array([len(track.rows) for track in tracks])
    is_short = lengths < min(MIN_FRAMES, lengths.max() / 2)
    if is_alone and lengths[is_short].sum() > 0.1 * lengths.sum():
        return tracks
    return [tracks[number] for number in np.flatnonzero(~is_short)]


def _join_only_person(poses: _Poses, tracks: list[_Track]) -> list[_Track]:
    """Joins all tracks where each one ends before the next one begins.

    In a video of one person that is the person, who was out of sight. Where other
    people are about, place and size must fit.
    """
    tracks = sorted(tracks, key=lambda track: poses.frames[track.rows[0]])
    rows, switches = [tracks[0].rows], tracks[0].switches
    for track, following in itertools.pairwise(tracks):
        last, first = track.rows[-1], following.rows[0]
        if poses.frames[last] >= poses.frames[first]:
            return tracks
        sizes = [np.median(poses.size[part.rows]) for part in (track, following)]
        moved = np.linalg.norm(poses.centre[first] - poses.centre[last])
        fits = max(sizes) < MAX_SIZE_CHANGE * min(sizes)
        fits = fits and moved < MAX_RETURN * max(sizes)
        if not fits and not poses.is_alone:
            return tracks
        rows.append(following.rows)
        switches += following.switches + (not fits or _is_switch(poses, last, first))
    return [_Track(np.concatenate(rows), switches)]
