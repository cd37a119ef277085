"""The measuring program for accelerators, end to end in toy sizes."""

import json
import subprocess
import sys

import pytest

from experiments import on_device
from experiments.device_table import to_markdown
from jaxpose.errors import JaxposeError

TOY = on_device.TOY


def test_figures_are_written_as_they_come_and_failures_stop_nothing(
    tmp_path, monkeypatch
):
    def fails(sizes):
        yield {"figure": "first", "ms": 2.0, "tflops": 3.0}
        raise ValueError("no\nmemory")

    tasks = [("a", lambda: fails(TOY)), ("b", lambda: iter([{"figure": "b"}]))]
    monkeypatch.setattr(on_device, "plan", lambda sizes: tasks)
    found = on_device.measure(TOY, 60, tmp_path)
    lines = (tmp_path / "figures.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row for row in rows if "figure" in row] == found
    assert [figure["figure"] for figure in found] == ["first", "a", "b"]
    assert found[1]["failed"] == "ValueError: no memory"


def test_the_same_command_goes_on_with_what_was_not_measured(tmp_path, monkeypatch):
    called = []

    def task(name):
        called.append(name)
        return iter([{"figure": name, "ms": 1.0}])

    tasks = [(name, lambda name=name: task(name)) for name in ("a", "b")]
    monkeypatch.setattr(on_device, "plan", lambda sizes: tasks[:1])
    on_device.measure(TOY, 60, tmp_path)
    monkeypatch.setattr(on_device, "plan", lambda sizes: tasks)
    on_device.measure(TOY, -1, tmp_path)
    # A call that was killed while it wrote leaves half a line.
    with (tmp_path / "figures.jsonl").open("a") as file:
        file.write('{"figure": ')
    found = on_device.measure(TOY, 60, tmp_path)
    assert called == ["a", "b"]
    assert [figure["figure"] for figure in found] == ["a", "b"]


def test_figures_of_a_task_that_was_interrupted_are_measured_again(
    tmp_path, monkeypatch
):
    def interrupted():
        yield {"figure": "first"}
        raise KeyboardInterrupt

    figures = [{"figure": "first"}, {"figure": "second"}]
    monkeypatch.setattr(on_device, "plan", lambda sizes: [("task", interrupted)])
    with pytest.raises(KeyboardInterrupt):
        on_device.measure(TOY, 60, tmp_path)
    monkeypatch.setattr(on_device, "plan", lambda sizes: [("task", lambda: figures)])
    found = on_device.measure(TOY, 60, tmp_path)
    assert [figure["figure"] for figure in found] == ["first", "second"]


def test_figures_of_a_toy_are_not_gone_on_with_as_real_ones(tmp_path, monkeypatch):
    tasks = [("task", lambda: iter([{"figure": "first", "ms": 1.0, "tflops": 1.0}]))]
    monkeypatch.setattr(on_device, "plan", lambda sizes: tasks)
    on_device.measure(TOY, 60, tmp_path)
    assert "first" in (tmp_path / "figures.md").read_text()
    with pytest.raises(JaxposeError, match=r"'toy': False.*give another --out"):
        on_device.measure(on_device.Sizes(), 60, tmp_path)


def test_what_no_time_is_left_for_is_named(tmp_path):
    found = on_device.measure(TOY, -1, tmp_path)
    assert len(found) == len(on_device.plan(TOY))
    assert {figure["skipped"] for figure in found} == {"no time was left"}


def test_the_bounds_are_those_of_the_measured_rates():
    common = {"device": "d", "jax": "0"}
    rate = {"figure": "products, bfloat16", "tflops": 500.0}
    copies = {"figure": "copies in memory", "gigabytes_per_second": 1000.0}
    update = {"figure": "update, a, bfloat16", "ms": 2.0, "tflops": 125.0}
    update["gigabytes"] = 0.75
    figures = [common | figure for figure in (rate, copies, update)]
    table = to_markdown(figures)
    assert "| update, a, bfloat16 |  | 2 | 0.5 | 0.75 |" in table


def test_the_most_valuable_figures_are_measured(tmp_path, monkeypatch):
    first = on_device.plan(TOY)[:3]
    monkeypatch.setattr(on_device, "plan", lambda sizes: first)
    found = on_device.measure(TOY, 600, tmp_path)
    assert [figure["figure"] for figure in found] == [
        "products, bfloat16",
        "products, tf32",
        "products, float32",
        "copies in memory",
        "update, ampose_d5w512, bfloat16",
        "prediction, ampose_d5w512, bfloat16",
    ]
    update, prediction = found[4:]
    assert (update["batch_size"], prediction["batch_size"]) == (8, 16)
    # An update is three predictions of its batch; both numbers are rounded by nobody.
    per_pose = [
        figure["tflops"] * figure["ms"] / figure["batch_size"]
        for figure in (update, prediction)
    ]
    assert per_pose[0] == pytest.approx(3 * per_pose[1])
    # 3,119,504 poses of Human3.6M, in batches of 8.
    hours = 3_119_504 / 8 * update["ms"] / 3.6e6
    assert update["hours_of_epoch"] == pytest.approx(hours)
    assert "| update, ampose_d5w512, bfloat16 | 8 |" in to_markdown(found)


def test_its_path_needs_no_data_sets_and_no_pictures():
    code = (
        "import sys; import experiments.on_device; "
        "names = {'tensorflow_datasets', 'orbax', 'matplotlib', 'tqdm', 'scipy', "
        "'tensorboardX', 'PIL', 'requests'}; print(sorted(names & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr


@pytest.mark.slow
def test_every_size_is_measured_in_toy_form(tmp_path):
    found = on_device.measure(TOY, 3600, tmp_path)
    assert not [figure for figure in found if "failed" in figure]
