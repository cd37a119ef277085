"""`import jaxpose` as a user meets it, in processes of their own."""

import doctest
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import jaxpose
from tests.small_run import small_clips

ROOT = pathlib.Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.xdist_group("train")


def run_python(code, *arguments):
    """Runs `code` and returns what it prints."""
    finished = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()


@pytest.fixture
def workdir(finished_run):
    return finished_run[0]


def test_the_example_of_the_package_runs(workdir, tmp_path, monkeypatch):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "quickstart").symlink_to(workdir)
    monkeypatch.chdir(tmp_path)
    clips = small_clips()
    pixels = 500 * (clips.keypoints_2d[:90] + 1)
    truth = clips.positions_3d[:90] - clips.positions_3d[:90, :1]
    names = {"keypoints_2d": pixels, "positions_3d": truth}
    test = doctest.DocTestParser().get_doctest(
        jaxpose.__doc__, names, "jaxpose", "jaxpose/__init__.py", 0
    )
    assert len(test.examples) == 5
    report: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(test, out=report.append, clear_globs=False)
    assert runner.summarize(verbose=False) == (0, 5), "".join(report)
    distances = np.linalg.norm(test.globs["predicted"] - truth, axis=-1)
    assert test.globs["error"] == pytest.approx(1000 * distances.mean(), rel=1e-5)


def test_importing_starts_no_device_and_is_quick():
    code = (
        "import time; start = time.process_time(); import jaxpose; "
        "print(time.process_time() - start); import jax._src.xla_bridge as bridge; "
        "print(len(bridge._backends)); jaxpose.Run, jaxpose.MODELS, jaxpose.metrics; "
        "jaxpose.build_model, jaxpose.LiftingModel, jaxpose.JaxposeError; "
        "print(time.process_time() - start, len(bridge._backends))"
    )
    lines = run_python(code).split()
    # Seconds of this process, whatever else the machine does.
    assert float(lines[0]) < 1
    assert float(lines[2]) < 5
    assert lines[1] == lines[3] == "0"


def test_every_public_name_is_there_and_no_other():
    assert set(jaxpose.__all__) <= set(dir(jaxpose))
    for name in jaxpose.__all__:
        assert getattr(jaxpose, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Lift'"):
        _ = jaxpose.Lift


def test_lifting_and_scoring_need_no_tfds(workdir, tmp_path):
    clips = small_clips()
    np.save(tmp_path / "pixels.npy", 500 * (clips.keypoints_2d[:20] + 1))
    np.save(tmp_path / "truth.npy", clips.positions_3d[:20])
    code = (
        "import sys; "
        "sys.modules['tensorflow_datasets'] = sys.modules['array_record'] = None; "
        "import numpy as np, jaxpose; workdir, folder = sys.argv[1:]; "
        "pixels, truth = (np.load(f'{folder}/{n}.npy') for n in ('pixels', 'truth')); "
        "run = jaxpose.Run.open(workdir); "
        "lifted = run.lift(pixels, image_size=(1000, 1000)); "
        "print(float(jaxpose.metrics.mpjpe(lifted, truth - truth[:, :1])))"
    )
    error = float(run_python(code, workdir, tmp_path))
    lifted = jaxpose.Run.open(workdir).lift(
        np.load(tmp_path / "pixels.npy"), (1000, 1000)
    )
    truth = clips.positions_3d[:20] - clips.positions_3d[:20, :1]
    expected = np.linalg.norm(lifted - truth, axis=-1).mean()
    assert error == pytest.approx(expected, rel=1e-4)
