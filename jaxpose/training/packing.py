"""Small arrays of a tree as one vector, so that one kernel updates all of them.

Two thirds of a model's parameters are biases and scales of a few hundred numbers. On an
accelerator an optimiser launches a kernel for each of them, which costs as much as one
for a large matrix. Inside the loop over updates they are parts of one vector; the
numbers stay the same, for the optimisers of `jaxpose.training.optimizers` update each
number by itself: one that looks at whole arrays, such as their norms, must not be
packed. Large arrays stay apart: cutting them out of a vector would copy them.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

# Numbers of the largest array that is packed. At 8,192 GLA-GCN's matrices stay apart,
# which costs 36 kernels more; experiments/accelerators.md has other models.
_MOST = 100_000


class Packed(NamedTuple):
    """A tree with its small arrays side by side.

    Attributes:
      small: the small arrays, flat, one after the other.
      large: the other arrays.
    """

    small: jax.Array
    large: list[jax.Array]


class Packing:
    """Packs trees that have the structure and the shapes of the parameters."""

    def __init__(self, params: Any):
        """Takes the parameters or their shapes."""
        leaves, structure = jax.tree.flatten(params)
        self._structure: Any = structure
        self._shapes = [leaf.shape for leaf in leaves]
        sizes = np.array([leaf.size for leaf in leaves])
        # A vector has one type.
        same_type = np.array([leaf.dtype == leaves[0].dtype for leaf in leaves])
        self._is_small = same_type & (sizes <= _MOST)
        self._ends = np.cumsum(np.where(self._is_small, sizes, 0))

    def pack(self, tree: Any) -> Packed:
        """Packs one tree."""
        leaves = self._structure.flatten_up_to(tree)
        small: list[jax.Array] = []
        large: list[jax.Array] = []
        for leaf, is_small in zip(leaves, self._is_small, strict=True):
            (small if is_small else large).append(leaf)
        flat = [leaf.reshape(-1) for leaf in small]
        return Packed(jnp.concatenate(flat) if flat else jnp.zeros(0), large)

    def unpack(self, packed: Packed) -> Any:
        """Returns the tree that was packed."""
        leaves, large, start = [], iter(packed.large), 0
        for shape, is_small, end in zip(
            self._shapes, self._is_small, self._ends, strict=True
        ):
            if is_small:
                leaves.append(packed.small[start:end].reshape(shape))
            else:
                leaves.append(next(large))
            start = end
        return self._structure.unflatten(leaves)

    def pack_inside(self, tree: Any) -> Any:
        """Packs every part of an optimiser's state that is like the parameters."""

        def is_like_params(part: Any) -> bool:
            return jax.tree.structure(part) == self._structure

        def pack(part: Any) -> Any:
            return self.pack(part) if is_like_params(part) else part

        return jax.tree.map(pack, tree, is_leaf=is_like_params)

    def unpack_inside(self, tree: Any) -> Any:
        """Returns the optimiser's state that was packed."""

        def is_packed(part: Any) -> bool:
            return isinstance(part, Packed)

        def unpack(part: Any) -> Any:
            return self.unpack(part) if is_packed(part) else part

        return jax.tree.map(unpack, tree, is_leaf=is_packed)
