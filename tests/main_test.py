"""The command line, as a user types it."""

import json
import pathlib
import re
import subprocess
import sys

import pytest

from jaxpose import command_line, usage
from jaxpose.errors import JaxposeError

ROOT = pathlib.Path(__file__).resolve().parents[1]
AMPOSE = "--config=configs/ampose.py"


def program(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "jaxpose.main", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_describe_prints_one_json_object_without_data_or_workdir():
    finished = program(
        "--config=configs/ampose.py", "--mode=describe", "--config.model.depth=4"
    )
    assert finished.returncode == 0, finished.stderr
    described = json.loads(finished.stdout)
    assert set(described) >= {
        "parameters",
        "macs",
        "macs_published",
        "receptive_field",
        "input_shape",
        "output_shape",
    }
    assert described["input_shape"] == [1, 1, 17, 2]
    assert described["parameters"] < 18_451_459


MISTAKES = [
    ([f"{AMPOSE}:cnp17"], r"no variant 'cnp17'; it has cpn17, gt17"),
    (
        [AMPOSE, "--config.model.dept=4"],
        r"config\.model has no field 'dept' \(did you mean 'depth'\?\); it has .*heads",
    ),
    ([AMPOSE, "--config.num_epoch=4"], r"'num_epoch' \(did you mean 'num_epochs'\?\)"),
    ([AMPOSE, "--config.nofield", "4"], r"config has no field 'nofield'; it has acc"),
    (
        [AMPOSE, "--config.optimizer.name.beta=4"],
        r"config\.optimizer\.name is no group of fields",
    ),
    (
        [AMPOSE, "--config.model.depth=abc"],
        r"config\.model\.depth=abc: invalid",
    ),
    ([AMPOSE, "--mod=train"], r"Unknown command line flag 'mod'"),
    (
        ["--config=configs/ampsoe.py", "--workdir={}"],
        r"there is no file 'configs/ampsoe\.py'",
    ),
    (
        [AMPOSE, "--config.model.name=x", "--workdir={}"],
        r"'x' is unknown; known: ampose",
    ),
    (["--config=README.md", "--workdir={}"], r"README\.md is not a Python file"),
    ([AMPOSE], r"--mode=train needs --workdir=DIR"),
    ([], r"--config=\.\.\. is required; --help lists the flags$"),
    ([AMPOSE, "--workdir={}", "--mode=evaluate"], r"holds no run"),
    ([AMPOSE, "--workdir=~/no_run", "--mode=evaluate"], r"=/.*/no_run holds no"),
    (
        [AMPOSE, "--workdir={}", "--num_processes=2"],
        r"need --coordinator=HOST:",
    ),
    (
        [AMPOSE, "--workdir={}", "--config.dataset.data_dir={}"],
        r"(?s)human36m/cpn_ft_h36m_dbb_17 is not prepared.*"
        r"jaxpose\.prepare human.*ampose\.py:quickstart",
    ),
    (
        [AMPOSE, "--workdir={}", "--config.dataset.name=human36"],
        r"unknown data set 'human36'; known: synthetic",
    ),
    ([AMPOSE, "--mode=describe", "--config.model.heads=7"], r"heads"),
    ([AMPOSE, "--mode=describe", "--to=npz"], r"--to is for --mode=predict"),
    ([AMPOSE, "--mode=predict", "--workdir={}", "--to=fbx"], r"'fbx' is no format"),
    ([AMPOSE, "--mode=predict", "x.json"], r"x\.json; files are lifted by `jaxpose l"),
]


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    """Status, output and `{}`, an empty folder, of the call of each mistake."""
    folder = tmp_path_factory.mktemp("calls")
    folders = [tmp_path_factory.mktemp("empty") for _ in MISTAKES]
    arguments = [
        [argument.format(empty) for argument in mistake]
        for (mistake, _), empty in zip(MISTAKES, folders, strict=True)
    ]
    (folder / "calls.json").write_text(json.dumps(arguments))
    subprocess.run(
        [sys.executable, "-m", "tests.calls_of_main", str(folder)],
        cwd=ROOT,
        check=True,
        timeout=300,
    )
    statuses = json.loads((folder / "statuses.json").read_text())
    outputs = [(folder / f"{n}.txt").read_text() for n in range(len(MISTAKES))]
    return list(zip(statuses, outputs, folders, strict=True))


@pytest.mark.xdist_group("main")
@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_mistakes_end_in_one_message(calls, number):
    status, output, empty = calls[number]
    assert status != 0
    message = MISTAKES[number][1]
    assert re.search(message, output), output
    assert "Traceback" not in output, output
    assert output.splitlines()[0].startswith("error: "), output
    assert not list(empty.iterdir())


MODES = ["train", "evaluate", "predict", "describe", "fields"]


@pytest.mark.parametrize("mode", ["", *MODES])
def test_help_is_a_screen_about_the_mode(mode):
    arguments = [f"--mode={mode}", "--help"] if mode else ["--help"]
    printed = usage.usage_of(arguments)
    lines = printed.splitlines()
    assert len(lines) < 30
    assert max(map(len, lines)) <= 80
    named = f"usage: jaxpose {mode} " if mode else "usage: python -m jaxpose.main "
    assert lines[0].startswith(named)
    # What it names are flags of the program, and the workdir of modes that have one.
    source = (ROOT / "jaxpose" / "main.py").read_text()
    own = set(re.findall(r"flags\.DEFINE_\w+\(\s*\"(\w+)\"", source))
    own |= {"config", "verbosity"}
    listed = set(re.findall(r"^  --(\w+)", printed, re.MULTILINE))
    assert listed <= own
    if mode:
        assert ("workdir" in listed) == (mode not in ("describe", "fields"))
    assert "Example" in printed
    assert usage.usage_of(["--mode", mode, "-h"]) == printed


def test_help_ends_with_status_0():
    finished = program("--mode=describe", "--help")
    assert (finished.returncode, finished.stderr) == (0, "")
    assert finished.stdout == usage.usage_of(["--mode=describe"])


def test_config_file_and_fields_may_stand_behind_a_space():
    finished = program(
        *("--config", "configs/ampose.py:quickstart", "--mode=fields"),
        *("--config.num_epochs", "7"),
    )
    assert finished.returncode == 0, finished.stderr
    assert "--config.num_epochs=7\n    Epochs of the whole run.\n" in finished.stdout


def test_a_process_of_its_own_ends_in_the_same_message(calls):
    finished = program(*MISTAKES[0][0])
    assert (finished.returncode, finished.stdout + finished.stderr) == calls[0][:2]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("import os\n\ndef get_config(:\n", 3, "SyntaxError: invalid syntax"),
        ("\nraise KeyError('x')\n", 2, "KeyError: 'x'"),
        (
            "from configs import ampose\n\ndef get_config():\n"
            "    config = ampose.get_config('quickstart')\n"
            "    config.dataset.test_subjects = 'S9'\n    return config\n",
            5,
            r"TypeError: .*; write a tuple of names, such as \('S9',\)",
        ),
    ],
)
def test_a_mistake_in_a_config_file_is_named_with_its_line(
    tmp_path, text, line, message
):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(
        JaxposeError, match=rf"^{re.escape(str(path))}, line {line}: {message}$"
    ):
        command_line._ConfigParser().parse(str(path))
