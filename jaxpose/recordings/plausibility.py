"""Doubts 2D keypoints that cannot be a person's in the image they are said to be in.

Each rule knows one mistake that people make, and names it with the flag that mends it.
docs/recordings.md has their limits, and how many good recordings they doubt.
"""

import dataclasses

import numpy as np

from jaxpose.body.skeletons import H36M_17
from jaxpose.recordings import sides
from jaxpose.recordings.doubt import Doubt, severity_of
from jaxpose.recordings.layouts import NOT_A_BODY
from jaxpose.recordings.own_3d import check_own_3d
from jaxpose.recordings.reference import Reference, body_height, default_reference

__all__ = ["Doubt", "Reference", "check"]

# A distance from a body beyond which poses would be worthless.
_WORTHLESS_DISTANCE = 3.2
# Share of frames beyond it from which a recording is doubted that is good otherwise.
_MAX_BAD_FRAMES = 0.2
# Coordinates within these are fractions of an image, from -1 to 1 if they reach below
# the third number.
_FRACTIONS = (-2.0, 2.0)
_SIGNED_BELOW = -0.1
# Fraction of the image's sides that a joint inside of it may be outside.
_ROOM = 0.02
# Shares of joints outside of the image: doubted, and worthless.
_MANY_OUTSIDE, _MOST_OUTSIDE = 0.15, 0.5
# The same that tell a turned image, and by how much fewer are outside of the other one.
_SOME_OUTSIDE, _MUCH_FEWER = 0.02, 0.25
# Image sides differ by this factor at least where a turned one is noticed. A person is
# in the upper part of an image that is too high, and was not in that of the right one.
_OBLONG = 1.2
_UPPER_PART = 0.42
# Factor beyond the training set's range from which bodies are too large or small.
_SIZE_MARGIN = 1.25
_LARGE_QUANTILE = 0.9
# Degrees from upright from which a body lies, and from which it is upside down; and the
# share of frames that makes it doubtful.
_LYING, _UPSIDE_DOWN = 60.0, 130.0
_MOST_FRAMES = 0.8
# A squeezed body is farther from a body than this, and stretching it brings it nearer
# by this factor.
_SQUEEZED_DISTANCE = 1.3
_CLEARLY_BETTER = 0.65
_MAX_SAMPLES = 300


@dataclasses.dataclass(frozen=True)
class _Subject:
    """What the rules look at: some frames of a recording, evenly spaced.

    Attributes:
      filled: `[F, 17, 2]` pixels, joints of `h36m_17`, all of them.
      keypoints_2d: `[F, 17, 2]` the same, NaN where not seen.
      size: (width, height) of the image, pixels.
      distances: `[F]` from a body, NaN where too few joints are seen.
    """

    filled: np.ndarray
    keypoints_2d: np.ndarray
    size: tuple[int, int]
    distances: np.ndarray


def check(
    keypoints_2d: np.ndarray,
    seen: np.ndarray,
    image_size: tuple[int, int],
    fps: float,
    *,
    positions_3d: np.ndarray | None = None,
    intrinsics: tuple[float, float, float, float] | None = None,
    layout: str | None = None,
    better_layout: str | None = None,
    reference: Reference | None = None,
) -> list[Doubt]:
    """Doubts a recording whose numbers cannot be a person's.

    Args:
      keypoints_2d: `[F, 17, 2]` pixels, joints of `h36m_17`, filled in.
      seen: `[F, 17]` bool, whether the joint was seen.
      image_size: (width, height) in pixels.
      fps: frames per second.
      positions_3d: `[F, 17, 3]` the user's own 3D, metres, camera frame, or None.
      intrinsics: (fx, fy, cx, cy) in pixels, or None.
      layout: joint order that the keypoints were converted from, for the sentence.
      better_layout: `LayoutChoice.better`.
      reference: statistics of the model's training set, of which the heights count;
        None for those of motion capture that come with jaxpose. The latter always say
        what a body is: a model of walks is no reason to refuse a cartwheel.

    Returns:
      the doubts, the gravest first; empty for a good recording.
    """
    step = max(1, len(keypoints_2d) // _MAX_SAMPLES)
    masked = np.where(seen[..., None], keypoints_2d, np.nan)
    subject = _Subject(
        filled=keypoints_2d[::step],
        keypoints_2d=masked[::step],
        size=image_size,
        distances=default_reference().distance(masked[::step]),
    )

    # Without pixels, or without a body, the other rules would say nothing new.
    doubts = _check_unit(subject) or _check_layout(subject, layout, better_layout)
    if not any(doubt.severity == "refuse" for doubt in doubts):
        doubts += _check_image_size(subject)
        doubts += _check_axes(subject)
        doubts += _check_height(subject, reference)
        doubts += _check_sides(keypoints_2d, seen, fps)
        if positions_3d is not None:
            doubts += check_own_3d(masked, positions_3d, intrinsics)
    return sorted(doubts, key=lambda doubt: doubt.severity != "refuse")


def _check_unit(subject: _Subject) -> list[Doubt]:
    """Doubts coordinates that are no pixels: all at one place, or normalised."""
    known = subject.keypoints_2d[np.isfinite(subject.keypoints_2d).all(axis=-1)]
    if not len(known):
        return []
    lowest, highest = float(known.min()), float(known.max())
    spread = np.nanmax(np.ptp(subject.filled, axis=1))
    if spread < 1e-3 * max(1.0, abs(lowest), abs(highest)):
        sentence = "all joints of a pose are at one place: these are no keypoints"
        return [Doubt("one_place", "refuse", sentence)]

    between = f"x and y lie between {lowest:.2f} and {highest:.2f}"
    if lowest < _FRACTIONS[0] or highest > _FRACTIONS[1]:
        return []
    name = "-1 to 1" if lowest < _SIGNED_BELOW else "0 to 1"
    sentence = (
        f"{between}: these look normalised to {name}, and pixels are expected; write "
        f"pixels of the {_size_name(subject.size)} image (OpenPose: --keypoint_scale=0)"
    )
    return [Doubt("normalised", "refuse", sentence)]


def _check_layout(
    subject: _Subject, layout: str | None, better_layout: str | None
) -> list[Doubt]:
    """Doubts joints whose bones cannot be a body's."""
    known = subject.distances[np.isfinite(subject.distances)]
    distance = _median(subject.distances)
    if not np.isfinite(distance):
        return []
    bad = float(np.mean(known > _WORTHLESS_DISTANCE))
    if distance > NOT_A_BODY:
        sentence = (
            f"the bones between {layout or 'these'} joints cannot be a body's "
            f"(distance {distance:.1f}, a body's is below {NOT_A_BODY}): the joint "
            "order is "
        )
        if better_layout:
            sentence += f"probably {better_layout}; give --layout={better_layout}"
        else:
            sentence += "probably another one; state it with --layout=NAME"
        is_worthless = distance > _WORTHLESS_DISTANCE
        return [Doubt("layout", severity_of(is_worthless), sentence)]
    if bad > _MAX_BAD_FRAMES:
        sentence = (
            f"in {100 * bad:.0f} % of the frames the joints make no body: these are "
            "probably wrong detections, or joints of several people; raise "
            "--min_confidence"
        )
        return [Doubt("poses", "warn", sentence)]
    return []


def _check_image_size(subject: _Subject) -> list[Doubt]:
    """Doubts an image that the joints are not in, or that is too high or squeezed."""
    known = subject.keypoints_2d[np.isfinite(subject.keypoints_2d).all(axis=-1)]
    if not len(known):
        return []
    width, height = subject.size
    turned = (height, width)
    outside = _share_outside(known, subject.size)
    outside_turned = _share_outside(known, turned)
    oblong = max(width, height) >= _OBLONG * min(width, height)
    right, bottom = known.max(axis=0)
    is_said = f"the image is said to be {_size_name(subject.size)} pixels"
    mend = (
        f"the size is probably turned, or given as height, width; give --image_size="
        f"{height},{width}"
    )

    # Joints beyond the right or lower edge that a turned image would hold.
    if oblong and outside > _SOME_OUTSIDE and outside_turned < _MUCH_FEWER * outside:
        reach = f"joints reach x {right:.0f} and y {bottom:.0f}"
        return [Doubt("image_size", "warn", f"{is_said}, but {reach}: {mend}")]
    if outside > _MANY_OUTSIDE:
        left, top = known.min(axis=0)
        severity = severity_of(outside > _MOST_OUTSIDE)
        likely = (
            "the size is probably that of another version of the video; give "
            "--image_size=W,H"
        )
        # No size makes x and y negative.
        is_beyond_corner = left < -_ROOM * width and top < -_ROOM * height
        if bottom <= 0 or is_beyond_corner:
            likely = (
                "the origin is probably not the upper left corner; write pixels from "
                "there, y downwards"
            )
        sentence = (
            f"{is_said}, but {100 * outside:.0f} % of the joints are outside, at x "
            f"{left:.0f} to {right:.0f} and y {top:.0f} to {bottom:.0f}: {likely}"
        )
        return [Doubt("image_size", severity, sentence)]

    # A person in the upper half of a high image, all the time.
    feet = float(np.median(subject.filled[..., 1].max(axis=1)))
    is_high = height >= _OBLONG * width and not outside_turned
    if is_high and feet < _UPPER_PART * height and feet > _UPPER_PART * width:
        where = f"the person stays in its upper {100 * feet / height:.0f} %"
        return [Doubt("image_size", "warn", f"{is_said}, but {where}: {mend}")]

    # Normalised coordinates times a turned size: the body is squeezed.
    if oblong:
        stretched = subject.keypoints_2d * [height / width, width / height]
        better = _median(default_reference().distance(stretched))
        distance = _median(subject.distances)
        is_odd = distance > _SQUEEZED_DISTANCE
        if is_odd and better < _CLEARLY_BETTER * distance:
            return [Doubt("image_size", "warn", f"bodies are squeezed: {mend}")]
    return []


def _share_outside(known: np.ndarray, size: tuple[int, int]) -> float:
    """Returns the share of joints `[N, 2]` outside of an image, with a little room."""
    room = _ROOM * np.array(size)
    inside = (known >= -room) & (known <= np.array(size) + room)
    return float(np.mean(~inside.all(axis=1)))


def _median(values: np.ndarray) -> float:
    """Returns the median of the finite ones among `[F]`, NaN where there is none."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _size_name(size: tuple[int, int]) -> str:
    """Returns "1920 x 1080"."""
    return f"{size[0]} x {size[1]}"


def _check_axes(subject: _Subject) -> list[Doubt]:
    """Doubts bodies that lie or stand on their heads nearly all the time."""
    joint = {}
    for index, name in enumerate(H36M_17.joints):
        joint[name] = subject.filled[:, index]
    ankles = (joint["left_ankle"] + joint["right_ankle"]) / 2
    has_ankles = np.isfinite(subject.keypoints_2d[:, [3, 6]]).any()
    upwards = joint["head"] - (ankles if has_ankles else joint["hip"])
    degrees = np.abs(np.degrees(np.arctan2(upwards[:, 0], -upwards[:, 1])))

    # People lie, and stand on their hands, so this is no reason to refuse.
    upside_down = float(np.mean(degrees > _UPSIDE_DOWN))
    if upside_down > _MOST_FRAMES:
        sentence = (
            f"heads are below hips in {100 * upside_down:.0f} % of the frames: y "
            "probably points upwards, and downwards from the upper edge is expected; "
            "write height - y, unless the person stands on the hands"
        )
        return [Doubt("upside_down", "warn", sentence)]
    lying = float(np.mean(degrees > _LYING))
    if lying > _MOST_FRAMES:
        sentence = (
            f"bodies lie in {100 * lying:.0f} % of the frames: x and y are probably "
            "swapped, or the video is turned by 90 degrees; write x before y, unless "
            "the person lies"
        )
        return [Doubt("lying", "warn", sentence)]
    return []


def _check_height(subject: _Subject, reference: Reference | None) -> list[Doubt]:
    """Doubts bodies larger or smaller than those of the training set."""
    half_width = subject.size[0] / 2
    heights = body_height(subject.filled) / half_width
    height = float(np.quantile(heights, _LARGE_QUANTILE))
    lowest, highest = (reference or default_reference()).heights
    whose = "the model saw" if reference else "usual recordings have"
    found = (
        f"bodies are {height:.2f} half image widths long, and {whose} {lowest:.2f} to "
        f"{highest:.2f}"
    )
    mend = (
        "use a model that was trained on such views"
        if reference
        else "the image size is probably not that of the keypoints; give "
        "--image_size=W,H"
    )
    if height > _SIZE_MARGIN * highest:
        return [Doubt("large", "warn", f"{found}: they are larger; {mend}")]
    if height < lowest / _SIZE_MARGIN:
        return [Doubt("small", "warn", f"{found}: they are smaller; {mend}")]
    return []


def _check_sides(keypoints_2d: np.ndarray, seen: np.ndarray, fps: float) -> list[Doubt]:
    """Doubts left and right that change places, or are exchanged throughout."""
    changes = sides.count_changes(keypoints_2d, seen)
    if changes:
        sentence = (
            f"left and right change places {changes} times: the detector mixes them "
            "up, and poses around these frames are wrong"
        )
        return [Doubt("sides_change", "warn", sentence)]
    if sides.walks_backwards(keypoints_2d, fps):
        sentence = (
            "the person comes nearer backwards, or goes away facing the camera: left "
            "and right are probably exchanged; state the joint order with "
            "--layout=NAME, unless the person walks backwards"
        )
        return [Doubt("sides", "warn", sentence)]
    return []
