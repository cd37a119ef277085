"""`jaxpose lift`: which files it writes, what it prints, and its exit status."""

import base64
import dataclasses
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import jaxpose
from jaxpose import lift, recordings
from jaxpose.recordings import arrays
from tests.lifter.small_lifter import small_run
from tests.recordings import media_files, walker, writers

F = 30
ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A file of weights."""
    run = small_run(tmp_path_factory.mktemp("run"))
    path = tmp_path_factory.mktemp("weights") / "own.safetensors"
    run.export(path)
    return path


def person(size: float = 1.0) -> np.ndarray:
    """Returns a person who walks, `[F, 17, 3]`, with a confidence."""
    keypoints = size * walker.person("coco_17", F)
    return np.concatenate([keypoints, np.full((F, 17, 1), 0.9)], axis=-1)


def write_alphapose(path: pathlib.Path, *people: np.ndarray) -> None:
    rows = []
    for frame in range(F):
        for pose in people:
            row = {"image_id": f"{frame}.jpg", "category_id": 1, "score": 2.0}
            rows.append(row | {"keypoints": pose[frame].ravel().tolist()})
    path.write_text(json.dumps(rows))


@pytest.fixture
def folder(tmp_path):
    """Two recordings, a folder of frames, and a file that is cut short."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    write_alphapose(folder / "solo.json", person())
    write_alphapose(folder / "duo.json", person(), person(0.5))
    writers.write_openpose(folder / "jump", person()[:, None])
    (folder / "broken.json").write_text('[{"image_id": ')
    settings = {"image_size": walker.SIZE, "fps": 25}
    (folder / "dataset.json").write_text(json.dumps(settings))
    return folder


def output(capsys, *arguments) -> tuple[int, str, str]:
    """Returns the exit status, and what is printed to both streams."""
    status = lift.main([str(argument) for argument in arguments])
    return status, *capsys.readouterr()


def files_in(folder: pathlib.Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_recording_becomes_files_beside_it(folder, model, capsys):
    before = files_in(folder)
    path = folder / "duo.json"
    status, out, err = output(capsys, path, f"--model={model}", "--to=npz,html,trc")
    assert (status, err) == (0, "")
    written = ["duo_3d.npz", "duo_3d.html", "duo_3d.trc"]
    assert files_in(folder) - before == set(written)
    first, *notes = out.splitlines()
    names = ", ".join(str(folder / name) for name in written)
    assert first == (
        f"duo: person 1 of 2, {F} frames, 100% seen, 25 fps (1 other: --person=K or "
        f"--people=N) -> {names}"
    )
    assert [note.partition(":")[0] for note in notes] == ["note"]  # the joint order

    stored = np.load(folder / "duo_3d.npz")
    pose = jaxpose.load(model).read(path)
    np.testing.assert_array_equal(stored["positions_3d"], pose.positions_3d)
    np.testing.assert_array_equal(stored["keypoints_2d"], pose.keypoints_2d)
    assert stored["joints"].tolist() == list(pose.joints)
    assert stored["frame_of_reference"] == "camera axes, relative to the hip"
    assert str(stored["model"]).startswith("own ")


def test_a_folder_is_lifted_and_one_bad_file_does_not_stop_it(folder, model, capsys):
    arguments = folder, f"--model={model}", "--to=npz"
    status, out, err = output(capsys, *arguments)
    assert status == 1
    lifted = [line.partition(":")[0] for line in out.splitlines() if "->" in line]
    assert lifted == ["duo", "jump", "solo"]
    assert "error: broken: " in err
    assert "the file is cut short" in err
    results = {name for name in files_in(folder) if name.endswith("_3d.npz")}
    assert results == {"duo_3d.npz", "jump_3d.npz", "solo_3d.npz"}

    # Results are not read again, and not overwritten without being asked.
    changed = folder / "solo_3d.npz"
    changed.write_bytes(b"own")
    status, out, err = output(capsys, *arguments)
    assert (status, out) == (1, "")
    assert f"error: solo: {changed} exists; give --overwrite or another --out" in err
    assert len(err.splitlines()) == 4
    assert changed.read_bytes() == b"own"
    (folder / "broken.json").unlink()
    status, out, _ = output(capsys, *arguments, "--overwrite")
    assert status == 0
    assert np.load(changed)["positions_3d"].shape == (F, 17, 3)


def test_files_of_poses_are_no_recordings(folder, model, tmp_path, capsys):
    formats = "npz,json,csv,trc,bvh,glb,gltf,html"
    arguments = folder / "solo.json", f"--model={model}", f"--out={tmp_path / 'all'}"
    assert output(capsys, *arguments, f"--to={formats}")[0] == 0
    assert len(files_in(tmp_path / "all")) == 8
    reading = recordings.read(tmp_path / "all", image_size=walker.SIZE, fps=25)
    assert (reading.recordings, reading.refused) == ([], [])
    for ending in ("csv", "json", "npz"):
        expected = f"solo_3d.{ending}: 3D poses that jaxpose wrote"
        assert expected in reading.unread
    status, _, err = output(capsys, tmp_path / "all" / "solo_3d.npz", arguments[1])
    assert status == 1
    assert "not read: 3D poses that jaxpose wrote" in err


def test_several_people_get_files_of_their_own(folder, model, capsys, tmp_path):
    out_folder = tmp_path / "new" / "out"
    status, out, err = output(
        capsys,
        folder / "duo.json",
        "--people=2",
        f"--model={model}",
        f"--out={out_folder}",
        "--json",
    )
    (row,) = json.loads(out)
    assert (status, err) == (0, "")
    # One page shows all of them.
    names = {"duo_person1_3d.npz", "duo_person2_3d.npz", "duo_3d.html"}
    assert files_in(out_folder) == names
    assert {pathlib.Path(file).name for file in row["files"]} == names
    assert (row["status"], row["people"]) == ("lifted", 2)
    assert row["lifted"][1] == {"person": 2, "frames": F, "seen": 1.0, "fps": 25.0}
    poses = [np.load(out_folder / f"duo_person{k}_3d.npz") for k in (1, 2)]
    # The second person is half as large in the image.
    sizes = [np.ptp(pose["keypoints_2d"], axis=1).max() for pose in poses]
    assert sizes[0] == pytest.approx(2 * sizes[1])

    status, _, _ = output(
        capsys,
        folder / "duo.json",
        "--person=2",
        "--to=bvh",
        f"--model={model}",
        f"--out={out_folder}",
    )
    assert status == 0
    assert files_in(out_folder) - names == {"duo_person2_3d.bvh"}


def test_poses_can_be_smoothed_placed_and_turned(folder, model, tmp_path):
    settings = f"--model={model}", f"--out={tmp_path}", "--to=npz"
    path = str(folder / "solo.json")
    assert lift.main([path, *settings, "--smooth=5", "--root"]) == 0
    stored = np.load(tmp_path / "solo_3d.npz")
    expected = jaxpose.load(model).read(path).smooth(5.0).with_root()
    np.testing.assert_allclose(stored["positions_3d"], expected.positions_3d)
    assert stored["frame_of_reference"] == "camera axes, origin at the camera"


CALIBRATION = """
[cam]
name = "cam"
size = [ 1920.0, 1080.0]
matrix = [ [ 1100.0, 0.0, 950.0], [ 0.0, 1100.0, 540.0], [ 0.0, 0.0, 1.0]]
distortions = [ {}, 0.0, 0.0, 0.0]
fisheye = false
"""


def test_a_calibration_undoes_the_distortion_of_the_lens(folder, model, tmp_path):
    """Points that a lens with k1 has moved give the pose of the straight ones."""
    straight = person()
    bent = straight.copy()
    centred = (straight[..., :2] - [950, 540]) / 1100
    square = (centred**2).sum(axis=-1, keepdims=True)
    bent[..., :2] = 1100 * centred * (1 + 0.2 * square) + [950, 540]
    write_alphapose(folder / "bent.json", bent)
    results = []
    for name, k1 in (("solo", 0.0), ("bent", 0.2)):
        (tmp_path / "calib.toml").write_text(CALIBRATION.format(k1))
        arguments = [f"--model={model}", f"--out={tmp_path}", "--to=npz"]
        arguments.append(f"--calibration={tmp_path / 'calib.toml'}")
        assert lift.main([str(folder / f"{name}.json"), *arguments]) == 0
        results.append(np.load(tmp_path / f"{name}_3d.npz"))
    flat, corrected = results
    np.testing.assert_allclose(
        corrected["positions_3d"], flat["positions_3d"], atol=1e-5
    )
    # Keypoints are those of the source.
    assert np.abs(corrected["keypoints_2d"] - flat["keypoints_2d"]).max() > 2
    assert corrected["intrinsics"].tolist() == [1100, 1100, 950, 540]
    assert corrected["distortion"].tolist() == [0.2, 0, 0, 0, 0]


def test_the_header_of_the_video_counts_as_stated(model, tmp_path, capsys):
    np.save(tmp_path / "walk.npy", person())
    media_files.write_mp4(tmp_path / "other.mp4", walker.SIZE, 50)
    arguments = [tmp_path / "walk.npy", f"--model={model}", "--to=npz", "--json"]
    video = f"--video={tmp_path / 'other.mp4'}"
    (row,) = json.loads(output(capsys, *arguments, video)[1])
    assert row["lifted"][0]["fps"] == 50
    (row,) = json.loads(output(capsys, *arguments, video, "--fps=25", "--overwrite")[1])
    assert row["lifted"][0]["fps"] == 25


def test_the_people_of_a_video_are_lifted(model, tmp_path, capsys, monkeypatch):
    """Detected by a made-up detector, and not at all where their files exist."""
    calls = []

    def read_video(path, options, person_model, keypoint_model):
        calls.append((path.name, person_model, keypoint_model))
        stated = dataclasses.replace(options, image_size=walker.SIZE, fps=25)
        recording = arrays.from_arrays(person(), None, stated, str(path))
        recording = dataclasses.replace(recording, name="dance")
        return recordings.Reading([recording], [], [])

    monkeypatch.setattr(lift, "read_video", read_video)
    path = tmp_path / "dance.mp4"
    media_files.write_mp4(path, walker.SIZE, 25)
    networks = "--person_model=a.onnx", "--keypoint_model=b.onnx"
    arguments = path, f"--model={model}", *networks
    status, out, err = output(capsys, *arguments)
    assert (status, err) == (0, "")
    assert out.startswith("dance: 1 person, 30 frames")
    assert files_in(tmp_path) == {"dance.mp4", "dance_3d.npz", "dance_3d.html"}
    assert calls == [("dance.mp4", "a.onnx", "b.onnx")]
    # The page shows the video.
    embedded = base64.b64encode(path.read_bytes()).decode()
    assert embedded in (tmp_path / "dance_3d.html").read_text()

    for chosen in ((), ("--people=2", "--to=html")):
        status, _, err = output(capsys, *arguments, *chosen)
        assert status == 1
        assert "exists; give --overwrite" in err
    assert len(calls) == 1


MISTAKES = {
    "no recording": (["{absent}"], "does not exist"),
    "no weights": (["{solo}", "--model={absent}"], "does not exist; expected the work"),
    "not there": (["{solo}", "--person=3"], "--person=3 is not there"),
    "two videos": (
        ["{folder}", "--video={video}"],
        "is one video, and there",
    ),
    "no video": (["{solo}", "--video={solo}"], "is no video that can be read"),
    "a file for --out": (["{solo}", "--out={solo}"], "--out="),
    "the same twice": (["{solo}", "{solo}"], "its files have the names of those of"),
    "smoothing": (["{solo}", "--smooth=20"], "solo"),
    "no calibration": (["{solo}", "--calibration={absent}"], "cannot be read"),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_mistake_is_answered_in_one_line(kind, folder, model, tmp_path, capsys):
    arguments, message = MISTAKES[kind]
    video = tmp_path / "video.mp4"
    media_files.write_mp4(video, walker.SIZE, 50)
    places = {"absent": tmp_path / "absent", "solo": folder / "solo.json"}
    places |= {"folder": folder, "video": video}
    arguments = [argument.format(**places) for argument in arguments]
    if not any(argument.startswith("--model") for argument in arguments):
        arguments.append(f"--model={model}")
    status, _, err = output(capsys, *arguments, "--to=npz")
    assert status == 1
    (line,) = err.splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert line.count("/absent") <= 1  # a file is named once


@pytest.mark.parametrize(
    "flag, message",
    [
        ("--to=npz,fbx", "'fbx' is no format; known: npz, json"),
        ("--people=0", "'0' is no number of people"),
        ("--image_size=5", "is not WIDTH,HEIGHT"),
        # Python reads no number of so many digits.
        (f"--people={'9' * 5000}", "9' is no number of people"),
        (f"--image_size={'9' * 5000},5", "9,5' is not WIDTH,HEIGHT"),
    ],
)
def test_a_flag_without_a_meaning_is_refused_at_once(flag, message, capsys):
    with pytest.raises(SystemExit) as caught:
        lift.main(["x.json", flag])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_the_command_needs_no_library_of_training(folder, model):
    """It runs without data sets, optimisers and checkpoints."""
    code = (
        "import sys, runpy; "
        "sys.modules.update(dict.fromkeys(['tensorflow_datasets', 'array_record', "
        "'optax', 'orbax', 'orbax.checkpoint', 'matplotlib', 'tensorboardX'])); "
        "sys.argv[0] = 'jaxpose'; "
        "runpy.run_module('jaxpose', run_name='__main__', alter_sys=True)"
    )
    arguments = ["lift", folder / "solo.json", f"--model={model}", "--to=npz"]
    finished = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    assert "solo: 1 person, 30 frames" in finished.stdout
