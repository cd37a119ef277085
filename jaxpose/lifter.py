"""Lifts keypoints and recordings to 3D poses with trained weights.

    lifter = jaxpose.load()
    pose = lifter.read("alphapose.json")
    pose = lifter(keypoints, image_size=(1920, 1080), fps=30, layout="coco_17")

Nothing here imports data sets, optimisers or checkpoints, unless a workdir is opened.
"""

import dataclasses
import os
import pathlib
from collections.abc import Callable
from typing import Any, overload

import jax
import numpy as np
from absl import logging

from jaxpose.body.skeletons import get_skeleton
from jaxpose.data import requirements
from jaxpose.datasets.camera import checked_intrinsics
from jaxpose.detect import is_video, read_video
from jaxpose.errors import JaxposeError
from jaxpose.inference import onnx_export
from jaxpose.inference.exported import ExportedModel, export_program
from jaxpose.inference.keypoints import normalise_keypoints
from jaxpose.inference.lifting import RateMatchedLifter
from jaxpose.inference.live import LiveLifter
from jaxpose.inference.rates import known_rates
from jaxpose.models import build_model
from jaxpose.models.base import LiftingModel
from jaxpose.models.cost import summary
from jaxpose.parallel import sharding
from jaxpose.pose import Pose, root
from jaxpose.recordings import arrays, joints, reader
from jaxpose.recordings.layouts import MIN_CONFIDENCE
from jaxpose.recordings.options import Options
from jaxpose.recordings.recording import Recording
from jaxpose.weights import ENDING, Weights, load_weights, save_weights
from jaxpose.wording import cut, in_python, naming_arguments, printable

RELEASED = pathlib.Path(__file__).parent / "released"


def load(source: str | os.PathLike[str] | None = None) -> "Lifter":
    """Loads weights and returns what lifts with them.

    Args:
      source: a workdir, or a file of `Run.export`; None: the released weights, which
        read a window around each frame, and before it where `Lifter.stream` is called.

    Raises:
      JaxposeError: there are no such weights, they are damaged, or they need more than
        keypoints.
    """
    if source is None:
        return Lifter(_load_released("centred"), lambda: _load_released("causal"))
    path = pathlib.Path(source).expanduser()
    if path.is_dir():
        # Checkpoints need libraries that nothing else here does.
        from jaxpose.run import Run

        return Lifter(Run.open(path).weights)
    if not path.exists():
        raise JaxposeError(
            f"{source} does not exist; expected the workdir of a run, or a file "
            f"NAME{ENDING} of Run.export"
        )
    return Lifter(load_weights(path))


def _load_released(name: str) -> Weights:
    """Returns the weights in the package."""
    path = RELEASED / f"{name}{ENDING}"
    if not path.exists():
        raise JaxposeError(
            f"this jaxpose comes without released weights ({path} is not there); name "
            f"your own: the workdir of a run, or a file NAME{ENDING} (--model=...)"
        )
    return dataclasses.replace(load_weights(path), name=f"jaxpose {name}")


class Lifter:
    """Lifts keypoints of people to 3D poses; keeps the compiled programs.

    Attributes:
      name: of the weights.
      config: the config that they were trained with.
      model: the lifting model.
      variables: the weights, as `model.apply` takes them.
    """

    def __init__(
        self, weights: Weights, load_causal: Callable[[], Weights] | None = None
    ):
        """Builds the model.

        Args:
          weights: trained weights.
          load_causal: loads the weights for streams; None: they are the same.

        Raises:
          JaxposeError: weights that need more than keypoints.
        """
        self.name = weights.name
        self._weights = weights
        self.config = weights.config
        if weights.program is None:
            self.model: LiftingModel = build_model(weights.config)
        else:
            self.model = ExportedModel.of(weights.program, weights.name)
        requirements.require_liftable(
            self.model,
            weights.description["unit"],
            weights.config.dataset.name,
            weights.name,
        )
        mesh = sharding.make_mesh()
        self.variables = sharding.put_replicated(
            jax.tree.map(np.asarray, weights.variables), mesh
        )
        self._known = known_rates(self.model, weights.config, weights.description)
        self._load_causal = load_causal
        self._lift = RateMatchedLifter(
            self.model, weights.config, self._known, mesh, weights.name
        )

    def __repr__(self) -> str:
        """Returns the weights' name, model, parameters and data on one line."""
        config, parameters = self.config, self.variables["params"]
        facts = summary(config.model.name, config.dataset.name, self.model, parameters)
        return f"<Lifter {self.name}: {facts}>"

    def __call__(
        self,
        keypoints: Any,
        *,
        image_size: tuple[int, int],
        fps: float,
        layout: str | None = None,
        scores: Any = None,
        intrinsics: tuple[float, float, float, float] | None = None,
        min_confidence: float = MIN_CONFIDENCE,
        estimate_missing: bool = False,
        force: bool = False,
    ) -> Pose:
        """Lifts the keypoints of one person in consecutive frames.

        They go through the rules for files (docs/recordings.md): which joints count as
        seen, how the others are filled in, and which keypoints are doubted or refused.

        Args:
          keypoints: `[F, J, 2 or 3]`, an array or nested lists: x right and y down in
            pixels, and perhaps a confidence.
          image_size: (width, height) in pixels.
          fps: frames per second.
          layout: joint order of the keypoints; None: by their number and the bones.
          scores: `[F, J]` confidences, where keypoints have two numbers.
          intrinsics: (fx, fy, cx, cy) in pixels, for the place of the person.
          min_confidence: joints of a lower confidence count as not seen.
          estimate_missing: whether a joint that is never seen is estimated.
          force: whether keypoints that look wrong are lifted all the same.

        Raises:
          JaxposeError: keypoints that cannot be used.
        """
        options = self.options(
            layout=layout,
            image_size=image_size,
            fps=fps,
            min_confidence=min_confidence,
            estimate_missing=estimate_missing,
            force=force,
        )
        with naming_arguments():
            recording = arrays.from_arrays(keypoints, scores, options)
            return self._lift_with_warnings(recording, options, intrinsics)

    @overload
    def read(
        self, path: str | os.PathLike[str], *, people: None = None, **settings: Any
    ) -> Pose: ...

    @overload
    def read(
        self, path: str | os.PathLike[str], *, people: int, **settings: Any
    ) -> list[Pose]: ...

    def read(
        self,
        path: str | os.PathLike[str],
        *,
        person: int = 1,
        people: int | None = None,
        intrinsics: tuple[float, float, float, float] | None = None,
        **settings: Any,
    ) -> Pose | list[Pose]:
        """Lifts a recording that a detector wrote: the main person, unless others.

        Args:
          path: a file, the folder of one video's frames, or a video, which needs the
            extra `video`.
          person: number of the person, 1 for the most present one by size and frames.
          people: how many of the most present people to lift, as a list.
          intrinsics: (fx, fy, cx, cy) in pixels, in place of those of the file.
          **settings: what the file does not say, or says wrongly: `layout`,
            `image_size`, `fps`, `min_confidence`, `estimate_missing`, `force`; see
            `jaxpose.recordings.read`.

        Raises:
          JaxposeError: nothing that can be used, or several videos.
        """
        number = None if people is not None else person
        options = self.options(person=number, **settings)
        file = pathlib.Path(path)
        read = read_video if is_video(file) else reader.read_with
        poses = []
        with naming_arguments():
            recordings = only_video(read(file, options), file)
            for recording in recordings[:people]:
                poses.append(self._lift_with_warnings(recording, options, intrinsics))
        return poses[0] if people is None else poses

    def stream(
        self,
        *,
        image_size: tuple[int, int],
        fps: float = 30.0,
        layout: str | None = None,
        min_confidence: float = MIN_CONFIDENCE,
    ) -> LiveLifter:
        """Returns a function that lifts one frame after the other as they come.

            live = lifter.stream(image_size=(1280, 720), fps=30)
            positions_3d = live(keypoints, scores)  # [J, 2], [J] -> [J2, 3]

        Args:
          image_size: (width, height) in pixels.
          fps: frames per second.
          layout: joint order of the keypoints; None: by the first frame.
          min_confidence: joints of a lower confidence count as not seen.

        Raises:
          JaxposeError: the weights need frames that have not come yet.
        """
        # The released weights have a form of their own for streams.
        if self._load_causal is not None:
            causal = Lifter(self._load_causal())
            return causal.stream(
                image_size=image_size,
                fps=fps,
                layout=layout,
                min_confidence=min_confidence,
            )
        options = self.options(
            image_size=image_size,
            fps=fps,
            layout=layout,
            min_confidence=min_confidence,
        )
        options = options.checked()
        return LiveLifter(
            self.model, self.variables, self.config, self._known, options, self.name
        )

    def export(self, path: str | os.PathLike[str], dtype: str = "float32") -> None:
        """Writes weights and compiled model as one file, which `load` runs.

        It runs on CPU, NVIDIA GPU and TPU, without the code of the model: other
        versions of jaxpose give the same poses. The ending `.onnx` writes a model for
        other programs instead, which `load` does not read
        (`jaxpose.inference.onnx_export`); experimental.

        Args:
          path: the file, `NAME.safetensors` or `NAME.onnx`.
          dtype: of the weights: float32, or float16 for half the size; ONNX files are
            float32.

        Raises:
          JaxposeError: a file that cannot be written, or what ONNX files need is not
            installed.
        """
        program = self._weights.program
        file = pathlib.Path(path).expanduser()
        if file.suffix == onnx_export.ENDING:
            if program is not None:
                raise JaxposeError(
                    f"{self.name} is a compiled program; export the run it is made of"
                )
            facts = {"weights": self.name, **dataclasses.asdict(self._known)}
            onnx_export.write_onnx(file, self.model, self.variables, facts)
            return
        if program is None:
            program = export_program(self.model, self.variables, self.config)
        save_weights(path, dataclasses.replace(self._weights, program=program), dtype)

    def options(self, **settings: Any) -> Options:
        """Returns the options with which recordings are read for this model."""
        return Options(skeleton=self.model.keypoints_skeleton, **settings)

    def _lift_with_warnings(
        self,
        recording: Recording,
        options: Options,
        intrinsics: tuple[float, float, float, float] | None,
    ) -> Pose:
        """Lifts a recording whose warnings nobody has printed."""
        for warning in recording.warnings:
            sentence = in_python(warning)
            logging.warning("%s: %s", printable(recording.name), sentence)
        if intrinsics is not None:
            stated = checked_intrinsics(intrinsics, "intrinsics")
            camera = dataclasses.replace(recording.camera, intrinsics=stated)
            recording = dataclasses.replace(recording, camera=camera)
        return self.lift(recording, options.estimate_missing)

    def lift(
        self,
        recording: Recording,
        estimate_missing: bool = False,
        straighten: bool = True,
    ) -> Pose:
        """Lifts a recording that was read with `options`.

        Args:
          recording: one person.
          estimate_missing: whether a joint that is never seen is estimated.
          straighten: whether the distortion of the lens, where known, is undone first.

        Returns:
          Positions in metres, camera axes (x right, y down, z forward), relative to the
          hip. `keypoints_2d` are those of the same joints in pixels of the source.

        Raises:
          JaxposeError: no conversion to the joints of the model, a joint that is never
            seen, or poses that are not finite.
        """
        # Straight lines stay straight: the lens is undone before joints are converted.
        camera, skeleton = recording.camera, self.model.keypoints_skeleton
        straight = _without_distortion(recording) if straighten else recording
        keypoints_2d, _ = reader.model_joints(straight, skeleton, estimate_missing)
        # The confidence of a joint is that of the joints it is made of.
        if self.model.keypoint_features == 3:
            confidence = joints.to_model_confidence(
                recording.keypoints_2d, recording.confidence, recording.layout, skeleton
            )
            parts = [keypoints_2d, confidence[..., None]]
            keypoints_2d = np.concatenate(parts, axis=-1)
        # Rates are matched in seconds, as in training.
        normalised = normalise_keypoints(keypoints_2d, camera.image_size, self.model)
        positions_3d = self._lift(self.variables, normalised, recording.rate)

        # The model's own error at the root is no motion of anybody.
        body = get_skeleton(self.model.skeleton)
        positions_3d = positions_3d.astype(np.float64)
        positions_3d -= positions_3d[:, body.root, None]
        # For the result: the same joints as the user sees them, in the source.
        shown = joints.to_model_joints(
            recording.keypoints_2d, recording.layout, body.name
        )
        return Pose(
            name=recording.name,
            positions_3d=positions_3d,
            seen=np.isfinite(shown).all(axis=-1),
            frames=recording.frames,
            times=recording.times,
            keypoints_2d=shown,
            camera=camera,
            skeleton=body.name,
            model=self.name,
            person=recording.person,
        )


def _without_distortion(recording: Recording) -> Recording:
    """Returns the keypoints where a lens without distortion shows them."""
    camera = recording.camera
    if camera.intrinsics is None or camera.distortion is None:
        return recording
    rays = root.to_rays(recording.keypoints_2d, camera.intrinsics, camera.distortion)
    straight = rays * camera.intrinsics[:2] + camera.intrinsics[2:]
    return dataclasses.replace(recording, keypoints_2d=straight)


def only_video(reading: reader.Reading, path: pathlib.Path) -> list[Recording]:
    """Returns the people of the only video that was read, the most present one first.

    Raises:
      JaxposeError: there is no recording that can be used, or there are several videos.
    """
    found = reading.recordings
    if not found:
        raise JaxposeError(reader.why_nothing(path, reading))
    names = list(dict.fromkeys(recording.video for recording in found))
    if len(names) > 1:
        raise JaxposeError(
            f"{path} holds {len(names)} videos ({cut(', '.join(names[:3]))}, ...): "
            "give the "
            "path of one, or lift all of them with `jaxpose lift`"
        )
    return found
