"""Finished runs: their configs and best weights, for what starts from them."""

import os
import pathlib

import ml_collections
from jax.sharding import Mesh

from jaxpose.data.clips import Clips
from jaxpose.errors import JaxposeError
from jaxpose.models import build_model
from jaxpose.training import optimizers, workdirs
from jaxpose.training.checkpoints import Checkpoints
from jaxpose.training.step import TrainState, state_shapes


def load_config(workdir: str, flag: str = "--workdir") -> ml_collections.ConfigDict:
    """The config that the run in `workdir` was trained with; `flag` names the directory in errors.

    Raises:
      JaxposeError: there is no run, or its config is damaged.
    """
    path = pathlib.Path(workdir).absolute() / "config.json"
    if not path.exists():
        raise JaxposeError(
            f"{flag}={workdir} holds no run (no config.json); train there first"
        )
    config = ml_collections.ConfigDict(workdirs.read_json(path))
    if "model" not in config or "dataset" not in config:
        raise JaxposeError(
            f"{path} is not the config of a run; {flag} must be the directory of one"
        )
    return config


def check_model(
    config: ml_collections.ConfigDict, trained: ml_collections.ConfigDict, workdir: str
) -> None:
    """Raises JaxposeError with the differing fields unless `config` has the model of the run."""
    fields = ("model", "refinement")
    before, now = (
        {name: workdirs.plain(c)[name] for name in fields} for c in (trained, config)
    )
    if differing := workdirs.differences(before, now):
        raise JaxposeError(
            f"the model of {workdir} was trained with other fields:\n{differing}"
        )


def with_unit_of_run(
    config: ml_collections.ConfigDict, workdir: str
) -> tuple[ml_collections.ConfigDict, ml_collections.ConfigDict]:
    """`config` with the unit of targets of the run in `workdir`, and the config of that run.

    Raises:
      JaxposeError: there is no run, or it has another model.
    """
    trained = load_config(workdir)
    check_model(config, trained, workdir)
    config = config.copy_and_resolve_references()
    config.target_scale = trained.target_scale
    return config, trained


def load_best(
    config: ml_collections.ConfigDict,
    trained: ml_collections.ConfigDict,
    workdir: str,
    mesh: Mesh,
) -> TrainState:
    """The best checkpoint of `workdir`, whose model is that of `config` and whose config is `trained`.

    Raises:
      JaxposeError: no complete checkpoint.
    """
    # The optimiser of the run, whatever `config` names now: a checkpoint holds its state too.
    learning_rate = optimizers.make_schedule(
        trained.optimizer, num_epochs=1, steps_per_epoch=1
    )
    optimizer = optimizers.make_optimizer(trained.optimizer, learning_rate)
    with Checkpoints(pathlib.Path(workdir), read_only=True) as checkpoints:
        best = checkpoints.restore_best(
            state_shapes(build_model(config), optimizer, mesh)
        )
    if best is None:
        raise JaxposeError(f"{workdir} holds no complete checkpoint")
    return best


def start_from_lifting(
    state: TrainState, config: ml_collections.ConfigDict, mesh: Mesh
) -> TrainState:
    """A fresh state of a refined model with the weights of the run in `config.lifting_workdir`.

    Raises:
      JaxposeError: there is none, or it has another model or unit.
    """
    workdir = os.path.expanduser(config.lifting_workdir)
    if not workdir:
        raise JaxposeError(
            "config.refinement=True is a second stage: name the directory of the trained lifting model with "
            "--config.lifting_workdir=DIR"
        )
    trained = load_config(workdir, "--config.lifting_workdir")
    lifting = config.copy_and_resolve_references()
    lifting.refinement = False
    check_model(lifting, trained, workdir)
    if trained.target_scale != config.target_scale:
        raise JaxposeError(
            f"config.target_scale={config.target_scale} differs from {trained.target_scale} of {workdir}"
        )
    best = load_best(lifting, trained, workdir, mesh)
    return state.replace(
        params={**state.params, "lifting": best.params},
        batch_stats={**state.batch_stats, "lifting": best.batch_stats}
        if best.batch_stats
        else {},
    )


def check_refinable(clips: Clips) -> None:
    """Raises JaxposeError unless `clips` have cameras and absolute roots, which refinement needs."""
    if lacking := [
        c for c in clips.index if c.intrinsics is None or not c.has_absolute_root
    ]:
        first = lacking[0]
        raise JaxposeError(
            f"data set {clips.dataset!r}: {len(lacking)} of {len(clips.index)} clips have no camera or no "
            f"absolute root (the first: {first.subject} {first.take} {first.camera}); refinement needs both. "
            "Without them, use the lifting model: config.refinement=False, and its own --workdir"
        )
