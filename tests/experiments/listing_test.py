"""The list of a table shows its rows, data and cost."""

import re

import pytest

from experiments import listing, run
from experiments.table import load_config
from experiments.tables import TABLES
from jaxpose.datasets.prepared import require_prepared


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


def test_the_index_has_a_line_per_table(capsys):
    assert run.main(["--list"]) == 0
    *lines, empty, hint = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(TABLES)
    (line,) = [line for line in lines if line.startswith("gast_net.figure4 ")]
    assert " 8 runs " in line
    assert (empty, hint[:14]) == ("", "`--list TABLE`")


OWN = """
from experiments.table import Column, Row, Table

ROWS = []
for depth in (2, 3):
    row = Row(f"{depth} layers", {}, "configs/ampose.py:quickstart",
              {"model.depth": depth}, f"depth{depth}")
    ROWS.append(row)
TABLES = {"depth": Table("Depth", "", (Column("MPJPE"),), tuple(ROWS))}
"""


@pytest.fixture
def own_tables(monkeypatch):
    """Keeps the tables that a test adds out of the others."""
    monkeypatch.setattr("experiments.tables.TABLES", known := dict(TABLES))
    monkeypatch.setattr("experiments.run.TABLES", known)
    monkeypatch.setattr("experiments.listing.TABLES", known)


def test_tables_of_a_file_of_ones_own_are_listed(tmp_path, capsys, own_tables):
    path = tmp_path / "sweep.py"
    path.write_text(OWN)
    assert run.main([f"--table={path}", "--list"]) == 0
    listed = capsys.readouterr().out
    assert "sweep.depth: Depth" in listed
    assert "3 layers: configs/ampose.py:quickstart model.depth=3" in listed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "there is no Python file"),
        ("x = 1", "has no TABLES"),
        ("1 / 0", "fails: ZeroDivisionError: division by zero"),
        ("def", "fails: SyntaxError: invalid syntax"),
    ],
)
def test_a_file_without_tables_is_named(tmp_path, capsys, own_tables, text, said):
    path = tmp_path / "sweep.py"
    if text is not None:
        path.write_text(text)
    assert run.main([f"--table={path}", "--list"]) == 1
    assert f"--table={path}" in (message := capsys.readouterr().err)
    assert said in message


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
