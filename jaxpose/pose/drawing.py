"""Draws poses with matplotlib: one frame, or all of them in motion.

jaxpose.plot(pose, frame=40).savefig("walk.pdf")
jaxpose.animate(pose).save("walk.mp4")
jaxpose.animate(pose, truth, labels=("AMPose", "truth")).save("both.mp4")
"""

from collections.abc import Callable, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.animation import FuncAnimation
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from jaxpose.errors import JaxposeError
from jaxpose.pose.pose import Pose
from jaxpose.pose.writers.axes import UP, in_the_middle
from jaxpose.scoring import pose_drawing

# How far the viewer looks down, degrees; inches of a panel.
_ELEVATION, _PANEL = 10.0, 3.2
# Pictures per second of an animation, at most.
_PICTURES_PER_SECOND = 25.0


def plot(pose: Pose, frame: int = 0, azimuths: tuple[float, ...] = (0, 90)) -> Figure:
    """Draws one frame: the keypoints, and the pose from several sides.

    Limbs are shaded by depth; left is red, right is blue, tiles are 0.5 m.

    Args:
      pose: the poses of one person.
      frame: position of the frame in the arrays, from 0; -1 is the last.
      azimuths: directions of view, degrees from the camera to its right.

    Returns:
      A figure; `figure.savefig("walk.pdf")` writes it.

    Raises:
      JaxposeError: there is no such frame.
    """
    count = len(pose.times)
    if not -count <= frame < count:
        raise JaxposeError(f"frame={frame}: pose {pose.name!r} has {count} frames")
    one = in_the_middle(pose)[[frame]]
    views = []
    for azimuth in azimuths:
        views.append([pose_drawing.make_stage(one, one, UP, azimuth, _ELEVATION)])
    figure, show, _ = _set_up([pose], [one], pose.keypoints_2d[[frame]], views)
    show(0)
    figure.suptitle(f"{pose.name}   {pose.times[frame]:.2f} s", size=10)
    return figure


def animate(
    *poses: Pose, labels: Sequence[str] = (), azimuths: tuple[float, ...] = (0,)
) -> FuncAnimation:
    """Animates all frames: the keypoints, the pose, and a turn around it.

    Several poses of the same frames, such as those of two models and the truth, stand
    side by side at one scale, the views below each other:

        jaxpose.animate(ampose, gla_gcn, truth, labels=("AMPose", "GLA-GCN", "truth"))

    A person stays in the middle. It moves at true speed, at most 25 pictures per
    second.

    Args:
      *poses: the poses of one person. The keypoints are those of the first.
      labels: what stands above each pose.
      azimuths: fixed directions of view beside the turn, degrees from the camera to its
        right.

    Returns:
      An animation: `.save("walk.gif")`, `.save("walk.mp4")` where ffmpeg is installed,
      `.to_jshtml()` in a notebook. Keep a reference to it while a window shows it.

    Raises:
      JaxposeError: no pose, poses of other frames, or not a label for each.
    """
    _check_together(poses, labels)
    first = poses[0]
    step = max(1, round(first.rate / _PICTURES_PER_SECOND))
    positions = [in_the_middle(pose)[::step] for pose in poses]
    # Stages that show everybody, so that all have one scale.
    everybody = np.concatenate(positions, axis=1)
    views = []
    for azimuth in azimuths:
        stage = pose_drawing.make_stage(everybody, everybody, UP, azimuth, _ELEVATION)
        views.append([stage] * len(everybody))
    views.append(pose_drawing.make_turn(everybody, everybody, UP, _ELEVATION))
    keypoints = first.keypoints_2d[::step]
    figure, show, artists = _set_up(poses, positions, keypoints, views, labels)
    title = figure.suptitle(first.name, size=10)

    def update(k: int) -> list[Artist]:
        show(k)
        title.set_text(f"{first.name}   {first.times[k * step]:.2f} s")
        return [*artists, title]

    return FuncAnimation(
        figure, update, frames=len(everybody), interval=1000 * step / first.rate
    )


def _check_together(poses: Sequence[Pose], labels: Sequence[str]) -> None:
    """Raises JaxposeError unless poses have the same frames and a label each."""
    if not poses:
        raise JaxposeError("animate needs a pose")
    if labels and len(labels) != len(poses):
        raise JaxposeError(
            f"labels={tuple(labels)!r}: expected {len(poses)}, one for each pose"
        )
    first = poses[0]
    for pose in poses[1:]:
        if not np.array_equal(pose.frames, first.frames):
            raise JaxposeError(
                f"pose {pose.name!r} has {len(pose.frames)} frames from "
                f"{pose.frames[0]} on, pose {first.name!r} {len(first.frames)} from "
                f"{first.frames[0]} on; poses side by side need the same frames"
            )


def _set_up(
    poses: Sequence[Pose],
    positions: Sequence[np.ndarray],
    keypoints: np.ndarray,
    views: list[list[pose_drawing.Stage]],
    labels: Sequence[str] = (),
) -> tuple[Figure, Callable[[int], None], list[Artist]]:
    """Makes a figure of the keypoints and of views of the poses.

    The views of one pose stand side by side, those of several below each other.

    Returns:
      The figure, the function that draws frame `k`, and what it changes.
    """
    has_input = bool(np.isfinite(keypoints).any())
    is_alone = len(poses) == 1
    rows = 1 if is_alone else len(views)
    columns = has_input + (len(views) if is_alone else len(poses))
    # A figure of its own, which no window shows twice.
    size = (_PANEL * columns, _PANEL * rows + 0.5)
    figure = plt.figure(figsize=size, dpi=120)
    plt.close(figure)
    # Half an inch for the title above, and less for the legend below.
    top, bottom = 1 - 0.45 / size[1], 0.37 / size[1]
    sides = {"left": 0.01, "right": 0.99, "wspace": 0.02, "hspace": 0.02}
    grid = figure.add_gridspec(rows, columns, top=top, bottom=bottom, **sides)
    people = []
    artists: list[Artist] = []
    flat = None
    if has_input:
        axis = figure.add_subplot(grid[:, 0])
        flat = pose_drawing.FlatPerson(axis, poses[0].body, keypoints)
        artists += flat.artists
    for number, (pose, own) in enumerate(zip(poses, positions, strict=True)):
        for k, stages in enumerate(views):
            row, column = (0, k) if is_alone else (k, number)
            axis = figure.add_subplot(grid[row, has_input + column])
            if labels and k == 0:
                axis.set_title(labels[number], fontsize=10, pad=2)
            floor = pose_drawing.set_up_stage(axis, stages[0])
            person = pose_drawing.SolidPerson(axis, pose.body, stages[0].view)
            people.append((floor, person, stages, own))
            artists += [*floor.artists, *person.artists]
    pose_drawing.write_legend(figure, 0.02, 0.09 / size[1], with_truth=False)

    def show(k: int) -> None:
        if flat is not None:
            flat.show(keypoints[k])
        for floor, person, stages, own in people:
            floor.show(stages[k])
            person.view = stages[k].view
            person.show(own[k])

    return figure, show, artists
