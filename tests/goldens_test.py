"""Every golden file agrees, and the runner notices what does not."""

import json

import numpy as np
import pytest

from tests import goldens
from tests.golden_files import Error, relative_error
from tests.shared import REFERENCES, SHARED, shared_path

# Over 300 KB, so only beside the checkout.
LARGE = (
    "crossformer_paper_f9.npz",
    "crossformer_released_f27_nozero.npz",
    "crossformer_released_f9.npz",
    "gast_dilated_T27.npz",
    "gast_dilated_causal_T27.npz",
    "gast_strided_T27.npz",
    "gast_strided_causal_T27.npz",
    "gla_gcn_T27.npz",
    "gla_gcn_T27_longer_input.npz",
    "gla_gcn_seq_T27.npz",
    "gla_gcn_unit_stride3_nores.npz",
    "poseformer_f9.npz",
)
FOLDERS = (REFERENCES, SHARED / "goldens")


def is_slow(name):
    """Whether a file compiles so long that `.ci/run` tests it apart, with `-m slow`."""
    return name in LARGE or name.startswith("fullsize_")


FILES = {path.name for folder in FOLDERS for path in folder.glob("*.npz")}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if is_slow(name) else ())
        for name in sorted(FILES.union(LARGE))
    ],
)
def test_file_agrees(name):
    errors = goldens.check_file(shared_path(f"goldens/{name}"))
    assert errors
    assert not [error for error in errors if error.failed]


@pytest.mark.parametrize(
    "model", ["videopose3d", "poseformer", "crossformer", "gla_gcn", "gast_net"]
)
def test_the_repository_holds_a_whole_model_with_every_gradient(model):
    whole = []
    for path in REFERENCES.glob("*.npz"):
        with np.load(path) as file:
            config = json.loads(str(file["config"])) if "config" in file else {}
            if config.get("model") == model and "unit" not in path.name:
                whole += [name for name in file.files if name.startswith("grad/")]
    assert len(whole) > 20


@pytest.fixture
def changed(tmp_path):
    """Writes a golden file, some arrays replaced (None: removed), to its own folder."""

    def change(name, folder="changed", **arrays):
        with np.load(shared_path(f"goldens/{name}")) as file:
            content = {key: file[key] for key in file.files}
        content |= arrays
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        np.savez(
            path, **{key: value for key, value in content.items() if value is not None}
        )
        return path

    return change


def golden_array(name, key):
    with np.load(shared_path(f"goldens/{name}")) as file:
        return file[key]


def run(capsys, *paths):
    status = goldens.main([str(path) for path in paths])
    return status, capsys.readouterr().out


def test_agreement_is_one_line_and_status_zero(changed, capsys):
    status, output = run(capsys, changed("tta_flip_J17.npz"))
    assert status == 0
    assert output.splitlines()[0].startswith(
        "ok    tta_flip_J17.npz  float64 as stored "
    )
    assert output.splitlines()[1:] == ["1 of 1 files agree"]


@pytest.mark.parametrize(
    ("name", "key", "change"),
    [
        ("tta_flip_J17.npz", "average", 1e-5),
        ("sliding_windows_f9.npz", "windows", 1e-4),
        ("refine_J17.npz", "output_f64", 1e-8),
        ("refine_J17.npz", "train/output", 1e-3),
        ("refine_J17.npz", "train/loss_f64", 1e-8),
        ("refine_J17.npz", "grad/m.post_refine.3.bias", 1e-5),
        ("refine_J17.npz", "grad_input", 1e-5),
        ("refine_J17.npz", "param/m.post_refine.0.weight", 1e-3),
        ("videopose3d_single_frame_T1.npz", "train/stat/expand_bn.running_var", 1e-4),
    ],
)
def test_a_changed_number_is_noticed(changed, capsys, name, key, change):
    array = golden_array(name, key).copy()
    index = np.unravel_index(np.abs(array).argmax(), array.shape)
    array[index] *= 1 + change
    status, output = run(capsys, changed(name, **{key: array}))
    assert status == 1
    assert output.startswith(f"FAIL  {name}")
    assert "allowed" in output


def test_nan_is_noticed(changed, capsys):
    array = np.full_like(golden_array("refine_J17.npz", "grad_input"), np.nan)
    assert run(capsys, changed("refine_J17.npz", grad_input=array))[0] == 1


def test_what_is_not_understood_fails(changed, capsys, tmp_path):
    strange, text = tmp_path / "strange.npz", tmp_path / "notes.npz"
    np.savez(strange, numbers=np.ones(3))
    text.write_text("no archive")
    config = json.loads(str(golden_array("refine_J17.npz", "config")))
    transformer = np.array(json.dumps(config | {"model": "transformer"}))
    for path, reason in (
        (strange, "neither a model nor a known protocol file"),
        (text, "Error"),
        (changed("refine_J17.npz", config=transformer), "unknown model 'transformer'"),
        (
            changed("tta_flip_J17.npz", folder="surprise", surprise=np.ones(2)),
            "not understood: surprise",
        ),
        (changed("tta_flip_J17.npz", average=None), "average"),
        (tmp_path / "missing.npz", "no such file"),
    ):
        status, output = run(capsys, path)
        assert status == 1
        assert reason in output


def test_gradients_and_parameters_must_correspond(changed, capsys):
    name = "refine_J17.npz"
    key = "grad/m.post_refine.3.bias"
    gradient = golden_array(name, key)
    status, output = run(capsys, changed(name, **{key: None}))
    assert (status, "is not recorded" in output) == (1, True)
    status, output = run(
        capsys, changed(name, **{"grad/m.post_refine.9.bias": gradient})
    )
    assert (status, "belongs to no parameter" in output) == (1, True)
    status, output = run(capsys, changed(name, **{"param/m.post_refine.0.bias": None}))
    assert (status, "missing: post_refine.0.bias" in output) == (1, True)


def test_a_folder_is_all_its_files(changed, capsys, tmp_path):
    assert "no .npz file" in run(capsys, tmp_path)[1]
    changed("tta_flip_J17.npz")
    path = changed(
        "sliding_windows_f9.npz", windows=np.zeros((14, 9, 17, 2), np.float32)
    )
    status, output = run(capsys, path.parent)
    assert status == 1
    assert [line[:4] for line in output.splitlines() if not line.startswith(" ")] == [
        "FAIL",
        "ok  ",
        "1 of",
    ]


def test_relative_error():
    expected, found = np.array([1.0, -4.0]), np.array([1.0, -3.8])
    assert relative_error(found, expected) == pytest.approx(0.05)
    assert relative_error(found, expected, floor=6) == pytest.approx(0.02)
    assert relative_error(np.zeros(2), np.zeros(2)) == 0
    assert relative_error(np.ones(3), expected) == np.inf
    assert relative_error(np.array([1, 3]), np.array([1, 2])) == np.inf
    assert Error("output", float("nan"), 1e-9, "output").failed
