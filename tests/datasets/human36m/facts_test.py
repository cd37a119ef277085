"""Human3.6M: takes, actions and numbers of frames are the published ones."""

import json

import pytest

from jaxpose.datasets.human36m import facts
from jaxpose.errors import JaxposeError
from tests.shared import shared_path


def test_frame_table_gives_the_published_totals():
    for subjects, total in (
        (facts.TRAIN_SUBJECTS, 1_559_752),
        (facts.TEST_SUBJECTS, 543_344),
        (("S1",), 248_376),
        (("S1", "S5"), 644_692),
        (("S1", "S5", "S6"), 894_556),
    ):
        assert (
            4 * sum(sum(facts.FRAMES[subject].values()) for subject in subjects)
            == total
        )
    assert (facts.TRAIN_FRAMES, facts.TEST_FRAMES) == (1_559_752, 543_344)
    assert [len(takes) for takes in facts.FRAMES.values()] == [30] * 6 + [29]


def test_frame_table_is_the_published_one():
    published = json.loads(shared_path("cameras/h36m_frame_counts.json").read_text())[
        "subjects"
    ]
    for subject, takes in facts.FRAMES.items():
        expected = {
            take: row["mocap_frames"]
            for take, row in published[subject].items()
            if (subject, take) not in facts.DROPPED_TAKES
        }
        assert takes == expected
        for take, row in published[subject].items():
            assert facts.canonical_take(row["file_stem"]) == take


def test_takes_are_grouped_by_their_first_word():
    assert facts.canonical_take("TakingPhoto 1") == "Photo 1"
    assert facts.canonical_take("WalkingDog") == "WalkDog"
    assert facts.action_of("SittingDown 1") == "SittingDown"
    assert {
        facts.action_of(take) for takes in facts.FRAMES.values() for take in takes
    } == set(facts.ACTIONS)
    with pytest.raises(JaxposeError, match=r"'Dancing 1'.*Directions"):
        facts.canonical_take("Dancing 1")
