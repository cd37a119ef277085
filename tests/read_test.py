"""`jaxpose read`: what it prints, as text and as JSON, and its exit status."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from jaxpose import read
from tests import fabricate_custom as fabricate

ROOT = pathlib.Path(__file__).resolve().parents[1]
KEYS = [
    *("name", "format", "layout", "people", "frames", "gaps", "image_size", "fps"),
    *("seen", "warnings", "status", "reason"),
]


@pytest.fixture
def folder(tmp_path):
    """Four good recordings, one without legs, and a file that is none."""
    fabricate.fabricate_folder(tmp_path)
    no_legs = fabricate.recording("h36m_17", 40)[0]
    no_legs[:, 1:7] = np.nan
    fabricate.write_npz(tmp_path / "desk.npz", 40, keypoints_2d=no_legs, take="desk")
    (tmp_path / "notes.txt").write_text("to do")
    return tmp_path


def output(capsys, *arguments) -> tuple[int, str]:
    status = read.main([*map(str, arguments)])
    printed = capsys.readouterr()
    assert printed.err == ""
    return status, printed.out


def test_json_holds_every_recording(folder, capsys):
    status, printed = output(capsys, folder, "--json")
    assert status == 1  # one is refused
    found = json.loads(printed)
    assert list(found) == ["recordings", "unread"]
    rows = {row["name"]: row for row in found["recordings"]}
    assert all(list(row) == KEYS for row in rows.values())
    good = [name for name, row in rows.items() if row["status"] == "ok"]
    assert len(good) == 5
    assert rows["jump"] == {
        "name": "jump",
        "format": "openpose",
        "layout": "body_25",
        "people": 1,
        "frames": 40,
        "gaps": 1,
        "image_size": [1280, 720],
        "fps": 30.0,
        "seen": pytest.approx(39 / 40, abs=1e-4),
        "warnings": [],
        "status": "ok",
        "reason": None,
    }
    desk = rows["desk"]
    assert (desk["status"], desk["layout"], desk["frames"]) == (
        "refused",
        "h36m_17",
        40,
    )
    assert desk["reason"].startswith(f"{folder}/desk.npz: ")
    assert any("notes.txt" in unread for unread in found["unread"])


def test_text_shows_the_same_within_80_columns(folder, capsys):
    status, printed = output(capsys, folder)
    assert status == 1
    lines = printed.splitlines()
    assert all(0 < len(line) <= 80 for line in lines)
    assert lines[0].split() == [
        *("recording", "format", "layout", "frames", "gaps", "fps", "image", "seen")
    ]
    (jump,) = [line.split() for line in lines if line.startswith("jump ")]
    assert jump[2:] == ["body_25", "40", "1", "30", "1280x720", "98%"]
    assert any(line.startswith("refused   desk: ") for line in lines)
    assert any(line.startswith("not read  ") for line in lines)
    assert lines[-1] == "5 recordings, 1 refused, 1 file not read"


def test_good_recordings_end_with_status_zero_and_write_nothing(tmp_path, capsys):
    fabricate.write_npz(tmp_path / "a.npz", 40)
    before = sorted(tmp_path.rglob("*"))
    status, printed = output(capsys, tmp_path / "a.npz")
    assert status == 0
    assert printed.splitlines()[-1] == "1 recording"
    assert sorted(tmp_path.rglob("*")) == before


def test_names_are_data(tmp_path, capsys):
    name = "[b]x[red]\x1b[1m\n走"
    fabricate.write_npz(tmp_path / f"{name}.npz", 40)
    _, printed = output(capsys, tmp_path)
    assert "\x1b" not in printed
    column = [line.split(" own ")[0].strip() for line in printed.splitlines()]
    assert r"[b]x[red]\x1b[1m\n走" in "".join(column)
    _, printed = output(capsys, tmp_path, "--json")
    assert json.loads(printed)["recordings"][0]["name"] == name


def test_flags_state_what_files_do_not(tmp_path, capsys):
    fabricate.write_json(tmp_path / "a.json", "coco_17", 40)
    content = json.loads((tmp_path / "a.json").read_text())
    (tmp_path / "a.json").write_text(json.dumps(content["keypoints_2d"]))
    status, printed = output(capsys, tmp_path / "a.json", "--json")
    (row,) = json.loads(printed)["recordings"]
    assert status == 1
    assert row["reason"].endswith("give --image_size=WIDTH,HEIGHT --fps=FPS")
    for size in ("1280,720", "1280x720"):
        flags = [f"--image_size={size}", "--fps=24", "--layout=coco_17", "--json"]
        status, printed = output(capsys, tmp_path / "a.json", *flags)
        (row,) = json.loads(printed)["recordings"]
        assert (status, row["image_size"], row["fps"]) == (0, [1280, 720], 24.0)


def test_mistakes_are_one_line(tmp_path, capsys):
    assert read.main([str(tmp_path / "nowhere")]) == 1
    assert capsys.readouterr().err == f"error: {tmp_path}/nowhere does not exist\n"
    assert output(capsys, tmp_path) == (1, "0 recordings\n")
    with pytest.raises(SystemExit):
        read.main([str(tmp_path), "--image_size=wide"])
    assert "'wide' is not WIDTH,HEIGHT in whole pixels" in capsys.readouterr().err


def test_reading_starts_neither_jax_nor_tfds(tmp_path):
    fabricate.write_npz(tmp_path / "a.npz", 40)
    code = (
        "import sys\nfrom jaxpose import read\n"
        f"assert read.main([{str(tmp_path)!r}]) == 0\n"
        "print({'jax', 'tensorflow_datasets', 'matplotlib', 'scipy'} & {*sys.modules})"
    )
    command = [sys.executable, "-c", code]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines()[-1] == "set()"
