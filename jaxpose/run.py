"""A run: one training, its working directory, and what can be done with its weights."""

import dataclasses
import functools
import os
import pathlib
from collections.abc import Mapping
from typing import Any, Self

import jax
import ml_collections
import numpy as np
from absl import logging
from flax.traverse_util import flatten_dict
from jax.sharding import Mesh

from jaxpose.body.skeletons import get_skeleton
from jaxpose.config import check_fields, check_names, follow_dataset
from jaxpose.data import requirements, simulation, virtual_views
from jaxpose.data.clips import Clips, fingerprint, select_subjects
from jaxpose.datasets import get_builder
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
from jaxpose.parallel import agreement, hosts, sharding
from jaxpose.precision import matmul_precision
from jaxpose.scoring.evaluate import Evaluator, score, scored_frames
from jaxpose.training import setup, workdirs
from jaxpose.training.checkpoints import Checkpoints, Restored, read_best
from jaxpose.training.losses import loss_in_millimetres
from jaxpose.training.state import TrainState
from jaxpose.weights import Weights, save_weights
from jaxpose.whole_files import write_json
from jaxpose.wording import listed

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
        return self._restored.state

    @functools.cached_property
    def _restored(self) -> Restored:
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
        # Runs of format 1 do not say: the builder of their data set knows.
        name = self.trained.dataset.name
        try:
            builder = get_builder(name)
        except ImportError as error:
            raise JaxposeError(
                f"{self.workdir} was made by an earlier jaxpose, which did not save "
                f"the unit of {name!r}; install tensorflow-datasets, which finds it"
            ) from error
        if builder.builder_config.image_space:
            return requirements.HALF_IMAGE_WIDTH
        return requirements.METRE

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
        if fps is not None and not _is_rate(fps):
            raise JaxposeError(f"fps={fps!r} must be a finite number above 0")
        keypoints = normalise_keypoints(keypoints_2d, image_size, self.model, layout)
        skeleton = self.model.keypoints_skeleton
        found = self._doubter.doubts(keypoints[..., :2], skeleton, image_size, fps)
        self._doubter.warn("keypoints_2d", found)
        return self._at_root(self._lifter(self.variables, keypoints, fps))

    def _at_root(self, positions_3d: np.ndarray) -> np.ndarray:
        """Returns poses `[F, J, 3]` whose root is at 0 exactly, wherever it was."""
        root = get_skeleton(self.model.skeleton).root
        return positions_3d - positions_3d[:, root, None]

    @functools.cached_property
    def _lifter(self) -> RateMatchedLifter:
        """Lifts for all calls: it keeps the compiled programs."""
        return RateMatchedLifter(
            self.model, self.config, self._known_rates, self.mesh, self.workdir
        )

    @functools.cached_property
    def _doubter(self) -> Doubter:
        """Warns of keypoints that are unlike those of the training."""
        heights = workdirs.load_environment(self.workdir).get("body_heights")
        return Doubter(tuple(heights) if heights else None)

    @functools.cached_property
    def _known_rates(self) -> rates.Rates:
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
        from jaxpose.beginning import beginning_of
        from jaxpose.data import splits as data
        from jaxpose.training import loop
        from jaxpose.training.metric_writer import write_test_results

        # Everything that can be wrong is found before the directory is claimed.
        self._check_batches()
        splits = data.load_splits(self.config)
        _require_same_data(
            train=splits.train, validation=splits.validation, test=splits.test
        )
        self._check_training_data(splits.train, splits.test)
        begins = beginning_of(self)
        description = workdirs.describe_run(
            self.config, splits.train, **begins.description
        )
        workdirs.open_workdir(self.workdir)
        workdirs.check_data(description, self.workdir)

        # The best checkpoint is the one with the smallest error on these clips.
        selection = splits.test if self.config.select_on_test else splits.validation
        evaluator = None
        if selection.num_frames:
            evaluator = Evaluator(selection, self.predictor(selection))
        training = setup.set_up(self.config, self.model, splits.train, self.mesh)
        with (
            matmul_precision(self.config.precision),
            workdirs.sole_use(self.workdir),
            Checkpoints(self.workdir, description) as checkpoints,
        ):
            last = loop.train(training, evaluator, checkpoints, begins.change)
            # In place of the cached property, which would read the checkpoint again.
            self.__dict__["_restored"] = checkpoints.restore_best(last)
        results = self._report(splits.train, splits.test)
        if hosts.is_writer():
            fields = flatten_dict(self.config.to_dict(), sep=".")
            write_test_results(self.workdir, self.step, results, fields)
            print(f"curves: tensorboard --logdir {self.workdir / 'tensorboard'}")
        return results

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
        from jaxpose.data import splits as data

        # A directory that cannot be written is found before the clips are predicted.
        workdirs.open_workdir(self.workdir)
        dataset = self.config.dataset
        test = select_subjects(data.load_clips_of(dataset), dataset.test_subjects)
        _require_same_data(test=test)
        requirements.require_readable(self.model, test)
        requirements.require_unit(self.unit, self.trained.dataset.name, test)
        return self._report(self._load_train(), test, self._suffix())

    def _load_train(self) -> Clips | None:
        """Returns the training data of the run, for the baselines; None without it.

        It is looked for in the folder that was asked for and in that of the training;
        first in the latter where the test data is another data set.
        """
        from jaxpose.data import splits as data

        config = self.trained.copy_and_resolve_references()
        earlier = self.trained.dataset.data_dir
        asked = self.config.dataset.data_dir or earlier
        folders = [asked, earlier]
        if self.config.dataset.name != self.trained.dataset.name:
            folders.reverse()
        reasons = {}
        for folder in dict.fromkeys(folders):
            config.dataset.data_dir = folder
            try:
                return data.load_splits(config).train
            except JaxposeError as error:
                reasons[folder] = str(error).splitlines()[0]
        logging.warning(
            "no baselines, the run's training data is not at hand: %s", reasons[asked]
        )
        return None

    def _suffix(self) -> str:
        """Returns the end of the names of results that are not those of the training.

        The results of the training stay when the run is scored on other data, or when
        its best checkpoint cannot be read.
        """
        suffix = ""
        if workdirs.tested_data(self.trained) != workdirs.tested_data(self.config):
            suffix = f"_{_file_name(self.config.dataset.name)}"
        if self._restored.unreadable:
            suffix += f"_step_{self.step}"
        return suffix

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
        from jaxpose import predict
        from jaxpose.data import splits as data
        from jaxpose.lifter import Lifter
        from jaxpose.results import Results

        dataset = self.config.dataset.copy_and_resolve_references()
        name = f"predictions_{_file_name(dataset.name)}"
        results = Results(**{"folder": self.workdir / name, **settings})
        lifter = Lifter(self.weights)
        # Rates are matched in seconds, so a stride in frames would come on top.
        if self._known_rates.are_known:
            dataset.frame_stride = 1
        clips = data.load_clips_of(dataset)
        if dataset.test_subjects:
            try:
                clips = select_subjects(clips, dataset.test_subjects)
            except JaxposeError as error:  # most likely those of the run's own data
                raise JaxposeError(
                    f'{error}. --config.dataset.test_subjects="()" predicts all'
                ) from error
        _require_same_data(test=clips)
        requirements.require_readable(self.model, clips)
        return predict.write_predictions(lifter, clips, self._doubter, results)

    def save_weights(self, variables: dict[str, Any], source: dict[str, str]) -> None:
        """Writes weights that were trained elsewhere, as a checkpoint of step 0.

        Args:
          variables: weights of `model`, `params` and any `batch_stats`.
          source: the file that they come from; see `origins.describe_file`.

        Raises:
          JaxposeError: the directory cannot be written.
        """
        # A whole state, so that such a run evaluates, resumes and converts like others.
        fresh = setup.fresh_state(self.config, self.model, self.mesh)
        weights = jax.tree.map(
            lambda like, array: jax.device_put(array.astype(like.dtype), like.sharding),
            fresh.variables,
            {"batch_stats": {}, **variables},
        )
        description = workdirs.describe_run(
            self.config, converted_from=source, unit=self.unit
        )
        workdirs.open_workdir(self.workdir)
        with Checkpoints(self.workdir, description) as checkpoints:
            state = dataclasses.replace(fresh, **weights)
            checkpoints.save(state, step=0, score=None)
            checkpoints.wait()
        workdirs.write_description(self.workdir, description)

    @property
    def weights(self) -> Weights:
        """Returns the best checkpoint with all that lifting needs, for `jaxpose.load`.

        Raises:
          JaxposeError: no complete checkpoint.
        """
        environment = workdirs.load_environment(self.workdir)
        description = {"unit": self.unit, "step": self.step}
        # Whoever gets the file must know that a better checkpoint was lost.
        if unreadable := self._restored.unreadable:
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

    def _check_batches(self) -> None:
        """Raises JaxposeError unless batches split over the devices."""
        batch_size, parts = self.config.batch_size, self.config.accumulation_steps
        if batch_size % parts:
            raise JaxposeError(
                f"config.batch_size={batch_size} does not split evenly into "
                f"config.accumulation_steps={parts} parts"
            )
        # Each part of a batch is divided over the devices for itself.
        name = "config.batch_size / accumulation_steps"
        sharding.check_batch_size(name, batch_size // parts, self.mesh)
        name = "config.eval_batch_size"
        sharding.check_batch_size(name, self.config.eval_batch_size, self.mesh)

    def _check_training_data(self, train: Clips, test: Clips) -> None:
        """Raises JaxposeError for data that cannot be used; nothing is written yet."""
        for clips in (train, test):
            requirements.require_readable(self.model, clips)
            scored_frames(clips)
        if self.config.simulated_detector:
            simulation.check_simulation(train)
            return
        # Virtual views project the poses again: they need a camera and a vertical.
        if self.config.augment_rotation or self.config.augment_bones:
            virtual_views.check_views(train)

    def _report(
        self, train: Clips | None, test: Clips, suffix: str = ""
    ) -> dict[str, Any]:
        """Scores the best checkpoint on `test`; writes and prints what it finds.

        `suffix` comes behind the names of the files.
        """
        from jaxpose.scoring import baselines, pictures, report
        from jaxpose.training.metric_writer import read_metrics

        frame_numbers = scored_frames(test)
        with matmul_precision(self.config.precision):
            predictor = self.predictor(test)
            predicted, plain = predictor.with_plain(self.variables, frame_numbers)
        requirements.require_finite(predicted, self.workdir)
        results = score(predicted, test, frame_numbers)
        # Papers rarely say whether they average flips: both scores come of one pass.
        if self.config.flip_average:
            without = score(plain, test, frame_numbers)
            results["without_flip_average"] = without
        results.update(baselines.baselines(train, test))
        requirements.require_scores(results, self.workdir)
        results["step"] = self.step
        results["protocol"] = report.protocol_fields(
            self.config,
            self.trained,
            self.model,
            train,
            test,
            workdirs.load_environment(self.workdir),
        )
        for step in self._restored.unreadable:
            lost = f"; step {step} was preferred and cannot be read"
            results["protocol"]["checkpoint"] += lost
        if not hosts.is_writer():
            return results

        names = [f"results{suffix}.json"]
        write_json(self.workdir / names[0], results)
        report.print_results(results, f"{self.config.model.name} on {test.dataset}")
        # Converted weights have no curves.
        if rows := read_metrics(self.workdir / "metrics.jsonl"):
            names.append("learning_curves.png")
            unit = loss_in_millimetres(self.config.loss, self.config.target_scale)
            curves = self.workdir / names[-1]
            pictures.draw_learning_curves(rows, curves, unit)
        names.append(f"prediction{suffix}.gif")
        pictures.animate_clip(test, frame_numbers, predicted, self.workdir / names[-1])
        print(f"{listed(names)} are in {self.workdir}")
        return results


def _require_same_data(**parts: Clips) -> None:
    """Raises JaxposeError unless all processes of a run have read the same clips."""
    if jax.process_count() == 1:
        return
    found = {}
    for name, clips in parts.items():
        found[name] = {"frames": clips.num_frames, "fingerprint": fingerprint(clips)}
    agreement.require_same(data_set=found)


def absolute_path(workdir: PathLike) -> pathlib.Path:
    """Returns the absolute path of a directory, `~` expanded."""
    # A shell leaves ~ as it is behind "=", as in --workdir=~/run.
    return pathlib.Path(workdir).expanduser().absolute()


def _is_rate(fps: Any) -> bool:
    """Returns whether `fps`, which may be anything, is a finite number above 0."""
    try:
        return bool(0 < fps < np.inf)
    except (TypeError, ValueError):  # text, or an array of several numbers
        return False


def _file_name(dataset: str) -> str:
    """Returns the name of a data set as a part of a file's name."""
    return dataset.replace("/", "_")
