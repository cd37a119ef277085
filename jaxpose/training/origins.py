"""Where weights come from: what a run begins with, and what its results say of it."""

import dataclasses
import hashlib
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections

from jaxpose.config import held_out_subjects
from jaxpose.datasets import protocol_of
from jaxpose.errors import JaxposeError, join_first
from jaxpose.training.state import TrainState
from jaxpose.weights import Weights


def describe_file(path: pathlib.Path) -> dict[str, str]:
    """Returns name and SHA-256 of a file of weights.

    Raises:
      JaxposeError: the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise JaxposeError(f"{path} cannot be read: {error.strerror}") from error
    return {"file": path.name, "sha256": digest}


def origin_of(description: dict[str, Any]) -> str | None:
    """Returns where weights come from that no run of jaxpose trained from the start.

    Args:
      description: what `environment.json` or a file of weights says of them.

    Returns:
      A phrase such as `converted from epoch_80.bin (sha256 2c26b46b68ffc68f)`; None for
      weights that were trained from random ones.
    """
    if converted := description.get("converted_from"):
        # Runs of earlier versions know the name alone.
        if isinstance(converted, str):
            return f"converted from {converted}"
        digest = converted["sha256"][:16]
        return f"converted from {converted['file']} (sha256 {digest})"
    if begun := description.get("fine_tuned_from"):
        return f"fine-tuned from {begun}"
    if lifting := description.get("lifting_model"):
        return f"behind a lifting model {lifting}"
    return None


def summarise(weights: Weights) -> str:
    """Returns the name of weights with their data set and origin, for results."""
    parts = [weights.name]
    if data := weights.description.get("data"):
        parts.append(f"trained on {data['dataset']}")
    if origin := origin_of(weights.description):
        parts.append(origin)
    return ", ".join(parts)


def check_initial(
    weights: Weights, config: ml_collections.ConfigDict, variables: dict[str, Any]
) -> None:
    """Checks that a run can begin with the weights that `config.init_from` names.

    Args:
      weights: the weights.
      config: the config of the run.
      variables: of the run's model, or their shapes.

    Raises:
      JaxposeError: they have other parameters, joints or units, or were trained on
        people whom this run scores or selects by.
    """
    where = f"config.init_from={config.init_from}"
    theirs = weights.config
    for field, before, now in (
        ("model.skeleton", theirs.model.skeleton, config.model.skeleton),
        ("target_scale", theirs.target_scale, config.target_scale),
    ):
        if before != now:
            raise JaxposeError(
                f"{where}: its weights have config.{field}={before!r}, this run has "
                f"{now!r}; set --config.{field}={before}"
            )
    require_strangers(weights, config)
    shapes = [_shapes(weights.variables), _shapes(variables)]
    problems = []
    for name in sorted({*shapes[0], *shapes[1]}):
        before, now = (found.get(name, "absent") for found in shapes)
        if before != now:
            problems.append(f"{name} is {before} there, {now} here")
    if problems:
        raise JaxposeError(
            f"{where} holds a model with other parameters ({join_first(problems, 3)}); "
            "expected the same config.model, but for fields such as causal"
        )


def begin_with(weights: Weights, state: TrainState) -> TrainState:
    """Gives a fresh state the weights, of which `check_initial` found that they fit."""
    fresh = {"params": state.params, "batch_stats": state.batch_stats}
    placed = jax.tree.map(
        lambda like, array: jax.device_put(
            jnp.asarray(array, like.dtype), like.sharding
        ),
        fresh,
        {"batch_stats": {}, **weights.variables},
    )
    return dataclasses.replace(state, **placed)


def require_strangers(weights: Weights, config: ml_collections.ConfigDict) -> None:
    """Raises JaxposeError if the weights know people whom a run scores or selects by.

    Nobody knows whom converted weights were trained on: the results say so.
    """
    theirs = weights.config
    name = protocol_of(theirs.dataset.name).name
    is_other_data = protocol_of(config.dataset.name).name != name
    if is_other_data or "data" not in weights.description:
        return
    known = set(theirs.dataset.train_subjects) - set(held_out_subjects(theirs))
    for role, subjects in (
        ("test_subjects", config.dataset.test_subjects),
        ("validation_subjects", held_out_subjects(config)),
    ):
        if both := sorted(known & set(subjects)):
            raise JaxposeError(
                f"config.init_from={config.init_from}: its weights were trained on "
                f"{', '.join(both)} of {name}, who is in config.dataset.{role} here; "
                "choose others, or, for validation_subjects, --config.protocol=paper"
            )


def _shapes(variables: Any) -> dict[str, tuple[int, ...]]:
    """Returns the shape of each array by its path."""
    found = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(variables):
        found[jax.tree_util.keystr(path, simple=True, separator=".")] = jnp.shape(leaf)
    return found
