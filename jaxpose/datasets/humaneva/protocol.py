"""The protocol of HumanEva-I (P.4): P-MPJPE of each action of each subject."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxpose.datasets.humaneva import facts
from jaxpose.datasets.protocol import MILLIMETRES, Protocol, mean_scores_by_group

if TYPE_CHECKING:
    from jaxpose.data.clips import Clips

_SUBJECTS = ("S1", "S2", "S3")


class HumanEvaProtocol(Protocol):
    """Scores cells (action, subject); the published average weighs them equally."""

    def published_scores(
        self,
        predicted: np.ndarray,
        target: np.ndarray,
        clips: "Clips",
        frames: np.ndarray,
    ) -> dict[str, Any]:
        """Computes P-MPJPE, the published score, and MPJPE, by cell and over cells."""
        # Configs import this module; metrics imports JAX, which takes a second.
        from jaxpose import metrics

        per_frame = {}
        for name, metric in (
            ("p_mpjpe", metrics.p_mpjpe_per_pose),
            ("mpjpe", metrics.mpjpe_per_pose),
        ):
            per_frame[name] = np.asarray(metric(predicted, target)) * MILLIMETRES
        cell_of_clip = []
        for clip in clips.index:
            person = clip.subject.rpartition("/")[2]
            cell_of_clip.append(f"{clip.action} {person}")
        groups = [cell_of_clip[number] for number in clips.clip_of_frame[frames]]
        cells = mean_scores_by_group(per_frame, groups)
        scores: dict[str, Any] = {}
        for name in per_frame:
            scores[name] = float(np.mean([cell[name] for cell in cells.values()]))
        return scores | {"frames": len(frames), "per_action_and_subject": cells}

    def describe_scores(self, clips: "Clips") -> dict[str, Any]:
        """Returns how the published average is formed."""
        return {"published_average": "unweighted over the cells (action, subject)"}


def _frames_by_action(subject: str) -> Mapping[str, int]:
    """Returns the frames of all cameras of each action of `subject`."""
    cameras = len(facts.CAMERA_NAMES)
    return {
        action: cameras * facts.num_frames(subject, action) for action in facts.ACTIONS
    }


TRAIN_SUBJECTS = tuple(f"Train/{subject}" for subject in _SUBJECTS)
PROTOCOL = HumanEvaProtocol(
    name="humaneva",
    train_subjects=TRAIN_SUBJECTS,
    test_subjects=tuple(f"Validate/{subject}" for subject in _SUBJECTS),
    actions=facts.SCORED_ACTIONS,
    skeleton="humaneva_15",
    train_frames={subject: _frames_by_action(subject) for subject in TRAIN_SUBJECTS},
    scores=("p_mpjpe", "mpjpe"),
)
