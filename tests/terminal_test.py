"""What a terminal cannot show, take or keep does not stop a program."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
# A locale without any character but ASCII's, which Python does not replace by another.
ASCII = {
    "LC_ALL": "C",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONUTF8": "0",
    "PYTHONIOENCODING": "ascii",
}
PROGRAM = """
from jaxpose import terminal
terminal.protect()
import pathlib, sys
"""
LATER = """
for _ in range(10_000):
    print("a line")
    print("an error", file=sys.stderr)
pathlib.Path(sys.argv[1]).write_text("written")
"""


def run(*arguments, program=None, shell_end="", **environment):
    """Runs Python in a shell; `shell_end` redirects its output."""
    command = [sys.executable, *(["-c", PROGRAM + program] if program else [])]
    script = f'"$@" {shell_end}'
    return subprocess.run(
        [
            "bash",
            "-o",
            "pipefail",
            "-c",
            script,
            "bash",
            *command,
            *map(str, arguments),
        ],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    "end", ["| head -1", "2>&1 | head -1", "| true", "2>&1 | true"]
)
def test_a_program_goes_on_where_nobody_reads_its_output(tmp_path, end):
    finished = run(tmp_path / "file", program=LATER, shell_end=end)
    assert finished.returncode == 0
    assert (tmp_path / "file").read_text() == "written"
    assert "Traceback" not in finished.stderr
    assert "Exception" not in finished.stderr
    assert finished.stdout in ("", "a line\n", "an error\n")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's /dev/full")
def test_lost_output_is_an_error_of_one_line(tmp_path):
    finished = run(tmp_path / "file", program=LATER, shell_end=">/dev/full")
    lines = finished.stderr.splitlines()
    assert lines.count("an error") == 10_000
    (line,) = [line for line in lines if line != "an error"]
    assert line == "error: standard output cannot be written: No space left on device"
    assert finished.returncode == 1
    assert (tmp_path / "file").read_text() == "written"


@pytest.mark.parametrize("end", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_file_does_not_become_a_stream_that_was_closed(tmp_path, end):
    program = """
file = open(sys.argv[1], "w")
print("an output")
print("an error", file=sys.stderr)
file.write("written")
"""
    assert run(tmp_path / "file", program=program, shell_end=end).returncode == 0
    assert (tmp_path / "file").read_text() == "written"


def test_characters_that_a_terminal_lacks_are_shown_as_escapes():
    program = "print('caf\\u00e9 \\U0001f600'); print('\\u00e9', file=sys.stderr)"
    finished = run(program=program, **ASCII)
    assert finished.stdout == "caf\\xe9 \\U0001f600\n"
    assert finished.stderr == "\\xe9\n"


@pytest.fixture
def bare(tmp_path):
    """The environment of a program without home, cache, colours and columns."""
    locked = tmp_path / "a file, no folder"
    locked.write_text("")
    home = {"HOME": str(locked), "XDG_CACHE_HOME": str(locked)}
    home |= {"MPLCONFIGDIR": "", "JAX_COMPILATION_CACHE_DIR": "", "TMPDIR": "/tmp"}
    return home | ASCII | {"COLUMNS": "20", "LINES": "5", "TERM": "dumb"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("jaxpose", "--help"),
        ("jaxpose", "train", "--help"),
        ("jaxpose", "lift", "--help"),
        ("jaxpose", "prepare", "--help"),
        ("jaxpose", "describe", "--config=configs/ampose.py:quickstart"),
    ],
)
def test_programs_need_no_home_no_cache_and_no_wide_terminal(bare, arguments):
    finished = run("-m", *arguments, **bare)
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr == ""
    assert len(finished.stdout) > 200


def test_names_of_any_script_are_read_in_a_bare_terminal(bare, tmp_path):
    folder = tmp_path / "caf\u00e9 \U0001f600"
    folder.mkdir()
    rows = "frame,nose_x,nose_y\n" * 2
    (folder / "g\u00e9n\u00e9ral.csv").write_text(rows, encoding="utf-8")
    finished = run("-m", "jaxpose.read", folder, **bare)
    assert finished.returncode == 1
    assert "Traceback" not in finished.stderr
    shown = finished.stdout + finished.stderr
    assert "g" in shown
    assert shown.isascii()
