"""Initial variables of a model, without compiling its forward pass or a draw twice.

`model.init` under `jit` is one program with a random draw per parameter: XLA for CPU
takes 13 processor seconds for the 337 variables of GLA-GCN. Here the traced `init` is
cut into one program per variable, from its random key to its value. Parameters of one
shape and one initialiser share a program. Operations that no variable needs are left
out. The numbers are those of `model.init` under `jit`, bit for bit.
"""

import os
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import core

from jaxpose.models.base import LiftingModel

Program = Callable[..., Any]
LEVEL = "xla_backend_optimization_level"


def init_variables(model: LiftingModel, key: jax.Array) -> dict[str, Any]:
    """Computes `model.init(key, *model.example_inputs(), train=False)`."""

    def init(key: jax.Array) -> Any:
        return model.init(key, *model.example_inputs(), train=False)

    closed, shapes = jax.make_jaxpr(init, return_shape=True)(key)
    pieces = _Pieces(closed, key)
    values = [pieces.value(output) for output in closed.jaxpr.outvars]
    return jax.tree.unflatten(jax.tree.structure(shapes), values)


class _Pieces:
    """Evaluates the outputs of a traced function of a random key, one by one."""

    def __init__(self, closed: core.ClosedJaxpr, key: jax.Array):
        """Takes the function and its argument."""
        self._jaxpr = closed.jaxpr
        self._known: dict[core.Var, Any] = dict.fromkeys(self._jaxpr.invars, key)
        self._known.update(zip(self._jaxpr.constvars, closed.consts, strict=True))
        self._maker = {var: eqn for eqn in self._jaxpr.eqns for var in eqn.outvars}
        self._programs: dict[str, Program] = {}
        # The bits are those of full optimisation, which takes up to twice as long and
        # gains nothing in a program that runs a few times. A level that the user has
        # chosen stays.
        is_chosen = LEVEL in os.environ.get("XLA_FLAGS", "")
        is_free = jax.default_backend() == "cpu" and not is_chosen
        self._options = {LEVEL: 1} if is_free else None

    def value(self, output: core.Var | core.Literal) -> Any:
        """Returns the value of an output or of a random key."""
        if isinstance(output, core.Literal):
            return jnp.asarray(output.val)
        if output not in self._known:
            inputs, eqns = self._piece(output)
            arguments = [self.value(given) for given in inputs]
            run = self._program(output, inputs, eqns)
            (self._known[output],) = run(*arguments)
        return self._known[output]

    def _piece(self, output: core.Var) -> tuple[list[core.Var], list[core.JaxprEqn]]:
        """Returns the equations of `output`, back to values that are known or keys."""
        inputs: dict[core.Var, None] = {}
        needed, pending = {id(self._maker[output])}, [self._maker[output]]
        while pending:
            for atom in pending.pop().invars:
                if isinstance(atom, core.Literal):
                    continue
                maker = self._maker.get(atom)
                if maker is None or atom in self._known or _is_key(atom):
                    inputs[atom] = None
                elif id(maker) not in needed:
                    needed.add(id(maker))
                    pending.append(maker)
        return list(inputs), [eqn for eqn in self._jaxpr.eqns if id(eqn) in needed]

    def _program(
        self, output: core.Var, inputs: list[core.Var], eqns: list[core.JaxprEqn]
    ) -> Program:
        """Returns the function of a piece, the same for pieces of one text."""
        piece = core.Jaxpr(
            (), inputs, [output], eqns, debug_info=self._jaxpr.debug_info
        )
        run = core.jaxpr_as_fun(core.ClosedJaxpr(piece, ()))
        # A key is made by operations whose numbers differ: each runs by itself.
        if _is_key(output):
            return run
        text, program = str(piece), jax.jit(run, compiler_options=self._options)
        # A text shortens its arrays, and those that inner functions hold are not in it.
        is_whole = "..." not in text and not _holds_arrays(piece)
        return self._programs.setdefault(text, program) if is_whole else program


def _holds_arrays(jaxpr: core.Jaxpr) -> bool:
    """Returns whether a function that a piece calls holds arrays, as a closure does."""
    for eqn in jaxpr.eqns:
        for value in jax.tree.leaves(eqn.params):
            if isinstance(value, core.ClosedJaxpr):
                if value.consts or _holds_arrays(value.jaxpr):
                    return True
            elif isinstance(value, core.Jaxpr) and _holds_arrays(value):
                return True
    return False


def _is_key(var: core.Var) -> bool:
    """Returns whether a variable is a random key."""
    aval = var.aval
    return isinstance(aval, jax.core.ShapedArray) and jax.dtypes.issubdtype(
        aval.dtype, jax.dtypes.prng_key
    )
