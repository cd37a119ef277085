"""The papers' tables: averages, configs and sizes of their rows."""

import json

import jax
import pytest

from experiments import run
from experiments.job import make_jobs
from experiments.markdown import is_measured, to_markdown
from experiments.smoke import shrink
from experiments.table import ACTIONS
from experiments.tables import TABLES
from jaxpose.datasets import PROTOCOLS
from jaxpose.models import MODELS, build_model
from jaxpose.models.cost import variable_shapes
from jaxpose.training import workdirs

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
        # Blocks of a model are alike: one shows whether its fields fit each other.
        if "depth" in config.model:
            config.model.depth = 1
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
    ablations = "cmu.gla_gcn_lambda", "cmu_more.gla_gcn_lambda"
    for name in ("gla_gcn.lambda", *ablations):
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


def test_the_curves_of_gast_net_are_eight_rows_with_the_shares_of_their_sizes():
    # The shares that the paper's text gives with Figure 4: 37.1, 80.8, 55.3, 41.8 %.
    rows = {}
    for line in TABLES["gast_net.figure4"].rows:
        config = line.make_config()
        frames = build_model(config).receptive_field
        assert line.section == f"T={frames}"
        rows[line.label, frames] = line, millions_of_parameters(config)
    windows = (9, 27, 81, 243)
    labels = ("TCN", "GAST-Net")
    assert set(rows) == {(label, frames) for label in labels for frames in windows}
    for frames in windows:
        line, size = rows["GAST-Net", frames]
        _, size_of_tcn = rows["TCN", frames]
        share = line.published["Share of the TCN's size (%)"]
        assert round(100 * size / size_of_tcn, 1) == share
    # Every row is measured, also where the paper's curve has no number.
    table = TABLES["gast_net.figure4"]
    for line, _ in rows.values():
        assert [is_measured(table, column, line) for column in table.columns] == [
            *(True, True, True, False)
        ]


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
