"""MotionBERT's evaluation of Human3.6M in image space, as a reference for `scoring`."""

from collections.abc import Iterable, Mapping

import numpy as np

from jaxpose.datasets.human36m.motionbert import ImageSpaceClip

Windows = Iterable[tuple[np.ndarray, np.ndarray]]


def to_pixels(positions: np.ndarray, image_size: tuple[int, int]) -> np.ndarray:
    """Inverts `motionbert.to_screen`: half image widths `[..., 3]` to pixels."""
    width, height = image_size
    return (positions + np.array([1, height / width, 0])) * (width / 2)


def mpjpe_by_action(
    clips: Iterable[ImageSpaceClip], predictions: Mapping[str, Windows]
) -> dict[str, float]:
    """Computes MPJPE in millimetres as MotionBERT does, by action, and `average`.

    Predictions are brought to pixels, multiplied by the factor of their frame, made
    relative to the root and compared with the root-relative ground truth. A frame that
    several windows cover, or that one window repeats, gets the mean of its predictions.
    The score of an action is the mean over its frames.

    Args:
      clips: clips of the test split.
      predictions: windows by `ImageSpaceClip.source`. A window is the frame numbers
        `[T]` within the clip and the positions `[T, 17, 3]` in half image widths. They
        cover every frame of a scored clip.

    Returns:
      Millimetres by action in alphabetical order, then `average`.
    """
    errors: dict[str, list[np.ndarray]] = {}
    for clip in clips:
        if not clip.scored:
            continue
        total = np.zeros(clip.positions_image.shape)
        count = np.zeros(len(total))
        for frame_numbers, positions in predictions.get(clip.source, ()):
            np.add.at(total, frame_numbers, positions)
            np.add.at(count, frame_numbers, 1)
        assert count.all(), f"{clip.source}: some frames have no prediction"

        predicted = to_pixels(total / count[:, None, None], clip.camera.image_size)
        predicted = predicted * clip.factor[:, None, None]
        predicted = predicted - predicted[:, :1]
        target = clip.positions_mm - clip.positions_mm[:, :1]
        distances = np.linalg.norm(predicted - target, axis=-1).mean(axis=-1)
        errors.setdefault(clip.action, []).append(distances)

    scores = {}
    for action in sorted(errors):
        scores[action] = float(np.concatenate(errors[action]).mean())
    return {**scores, "average": float(np.mean(list(scores.values())))}
