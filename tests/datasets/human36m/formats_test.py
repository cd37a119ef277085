"""Human3.6M: every layout of its files gives the same clips."""

import shutil

import numpy as np
import pytest

from tests import fabricate_human36m
from tests.datasets.human36m.clips import assert_same_clips, examples


def test_official_files_and_npz_give_the_same_clips(npz, extracted):
    from_npz = {
        key: clip for key, clip in examples(npz, "gt_17").items() if key[0] != "S9"
    }
    assert_same_clips(examples(extracted, "gt_17"), from_npz, pixels=1e-3)


@pytest.mark.parametrize(
    "layout", ["S1/{subject}/MyPoseFeatures/{kind}", "extracted/{subject}/Poses_{kind}"]
)
@pytest.mark.parametrize("kind", ["D3_Positions", "D3_Positions_mono"])
def test_both_layouts_and_both_frames_give_the_same_clips(tmp_path, npz, layout, kind):
    fabricate_human36m.fabricate_extracted(tmp_path, ("S1",), 2, layout, kinds=(kind,))
    found = examples(tmp_path, "gt_32")
    expected = examples(npz, "gt_32")
    assert len(found) == 8
    assert_same_clips(found, {key: expected[key] for key in found}, pixels=1e-2)


def test_archives_give_the_same_clips(tmp_path, npz):
    fabricate_human36m.fabricate_archives(tmp_path, ("S1",), 2)
    expected = examples(npz, "gt_19")
    found = examples(tmp_path, "gt_19")
    assert_same_clips(found, {key: expected[key] for key in found}, pixels=1e-3)
    official = examples(tmp_path, "d2_19")
    for key, clip in official.items():
        np.testing.assert_allclose(
            clip["keypoints_2d"], found[key]["keypoints_2d"], rtol=0, atol=1e-3
        )
        assert clip["keypoints_source"] == "d2"


def test_official_3d_goes_with_detections_beside_it(tmp_path, npz):
    fabricate_human36m.fabricate_extracted(
        tmp_path, ("S1",), 2, kinds=("D3_Positions",)
    )
    shutil.copy(npz / "data_2d_h36m_cpn_ft_h36m_dbb.npz", tmp_path)
    expected = examples(npz, "cpn_ft_h36m_dbb_17")
    found = examples(tmp_path, "cpn_ft_h36m_dbb_17")
    assert_same_clips(found, {key: expected[key] for key in found}, pixels=0)
