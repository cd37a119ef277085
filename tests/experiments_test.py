"""The papers' tables, and the runner that fills them."""

import dataclasses
import json
import re
import shutil

import jax
import pytest

from experiments import child, figures, listing, report, row, run, scaling
from experiments.job import Job, make_jobs
from experiments.markdown import is_measured, to_markdown
from experiments.smoke import shrink
from experiments.table import ACTIONS, Column, Row, Table, load_config
from experiments.tables import TABLES
from jaxpose.datasets import PROTOCOLS
from jaxpose.datasets.prepared import require_prepared
from jaxpose.errors import JaxposeError
from jaxpose.models import MODELS, build_model
from jaxpose.models.cost import variable_shapes
from jaxpose.training import workdirs
from tests.small_run import in_memory, small_clips

TRAINED = [
    (name, number) for name, table in TABLES.items() for number in make_jobs(table, ".")
]

# Sizes that the papers print and their models do not have, in millions: a table that is
# not consistent with itself, or a count of parameters that the row does not use.
INCONSISTENT = {
    ("ampose.table4.6", "Two residual"): 18.45,
    ("ampose.table4.6", "Transformer"): 17.14,
    ("ampose.table4.6", "ConvNeXt"): 17.14,
    ("ampose.table4.6", "AMPose"): 18.45,
    ("ampose.table4.5", "AMPose (1 frame)"): 18.45,
    ("ampose.table4.5", "AMPose (9 frames)"): 18.46,
    ("ampose.table4.5", "AMPose (27 frames)"): 18.48,
    ("ampose.table4.9", "depth 5, 512 channels"): 18.45,
    ("gla_gcn.table5", "GLA-GCN *, T=243, 96 channels"): 1.74,
    ("gla_gcn.table5", "GLA-GCN *, T=243, 512 channels"): 48.50,
    ("crossformer.table4", "PoseFormer [51], f=9"): 9.56,
    ("crossformer.table4", "PoseFormer [51], f=27"): 9.57,
    ("crossformer.table4", "CrossFormer, f=9"): 9.62,
    ("crossformer.table4", "CrossFormer, f=27"): 9.65,
    ("gast_net.table1", "w/o global GCNs of B_k"): 6.22,
    ("gast_net.table1", "w/o global GCNs of C_k"): 6.91,
}

# Rows whose printed average is not that of the printed actions.
PRINTED_SO = {("Lin et al. [26], f=50", "mpjpe"), ("GAST-Net, T=243 *", "p_mpjpe")}


def millions_of_parameters(config):
    shapes = variable_shapes(build_model(config))
    return sum(leaf.size for leaf in jax.tree.leaves(shapes["params"])) / 1e6


def test_every_table_of_the_papers_is_there():
    names = {
        f"ampose.table{n}" for n in (1, 2, 3, 4, *(f"4.{n}" for n in range(1, 10)))
    }
    names |= {f"gla_gcn.table{n}" for n in range(1, 7)}
    names |= {
        f"{paper}.table{n}"
        for paper in ("crossformer", "gast_net")
        for n in range(1, 6)
    }
    assert names <= set(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_figures_stand_in_columns_and_averages_are_those_of_the_actions(name):
    table = TABLES[name]
    titles = {column.title: column for column in table.columns}
    assert len(titles) == len(table.columns)
    for line in table.rows:
        assert set(line.published) <= set(titles)
        assert line.published or line.config
        actions = [
            line.published[title] for title in ACTIONS if title in line.published
        ]
        if len(actions) == len(ACTIONS) and (line.label, line.metric) not in PRINTED_SO:
            # Papers average before rounding, some over frames.
            assert abs(sum(actions) / len(actions) - line.published["Avg."]) < 0.6, (
                line.label
            )


def test_the_config_of_every_row_builds_its_model():
    seen = set()
    for name, number in TRAINED:
        line = TABLES[name].rows[number]
        config = line.make_config()
        if line.lifting:
            assert config.refinement
            assert not config.lifting_workdir
        assert any(
            is_measured(TABLES[name], column, line) for column in TABLES[name].columns
        )
        model = json.dumps([workdirs.plain(config)["model"], config.refinement])
        if model not in seen:
            seen.add(model)
            build_model(config)


def test_every_row_of_glagcn_prints_its_own_lambda():
    def printed(name):
        text = to_markdown(TABLES[name], {}, {}, smoke=False)
        rows = [line.split(" | ") for line in text.splitlines()]
        place = next(cells for cells in rows if "lambda" in cells).index("lambda")
        found, label = {}, ""
        for cells in rows:
            label = cells[0].strip("| ") or label
            if len(cells) > place and cells[1].startswith("here"):
                found.setdefault(label, []).append(cells[place].strip(" |"))
        return found

    assert printed("gla_gcn.table5") == {
        "VideoPose3D [50], T=27": ["-"],
        "GLA-GCN, T=27": ["0"],
        "VideoPose3D [50], T=81": ["-"],
        "GLA-GCN, T=81": ["0"],
        "VideoPose3D [50], T=243": ["-"],
        "GLA-GCN, T=243": ["0"],
        "GLA-GCN *, T=243, 96 channels": ["0.5"],
        "GLA-GCN *, T=243, 512 channels": ["0.5"],
    }
    assert printed("gla_gcn.table1")["GLA-GCN, T=243"] == ["0", "0"]
    table6 = printed("gla_gcn.table6")
    assert table6.pop("w/o individual connected layer") == 4 * ["-"]
    assert set(map(tuple, table6.values())) == {("0", "0", "0", "0")}
    for name in ("gla_gcn.lambda", "cmu.gla_gcn_lambda"):
        assert [*printed(name).values()] == [["0"], ["0.5"], ["1"]]


def test_one_network_is_the_base_of_tables_5_and_6_of_glagcn():
    jobs = {}
    for name in ("gla_gcn.table5", "gla_gcn.table6"):
        for line in TABLES[name].trained:
            if line.label in ("GLA-GCN, T=27", "GLA-GCN (T=27)"):
                jobs.setdefault(line.run, set()).add(name)
    assert jobs["gla_gcn_released27"] == {"gla_gcn.table5", "gla_gcn.table6"}


def test_every_model_is_in_the_table_of_every_data_set():
    names = {name for name in TABLES if name.startswith("quick.")}
    data = {name for name, p in PROTOCOLS.items() if p.train_subjects}
    assert names == {f"quick.{name}" for name in data}
    for name in names:
        table = TABLES[name]
        assert [line.label for line in table.rows] == list(MODELS)
    titles = [column.title for column in TABLES["quick.humaneva"].columns]
    assert titles == ["P-MPJPE", "MPJPE", "Parameters (M)"]


SIZED = [
    (name, n)
    for name, n in TRAINED
    if "Parameters (M)" in TABLES[name].rows[n].published
]


@pytest.mark.parametrize(("name", "number"), SIZED)
def test_printed_sizes_are_those_of_the_models(name, number):
    line = TABLES[name].rows[number]
    counted, printed = (
        millions_of_parameters(line.make_config()),
        line.published["Parameters (M)"],
    )
    if (name, line.label) in INCONSISTENT:
        assert round(counted, 2) == INCONSISTENT[name, line.label] != printed
    else:
        assert printed in (
            round(counted, 2),
            int(counted * 100) / 100,
        )  # rounded or truncated


def test_rows_that_share_a_run_have_one_config():
    configs = {}
    for name, number in TRAINED:
        job = make_jobs(TABLES[name], run.pathlib.Path("dir"))[number][0]
        config = workdirs.plain(job.config())
        assert configs.setdefault(job.directory, config) == config, (
            name,
            job.row.label,
        )


def test_every_row_fits_at_toy_size():
    seen = set()
    for name, number in TRAINED:
        config = TABLES[name].rows[number].make_config()
        shrink(config)
        if (key := json.dumps(workdirs.plain(config)["model"])) not in seen:
            seen.add(key)
            assert millions_of_parameters(config) < 0.2, (name, number)


def test_toy_rows_differ_where_their_designs_differ():
    for name in (
        "ampose.table4.6",
        "ampose.table4.8",
        "crossformer.table5",
        "gast_net.table1",
    ):
        configs = []
        for line in TABLES[name].trained:
            config = line.make_config()
            shrink(config)
            configs.append(
                json.dumps([workdirs.plain(config), dict(line.evaluation)], default=str)
            )
        assert len(set(configs)) == len(configs)


MODEL = "configs/ampose.py:quickstart"
TINY = Table(
    "A table",
    "A note.",
    (
        Column("MPJPE"),
        Column("Walk", cells=("Walking",)),
        Column("quoted", quoted=True),
    ),
    (
        Row("Somebody", {"MPJPE": 50.0, "quoted": 7}),
        Row(
            "Deep",
            {"MPJPE": 40.5},
            MODEL,
            {"model.depth": 2},
            "deep",
            note="Deep is deep.",
        ),
        Row("Wide", {"MPJPE": 41.0}, MODEL, {"model.width": 32}, "wide"),
        Row("Licensed", {"MPJPE": 30.0}, "configs/ampose.py:cpn17"),
    ),
)


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


def test_the_list_shows_rows_data_and_cost(tmp_path, capsys):
    assert run.main(["ampose.table4.4", "--list", f"--data_dir={tmp_path}"]) == 0
    listed = capsys.readouterr().out
    assert "Zhao et al. [34]: the paper's figure only" in listed
    assert "AMPose: configs/ampose.py:gt17" in listed
    prepare = (
        f"python -m jaxpose.prepare human36m/gt_17 --source=PATH --data_dir={tmp_path}"
    )
    assert f"human36m/gt_17 (not prepared: {prepare})" in listed

    def cost(listed):
        return float(re.search(r"([\d,]+) TFLOP,", listed).group(1).replace(",", ""))

    # 6 x 318 M multiply-accumulates x 1,559,752 frames, mirrored, 60 epochs; S8 has
    # 16.6 % of them.
    assert cost(listed) == pytest.approx(6 * 318 * 1.559752 * 2 * 60, rel=0.01)
    flags = ["--list", f"--data_dir={tmp_path}", "--protocol=held_out"]
    assert run.main(["ampose.table4.4", *flags]) == 0
    held_out = cost(capsys.readouterr().out)
    assert held_out / cost(listed) == pytest.approx(1 - 0.166, abs=1e-3)


def test_the_list_names_the_data_that_is_missing(tmp_path, monkeypatch, capsys):
    def only_human36m(builder):
        if builder.name != "human36m":
            require_prepared(builder)

    monkeypatch.setattr("experiments.job.require_prepared", only_human36m)
    assert run.main(["ampose.table4.4", "--list", f"--data_dir={tmp_path}"]) == 0
    listed = capsys.readouterr().out
    assert "(not prepared: python -m jaxpose.prepare mpi_inf_3dhp/univ_annot3" in listed


def test_the_cost_counts_the_actions_that_are_trained_on():
    config = load_config("configs/videopose3d.py:humaneva27")
    # Protocol P.4: 12,054 frames of walking, jogging and boxing, each also mirrored.
    assert listing.training_poses(config) == 24_108 * config.num_epochs


def test_figures_come_from_the_benchmarks_own_protocol():
    results = {
        "mpjpe": 1.0,
        "per_action": {"Walking": {"mpjpe": 2.0}, "Jog": {"mpjpe": 4.0}},
        "published": {"mpjpe": 3.0, "per_scene": {"GS": {"pck": 90.0}}},
    }
    assert Column("").value(results, "mpjpe") == 3.0
    assert Column("", cells=("Walking", "Jog")).value(results, "mpjpe") == 3.0
    assert Column("", "pck", ("GS",)).value(results, "mpjpe") == 90.0
    assert Column("", "auc").value(results, "mpjpe") is None
    # Scores without flip averaging stand apart; a run without averaging has none.
    plain = Column("", plain=True)
    assert plain.value(results, "mpjpe") is None
    results["without_flip_average"] = {"mpjpe": 9.0}
    assert plain.value(results, "mpjpe") == 9.0
    assert "| x |  | 3.00 |" not in to_markdown(TINY, {}, {}, smoke=False)


def test_pictures_of_a_shared_run_bear_the_row_of_their_metric(tmp_path, monkeypatch):
    protocols = [
        Row("w/o test augmentation", {}, MODEL, evaluation={"flip_average": False}),
        *(
            Row(
                "AMPose",
                {"Avg.": 40.5},
                MODEL,
                section=f"Protocol {number}",
                metric=metric,
            )
            for number, metric in ((2, "p_mpjpe"), (1, "mpjpe"))
        ),
    ]
    jobs = [Job(line, 0, tmp_path) for line in protocols]
    jobs[0].directory.mkdir(parents=True)
    (jobs[0].directory / "metrics.jsonl").write_text("")
    result = {
        "mpjpe": 60.0,
        "published": {"mpjpe": 55.0},
        "per_action": {},
        "parameters": 7,
        "macs": 8,
    }
    for job in jobs:
        job.result.write_text(json.dumps(result))
    drawn = {}
    for name in ("draw_curves", "draw_bars", "draw_cost"):
        monkeypatch.setattr(
            figures, name, lambda *arguments, name=name: drawn.update({name: arguments})
        )
    monkeypatch.setattr(report, "load_run", lambda job: None)
    monkeypatch.setattr(
        report, "draw_run", lambda run, label, stem: drawn.update(draw_run=label)
    )
    report.draw(jobs, tmp_path / "pictures")
    # The error by the benchmark's own protocol, beside the paper's of the same metric.
    other = ("w/o test augmentation", 7, 8, 55.0, None)
    assert drawn["draw_cost"][0] == [("AMPose (Protocol 1)", 7, 8, 55.0, 40.5), other]
    assert list(drawn["draw_bars"][0]) == [
        "AMPose (Protocol 1)",
        "w/o test augmentation",
    ]
    # One training: its curves and pictures are of the row scored as it was trained.
    assert list(drawn["draw_curves"][0]) == ["AMPose (Protocol 1)"]
    assert drawn["draw_run"] == "AMPose (Protocol 1)"


DRAWN = [
    pytest.param(model, marks=pytest.mark.slow)
    for model in ("gast_net", "gla_gcn", "crossformer")
]


@pytest.mark.parametrize("model", ["ampose", *DRAWN])
def test_a_row_trains_and_is_drawn(tmp_path, monkeypatch, model):
    monkeypatch.setattr("experiments.smoke.FRAME_STRIDE", 2)
    job = Job(
        Row("a row", {}, f"configs/{model}.py:quickstart"), 0, tmp_path, smoke=True
    )
    lost = dataclasses.replace(job, row=dataclasses.replace(job.row, name="lost"))
    with in_memory(small_clips()):
        result = row.finish(job)
        shutil.copytree(
            job.directory, lost.directory, ignore=shutil.ignore_patterns("checkpoints")
        )
        with pytest.raises(JaxposeError, match=r"lost/seed_0.* no complete checkpoint"):
            report.draw([lost, job], tmp_path / "pictures")
    assert result == job.read_result()
    assert result["frames_per_second"] > 0
    assert result["parameters"] > 0
    drawn = {
        path.stem.rpartition("_")[2] for path in (tmp_path / "pictures").glob("*.png")
    }
    kinds = {"gast_net": {"graphs", "influence"}, "gla_gcn": {"similarity"}}
    assert drawn == {"curves", "actions", "cost", "poses"} | kinds.get(
        model, {"attention"}
    )


@pytest.fixture(scope="session")
def smoke_directory(tmp_path_factory):
    return tmp_path_factory.mktemp("smoke")


# The tables of a paper share runs.
BY_PAPER = [
    pytest.param(name, marks=pytest.mark.xdist_group(name.partition(".")[0]))
    for name in TABLES
]


@pytest.mark.slow
@pytest.mark.parametrize("name", BY_PAPER)
def test_every_row_of_every_table_runs(name, smoke_directory):
    flags = [
        f"--workdir={smoke_directory}",
        f"--data_dir={smoke_directory / 'data'}",
        "--smoke",
        "--seeds=1",
    ]
    assert run.main([name, *flags]) == 0
    for jobs in make_jobs(TABLES[name], smoke_directory, 1, smoke=True).values():
        assert jobs[0].read_result()["mpjpe"] > 0
    assert (smoke_directory / name / "cost.png").exists()


def test_scaling_curves_have_their_power_and_are_drawn(tmp_path):
    assert scaling.exponent({1: 3.0, 2: 6.0, 8: 24.0}) == pytest.approx(1.0)
    assert scaling.exponent({1: 1.0, 2: 4.0, 4: 16.0}) == pytest.approx(2.0)
    figures.draw_scaling(
        {"seconds": {"a model": {1: 1.0, 2: 2.1}}}, tmp_path / "scaling.png"
    )
    assert (tmp_path / "scaling.png").stat().st_size > 10_000
