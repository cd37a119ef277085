"""Fields of a config: what each does, and what answers a name that is none."""

import json
import re

import ml_collections
import pytest

from configs import ampose, videopose3d
from jaxpose.config import check_names, restore_config
from jaxpose.errors import JaxposeError
from jaxpose.field_list import describe_attributes, list_fields
from jaxpose.fields import FIELDS, find_unknown
from jaxpose.models import MODELS, config_fields
from jaxpose.run import Run
from jaxpose.training.workdirs import plain


def test_every_field_is_listed_with_its_value_and_what_it_does():
    config = ampose.get_config("quickstart")
    lines = list_fields(config).splitlines()
    names = []
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("--config."):
            names.append(re.match(r"--config\.([\w.]+)", line)[1])
            assert re.match(r"    [A-Z`].*", below), line
    model = [f"model.{name}" for name in config_fields("ampose")]
    assert names == [*FIELDS, "model.name", *model]
    assert "--config.batch_size=128" in lines
    assert "--config.dataset.data_dir (absent)" in lines
    tests = "--config.dataset.test_subjects=\"('test_0', 'test_1', 'test_2')\""
    assert tests in lines
    assert max(len(line) for line in lines if line.startswith(" ")) <= 80


@pytest.mark.parametrize("name", MODELS)
def test_every_model_describes_its_fields(name):
    described = describe_attributes(MODELS[name])
    assert set(config_fields(name)) <= set(described)
    # Its own words come before those of its base.
    assert described["keypoint_features"].startswith("Numbers per keypoint")


def test_a_new_field_in_python_is_an_error_with_the_known_ones():
    config = ampose.get_config("quickstart")
    with pytest.raises(
        JaxposeError, match=r"no field 'num_epoch' \(did you mean 'num_"
    ):
        config.num_epoch = 3
    with pytest.raises(JaxposeError, match=r"no field 'beta'; it has decay, final_lea"):
        config.optimizer.beta = 0.9
    with pytest.raises(JaxposeError, match=r"no field 'deep'"):
        config.update_from_flattened_dict({"model.deep": 3})
    with pytest.raises(JaxposeError, match=r"no field 'widths'"):
        config.copy_and_resolve_references().model.widths = 3
    config.num_epochs = 3
    assert config.num_epochs == 3


def test_a_run_refuses_a_field_that_an_unlocked_config_was_given(tmp_path):
    config = ampose.get_config("quickstart")
    with config.unlocked():
        config.optimizer.beta = 0.9
    with pytest.raises(JaxposeError, match=r"config\.optimizer has no field 'beta'"):
        Run.create(config, tmp_path)
    other = ml_collections.ConfigDict(plain(ampose.get_config("quickstart")))
    check_names(other)
    other.epochs = 3
    with pytest.raises(JaxposeError, match=r"config has no field 'epochs' \(did you"):
        check_names(other)


def test_unknown_names_are_found_at_their_level():
    config = ampose.get_config("quickstart")
    assert find_unknown(config, "optimizer.decay") is None
    assert find_unknown(config, "optimizer.decai").startswith("config.optimizer has no")
    assert find_unknown(config, "seed.x").startswith("config.seed is no group")


def test_a_config_that_went_through_json_is_the_one_that_was_made():
    for config in (ampose.get_config("quickstart"), videopose3d.get_config("cpn27")):
        restored = restore_config(json.loads(json.dumps(config.to_dict())))
        assert restored.to_dict() == config.to_dict()
        assert restored.is_locked
        # An absent value can be set, to its own type only.
        restored.dataset.data_dir = "data"
        with pytest.raises(TypeError):
            restored.dataset.actions = 3
