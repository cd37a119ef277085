"""The notebooks run from the first cell to the last; their .ipynb are their texts."""

import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "notebooks"
STAND_IN = pathlib.Path(__file__).parent / "torch_stand_in"
NAMES = ("converted_checkpoint", "lift_and_look", "train_and_compare")
NEEDED = ("jupytext", "nbclient", "ipykernel")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]

pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"not installed: {MISSING} (pip install -e '.[notebooks]')"
)

# In a process of its own: Jupyter's libraries warn, and warnings are errors here.
RUN = """
import sys
import jupytext, nbclient, nbformat
text, folder, executed = sys.argv[1:]
notebook = jupytext.read(text, fmt="py:percent")
client = nbclient.NotebookClient(
    notebook, kernel_name="python3", timeout=500,
    resources={"metadata": {"path": folder}},
)
client.execute()
nbformat.write(notebook, executed)
"""
BUILD = """
import pathlib, sys
from notebooks import build
for name in build.NAMES:
    text = (build.FOLDER / f"{name}.py").read_text(encoding="utf-8")
    written = build.to_ipynb(text)
    (pathlib.Path(sys.argv[1]) / f"{name}.ipynb").write_text(written, encoding="utf-8")
"""


def run_python(code, *arguments, paths=(), **environment):
    path = os.pathsep.join(map(str, [ROOT, *paths]))
    finished = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert finished.returncode == 0, finished.stdout[-3000:] + finished.stderr[-3000:]


def execute(name, folder, paths=(), changes=None, **environment):
    """Returns what the cells of a notebook show: texts, and their types."""
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    for before, after in (changes or {}).items():
        assert text.count(before) == 1
        text = text.replace(before, after)
    source, executed = folder / f"{name}.py", folder / f"{name}.ipynb"
    source.write_text(text, encoding="utf-8")
    environment |= {"TMPDIR": str(folder), "IPYTHONDIR": str(folder / "ipython")}
    run_python(RUN, source, FOLDER, executed, paths=paths, **environment)
    printed, kinds = "", []
    for cell in json.loads(executed.read_text())["cells"]:
        for output in cell.get("outputs", []):
            printed += "".join(output.get("text", ""))
            kinds += output.get("data", {})
    return printed, kinds


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Where the first notebook that needs it generates the data set."""
    return {"TFDS_DATA_DIR": str(tmp_path_factory.mktemp("data"))}


def test_a_recording_is_lifted_shown_and_saved(tmp_path):
    printed, kinds = execute("lift_and_look", tmp_path)
    assert "250 frames of 17 joints" in printed
    assert "squat (250, 17, 3) metres, camera axes, relative to the hip" in printed
    # The page; the still picture and the plot of the knees.
    assert (kinds.count("text/html"), kinds.count("image/png")) == (1, 2)
    (folder,) = {path.parent for path in tmp_path.rglob("squat.bvh")}
    written = {path.name for path in folder.iterdir()}
    endings = ("bvh", "html", "json", "npz", "trc")
    assert written == {f"squat.{ending}" for ending in endings}


@pytest.mark.slow
@pytest.mark.xdist_group("notebooks")
def test_two_models_are_trained_and_compared(tmp_path, data):
    changes = {"TOY = False": "TOY = True"}
    printed, kinds = execute("train_and_compare", tmp_path, changes=changes, **data)
    scores = r"{} +\d+\.\d +\d+\.\d\n"
    for name in ("AMPose", "GLA-GCN"):
        assert re.search(scores.format(name), printed)
    # The curves and the side by side view, and a moving picture per model.
    assert (kinds.count("image/png"), kinds.count("image/gif")) == (2, 2)


@pytest.mark.slow
@pytest.mark.xdist_group("notebooks")
def test_a_checkpoint_of_pytorch_is_converted_and_scored(tmp_path, data):
    paths = [] if importlib.util.find_spec("torch") else [STAND_IN]
    printed, _ = execute("converted_checkpoint", tmp_path, paths, **data)
    assert re.search(r"converted [\d,]+ parameters of \S+/checkpoint.bin", printed)
    assert re.search(r"MPJPE \d+\.\d mm, P-MPJPE \d+\.\d mm", printed)
    assert printed.endswith("equal, array by array\n")


def test_the_ipynb_files_are_those_of_the_texts(tmp_path):
    run_python(BUILD, tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} == set(NAMES)
    for name in NAMES:
        written = (FOLDER / f"{name}.ipynb").read_text(encoding="utf-8")
        built = (tmp_path / f"{name}.ipynb").read_text(encoding="utf-8")
        assert written == built, "run python -m notebooks.build"


@pytest.mark.parametrize("name", NAMES)
def test_the_badge_opens_the_notebook_itself(name):
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    (address,) = re.findall(r"https://colab\S*\.ipynb", text)
    assert address.endswith(f"/jaxpose/jaxpose/blob/main/notebooks/{name}.ipynb")
