"""What a run begins with: random weights, a first stage, another run's, or a file's."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import ml_collections

from jaxpose.errors import JaxposeError
from jaxpose.run import Run, absolute_path
from jaxpose.training import origins, setup, workdirs
from jaxpose.training.checkpoints import Checkpoints
from jaxpose.training.state import TrainState
from jaxpose.weights import ENDING, Weights, load_weights


@dataclasses.dataclass(frozen=True)
class Beginning:
    """What a run begins with.

    Attributes:
      description: what the description of the run says of its initial weights; empty
        for random ones.
      change: gives a fresh state the weights; None for random ones.
    """

    description: dict[str, str]
    change: Callable[[TrainState], TrainState] | None = None


def beginning_of(run: Run) -> Beginning:
    """Returns what a run begins with. A run that goes on reads no weights but its own.

    Raises:
      JaxposeError: the directory holds converted weights, or the run cannot begin with
        what `config.init_from` names.
    """
    config = run.config
    environment = workdirs.load_environment(run.workdir)
    if "converted_from" in environment:
        raise JaxposeError(
            f"{run.workdir} holds weights {origins.origin_of(environment)}; to train "
            f"them further, give a new --workdir and --config.init_from={run.workdir}"
        )
    has_begun = workdirs.holds_run(run.workdir)
    if config.refinement:
        change = functools.partial(start_from_lifting, config)
        return Beginning(_first_stage(config, environment, has_begun), change)
    if not config.init_from:
        return Beginning({})

    load = functools.cache(functools.partial(load_initial, config))

    def begin(state: TrainState) -> TrainState:
        return origins.begin_with(load(), state)

    if has_begun:
        # The folder may have moved; earlier versions did not describe it.
        name = absolute_path(config.init_from).name
        known = environment.get("fine_tuned_from", name)
        return Beginning({"fine_tuned_from": known}, begin)
    like = setup.checkpoint_shapes(config, run.model, run.mesh)
    origins.check_initial(load(), config, like.variables)
    return Beginning({"fine_tuned_from": origins.summarise(load())}, begin)


def _first_stage(
    config: ml_collections.ConfigDict, environment: dict[str, Any], has_begun: bool
) -> dict[str, str]:
    """Returns what a refinement says of the origin of its first stage."""
    origin = environment.get("lifting_model")
    if not has_begun and config.lifting_workdir:
        first = absolute_path(config.lifting_workdir)
        origin = origins.origin_of(workdirs.load_environment(first))
    return {"lifting_model": origin} if origin else {}


def start_from_lifting(
    config: ml_collections.ConfigDict, state: TrainState
) -> TrainState:
    """Gives a fresh state of a refined model the weights of its first stage.

    Args:
      config: config of the second stage, whose `lifting_workdir` holds the first.
      state: a state of the refined model.

    Raises:
      JaxposeError: there is no first stage, or it has another model or unit.
    """
    if not config.lifting_workdir:
        raise JaxposeError(
            "config.refinement=True is a second stage: name the directory of the "
            "trained lifting model in config.lifting_workdir"
        )
    workdir = absolute_path(config.lifting_workdir)
    trained = workdirs.load_config(workdir, "config.lifting_workdir")
    # The first stage is this config without the refinement.
    lifting = config.copy_and_resolve_references()
    lifting.refinement = False
    with lifting.ignore_type():
        lifting.lifting_workdir = None
    first = Run.open(workdir, lifting)
    if trained.target_scale != config.target_scale:
        raise JaxposeError(
            f"config.target_scale={config.target_scale} differs from "
            f"{trained.target_scale} of {workdir}"
        )
    # A subject that the first stage was trained on cannot select the second.
    if trained.protocol != config.protocol:
        raise JaxposeError(
            f"config.protocol={config.protocol!r} differs from {trained.protocol!r} of "
            f"{workdir}; set --config.protocol={trained.protocol}"
        )
    best = first.state
    batch_stats = {**state.batch_stats, "lifting": best.batch_stats}
    return dataclasses.replace(
        state,
        params={**state.params, "lifting": best.params},
        batch_stats=batch_stats if best.batch_stats else {},
    )


def load_initial(config: ml_collections.ConfigDict) -> Weights:
    """Returns the weights that `config.init_from` names.

    Raises:
      JaxposeError: it is neither the workdir of a run nor a file of `Run.export`.
    """
    path = absolute_path(config.init_from)
    if path.is_dir():
        return Run.open(path).weights
    if path.exists() and path.suffix != ENDING:
        raise JaxposeError(
            f"config.init_from={config.init_from} is neither a workdir nor a file "
            f"NAME{ENDING}; convert a PyTorch checkpoint first: python -m "
            f"jaxpose.convert --torch={config.init_from} --workdir=DIR"
        )
    if not path.exists():
        raise JaxposeError(
            f"config.init_from={config.init_from} does not exist; expected the workdir "
            f"of a run, or a file NAME{ENDING}"
        )
    return load_weights(path)


def begin_with_weights(
    run: Run, variables: dict[str, Any], source: dict[str, str]
) -> None:
    """Writes weights that were trained elsewhere; see `Run.save_weights`.

    Raises:
      JaxposeError: the directory cannot be written.
    """
    # A whole state, so that such a run evaluates, resumes and converts like others.
    fresh = setup.fresh_state(run.config, run.model, run.mesh)
    weights = jax.tree.map(
        lambda like, array: jax.device_put(array.astype(like.dtype), like.sharding),
        fresh.variables,
        {"batch_stats": {}, **variables},
    )
    description = workdirs.describe_run(
        run.config, converted_from=source, unit=run.unit
    )
    workdirs.open_workdir(run.workdir)
    with Checkpoints(run.workdir, description) as checkpoints:
        state = dataclasses.replace(fresh, **weights)
        checkpoints.save(state, step=0, score=None)
        checkpoints.wait()
    workdirs.write_description(run.workdir, description)
