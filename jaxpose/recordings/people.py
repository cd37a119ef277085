"""Follows people through a video: decides which detections are of the same person.

Neighbouring frames are linked first, wherever there is no doubt: by the file's own ids,
else by the nearest pose. This makes tracks. They are joined over gaps and crossings by
their motion; the most likely pairs come first.
"""

import dataclasses
import itertools

import numpy as np

from jaxpose.recordings.joining import MAX_SIZE_CHANGE, is_switch, join_tracks
from jaxpose.recordings.linking import Poses, Track, linked_tracks, pairs_of

# Body sizes between two detections of one person in one frame, at most.
_DUPLICATE = 0.06
_MAX_RETURN = 3.0  # body sizes between two sights of the only person of a video
_NEAR = 0.5  # body sizes between two people whom motion may mix up
# Frames per track, on average, below which motion is too fast to be followed.
_SHORTEST = 3
# Shorter sights beside a longer one are no person: the detector slipped.
_MIN_FRAMES = 15


@dataclasses.dataclass(frozen=True)
class Person:
    """The detections of one person, at most one per frame.

    Attributes:
      rows: `[n]` int, rows of the detections, by frame.
      switches: how often the id changed, or the person was lost for long and found.
      meetings: in how many frames motion alone tells this person from another one, who
        is less than half a body away, because the file has no ids for them.
    """

    rows: np.ndarray
    switches: int
    meetings: int = 0


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
    # A file of one person is read as it is.
    first_id = ids[0] if len(ids) else -1
    if first_id >= 0 and (ids == first_id).all() and _is_unique(frames):
        return People((Person(np.argsort(frames, kind="stable"), 0),), 0)

    seen = np.isfinite(keypoints_2d).all(axis=-1)
    rows = np.flatnonzero(seen.any(axis=1))
    rows = rows[np.argsort(frames[rows], kind="stable")]
    if not len(rows):
        return People((), 0)
    poses = Poses(keypoints_2d[rows], frames[rows], ids[rows])
    score = np.where(seen, confidence, 0)[rows].sum(axis=1)

    # Rows that repeat a person of their frame are left out from here on.
    kept = np.flatnonzero(~_duplicates(poses, score))
    poses, rows, score = poses.take(kept), rows[kept], score[kept]
    poses.ids = _one_row_per_id(poses, score)

    tracks = linked_tracks(poses)
    if poses.is_alone and (poses.ids < 0).all() and len(rows) < _SHORTEST * len(tracks):
        # Seconds lie between the frames: motion cannot tell people apart.
        tracks = [Track(np.arange(len(rows)))]
    joined = join_tracks(poses, tracks)
    tracks = _without_passing(joined, poses.is_alone)
    passing = len(joined) - len(tracks)
    tracks = _join_only_person(poses, tracks)
    meetings = _count_meetings(poses, tracks)
    people = []
    for number in np.argsort([-poses.size[track.rows].sum() for track in tracks]):
        track = tracks[number]
        people.append(Person(rows[track.rows], track.switches, meetings[number]))
    return People(tuple(people), passing)


def _is_unique(values: np.ndarray) -> bool:
    return len(np.unique(values)) == len(values)


def _duplicates(poses: Poses, score: np.ndarray) -> np.ndarray:
    """Returns `[D]` bool: rows that repeat a better row of the same frame."""
    rows = np.arange(len(poses.frames))
    end = np.searchsorted(poses.frames, poses.frames, side="right")
    first, second = pairs_of(rows, rows + 1, end)
    same = poses.distance(first, second) < _DUPLICATE
    first, second = first[same], second[same]
    worse = np.where(score[second] > score[first], first, second)
    duplicate = np.zeros(len(rows), bool)
    duplicate[worse] = True
    return duplicate


def _one_row_per_id(poses: Poses, score: np.ndarray) -> np.ndarray:
    """Returns the ids, -1 where a better row of the frame has the same one."""
    order = np.lexsort((-score, poses.ids, poses.frames))
    frames, ids = poses.frames[order], poses.ids[order]
    repeated = (frames[1:] == frames[:-1]) & (ids[1:] == ids[:-1])
    result = poses.ids.copy()
    result[order[1:][repeated]] = -1
    return result


def _count_meetings(poses: Poses, tracks: list[Track]) -> list[int]:
    """Returns for each track in how many frames another one without an id is near."""
    owner = np.full(len(poses.frames), -1)
    for number, track in enumerate(tracks):
        owner[track.rows] = number
    rows = np.flatnonzero((owner >= 0) & (poses.ids < 0))
    # All pairs of rows of one frame.
    end = np.searchsorted(poses.frames[rows], poses.frames[rows], side="right")
    first, second = pairs_of(np.arange(len(rows)), np.arange(len(rows)) + 1, end)
    first, second = rows[first], rows[second]
    near = poses.distance(first, second) < _NEAR
    met = np.unique(np.concatenate([first[near], second[near]]))
    return np.bincount(owner[met], minlength=len(tracks)).tolist()


def _without_passing(tracks: list[Track], is_alone: bool) -> list[Track]:
    """Returns the tracks that are long enough for a person.

    Args:
      tracks: all tracks.
      is_alone: whether no frame shows two people. Short tracks are then slips only as
        long as they are few.
    """
    lengths = np.array([len(track.rows) for track in tracks])
    is_short = lengths < min(_MIN_FRAMES, lengths.max() / 2)
    if is_alone and lengths[is_short].sum() > 0.1 * lengths.sum():
        return tracks
    return [tracks[number] for number in np.flatnonzero(~is_short)]


def _join_only_person(poses: Poses, tracks: list[Track]) -> list[Track]:
    """Joins all tracks where each one ends before the next one begins.

    A video of one person may lose the person for a while. In a video of others too,
    place and size must fit.
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
        fits = fits and moved < _MAX_RETURN * max(sizes)
        if not fits and not poses.is_alone:
            return tracks
        rows.append(following.rows)
        switches += following.switches + (not fits or is_switch(poses, last, first))
    return [Track(np.concatenate(rows), switches)]
