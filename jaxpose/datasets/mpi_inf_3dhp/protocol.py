"""The protocol of MPI-INF-3DHP (P.5): PCK, AUC and MPJPE over all valid frames."""

from typing import TYPE_CHECKING, Any

import numpy as np

from jaxpose.body.skeletons import get_skeleton
from jaxpose.datasets.mpi_inf_3dhp import facts
from jaxpose.datasets.protocol import (
    MILLIMETRES,
    Protocol,
    mean_scores,
    mean_scores_by_group,
)

if TYPE_CHECKING:
    from jaxpose.data.clips import Clips

# Joints that the official PCK and AUC leave out: root, spine and the middle of the
# head, which is the third joint that Human3.6M's sets call neck_nose.
_NOT_COUNTED = frozenset({"pelvis", "hip", "spine", "neck_nose"})


class MpiInf3dhpProtocol(Protocol):
    """Scores pooled frames, and the same by scene, sequence and activity."""

    def compared(self, predicted: np.ndarray, root: int) -> np.ndarray:
        """Returns the prediction with its root overwritten by 0."""
        predicted = predicted.copy()
        predicted[:, root] = 0
        return predicted

    def published_scores(
        self,
        predicted: np.ndarray,
        target: np.ndarray,
        clips: "Clips",
        frames: np.ndarray,
    ) -> dict[str, Any]:
        """Computes MPJPE over all joints, PCK and AUC over 14 of them and over all."""
        # Configs import this module; metrics imports JAX, which takes a second.
        from jaxpose import metrics

        errors = np.asarray(metrics.joint_errors(predicted, target))
        errors = errors * np.float32(MILLIMETRES)
        counted = errors[:, pck_joints(clips.skeleton)]
        per_frame = {"mpjpe": errors.mean(-1)}
        for suffix, joints in (("", counted), ("_all_joints", errors)):
            pck, auc = metrics.pck_per_pose(joints), metrics.auc_per_pose(joints)
            per_frame[f"pck{suffix}"] = 100 * np.asarray(pck)
            per_frame[f"auc{suffix}"] = 100 * np.asarray(auc)
        scores = mean_scores(per_frame)
        clip = [clips.index[number] for number in clips.clip_of_frame[frames]]
        scenes, sequences = [c.action for c in clip], [c.subject for c in clip]
        scores["per_scene"] = mean_scores_by_group(per_frame, scenes)
        scores["per_sequence"] = mean_scores_by_group(per_frame, sequences)
        # P-STMO's npz files do not say what a frame shows.
        if clips.activity is not None and clips.activity[frames].all():
            numbers = clips.activity[frames].tolist()
            activities = [facts.ACTIVITIES[k] for k in numbers]
            scores["per_activity"] = mean_scores_by_group(per_frame, activities)
        return scores

    def describe_scores(self, clips: "Clips") -> dict[str, Any]:
        """Returns which frames and joints count, and below which thresholds."""
        from jaxpose import metrics

        skeleton = get_skeleton(clips.skeleton)
        return {
            "published_average": "over all valid frames of the sequences",
            "root": "prediction overwritten by 0",
            "pck_threshold_mm": metrics.PCK_THRESHOLD_MM,
            "auc_thresholds_mm": "0, 5, ..., 150",
            "pck_joints": [skeleton.joints[k] for k in pck_joints(skeleton.name)],
            "pck_all_joints": f"all {skeleton.num_joints}, root included",
        }


def pck_joints(skeleton: str) -> tuple[int, ...]:
    """Returns the 14 joints of P.5 that PCK and AUC count.

    Head (top), neck, shoulders, elbows, wrists, hips, knees and ankles.

    Args:
      skeleton: 3DHP's joints, or a set of Human3.6M's.
    """
    if skeleton == "mpi_inf_3dhp_17":
        return facts.PCK_JOINTS
    joints = enumerate(get_skeleton(skeleton).joints)
    return tuple(k for k, name in joints if name not in _NOT_COUNTED)


def _frames_by_take(subject: str) -> dict[str, int]:
    """Returns the frames of all cameras of each take; each is an action here."""
    takes = facts.TRAIN[subject].items()
    return {take: len(facts.CAMERAS) * frames for take, (frames, _) in takes}


PROTOCOL = MpiInf3dhpProtocol(
    name="mpi_inf_3dhp",
    train_subjects=tuple(facts.TRAIN),
    validation_subjects=("S8",),
    test_subjects=tuple(facts.TEST),
    skeleton="mpi_inf_3dhp_17",
    target_scale=MILLIMETRES,
    train_frames={subject: _frames_by_take(subject) for subject in facts.TRAIN},
    scores=("pck", "auc", "mpjpe"),
)
