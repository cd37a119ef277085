"""Recognises the model of a PyTorch checkpoint by names and shapes of its arrays."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import ml_collections
import numpy as np

from jaxpose.errors import JaxposeError, join_first
from jaxpose.models import build_model, cost
from jaxpose.models.base import LiftingModel
from jaxpose.torch_weights import STATE_DICTS, layouts, state_dicts

# Fields of a model that change neither its arrays nor what it predicts.
_WITHOUT_EFFECT = ("dropout_rate", "rematerialise")


class Fit(NamedTuple):
    """A config, and how its model fits a file.

    Attributes:
      name: the config, as `--config` takes it: `configs/videopose3d.py:cpn243`.
      config: the config.
      missing: arrays of the model that the file lacks.
      misshaped: arrays that the file has in another shape; found where none is missing.
      left_over: arrays of the file that the model has no place for.
    """

    name: str
    config: ml_collections.ConfigDict
    missing: list[str]
    misshaped: list[str]
    left_over: list[str]

    @property
    def is_exact(self) -> bool:
        """Returns whether every array has its place."""
        return not (self.missing or self.misshaped or self.left_over)


def find_fits(
    state_dict: Mapping[str, np.ndarray],
    configs: Iterable[tuple[str, ml_collections.ConfigDict]],
) -> list[Fit]:
    """Returns the configs whose model fits a file, all exactly; else the nearest one.

    Args:
      state_dict: names and arrays of the file.
      configs: names of configs, and the configs of models with a map.
    """
    fits = []
    models: dict[LiftingModel, Fit] = {}
    for name, config in configs:
        model = build_model(config)
        try:
            if model not in models:
                models[model] = _fit(name, config, model, state_dict)
        except JaxposeError:  # a design that no PyTorch implementation has
            continue
        fits.append(models[model]._replace(name=name, config=config))
    exact = [fit for fit in fits if fit.is_exact]
    if exact or not fits:
        return exact

    def distance(fit: Fit) -> tuple[int, int]:
        """Names tell the model, shapes its sizes."""
        return len(fit.missing) + len(fit.left_over), len(fit.misshaped)

    return [min(fits, key=distance)]


def describe_fits(fits: list[Fit]) -> str:
    """Returns what a file is, as a message of up to four lines says it.

    Args:
      fits: of `find_fits`, at least one.
    """
    first, *others = fits
    if not first.is_exact:
        problems = join_first([*first.missing, *first.misshaped, *first.left_over], 2)
        return (
            f"the nearest config is {first.name}, but for {problems}; set its sizes, "
            "such as --config.model.NAME=VALUE"
        )
    text = f"its arrays are those of {first.name}"
    if not others:
        return text
    listed = []
    for fit in others:
        listed.append(f"{fit.name.rpartition(':')[2]} ({_difference(first, fit)})")
    return (
        f"{text}\nthey also fit {join_first(listed, 8)}: if it is one of these, say so "
        "with --config"
    )


def _fit(
    name: str,
    config: ml_collections.ConfigDict,
    model: LiftingModel,
    state_dict: Mapping[str, np.ndarray],
) -> Fit:
    """Compares the arrays of a model with those of a file."""
    names = STATE_DICTS[config.model.name]
    entries = list(names.entries(model))
    wanted = [entry.torch_name for entry in entries]
    prefix = state_dicts.likely_prefix(state_dict, wanted)
    found = {}
    for torch_name, array in state_dict.items():
        if torch_name.startswith(prefix):
            found[torch_name.removeprefix(prefix)] = array.shape
    missing = [torch_name for torch_name in wanted if torch_name not in found]
    # Shapes take a second per model, and one of other names is another anyway.
    misshaped = []
    if not missing:
        shapes = layouts.torch_shapes(entries, cost.variable_shapes(model))
        for torch_name, shape in shapes.items():
            if found[torch_name] != shape:
                misshaped.append(f"{torch_name} {shape}, which is {found[torch_name]}")
    known = {*wanted, *names.leftovers(model)}
    left_over = []
    for torch_name in found:
        is_counter = torch_name.endswith("num_batches_tracked")
        if torch_name not in known and not is_counter:
            left_over.append(torch_name)
    return Fit(name, config, missing, misshaped, left_over)


def _difference(first: Fit, other: Fit) -> str:
    """Returns what distinguishes two configs of the same arrays, for people."""
    before, now = first.config.model, other.config.model
    for field in now:
        if field not in _WITHOUT_EFFECT and before.get(field) != now[field]:
            return f"model.{field}={now[field]}"
    return str(other.config.dataset.name)
