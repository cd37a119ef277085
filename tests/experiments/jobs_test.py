"""The runner fills a table: crashed, changed, moved, seeded and staged rows."""

import json
import re

import pytest

from experiments import child, run
from experiments.job import Job, make_jobs
from experiments.table import Row, Table
from experiments.tables import TABLES
from jaxpose.training import workdirs
from tests.experiments.tiny_table import MODEL, TINY


@pytest.fixture
def tiny(monkeypatch):
    """TINY as a table; jobs and drawing are pretended; `fail` says what crashes."""
    monkeypatch.setitem(TABLES, "tiny", TINY)

    def pretend_to_draw(module, task):
        assert module == "experiments.report"
        pretend.drawn.append([job.row.label for job in task[0]])
        return int("pictures" in pretend.fail)

    monkeypatch.setattr(child, "call", pretend_to_draw)

    def pretend(job):
        pretend.started.append((job.row.label, job.seed))
        job.directory.mkdir(parents=True, exist_ok=True)
        (job.directory / "config.json").write_text(
            json.dumps(workdirs.plain(job.config()))
        )
        if job.row.label in pretend.fail:
            job.log.write_text(
                "10%|##  |\rTraceback\n  in train\nValueError: no luck today\n\n"
            )
            return 1
        protocol = dict.fromkeys(
            (
                *("dataset", "keypoints_source", "train_subjects", "test_subjects"),
                *("checkpoint", "flip_average", "average", "protocol"),
            ),
            "x",
        )
        result = {
            "mpjpe": 60.0 + 2 * job.seed,
            "per_action": {},
            "device": "cpu",
            "protocol": protocol,
        }
        job.result.write_text(json.dumps(result))
        return 0

    pretend.started, pretend.drawn, pretend.fail = [], [], set()
    monkeypatch.setattr(run, "run_in_process", pretend)
    return pretend


def command(tmp_path, *flags):
    return run.main(
        ["tiny", f"--workdir={tmp_path}", f"--data_dir={tmp_path / 'data'}", *flags]
    )


def test_a_table_runs_what_can_run_and_says_what_cannot(tmp_path, tiny, capsys):
    assert command(tmp_path) == 0  # data that is not here is no failure
    assert tiny.started == [("Deep", 0), ("Wide", 0)]
    prepare = "python -m jaxpose.prepare human36m/cpn_ft_h36m_dbb_17 --source=PATH"
    assert f"not prepared: {prepare}" in capsys.readouterr().out
    written = (tmp_path / "tiny.md").read_text()
    assert "| Somebody | paper only | 50.0 | - | 7.0 |" in written
    assert "| Deep | paper | 40.5 | - | - |\n|  | here | 60.0 | - |  |" in written
    assert "here: not prepared" in written
    assert prepare in written
    assert "- Deep is deep." in written


def test_a_crashed_row_does_not_stop_the_table(tmp_path, tiny, capsys):
    tiny.fail.add("Deep")
    assert command(tmp_path) == 1
    assert [label for label, _ in tiny.started] == ["Deep", "Wide"]
    assert "crashed: ValueError: no luck today" in capsys.readouterr().out
    assert (
        "Deep: crashed: ValueError: no luck today" in (tmp_path / "tiny.md").read_text()
    )
    tiny.fail.clear()
    tiny.started.clear()
    assert command(tmp_path) == 0
    assert tiny.started == [("Deep", 0)]  # the finished row is not run again


def test_a_changed_row_is_refused_with_the_difference(
    tmp_path, tiny, monkeypatch, capsys
):
    command(tmp_path)
    tiny.started.clear()
    deeper = Row("Deep", {"MPJPE": 40.5}, MODEL, {"model.depth": 7}, "deep")
    changed = Table("A table", "", TINY.columns, (deeper, *TINY.rows[2:]))
    monkeypatch.setitem(TABLES, "tiny", changed)
    capsys.readouterr()
    assert command(tmp_path) == 1
    assert not tiny.started
    assert re.search(
        r"refused: .*another config(.|\n)*config\.model\.depth: 2 there, 7 now",
        capsys.readouterr().out,
    )
    written = (tmp_path / "tiny.md").read_text()
    assert "|  | here: refused | - | - |  |" in written
    assert written.count("60.0") == 1  # the other row keeps its figure
    assert tiny.drawn == [["Deep", "Wide"], ["Wide"]]
    # Drawing again trains nothing, and shows no more than that.
    assert command(tmp_path, "--report") == 1
    assert (tmp_path / "tiny.md").read_text() == written
    assert tiny.drawn[2:] == [["Wide"]]


def test_figures_of_toys_are_not_reported_as_the_rows_own(tmp_path, tiny):
    assert command(tmp_path, "--smoke") == 0
    assert "60.0" in (tmp_path / "tiny.md").read_text()
    assert command(tmp_path, "--report") == 1
    assert "60.0" not in (tmp_path / "tiny.md").read_text()
    assert len(tiny.drawn) == 1


def test_data_may_move(tmp_path, tiny):
    command(tmp_path)
    tiny.started.clear()
    assert (
        run.main(
            ["tiny", f"--workdir={tmp_path}", f"--data_dir={tmp_path / 'elsewhere'}"]
        )
        == 0
    )
    assert not tiny.started


def test_the_head_of_a_table_names_its_protocol(tmp_path, tiny):
    command(tmp_path / "paper")
    command(tmp_path / "held_out", "--protocol=held_out")
    for name, words in (
        ("paper", "all training subjects of the data set, and the last epoch"),
        ("held_out", "are not trained on and select the checkpoint"),
    ):
        _, _, head, *_ = (tmp_path / name / "tiny.md").read_text().splitlines()
        assert head.startswith(f"Protocol `{name}`: ")
        assert words in head
        run_of_row = tmp_path / name / "runs" / "ampose_quickstart.deep" / "seed_0"
        config = json.loads((run_of_row / "config.json").read_text())
        assert config["protocol"] == name
    # The other protocol is another config: its figures never mix.
    assert command(tmp_path / "paper", "--protocol=held_out") == 1


def test_seeds_give_mean_and_spread(tmp_path, tiny):
    command(tmp_path, "--seeds=3")
    assert tiny.started == [
        (label, seed) for label in ("Deep", "Wide") for seed in range(3)
    ]
    assert "| here | 62.0 ± 2.0 |" in (tmp_path / "tiny.md").read_text()


def test_report_trains_nothing(tmp_path, tiny):
    assert command(tmp_path, "--report") == 0
    assert not tiny.started
    assert not tiny.drawn
    written = (tmp_path / "tiny.md").read_text()
    assert "here: not run yet" in written
    assert "Licensed: not prepared: python -m jaxpose.prepare human36m" in written
    tiny.fail.add("Deep")
    command(tmp_path)
    assert command(tmp_path, "--report") == 0
    assert (
        f"Deep: not finished: see {tmp_path / 'runs'}"
        in (tmp_path / "tiny.md").read_text()
    )


def test_pictures_that_cannot_be_drawn_do_not_stop_the_next_table(
    tmp_path, tiny, monkeypatch, capsys
):
    tiny.fail.add("pictures")
    monkeypatch.setitem(TABLES, "tiny_too", TINY)
    assert (
        run.main(
            [
                "tiny",
                "tiny_too",
                f"--workdir={tmp_path}",
                f"--data_dir={tmp_path / 'data'}",
            ]
        )
        == 1
    )
    assert (tmp_path / "tiny_too.md").exists()
    assert "tiny: not every picture could be drawn" in capsys.readouterr().err


def test_a_second_stage_runs_after_its_first(tmp_path, tiny, monkeypatch):
    refined = Row(
        "Refined",
        {"MPJPE": 1.0},
        "configs/ampose.py:cmu_refined",
        lifting="configs/ampose.py:cmu",
    )
    monkeypatch.setitem(TABLES, "tiny", Table("A table", "", TINY.columns, (refined,)))
    monkeypatch.setattr(Job, "check_prepared", lambda job: None)
    assert command(tmp_path) == 0
    assert [label for label, _ in tiny.started] == ["Refined, first stage", "Refined"]
    (job,) = make_jobs(TABLES["tiny"], tmp_path)[0]
    assert job.config().lifting_workdir == str(
        tmp_path / "runs" / "ampose_cmu" / "seed_0"
    )
    # The recipe of the first stage is not in the config of the second.
    config = job.first_stage.config()
    config.optimizer.learning_rate = 7.0
    (job.first_stage.directory / "config.json").write_text(
        json.dumps(workdirs.plain(config))
    )
    assert command(tmp_path) == 1
    assert (
        "config.optimizer.learning_rate: 7.0 there"
        in (tmp_path / "tiny.md").read_text()
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["gla_gcn.table7", "--workdir=x"],
            "no table gla_gcn.table7; there are ampose.table1",
        ),
        ([], "name a table; --list shows them"),
        (["gla_gcn.table5"], "--workdir=DIR is needed"),
        (
            ["gla_gcn.table5", "--workdir=x", "--seeds=0"],
            "--seeds=0 must be at least 1",
        ),
    ],
)
def test_mistakes_end_in_one_message(arguments, message, capsys):
    assert run.main(arguments) == 1
    assert message in capsys.readouterr().err
