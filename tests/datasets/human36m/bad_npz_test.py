"""Human3.6M: what is wrong with its npz files is named."""

import shutil

import numpy as np
import pytest

from jaxpose.datasets import get_builder
from jaxpose.errors import JaxposeError
from jaxpose.prepare import prepare
from tests.datasets.human36m.clips import CPN, POSITIONS, edit, examples


def set_camera(subjects: dict, index: int, value) -> None:
    """Replaces the keypoints of S1, take Directions, in one of the four cameras."""
    subjects["S1"]["Directions"][index] = value


@pytest.mark.parametrize(
    "file, change, message",
    [
        (CPN, lambda d: d.pop("S1"), r"cpn_ft_h36m_dbb\.npz has no subject S1"),
        (CPN, lambda d: d["S1"].pop("Directions"), r"no 2D for S1, take 'Directions'"),
        (CPN, lambda d: d["S1"]["Directions"].pop(), r"expected 4 cameras, found 3"),
        (
            CPN,
            lambda d: set_camera(d, 2, d["S1"]["Directions"][2][:5]),
            r"S1, take 'Directions', camera 58860488: 5 frames of 2D .* for 9 of 3D",
        ),
        (
            CPN,
            lambda d: set_camera(d, 0, d["S1"]["Directions"][0][:, :16]),
            r"S1.*Directions.*\[F, 17, 2\].*\[10, 16, 2\]",
        ),
        (
            CPN,
            lambda d: d["S1"]["Directions"][1].__setitem__((0, 0, 0), np.inf),
            r"cpn_ft_h36m_dbb\.npz: clip S1/Directions/55011271: "
            r"keypoints_2d is not finite in 1 of 9",
        ),
        (CPN, lambda d: set_camera(d, 0, "here"), r"Directions.*found a str"),
        (
            POSITIONS,
            lambda d: d.update(S3=d["S1"]),
            r"data_3d_h36m\.npz: subject 'S3' is not of S1, S5",
        ),
        (
            POSITIONS,
            lambda d: d["S1"].update(Dancing=d["S1"]["Directions"]),
            r"'Dancing' is of no known",
        ),
        (
            POSITIONS,
            lambda d: d["S1"].update(
                Photo=d["S1"]["Directions"], TakingPhoto=d["S1"]["Directions"]
            ),
            r"take 'Photo' under two names",
        ),
        (
            POSITIONS,
            lambda d: d["S1"].update(Directions=d["S1"]["Directions"][:, :17]),
            r"Directions.*\[F, 32, 3\].*\[9, 17, 3\]",
        ),
        (
            POSITIONS,
            lambda d: d["S1"].update(Directions=d["S1"]["Directions"][:0]),
            r"Directions.*\[F, 32, 3\].*\[0, 32, 3\]",
        ),
        (POSITIONS, lambda d: d.pop("S1"), r"data_3d_h36m\.npz.*holds no data"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_npz_is_named(small, tmp_path, file, change, message):
    edit(small / file, change)
    with pytest.raises(JaxposeError, match=message):
        prepare(
            "human36m/cpn_ft_h36m_dbb_17",
            source=small,
            data_dir=tmp_path / "data",
            partial=True,
        )
    assert not (tmp_path / "data").exists()


def test_files_that_are_not_there_are_named(small):
    (small / "data_2d_h36m_detectron_ft_h36m.npz").unlink()
    with pytest.raises(
        JaxposeError, match=r"data_2d_h36m_detectron_ft_h36m\.npz does not exist"
    ):
        examples(small, "detectron_ft_h36m_17")
    with pytest.raises(
        JaxposeError, match=r"holds no 3D positions.*Poses_D3_Positions_S1\.tgz"
    ):
        examples(small, "d2_17")
    with pytest.raises(
        JaxposeError, match=r"h36m_sh_conf_cam_source_final\.pkl does not exist"
    ):
        examples(small, "motionbert_sh_17")
    with pytest.raises(JaxposeError, match="has no config 'gt_18'"):
        get_builder("human36m/gt_18", source=small)


def test_files_taken_for_each_other_are_told_apart(small):
    shutil.copy(small / CPN, small / POSITIONS)
    with pytest.raises(
        JaxposeError, match=r"data_3d_h36m\.npz.*'positions_3d' is missing"
    ):
        examples(small, "gt_17")


def test_coco_keypoints_under_another_name_are_refused(small):
    shutil.copy(small / "data_2d_h36m_detectron_pt_coco.npz", small / CPN)
    with pytest.raises(JaxposeError, match=r"keypoints_symmetry.*other joints"):
        examples(small, "cpn_ft_h36m_dbb_17")
