"""Precision of matrix products, by the name that `config.precision` gives it."""

from contextlib import AbstractContextManager

import jax

from jaxpose.errors import JaxposeError

# JAX's names. Models in bfloat16 ask for it layer by layer.
PRECISIONS = {"float32": "highest", "tf32": "tensorfloat32", "bfloat16": "default"}


def matmul_precision(name: str) -> AbstractContextManager[None]:
    """Returns a context in which JAX multiplies matrices in the precision `name`.

    Raises:
      JaxposeError: unknown precision.
    """
    if name not in PRECISIONS:
        raise JaxposeError(
            f"config.precision {name!r} is unknown; known: {', '.join(PRECISIONS)}"
        )
    return jax.default_matmul_precision(PRECISIONS[name])
