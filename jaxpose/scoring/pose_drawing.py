"""Draws people into matplotlib axes: keypoints as the image shows them, poses in 3D.

A pose is projected in parallel, so that lengths compare everywhere in a picture. Limbs
are drawn from far to near. Far limbs are thinner and paler, near ones cover them. The
colours of the sides, red and blue, differ for colour-blind readers, too.
"""

from typing import NamedTuple

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from jaxpose.body import cameras
from jaxpose.body.joint_sets import LEFT, MIDDLE, RIGHT, connections, joint_colour
from jaxpose.body.skeletons import Skeleton
from jaxpose.data.clips import Clip

# The colours of the ground truth, of the floor, and of frames around keypoints.
TRUTH = "#b8b8b8"
FLOOR = "#e3e3e3"
FRAME = "#cccccc"
# Text in the colour of the truth, dark enough to read.
_TRUTH_WORD = "#8a8a8a"
# The side of a tile of the floor, metres.
TILE = 0.5
# How pale and thin the farthest limb is, against the nearest.
_PALEST, _THINNEST = 0.5, 0.6
# Depths that differ less than this, in metres, differ less in colour, too.
_LEAST_SPAN = 0.5


def limb_colours(skeleton: Skeleton) -> list[str]:
    """Returns a colour for each connection: left red, right blue, trunk grey."""
    if skeleton.parents:
        # A bone belongs to the side of its outer joint.
        return [joint_colour(skeleton, child) for child, _ in skeleton.bones]
    return [joint_colour(skeleton, *pair) for pair in connections(skeleton)]


def upward(clip: Clip) -> np.ndarray:
    """Returns the vertical in the camera frame of `clip`, `[3]`, of length 1.

    The image's own where the camera's orientation is unknown.
    """
    if clip.orientation is None:
        return np.array([0.0, -1.0, 0.0])
    to_camera = cameras.quaternion_inverse(np.array(clip.orientation))
    return np.asarray(cameras.quaternion_rotate(to_camera, np.array([0.0, 0.0, 1.0])))


def make_view(up: np.ndarray, azimuth: float, elevation: float) -> np.ndarray:
    """Makes the rotation from the camera frame to a picture.

    Args:
      up: `[3]`, the vertical in the camera frame.
      azimuth: how far the viewer goes round the person from the camera's place, to the
        camera's right, degrees.
      elevation: how far the viewer looks down, degrees.

    Returns:
      `[3, 3]`, rows: right and up in the picture, and towards the viewer.
    """
    # Level directions: towards the camera, and to its right. A camera that looks
    # straight down or up is on neither side: the lower edge of its image is.
    towards = np.array([0.0, 0.0, -1.0])
    if abs(towards @ up) > 0.999:
        towards = np.array([0.0, 1.0, 0.0])
    towards = towards - (towards @ up) * up
    towards /= np.linalg.norm(towards)
    right = np.cross(up, towards)
    turn, tilt = np.radians([azimuth, elevation])
    viewer = np.cos(turn) * towards + np.sin(turn) * right
    side = np.cross(up, viewer)
    depth = np.cos(tilt) * viewer + np.sin(tilt) * up
    return np.stack([side, np.cross(depth, side), depth])


class FlatPerson:
    """Keypoints as the image shows them, in an axis of their own.

    Attributes:
      artists: what differs from frame to frame, in the order of drawing.
    """

    def __init__(
        self,
        axis: Axes,
        skeleton: Skeleton,
        keypoints: np.ndarray,
        width: float = 2.0,
    ):
        """Sets up the axis.

        Args:
          axis: where to draw.
          skeleton: skeleton of the keypoints.
          keypoints: `[F, J2, 2]`, y down; the axis shows all that are finite.
          width: of the lines, points.
        """
        # A square around all frames, with a margin; y points down.
        known = keypoints[np.isfinite(keypoints).all(axis=-1)]
        low, high = known.min(axis=0), known.max(axis=0)
        x, y = (low + high) / 2
        half = 0.56 * max((high - low).max(), 1e-6)
        axis.set(aspect="equal", xticks=[], yticks=[])
        axis.set(xlim=(x - half, x + half), ylim=(y + half, y - half))
        axis.spines[:].set_color(FRAME)
        self._pairs = np.array(connections(skeleton), int).reshape(-1, 2)
        self._lines = LineCollection(
            [], colors=limb_colours(skeleton), linewidths=width, capstyle="round"
        )
        axis.add_collection(self._lines, autolim=False)
        (self._dots,) = axis.plot([], [], "o", ms=1.3 * width, color=MIDDLE, zorder=3)
        self.artists: list[Artist] = [self._lines, self._dots]

    def show(self, keypoints: np.ndarray) -> None:
        """Draws the keypoints `[J2, 2]` of one frame."""
        self._lines.set_segments(list(keypoints[self._pairs]))
        self._dots.set_data(*keypoints.T)


class SolidPerson:
    """A pose in 3D, with limbs shaded by their depth.

    Attributes:
      view: `[3, 3]`, of `make_view`; another one turns the next frame.
      artists: what differs from frame to frame, in the order of drawing.
    """

    def __init__(
        self,
        axis: Axes,
        skeleton: Skeleton,
        view: np.ndarray,
        width: float = 3.0,
        colour: str = "",
    ):
        """Adds an empty person to an axis that `set_up_stage` set up.

        Args:
          axis: where to draw.
          skeleton: skeleton of the poses.
          view: `[3, 3]`, of `make_view`.
          width: of the nearest lines, points.
          colour: of all limbs; empty: those of the sides.
        """
        self.view = view
        self._bones = np.array(skeleton.bones)
        colours = limb_colours(skeleton)
        if colour:
            colours = [colour] * len(colours)
        self._colours = np.array([to_rgb(name) for name in colours])
        self._width = width
        self._lines = LineCollection([], capstyle="round")
        axis.add_collection(self._lines, autolim=False)
        self.artists: list[Artist] = [self._lines]

    def show(self, pose: np.ndarray) -> None:
        """Draws `pose [J, 3]`, camera frame; nothing where it is not finite."""
        if not np.isfinite(pose).all():
            self._lines.set_segments([])
            return
        points = pose @ self.view.T
        depth = points[self._bones, 2].mean(1)
        # From 0, the farthest limb, to 1, the nearest.
        span = max(np.ptp(depth), _LEAST_SPAN)
        nearness = (1 - (depth.max() - depth) / span)[:, None]
        pale = _PALEST * (1 - nearness)
        colours = self._colours * (1 - pale) + pale
        widths = self._width * (_THINNEST + (1 - _THINNEST) * nearness)

        # Each limb has a white edge, shorter than the limb, that cuts what it crosses.
        order = np.argsort(depth)
        limbs = points[self._bones, :2][order]
        middle = limbs.mean(1, keepdims=True)
        edges = middle + 0.7 * (limbs - middle)
        segments = np.stack([edges, limbs], axis=1).reshape(-1, 2, 2)
        white = np.ones_like(colours)
        both = np.stack([white, colours[order]], axis=1).reshape(-1, 3)
        near = widths[order]
        self._lines.set_segments(list(segments))
        self._lines.set_color([tuple(colour) for colour in both.tolist()])
        self._lines.set_linewidth(np.stack([near + 2, near], axis=1).ravel().tolist())


class Stage(NamedTuple):
    """What an axis with poses shows, and from where.

    Attributes:
      view: `[3, 3]`, of `make_view`.
      up: `[3]`, the vertical in the camera frame.
      floor: height of the floor along `up`, metres; negative below the root.
      centre: `[2]`, the axis's middle in the picture, metres.
      reach: how far the axis reaches from its middle, metres.
    """

    view: np.ndarray
    up: np.ndarray
    floor: float
    centre: np.ndarray
    reach: float


def make_stage(
    poses: np.ndarray,
    truth: np.ndarray,
    up: np.ndarray,
    azimuth: float,
    elevation: float,
) -> Stage:
    """Makes the smallest square stage that shows all poses.

    Args:
      poses: `[..., J, 3]`, metres, relative to the root.
      truth: `[..., J, 3]`, likewise; NaN where absent, and then ignored.
      up: `[3]`, the vertical in the camera frame.
      azimuth: of `make_view`.
      elevation: of `make_view`.
    """
    view = make_view(up, azimuth, elevation)
    points = np.concatenate([poses.reshape(-1, 3), truth.reshape(-1, 3)])
    places = points[np.isfinite(points).all(-1)] @ view[:2].T
    low, high = places.min(0), places.max(0)
    reach = 0.55 * max(float((high - low).max()), 1e-6)
    # The truth stands on the floor; predictions do where there is none.
    standing = truth if np.isfinite(truth).any() else poses
    floor = float(np.nanmin(standing @ up))
    return Stage(view, up, floor, (low + high) / 2, reach)


def make_turn(
    poses: np.ndarray, truth: np.ndarray, up: np.ndarray, elevation: float
) -> list[Stage]:
    """Makes a stage for each frame, from which the viewer goes round once.

    All have one size. Arguments are those of `make_stage`, with `F` frames before `J`.
    """
    stages = []
    for azimuth in np.linspace(0, 360, len(poses), endpoint=False):
        stages.append(make_stage(poses, truth, up, azimuth, elevation))
    # The upright axis through the root stays in the middle.
    reach = max(stage.reach + abs(stage.centre[0]) for stage in stages)
    height = float(np.mean([stage.centre[1] for stage in stages]))
    centre = np.array([0.0, height])
    return [stage._replace(centre=centre, reach=reach) for stage in stages]


class Floor:
    """A floor of square tiles.

    Attributes:
      artists: what differs from frame to frame.
    """

    def __init__(self, axis: Axes):
        """Adds the floor to an axis."""
        self._grid = LineCollection([], colors=FLOOR, linewidths=0.8, zorder=0)
        axis.add_collection(self._grid, autolim=False)
        self.artists: list[Artist] = [self._grid]

    def show(self, stage: Stage) -> None:
        """Draws the floor of a stage."""
        # It keeps its directions, those of the camera, while a viewer goes round.
        side, _, ahead = make_view(stage.up, 0, 0)
        half = TILE * max(1, np.ceil(0.8 * stage.reach / TILE))
        lines = []
        for place in np.arange(-half, half + TILE / 2, TILE):
            for a, b in ((side, ahead), (ahead, side)):
                ends = []
                for end in (-half, half):
                    ends.append(stage.floor * stage.up + place * a + end * b)
                lines.append(np.array(ends) @ stage.view[:2].T)
        self._grid.set_segments(lines)


def set_up_stage(axis: Axes, stage: Stage) -> Floor:
    """Sets up an axis for poses, and draws the floor."""
    floor = Floor(axis)
    floor.show(stage)
    x, y = stage.centre
    axis.set(aspect="equal", xlim=(x - stage.reach, x + stage.reach))
    axis.set(ylim=(y - stage.reach, y + stage.reach))
    axis.axis("off")
    return floor


def write_legend(figure: Figure, x: float, y: float, *, with_truth: bool) -> None:
    """Writes which colour is which side, and how large a tile is.

    Args:
      figure: where to write.
      x: of the left end, in parts of the figure.
      y: of the line.
      with_truth: whether grey people are the truth.
    """
    words = [("left", LEFT), ("right", RIGHT)]
    if with_truth:
        words.append(("truth", _TRUTH_WORD))
    words.append((f"tiles {TILE} m", MIDDLE))
    for word, colour in words:
        text = figure.text(x, y, word, color=colour, weight="bold", size=9)
        # The next word begins where this one ends.
        box = text.get_window_extent()
        x += box.width / figure.bbox.width + 0.012
