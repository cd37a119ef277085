"""jaxpose: 3D human pose estimation by 2D-to-3D lifting, in JAX and Flax.

Lift what a detector wrote, `pose = jaxpose.load().read("alphapose.json")`. Lift the
keypoints of a recording with a trained run, and score the poses:

>>> import jaxpose
>>> run = jaxpose.Run.open("runs/quickstart")
>>> predicted = run.lift(keypoints_2d, image_size=(1000, 1000))
>>> predicted.shape  # frames, joints, metres
(90, 17, 3)
>>> error = 1000 * float(jaxpose.metrics.mpjpe(predicted, positions_3d))  # millimetres

Public names:

    load          trained weights, as a Lifter: released ones, a workdir's or a file's
    Lifter        lifts keypoints and recordings to poses
    Pose          the poses of one person over time
    plot, animate draw a Pose with matplotlib
    Run           a training and its weights: open, create, train, score, lift
    MODELS        the models by their names in a config
    build_model   the model that a config describes
    LiftingModel  what a model declares and may override
    metrics       errors between arrays of poses
    JaxposeError  every error that a user can mend

They are imported when they are first used: `import jaxpose` starts no device.
"""

from jaxpose import interrupts

# Before all other imports: Ctrl-C must not end in a traceback.
if interrupts.is_program():
    interrupts.answer()

import importlib
from typing import TYPE_CHECKING, Any

from jaxpose.errors import JaxposeError

if TYPE_CHECKING:
    from jaxpose import metrics
    from jaxpose.lifter import Lifter, load
    from jaxpose.models import MODELS, build_model
    from jaxpose.models.base import LiftingModel
    from jaxpose.pose import Pose
    from jaxpose.pose.drawing import animate, plot
    from jaxpose.run import Run

__all__ = [
    "MODELS",
    "JaxposeError",
    "Lifter",
    "LiftingModel",
    "Pose",
    "Run",
    "__version__",
    "animate",
    "build_model",
    "load",
    "metrics",
    "plot",
]
__version__ = "0.1.0"

_MODULES = {
    "Lifter": "jaxpose.lifter",
    "Pose": "jaxpose.pose",
    "animate": "jaxpose.pose.drawing",
    "plot": "jaxpose.pose.drawing",
    "load": "jaxpose.lifter",
    "LiftingModel": "jaxpose.models.base",
    "MODELS": "jaxpose.models",
    "Run": "jaxpose.run",
    "build_model": "jaxpose.models",
}


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used."""
    if name == "metrics":
        return importlib.import_module("jaxpose.metrics")
    if name not in _MODULES:
        raise AttributeError(f"module 'jaxpose' has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
