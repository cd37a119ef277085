"""A run: one training, its working directory, and what can be done with its weights."""

import functools
import os
import pathlib
from collections.abc import Mapping
from typing import Any, Self

import jax
import ml_collections
import numpy as np
from jax.sharding import Mesh

from jaxpose.body.skeletons import get_skeleton
from jaxpose.config import check_fields, check_names, follow_dataset
from jaxpose.data import requirements
from jaxpose.data.clips import Clips
from jaxpose.errors import JaxposeError
from jaxpose.inference import rates
from jaxpose.inference.doubts import Doubter
from jaxpose.inference.keypoints import normalise_keypoints
from jaxpose.inference.lifting import RateMatchedLifter
from jaxpose.inference.predictor import Predictor
from jaxpose.models import build_model
from jaxpose.models.base import LiftingModel
from jaxpose.models.contract import check_contract
from jaxpose.models.cost import summary, variable_shapes
from jaxpose.parallel import sharding
from jaxpose.precision import matmul_precision
from jaxpose.recordings.settings import LEAST_FPS, MOST_FPS
from jaxpose.scoring.evaluate import score, scored_frames
from jaxpose.training import earlier_formats, setup, workdirs
from jaxpose.training.checkpoints import Restored, read_best
from jaxpose.training.state import TrainState
from jaxpose.weights import Weights, save_weights
from jaxpose.wording import shown

PathLike = str | os.PathLike[str]

# What a file of weights says of the run that it comes from.
_OF_WEIGHTS = (
    *("data", "fps", "body_heights"),
    *("converted_from", "fine_tuned_from", "lifting_model"),
)


class Run:
    """A training and its results, kept in one working directory.

        run = Run.open("runs/ampose")
        positions_3d = run.lift(keypoints_2d, image_size=(1920, 1080))

    `open` reads a run that is finished or goes on elsewhere; `create` begins or resumes
    one. Nothing is written before `train`, `evaluate`, `write_predictions` or
    `save_weights`.

    Attributes:
      config: the config that this object scores and lifts with.
      trained: the config that the run was trained with; it differs from `config` where
        `open` was given another one.
      workdir: directory of the run.
      model: the lifting model.
    """

    def __init__(
        self,
        config: ml_collections.ConfigDict,
        trained: ml_collections.ConfigDict,
        workdir: pathlib.Path,
    ):
        """Builds the model; `open` and `create` check the arguments first."""
        self.config = config
        self.trained = trained
        self.workdir = workdir
        self.model: LiftingModel = build_model(config)

    def __repr__(self) -> str:
        """Returns directory, model, parameters and data on one line; reads no file."""
        config = self.trained
        parameters = variable_shapes(self.model)["params"]
        facts = summary(config.model.name, config.dataset.name, self.model, parameters)
        return f"<Run {self.workdir}: {facts}>"

    @classmethod
    def open(
        cls,
        workdir: PathLike,
        config: ml_collections.ConfigDict | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> Self:
        """Opens the run in `workdir`; writes nothing there.

            Run.open("runs/ampose", changes={"dataset.name": "cmu_mocap/gt"})

        Args:
          workdir: directory of a run.
          config: other test data, batch size, precision or flip averaging than the run
            was trained with; None: the config of the run. The unit of targets is always
            that of the run. Another data set without test subjects or actions of its
            own gets those of its protocol.
          changes: values of single fields by their dotted names.

        Raises:
          JaxposeError: no run is there, its format is unknown, the model is another
            one, or a field does not exist.
        """
        directory = absolute_path(workdir)
        trained = workdirs.load_config(directory)
        config = (config or trained).copy_and_resolve_references()
        config.update_from_flattened_dict(dict(changes or {}))
        check_fields(config)
        # Anything may differ from the training but what the weights depend on.
        workdirs.check_model(config, trained, directory)
        config.target_scale = trained.target_scale
        follow_dataset(config, trained)
        return cls(config, trained, directory)

    @classmethod
    def create(cls, config: ml_collections.ConfigDict, workdir: PathLike) -> Self:
        """Prepares the run of `config` in `workdir`, which may hold its beginning.

        Raises:
          JaxposeError: a field that no run could use, a model that breaks the contract
            (`jaxpose.models.base`), or a run of another config.
        """
        check_fields(config)
        check_names(config)
        directory = absolute_path(workdir)
        # A mistake in the model is reported before the difference that it makes.
        run = cls(config, config, directory)
        check_contract(run.model)
        workdirs.check_config(config, directory)
        return run

    @functools.cached_property
    def mesh(self) -> Mesh:
        """Returns all devices, as one axis over which batches are divided."""
        return sharding.make_mesh()

    @property
    def state(self) -> TrainState:
        """Returns the best checkpoint that can be read, when it is first needed.

        Raises:
          JaxposeError: no complete checkpoint, or the system refuses to read it.
        """
        return self.restored.state

    @functools.cached_property
    def restored(self) -> Restored:
        """Returns the state, and the better checkpoints that cannot be read."""
        # The optimiser is that of the run: a checkpoint holds its state, too.
        like = setup.checkpoint_shapes(self.trained, self.model, self.mesh)
        best = read_best(self.workdir, like)
        if best is None:
            raise JaxposeError(f"{self.workdir} holds no complete checkpoint")
        return best

    @property
    def variables(self) -> dict[str, Any]:
        """Returns the weights of the best checkpoint, as `model.apply` takes them."""
        return self.state.variables

    @property
    def step(self) -> int:
        """Returns the number of updates before the best checkpoint."""
        return int(self.state.step)

    @functools.cached_property
    def unit(self) -> str:
        """Returns the unit of predictions, `metre` or `half image width`."""
        environment = workdirs.load_environment(self.workdir)
        if "unit" in environment:
            return environment["unit"]
        return earlier_formats.unit_of(self.trained.dataset.name, self.workdir)

    def predictor(self, clips: Clips) -> Predictor:
        """Returns a predictor of frames of `clips`, which it puts on the devices.

        Raises:
          JaxposeError: the clips have other joints, or no cameras where the model reads
            them.
        """
        requirements.require_readable(self.model, clips)
        return Predictor(
            self.model,
            clips,
            flip_average=self.config.flip_average,
            batch_size=self.config.eval_batch_size,
            mesh=self.mesh,
        )

    def predict(self, clips: Clips, frame_numbers: np.ndarray) -> np.ndarray:
        """Predicts frames of `clips` with the best checkpoint; they need no truth.

        Args:
          clips: the clips.
          frame_numbers: `[M]` int, rows of the clips' arrays in any order.

        Returns:
          Root-relative positions `[M, J, 3]`, camera frame, in units of `unit`. The
          root is where the model puts it, near 0: scores count its error, as those of
          the papers do. `lift` has it at 0.
        """
        with matmul_precision(self.config.precision):
            positions = self.predictor(clips)(self.variables, frame_numbers)
        requirements.require_finite(positions, self.workdir)
        return positions

    def score(self, clips: Clips) -> dict[str, Any]:
        """Scores the best checkpoint on `clips`.

        Returns:
          Errors in millimetres: `mpjpe`, `p_mpjpe`, `n_mpjpe`, `mpjve`, and more; see
          `jaxpose.scoring.evaluate.score`.

        Raises:
          JaxposeError: the clips have other joints, another unit, or no truth.
        """
        requirements.require_unit(self.unit, self.trained.dataset.name, clips)
        frame_numbers = scored_frames(clips)
        return score(self.predict(clips, frame_numbers), clips, frame_numbers)

    def lift(
        self,
        keypoints_2d: np.ndarray,
        image_size: tuple[int, int],
        fps: float | None = None,
        layout: str | None = None,
    ) -> np.ndarray:
        """Lifts the keypoints of one person in consecutive frames.

        Compiles for a few lengths only, whatever the number of frames
        (`jaxpose.inference.predictor.LADDER`).

        Args:
          keypoints_2d: `[F, J2, 2 or 3]`, pixels x and y, and a confidence where the
            model reads one; joints in the order of `layout`.
          image_size: width and height of the image, pixels.
          fps: frames per second. A model of several frames sees them at the rate that
            it was trained at; keypoints are interpolated where that needs it. None: the
            frames are taken to have that rate.
          layout: name of the keypoints' joint order, which is converted to that of the
            model; None: it is that of `model.keypoints_skeleton`.

        Returns:
          Positions `[F, J, 3]` float32, metres, camera frame (x right, y down, z
          forward), relative to the root, which is at 0; joints in the order of
          `model.skeleton`.

        Raises:
          JaxposeError: another shape, a keypoint that is not finite, an image without
            an area, a layout that no rule converts, or a model that needs more than
            keypoints.
        """
        requirements.require_liftable(
            self.model, self.unit, self.trained.dataset.name, self.workdir
        )
        if fps is not None and not rates.is_rate(fps):
            raise JaxposeError(
                f"fps={shown(fps)} must be a finite number above 0: frames per second, "
                f"from {LEAST_FPS} to {MOST_FPS:,}"
            )
        keypoints = normalise_keypoints(keypoints_2d, image_size, self.model, layout)
        skeleton = self.model.keypoints_skeleton
        found = self.doubter.doubts(keypoints[..., :2], skeleton, image_size, fps)
        self.doubter.warn("keypoints_2d", found)
        return self._at_root(self._lifter(self.variables, keypoints, fps))

    def _at_root(self, positions_3d: np.ndarray) -> np.ndarray:
        """Returns poses `[F, J, 3]` whose root is at 0 exactly, wherever it was."""
        root = get_skeleton(self.model.skeleton).root
        return positions_3d - positions_3d[:, root, None]

    @functools.cached_property
    def _lifter(self) -> RateMatchedLifter:
        """Lifts for all calls: it keeps the compiled programs."""
        return RateMatchedLifter(
            self.model, self.config, self.known_rates, self.mesh, self.workdir
        )

    @functools.cached_property
    def doubter(self) -> Doubter:
        """Warns of keypoints that are unlike those of the training."""
        heights = workdirs.load_environment(self.workdir).get("body_heights")
        return Doubter(tuple(heights) if heights else None)

    @functools.cached_property
    def known_rates(self) -> rates.Rates:
        """Returns the frame rates that the weights know."""
        environment = workdirs.load_environment(self.workdir)
        return rates.known_rates(self.model, self.trained, environment)

    def train(self) -> dict[str, Any]:
        """Trains to the end, resuming what the directory holds, then evaluates.

        A signal saves a checkpoint and leaves the program with status 143 (SIGTERM) or
        130 (Ctrl-C); the same call goes on from there.

        Returns:
          What it writes to `<workdir>/results.json`.

        Raises:
          JaxposeError: bad data, a directory in use, or a loss that is not finite.
        """
        # Imported here and below: lifting needs neither data sets nor pictures.
        from jaxpose.train import train

        return train(self)

    def evaluate(self) -> dict[str, Any]:
        """Scores the best checkpoint on the test subjects of `config`; draws a picture.

        The data set may be another than the one trained on; the files then bear its
        name, and those of the run's own data stay. They also stay where the best
        checkpoint cannot be read, and the results say so. The baselines are fitted on
        the training data of the run, and left out where that is not prepared here.

        Returns:
          What it writes to `<workdir>/results.json`, `results_<data set>.json` or
          `results_step_<step>.json`.

        Raises:
          JaxposeError: no checkpoint, or data with other joints or another unit.
        """
        from jaxpose.evaluate import evaluate

        return evaluate(self)

    def write_predictions(self, **settings: Any) -> list[pathlib.Path]:
        """Lifts the recordings of the test subjects, of all where `config` names none.

        They need no truth. The model sees them at the rate that it was trained at, and
        every frame gets a pose. The files are those of `jaxpose lift`, in
        `<workdir>/predictions_<data set>` unless a folder is named.

        Args:
          **settings: fields of `jaxpose.results.Results`: `formats`, `folder`,
            `overwrite`, `smooth`, `root` and `upright`.

        Returns:
          The files, in the order of the data set.

        Raises:
          JaxposeError: no checkpoint, an unknown subject, data with other joints, a
            model that needs more than keypoints, or recordings that were not lifted.
        """
        from jaxpose.predict import predict

        return predict(self, settings)

    def save_weights(self, variables: dict[str, Any], source: dict[str, str]) -> None:
        """Writes weights that were trained elsewhere, as a checkpoint of step 0.

        Args:
          variables: weights of `model`, `params` and any `batch_stats`.
          source: the file that they come from; see `origins.describe_file`.

        Raises:
          JaxposeError: the directory cannot be written.
        """
        from jaxpose.beginning import begin_with_weights

        begin_with_weights(self, variables, source)

    @property
    def weights(self) -> Weights:
        """Returns the best checkpoint with all that lifting needs, for `jaxpose.load`.

        Raises:
          JaxposeError: no complete checkpoint.
        """
        environment = workdirs.load_environment(self.workdir)
        description = {"unit": self.unit, "step": self.step}
        # Whoever gets the file must know that a better checkpoint was lost.
        if unreadable := self.restored.unreadable:
            description["unreadable_better_steps"] = unreadable
        for name in _OF_WEIGHTS:
            if name in environment:
                description[name] = environment[name]
        description["run_format"] = workdirs.FORMAT
        name = f"{self.workdir.name} step {self.step}"
        if unreadable:
            name += f" (step {unreadable[0]} was preferred and cannot be read)"
        return Weights(name, self.config, jax.device_get(self.variables), description)

    def export(self, path: PathLike, dtype: str = "float32") -> None:
        """Writes the best checkpoint as one file, which `jaxpose.load` reads.

        Args:
          path: the file, `NAME.safetensors`.
          dtype: of the numbers in it: float32, or float16 for half the size.

        Raises:
          JaxposeError: no complete checkpoint, or a file that cannot be written.
        """
        save_weights(path, self.weights, dtype)


def absolute_path(workdir: PathLike) -> pathlib.Path:
    """Returns the absolute path of a directory, `~` expanded."""
    # A shell leaves ~ as it is behind "=", as in --workdir=~/run.
    return pathlib.Path(workdir).expanduser().absolute()
