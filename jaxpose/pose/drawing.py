"""Draws poses with matplotlib: one frame, or all of them in motion.

jaxpose.plot(pose, frame=40).savefig("walk.pdf")
jaxpose.animate(pose).save("walk.mp4")
"""

from collections.abc import Callable

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
    figure, show, _ = _set_up(pose, one, pose.keypoints_2d[[frame]], views)
    show(0)
    figure.suptitle(f"{pose.name}   {pose.times[frame]:.2f} s", size=10)
    return figure


def animate(pose: Pose, azimuths: tuple[float, ...] = (0,)) -> FuncAnimation:
    """Animates all frames: the keypoints, the pose, and a turn around it.

    The person stays in the middle. It moves at true speed, at most 25 pictures per
    second.

    Args:
      pose: the poses of one person.
      azimuths: fixed directions of view beside the turn, degrees from the camera to its
        right.

    Returns:
      An animation: `.save("walk.gif")`, `.save("walk.mp4")` where ffmpeg is installed,
      `.to_jshtml()` in a notebook. Keep a reference to it while a window shows it.
    """
    step = max(1, round(pose.rate / _PICTURES_PER_SECOND))
    positions, keypoints = in_the_middle(pose)[::step], pose.keypoints_2d[::step]
    views = []
    for azimuth in azimuths:
        stage = pose_drawing.make_stage(positions, positions, UP, azimuth, _ELEVATION)
        views.append([stage] * len(positions))
    views.append(pose_drawing.make_turn(positions, positions, UP, _ELEVATION))
    figure, show, artists = _set_up(pose, positions, keypoints, views)
    title = figure.suptitle(pose.name, size=10)

    def update(k: int) -> list[Artist]:
        show(k)
        title.set_text(f"{pose.name}   {pose.times[k * step]:.2f} s")
        return [*artists, title]

    return FuncAnimation(
        figure, update, frames=len(positions), interval=1000 * step / pose.rate
    )


def _set_up(
    pose: Pose,
    positions: np.ndarray,
    keypoints: np.ndarray,
    views: list[list[pose_drawing.Stage]],
) -> tuple[Figure, Callable[[int], None], list[Artist]]:
    """Makes a figure of the keypoints and of views of the poses.

    Returns:
      The figure, the function that draws frame `k`, and what it changes.
    """
    has_input = bool(np.isfinite(keypoints).any())
    count = has_input + len(views)
    # A figure of its own, which no window shows twice.
    figure = plt.figure(figsize=(_PANEL * count, _PANEL + 0.5), dpi=120)
    plt.close(figure)
    axes = figure.subplots(nrows=1, ncols=count, squeeze=False)[0]
    figure.subplots_adjust(left=0.01, right=0.99, top=0.88, bottom=0.1, wspace=0.02)
    people = []
    artists: list[Artist] = []
    for axis, stages in zip(axes[has_input:], views, strict=True):
        floor = pose_drawing.set_up_stage(axis, stages[0])
        person = pose_drawing.SolidPerson(axis, pose.body, stages[0].view)
        people.append((floor, person, stages))
        artists += [*floor.artists, *person.artists]
    flat = None
    if has_input:
        flat = pose_drawing.FlatPerson(axes[0], pose.body, keypoints)
        artists += flat.artists
    pose_drawing.write_legend(figure, 0.02, 0.03, with_truth=False)

    def show(k: int) -> None:
        if flat is not None:
            flat.show(keypoints[k])
        for floor, person, stages in people:
            floor.show(stages[k])
            person.view = stages[k].view
            person.show(positions[k])

    return figure, show, artists
