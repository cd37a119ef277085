"""Several runs side by side: what differs, means over seeds, what does not compare."""

import json
import shutil

import pytest

from experiments import compare
from tests.small_run import small_config


@pytest.fixture
def runs(tmp_path):
    """Makes the directory of a finished run of the small config with other fields."""

    def make(name, mpjpe, subjects=("test_0",), **fields):
        config = small_config()
        config.update_from_flattened_dict(fields)
        workdir = tmp_path / name
        workdir.mkdir()
        text = json.dumps(config.to_dict())
        (workdir / "config.json").write_text(text)
        protocol = {"dataset": "small/gt", "test_subjects": list(subjects)}
        results = {"mpjpe": mpjpe, "p_mpjpe": 30.0, "step": 72, "protocol": protocol}
        (workdir / "results.json").write_text(json.dumps(results))
        rows = [{"step": 36, "loss": 0.2}, {"step": 72, "loss": 0.1}]
        rows.append({"step": 72, "selection_mpjpe": mpjpe})
        lines = "\n".join(map(json.dumps, rows))
        (workdir / "metrics.jsonl").write_text(lines)
        return str(workdir)

    return make


def printed_rows(capsys):
    """The cells of the printed lines."""
    lines = capsys.readouterr().out.splitlines()
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines]


def test_seeds_are_one_line_with_their_spread(runs, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    wide = {"model.joint_width": 32}
    paths = [runs("a", 40.0, seed=0), runs("b", 44.0, seed=1), runs("c", 50.0, **wide)]
    assert compare.main(paths) == 0
    rows = [row for row in printed_rows(capsys) if row]
    # 40 and 44: the mean 42, the deviation 2 sqrt(2).
    scores = ["30.0 ± 0.0", "-", "-", "72"]
    assert rows[0] == ["a and 1 more", "2", "16", "42.0 ± 2.8", *scores]
    assert rows[1] == ["c", "1", "32", "50.0", "30.0", "-", "-", "72"]


def test_other_test_data_is_marked(runs, capsys):
    assert compare.main([runs("a", 40.0), runs("b", 50.0, subjects=["test_1"])]) == 0
    out = capsys.readouterr().out
    assert "b *" in out
    assert "do not compare" in out


def test_curves_of_all_runs_are_drawn(runs, tmp_path, capsys):
    out = tmp_path / "curves.svg"
    paths = [runs("a", 40.0), runs("b", 50.0, **{"model.depth": 2})]
    assert compare.main([*paths, f"--out={out}"]) == 0
    assert out.read_text().count("<path") > 10
    assert "curves are in" in capsys.readouterr().out


def test_errors_name_the_directory_and_the_fix(runs, tmp_path, capsys):
    workdir = runs("a", 40.0)
    (tmp_path / "a" / "results.json").unlink()
    assert compare.main([workdir]) == 1
    assert "a has no results.json yet; finish it with" in capsys.readouterr().err
    shutil.rmtree(workdir)
    assert compare.main([workdir]) == 1
    assert compare.main([runs("b", 1.0), "--out=b.gif"]) == 1
    assert "the ending be .png, .pdf, .svg" in capsys.readouterr().err
