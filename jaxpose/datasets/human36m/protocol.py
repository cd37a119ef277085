"""The protocol of Human3.6M (P.3): the published split, S8 held out to select.

Scores are unweighted means over the 15 actions.
"""

from jaxpose.datasets.human36m import facts
from jaxpose.datasets.protocol import Protocol

_NUM_CAMERAS = 4


def _frames_by_action(takes: dict[str, int]) -> dict[str, int]:
    """Adds up the frames of all cameras and takes of each action."""
    frames: dict[str, int] = {}
    for take, count in takes.items():
        action = facts.action_of(take)
        frames[action] = frames.get(action, 0) + _NUM_CAMERAS * count
    return frames


PROTOCOL = Protocol(
    name="human36m",
    train_subjects=facts.TRAIN_SUBJECTS,
    validation_subjects=("S8",),
    test_subjects=facts.TEST_SUBJECTS,
    train_frames={
        subject: _frames_by_action(facts.FRAMES[subject])
        for subject in facts.TRAIN_SUBJECTS
    },
)
