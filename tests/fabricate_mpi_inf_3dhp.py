"""Writes MPI-INF-3DHP as its own files and P-STMO's npz pair hold it, with few frames.

The sequences are shorter than the published ones. Preparing notes it, and `--check`
calls them suspicious.
"""

import dataclasses
import pathlib

import numpy as np
import scipy.io

from jaxpose.body.cameras import quaternion_rotate
from jaxpose.body.joint_rules import convert_joints
from jaxpose.body.skeletons import MPI_INF_3DHP_28
from jaxpose.datasets.mpi_inf_3dhp import facts
from jaxpose.datasets.schema import Camera
from tests.fabricated_motion import camera_around, positions_world, seen_by

NUM_CAMERAS = 14
UNIVERSAL = 0.9  # univ_annot3 is the same pose at another body height


def fabricate_official(folder: pathlib.Path, num_frames: int = 60) -> None:
    """Writes the official files of all training and test sequences.

    They are `mpi_inf_3dhp/S1/Seq1/annot.mat` with `camera.calibration` beside it, and
    `mpi_inf_3dhp_test_set/TS1/annot_data.mat`.
    """
    for subject, take in _takes():
        path = folder / "mpi_inf_3dhp" / subject / take
        path.mkdir(parents=True, exist_ok=True)
        views = [
            training_view(subject, take, camera, num_frames)
            for camera in range(NUM_CAMERAS)
        ]
        write_annot_mat(path / "annot.mat", views)
        write_calibration(
            path / "camera.calibration",
            [camera_of(number) for number in range(NUM_CAMERAS)],
        )
    for sequence in facts.TEST:
        path = folder / "mpi_inf_3dhp_test_set" / sequence
        path.mkdir(parents=True, exist_ok=True)
        write_annot_data(path / "annot_data.mat", **testing_view(sequence, num_frames))


def write_annot_mat(
    path: pathlib.Path, views: list[tuple[np.ndarray, np.ndarray]], **changes: object
) -> None:
    """A training annotation of `(annot2 [F, 28, 2], annot3 [F, 28, 3])` per camera."""
    cells = {
        key: np.empty((NUM_CAMERAS, 1), object)
        for key in ("annot2", "annot3", "univ_annot3")
    }
    for camera, (annot2, annot3) in enumerate(views):
        for key, rows in (
            ("annot2", annot2),
            ("annot3", annot3),
            ("univ_annot3", UNIVERSAL * annot3),
        ):
            cells[key][camera, 0] = rows.reshape(len(rows), -1)
    num_frames = len(views[0][0])
    other = {
        "cameras": np.arange(NUM_CAMERAS)[None],
        "frames": np.arange(num_frames)[:, None],
    }
    contents = {**cells, **other, **changes}
    scipy.io.savemat(
        path, {key: value for key, value in contents.items() if value is not None}
    )


def write_calibration(path: pathlib.Path, cameras: list[Camera]) -> None:
    """`camera.calibration`, seven lines a camera."""
    lines = ["Skeletool Camera Calibration File V1.0"]
    for camera in cameras:
        fx, fy, cx, cy = camera.intrinsics
        to_world = quaternion_rotate(np.tile(camera.orientation, (3, 1)), np.eye(3)).T
        extrinsic = np.eye(4)
        extrinsic[:3, :3] = to_world.T
        extrinsic[:3, 3] = -1000 * to_world.T @ np.array(camera.translation)
        intrinsic = np.array(
            [[fx, 0, cx, 0], [0, fy, cy, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
        )
        lines += [
            f"name          {camera.name}",
            "  sensor      10 10",
            "  size        {} {}".format(*camera.image_size),
            "  animated    0",
            "  intrinsic   "
            + " ".join(f"{number:.9g}" for number in intrinsic.ravel()),
            "  extrinsic   "
            + " ".join(f"{number:.9g}" for number in extrinsic.ravel()),
            "  radial      0",
        ]
    path.write_text("\n".join(lines) + "\n")


def write_annot_data(path: pathlib.Path, **arrays: np.ndarray | None) -> None:
    """A test annotation; MATLAB writes HDF5, in which h5py sees the axes reversed."""
    import h5py  # optional for users

    with h5py.File(path, "w") as file:
        for key, array in arrays.items():
            if array is not None:
                file[key] = array


def fabricate_npz(folder: pathlib.Path, num_frames: int = 60) -> None:
    """`data_train_3dhp.npz` and `data_test_3dhp.npz`."""
    folder.mkdir(parents=True, exist_ok=True)
    train = {}
    for subject, take in _takes():
        cameras = {}
        for camera in facts.CAMERAS:
            annot2, annot3 = (
                _relevant(array)
                for array in training_view(subject, take, camera, num_frames)
            )
            cameras[str(camera)] = {"data_2d": annot2, "data_3d": UNIVERSAL * annot3}
        train[f"{subject} {take}"] = [cameras, facts.TRAIN[subject][take][1]]
    np.savez_compressed(folder / "data_train_3dhp.npz", data=train)
    test = {}
    for sequence in facts.TEST:
        arrays = testing_view(sequence, num_frames)
        test[sequence] = {
            "data_2d": arrays["annot2"].reshape(-1, 17, 2),
            "data_3d": arrays["univ_annot3"].reshape(-1, 17, 3),
            "valid": arrays["valid_frame"].reshape(-1),
        }
    np.savez_compressed(folder / "data_test_3dhp.npz", data=test)


def training_view(
    subject: str, take: str, camera: int, num_frames: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pixels `[F, 28, 2]` and millimetres in the camera frame `[F, 28, 3]`."""
    seed = 2 * list(facts.TRAIN).index(subject) + (take == "Seq2")
    world = positions_world(
        MPI_INF_3DHP_28, num_frames, facts.TRAIN[subject][take][1], seed
    )
    annot2, annot3 = seen_by(world, camera_of(camera))
    return annot2, 1000 * annot3


def testing_view(sequence: str, num_frames: int) -> dict[str, np.ndarray]:
    """The arrays of `annot_data.mat` as h5py reads them; every third frame is valid."""
    number = list(facts.TEST).index(sequence)
    world = _relevant(
        positions_world(MPI_INF_3DHP_28, num_frames, facts.TEST_FPS, 20 + number)
    )
    size = facts.image_size(sequence)
    camera = camera_around("0", 70.0 * number, size, 0.73 * size[0])
    annot2, annot3 = seen_by(world, dataclasses.replace(camera, image_size=size))
    frames = np.arange(num_frames)
    return {
        "annot2": annot2[:, None],
        "annot3": 1000 * annot3[:, None],
        "univ_annot3": UNIVERSAL * 1000 * annot3[:, None],
        "valid_frame": (frames % 3 == 1).astype(np.float64)[:, None],
        "activity_annotation": (1 + (frames // 2) % 7).astype(np.float64)[:, None],
        "bb_crop": np.zeros((num_frames, 4)),
    }


def camera_of(number: int) -> Camera:
    """Studio camera `number` of 14."""
    return camera_around(
        str(number), 360.0 * number / NUM_CAMERAS, facts.TRAIN_IMAGE_SIZE, 1500.0
    )


def _takes() -> list[tuple[str, str]]:
    return [(subject, take) for subject, takes in facts.TRAIN.items() for take in takes]


def _relevant(array: np.ndarray) -> np.ndarray:
    return convert_joints(array, "mpi_inf_3dhp_28", "mpi_inf_3dhp_17")
