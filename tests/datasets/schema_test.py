"""The clip schema: validation, absent parts, and files read without TensorFlow."""

import dataclasses
import pathlib
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow_datasets as tfds

from jaxpose.body import cameras
from jaxpose.body.skeletons import COCO_17, H36M_17, HUMANEVA_15
from jaxpose.datasets import base, get_builder, schema
from jaxpose.datasets.builders import BUILDERS
from jaxpose.datasets.prepared import load_clips
from jaxpose.datasets.report import Finding, Report
from jaxpose.datasets.schema import Camera, clip_example
from jaxpose.errors import JaxposeError
from jaxpose.prepare import prepare

CAMERA = Camera(
    name="c",
    image_size=(640, 480),
    intrinsics=(500.0, 501.0, 320.0, 240.0),
    distortion=(-0.1, 0.2, 0.0, 0.001, -0.002),
    orientation=(1.0, 0.0, 0.0, 0.0),
    translation=(0.0, 0.0, -3.0),
)


def _arrays(num_frames: int, joints: int = 17) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(num_frames)
    return {
        "keypoints_2d": rng.uniform(0, 480, (num_frames, joints, 2)),
        "positions_3d": rng.normal(size=(num_frames, joints, 3)),
    }


def _example(num_frames: int = 5, **changes) -> dict:
    arguments = {
        "subject": "S1",
        "action": "walk",
        "take": "walk 1",
        "camera": CAMERA,
        "skeleton": H36M_17,
        "fps": 50,
        **_arrays(num_frames),
    }
    return clip_example(**(arguments | changes))


@pytest.fixture
def builder(tmp_path, monkeypatch):
    """A builder whose examples a test sets, known to `get_builder` as `made_up`."""

    class MadeUp(base.ClipBuilder, skip_registration=True):
        name = "made_up"
        VERSION = tfds.core.Version("1.0.0")
        BUILDER_CONFIGS = (
            base.ClipConfig(name="plain"),
            base.ClipConfig(
                name="coco", skeleton="humaneva_15", keypoints_skeleton="coco_17"
            ),
        )
        NEEDS_SOURCE = False
        examples: tuple[dict, ...] = ()
        findings: tuple[Finding, ...] = ()

        def splits(self, source, report):
            half = max(1, len(self.examples) // 2)
            return {"train": self.examples[:half], "test": self.examples[half:]}

        def inspect_source(self, source):
            return list(self.findings)

    monkeypatch.setitem(BUILDERS, "made_up", MadeUp)
    return MadeUp


def test_round_trip_keeps_order_numbers_and_cameras(tmp_path, builder):
    valid = np.array([True, False, True, True])
    builder.examples = (
        _example(3, take="b"),
        _example(4, take="a", valid=valid),
        _example(2, subject="S0", action="sit"),
    )
    prepare("made_up", data_dir=tmp_path)
    clips = load_clips("made_up", tmp_path)
    assert clips.dataset == "made_up/plain"
    assert [clip.take for clip in clips.index] == ["b", "a", "walk 1"]
    assert [(clip.start, clip.length) for clip in clips.index] == [
        (0, 3),
        (3, 4),
        (7, 2),
    ]
    assert clips.subjects == ("S1", "S0")
    np.testing.assert_array_equal(clips.valid[3:7], valid)
    np.testing.assert_array_equal(
        clips.positions_3d[3:7], _arrays(4)["positions_3d"].astype(np.float32)
    )
    expected = cameras.normalize_screen_coordinates(
        _arrays(4)["keypoints_2d"], (640, 480)
    )
    np.testing.assert_allclose(clips.keypoints_2d[3:7], expected, atol=2e-7)
    assert clips.keypoints_2d.dtype == clips.positions_3d.dtype == np.float32
    clip = clips.index[1]
    assert (clip.fps, clip.image_size, clip.has_absolute_root) == (
        50.0,
        (640, 480),
        True,
    )
    for field in ("intrinsics", "distortion", "orientation", "translation"):
        assert getattr(clip, field) == getattr(CAMERA, field)


def test_absent_parts_are_flagged(tmp_path, builder):
    bare = Camera(name="c", image_size=(10, 20))
    builder.examples = (
        _example(3, camera=bare, positions_3d=None),
        _example(2, take="b", has_absolute_root=False),
    )
    prepare("made_up", data_dir=tmp_path)
    clips = load_clips("made_up", tmp_path)
    assert np.isnan(clips.positions_3d[:3]).all()
    assert (
        clips.index[0].intrinsics
        is clips.index[0].orientation
        is clips.index[0].distortion
        is None
    )
    assert [clip.has_absolute_root for clip in clips.index] == [False, False]


def test_keypoints_may_have_other_joints_than_positions(tmp_path, builder):
    example = _example(
        3,
        skeleton=HUMANEVA_15,
        keypoints_skeleton=COCO_17,
        positions_3d=np.ones((3, 15, 3)),
        subject="a",
    )
    builder.examples = (example, example | {"take": "b"})
    prepare("made_up/coco", data_dir=tmp_path)
    clips = load_clips("made_up/coco", tmp_path)
    assert (clips.skeleton, clips.keypoints_skeleton) == ("humaneva_15", "coco_17")
    assert clips.keypoints_2d.shape == (6, 17, 2)
    assert clips.positions_3d.shape == (6, 15, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"keypoints_2d": np.ones((5, 16, 2))},
            r"keypoints_2d has shape \(5, 16, 2\), expected \(5, 17, 2\)",
        ),
        (
            {"positions_3d": np.ones((4, 17, 3))},
            r"positions_3d has shape \(4, 17, 3\), expected \(5, 17, 3\)",
        ),
        (
            {"keypoints_2d": np.ones((0, 17, 2)), "positions_3d": np.ones((0, 17, 3))},
            "at least one frame",
        ),
        ({"valid": np.ones(4, bool)}, r"valid has shape \(4,\)"),
        ({"fps": 0}, "fps is 0"),
        ({"fps": float("nan")}, "fps is nan"),
        (
            {
                "positions_3d": np.where(
                    np.arange(5)[:, None, None] > 2, np.inf, np.ones((5, 17, 3))
                )
            },
            "2 of 5 .*frame 3",
        ),
        (
            {"positions_3d": np.full((5, 17, 3), 1e39)},  # infinite in float32
            "positions_3d is not finite in 5 of 5",
        ),
        (
            {"keypoints_2d": np.full((5, 17, 2), np.nan)},
            "keypoints_2d is not finite in 5 of 5",
        ),
        (
            {"camera": dataclasses.replace(CAMERA, intrinsics=(1.0, 2.0))},
            "camera intrinsics .*4 finite",
        ),
        (
            {"camera": dataclasses.replace(CAMERA, translation=(1.0, 2.0, np.inf))},
            "camera translation",
        ),
    ],
)
def test_bad_clip(changes, message):
    with pytest.raises(JaxposeError, match=rf"clip S1/walk 1/c: .*{message}"):
        _example(**changes)


def test_a_clip_that_occurs_twice(tmp_path, builder):
    builder.examples = (_example(), _example(), _example(take="b"), _example(take="c"))
    with pytest.raises(JaxposeError, match="S1/walk 1/c occurs twice"):
        prepare("made_up", data_dir=tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_findings_and_counts_are_kept_with_the_data(tmp_path, builder):
    builder.findings = (
        Finding("suspicious", "S1", "walk 1", "expected 4 frames", 3, 4, outside=0.25),
    )
    builder.examples = (_example(3), _example(2, take="b", valid=np.zeros(2, bool)))
    report = prepare("made_up", data_dir=tmp_path)
    again = get_builder("made_up", data_dir=tmp_path).report
    assert report == again == Report.from_json(report.to_json())
    assert report.subjects["S1"].takes == ["walk 1", "b"]
    assert (report.subjects["S1"].frames, report.subjects["S1"].invalid_frames) == (
        5,
        2,
    )


def test_not_prepared_says_what_to_run(tmp_path):
    with pytest.raises(JaxposeError) as error:
        load_clips("cmu_mocap/noisy", tmp_path)
    assert (
        f"python -m jaxpose.prepare cmu_mocap/noisy --source=PATH --data_dir={tmp_path}"
        in str(error.value)
    )
    assert "mocap.cs.cmu.edu" in str(error.value)
    assert ":quickstart" in str(error.value)


def test_damaged_files_are_named(tmp_path, builder):
    builder.examples = (_example(300), _example(300, take="b"))
    prepare("made_up", data_dir=tmp_path)
    (records,) = tmp_path.glob("made_up/plain/1.0.0/*train*array_record*")
    content = records.read_bytes()
    for damaged in (b"", content[: len(content) // 2]):
        records.write_bytes(damaged)
        with pytest.raises(
            JaxposeError, match=r"made_up/plain/1\.0\.0 are damaged.*--overwrite"
        ):
            load_clips("made_up", tmp_path)
    prepare("made_up", data_dir=tmp_path, overwrite=True)
    assert load_clips("made_up", tmp_path).num_frames == 600


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-9]),
        lambda path: path.write_bytes(b"\xff\x00{"),
        lambda path: path.write_text("[1, 2]"),
        lambda path: path.write_text("{}"),
    ],
)
@pytest.mark.parametrize(
    "file", ["dataset_info.json", "features.json", "metadata.json"]
)
def test_a_damaged_note_beside_the_data_is_named(tmp_path, builder, file, change):
    builder.examples = (_example(3), _example(2, take="b"))
    prepare("made_up", data_dir=tmp_path)
    path = tmp_path / "made_up" / "plain" / "1.0.0" / file
    change(path)
    with pytest.raises(
        JaxposeError,
        match=rf"{file} is missing, damaged.*made_up/plain again with --over",
    ):
        prepare("made_up", data_dir=tmp_path)
    if file == "metadata.json":
        assert (
            load_clips("made_up", tmp_path).num_frames == 5
        )  # the data itself is whole
    else:
        with pytest.raises(JaxposeError, match=rf"{file} is missing, damaged"):
            load_clips("made_up", tmp_path)
    prepare("made_up", data_dir=tmp_path, overwrite=True)
    assert load_clips("made_up", tmp_path).num_frames == 5
    assert get_builder("made_up", data_dir=tmp_path).report.subjects["S1"].frames == 5


def test_files_of_an_older_schema_are_written_again(tmp_path, builder, monkeypatch):
    builder.examples = (_example(3), _example(2, take="b"))
    features = schema.clip_features(H36M_17, H36M_17)
    older = tfds.features.FeaturesDict(
        {name: features[name] for name in features if name != "fps"}
    )
    with monkeypatch.context() as patched:
        patched.setattr(schema, "clip_features", lambda *_, **__: older)
        builder.examples = tuple(
            {name: value for name, value in example.items() if name != "fps"}
            for example in builder.examples
        )
        patched.setattr(Report, "count", lambda *_: None)
        prepare("made_up", data_dir=tmp_path)
    with pytest.raises(JaxposeError, match="another version of jaxpose"):
        load_clips("made_up", tmp_path)
    builder.examples = (_example(3), _example(2, take="b"))
    prepare("made_up", data_dir=tmp_path)
    assert load_clips("made_up", tmp_path).index[0].fps == 50


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cmu", "unknown data set 'cmu'; known: synthetic, cmu_mocap"),
        ("cmu_mocap/best", "it has gt, noisy"),
    ],
)
def test_unknown_names(name, message, tmp_path):
    with pytest.raises(JaxposeError, match=message):
        load_clips(name, tmp_path)


def test_large_data_is_read_fast(tmp_path, builder):
    """200,000 frames; Human3.6M has 2.1 million."""
    arrays = _arrays(2000)
    builder.examples = tuple(_example(take=f"t{i}", **arrays) for i in range(100))
    start = time.process_time()
    prepare("made_up", data_dir=tmp_path)
    written = time.process_time()
    clips = load_clips("made_up", tmp_path)
    read = time.process_time()
    assert clips.num_frames == 200_000
    assert written - start < 15  # seconds of processor time; about 2
    assert read - written < 5  # about 0.5


def test_tfds_finds_every_data_set_and_config(tmp_path):
    for name, builder in BUILDERS.items():
        for config in builder.BUILDER_CONFIGS:
            found = tfds.builder(f"{name}/{config.name}", data_dir=str(tmp_path))
            assert (type(found), found.builder_config.name) == (builder, config.name)


def test_the_optional_readers_are_not_needed_to_import(tmp_path):
    code = (
        "import pathlib, sys;"
        "sys.modules.update(cdflib=None, h5py=None, scipy=None);"
        "import tensorflow_datasets as tfds, jaxpose.datasets.builders;"
        "from jaxpose.prepare import prepare;"
        "from tests import fabricate_custom;"
        "files, data = (pathlib.Path(sys.argv[1]) / n for n in ('files', 'data'));"
        "fabricate_custom.fabricate_folder(files, 9);"
        "prepare('custom', source=files, data_dir=data);"
        "clips = tfds.data_source('custom/h36m_17', split='train', data_dir=str(data));"
        "print(len(clips))"
    )
    root = pathlib.Path(__file__).resolve().parents[2]
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout.strip() == "5", run.stderr


def test_no_tensorflow(tmp_path):
    code = (
        "import pathlib, sys;"
        "from jaxpose.prepare import prepare;"
        "from jaxpose.datasets.prepared import load_clips;"
        "from tests.datasets.small_cmu import write_archive;"
        "d = pathlib.Path(sys.argv[1]);"
        "prepare('cmu_mocap', source=write_archive(d / 'a.zip'), data_dir=d);"
        "load_clips('cmu_mocap', d);"
        "assert 'tensorflow' not in sys.modules and 'torch' not in sys.modules;"
        "import tensorflow_datasets as tfds;"
        "tfds.data_source('cmu_mocap/gt', split='train', data_dir=str(d))[0];"
        "assert 'tensorflow' not in sys.modules; print('no TensorFlow')"
    )
    root = pathlib.Path(__file__).resolve().parents[2]
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout.strip().endswith("no TensorFlow"), run.stderr
