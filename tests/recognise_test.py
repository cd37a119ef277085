"""A PyTorch checkpoint is recognised by the names and shapes of its arrays."""

import numpy as np
import pytest

from jaxpose import command_line, convert
from jaxpose.errors import JaxposeError
from jaxpose.models import build_model
from jaxpose.models.cost import variable_shapes
from jaxpose.run import Run
from jaxpose.torch_weights import STATE_DICTS, layouts, recognise
from tests import torch_files


@pytest.fixture(scope="module")
def variants():
    """Each packaged config of a model with a map, by the name that `--config` takes."""
    found = {}
    for name in STATE_DICTS:
        found.update(command_line.packaged_variants(name))
    return found


def arrays_of(config):
    """A state dict of zeros; the numbers do not tell what a model is."""
    model = build_model(config)
    entries = list(STATE_DICTS[config.model.name].entries(model))
    shapes = layouts.torch_shapes(entries, variable_shapes(model))
    return {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("configs/videopose3d.py:cpn27", None),
        ("configs/videopose3d.py:cpn243_causal", "configs/videopose3d.py:cpn243"),
        ("configs/gla_gcn.py:released_cpn27", None),
        ("configs/gast_net.py:cpn9", None),
        ("configs/poseformer.py:cpn9", None),
        ("configs/crossformer.py:released_cpn81", None),
    ],
)
def test_models_and_variants_are_told_by_their_arrays(variants, name, first):
    fits = recognise.find_fits(arrays_of(variants[name]), variants.items())
    assert fits[0].name == (first or name)
    assert name in [fit.name for fit in fits]
    assert all(fit.is_exact for fit in fits)
    models = {fit.config.model.name for fit in fits}
    assert models == {variants[name].model.name}
    described = recognise.describe_fits(fits)
    assert described.startswith(f"its arrays are those of {fits[0].name}")
    assert len(described.splitlines()) <= 4
    for fit in fits[1:8]:
        assert f"{fit.name.partition(':')[2]} (" in described


def test_what_the_arrays_do_not_tell_is_said(variants):
    config = variants["configs/videopose3d.py:cpn243"]
    described = recognise.describe_fits(
        recognise.find_fits(arrays_of(config), variants.items())
    )
    assert "gt243 (human36m/gt_17)" in described
    assert "cpn243_causal (model.causal=True)" in described
    assert described.endswith("if it is one of these, say so with --config")


def test_a_prefix_and_counters_change_nothing(variants):
    name = "configs/videopose3d.py:cpn27"
    wrapped = {"expand_bn.num_batches_tracked": np.zeros(())}
    wrapped |= arrays_of(variants[name])
    wrapped = {f"backbone.{key}": array for key, array in wrapped.items()}
    assert recognise.find_fits(wrapped, variants.items())[0].name == name


def test_other_sizes_are_answered_by_the_nearest_config(variants):
    config = variants["configs/videopose3d.py:cpn27"].copy_and_resolve_references()
    config.model.channels = 512
    (nearest,) = recognise.find_fits(arrays_of(config), variants.items())
    assert not nearest.is_exact
    described = recognise.describe_fits([nearest])
    assert "the nearest config is configs/videopose3d.py:cpn27, but for" in described
    assert "expand_conv.weight (1024, 34, 3), which is (512, 34, 3)" in described
    assert recognise.find_fits({}, []) == []


def test_the_converter_needs_no_config(variants, tmp_path, capsys):
    state_dict = arrays_of(variants["configs/poseformer.py:quickstart"])
    file = torch_files.write_checkpoint(tmp_path / "w.bin", {"model_pos": state_dict})
    convert.convert_from_torch(None, file, tmp_path / "run")
    printed = capsys.readouterr().out
    assert (
        f"{file}: its arrays are those of configs/poseformer.py:quickstart" in printed
    )
    assert Run.open(tmp_path / "run").model.receptive_field == 9


def test_the_wrong_config_is_answered_by_the_likely_right_one(variants, tmp_path):
    state_dict = arrays_of(variants["configs/videopose3d.py:cpn27"])
    file = torch_files.write_checkpoint(tmp_path / "w.bin", {"model_pos": state_dict})
    for wrong in ("configs/videopose3d.py:cpn9", "configs/gast_net.py:cpn27"):
        with pytest.raises(JaxposeError) as error:
            convert.convert_from_torch(variants[wrong], file, tmp_path / "run")
        lines = str(error.value).splitlines()
        assert "does not fit the model" in lines[0]
        assert lines[1] == "its arrays are those of configs/videopose3d.py:cpn27"
        assert len(lines) <= 5
    assert not (tmp_path / "run").exists()


def test_a_file_that_nobody_knows_is_refused(tmp_path):
    content = {"model_pos": {"encoder.weight": np.zeros((2, 3), np.float32)}}
    file = torch_files.write_checkpoint(tmp_path / "w.bin", content)
    with pytest.raises(JaxposeError, match=r"no model that jaxpose knows .*--config="):
        convert.convert_from_torch(None, file, tmp_path / "run")
