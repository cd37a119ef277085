"""What a golden file's adapter hands to the runner.

Each module of this package exports

    build(config: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> GoldenModel

where `config` is the file's parsed `config` and `arrays` everything the file stores.
`build` raises `JaxposeError` for a config it does not understand.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax

from jaxpose.torch_weights.layouts import Entry


@dataclasses.dataclass(frozen=True)
class GoldenModel:
    """A module and how a golden file's arrays map to it.

    The runner calls `module.init(key, to_input(input), train=False)` for the shapes and
    `module.apply(variables, to_input(input), train=...)`, in train mode with
    `batch_stats` mutable where the model has them. Every dropout and stochastic-depth
    rate must be 0.

    Attributes:
      module: the model, `__call__(x, *, train)`.
      entries: its state-dict map, names without `state_prefix`.
      leftovers: names (without `state_prefix`) that the reference stores and never
        uses.
      to_input: golden `input` (its own layout) to the module's input. Traced by JAX.
      from_output: the module's output to golden-layout arrays by golden key: always
        `output`, and `seq` for the GLA-GCN composite. Traced by JAX.
      state_prefix: what the file's names carry before the reference's own, e.g. `m.`.
    """

    module: nn.Module
    entries: list[Entry]
    leftovers: tuple[str, ...] = ()
    to_input: Callable[[jax.Array], jax.Array] = lambda x: x
    from_output: Callable[[Any], dict[str, jax.Array]] = lambda y: {"output": y}
    state_prefix: str = ""
