"""Pictures of a run: learning curves and moving skeletons."""

import pathlib
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib

# Chosen before pyplot is imported: draws files without a screen.
matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from jaxpose.body.skeletons import Skeleton, get_skeleton
from jaxpose.data.clips import Clips
from jaxpose.scoring import pose_drawing
from jaxpose.scoring.evaluate import MILLIMETRES, compared_positions
from jaxpose.whole_files import replacing


def draw_learning_curves(rows: list[dict[str, Any]], path: pathlib.Path) -> None:
    """Draws training loss, learning rate and selection metrics over the steps of a run.

    Args:
      rows: the lines of the run's `metrics.jsonl`; each has a `step`.
      path: file of the picture.
    """
    # The title, the fields and the scale of each plot.
    plots = [
        ("loss", ["loss"], "log"),
        ("learning rate", ["learning_rate"], "linear"),
    ]
    selection: set[str] = set()
    for row in rows:
        selection.update(key for key in row if key.startswith("selection_"))
    if selection:
        plots.append(("selection set, mm", sorted(selection), "linear"))
    # One plot beside the other.
    figure, axes = plt.subplots(
        nrows=1,
        ncols=len(plots),
        figsize=(4.5 * len(plots), 3.4),
        squeeze=False,
    )
    for axis, plot in zip(axes[0], plots, strict=True):
        title, names, scale = plot
        for name in names:
            _draw_curve(axis, rows, name)
        axis.set_title(title)
        axis.set_xlabel("step")
        axis.set_yscale(scale)
        axis.grid(alpha=0.3)
        if len(names) > 1:
            axis.legend()
    _save(figure, path)


def _draw_curve(axis: Axes, rows: list[dict[str, Any]], name: str) -> None:
    """Draws the values of field `name` over the steps of the rows that have it."""
    steps = []
    values = []
    for row in rows:
        if name in row:
            steps.append(row["step"])
            values.append(row[name])
    if not steps:
        return
    # Dots show where the few values of a short run lie.
    marker = "." if len(steps) < 30 else ""
    label = name.removeprefix("selection_")
    axis.plot(steps, values, label=label, marker=marker)


def animate_clip(
    clips: Clips,
    frames: np.ndarray,
    predicted: np.ndarray,
    path: pathlib.Path,
    seconds: float = 6.0,
) -> None:
    """Writes a GIF of the seconds in which the person moves most.

    Shows the input keypoints, and from two sides the prediction over the ground truth;
    where there is no ground truth, the prediction alone.

    Args:
      clips: the clips.
      frames: `[M]` int, frames that were predicted.
      predicted: `[M, J, 3]`, root-relative, as the model gives them.
      path: file of the GIF.
      seconds: its greatest length.
    """
    stretch = _liveliest_stretch(clips, frames, seconds)
    # The whole stretch lies within one clip.
    first = frames[stretch[0]]
    clip = clips.index[clips.clip_of_frame[first]]
    # Shows about 12 pictures per second, so that the person moves at true speed.
    step = max(1, round(clip.fps / 12.5))
    shown = stretch[::step]
    shown_frames = frames[shown]
    poses, truth = compared_positions(predicted[shown], clips, shown_frames)
    # The error of each picture, NaN where there is no ground truth.
    distances = np.linalg.norm(poses - truth, axis=-1)
    errors = distances.mean(-1) * MILLIMETRES

    up = pose_drawing.upward(clip)
    heights = _root_heights(clips, shown_frames, poses, truth, up)
    captions = []
    for error in errors:
        text = f"{clip.subject}  {clip.take}  {clip.camera}"
        if np.isfinite(error):
            text += f"   grey: truth   error {error:.0f} mm"
            text += f" (clip mean {np.nanmean(errors):.0f})"
        captions.append(text)
    images = draw_motion(
        clips.keypoints_2d[shown_frames, :, :2],
        get_skeleton(clips.keypoints_skeleton),
        poses + heights,
        truth + heights,
        get_skeleton(clips.skeleton),
        up,
        captions,
    )
    fps = max(1, round(clip.fps / step))
    with replacing(path) as partial:
        images[0].save(
            partial,
            save_all=True,
            append_images=images[1:],
            duration=1000 // fps,
            loop=0,
        )


def draw_motion(
    keypoints: np.ndarray,
    layout: Skeleton,
    poses: np.ndarray,
    truth: np.ndarray | None,
    body: Skeleton,
    up: np.ndarray,
    captions: Sequence[str],
) -> list[Image.Image]:
    """Draws a picture per frame: the input, and two views of the pose beside it.

    Args:
      keypoints: `[F, J2, 2]` screen-normalised; NaN is left out.
      layout: joints of the keypoints.
      poses: `[F, J, 3]` metres, camera frame.
      truth: `[F, J, 3]` likewise, drawn below the poses; NaN where absent; or None.
      body: joints of the poses.
      up: `[3]`, the vertical in the camera frame.
      captions: text below each picture.
    """
    if truth is None:
        truth = np.full_like(poses, np.nan)
    figure = plt.figure(figsize=(9.6, 3.8))
    axis = figure.add_axes((0.02, 0.1, 0.31, 0.8), title="input")
    flat = pose_drawing.FlatPerson(axis, layout, keypoints, 2.4)
    solids = []
    sides = [(0.34, "from the camera", 0), (0.67, "from the side", 90)]
    for left, title, azimuth in sides:
        axis = figure.add_axes((left, 0.1, 0.31, 0.8), title=title)
        solids.append(_OverTruth(axis, body, poses, truth, up, azimuth))
    caption = figure.text(0.5, 0.02, "", ha="center", parse_math=False)

    def show(k: int) -> None:
        flat.show(keypoints[k])
        for solid in solids:
            solid.show(k)
        caption.set_text(captions[k])

    moving: list[Artist] = [*flat.artists, caption]
    for solid in solids:
        moving += solid.artists
    with warnings.catch_warnings():
        # The font lacks some scripts: names in them appear as boxes, which is no error.
        warnings.filterwarnings("ignore", "Glyph")
        images = _draw_images(figure, moving, show, len(poses))
    plt.close(figure)
    return images


def _draw_images(
    figure: Figure,
    moving: list[Artist],
    show: Callable[[int], None],
    count: int,
) -> list[Image.Image]:
    """Draws images that differ in a few artists.

    Everything else, which takes almost all of the time, is drawn once.

    Args:
      figure: the figure.
      moving: the artists that differ, in the order in which they are drawn.
      show: of the number of an image, from 0: changes the artists to its content.
      count: number of images.
    """
    figure.set_dpi(72)
    canvas = FigureCanvasAgg(figure)
    for artist in moving:
        artist.set_animated(True)  # left out of `canvas.draw`
    canvas.draw()
    background = canvas.copy_from_bbox(figure.bbox)
    images = []
    for k in range(count):
        canvas.restore_region(background)
        show(k)
        for artist in moving:
            figure.draw_artist(artist)
        images.append(Image.fromarray(np.array(canvas.buffer_rgba())).convert("RGB"))
    return images


class _OverTruth:
    """Prediction over the ground truth in 3D, from one side.

    Attributes:
      artists: what differs from frame to frame, in the order of drawing.
    """

    def __init__(
        self,
        axis: Axes,
        body: Skeleton,
        poses: np.ndarray,
        truth: np.ndarray,
        up: np.ndarray,
        azimuth: float,
    ):
        """Sets up the axis.

        Args:
          axis: where to draw.
          body: joints of both.
          poses: `[F, J, 3]` predictions, metres, camera frame.
          truth: `[F, J, 3]` ground truth, as `poses`; NaN where absent.
          up: `[3]`, the vertical in the camera frame.
          azimuth: direction of view about the vertical, degrees.
        """
        self._poses = poses
        self._truth = truth
        stage = pose_drawing.make_stage(poses, truth, up, azimuth, elevation=8)
        pose_drawing.set_up_stage(axis, stage)
        view = stage.view
        # The ground truth is drawn first, so that it lies under the prediction.
        grey = pose_drawing.TRUTH
        self._true_person = pose_drawing.SolidPerson(axis, body, view, 4.0, grey)
        self._person = pose_drawing.SolidPerson(axis, body, view, 3.0)
        self.artists = [*self._true_person.artists, *self._person.artists]

    def show(self, k: int) -> None:
        """Draws frame `k`."""
        self._true_person.show(self._truth[k])
        self._person.show(self._poses[k])


def _root_heights(
    clips: Clips,
    frames: np.ndarray,
    poses: np.ndarray,
    truth: np.ndarray,
    up: np.ndarray,
) -> np.ndarray:
    """Returns what puts root-relative poses at their height, `[F, 1, 3]`, metres.

    The true height of the root against its mean, so that a jump is seen as one. Where
    no place of the root is known, the lowest joint stands on the floor.

    Args:
      clips: the clips.
      frames: `[F]`, the frames, of one clip.
      poses: `[F, J, 3]`, predictions, relative to the root.
      truth: `[F, J, 3]`, likewise; NaN where absent.
      up: `[3]`, the vertical in the camera frame.
    """
    clip = clips.index[clips.clip_of_frame[frames[0]]]
    root = get_skeleton(clips.skeleton).root
    heights = clips.positions_3d[frames, root] @ up
    heights = heights - heights.mean()
    is_known = clip.has_absolute_root and clips.metres_per_unit is None
    if not is_known or not np.isfinite(heights).all():
        standing = truth if np.isfinite(truth).all() else poses
        heights = -(standing @ up).min(axis=-1)
    return heights[:, None, None] * up


def _liveliest_stretch(clips: Clips, frames: np.ndarray, seconds: float) -> np.ndarray:
    """Finds the consecutive frames in which the keypoints move most.

    Compares the first `seconds` of every run of consecutive frames of one clip.

    Returns:
      Positions in `frames`.
    """
    clip_of_frame = clips.clip_of_frame[frames]
    # A run ends where frames are left out, and at the end of a clip.
    is_gap = np.diff(frames) != 1
    is_other_clip = np.diff(clip_of_frame) != 0
    breaks = np.flatnonzero(is_gap | is_other_clip) + 1
    best = np.arange(1)
    best_motion = -1.0
    for run in np.split(np.arange(len(frames)), breaks):
        clip = clips.index[clip_of_frame[run[0]]]
        longest = max(1, round(seconds * clip.fps))
        run = run[:longest]
        moves = np.diff(clips.keypoints_2d[frames[run]], axis=0)
        motion = np.abs(moves).sum()
        if motion > best_motion:
            best = run
            best_motion = motion
    return best


def _save(figure: Figure, path: pathlib.Path) -> None:
    """Writes the figure and closes it."""
    figure.tight_layout()
    with replacing(path) as partial:
        figure.savefig(partial, dpi=110)
    plt.close(figure)
