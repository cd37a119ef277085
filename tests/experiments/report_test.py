"""Reports and pictures bear the figures of their rows."""

import json

import pytest

from experiments import charts, report, scaling
from experiments.job import Job, make_jobs
from experiments.markdown import to_markdown
from experiments.table import Column, Row
from experiments.tables import TABLES
from tests.experiments.tiny_table import MODEL, TINY


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
            charts, name, lambda *arguments, name=name: drawn.update({name: arguments})
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


def test_scaling_curves_have_their_power_and_are_drawn(tmp_path):
    assert scaling.exponent({1: 3.0, 2: 6.0, 8: 24.0}) == pytest.approx(1.0)
    assert scaling.exponent({1: 1.0, 2: 4.0, 4: 16.0}) == pytest.approx(2.0)
    charts.draw_scaling(
        {"seconds": {"a model": {1: 1.0, 2: 2.1}}}, tmp_path / "scaling.png"
    )
    assert (tmp_path / "scaling.png").stat().st_size > 10_000


def test_scores_over_windows_are_the_papers_until_rows_are_finished(
    tmp_path, monkeypatch
):
    drawn = {}
    monkeypatch.setattr(
        charts, "draw_windows", lambda points, titles, path: drawn.update(at=points)
    )
    table = TABLES["gast_net.figure4"]
    jobs = [job for seeds in make_jobs(table, tmp_path).values() for job in seeds]
    # Only GAST-Net at 27 frames, the fourth row, is finished.
    jobs[3].directory.mkdir(parents=True)
    jobs[3].result.write_text(json.dumps({"mpjpe": 47.5, "p_mpjpe": 37.0}))
    report.draw_windows(table, jobs, [jobs[3]], tmp_path / "windows.png")
    points = {(point.label, point.frames): point for point in drawn["at"]}
    assert len(points) == 8
    finished = points["GAST-Net", 27]
    assert finished.scores == {"MPJPE": 47.5, "P-MPJPE": 37.0}
    assert finished.published["MPJPE"] == 46.2
    assert finished.parameters == 6_915_984
    assert points["TCN", 27].scores == points["TCN", 27].published == {}


def test_the_picture_of_scores_over_windows_is_drawn(tmp_path):
    points = [
        charts.WindowPoint("a", 9, 100, {"MPJPE": 50.0}, {}),
        charts.WindowPoint("a", 27, 900, {}, {"MPJPE": 45.0}),
    ]
    charts.draw_windows(points, ["MPJPE"], tmp_path / "windows.png")
    assert (tmp_path / "windows.png").stat().st_size > 10_000
