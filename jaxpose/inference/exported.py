"""Models as compiled programs in a file, which run without the code of the model.

A program is made by `jax.export` for all platforms at once. JAX promises to run it for
six months of its versions at least.
"""

import dataclasses
import re
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import ml_collections

from jaxpose.body.skeletons import get_skeleton
from jaxpose.errors import JaxposeError
from jaxpose.models.base import LiftingModel
from jaxpose.precision import matmul_precision
from jaxpose.wording import cut, shown

PLATFORMS = ("cpu", "cuda", "tpu")

# What a model needs of the functions that XLA has besides its operations: the checks of
# a batch of any size. Others take addresses, of callbacks for one.
_CALLED = {"shape_assertion"}
_OUTSIDE = re.compile(
    r"custom_call\W*([\w.$]*)|\bstablehlo\.(infeed|outfeed|send|recv)\b"
)
# Fields of `ExportedModel` in a file, and their types.
_FACTS = {
    "skeleton": str,
    "input_skeleton": str,
    "keypoint_features": int,
    "num_frames": int,
    "shift": int,
}


@dataclasses.dataclass(frozen=True)
class Program:
    """A model that is compiled for windows of any number.

    Attributes:
      code: what `jax.export` writes, of `(variables, keypoints_2d [B, T, J2, C]) ->
        positions [B, J, 3]` in metres.
      facts: fields of `ExportedModel` that describe the model.
    """

    code: bytes
    facts: dict[str, Any]


def export_program(
    model: LiftingModel, variables: Any, config: ml_collections.ConfigDict
) -> Program:
    """Compiles a model for `PLATFORMS`; the weights stay arguments.

    Args:
      model: a model that reads keypoints alone.
      variables: its weights, for their shapes.
      config: precision of matrix products.
    """
    shapes = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, jnp.float32), variables
    )
    joints = get_skeleton(model.keypoints_skeleton).num_joints
    (batch,) = jax.export.symbolic_shape("batch")
    window = (batch, model.receptive_field, joints, model.keypoint_features)
    with matmul_precision(config.precision):
        exported = jax.export.export(jax.jit(model.predict), platforms=PLATFORMS)(
            shapes, jax.ShapeDtypeStruct(window, jnp.float32)
        )
    facts = {
        "skeleton": model.skeleton,
        "input_skeleton": model.keypoints_skeleton,
        "keypoint_features": model.keypoint_features,
        "num_frames": model.receptive_field,
        "shift": model.causal_shift,
    }
    return Program(bytes(exported.serialize()), facts)


def _check_program(text: str, where: str) -> None:
    """Raises JaxposeError for a program that calls what lies outside of it.

    Args:
      text: the program, as MLIR.
      where: name of its weights.
    """
    for called, other in _OUTSIDE.findall(text):
        if called not in _CALLED:
            raise JaxposeError(
                f"{where}: its program calls {cut(called or other or 'a function')!r} "
                "outside of it, as no model does; get the weights from whom you trust"
            )


class ExportedModel(LiftingModel, kw_only=True):
    """A lifting model whose code is a `Program`.

    Attributes:
      input_skeleton: joints of the keypoints.
      num_frames: frames of a window.
      shift: frames from the centre of a window to its target.
      program: the program, as `jax.export` reads it.
    """

    input_skeleton: str
    num_frames: int
    shift: int
    program: Any

    @classmethod
    def of(cls, program: Program, where: str) -> "ExportedModel":
        """Returns the model of a program.

        Raises:
          JaxposeError: this version of JAX cannot run it, it calls functions outside of
            it, or its facts are not those of a model.
        """
        try:
            loaded = jax.export.deserialize(bytearray(program.code))
        except Exception as error:  # of several kinds, all about versions
            raise JaxposeError(
                f"{where}: jax {jax.__version__} cannot read this program "
                f"({error}); export the weights again, or without a program"
            ) from error
        _check_program(loaded.mlir_module(), where)
        for name, kind in _FACTS.items():
            if type(program.facts.get(name)) is not kind:
                raise JaxposeError(
                    f"{where}: {name} of its program is "
                    f"{shown(program.facts.get(name))}, expected a {kind.__name__}; "
                    "export the weights again"
                )
        facts = {name: program.facts[name] for name in _FACTS}
        return cls(**facts, program=loaded)

    @property
    def receptive_field(self) -> int:
        """Returns the number of input frames of one pose."""
        return self.num_frames

    @property
    def causal_shift(self) -> int:
        """Returns the frames from the centre of the window to its target."""
        return self.shift

    @property
    def keypoints_skeleton(self) -> str:
        """Returns the name of the skeleton of the input."""
        return self.input_skeleton

    def predict_sequence(self, variables: Any, inputs: Any) -> jax.Array:
        """Returns `[B, 1, J, 3]` in metres, of windows `[B, T, J2, C]`."""
        (keypoints_2d,) = jax.tree.leaves(inputs)
        return self.program.call(variables, keypoints_2d)[:, None]
