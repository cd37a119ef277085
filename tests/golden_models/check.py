"""A model of jaxpose against a golden file: outputs, loss, statistics and gradients."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.torch_weights.layouts import from_torch
from tests import golden_graphs
from tests.golden_files import (
    FLOAT32,
    FLOAT32_GRADIENT,
    FLOAT32_GRADIENT_NOISE,
    FLOAT64,
    FLOAT64_GRADIENT_NOISE,
    STORED_FLOAT32,
    Error,
    GoldenFile,
    relative_error,
)
from tests.golden_models import (
    crossformer,
    gast_net,
    gla_gcn,
    poseformer,
    refine,
    videopose3d,
)
from tests.golden_models.base import GoldenModel

ADAPTERS = {
    "videopose3d": videopose3d.build,
    "poseformer": poseformer.build,
    "crossformer": crossformer.build,
    "gla_gcn": gla_gcn.build,
    "gast_net": gast_net.build,
    "refine": refine.build,
}

# Everything runs once: compiling takes far longer than running.
COMPILER_OPTIONS = {"xla_backend_optimization_level": 0}


def check_model(config: Mapping[str, Any], arrays: GoldenFile) -> list[Error]:
    """Compares outputs, loss, statistics and gradients, in float64 and in float32."""
    if config["model"] not in ADAPTERS:
        raise JaxposeError(f"unknown model {config['model']!r}")
    state_dict = (
        recreate(config, arrays) if "recipe" in arrays else arrays.under("param/")
    )
    golden = ADAPTERS[config["model"]](config, arrays)
    errors = [
        Error("graph", relative_error(found, expected), STORED_FLOAT32, key)
        for key, found, expected in golden_graphs.model_graphs(config, arrays)
    ]
    variables = _to_variables(golden, state_dict, arrays)
    for double in (True, False):
        with jax.enable_x64(double):
            errors += _check_precision(golden, variables, state_dict, arrays, double)
    return errors


def recreate(config: Mapping[str, Any], arrays: GoldenFile) -> dict[str, np.ndarray]:
    """The state dict of a `fullsize_*` file from its recipe.

    Raises:
      JaxposeError: the draw or the number of parameters is not the recorded one.
    """
    state, sums, trained = np.random.RandomState(config["param_seed"]), [], 0
    state_dict = {}
    for name, shape, kind, a, b in json.loads(str(arrays["recipe"])):
        if kind not in ("uniform", "normal"):
            raise JaxposeError(f"recipe of {name}: unknown distribution {kind!r}")
        draw = (
            state.uniform(a, b, shape)
            if kind == "uniform"
            else state.standard_normal(shape) * b
        )
        state_dict[name] = np.asarray(draw, np.float32)
        sums.append(np.abs(state_dict[name].astype(np.float64)).sum())
        trained += (
            0
            if name.endswith(("running_mean", "running_var"))
            else state_dict[name].size
        )
    if (
        relative_error(np.array(sums), arrays["param_abs_sum"]) > 1e-12
        or trained != arrays["n_parameters"]
    ):
        raise JaxposeError("the recipe does not give the recorded parameters")
    return state_dict


def _to_variables(
    golden: GoldenModel, state_dict: Mapping[str, np.ndarray], arrays: GoldenFile
) -> dict[str, Any]:
    """Returns the variables of the module, as stored."""
    prefix = golden.state_prefix
    shapes = jax.eval_shape(
        lambda x: golden.module.init(
            jax.random.key(0), golden.to_input(x), train=False
        ),
        arrays["input"],
    )
    named = {name.removeprefix(prefix): array for name, array in state_dict.items()}
    return from_torch(golden.entries, named, shapes, leftovers=golden.leftovers)


def _check_precision(
    golden: GoldenModel,
    variables: Mapping[str, Any],
    state_dict: Mapping[str, np.ndarray],
    arrays: GoldenFile,
    double: bool,
) -> Iterator[Error]:
    precision, suffix = ("float64", "_f64") if double else ("float32", "")
    allowed = FLOAT64 if double else FLOAT32
    results = _run(golden, variables, arrays, np.dtype(precision))
    for mode in ("", "train/"):
        for name, output in results[mode + "outputs"].items():
            # fullsize_* files hold the train-mode values in float64 only.
            key = (
                mode + name + suffix
                if mode + name + suffix in arrays
                else f"{mode}{name}_f64"
            )
            yield Error(
                f"{precision} {mode}output",
                relative_error(output, arrays[key]),
                allowed,
                key,
            )
    key = "train/loss" + suffix if "train/loss" + suffix in arrays else "train/loss_f64"
    yield Error(
        f"{precision} loss", relative_error(results["loss"], arrays[key]), allowed, key
    )

    allowed = STORED_FLOAT32 if double else FLOAT32
    recorded = {
        k: v
        for k, v in arrays.under("train/stat/").items()
        if not k.endswith("num_batches_tracked")
    }
    unused = {golden.state_prefix + name for name in golden.leftovers}
    for name, expected in recorded.items():
        found = state_dict[name] if name in unused else results["statistics"][name]
        yield Error(
            f"{precision} statistics",
            relative_error(found, expected),
            allowed,
            f"train/stat/{name}",
        )

    norms = "grad_names" in arrays  # stored in float64
    allowed = (FLOAT64 if norms else STORED_FLOAT32) if double else FLOAT32_GRADIENT
    floor = (FLOAT64_GRADIENT_NOISE if double else FLOAT32_GRADIENT_NOISE) / allowed
    for key, error in (_gradient_norms if norms else _gradients)(
        results["gradients"], arrays, floor
    ):
        yield Error(f"{precision} gradient", error, allowed, key)


def _run(
    golden: GoldenModel,
    variables: Mapping[str, Any],
    arrays: GoldenFile,
    dtype: np.dtype,
) -> dict[str, Any]:
    """Runs eval and train mode; statistics and gradients come by state-dict name."""
    module, prefix = golden.module, golden.state_prefix
    inputs = arrays["input"].astype(dtype)
    variables = jax.tree.map(lambda a: np.asarray(a, dtype), dict(variables))
    targets = {"output": arrays["target"].astype(dtype)}
    targets |= {
        name: target.astype(dtype) for name, target in arrays.under("target_").items()
    }

    def loss(params: Any, inputs: jax.Array, statistics: Any) -> tuple[jax.Array, Any]:
        """Computes the mean Euclidean distance of each output, summed over outputs."""
        output, updated = module.apply(
            {"params": params, **statistics},
            golden.to_input(inputs),
            train=True,
            mutable=["batch_stats"],
        )
        outputs = golden.from_output(output)
        distances = [
            jnp.linalg.norm(outputs[name] - targets[name], axis=-1).mean()
            for name in targets
        ]
        return sum(distances), (outputs, updated)

    def everything(params: Any, inputs: jax.Array, statistics: Any) -> Any:
        evaluated = module.apply(
            {"params": params, **statistics}, golden.to_input(inputs), train=False
        )
        trained = jax.value_and_grad(loss, argnums=(0, 1), has_aux=True)(
            params, inputs, statistics
        )
        return golden.from_output(evaluated), trained

    with jax.default_matmul_precision("highest"):
        params = variables.pop("params")
        evaluated, ((value, (trained, updated)), (gradients, input_gradient)) = (
            jax.device_get(
                jax.jit(everything, compiler_options=COMPILER_OPTIONS)(
                    params, inputs, variables
                )
            )
        )
    by_name: dict[str, dict[str, np.ndarray]] = {"params": {}, "batch_stats": {}}
    for entry in golden.entries:
        array = {"params": gradients, **updated}
        for part in entry.path:
            array = array[part]
        by_name[entry.path[0]][prefix + entry.torch_name] = entry.layout.to_torch(array)
    return {
        "outputs": evaluated,
        "train/outputs": trained,
        "loss": value,
        "statistics": by_name["batch_stats"],
        "gradients": {**by_name["params"], "input": input_gradient},
    }


def _gradients(
    found: Mapping[str, np.ndarray], arrays: GoldenFile, floor: float
) -> Iterator[tuple[str, float]]:
    """Compares every gradient; parameters without a recorded one must have none."""
    recorded = arrays.under("grad/")
    largest = max(np.abs(gradient).max() for gradient in recorded.values())
    if "grad_input" in arrays:
        recorded["input"] = arrays["grad_input"]
    without = set(json.loads(str(arrays["no_grad_params"])))
    for name in (set(found) | set(recorded)) - {"input"}:
        if name not in recorded and name not in without:
            yield f"grad/{name} is not recorded", math.inf
        elif name not in found:
            yield f"grad/{name} belongs to no parameter of the model", math.inf
    for name, expected in recorded.items():
        if name in found:
            key = "grad_input" if name == "input" else f"grad/{name}"
            yield key, relative_error(found[name], expected, floor * largest)
    for name in without & set(found):
        yield (
            f"grad/{name} of an unused parameter",
            relative_error(found[name], np.zeros_like(found[name])),
        )


def _gradient_norms(
    found: Mapping[str, np.ndarray], arrays: GoldenFile, floor: float
) -> Iterator[tuple[str, float]]:
    """L2 norm and sum of every gradient, as `fullsize_*` files record them."""
    names = json.loads(str(arrays["grad_names"]))
    floor = floor * arrays["grad_l2"].max()
    for name in set(found) - {"input", *names}:
        yield f"the gradient of {name} is not recorded", math.inf
    for name, norm, total in zip(
        names, arrays["grad_l2"], arrays["grad_sum"], strict=True
    ):
        if name not in found:
            yield (
                f"the gradient of {name} belongs to no parameter of the model",
                math.inf,
            )
            continue
        gradient = found[name].astype(np.float64)
        yield (
            f"grad_l2 of {name}",
            abs(np.linalg.norm(gradient) - norm) / (norm + floor),
        )
        yield (
            f"grad_sum of {name}",
            abs(gradient.sum() - total) / ((norm + floor) * math.sqrt(gradient.size)),
        )
