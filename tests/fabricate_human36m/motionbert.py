"""MotionBERT's pickle."""

import pathlib
import pickle
import zlib

import numpy as np

from jaxpose.body import cameras
from jaxpose.datasets.h36m_cameras import SUBJECTS, h36m_cameras
from jaxpose.datasets.human36m import facts
from jaxpose.datasets.schema import Camera
from tests.fabricate_human36m.world import (
    BODY_17,
    motion,
    num_frames,
    pixels,
    takes_of,
    video_frames,
)

MOTIONBERT_ACTIONS = (
    "Directions",
    "Discussion",
    "Eating",
    "Greeting",
    "Phoning",
    "Posing",
    "Purchases",
    "Sitting",
    "SittingDown",
    "Smoking",
    "Photo",
    "Waiting",
    "Walking",
    "WalkDog",
    "WalkTogether",
)


def fabricate_motionbert(
    folder: pathlib.Path,
    subjects: tuple[str, ...] = SUBJECTS,
    most_takes: int | None = None,
) -> None:
    """Writes `h36m_sh_conf_cam_source_final.pkl`; S9's long takes stay as long."""
    folder.mkdir(parents=True, exist_ok=True)
    splits = {"train": facts.TRAIN_SUBJECTS, "test": facts.TEST_SUBJECTS}
    data = {
        split: _motionbert_split(
            [name for name in subjects if name in names], most_takes, split == "test"
        )
        for split, names in splits.items()
    }
    with (folder / "h36m_sh_conf_cam_source_final.pkl").open("wb") as file:
        pickle.dump(data, file)


def _motionbert_split(subjects: list[str], most_takes: int | None, test: bool) -> dict:
    columns: dict[str, list] = {}
    for subject in subjects:
        for take in takes_of(subject, most_takes):
            action = facts.action_of(take)
            trials = [
                name
                for name in facts.FRAMES[subject]
                if facts.action_of(name) == action
            ]
            number = 1 + trials.index(take)
            if subject == "S9" and action in ("Greeting", "SittingDown", "Waiting"):
                drifting = (subject, take) in facts.DRIFTING_TAKES
                number = 1 if drifting == (action == "Waiting") else 2
            length = (
                video_frames(subject, take)[0] if test else num_frames(subject, take)
            )
            world = motion(subject, take, length)[:, BODY_17]
            for index, camera in enumerate(h36m_cameras(subject)):
                code = MOTIONBERT_ACTIONS.index(action) + 2
                source = (
                    f"s_{int(subject[1:]):02d}_act_{code:02d}_subact_{number:02d}"
                    f"_ca_{index + 1:02d}"
                )
                _add_motionbert_clip(columns, world, camera, source, action)
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    if not test:
        del joined["2.5d_factor"], joined["joints_2.5d_image"]
    return joined


def _add_motionbert_clip(
    columns: dict[str, list],
    world: np.ndarray,
    camera: Camera,
    source: str,
    action: str,
) -> None:
    in_camera = cameras.world_to_camera(
        world, np.array(camera.orientation), np.array(camera.translation)
    )
    image = pixels(world, camera)
    factor = (
        1000 * in_camera[:, 0, 2] / camera.intrinsics[0]
    )  # mm per pixel at the root
    depth = 1000 * in_camera[..., 2:] / factor[:, None, None]
    joint3d_image = np.concatenate([image, depth], axis=-1)
    clip = {
        "joint_2d": image
        + np.random.default_rng(zlib.crc32(source.encode())).normal(0, 2, image.shape),
        "confidence": np.full(image.shape[:2], 0.9),
        "joint3d_image": joint3d_image,
        "camera_name": np.full(len(world), camera.name),
        "source": np.full(len(world), source),
        "action": np.full(len(world), action),
        "2.5d_factor": factor,
        "joints_2.5d_image": joint3d_image * factor[:, None, None],
    }
    for name, values in clip.items():
        columns.setdefault(name, []).append(values)
