"""A Colab runtime keeps its JAX, or gets a new one with its accelerator's plugin."""

import sys
import types

import pytest
from packaging.requirements import Requirement

from notebooks import colab

REQUIREMENTS = [
    Requirement(text)
    for text in ("jax>=0.10", "jaxlib>=0.10", "flax>=0.12.8", "numpy>=2.1")
]
OLD = {"jax": "0.7.2", "jaxlib": "0.7.2", "flax": "0.11.2", "numpy": "2.0.2"}
NEW = {"jax": "0.10.1", "jaxlib": "0.10.1", "flax": "0.12.8", "numpy": "2.1.3"}


def test_a_runtime_that_has_everything_is_left_alone():
    asked, _ = colab.plan(REQUIREMENTS, NEW | {"jax-cuda12-plugin": "0.10.1"})
    assert asked == []


def test_a_jax_that_is_new_enough_is_kept():
    installed = NEW | {"flax": "0.11.2", "jax-cuda12-plugin": "0.10.1"}
    assert colab.plan(REQUIREMENTS, installed) == (
        ["flax>=0.12.8"],
        ["jax==0.10.1", "jaxlib==0.10.1"],
    )


@pytest.mark.parametrize(
    ("plugin", "extra"),
    [
        ("jax-cuda12-plugin", "[cuda12]"),
        ("jax-cuda13-plugin", "[cuda13]"),
        ("libtpu", "[tpu]"),
        ("another", ""),
    ],
)
def test_an_old_jax_is_replaced_with_its_plugin(plugin, extra):
    asked, kept = colab.plan(REQUIREMENTS, OLD | {plugin: "0.7.2"})
    assert asked == [f"jax{extra}>=0.10", "jaxlib>=0.10", "flax>=0.12.8", "numpy>=2.1"]
    assert kept == []


def test_a_new_jax_that_was_parted_from_its_plugin_gets_it_again():
    asked, kept = colab.plan(REQUIREMENTS, NEW | {"jax-cuda12-plugin": "0.7.2"})
    assert asked == ["jax[cuda12]>=0.10", "jaxlib>=0.10"]
    assert kept == []


def test_a_development_version_of_jax_is_new_enough():
    installed = NEW | {"jax": "0.11.0.dev20261101", "jaxlib": "0.11.0.dev20261101"}
    assert colab.plan(REQUIREMENTS, installed)[0] == []


def test_the_requirements_are_those_of_the_file():
    names = [requirement.name for requirement in colab.read_requirements()]
    assert names[:3] == ["jax", "jaxlib", "flax"]
    # This environment has all of them.
    assert colab.plan(colab.read_requirements(), colab.installed_versions())[0] == []


def test_a_module_that_was_loaded_before_asks_for_a_restart(monkeypatch):
    monkeypatch.setattr(colab, "plan", lambda *_: ([], []))
    colab.install()
    monkeypatch.setitem(sys.modules, "numpy", types.SimpleNamespace(__version__="1.0"))
    with pytest.raises(SystemExit, match="numpy was loaded before: choose Runtime"):
        colab.install()
