"""State-dict map of the refinement network (protocol P.8)."""

from jaxpose.models.refinement import Refinement
from jaxpose.torch_weights import layouts


def entries(model: Refinement) -> list[layouts.Entry]:
    """The map of `model`'s variables."""
    del model
    return layouts.linear("post_refine.0", ("fc1",)) + layouts.linear(
        "post_refine.3", ("fc2",)
    )


def leftovers(model: Refinement) -> dict[str, tuple[int, ...]]:
    """Nothing: the reference uses all that it saves."""
    del model
    return {}
