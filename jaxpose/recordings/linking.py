"""Links the detections of neighbouring frames wherever there is no doubt."""

import dataclasses

import numpy as np

# Distances between poses are in body sizes: the mean over the joints that both show.
MAX_LINK = 0.7  # of a person between two neighbouring frames
_MAX_JUMP = 0.5  # of an id, where another detection fits much better
_EXCHANGE = 0.1  # of two ids that take each other's place from one frame to the next
# A second candidate makes a link doubtful unless it is farther by a half and this much.
_MARGIN = 0.03


class Poses:
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

    def take(self, rows: np.ndarray) -> "Poses":
        """Returns the detections `rows`."""
        return Poses(self.xy[rows], self.frames[rows], self.ids[rows])

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
class Track:
    """Rows of one person, at most one per frame, and how often it was found again."""

    rows: np.ndarray
    switches: int = 0


def pairs_of(
    first: np.ndarray, begin: np.ndarray, end: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns all pairs of `first[k]` with the numbers `begin[k]` to `end[k] - 1`."""
    counts = np.maximum(end - begin, 0)
    total = int(counts.sum())
    before = np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(first, counts), np.repeat(begin, counts) + np.arange(
        total
    ) - before


def linked_tracks(poses: Poses) -> list[Track]:
    """Links rows of neighbouring frames wherever there is no doubt."""
    rows = np.arange(len(poses.frames))
    begin = np.searchsorted(poses.frames, poses.frames + 1, side="left")
    end = np.searchsorted(poses.frames, poses.frames + 1, side="right")
    first, second = pairs_of(rows, begin, end)
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
        tracks.append(Track(rows, int(exchanged.sum())))
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
    jumps = (distance > _MAX_JUMP) & (nearest < distance / 5)
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
    is_clear = rival > 1.5 * distance + _MARGIN
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
    moved = np.flatnonzero(same_id & (distance > _EXCHANGE))
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
