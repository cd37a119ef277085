"""MPI-INF-3DHP as clips: `mpi_inf_3dhp/univ_annot3` (the field's protocol) and `mpi_inf_3dhp/annot3`."""

import itertools
import pathlib
from collections.abc import Iterable, Iterator
from typing import ClassVar

import tensorflow_datasets as tfds

from jaxpose.body.skeletons import MPI_INF_3DHP_17
from jaxpose.datasets.base import ClipBuilder, ClipConfig
from jaxpose.datasets.inspection import SourceInspection
from jaxpose.datasets.mpi_inf_3dhp import facts, source_files
from jaxpose.datasets.report import Finding, Report
from jaxpose.datasets.schema import Camera, clip_example
from jaxpose.errors import JaxposeError

_TAKES = [(subject, take) for subject, takes in facts.TRAIN.items() for take in takes]
_TRAIN_FILES = [
    f"{subject}/{take}/{name}"
    for subject, take in _TAKES
    for name in ("annot.mat", "camera.calibration")
]
_TEST_FILES = [f"{sequence}/annot_data.mat" for sequence in facts.TEST]
_PUBLISHED_FRAMES = {
    (subject, take): facts.TRAIN[subject][take][0] for subject, take in _TAKES
}
_PUBLISHED_FRAMES |= {
    (sequence, sequence): frames for sequence, (frames, _) in facts.TEST.items()
}


class Builder(ClipBuilder):
    """MPI-INF-3DHP with its 17 "relevant" joints and ground-truth 2D (protocol P.5).

    Training subjects are `S1` to `S8`, takes `Seq1` and `Seq2`, eight cameras each. Test
    subjects are `TS1` to `TS6`, one take and one camera each; `action` is the scene (`GS`,
    `noGS`, `Outdoor`), `activity` numbers what the person does in each frame
    (`facts.ACTIVITIES`, from 1; 0 throughout when read from P-STMO's npz, which lacks it), and
    `valid` marks the frames that are scored. The other frames are there as neighbours.

    `univ_annot3` is scaled to one body height. It does not project onto the image, so its root
    is flagged as not absolute. `annot3` is true to the camera.
    """

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS: ClassVar[list[ClipConfig]] = [
        ClipConfig(
            name="univ_annot3",
            description="3D scaled to one body height, as scored by everybody",
            skeleton=MPI_INF_3DHP_17.name,
        ),
        ClipConfig(
            name="annot3",
            description="3D at the person's own size, which projects onto the image",
            skeleton=MPI_INF_3DHP_17.name,
        ),
    ]
    DESCRIPTION = (
        "MPI-INF-3DHP: eight subjects by eight of 14 cameras in a green-screen studio, and a test "
        "set of six sequences, two each with green screen, without, and outdoors."
    )
    HOMEPAGE = "https://vcai.mpi-inf.mpg.de/3dhp-dataset/"
    SPLITS: ClassVar[dict[str, tuple[str, ...]]] = {
        "train": tuple(facts.TRAIN),
        "test": tuple(facts.TEST),
    }
    CITATION = """@inproceedings{mehta2017monocular,
  title={Monocular 3D Human Pose Estimation In The Wild Using Improved CNN Supervision},
  author={Mehta, Dushyant and Rhodin, Helge and Casas, Dan and Fua, Pascal and Sotnychenko, Oleksandr and Xu, Weipeng and Theobalt, Christian},
  booktitle={3D Vision (3DV)}, year={2017}}"""
    HOW_TO_GET = (
        "Get MPI-INF-3DHP at https://vcai.mpi-inf.mpg.de/3dhp-dataset/ under its licence (only the "
        "annotations are needed) and give as --source the folder that holds S1/Seq1/annot.mat, "
        "S1/Seq1/camera.calibration and so on to S8, and TS1/annot_data.mat to TS6, directly or one "
        f"folder further down; or the folder with P-STMO's {source_files.TRAIN_NPZ} and {source_files.TEST_NPZ} "
        "(univ_annot3 only). Either part, training or test, may be absent as a whole."
    )

    def splits(self, source: pathlib.Path, report: Report) -> dict[str, Iterable[dict]]:
        """`train` holds S1 to S8, `test` TS1 to TS6; a part of which the source has nothing is left out."""
        train, test = self._locate(source)
        parts = {
            "train": train and self._train(train),
            "test": test and self._test(test),
        }
        return {
            split: examples for split, examples in parts.items() if examples is not None
        }

    def inspect_source(self, source: pathlib.Path) -> list[Finding]:
        """Frames and valid frames against the published numbers, and every clip on its own."""
        train, test = self._locate(source)
        check = SourceInspection()
        for example in itertools.chain(
            self._train(train) if train else (), self._test(test) if test else ()
        ):
            check.add(example)
            if example["subject"] in facts.TEST:
                _check_valid(check, example)
        return check.findings(_PUBLISHED_FRAMES)

    def _locate(
        self, source: pathlib.Path
    ) -> tuple[pathlib.Path | None, pathlib.Path | None]:
        """The folder with S1 to S8 or the npz of the training part, and likewise of the test part."""
        source = source if source.is_dir() else source.parent
        folders = [source, *sorted(path for path in source.glob("*") if path.is_dir())]
        train, test = _first(folders, _TRAIN_FILES), _first(folders, _TEST_FILES)
        train_npz, test_npz = (
            _first(folders, [name])
            for name in (source_files.TRAIN_NPZ, source_files.TEST_NPZ)
        )
        npz_only = [
            npz
            for own, npz in ((train, train_npz), (test, test_npz))
            if own is None and npz
        ]
        if npz_only and self.builder_config.name != "univ_annot3":
            raise JaxposeError(
                f"{npz_only[0]}: P-STMO's files hold univ_annot3 only; prepare mpi_inf_3dhp/univ_annot3, "
                f"or give the data set's own files for {self.builder_config.name}"
            )
        train = train or (train_npz and train_npz / source_files.TRAIN_NPZ)
        test = test or (test_npz and test_npz / source_files.TEST_NPZ)
        if train is None and test is None:
            raise JaxposeError(
                f"{source} holds no file of MPI-INF-3DHP. {self.HOW_TO_GET}"
            )
        return train, test

    def _train(self, path: pathlib.Path) -> Iterator[dict]:
        for subject, take, views, cameras in _train_sequences(
            path, self.builder_config.name
        ):
            num_frames, fps = facts.TRAIN[subject][take]
            for number, view in views.items():
                yield self._example(
                    view, subject, take, take, cameras[number], fps, slice(num_frames)
                )

    def _test(self, path: pathlib.Path) -> Iterator[dict]:
        for sequence, view in _test_sequences(path, self.builder_config.name):
            camera = Camera(name="0", image_size=facts.image_size(sequence))
            action, fps = facts.SCENES[sequence], facts.TEST_FPS
            yield self._example(
                view, sequence, action, sequence, camera, fps, slice(None)
            )

    def _example(
        self,
        view: source_files.View,
        subject: str,
        action: str,
        take: str,
        camera: Camera,
        fps: float,
        frames: slice,
    ) -> dict:
        return clip_example(
            subject=subject,
            action=action,
            take=take,
            camera=camera,
            skeleton=MPI_INF_3DHP_17,
            keypoints_2d=view.keypoints_2d[frames],
            positions_3d=view.positions_3d[frames] / 1000,
            fps=fps,
            valid=view.valid[frames],
            activity=view.activity[frames],
            has_absolute_root=self.builder_config.name == "annot3",
        )


def _check_valid(check: SourceInspection, example: dict) -> None:
    sequence, found = example["subject"], int(example["valid"].sum())
    if found == facts.TEST[sequence][1]:
        check.remark(sequence, sequence, f"{found} valid frames")
    else:
        check.suspect(
            sequence,
            sequence,
            f"{found} valid frames, expected {facts.TEST[sequence][1]}",
        )


def _first(folders: list[pathlib.Path], names: list[str]) -> pathlib.Path | None:
    """The first folder that holds any of `names`."""
    return next(
        (
            folder
            for folder in folders
            if any((folder / name).is_file() for name in names)
        ),
        None,
    )


def _train_sequences(
    path: pathlib.Path, annotation: str
) -> Iterator[tuple[str, str, dict[int, source_files.View], dict[int, Camera]]]:
    """Subject, take, views and cameras of each training sequence that is there."""
    if path.is_file():
        cameras = {
            number: Camera(str(number), facts.TRAIN_IMAGE_SIZE)
            for number in facts.CAMERAS
        }
        for (subject, take), views in source_files.load_train_npz(path).items():
            yield subject, take, views, cameras
        return
    for subject, take in _TAKES:
        folder = path / subject / take
        if (folder / "annot.mat").is_file():
            cameras = source_files.load_calibration(folder / "camera.calibration")
            yield (
                subject,
                take,
                source_files.load_annot_mat(folder / "annot.mat", annotation),
                cameras,
            )


def _test_sequences(
    path: pathlib.Path, annotation: str
) -> Iterator[tuple[str, source_files.View]]:
    if path.is_file():
        yield from source_files.load_test_npz(path).items()
        return
    for sequence, name in zip(facts.TEST, _TEST_FILES, strict=True):
        if (path / name).is_file():
            yield sequence, source_files.load_annot_data(path / name, annotation)
