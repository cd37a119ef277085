"""CONTRIBUTING's steps add a model and a data set to a copy of the checkout."""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import textwrap

from jaxpose.models import MODELS

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILE = re.compile(r"`([\w/]+/\w+\.py)`")
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)
IMPORT = re.compile(r"`(from [^`]+ import [^`]+)`")
TABLE = re.compile(r"in\s+`([A-Z]+)`")

PROGRAM = """
import json, sys
from experiments.job import Job
from experiments.row import finish
from experiments.run import main
from experiments.table import Row
from experiments.tables import TABLES
import pathlib
from jaxpose.models import build_model
from jaxpose.models.cost import describe
from configs import linear
from tests.datasets.toy_test import test_toy_has_two_people_and_four_cameras as test

folder = pathlib.Path(sys.argv[1])
test(folder)
sizes = describe(build_model(linear.get_config()))
short = {"num_epochs": 1, "steps_per_epoch": 2, "steps_per_dispatch": 2}
row = Row("linear", {}, "configs/linear.py:quick_toy", short)
results = finish(Job(row, 0, folder / "runs", data_dir=str(folder)))
assert main(["quick.toy", "--list", f"--data_dir={folder}"]) == 0
rows = [row.label for row in TABLES["quick.toy"].rows]
print(json.dumps([sizes["parameters"], results["published"], rows]))
"""


def section(title: str) -> str:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    return text.partition(f"## {title}\n")[2].partition("\n## ")[0]


def follow(steps: str, root: pathlib.Path) -> list[str]:
    """Writes the files of the steps, adds their entries; returns the files touched."""
    touched = []
    for step in re.split(r"\n(?=\d+\. )", steps):
        file, code = FILE.search(step), CODE.search(step)
        if not file or not code:
            continue
        path, text = root / file[1], textwrap.dedent(code[1])
        touched.append(file[1])
        if path.exists():
            table, line = TABLE.search(step)[1], IMPORT.search(step)[1]
            whole = path.read_text()
            whole, added = re.subn(rf"(\n{table}\b.*= {{\n)", rf"\1{text}", whole)
            assert added == 1
            text = whole.replace("\nfrom jaxpose", f"\n{line}\nfrom jaxpose", 1)
        elif not path.parent.exists():
            path.parent.mkdir()
            (path.parent / "__init__.py").write_text('"""Toy."""\n')
            touched.append(f"{path.parent.relative_to(root)}/__init__.py")
        path.write_text(text)
    return touched


def test_a_model_and_a_data_set_are_added_as_the_steps_say(tmp_path):
    root = tmp_path / "checkout"
    for folder in ("jaxpose", "configs", "experiments"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
    (root / "tests" / "datasets").mkdir(parents=True)
    assert len(follow(section("Add a model"), root)) == 3
    assert len(follow(section("Add a data set"), root)) == 5
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "data")],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    *_, last = finished.stdout.splitlines()
    parameters, published, rows = json.loads(last)
    assert parameters == (34 + 1) * 1024 + (1024 + 1) * 51
    assert published["frames"] == published["per_subject"]["bob"]["frames"] > 700
    assert published["p_mpjpe"] == published["per_subject"]["bob"]["p_mpjpe"] > 0
    assert set(rows) == {*MODELS, "linear"}
