"""Tells joints that were seen from those that were not."""

import numpy as np

# Joints of a lower confidence count as not seen: the threshold of MMPose's demos,
# Pose2Sim and Sports2D. In OpenPose's files of Pose2Sim's demo, joints in sight have
# 0.4 to 0.7, and hidden ones 0 to 0.2.
MIN_CONFIDENCE = 0.3

# A detector whose best scores are lower has another scale. The softmax of Mask R-CNN is
# spread over the places around a joint, for example.
_BEST_QUANTILE = 0.9
_LOW_BEST = 0.5
# Shares of joints from which a column of numbers is no confidence.
_NEGATIVE_SHARE = 0.2
_ABOVE_ONE_SHARE = 0.5
# Scores that are not cut at 1, such as those of RTMPose, stay below this.
_HIGHEST_SCORE = 10.0
LARGEST = 1e7  # pixels; no image is larger, so such a number is no place
# The place where a tool puts joints that it did not find: so many rows hold it, at this
# many joints each, farther from the other joints than their own extent.
_SENTINEL_ROWS = 3
_SENTINEL_JOINTS = 2
# A pose of so many joints whose extent is below this part of the usual one is none.
_MIN_COLLAPSED, _COLLAPSED = 3, 0.01


def hide_unseen(
    keypoints: np.ndarray, min_confidence: float = MIN_CONFIDENCE
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Separates the joints that were seen from those that were not.

    Not seen are: NaN, numbers beyond any image, exact (0, 0), two equal negative
    numbers such as (-1, -1), one place away from the body that several joints share in
    several rows, all joints of a row at one place, and a confidence below
    `min_confidence`. Where the best confidences of a file are below 0.5, the default
    threshold is lowered by the same factor. A third column that cannot be a confidence
    is ignored: percent and COCO's flags are understood.

    Args:
      keypoints: `[D, J, 2 or 3]` as a file gives them, all of one file.
      min_confidence: joints of a lower confidence count as not seen.

    Returns:
      xy `[D, J, 2]`, NaN where not seen; confidence `[D, J]` in [0, 1], 0 where not
      seen and 1 where the file states none; and sentences for the user about a third
      column that is no confidence between 0 and 1.
    """
    xy = np.array(keypoints[..., :2], np.float64)
    seen = (np.abs(xy) < LARGEST).all(axis=-1)
    x, y = xy[..., 0], xy[..., 1]
    seen &= ~((x == y) & (x <= 0))
    seen &= ~_at_shared_place(xy, seen)
    remarks: list[str] = []
    collapsed = _collapsed(xy, seen)
    if collapsed.any():
        seen[collapsed] = False
        remarks.append(
            f"{collapsed.sum():,} of {len(collapsed):,} poses have all joints at one "
            "place: they count as not seen"
        )

    confidence = np.ones(seen.shape)
    if keypoints.shape[-1] == 3:
        column = np.array(keypoints[..., 2], np.float64)
        confidence, remark = _confidence(column, seen)
        if remark:
            remarks.append(remark)
        threshold, remark = _threshold(confidence[seen], min_confidence)
        if remark:
            remarks.append(remark)
        seen &= confidence >= threshold
    xy[~seen] = np.nan
    return xy, np.where(seen, confidence, 0.0), tuple(remarks)


def _at_shared_place(xy: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Returns `[D, J]` bool: joints at the place that stands for "not found".

    Tools scale, shift or normalise the (0, 0) of a joint that was not found, as they do
    with others, so that it can be anywhere. Joints that were found do not share a place
    exactly, again and again, away from the rest of the body.
    """
    known = np.where(seen[..., np.newaxis], xy, 0.0)
    places = known[..., 0] + 1j * known[..., 1]
    nowhere = np.zeros(seen.shape, bool)
    if not seen.any():
        return nowhere
    values, counts = np.unique(places[seen], return_counts=True)
    shared = seen & (places == values[counts.argmax()])
    # The other joints of its rows: how large the body is, and how far away.
    others = seen & ~shared
    is_shared = shared.sum(axis=1) >= _SENTINEL_JOINTS
    rows = np.flatnonzero(is_shared & np.any(others, axis=1))
    if len(rows) < _SENTINEL_ROWS:
        return nowhere
    body = np.where(others[rows, :, None], xy[rows], np.nan)
    lowest, highest = np.nanmin(body, axis=1), np.nanmax(body, axis=1)
    extent = np.linalg.norm(highest - lowest, axis=-1)
    place = values[counts.argmax()]
    centre = (lowest + highest) / 2
    offset = np.hypot(centre[:, 0] - place.real, centre[:, 1] - place.imag)
    return shared if np.median(offset / np.maximum(extent, 1e-9)) > 1 else nowhere


def _collapsed(xy: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Returns `[D]` bool: poses without extent, beside others that have one."""
    place = seen[..., np.newaxis]
    lowest = np.where(place, xy, np.inf).min(axis=1, initial=np.inf)
    highest = np.where(place, xy, -np.inf).max(axis=1, initial=-np.inf)
    several = seen.sum(axis=1) >= _MIN_COLLAPSED
    if not several.any():
        return several
    extent = np.zeros(len(xy))
    extent[several] = (highest - lowest)[several].max(axis=1)
    return several & (extent < _COLLAPSED * np.median(extent[several]))


def _confidence(column: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, str | None]:
    """Returns what a third column says about each joint, in [0, 1].

    Args:
      column: `[D, J]` third numbers of the joints.
      seen: `[D, J]` bool, whether the joint has a place.

    Returns:
      `[D, J]`, 1 everywhere where the column is no confidence; and a sentence about a
      column that is not between 0 and 1.
    """
    values = column[seen]
    ones = np.ones(column.shape)
    if not len(values) or np.isnan(values).all():
        return ones, None
    known = values[~np.isnan(values)]
    confidence = np.nan_to_num(column, nan=0.0)
    if not known.any():
        return ones, (
            "the third number of all joints is 0, although they have a place: it is "
            "not taken for a confidence"
        )

    # Many negative numbers are a depth. A few, and -1 again and again, are scores of
    # hidden joints.
    is_mark = len(np.unique(known[known < 0])) == 1
    negative = 0.0 if is_mark else float(np.mean(known < 0))
    lowest, highest = float(known.min()), float(known.max())
    between = f"the third number of a joint lies between {lowest:g} and {highest:g}"
    if negative > _NEGATIVE_SHARE:
        return ones, f"{between}: it is a depth or the like, and no confidence"
    if highest <= 1:
        return np.clip(confidence, 0, 1), None

    # COCO's flags: 0 not labelled, 1 hidden but labelled, 2 visible.
    if set(np.unique(known)) <= {0.0, 1.0, 2.0}:
        return np.minimum(confidence, 1.0), (
            "the third number of a joint is 0, 1 or 2: it is taken for COCO's flag, of "
            "which 0 means that the joint has no place"
        )
    if highest <= _HIGHEST_SCORE:
        return np.clip(confidence, 0, 1), f"{between}: scores above 1 count as 1"
    if highest <= 100 and np.mean(known > 1) > _ABOVE_ONE_SHARE:
        return np.clip(confidence / 100, 0, 1), f"{between}: it is taken for percent"
    return ones, f"{between}: it is a depth or the like, and no confidence"


def _threshold(
    confidence: np.ndarray, min_confidence: float
) -> tuple[float, str | None]:
    """Returns the confidence below which joints are hidden, and a sentence about it.

    Args:
      confidence: `[N]` of all joints with a place.
      min_confidence: the threshold that was asked for.
    """
    if not len(confidence) or min_confidence != MIN_CONFIDENCE:
        return min_confidence, None
    best = float(np.quantile(confidence, _BEST_QUANTILE))
    if not 0 < best < _LOW_BEST:
        return min_confidence, None
    threshold = min_confidence * best
    return threshold, (
        f"nine of ten confidences are below {best:.2f}: this detector's scale is "
        f"another one, and joints below {threshold:.2f} instead of "
        f"{min_confidence:g} are hidden; --min_confidence=C states a threshold"
    )
