"""Makes float64 arrays of what callers give for numbers."""

from typing import Any

import numpy as np

from jaxpose.errors import JaxposeError


def as_floats(name: str, value: Any) -> np.ndarray:
    """Returns `value` in float64.

    Args:
      name: of the argument, for the error.
      value: anything.

    Raises:
      JaxposeError: it does not hold real numbers.
    """
    try:
        # NumPy would drop the imaginary part with no more than a warning.
        if np.iscomplexobj(array := np.asarray(value)):
            raise TypeError("complex ones are not real")
        return np.asarray(array, np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise JaxposeError(f"{name} is no array of numbers: {error}") from error
