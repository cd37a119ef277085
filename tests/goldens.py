"""Compares jaxpose with recorded numbers of the reference implementations.

    python -m tests.goldens PATH...

PATH is a golden file (`.npz`) or a folder of them; tests/references/README.md describes
their layout.
Prints one line a file with the worst relative error of each kind, in float64 and in
float32, and exits with status 1 on any miss, any file that is not understood, and any
array of a file that is neither compared nor used.
"""

import argparse
import json
import math
import pathlib
import sys
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxpose.errors import JaxposeError
from jaxpose.torch_weights.layouts import from_torch
from tests import golden_protocol
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

# Of the largest magnitude of an array: what is stored in float64, what only in float32,
# and what is computed in float32.
FLOAT64 = 1e-9
STORED_FLOAT32 = 1e-6
FLOAT32 = 3e-5
FLOAT32_GRADIENT = 3e-4
# A gradient that is zero but for noise has no magnitude of its own: this share of the
# model's largest gradient is allowed on top.
FLOAT64_GRADIENT_NOISE = 1e-12
FLOAT32_GRADIENT_NOISE = 3e-6

# Everything runs once: compiling takes far longer than running.
COMPILER_OPTIONS = {"xla_backend_optimization_level": 0}

# Not compared: activations inside the reference, which the output depends on.
UNUSED = "act/"


class Error(NamedTuple):
    """One comparison: its kind in the report, relative error, allowed error, key."""

    kind: str
    error: float
    tolerance: float
    key: str

    @property
    def failed(self) -> bool:
        """NaN fails too."""
        return not self.error <= self.tolerance


class Arrays(Mapping[str, np.ndarray]):
    """A golden file that remembers which arrays were asked for."""

    def __init__(self, path: pathlib.Path):
        with np.load(path, allow_pickle=False) as file:
            self._arrays = {name: file[name] for name in file.files}
        self._read: set[str] = set()

    def __getitem__(self, key: str) -> np.ndarray:
        array = self._arrays[key]
        self._read.add(key)
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def under(self, prefix: str) -> dict[str, np.ndarray]:
        """The arrays of one kind, by the rest of their names."""
        return {
            key.removeprefix(prefix): self[key]
            for key in self
            if key.startswith(prefix)
        }

    @property
    def unread(self) -> list[str]:
        """Arrays that nobody asked for."""
        return [
            key for key in self if key not in self._read and not key.startswith(UNUSED)
        ]


def relative_error(found: Any, expected: np.ndarray, floor: float = 0.0) -> float:
    """Returns the largest difference over the largest expected magnitude plus `floor`.

    Integers and bools must be equal.
    """
    found = np.asarray(found)
    if found.shape != expected.shape:
        return math.inf
    if expected.dtype.kind in "biu":
        return 0.0 if np.array_equal(found, expected) else math.inf
    difference = np.abs(found.astype(np.float64) - expected).max(initial=0)
    magnitude = np.abs(expected.astype(np.float64)).max(initial=0) + floor
    return float(difference / magnitude) if magnitude else float(difference)


def check_file(path: pathlib.Path) -> list[Error]:
    """All comparisons of one file.

    Raises:
      JaxposeError: the file, or an array in it, is not understood.
    """
    if path.suffix != ".npz":
        raise JaxposeError("not a golden file: expected .npz")
    arrays = Arrays(path)
    config = json.loads(str(arrays["config"])) if "config" in arrays else {}
    errors = (
        check_model(config, arrays) if "model" in config else check_protocol(arrays)
    )
    if arrays.unread:
        raise JaxposeError(
            f"arrays that are not understood: {', '.join(arrays.unread)}"
        )
    return errors


def check_protocol(arrays: Arrays) -> list[Error]:
    """Every stored function of a protocol file, in float64 and in float32."""
    pairs = golden_protocol.find(arrays)
    errors = []
    with jax.enable_x64(True):
        for key, found, expected in pairs(arrays, np.dtype("float64")):
            kind, allowed = (
                ("float64", FLOAT64)
                if key.endswith("_f64")
                else ("float64 as stored", STORED_FLOAT32)
            )
            errors.append(Error(kind, relative_error(found, expected), allowed, key))
    with jax.enable_x64(False):
        for key, found, expected in pairs(arrays, np.dtype("float32")):
            errors.append(
                Error("float32", relative_error(found, expected), FLOAT32, key)
            )
    return errors


def check_model(config: Mapping[str, Any], arrays: Arrays) -> list[Error]:
    """Compares outputs, loss, statistics and gradients, in float64 and in float32."""
    if config["model"] not in ADAPTERS:
        raise JaxposeError(f"unknown model {config['model']!r}")
    state_dict = (
        recreate(config, arrays) if "recipe" in arrays else arrays.under("param/")
    )
    golden = ADAPTERS[config["model"]](config, arrays)
    errors = [
        Error("graph", relative_error(found, expected), STORED_FLOAT32, key)
        for key, found, expected in golden_protocol.model_graphs(config, arrays)
    ]
    for double in (True, False):
        with jax.enable_x64(double):
            errors += _check_precision(golden, state_dict, arrays, double)
    return errors


def recreate(config: Mapping[str, Any], arrays: Arrays) -> dict[str, np.ndarray]:
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


def _check_precision(
    golden: GoldenModel,
    state_dict: Mapping[str, np.ndarray],
    arrays: Arrays,
    double: bool,
) -> Iterator[Error]:
    precision, suffix = ("float64", "_f64") if double else ("float32", "")
    allowed = FLOAT64 if double else FLOAT32
    results = _run(golden, state_dict, arrays, np.dtype(precision))
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
    state_dict: Mapping[str, np.ndarray],
    arrays: Arrays,
    dtype: np.dtype,
) -> dict[str, Any]:
    """Runs eval and train mode; statistics and gradients come by state-dict name."""
    module, prefix = golden.module, golden.state_prefix
    inputs = arrays["input"].astype(dtype)
    shapes = jax.eval_shape(
        lambda x: module.init(jax.random.key(0), golden.to_input(x), train=False),
        inputs,
    )
    named = {name.removeprefix(prefix): array for name, array in state_dict.items()}
    variables = from_torch(golden.entries, named, shapes, leftovers=golden.leftovers)
    variables = jax.tree.map(lambda a: np.asarray(a, dtype), variables)
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
    found: Mapping[str, np.ndarray], arrays: Arrays, floor: float
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
    found: Mapping[str, np.ndarray], arrays: Arrays, floor: float
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


def summary(errors: list[Error]) -> str:
    """The worst relative error of each kind, and what failed."""
    worst: dict[str, Error] = {}
    for error in errors:
        if error.kind not in worst or not error.error / error.tolerance <= _ratio(
            worst[error.kind]
        ):
            worst[error.kind] = error
    parts = [f"{kind} {error.error:.0e}" for kind, error in worst.items()]
    parts += [
        f"\n    {error.kind}: {error.key} is off by {error.error:.1e}, allowed "
        f"{error.tolerance:.0e}"
        for error in worst.values()
        if error.failed
    ]
    return "  ".join(parts)


def _ratio(error: Error) -> float:
    return error.error / error.tolerance


def find_files(paths: list[pathlib.Path]) -> list[pathlib.Path]:
    """The paths themselves and every `.npz` file in those that are folders.

    Raises:
      JaxposeError: a path does not exist, or a folder holds no golden file.
    """
    files = []
    for path in paths:
        found = sorted(path.glob("*.npz")) if path.is_dir() else [path]
        if not path.exists() or not found:
            problem = "no .npz file in this folder" if path.exists() else "no such file"
            raise JaxposeError(f"{path}: {problem}")
        files += found
    return files


def main(arguments: list[str] | None = None) -> int:
    """Checks the files of the command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.goldens", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument(
        "paths",
        nargs="+",
        type=pathlib.Path,
        metavar="PATH",
        help="golden file or folder of them",
    )
    try:
        files = find_files(parser.parse_args(arguments).paths)
    except JaxposeError as error:
        print(f"FAIL  {error}")
        return 1
    failures = 0
    for path in files:
        try:
            errors = check_file(path)
            failed, text = (
                any(error.failed for error in errors) or not errors,
                summary(errors),
            )
        except (
            Exception
        ) as error:  # whatever is wrong with one file, the others are still checked
            failed, text = True, f"{type(error).__name__}: {error}"
        failures += failed
        print(f"{'FAIL' if failed else 'ok':<4}  {path.name}  {text}", flush=True)
    print(f"{len(files) - failures} of {len(files)} files agree")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
