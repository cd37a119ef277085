"""Lifts the frames of a camera as they come, whatever its frame rate."""

import collections
from typing import Any

import jax
import ml_collections
import numpy as np

from jaxpose.body.layouts import layout_name
from jaxpose.body.skeletons import get_skeleton
from jaxpose.data.requirements import require_finite
from jaxpose.errors import JaxposeError
from jaxpose.inference.keypoints import normalise_keypoints
from jaxpose.inference.predictor import make_lift
from jaxpose.inference.rates import Rates
from jaxpose.models.base import LiftingModel
from jaxpose.precision import matmul_precision
from jaxpose.recordings import joints, timeline
from jaxpose.recordings.layouts import choose_layout
from jaxpose.recordings.options import Options


class LiveLifter:
    """Lifts one frame per call: `positions_3d = live(keypoints, scores)`.

    A pose depends on its frame and on earlier ones. The model sees them at the nearest
    rate that it knows; between frames they are interpolated linearly. At a rate that it
    knows, and while all joints are seen, poses are those of lifting all frames at once.

    A joint that is not seen stays where it was last seen. Until it is first seen, it is
    estimated from the rest of the body.

    Attributes:
      joints: names of the joints of the poses.
    """

    def __init__(
        self,
        model: LiftingModel,
        variables: Any,
        config: ml_collections.ConfigDict,
        known: Rates,
        options: Options,
        where: str,
    ):
        """Compiles the program, so that no frame has to wait for it.

        Args:
          model: a model whose poses depend on no later frame.
          variables: its weights.
          config: precision and flip averaging.
          known: the rates that the model knows.
          options: image size and rate of the camera, and the joint order; None: it is
            chosen by the first frame that shows anybody.
          where: name of the weights, for errors.

        Raises:
          JaxposeError: the model needs frames that have not come yet.
        """
        _require_causal(model)
        self.joints = get_skeleton(model.skeleton).joints
        self._model, self._variables, self._options = model, variables, options
        self._precision, self._where = config.precision, where
        self._root = get_skeleton(model.skeleton).root
        self._layout = options.layout and layout_name(options.layout)
        num_joints = get_skeleton(model.keypoints_skeleton).num_joints
        self._held = np.full((num_joints, 2), np.nan)

        # The window ends at the newest frame, 0; these are its frames, from there back.
        fps = options.fps or 1.0
        step = timeline.frames_per_sample(fps, known.nearest(fps))
        length = model.receptive_field
        self._offsets = -step * np.arange(length - 1, -1, -1)
        kept = int(np.ceil(step * (length - 1))) + 1
        self._frames: collections.deque[np.ndarray] = collections.deque(maxlen=kept)

        lift = make_lift(model, config.flip_average)

        def lift_window(variables: Any, window: jax.Array) -> jax.Array:
            positions, _ = lift(variables, (window[None],))
            return positions[0, 0]

        self._lift_window = jax.jit(lift_window)
        shape = (length, num_joints, model.keypoint_features)
        self._lift(np.zeros(shape, np.float32))

    def __call__(self, keypoints: Any, scores: Any = None) -> np.ndarray:
        """Lifts the next frame.

        Args:
          keypoints: `[J, 2]` x and y in pixels, or `[J, 3]` with a confidence; NaN,
            (0, 0) or a low confidence where a joint is not seen; None where nobody is.
          scores: `[J]` confidences, beside keypoints of two numbers.

        Returns:
          Positions `[J2, 3]` float64, metres, camera axes, relative to the root: joints
          of the model. NaN until a frame shows enough of a person.

        Raises:
          JaxposeError: another shape, or another number of joints than before.
        """
        frame = None if keypoints is None else self._read(keypoints, scores)
        if frame is None and not self._frames:
            return np.full((len(self.joints), 3), np.nan)
        if frame is None:
            # Nobody is seen: the person stays, and no keypoint is trusted.
            frame = self._frames[-1].copy()
            frame[:, 2:] = 0
        self._frames.append(frame)
        frames = np.stack(self._frames)
        places = np.maximum(self._offsets + len(frames) - 1, 0)
        positions = self._lift(timeline.sample(frames, places)).astype(np.float64)
        require_finite(positions[None], self._where)
        return positions - positions[self._root]

    def _lift(self, window: np.ndarray) -> np.ndarray:
        """Returns the pose `[J2, 3]` at the end of a window `[T, J, C]`."""
        with matmul_precision(self._precision):
            return np.asarray(self._lift_window(self._variables, window))

    def _read(self, keypoints: Any, scores: Any) -> np.ndarray | None:
        """Returns the input of the model for a frame `[J, C]`; None: no person."""
        xy, confidence = self._split(keypoints, scores)
        if not (confidence > 0).any():
            return None
        if self._layout is None:
            together = np.concatenate([xy, confidence[:, None]], axis=-1)
            self._layout = choose_layout(together[None]).name
        expected = get_skeleton(self._layout).num_joints
        if len(xy) < expected:
            raise JaxposeError(
                f"a frame has {len(xy)} joints, and {self._layout} has {expected}; "
                "name the joint order with layout="
            )
        xy, confidence = xy[None, :expected], confidence[None, :expected]
        skeleton = self._model.keypoints_skeleton
        found = joints.to_model_joints(xy, self._layout, skeleton)[0]
        is_found = np.isfinite(found).all(axis=-1)
        self._held[is_found] = found[is_found]
        filled = self._held[None]
        if not np.isfinite(filled).all():
            try:
                filled, _ = joints.fill_in(filled, np.zeros(1), True, skeleton)
            except JaxposeError:  # too little of the person
                return None
        if self._model.keypoint_features == 3:
            trust = joints.to_model_confidence(xy, confidence, self._layout, skeleton)
            filled = np.concatenate([filled, trust[..., None]], axis=-1)
        size = self._options.image_size or (1, 1)
        return normalise_keypoints(filled, size, self._model)[0]

    def _split(self, keypoints: Any, scores: Any) -> tuple[np.ndarray, np.ndarray]:
        """Returns pixels `[J, 2]`, NaN where not seen, and confidences `[J]`.

        What counts as seen is decided for each frame alone, without the rules that
        compare the frames of a file (`jaxpose.recordings.seen`).
        """
        array = np.array(keypoints, np.float64)
        if array.ndim != 2 or array.shape[1] not in (2, 3):
            raise JaxposeError(
                f"a frame is {list(array.shape)}, expected [joints, 2 or 3] of one "
                "person"
            )
        xy = array[:, :2]
        confidence = np.ones(len(xy))
        if scores is not None:
            confidence = np.array(scores, np.float64)
        elif array.shape[1] == 3:
            confidence = array[:, 2]
        if confidence.shape != (len(xy),):
            raise JaxposeError(
                f"scores is {list(confidence.shape)}, expected one per joint, "
                f"[{len(xy)}]"
            )
        seen = np.isfinite(xy).all(axis=-1)
        seen &= ~((xy[:, 0] == xy[:, 1]) & (xy[:, 0] <= 0))
        seen &= confidence >= self._options.min_confidence
        confidence = np.where(seen, np.clip(confidence, 0, 1), 0.0)
        return np.where(seen[:, None], xy, np.nan), confidence


def _require_causal(model: LiftingModel) -> None:
    """Raises JaxposeError where a pose depends on frames after its own."""
    if model.frames_ahead:
        raise JaxposeError(
            f"these weights of {type(model).__name__} cannot stream: a pose depends on "
            f"the {model.frames_ahead} frames after its own. Models of a single frame "
            "can, and causal ones (config.model.causal=True)"
        )
