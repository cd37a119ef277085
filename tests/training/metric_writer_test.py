import json

from jaxpose.training.metric_writer import MetricWriter, read_metrics


def test_a_resumed_run_drops_the_rows_after_its_checkpoint(tmp_path):
    writer = MetricWriter(tmp_path, resume_step=0)
    for step in (10, 20, 30):
        writer.write(step, loss=1.0 / step)
    writer.close()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 40, "lo')  # cut off by a kill
    assert [row["step"] for row in read_metrics(tmp_path / "metrics.jsonl")] == [
        10,
        20,
        30,
    ]
    writer = MetricWriter(tmp_path, resume_step=20)
    writer.write(30, loss=0.5)
    writer.close()
    rows = [
        json.loads(line)
        for line in (tmp_path / "metrics.jsonl").read_text().splitlines()
    ]
    assert [(row["step"], row["loss"]) for row in rows] == [
        (10, 0.1),
        (20, 0.05),
        (30, 0.5),
    ]


def test_damaged_rows_cost_no_other_row(tmp_path):
    path = tmp_path / "metrics.jsonl"
    rows = [b'{"step": 1}', b"5", b'{"step": "two"}', b'{"loss": 1}', b"\xff\x80", b"{"]
    path.write_bytes(b"\n".join([*rows, b'{"step": 2, "loss": 0.5}\n']))
    expected = [{"step": 1}, {"step": 2, "loss": 0.5}]
    assert read_metrics(path) == expected
    MetricWriter(tmp_path, resume_step=2).close()
    assert read_metrics(path) == expected
    assert len(path.read_bytes().splitlines()) == 2


def test_rows_are_on_disk_as_soon_as_they_are_written(tmp_path):
    writer = MetricWriter(tmp_path, resume_step=0)
    writer.write(1, loss=2.0)
    assert read_metrics(tmp_path / "metrics.jsonl") == [{"step": 1, "loss": 2.0}]
    writer.close()


def test_scalars_reach_tensorboard(tmp_path):
    writer = MetricWriter(tmp_path, resume_step=0)
    writer.write(1, loss=2.0)
    writer.write(1, selection_p_mpjpe=50.0)
    writer.close()
    (events,) = (tmp_path / "tensorboard").iterdir()
    content = events.read_bytes()
    assert b"train/loss" in content
    assert b"validation/p_mpjpe" in content
