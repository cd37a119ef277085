"""The installed program: what the wheel holds, its commands, and its own configs."""

import configparser
import json
import os
import pathlib
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
import zipfile

import pytest

import jaxpose
from jaxpose import __main__ as program

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILES = ("LICENSE", "README.md", "pyproject.toml", "requirements.txt", "setup.py")
FOLDERS = ("jaxpose", "configs", "experiments", "tests")


def run(arguments, folder, path=ROOT):
    """Runs Python in `folder`, with the packages of `path` and the environment."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Builds the wheel from the source distribution of a copy of the checkout."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in FILES:
        shutil.copy(ROOT / name, source)
    for name in FOLDERS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    _build("sdist", source, built)
    # By its command, as Python 3.11 before 3.11.4 has no filters, which 3.12 asks for.
    archive = next(built.glob("*.tar.gz"))
    command = [sys.executable, "-m", "tarfile", "-e", archive, built]
    subprocess.run(command, check=True)
    _build("wheel", built / f"jaxpose-{jaxpose.__version__}", built)
    return next(built.glob("*.whl"))


def _build(kind, source, target):
    code = (
        f"from setuptools import build_meta; build_meta.build_{kind}({str(target)!r})"
    )
    finished = run(["-c", code], source)
    assert finished.returncode == 0, finished.stderr


@pytest.mark.xdist_group("wheel")
def test_the_wheel_holds_the_package_with_its_configs_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {pathlib.PurePosixPath(name) for name in archive.namelist()}
    info = f"jaxpose-{jaxpose.__version__}.dist-info"
    assert {path.parts[0] for path in held} == {"jaxpose", info}
    expected = {pathlib.PurePosixPath("jaxpose/py.typed")}
    package = ROOT / "jaxpose"
    patterns = (
        "**/*.py",
        "recordings/*.npz",
        "released/*",
        "pose/viewer/viewer.*",
        "pose/viewer/*.js",
    )
    for file in (file for pattern in patterns for file in package.glob(pattern)):
        expected.add(pathlib.PurePosixPath(file.relative_to(ROOT).as_posix()))
    for file in (ROOT / "configs").glob("*.py"):
        expected.add(pathlib.PurePosixPath("jaxpose/configs", file.name))
    assert {path for path in held if path.parts[0] == "jaxpose"} == expected


@pytest.mark.xdist_group("wheel")
def test_the_wheel_has_one_console_script(wheel):
    name = f"jaxpose-{jaxpose.__version__}.dist-info/entry_points.txt"
    parser = configparser.ConfigParser()
    with zipfile.ZipFile(wheel) as archive:
        parser.read_string(archive.read(name).decode())
    assert parser.sections() == ["console_scripts"]
    assert dict(parser["console_scripts"]) == {"jaxpose": "jaxpose.__main__:main"}


@pytest.mark.xdist_group("wheel")
def test_the_wheel_runs_its_own_configs_in_an_empty_folder(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    empty = tmp_path / "empty"
    empty.mkdir()
    finished = run(
        ["-m", "jaxpose", "describe", "--config=configs/ampose.py:quickstart"],
        empty,
        tmp_path / "site",
    )
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["input_shape"] == [1, 1, 17, 2]
    assert not list(empty.iterdir())


def test_a_config_file_that_exists_wins_over_the_one_of_the_same_name(tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "ampose.py").write_text(
        "def get_config(variant):\n    raise RuntimeError(f'own {variant}')\n"
    )
    finished = run(
        ["-m", "jaxpose", "describe", "--config=configs/ampose.py:cmu"], tmp_path
    )
    assert finished.returncode == 1
    expected = "configs/ampose.py: RuntimeError: own cmu"
    assert finished.stderr == f"error: --config=configs/ampose.py:cmu: {expected}\n"


@pytest.mark.parametrize(
    "name", ["configs/ampsoe.py", "elsewhere/ampose.py", "ampose.py"]
)
def test_a_missing_config_file_is_answered_with_both_places(tmp_path, name):
    finished = run(["-m", "jaxpose", "describe", f"--config={name}:cmu"], tmp_path)
    assert finished.returncode == 1
    message = (
        f"error: --config={name}:cmu: there is no file {name!r} in {tmp_path}, and "
    )
    assert finished.stderr.startswith(message), finished.stderr
    assert f"configs, in {ROOT / 'configs'}, are ampose, crossformer" in finished.stderr
    assert finished.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_the_program_alone_lists_its_commands(tmp_path, arguments):
    finished = run(["-m", "jaxpose", *arguments], tmp_path)
    assert finished.returncode == 0, finished.stderr
    listed = re.findall(r"^  (\w+) +\w+s ", finished.stdout, re.MULTILINE)
    modes = ["train", "evaluate", "predict", "describe", "fields"]
    assert listed == ["lift", "read", "prepare", "convert", *modes]


def test_version_and_an_unknown_command_are_one_line(tmp_path):
    finished = run(["-m", "jaxpose", "--version"], tmp_path)
    assert (finished.returncode, finished.stdout) == (
        0,
        f"jaxpose {jaxpose.__version__}\n",
    )
    finished = run(["-m", "jaxpose", "trian", "--config=configs/ampose.py"], tmp_path)
    assert finished.returncode == 1
    assert finished.stderr == (
        "error: unknown command 'trian'; known: lift, read, prepare, convert, "
        "train, evaluate, predict, describe, fields\n"
    )


@pytest.mark.parametrize(
    ("command", "module", "flags"),
    [
        ("read", "jaxpose.read", []),
        ("prepare", "jaxpose.prepare", []),
        ("convert", "jaxpose.convert", []),
        ("train", "jaxpose.main", ["--mode=train"]),
        ("evaluate", "jaxpose.main", ["--mode=evaluate"]),
        ("predict", "jaxpose.main", ["--mode=predict"]),
        ("describe", "jaxpose.main", ["--mode=describe"]),
        ("fields", "jaxpose.main", ["--mode=fields"]),
    ],
)
def test_a_command_runs_a_module_with_the_other_arguments(
    monkeypatch, command, module, flags
):
    started = []

    def run_module(name, *, run_name, alter_sys):
        assert (run_name, alter_sys) == ("__main__", True)
        started.append((name, sys.argv[1:]))

    monkeypatch.setattr(runpy, "run_module", run_module)
    monkeypatch.setattr(sys, "argv", ["jaxpose", command, "first", "--second"])
    program.main()
    assert started == [(module, [*flags, "first", "--second"])]


@pytest.mark.parametrize("flag", ["--mode=train", "-mode=train", "--mode"])
def test_the_mode_of_a_command_is_not_overridden(monkeypatch, flag):
    monkeypatch.setattr(sys, "argv", ["jaxpose", "evaluate", flag, "--workdir=runs/a"])
    with pytest.raises(SystemExit, match="error: evaluate is the mode; leave --mode"):
        program.main()


def test_a_command_ends_with_the_message_and_status_of_its_module(tmp_path):
    finished = run(["-m", "jaxpose", "prepare", "no_such_data_set"], tmp_path)
    assert finished.returncode == 1
    assert finished.stderr.startswith("error: unknown data set 'no_such_data_set'")


NO_TFDS = (
    "import sys\n"
    "for module in ('tensorflow_datasets', 'array_record'):\n"
    "    sys.modules[module] = None  # as if it were not installed\n"
)


def test_models_metrics_and_describe_need_no_tfds(tmp_path):
    code = (
        f"{NO_TFDS}"
        "import jaxpose.models, jaxpose.metrics, jaxpose.inference.predictor\n"
        "sys.argv = ['jaxpose', 'describe', '--config=configs/ampose.py:quickstart']\n"
        "from jaxpose import __main__\n"
        "__main__.main()\n"
    )
    finished = run(["-c", code], tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["output_shape"] == [1, 1, 17, 3]


def test_preparing_without_tfds_says_in_one_line_what_is_missing(tmp_path):
    code = (
        f"{NO_TFDS}from jaxpose import prepare\nsys.exit(prepare.main(['synthetic']))"
    )
    finished = run(["-c", code], tmp_path)
    assert finished.returncode == 1
    message = "error: data sets need tensorflow-datasets, which is not installed: "
    assert finished.stderr.startswith(message), finished.stderr
    assert finished.stderr.count("\n") == 1


def test_requirements_txt_lists_what_the_wheel_requires():
    with open(ROOT / "pyproject.toml", "rb") as file:
        dependencies = tomllib.load(file)["project"]["dependencies"]
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    listed = [line.partition("#")[0].strip() for line in lines]
    assert [line for line in listed if line] == dependencies
