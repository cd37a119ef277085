"""Weights of a model inside what training scripts and wrappers save."""

import numpy as np
import pytest

from jaxpose.errors import JaxposeError
from jaxpose.torch_weights.state_dicts import find_state_dict, strip_prefix

KEYS = ("model_pos", "model", "state_dict", "net")
WEIGHTS = {"head.weight": np.ones(2), "head.bias": np.zeros(2)}


def find(content):
    return find_state_dict(content, KEYS, lambda value: isinstance(value, np.ndarray))


@pytest.mark.parametrize(
    "content",
    [
        WEIGHTS,
        {"model_pos": WEIGHTS, "epoch": 3},
        {"net": WEIGHTS, "ema": {"head.weight": np.ones(2)}},
        {"model": {"state_dict": WEIGHTS}, "lr": 0.1},
        {"anything": WEIGHTS},
        {"a": {"b": {"c": WEIGHTS}}, "optimizer": {"state": {"m": np.ones(2)}}},
    ],
)
def test_the_state_dict_is_found_under_any_key(content):
    assert find(content) is WEIGHTS


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"one": WEIGHTS, "two": WEIGHTS}, "holds several state dicts: one, two; save"),
        ({"epoch": 3}, "holds no state dict.*it holds the keys epoch"),
        ([1, 2], "it holds a list"),
        ({"state": {0: {"exp_avg": 3}}}, "it holds the keys state"),
    ],
)
def test_without_one_state_dict_the_message_says_what_there_is(content, message):
    with pytest.raises(JaxposeError, match=message):
        find(content)


@pytest.mark.parametrize("prefix", ["", "module.module.", "backbone.", "net.lifter."])
def test_a_prefix_of_all_names_is_stripped(prefix):
    wrapped = {prefix + name: array for name, array in WEIGHTS.items()}
    assert strip_prefix(wrapped, WEIGHTS, None) == WEIGHTS


def test_other_arrays_beside_the_prefixed_ones_need_the_flag():
    wrapped = {f"backbone.{name}": array for name, array in WEIGHTS.items()}
    wrapped["loss.weight"] = np.ones(1)
    with pytest.raises(
        JaxposeError, match=r"under 'backbone\.', beside .*'loss\.weight'; add --strip"
    ):
        strip_prefix(wrapped, WEIGHTS, None)
    assert strip_prefix(wrapped, WEIGHTS, "backbone.") == WEIGHTS
    with pytest.raises(JaxposeError, match=r"--strip-prefix=spine\.; the first one is"):
        strip_prefix(wrapped, WEIGHTS, "spine.")


def test_names_of_another_model_are_left_alone():
    other = {"encoder.weight": np.ones(2)}
    assert strip_prefix(other, WEIGHTS, None) == other
