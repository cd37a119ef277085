"""What a data set is trained and scored under: subjects, unit and published scores."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxpose.errors import JaxposeError

if TYPE_CHECKING:  # clips are only passed on here
    from jaxpose.data.clips import Clips

MILLIMETRES = 1000.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Protocol:
    """The protocol of a data set: who is trained on and scored, and how.

    Configs name it by the data set (`jaxpose.config.data_fields`). A data set whose
    scores are more than means over actions subclasses it and overrides methods.

    Attributes:
      name: name of the data set, as its builder has it.
      train_subjects: subjects to train on, those of `validation_subjects` among them.
      validation_subjects: held out of `train_subjects` to select the checkpoint, unless
        `config.protocol` is `paper`; empty selects the last one.
      test_subjects: subjects to score.
      actions: actions to train on and to score; None means all.
      skeleton: joints of the poses, those of the builder's first config.
      target_scale: unit of the training targets, in 1/metre: 1 is metres, 1000
        millimetres.
      train_frames: published number of frames of all cameras, by training subject and
        action; empty where none are published.
      scores: names of the published scores in the results, the first one first.
    """

    name: str
    train_subjects: tuple[str, ...] = ()
    validation_subjects: tuple[str, ...] = ()
    test_subjects: tuple[str, ...] = ()
    actions: tuple[str, ...] | None = None
    skeleton: str = "h36m_17"
    target_scale: float = 1.0
    train_frames: Mapping[str, Mapping[str, int]] = dataclasses.field(
        default_factory=dict
    )
    scores: tuple[str, ...] = ("mpjpe", "p_mpjpe")

    def count_frames(
        self, subjects: Iterable[str], actions: Iterable[str] | None = None
    ) -> int:
        """Counts the published training frames of `subjects`, all cameras together.

        Args:
          subjects: training subjects.
          actions: actions that count; None means all.

        Raises:
          JaxposeError: none are published for a subject or action.
        """
        total = 0
        for subject in subjects:
            frames = self.train_frames.get(subject)
            if frames is None:
                raise JaxposeError(
                    f"data set {self.name!r} publishes no number of frames of subject "
                    f"{subject!r}; set config.steps_per_epoch"
                )
            for action in frames if actions is None else actions:
                if action not in frames:
                    raise JaxposeError(
                        f"data set {self.name!r} publishes no number of frames of "
                        f"{subject!r} {action!r}; it has {', '.join(frames)}"
                    )
                total += frames[action]
        return total

    def compared(self, predicted: np.ndarray, root: int) -> np.ndarray:
        """Returns the prediction as it is compared with the root-relative truth.

        Args:
          predicted: `[M, J, 3]`, metres, relative to the root.
          root: index of the root joint.
        """
        del root
        return predicted

    def published_scores(
        self,
        predicted: np.ndarray,
        target: np.ndarray,
        clips: "Clips",
        frames: np.ndarray,
    ) -> dict[str, Any] | None:
        """Computes the numbers of the benchmark's own tables.

        Args:
          predicted: `[M, J, 3]`, metres, root-relative, as `compared` returns it.
          target: `[M, J, 3]`, likewise.
          clips: the test clips.
          frames: `[M]`, the scored frames.

        Returns:
          Totals by metric, and under `per_*` the same by group: errors in millimetres,
          PCK and AUC in per cent. None where the tables hold means over actions (P.3),
          which every score has.
        """
        return None

    def describe_scores(self, clips: "Clips") -> dict[str, Any]:
        """Returns how the scores are measured, to be printed beside them."""
        if clips.metres_per_unit is not None:
            return {
                "units": "predicted in image space, scaled to millimetres by each "
                "frame's 2.5d_factor"
            }
        return {}


def mean_scores(
    per_frame: Mapping[str, np.ndarray], chosen: np.ndarray | None = None
) -> dict[str, Any]:
    """Averages scores over frames.

    Args:
      per_frame: `[M]` per score.
      chosen: `[M]` bool, the frames that count; None means all.

    Returns:
      The mean of each score, and the number of `frames`.
    """
    if chosen is None:
        chosen = np.ones(len(next(iter(per_frame.values()))), bool)
    row: dict[str, Any] = {}
    for name, values in per_frame.items():
        row[name] = float(values[chosen].mean(dtype=np.float64))
    row["frames"] = int(chosen.sum())
    return row


def mean_scores_by_group(
    per_frame: Mapping[str, np.ndarray], groups: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """Averages scores over the frames of each group, in order of first appearance.

    Args:
      per_frame: `[M]` per score.
      groups: the group of each of the M frames.
    """
    names = np.array(list(groups))
    rows = {}
    for group in dict.fromkeys(names.tolist()):
        rows[group] = mean_scores(per_frame, names == group)
    return rows
