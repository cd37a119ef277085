"""Files of a run's directory: configs of earlier formats, and errors of one line."""

import pytest

from configs import ampose, gla_gcn, wild
from jaxpose.errors import JaxposeError
from jaxpose.training import workdirs
from jaxpose.whole_files import write_json
from tests.small_run import small_clips


def as_written_by_format_2(config, stage_two_epoch):
    """The config under the names of format 2."""
    fields = workdirs.plain(config)
    fields["stage_two_epoch"] = stage_two_epoch
    model = fields["model"]
    model.pop("stage_two_epoch", None)
    if model["name"] == "ampose":
        model["width"] = model.pop("joint_width")
    return fields


def write(directory, fields, written_format):
    write_json(directory / "config.json", fields)
    write_json(directory / "environment.json", {"format": written_format})


@pytest.mark.parametrize(
    ("config", "stage_two_epoch"),
    [
        (ampose.get_config("quickstart"), 0),
        (gla_gcn.get_config("quickstart"), 2),
        (gla_gcn.get_config("cpn243"), 40),
        (gla_gcn.get_config("cpn243_refined"), 0),
    ],
    ids=["ampose", "quickstart", "cpn243", "refined"],
)
def test_a_run_of_format_2_has_the_config_of_today(tmp_path, config, stage_two_epoch):
    write(tmp_path, as_written_by_format_2(config, stage_two_epoch), 2)
    assert workdirs.changes(config, tmp_path) == []
    # A run that goes on writes its config anew, and its environment stays.
    write(tmp_path, workdirs.plain(config), 2)
    assert workdirs.load_config(tmp_path).to_dict() == config.to_dict()


def test_changed_fields_are_listed_in_one_line(tmp_path):
    config = ampose.get_config("quickstart")
    write(tmp_path, workdirs.plain(config), workdirs.FORMAT)
    workdirs.check_config(config, tmp_path)
    for name in ("seed", "batch_size", "num_epochs", "eval_batch_size"):
        config[name] += 1
    config.optimizer.decay = 0.5
    with pytest.raises(JaxposeError) as error:
        workdirs.check_config(config, tmp_path)
    message = str(error.value)
    assert "\n" not in message
    assert "config.batch_size: 128 there, 129 now; config.eval_batch_size" in message
    assert "--" not in message
    config.checkpoint_seconds, config.flip_average = 1, False
    with pytest.raises(JaxposeError, match="; and 1 more"):
        workdirs.check_config(config, tmp_path)


def test_sizes_are_those_that_the_model_sees():
    clips = small_clips()
    lowest, highest = workdirs.describe_run(ampose.get_config("quickstart"), clips)[
        "body_heights"
    ]
    assert 0.2 < lowest < highest < 2
    # 10 % of a landscape's height, 110 % of a portrait's: 16 to 9 either way.
    seen = workdirs.describe_run(wild.get_config("quick"), clips)["body_heights"]
    assert seen == pytest.approx([0.2 * 9 / 16, 2.2 * 16 / 9])


@pytest.mark.parametrize("written", ["two", None, 2.5, [2]])
def test_a_format_that_is_no_number_is_named(tmp_path, written):
    write(tmp_path, workdirs.plain(ampose.get_config("quickstart")), written)
    with pytest.raises(JaxposeError) as error:
        workdirs.load_config(tmp_path)
    message = f"environment.json is damaged: format is {written!r}, expected"
    assert message in str(error.value)
