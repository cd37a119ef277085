"""Pictures of a run: learning curves and moving skeletons.

Figures are made without pyplot, whose backend is that of the caller's notebook.
"""

import pathlib
import warnings
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter
from PIL import Image

from jaxpose.body.skeletons import Skeleton, get_skeleton
from jaxpose.data.clips import Clips
from jaxpose.scoring import pose_drawing
from jaxpose.scoring.evaluate import MILLIMETRES, compared_positions
from jaxpose.whole_files import replacing

# Label, epochs, values.
_Curve = tuple[str, list[float], list[float]]
# Colours that differ for colour-blind readers, too, and marks of curves of few points.
_COLOURS = ("#444444", "#0072b2", "#e69f00", "#009e73")
_MARKS = ".os^"
_VELOCITY = "selection_mpjve"
# Dots per inch of animations, which are 9.6 inches wide.
_DPI = 144


def draw_learning_curves(
    rows: list[dict[str, Any]], path: pathlib.Path, to_millimetres: float | None
) -> None:
    """Draws errors in training and on the selection set, and the learning rate.

    Args:
      rows: the lines of the run's `metrics.jsonl`, with a `step` each.
      path: file of the picture.
      to_millimetres: the factor of the loss where it is a length, else None.
    """
    # The title and the curves of each plot: label, epochs and values.
    errors: list[_Curve] = []
    moves: list[_Curve] = []
    for name in sorted({name for row in rows for name in row}):
        label = name.removeprefix("selection_").upper().replace("_", "-")
        curve = (f"validation {label}", *_column(rows, name))
        if name.startswith("selection_"):
            # Velocities, millimetres per frame, are of another size.
            (moves if name == _VELOCITY else errors).append(curve)
    epochs, losses = _column(rows, "loss")
    plots = [("loss", [("training", epochs, losses)])]
    if to_millimetres is not None:
        in_millimetres = [to_millimetres * loss for loss in losses]
        plots = [("error, mm", [("training loss", epochs, in_millimetres), *errors])]
    elif errors:
        plots.append(("error, mm", errors))
    if moves:
        plots.append(("velocity error, mm per frame", moves))
    plots.append(("learning rate", [("", *_column(rows, "learning_rate"))]))

    # One plot beside the other.
    figure = Figure(figsize=(4.5 * len(plots), 3.4))
    axes = figure.subplots(nrows=1, ncols=len(plots), squeeze=False)
    for axis, (title, curves) in zip(axes[0], plots, strict=True):
        for number, (label, epochs, values) in enumerate(curves):
            # Marks show where the few values of a short run lie.
            marker = _MARKS[number % len(_MARKS)] if len(epochs) < 30 else ""
            colour = _COLOURS[number % len(_COLOURS)]
            axis.plot(epochs, values, color=colour, label=label, marker=marker, ms=4)
        axis.set(title=title, xlabel="epoch")
        # What falls far is seen best in ratios.
        if title in ("loss", "error, mm"):
            _set_logarithmic(axis)
        axis.grid(alpha=0.3, which="both")
        axis.spines[["top", "right"]].set_visible(False)
        if len(curves) > 1:
            # Errors fall: the upper right corner is free.
            axis.legend(frameon=False, loc="upper right")
    _save(figure, path)


def _set_logarithmic(axis: Axes) -> None:
    """Gives an axis a logarithmic scale with plain numbers, 20 and not 2 x 10^1."""
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter(FormatStrFormatter("%g"))
    axis.yaxis.set_minor_formatter(NullFormatter())


def _column(rows: list[dict[str, Any]], name: str) -> tuple[list[float], list[float]]:
    """Returns epochs and values of the rows that have a field `name`."""
    # Rows of scores have the step alone.
    per_step = max(row.get("epoch", 0) / row["step"] for row in rows)
    found = [row for row in rows if name in row]
    return [per_step * row["step"] for row in found], [row[name] for row in found]


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
            text += f"   error {error:.0f} mm"
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
        write_gif(images, partial, fps)


def write_gif(
    images: list[Image.Image], file: pathlib.Path | BinaryIO, fps: float
) -> None:
    """Writes images as a GIF that repeats, with one palette for all of them.

    Colours then do not flicker, and the file is small.
    """
    octree = Image.Quantize.FASTOCTREE
    palette = images[len(images) // 2].quantize(64, method=octree)
    # The lightest of its colours is the paper's white.
    colours = np.array(palette.getpalette()).reshape(-1, 3)
    colours[colours.sum(axis=1).argmax()] = 255
    palette.putpalette(colours.ravel().tolist())
    plain = Image.Dither.NONE
    pages = [image.quantize(palette=palette, dither=plain) for image in images]
    pages[0].save(
        file,
        "GIF",
        save_all=True,
        append_images=pages[1:],
        duration=round(1000 / fps),
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
    """Draws a picture per frame: the input, the pose, and a turn around it.

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
    figure = Figure(figsize=(9.6, 3.9), dpi=_DPI)
    axis = figure.add_axes((0.02, 0.1, 0.31, 0.8), title="input")
    flat = pose_drawing.FlatPerson(axis, layout, keypoints, 2.4)
    from_camera = pose_drawing.make_stage(poses, truth, up, 0, elevation=8)
    around = pose_drawing.make_turn(poses, truth, up, elevation=12)
    solids = []
    for left, title, stages in (
        (0.34, "from the camera", [from_camera] * len(poses)),
        (0.67, "once around", around),
    ):
        axis = figure.add_axes((left, 0.1, 0.31, 0.8), title=title)
        solids.append(_OverTruth(axis, body, poses, truth, stages))
    caption = figure.text(0.36, 0.03, "", parse_math=False)
    has_truth = bool(np.isfinite(truth).any())
    pose_drawing.write_legend(figure, 0.02, 0.03, with_truth=has_truth)

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
        return _draw_images(figure, moving, show, len(poses))


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
    """Prediction over the ground truth in 3D.

    Attributes:
      artists: what differs from frame to frame, in the order of drawing.
    """

    def __init__(
        self,
        axis: Axes,
        body: Skeleton,
        poses: np.ndarray,
        truth: np.ndarray,
        stages: list[pose_drawing.Stage],
    ):
        """Sets up the axis.

        Args:
          axis: where to draw.
          body: joints of both.
          poses: `[F, J, 3]` predictions, metres, camera frame.
          truth: `[F, J, 3]` ground truth, as `poses`; NaN where absent.
          stages: one for each frame, all of one size.
        """
        self._poses = poses
        self._truth = truth
        self._stages = stages
        self._floor = pose_drawing.set_up_stage(axis, stages[0])
        view = stages[0].view
        # The ground truth is drawn first, so that it lies under the prediction.
        grey = pose_drawing.TRUTH
        self._true_person = pose_drawing.SolidPerson(axis, body, view, 4.0, grey)
        self._person = pose_drawing.SolidPerson(axis, body, view, 3.0)
        self.artists = [
            *self._floor.artists,
            *self._true_person.artists,
            *self._person.artists,
        ]

    def show(self, k: int) -> None:
        """Draws frame `k`."""
        self._floor.show(self._stages[k])
        for person, poses in (
            (self._true_person, self._truth),
            (self._person, self._poses),
        ):
            person.view = self._stages[k].view
            person.show(poses[k])


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
    """Writes the figure."""
    figure.tight_layout()
    with replacing(path) as partial:
        figure.savefig(partial, dpi=110)
