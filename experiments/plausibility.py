"""Measures how often plausibility doubts good recordings, and finds faults.

    python -m experiments.plausibility --source=allasfamc.zip [--source=MORE.zip]

The recordings are all takes of CMU motion capture, seen by the cameras of Human3.6M,
and by cameras at random around pieces of them: 35 to 80 degrees of view, pitched by -30
to 20 degrees. Each is checked as it is and with the errors of a detector, and then with
each fault of `FAULTS`. The table is printed as Markdown.

--write=jaxpose/recordings/poses.npz makes the statistics that the check uses.
"""

import dataclasses
import pathlib
from collections.abc import Iterator

import numpy as np

from jaxpose.datasets.acclaim import motion
from jaxpose.datasets.acclaim.archives import find_takes, open_archives
from jaxpose.datasets.acclaim.builder import read_positions, read_skeleton
from jaxpose.datasets.cmu_mocap.cmu_mocap_dataset_builder import Builder
from jaxpose.datasets.cmu_mocap.frame_rates import known_rate
from jaxpose.datasets.h36m_cameras import FPS, h36m_cameras
from jaxpose.datasets.rendering import MIN_DEPTH, render
from jaxpose.recordings.reference import Reference

# Cameras at random.
FIELDS_OF_VIEW = (35.0, 80.0)  # degrees, of the longer side
PITCHES = (-30.0, 20.0)  # degrees, upwards positive
DISTANCES = (2.0, 8.0)  # metres
IMAGE_SIZES = ((1920, 1080), (1080, 1920), (1280, 720), (640, 480), (1000, 1000))
PIECE = int(10 * FPS)  # frames that a camera follows
MIN_FRAMES = int(0.5 * FPS)
MIN_VISIBLE = 0.9  # of a piece's frames
MAX_TRIES = 30
# Frames between two poses of the statistics.
STATISTICS_STEP = 10


@dataclasses.dataclass(frozen=True)
class View:
    """A recording whose truth is known.

    Attributes:
      kind: "published" or "random" camera.
      keypoints_2d: `[F, 17, 2]` pixels.
      positions_3d: `[F, 17, 3]` metres, camera frame.
      image_size: (width, height) pixels.
    """

    kind: str
    keypoints_2d: np.ndarray
    positions_3d: np.ndarray
    image_size: tuple[int, int]


def load_motions(sources: list[pathlib.Path]) -> Iterator[np.ndarray]:
    """Yields the joints of all takes, `[F, 17, 3]` metres, z up, at 50 Hz."""
    archives = open_archives(sources, Builder.FILES)
    skeletons = {}
    for take in find_takes(archives, Builder.FILES, []):
        name = str(take.skeleton)
        if name not in skeletons:
            skeletons[name] = read_skeleton(take)
        subject, trial = map(int, take.name.split("_"))
        rate = known_rate(subject, trial)
        positions = read_positions(take, skeletons[name])
        positions = motion.resample(positions, rate, FPS)
        yield motion.centre(motion.to_z_up(positions))


def make_views(positions: np.ndarray, rng: np.random.Generator) -> Iterator[View]:
    """Yields one take as the published cameras and cameras at random see it."""
    for camera in h36m_cameras("S1"):
        keypoints_2d, positions_3d, valid = render(positions, camera)
        if valid.sum() >= MIN_FRAMES:
            yield View(
                "published", keypoints_2d[valid], positions_3d[valid], camera.image_size
            )
    for start in range(0, len(positions), PIECE):
        piece = positions[start : start + PIECE]
        for _ in range(MAX_TRIES):
            view = random_view(piece, rng)
            if len(view.keypoints_2d) >= max(MIN_FRAMES, MIN_VISIBLE * len(piece)):
                yield view
                break


def random_view(positions: np.ndarray, rng: np.random.Generator) -> View:
    """Returns what a camera that is placed at random sees of `[F, 17, 3]`, z up.

    The camera looks about at the middle of the motion. Frames that it does not see
    whole are left out.
    """
    width, height = IMAGE_SIZES[rng.integers(len(IMAGE_SIZES))]
    field = np.radians(rng.uniform(*FIELDS_OF_VIEW))
    pitch = np.radians(rng.uniform(*PITCHES))
    heading = rng.uniform(0, 2 * np.pi)
    focal = max(width, height) / 2 / np.tan(field / 2)

    # The axes of the camera: x right, y down, z forward.
    level = np.array([np.cos(heading), np.sin(heading), 0.0])
    forward = np.cos(pitch) * level + np.sin(pitch) * np.array([0.0, 0.0, 1.0])
    right = np.array([level[1], -level[0], 0.0])
    down = np.cross(forward, right)
    target = positions.mean(axis=(0, 1)) + rng.normal(0, 0.2, 3)
    centre = target - rng.uniform(*DISTANCES) * forward
    positions_3d = (positions - centre) @ np.stack([right, down, forward]).T

    depth = positions_3d[..., 2:]
    middle = np.array([width, height]) / 2
    keypoints_2d = focal * positions_3d[..., :2] / np.maximum(depth, MIN_DEPTH) + middle
    inside = (keypoints_2d >= 0) & (keypoints_2d < [width, height])
    valid = inside.all(axis=(1, 2)) & (depth >= MIN_DEPTH).all(axis=(1, 2))
    return View("random", keypoints_2d[valid], positions_3d[valid], (width, height))


def statistics(views: list[View]) -> Reference:
    """Returns the statistics of all views, in which both kinds weigh the same."""
    poses: dict[str, list[np.ndarray]] = {}
    for view in views:
        half_width = view.image_size[0] / 2
        sampled = view.keypoints_2d[::STATISTICS_STEP] / half_width
        poses.setdefault(view.kind, []).append(sampled)
    kinds = [np.concatenate(each) for each in poses.values()]
    smallest = min(len(each) for each in kinds)
    rng = np.random.default_rng(0)
    drawn = [each[rng.permutation(len(each))[:smallest]] for each in kinds]
    return Reference.of(np.concatenate(drawn))
