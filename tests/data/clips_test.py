"""Selecting, down-sampling and fingerprinting clips."""

import dataclasses

import numpy as np
import pytest

from jaxpose.body.joint_rules import convert_joints
from jaxpose.data.clips import (
    Clip,
    Clips,
    convert_skeletons,
    downsample,
    fingerprint,
    select,
    select_actions,
    select_subjects,
)
from jaxpose.errors import JaxposeError


def _clip(number: int, start: int, length: int) -> Clip:
    return Clip(
        subject=f"s{number % 2}",
        action="walk",
        take=f"t{number}",
        camera="c",
        start=start,
        length=length,
        fps=50.0,
        image_size=(1000, 1002),
        has_absolute_root=True,
    )


def _clips(*lengths: int) -> Clips:
    """Clips of subjects s0, s1, s0, s1, ... whose arrays count the frames."""
    index, start = [], 0
    for number, length in enumerate(lengths):
        index.append(_clip(number, start, length))
        start += length
    frames = np.arange(start, dtype=np.float32)
    return Clips(
        dataset="made_up/gt",
        skeleton="h36m_17",
        keypoints_skeleton="h36m_17",
        keypoints_source="gt",
        keypoints_2d=np.tile(frames[:, None, None], (1, 17, 2)),
        positions_3d=np.tile(frames[:, None, None], (1, 17, 3)),
        valid=frames % 2 == 0,
        index=tuple(index),
    )


def test_properties():
    clips = _clips(3, 2, 4)
    assert clips.num_frames == 9
    assert clips.subjects == ("s0", "s1")
    assert clips.actions == ("walk",)
    assert clips.clip_of_frame.tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 2]
    assert clips.index[2].end == 9


def test_select_packs_the_chosen_clips():
    chosen = select_subjects(_clips(3, 2, 4), ["s0"])
    assert chosen.keypoints_2d[:, 0, 0].tolist() == [0, 1, 2, 5, 6, 7, 8]
    assert chosen.valid.tolist() == [True, False, True, False, True, False, True]
    ranges = [(clip.take, clip.start, clip.length) for clip in chosen.index]
    assert ranges == [("t0", 0, 3), ("t2", 3, 4)]
    last = select(chosen, lambda clip: clip.take == "t2")
    assert last.positions_3d[:, 5, 1].tolist() == [5, 6, 7, 8]


def test_selecting_nothing_gives_empty_arrays():
    empty = select(_clips(3, 2), lambda clip: False)
    assert empty.num_frames == 0
    assert empty.positions_3d.shape == (0, 17, 3)
    assert empty.clip_of_frame.shape == (0,)


def test_unknown_subject():
    message = "'made_up/gt' has no subject 'S9'; it has s0, s1"
    with pytest.raises(JaxposeError, match=message):
        select_subjects(_clips(3, 2), ["s0", "S9"])


def test_downsampling_keeps_the_first_frame_of_every_clip():
    slower = downsample(_clips(5, 2, 6), 3)
    assert slower.keypoints_2d[:, 0, 0].tolist() == [0, 3, 5, 7, 10]
    ranges = [(clip.start, clip.length) for clip in slower.index]
    assert ranges == [(0, 2), (2, 1), (3, 2)]
    assert slower.index[0].fps == pytest.approx(50 / 3)
    original = _clips(5)
    assert downsample(original, 1) is original


def test_fingerprint_tells_any_change():
    clips = _clips(3, 2)
    moved = clips.positions_3d.copy()
    moved[4, 16, 2] += 1e-3
    changed = [
        dataclasses.replace(clips, positions_3d=moved),
        dataclasses.replace(clips, valid=~clips.valid),
        dataclasses.replace(clips, index=clips.index[::-1]),
        dataclasses.replace(clips, keypoints_2d=clips.keypoints_2d + np.float32(1e-3)),
    ]
    prints = {fingerprint(each) for each in [clips, *changed]}
    assert len(prints) == 5
    assert fingerprint(_clips(3, 2)) == fingerprint(clips)


def test_actions():
    clips = _clips(3, 2, 4)
    sit = dataclasses.replace(clips.index[1], action="sit")
    clips = dataclasses.replace(clips, index=(clips.index[0], sit, clips.index[2]))
    assert [clip.take for clip in select_actions(clips, ["walk"]).index] == ["t0", "t2"]
    message = "'made_up/gt' has no action 'jump'; it has walk, sit"
    with pytest.raises(JaxposeError, match=message):
        select_actions(clips, ["walk", "jump"])


def test_every_array_follows_the_frames():
    clips = _clips(3, 4)
    frames = np.arange(7)
    clips = dataclasses.replace(
        clips,
        activity=frames.astype(np.int8),
        metres_per_unit=frames.astype(np.float32),
        metric_positions_3d=clips.positions_3d + np.float32(1),
    )
    kept = downsample(select_subjects(clips, ["s1"]), 2)
    assert kept.activity.tolist() == kept.metres_per_unit.tolist() == [3, 5]
    assert kept.metric_positions_3d[:, 0, 0].tolist() == [4, 6]


def test_converting_joints_keeps_all_else():
    rng = np.random.default_rng(0)
    clips = dataclasses.replace(
        _clips(3, 4),
        skeleton="h36m_19",
        keypoints_skeleton="coco_17",
        positions_3d=rng.normal(size=(7, 19, 3)).astype(np.float32),
        keypoints_2d=rng.normal(size=(7, 17, 2)).astype(np.float32),
        metric_positions_3d=rng.normal(size=(7, 19, 3)).astype(np.float32),
    )
    converted = convert_skeletons(clips, "h36m_16", "h36m_17")
    assert (converted.skeleton, converted.keypoints_skeleton) == ("h36m_16", "h36m_17")
    for name in ("positions_3d", "metric_positions_3d"):
        expected = convert_joints(getattr(clips, name), "h36m_19", "h36m_16")
        np.testing.assert_array_equal(getattr(converted, name), expected)
    expected = convert_joints(clips.keypoints_2d, "coco_17", "h36m_17")
    np.testing.assert_array_equal(converted.keypoints_2d, expected)
    assert converted.index is clips.index
    assert converted.valid is clips.valid
    toes = convert_skeletons(
        dataclasses.replace(clips, keypoints_skeleton="h36m_19"), skeleton="h36m_16"
    )
    assert (toes.skeleton, toes.keypoints_skeleton) == ("h36m_16", "h36m_19")
    assert toes.keypoints_2d is clips.keypoints_2d


def test_converting_where_no_rule_leads_names_field_data_and_both_skeletons():
    message = (
        r"config\.dataset\.skeleton, data set 'made_up/gt': "
        r".*'h36m_17' to 'h36m_19'; known from 'h36m_17': .*mpi_inf_3dhp_17"
    )
    with pytest.raises(JaxposeError, match=message):
        convert_skeletons(_clips(2), "h36m_19")
    with pytest.raises(
        JaxposeError,
        match=r"config\.dataset\.keypoints_skeleton.*'h36m_17' to 'h36m_71'",
    ):
        convert_skeletons(_clips(2), None, "h36m_71")
