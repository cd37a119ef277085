"""Joins the tracks of people over gaps and crossings, by ids and by motion."""

import numpy as np

from jaxpose.recordings.linking import MAX_LINK, Poses, Track, pairs_of

_VELOCITY_FRAMES = 5  # over which the motion at the end of a track is measured
# Tracks are joined over gaps of up to these frames, in turn. Over long gaps, tracks of
# fewer rows than the second number are left alone: the detector slips often.
_GAPS = ((3, 1), (30, 3), (300, 10))
_LOST = 30  # frames; a person who is found again later counts as a switch
MAX_SIZE_CHANGE = 2.0
_OTHER_ID = 0.2  # that another id adds to the cost of joining two tracks
# Two people are exchanged at little more cost than this: who is who is doubtful.
_DOUBTFUL = 0.15


def join_tracks(poses: Poses, tracks: list[Track]) -> list[Track]:
    """Joins tracks over gaps: by motion if short, by id, by motion if longer."""
    for longest, least in _GAPS:
        long = [track for track in tracks if len(track.rows) >= least]
        short = [track for track in tracks if len(track.rows) < least]
        if long:
            long = _join_by_motion(poses, long, longest)
        tracks = _join_by_id(poses, long + short)
    return tracks


def _join_by_motion(poses: Poses, tracks: list[Track], longest: int) -> list[Track]:
    """Joins tracks that continue each other after at most `longest` frames."""
    tracks = sorted(tracks, key=lambda track: poses.frames[track.rows[0]])
    last = np.array([track.rows[-1] for track in tracks])
    start = poses.frames[[track.rows[0] for track in tracks]]
    first_after = np.searchsorted(start, poses.frames[last], side="right")
    last_after = np.searchsorted(start, poses.frames[last] + longest, side="right")
    before, after = pairs_of(np.arange(len(tracks)), first_after, last_after)
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
    poses: Poses, tracks: list[Track], before: np.ndarray, after: np.ndarray
) -> np.ndarray:
    """Returns `[P]`: how badly two tracks continue each other; infinite: not at all.

    The cost is the distance, in body sizes, between the second track's first pose and
    the first one's last pose moved on at the mean of both velocities. A change of the
    velocity adds to it, as people who cross keep theirs.
    """
    ends, starts, sizes = [], [], []
    for track in tracks:
        ends.append(_velocity(poses, track.rows[-_VELOCITY_FRAMES - 1 :]))
        starts.append(_velocity(poses, track.rows[: _VELOCITY_FRAMES + 1]))
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
    cost += _VELOCITY_FRAMES * change / np.maximum(1, gap / _VELOCITY_FRAMES)

    # People move on while nobody sees them, but they do not grow.
    limit = MAX_LINK + np.minimum(0.02 * gap, 0.8)
    smaller = np.minimum(size[before], size[after])
    fits = (cost < limit) & (pair_size < MAX_SIZE_CHANGE * smaller)
    # Two ids are more likely two people.
    last_id, first_id = poses.ids[last], poses.ids[first]
    differ = (last_id >= 0) & (first_id >= 0) & (last_id != first_id)
    return np.where(fits, cost + _OTHER_ID * differ, np.inf)


def _velocity(poses: Poses, rows: np.ndarray) -> np.ndarray:
    """Returns `[2]` pixels per frame from the first to the last of `rows`, or NaN."""
    duration = poses.frames[rows[-1]] - poses.frames[rows[0]]
    moved = poses.xy[rows[-1]] - poses.xy[rows[0]]
    moved = moved[np.isfinite(moved).all(axis=1)]
    if duration == 0 or not len(moved):
        return np.full(2, np.nan)
    return np.median(moved, axis=0) / duration


def _join_by_id(poses: Poses, tracks: list[Track]) -> list[Track]:
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
    poses: Poses, tracks: list[Track], successor: dict[int, int]
) -> list[Track]:
    """Returns the tracks with each one's successors appended."""
    is_start = set(range(len(tracks))) - set(successor.values())
    joined = []
    for number in sorted(is_start):
        parts, switches = [tracks[number].rows], tracks[number].switches
        while number in successor:
            number = successor[number]
            last, first = parts[-1][-1], tracks[number].rows[0]
            parts.append(tracks[number].rows)
            switches += tracks[number].switches + is_switch(poses, last, first)
        joined.append(Track(np.concatenate(parts), switches))
    return joined


def is_switch(poses: Poses, last: int, first: int) -> bool:
    """Returns whether two rows are one person on the word of their motion alone."""
    ids = poses.ids[[last, first]]
    if (ids >= 0).all():
        return bool(ids[0] != ids[1])
    # Nobody else can have taken the place of the only person.
    gap = poses.frames[first] - poses.frames[last]
    return bool(gap > _LOST) and not poses.is_alone
