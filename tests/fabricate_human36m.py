"""Small files in each layout of Human3.6M, with its quirks, from made-up motion.

Quirks: S1 says TakingPhoto and WalkingDog in the official files. Trial suffixes are the
published, irregular ones. The official files hold S11's corrupt "Directions", the npz
files do not. Detected 2D is longer than 3D, by different amounts per camera, and about
twice as long for three takes of S9; it holds an unlabelled subject. Takes have 8 to 14
frames instead of thousands.
"""

import pathlib
import pickle
import tarfile
import zlib

import numpy as np

from jaxpose.body import cameras
from jaxpose.body.skeletons import COCO_17, H36M_17, H36M_32
from jaxpose.datasets.h36m_cameras import SUBJECTS, h36m_cameras
from jaxpose.datasets.human36m import facts
from jaxpose.datasets.schema import Camera

EXTRA_FRAMES = (1, 3, 3, 1)  # of the video over the 3D track, by camera
_IN_32 = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]

# Metres from the parent, standing, facing +y, z up; joints that repeat another have no
# offset.
_OFFSETS = np.zeros((32, 3))
_OFFSETS[[1, 6]] = [[0.13, 0, 0], [-0.13, 0, 0]]
_OFFSETS[[2, 7, 3, 8]] = [[0, 0, -0.44], [0, 0, -0.44], [0, 0, -0.42], [0, 0, -0.42]]
_OFFSETS[[4, 9, 5, 10]] = [
    [0, 0.14, -0.05],
    [0, 0.14, -0.05],
    [0, 0.07, 0],
    [0, 0.07, 0],
]
_OFFSETS[[12, 13, 16, 24, 14, 15]] = [
    [0, 0, 0.24],
    [0, 0, 0.25],
    [0, 0, 0.25],
    [0, 0, 0.25],
    [0, 0.05, 0.11],
    [0, 0, 0.11],
]
_OFFSETS[[17, 25]] = [[-0.15, 0, 0], [0.15, 0, 0]]
_OFFSETS[[18, 26, 19, 27]] = [
    [0, 0, -0.28],
    [0, 0, -0.28],
    [0, 0, -0.25],
    [0, 0, -0.25],
]
_OFFSETS[[21, 29, 23, 31]] = [[0, 0.08, 0], [0, 0.08, 0], [0, 0, -0.09], [0, 0, -0.09]]
_SWINGING = [1, 2, 6, 7, 12, 13, 17, 18, 25, 26]


def motion(subject: str, take: str, num_frames: int) -> np.ndarray:
    """Returns positions `[num_frames, 32, 3]` in the world, in metres.

    Limbs swing while the body walks on a circle, another circle for each take.
    """
    rng = np.random.default_rng(zlib.crc32(f"{subject} {take}".encode()))
    time = np.arange(num_frames)[:, None] / 50 + rng.uniform(0, 10)
    angles = np.zeros((num_frames, 32))
    phase, pace = (
        rng.uniform(0, 2 * np.pi, len(_SWINGING)),
        rng.uniform(2, 5, len(_SWINGING)),
    )
    angles[:, _SWINGING] = 0.4 * np.sin(pace * time + phase)
    turn = time[:, 0] * rng.uniform(-1, 1)
    rotations = np.empty((num_frames, 32, 3, 3))
    positions = np.empty((num_frames, 32, 3))
    for joint, parent in enumerate(H36M_32.parents):
        if parent < 0:
            rotations[:, joint] = _rotation(turn, axis=2)
            positions[:, joint] = np.stack(
                [0.5 * np.cos(turn), 0.5 * np.sin(turn), 0.95 + 0 * turn], axis=-1
            )
        else:
            positions[:, joint] = (
                positions[:, parent] + rotations[:, parent] @ _OFFSETS[joint]
            )
            rotations[:, joint] = rotations[:, parent] @ _rotation(
                angles[:, joint], axis=0
            )
    return positions


def _rotation(angles: np.ndarray, axis: int) -> np.ndarray:
    """`[F, 3, 3]` right-handed about a coordinate axis."""
    matrices = np.zeros((len(angles), 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrices[:, axis, axis] = 1
    matrices[:, i, i] = matrices[:, j, j] = np.cos(angles)
    matrices[:, j, i] = np.sin(angles)
    matrices[:, i, j] = -np.sin(angles)
    return matrices


def num_frames(subject: str, take: str) -> int:
    """Frames of the 3D track, longer for the takes that are longer in truth."""
    return 8 + facts.FRAMES[subject].get(take, 1825) // 1000


def video_frames(subject: str, take: str) -> tuple[int, ...]:
    """Frames by camera."""
    frames = num_frames(subject, take) * (
        2 if (subject, take) in facts.DRIFTING_TAKES else 1
    )
    return tuple(frames + extra for extra in EXTRA_FRAMES)


def takes_of(subject: str, most: int | None = None) -> list[str]:
    """The first `most` takes."""
    return list(facts.FRAMES[subject])[:most]


def pixels(positions: np.ndarray, camera: Camera) -> np.ndarray:
    """What `camera` sees of world positions `[..., 3]`, with distortion."""
    in_camera = cameras.world_to_camera(
        positions, np.array(camera.orientation), np.array(camera.translation)
    )
    vector = cameras.normalized_intrinsics(
        np.array(camera.intrinsics), np.array(camera.distortion), camera.image_size
    )
    return cameras.image_coordinates(
        cameras.project(in_camera, vector), camera.image_size
    )


def detect(
    positions_32: np.ndarray, camera: Camera, joints: str, seed: str
) -> np.ndarray:
    """`[F, J, 2]` float32: the projection in a detector's joint order, 2 px off."""
    keypoints = pixels(positions_32[:, _IN_32], camera)
    if joints == "mpii_16":
        places = [3, 2, 1, 4, 5, 6, 0, 7, 8, 10, 16, 15, 14, 11, 12, 13]
        keypoints = keypoints[:, places]
    elif joints == "coco_17":
        names = [
            name if name in H36M_17.joints else "neck_nose" for name in COCO_17.joints
        ]
        keypoints = keypoints[:, [H36M_17.joints.index(name) for name in names]]
    rng = np.random.default_rng(zlib.crc32(seed.encode()))
    return (keypoints + rng.normal(0, 2, keypoints.shape)).astype(np.float32)


def fabricate_npz(
    folder: pathlib.Path,
    subjects: tuple[str, ...] = SUBJECTS,
    most_takes: int | None = None,
) -> None:
    """Writes `data_3d_h36m.npz` and `data_2d_h36m_*.npz`.

    The 2D is ground truth, CPN, Detectron (fine-tuned and of COCO) and hourglass.
    """
    folder.mkdir(parents=True, exist_ok=True)
    positions: dict = {}
    keypoints: dict = {
        "gt": {},
        "cpn_ft_h36m_dbb": {},
        "detectron_ft_h36m": {},
        "detectron_pt_coco": {},
        "sh_ft_h36m": {},
        "sh_pt_mpii": {},
    }
    for subject in subjects:
        positions[subject] = {}
        for take in takes_of(subject, most_takes):
            lengths = video_frames(subject, take)
            world = motion(subject, take, max(lengths))
            frames = num_frames(subject, take)
            positions[subject][take] = world[:frames].astype(np.float32)
            for source, detected in keypoints.items():
                views = []
                for camera, length in zip(h36m_cameras(subject), lengths, strict=True):
                    if source == "gt":
                        exact = pixels(world[:frames, _IN_32], camera)
                        views.append(exact.astype(np.float32))
                    else:
                        seed = f"{source} {subject} {take} {camera.name}"
                        views.append(
                            detect(world[:length], camera, _layout(source), seed)
                        )
                detected.setdefault(subject, {})[take] = views
    unlabelled = [np.zeros((5, 17, 2), np.float32)] * 4
    keypoints["cpn_ft_h36m_dbb"]["S2"] = {"Directions": unlabelled}
    np.savez_compressed(folder / "data_3d_h36m.npz", positions_3d=positions)
    for source, detected in keypoints.items():
        np.savez_compressed(
            folder / f"data_2d_h36m_{source}.npz",
            positions_2d=detected,
            metadata=_metadata(_layout(source)),
        )


def _layout(source: str) -> str:
    return {"sh": "mpii_16"}.get(
        source[:2], "coco_17" if source.endswith("coco") else "h36m_17"
    )


def _metadata(joints: str) -> dict:
    symmetry = {
        "h36m_17": [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]],
        "coco_17": [[1, 3, 5, 7, 9, 11, 13, 15], [2, 4, 6, 8, 10, 12, 14, 16]],
        "mpii_16": [[3, 4, 5, 13, 14, 15], [0, 1, 2, 10, 11, 12]],
    }[joints]
    name, _, number = joints.rpartition("_")
    return {
        "layout_name": name,
        "num_joints": int(number),
        "keypoints_symmetry": symmetry,
    }


def official_name(subject: str, take: str) -> str:
    """The name of a take in the official files: S1's differ."""
    if subject == "S1":
        take = take.replace("Photo", "TakingPhoto").replace("WalkDog", "WalkingDog")
    return take


def fabricate_extracted(
    folder: pathlib.Path,
    subjects: tuple[str, ...] = SUBJECTS,
    most_takes: int | None = None,
    layout: str = "{subject}/MyPoseFeatures/{kind}",
    kinds: tuple[str, ...] = ("D3_Positions", "D3_Positions_mono", "D2_Positions"),
) -> None:
    """Writes the official CDF files, extracted, and `metadata.xml`.

    `layout` is the folder of a file.
    """
    for subject in subjects:
        takes = takes_of(subject, most_takes)
        if subject == "S11":
            takes.append("Directions")
        for take in takes:
            world = motion(subject, take, num_frames(subject, take))
            name = official_name(subject, take)
            for kind in kinds:
                where = folder / layout.format(subject=subject, kind=kind)
                where.mkdir(parents=True, exist_ok=True)
                if kind == "D3_Positions":
                    write_cdf(where / f"{name}.cdf", 1000 * world)
                    continue
                for camera in h36m_cameras(subject):
                    orientation, centre = (
                        np.array(camera.orientation),
                        np.array(camera.translation),
                    )
                    if kind == "D2_Positions":
                        values = pixels(world, camera)
                    else:
                        values = 1000 * cameras.world_to_camera(
                            world, orientation, centre
                        )
                    write_cdf(where / f"{name}.{camera.name}.cdf", values)
    write_metadata(folder / "metadata.xml")


def fabricate_archives(
    folder: pathlib.Path,
    subjects: tuple[str, ...] = SUBJECTS,
    most_takes: int | None = None,
    kinds: tuple[str, ...] = ("D3_Positions", "D3_Positions_mono", "D2_Positions"),
) -> None:
    """Writes archives such as `Poses_D3_Positions_S1.tgz`, and `metadata.xml`."""
    fabricate_extracted(folder, subjects, most_takes, kinds=kinds)
    for subject in subjects:
        for kind in kinds:
            inside = f"{subject}/MyPoseFeatures/{kind}"
            with tarfile.open(
                folder / f"Poses_{kind}_{subject}.tgz", "w:gz"
            ) as archive:
                archive.add(folder / inside, inside)
            for path in (folder / inside).iterdir():
                path.unlink()
            (folder / inside).rmdir()
        (folder / subject / "MyPoseFeatures").rmdir()
        (folder / subject).rmdir()


def write_cdf(path: pathlib.Path, values: np.ndarray) -> None:
    """One z-variable `Pose` (1, F, 32 C), float32, as the official files have it."""
    from cdflib.cdfwrite import CDF

    pose = values.astype(np.float32).reshape(1, len(values), -1)
    file = CDF(path, cdf_spec={"Majority": "row_major"}, delete=True)
    file.write_var(
        {
            "Variable": "Pose",
            "Data_Type": 44,
            "Num_Elements": 1,
            "Rec_Vary": True,
            "Dim_Sizes": list(pose.shape[1:]),
        },
        var_data=pose,
    )
    file.close()


def write_metadata(path: pathlib.Path) -> None:
    """The cameras as `metadata.xml` holds them, in its element `w0`."""
    poses = np.zeros((4, 11, 6))
    for subject in SUBJECTS:
        for index, camera in enumerate(h36m_cameras(subject)):
            number = int(subject[1:]) - 1
            poses[index, number, :3] = _angles(np.array(camera.orientation))
            poses[index, number, 3:] = 1000 * np.array(camera.translation)
    lenses = []
    for camera in h36m_cameras("S1"):
        k1, k2, k3, a, b = camera.distortion
        lenses += [
            *camera.intrinsics,
            k1,
            k2,
            k3,
            b,
            a,
        ]  # the file has the tangential terms swapped
    numbers = " ".join(f"{number!r}" for number in [*poses.ravel().tolist(), *lenses])
    path.write_text(
        f"<?xml version='1.0'?>\n<metadata>\n<w0>[{numbers}]</w0>\n</metadata>\n"
    )


def _angles(orientation: np.ndarray) -> np.ndarray:
    """a with `X(a0) Y(a1) Z(a2)` = world to camera."""
    r = cameras.quaternion_rotate(cameras.quaternion_inverse(orientation), np.eye(3)).T
    return np.array(
        [
            np.arctan2(-r[1, 2], r[2, 2]),
            np.arcsin(r[0, 2]),
            np.arctan2(-r[0, 1], r[0, 0]),
        ]
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
            world = motion(subject, take, length)[:, _IN_32]
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
