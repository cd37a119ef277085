"""Selecting, down-sampling and fingerprinting clips."""

import dataclasses

import numpy as np
import pytest

from jaxpose.clips import Clip, Clips, downsample, fingerprint, select, select_subjects
from jaxpose.errors import JaxposeError


def _clips(*lengths: int) -> Clips:
    """Clips of subjects s0, s1, s0, s1, ... whose arrays count the frames."""
    starts = np.concatenate([[0], np.cumsum(lengths)]).tolist()
    frames = np.arange(starts[-1], dtype=np.float32)
    return Clips(
        dataset="made_up/gt",
        skeleton="h36m_17",
        keypoints_skeleton="h36m_17",
        keypoints_source="gt",
        keypoints_2d=np.tile(frames[:, None, None], (1, 17, 2)),
        positions_3d=np.tile(frames[:, None, None], (1, 17, 3)),
        valid=frames % 2 == 0,
        clips=tuple(
            Clip(
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
            for number, (start, length) in enumerate(zip(starts, lengths, strict=False))
        ),
    )


def test_properties():
    clips = _clips(3, 2, 4)
    assert clips.num_frames == 9
    assert clips.subjects == ("s0", "s1")
    assert clips.clip_of_frame.tolist() == [0, 0, 0, 1, 1, 2, 2, 2, 2]
    assert clips.clips[2].end == 9


def test_select_packs_the_chosen_clips():
    chosen = select_subjects(_clips(3, 2, 4), ["s0"])
    assert chosen.keypoints_2d[:, 0, 0].tolist() == [0, 1, 2, 5, 6, 7, 8]
    assert chosen.valid.tolist() == [True, False, True, False, True, False, True]
    assert [(clip.take, clip.start, clip.length) for clip in chosen.clips] == [("t0", 0, 3), ("t2", 3, 4)]
    assert select(chosen, lambda clip: clip.take == "t2").positions_3d[:, 5, 1].tolist() == [5, 6, 7, 8]


def test_selecting_nothing_gives_empty_arrays():
    empty = select(_clips(3, 2), lambda clip: False)
    assert empty.num_frames == 0
    assert empty.positions_3d.shape == (0, 17, 3)
    assert empty.clip_of_frame.shape == (0,)


def test_unknown_subject():
    with pytest.raises(JaxposeError, match="'made_up/gt' has no subject 'S9'; it has s0, s1"):
        select_subjects(_clips(3, 2), ["s0", "S9"])


def test_downsampling_keeps_the_first_frame_of_every_clip():
    slower = downsample(_clips(5, 2, 6), 3)
    assert slower.keypoints_2d[:, 0, 0].tolist() == [0, 3, 5, 7, 10]
    assert [(clip.start, clip.length) for clip in slower.clips] == [(0, 2), (2, 1), (3, 2)]
    assert slower.clips[0].fps == pytest.approx(50 / 3)
    original = _clips(5)
    assert downsample(original, 1) is original


def test_fingerprint_tells_any_change():
    clips = _clips(3, 2)
    moved = clips.positions_3d.copy()
    moved[4, 16, 2] += 1e-3
    changed = [
        dataclasses.replace(clips, positions_3d=moved),
        dataclasses.replace(clips, valid=~clips.valid),
        dataclasses.replace(clips, clips=clips.clips[::-1]),
        dataclasses.replace(clips, keypoints_2d=clips.keypoints_2d + np.float32(1e-3)),
    ]
    prints = {fingerprint(each) for each in [clips, *changed]}
    assert len(prints) == 5
    assert fingerprint(_clips(3, 2)) == fingerprint(clips)
