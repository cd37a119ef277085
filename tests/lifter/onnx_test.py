"""Models as ONNX files, run by onnxruntime."""

import json
import sys
from importlib import metadata

import jax
import numpy as np
import pytest

import jaxpose
from configs import (
    ampose,
    crossformer,
    gast_net,
    gla_gcn,
    poseformer,
    videopose3d,
    wild,
)
from jaxpose.errors import JaxposeError
from jaxpose.inference import onnx_export
from jaxpose.models import build_model

# Small sizes: converting takes a time that grows with the number of layers.
MODELS = {
    "ampose": (ampose, {"depth": 1, "joint_width": 16, "heads": 4}),
    "crossformer": (crossformer, {}),
    "gast_net": (gast_net, {"channels": 8}),
    "gla_gcn": (gla_gcn, {}),
    "poseformer": (poseformer, {}),
    "videopose3d": (videopose3d, {"channels": 16}),
    "person_frame": (wild, {"depth": 1, "joint_width": 16, "heads": 4}),
}
# Older versions lack operations of these.
NEED_017 = ("crossformer", "gast_net", "gla_gcn")


def small_model(name):
    config, fields = MODELS[name]
    config = (
        config.get_config()
        if name == "person_frame"
        else config.get_config("quickstart")
    )
    config.model.update(fields)
    model = build_model(config)
    init = jax.jit(model.init, static_argnames="train")
    return model, init(jax.random.key(0), *model.example_inputs(), train=False)


@pytest.mark.parametrize("name", MODELS)
def test_onnxruntime_gives_the_poses_of_the_model(name, tmp_path):
    pytest.importorskip("jax2onnx", reason="ONNX files need jax2onnx")
    onnxruntime = pytest.importorskip("onnxruntime", reason="runs the ONNX files")
    version = tuple(map(int, metadata.version("jax2onnx").split(".")[:2]))
    if name in NEED_017 and version < (0, 17):
        pytest.skip(f"{name} needs jax2onnx 0.17, which pip does not choose")
    model, variables = small_model(name)
    path = tmp_path / "model.onnx"
    onnx_export.write_onnx(path, model, variables, {"weights": "drawn"})
    session = onnxruntime.InferenceSession(str(path))
    window = np.shape(model.example_inputs()[0])[1:]
    rng = np.random.default_rng(0)
    for batch in (1, 3):
        keypoints_2d = rng.uniform(-0.5, 0.5, (batch, *window)).astype(np.float32)
        (found,) = session.run(["positions_3d"], {"keypoints_2d": keypoints_2d})
        expected = model.predict(variables, keypoints_2d)
        np.testing.assert_allclose(found, expected, atol=1e-5)
    about = json.loads(session.get_modelmeta().custom_metadata_map["jaxpose"])
    assert about["weights"] == "drawn"
    assert about["joints"][0] == "hip"
    assert about["target_frame"] == window[0] // 2


def test_a_lifter_writes_its_model(tmp_path, monkeypatch):
    """With what it is called, and an error that names the extra without jax2onnx."""
    written = []
    lifter = jaxpose.load()
    monkeypatch.setattr(
        onnx_export, "write_onnx", lambda *arguments: written.append(arguments)
    )
    lifter.export(tmp_path / "own.onnx")
    ((path, model, _, facts),) = written
    assert (path, model) == (tmp_path / "own.onnx", lifter.model)
    assert facts["weights"] == "jaxpose centred"
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "jax2onnx", None)
    with pytest.raises(JaxposeError, match=r"pip install 'jaxpose\[onnx\]'"):
        lifter.export(tmp_path / "own.onnx")
    assert list(tmp_path.iterdir()) == []
