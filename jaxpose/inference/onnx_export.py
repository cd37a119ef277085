"""Models as ONNX files, for programs without JAX. Experimental.

`jax2onnx` traces the model and writes its operations as ONNX, without TensorFlow.
docs/lift.md lists the models and the versions that were tried.
"""

import json
import logging
import pathlib
import warnings
from importlib import metadata
from typing import Any

import jax
import numpy as np

from jaxpose.body.skeletons import get_skeleton
from jaxpose.data.windows import target_index
from jaxpose.errors import JaxposeError
from jaxpose.models.base import LiftingModel
from jaxpose.pose.files import write_whole

ENDING = ".onnx"
INPUT, OUTPUT = "keypoints_2d", "positions_3d"


def write_onnx(
    path: pathlib.Path,
    model: LiftingModel,
    variables: Any,
    facts: dict[str, Any],
) -> None:
    """Writes a model with its weights; a file that exists is replaced.

    Its input `keypoints_2d` is `[batch, T, J2, C]` float32: windows of the receptive
    field, screen-normalised (protocol P.2), with a confidence where C is 3. Its output
    `positions_3d` is `[batch, J, 3]` metres of the frame `target_frame`, in the axes of
    the camera, relative to the root. The metadata has one entry, `jaxpose`, JSON.

    Args:
      path: the file, `NAME.onnx`.
      model: a model that reads keypoints alone.
      variables: its weights.
      facts: entries of the metadata besides those of the model.

    Raises:
      JaxposeError: `jax2onnx` is not installed or cannot convert the model, or the file
        cannot be written.
    """
    try:
        import jax2onnx
    except ImportError:
        raise JaxposeError(
            "ONNX files need jax2onnx, which is not installed: "
            "pip install 'jaxpose[onnx]'"
        ) from None
    joints = get_skeleton(model.keypoints_skeleton)
    window = (model.receptive_field, joints.num_joints, model.keypoint_features)
    # Weights are constants of the file.
    constants = jax.tree.map(np.asarray, variables)

    def predict(keypoints_2d: Any) -> Any:
        return model.predict(constants, keypoints_2d)

    logger = logging.getLogger("onnx_ir")
    level = logger.level
    logger.setLevel(logging.ERROR)  # it warns of every shape that it cannot name
    try:
        with warnings.catch_warnings():
            # It asks JAX for doubles on the way, and does without.
            warnings.filterwarnings("ignore", "Explicitly requested dtype")
            converted = jax2onnx.to_onnx(
                predict,
                [("batch", *window)],
                model_name="jaxpose",
                input_names=[INPUT],
                output_names=[OUTPUT],
            )
    except Exception as error:  # of many kinds: an operation that it does not know
        raise JaxposeError(
            f"jax2onnx {metadata.version('jax2onnx')} cannot convert this model "
            f"({type(error).__name__}: {error}); docs/lift.md lists which versions do"
        ) from error
    finally:
        logger.setLevel(level)
    about = {
        "skeleton": model.skeleton,
        "joints": get_skeleton(model.skeleton).joints,
        "keypoints_skeleton": model.keypoints_skeleton,
        "keypoints": joints.joints,
        "target_frame": target_index(model.receptive_field, model.causal_shift),
        "unit": "metre",
        **facts,
    }
    entry = converted.metadata_props.add()
    entry.key, entry.value = "jaxpose", json.dumps(about)
    write_whole(path, converted.SerializeToString(), overwrite=True)
