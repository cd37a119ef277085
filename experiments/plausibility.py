"""Measures how often plausibility doubts good recordings, and finds faults.

    python -m experiments.plausibility --source=allasfamc.zip [--source=MORE.zip]
    python -m experiments.plausibility --dataset=hdm05 --source=hdm05_cuts_asfamc.zip

The recordings are all takes of a motion capture, seen by the cameras of Human3.6M,
and by cameras at random around pieces of them: 35 to 80 degrees of view, pitched by -30
to 20 degrees. Each is checked as it is and with the errors of a detector, and then with
each fault of `FAULTS`. The table is printed as Markdown.

--write=jaxpose/recordings/poses.npz makes the statistics that the check uses.
"""

import argparse
import collections
import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from jaxpose.body.skeletons import H36M_17, get_skeleton
from jaxpose.datasets.acclaim import motion
from jaxpose.datasets.acclaim.archives import (
    FileNames,
    Take,
    find_takes,
    open_archives,
)
from jaxpose.datasets.acclaim.builder import read_positions, read_skeleton
from jaxpose.datasets.cmu_mocap import cmu_mocap_dataset_builder
from jaxpose.datasets.cmu_mocap.frame_rates import known_rate
from jaxpose.datasets.h36m_cameras import FPS, h36m_cameras
from jaxpose.datasets.hdm05 import hdm05_dataset_builder
from jaxpose.datasets.rendering import MIN_DEPTH, add_detector_noise, render
from jaxpose.recordings.doubt import Doubt
from jaxpose.recordings.joints import to_model_joints
from jaxpose.recordings.layouts import choose_layout
from jaxpose.recordings.plausibility import check
from jaxpose.recordings.reference import Reference

# How the files of each data set are named.
FILES = {
    "cmu_mocap": cmu_mocap_dataset_builder.Builder.FILES,
    "hdm05": hdm05_dataset_builder.Builder.FILES,
}
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
      own_3d: `[F, 17, 3]` that a user gives beside the 2D, or None.
      better_layout: as `check` takes it.
    """

    kind: str
    keypoints_2d: np.ndarray
    positions_3d: np.ndarray
    image_size: tuple[int, int]
    own_3d: np.ndarray | None = None
    better_layout: str | None = None


def load_motions(sources: list[pathlib.Path], files: FileNames) -> Iterator[np.ndarray]:
    """Yields the joints of all takes, `[F, 17, 3]` metres, z up, at 50 Hz."""
    archives = open_archives(sources, files)
    skeletons = {}
    for take in find_takes(archives, files, []):
        name = str(take.skeleton)
        if name not in skeletons:
            skeletons[name] = read_skeleton(take)
        positions = read_positions(take, skeletons[name])
        positions = motion.resample(positions, _rate(take), FPS)
        yield motion.centre(motion.to_z_up(positions))


def _rate(take: Take) -> float:
    """Returns the frames per second of a take: HDM05 states them, CMU does not."""
    if "rate" in take.labels:
        return float(take.labels["rate"])
    subject, trial = map(int, take.name.split("_"))
    return known_rate(subject, trial)


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


# Faults. Each changes a view as a user's mistake would.


def _noisy(view: View) -> View:
    """The errors of a detector."""
    rng = np.random.default_rng(len(view.keypoints_2d))
    noisy = add_detector_noise(view.keypoints_2d, rng)
    return dataclasses.replace(view, keypoints_2d=noisy)


def _scaled(factor: float, offset: float) -> Callable[[View], View]:
    """Returns the fault of normalised coordinates."""

    def change(view: View) -> View:
        fractions = view.keypoints_2d / np.array(view.image_size)
        return dataclasses.replace(view, keypoints_2d=fractions * factor + offset)

    return change


def _swapped(view: View) -> View:
    """y before x."""
    return dataclasses.replace(view, keypoints_2d=view.keypoints_2d[..., ::-1])


def _upwards(view: View) -> View:
    """y from the lower edge."""
    x, y = np.moveaxis(view.keypoints_2d, -1, 0)
    upwards = np.stack([x, view.image_size[1] - y], axis=-1)
    return dataclasses.replace(view, keypoints_2d=upwards)


def _turned(view: View) -> View:
    """(height, width) instead of (width, height)."""
    width, height = view.image_size
    return dataclasses.replace(view, image_size=(height, width))


def _squeezed(view: View) -> View:
    """Normalised coordinates times a turned size."""
    width, height = view.image_size
    squeezed = view.keypoints_2d * [height / width, width / height]
    return dataclasses.replace(view, keypoints_2d=squeezed, image_size=(height, width))


def _resized(factor: float) -> Callable[[View], View]:
    """Returns the fault of the image size of a smaller or larger version."""

    def change(view: View) -> View:
        return dataclasses.replace(view, keypoints_2d=view.keypoints_2d * factor)

    return change


def _misread(layout: str, stated: str) -> Callable[[View], View]:
    """Returns the fault of a wrong joint order that somebody states."""

    def change(view: View) -> View:
        detected = as_detector(view.keypoints_2d, layout)
        misread = to_model_joints(detected, stated)
        better = choose_layout(detected, stated=stated).better
        return dataclasses.replace(view, keypoints_2d=misread, better_layout=better)

    return change


def _exchanged(view: View) -> View:
    """Left and right exchanged throughout."""
    mirrored = view.keypoints_2d[:, H36M_17.mirror]
    return dataclasses.replace(view, keypoints_2d=mirrored)


def _exchanged_for_a_while(view: View) -> View:
    """Left and right exchanged for ten frames."""
    keypoints_2d = view.keypoints_2d.copy()
    start = len(keypoints_2d) // 3
    part = keypoints_2d[start : start + 10]
    keypoints_2d[start : start + 10] = part[:, H36M_17.mirror]
    return dataclasses.replace(view, keypoints_2d=keypoints_2d)


def _own_3d(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[View], View]:
    """Returns the fault of own 3D that is changed by a function of `[F, 17, 3]`."""

    def apply(view: View) -> View:
        return dataclasses.replace(view, own_3d=change(view.positions_3d))

    return apply


# By name: the change, and the kind of doubt that is expected.
FAULTS: dict[str, tuple[Callable[[View], View], str]] = {
    "normalised to 0..1": (_scaled(1, 0), "normalised"),
    "normalised to -1..1": (_scaled(2, -1), "normalised"),
    "x and y swapped": (_swapped, "lying"),
    "y upwards": (_upwards, "upside_down"),
    "image size turned (oblong images)": (_turned, "image_size"),
    "squeezed by a turned size (oblong images)": (_squeezed, "image_size"),
    "image size a third": (_resized(3.0), "image_size"),
    "image size ten times": (_resized(0.1), "small"),
    "coco_17 said to be h36m_17": (_misread("coco_17", "h36m_17"), "layout"),
    "h36m_17 said to be coco_17": (_misread("h36m_17", "coco_17"), "layout"),
    "body_25b said to be body_25": (_misread("body_25b", "body_25"), "layout"),
    "crowdpose_14 said to be aic_14": (_misread("crowdpose_14", "aic_14"), "layout"),
    "left and right exchanged for 10 frames": (_exchanged_for_a_while, "sides_change"),
    "left and right exchanged throughout": (_exchanged, "sides"),
    "own 3D in centimetres": (_own_3d(lambda own: own * 100), "units"),
    "own 3D z up": (_own_3d(lambda own: own[..., [0, 2, 1]] * [1, 1, -1]), "own_3d"),
    "own 3D y up": (_own_3d(lambda own: own * [1, -1, -1]), "own_3d"),
    "own 3D 10 frames late": (_own_3d(lambda own: np.roll(own, 10, 0)), "own_3d"),
}


def as_detector(keypoints_2d: np.ndarray, layout: str) -> np.ndarray:
    """Returns `[F, 17, 2]` of `h36m_17` in the joints of a detector.

    Some are made up: eyes and ears are between nose and crown, and feet at the ankles.
    """
    joint = {}
    for index, name in enumerate(H36M_17.joints):
        joint[name] = keypoints_2d[:, index]
    towards = joint["head"] - joint["neck_nose"]
    across = joint["left_shoulder"] - joint["right_shoulder"]
    joint |= {
        "nose": joint["neck_nose"],
        "upper_neck": joint["neck_nose"],
        "head_top": joint["head"],
        "neck": joint["thorax"],
        "mid_hip": joint["hip"],
    }
    for side, sign in (("left", 1.0), ("right", -1.0)):
        joint[f"{side}_eye"] = joint["nose"] + 0.2 * towards + 0.1 * sign * across
        joint[f"{side}_ear"] = joint["nose"] + 0.2 * towards + 0.2 * sign * across
        for part in ("big_toe", "small_toe", "heel"):
            joint[f"{side}_{part}"] = joint[f"{side}_ankle"]
    return np.stack([joint[name] for name in get_skeleton(layout).joints], axis=1)


def doubts_of(view: View) -> list[Doubt]:
    """Returns what the check finds in a view."""
    return check(
        view.keypoints_2d,
        np.ones(view.keypoints_2d.shape[:2], bool),
        view.image_size,
        FPS,
        positions_3d=view.own_3d,
        better_layout=view.better_layout,
    )


def row(name: str, views: Iterable[View], kind: str | None) -> str:
    """Returns a row of the table: shares that are refused, warned of, and named."""
    counts: collections.Counter[str] = collections.Counter()
    for view in views:
        doubts = doubts_of(view)
        counts["all"] += 1
        severities = {doubt.severity for doubt in doubts}
        counts["refuse" if "refuse" in severities else "warn"] += bool(doubts)
        counts["named"] += any(doubt.kind == kind for doubt in doubts)
    # Where no view is of the kind that a fault needs, the shares are those of none.
    total = max(counts["all"], 1)
    shares = [f"{100 * counts[key] / total:.1f}" for key in ("refuse", "warn")]
    named = f"{100 * counts['named'] / total:.1f}" if kind else ""
    return f"| {name} | {counts['all']} | {shares[0]} | {shares[1]} | {named} |"


def print_table(views: list[View], every: int) -> None:
    """Prints the table; faults are tried on one view of `every`."""
    print("| recordings | number | refused, % | warned, % | named, % |")
    print("|---|---|---|---|---|")
    for kind in ("published", "random"):
        good = [view for view in views if view.kind == kind]
        with_3d = [_own_3d(np.array)(view) for view in good]
        print(row(f"good, {kind} cameras", with_3d, None), flush=True)
        noisy = (_noisy(view) for view in with_3d)
        print(row("the same with a detector's errors", noisy, None), flush=True)
    for name, (change, kind) in FAULTS.items():
        tried = views[::every]
        if "oblong" in name:
            tried = [view for view in tried if max(view.image_size) > 1002]
        print(row(name, map(change, tried), kind), flush=True)


def main() -> None:
    """Prints the table, or writes the statistics."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--source", action="append", type=pathlib.Path, required=True, metavar="PATH"
    )
    parser.add_argument("--dataset", choices=FILES, default="cmu_mocap")
    parser.add_argument(
        "--every", type=int, default=4, help="faults: 1 view of so many"
    )
    parser.add_argument("--write", type=pathlib.Path, metavar="NPZ")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    views: list[View] = []
    for positions in load_motions(arguments.source, FILES[arguments.dataset]):
        views += make_views(positions, rng)
    if arguments.write is None:
        print_table(views, arguments.every)
        return
    found = statistics(views)
    np.savez(
        arguments.write,
        mean=found.mean,
        covariance=found.covariance,
        heights=np.array(found.heights),
    )


if __name__ == "__main__":
    main()
