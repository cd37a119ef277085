"""A unit file of GAST-Net's global layer, written by NumPy from its equations."""

import json

import numpy as np
import pytest

from tests import goldens

JOINTS, CHANNELS, HEADS = 3, 8, 4
WIDTH = CHANNELS // HEADS


def random_state_dict(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Parameters under the names of the reference, rounded to float32."""
    shapes = {"cat_conv.weight": (CHANNELS, CHANNELS, 1, 1)}
    for name in ("weight", "bias", "running_mean", "running_var"):
        shapes[f"cat_bn.{name}"] = (CHANNELS,)
    for head in range(HEADS):
        prefix = f"attentions.{head}"
        shapes[f"{prefix}.C_k"] = (JOINTS, JOINTS)
        shapes[f"{prefix}.concat_project.0.weight"] = (1, 2 * WIDTH, 1, 1)
        for name in ("g", "theta", "phi"):
            shapes[f"{prefix}.{name}.weight"] = (WIDTH, CHANNELS, 1)
            shapes[f"{prefix}.{name}.bias"] = (WIDTH,)
    state_dict = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    state_dict["cat_bn.running_var"] = rng.uniform(0.5, 1.5, CHANNELS)
    return {name: np.float32(value) for name, value in state_dict.items()}


def softmax(x: np.ndarray) -> np.ndarray:
    exponentials = np.exp(x - x.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def layer(params: dict[str, np.ndarray], x: np.ndarray, train: bool) -> dict:
    """The global layer of `x [B, T, J, C]` by its equations, pair by pair of joints."""
    heads = []
    for head in range(HEADS):

        def project(name: str, head: int = head) -> np.ndarray:
            weight = params[f"attentions.{head}.{name}.weight"][..., 0]
            return x @ weight.T + params[f"attentions.{head}.{name}.bias"]

        values, theta, phi = project("g"), project("theta"), project("phi")
        w = params[f"attentions.{head}.concat_project.0.weight"].ravel()
        logits = np.zeros((*x.shape[:2], JOINTS, JOINTS))
        for i in range(JOINTS):
            for j in range(JOINTS):
                pair = np.concatenate([theta[:, :, i], phi[:, :, j]], axis=-1) @ w
                logits[:, :, i, j] = np.where(pair > 0, pair, 0.2 * pair)
        heads.append((softmax(logits) + params[f"attentions.{head}.C_k"]) @ values)
    y = np.concatenate(heads, axis=-1) @ params["cat_conv.weight"][..., 0, 0].T
    mean, var = params["cat_bn.running_mean"], params["cat_bn.running_var"]
    flat = y.reshape(-1, CHANNELS)
    statistics = {
        "running_mean": 0.9 * mean + 0.1 * flat.mean(0),
        "running_var": 0.9 * var + 0.1 * flat.var(0, ddof=1),
    }
    if train:
        mean, var = flat.mean(0), flat.var(0)
    y = (y - mean) / np.sqrt(var + 1e-5) * params["cat_bn.weight"]
    return {"output": np.maximum(y + params["cat_bn.bias"], 0), **statistics}


def loss(params: dict[str, np.ndarray], x: np.ndarray, target: np.ndarray) -> float:
    """Mean Euclidean distance over the last axis, in train mode."""
    output = layer(params, x, train=True)["output"]
    return np.linalg.norm(output - target, axis=-1).mean()


def gradient(function, array: np.ndarray) -> np.ndarray:
    """Differences of five points at every entry of `array`, changed in place."""
    slopes, step = np.zeros_like(array), 2e-5
    for index in np.ndindex(array.shape):
        value = array[index]
        found = {}
        for steps in (-2, -1, 1, 2):
            array[index] = value + steps * step
            found[steps] = function()
        array[index] = value
        near, far = found[1] - found[-1], found[2] - found[-2]
        slopes[index] = (8 * near - far) / (12 * step)
    return slopes


@pytest.fixture(scope="module")
def golden_file() -> dict[str, np.ndarray]:
    """The arrays of a golden file of class `MultiGlobalGraph`."""
    rng = np.random.default_rng(0)
    state_dict = random_state_dict(rng)
    params = {name: value.astype(np.float64) for name, value in state_dict.items()}
    x, target = rng.normal(size=(2, 4, 5, JOINTS, CHANNELS)).astype(np.float32)
    wide, goal = x.astype(np.float64), target.astype(np.float64)
    evaluated, trained = layer(params, wide, False), layer(params, wide, True)
    value = loss(params, wide, goal)
    config = {
        "model": "gast_net",
        "cls": "MultiGlobalGraph",
        "num_joints": JOINTS,
        "input_layout": "B,T,J,C",
    }
    arrays = {
        "config": json.dumps(config),
        "input": x,
        "target": target,
        "output": np.float32(evaluated["output"]),
        "output_f64": evaluated["output"],
        "train/output": np.float32(trained["output"]),
        "train/output_f64": trained["output"],
        "train/loss": np.float32(value),
        "train/loss_f64": value,
        "no_grad_params": "[]",
    }
    arrays |= {f"param/{name}": value for name, value in state_dict.items()}
    for name in ("running_mean", "running_var"):
        arrays[f"train/stat/cat_bn.{name}"] = np.float32(trained[name])
    for name, array in params.items():
        if "running" not in name:
            slopes = gradient(lambda: loss(params, wide, goal), array)
            arrays[f"grad/{name}"] = np.float32(slopes)
    slopes = gradient(lambda: loss(params, wide, goal), wide)
    return arrays | {"grad_input": np.float32(slopes)}


def test_the_global_layer_agrees_with_a_file_of_its_class(golden_file, tmp_path):
    path = tmp_path / "gast_unit_multi_global_graph.npz"
    np.savez(path, **golden_file)
    errors = goldens.check_file(path)
    kinds = {error.kind for error in errors}
    assert {"float64 output", "float64 train/output", "float64 gradient"} <= kinds
    assert not [error for error in errors if error.failed]


@pytest.mark.parametrize(
    "key", ["param/attentions.2.C_k", "grad/attentions.1.phi.weight"]
)
def test_a_changed_array_of_the_global_layer_is_noticed(golden_file, tmp_path, key):
    path = tmp_path / "gast_unit_multi_global_graph.npz"
    np.savez(path, **golden_file | {key: golden_file[key] + np.float32(1e-3)})
    assert [error for error in goldens.check_file(path) if error.failed]
