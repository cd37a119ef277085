"""The official files: archives and folders of CDF files, and `metadata.xml`."""

import pathlib
import tarfile

import numpy as np

from jaxpose.body import cameras
from jaxpose.datasets.h36m_cameras import SUBJECTS, h36m_cameras
from tests.fabricate_human36m.world import (
    motion,
    num_frames,
    pixels,
    takes_of,
)


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
