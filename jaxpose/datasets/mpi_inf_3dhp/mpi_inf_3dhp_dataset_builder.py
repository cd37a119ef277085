"""Builds MPI-INF-3DHP for TFDS: `univ_annot3`, which the field scores, and `annot3`."""

import pathlib
from collections.abc import Iterable, Iterator
from typing import ClassVar

import tensorflow_datasets as tfds

from jaxpose.body.skeletons import MPI_INF_3DHP_17
from jaxpose.datasets.base import ClipBuilder, ClipConfig
from jaxpose.datasets.camera import Camera
from jaxpose.datasets.inspection import SourceInspection
from jaxpose.datasets.mpi_inf_3dhp import facts, source_files
from jaxpose.datasets.mpi_inf_3dhp.source_files import TEST_NPZ, TRAIN_NPZ
from jaxpose.datasets.report import Finding, Report
from jaxpose.datasets.schema import clip_example
from jaxpose.errors import JaxposeError

# One file per part tells a folder of the data set's own files.
_TAKES: list[tuple[str, str]] = []
for _subject, _takes in facts.TRAIN.items():
    _TAKES.extend((_subject, take) for take in _takes)
_TRAIN_FILES = []
for _subject, _take in _TAKES:
    _TRAIN_FILES.append(f"{_subject}/{_take}/annot.mat")
    _TRAIN_FILES.append(f"{_subject}/{_take}/camera.calibration")
_TEST_FILES = [f"{sequence}/annot_data.mat" for sequence in facts.TEST]


class Builder(ClipBuilder):
    """MPI-INF-3DHP with its 17 "relevant" joints and ground-truth 2D (protocol P.5).

    Training subjects are `S1` to `S8`, takes `Seq1` and `Seq2`, eight cameras each.
    Test subjects are `TS1` to `TS6`, one take and one camera each. Their `action` is
    the scene (`GS`, `noGS`, `Outdoor`). `activity` numbers the activity of each frame
    (`facts.ACTIVITIES`); it is 0 throughout when read from P-STMO's npz, which lacks
    it. `valid` marks the frames that are scored; the other frames serve as neighbours.

    `univ_annot3` is scaled to one body height. It does not project onto the image, so
    its root is flagged as not absolute. `annot3` has the person's own size and does.
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
        "MPI-INF-3DHP: eight subjects by eight of 14 cameras in a green-screen studio, "
        "and a test set of six sequences, two each with green screen, without, and "
        "outdoors."
    )
    HOMEPAGE = "https://vcai.mpi-inf.mpg.de/3dhp-dataset/"
    SPLITS: ClassVar[dict[str, tuple[str, ...]]] = {
        "train": tuple(facts.TRAIN),
        "test": tuple(facts.TEST),
    }
    CITATION = """@inproceedings{mehta2017monocular,
  title={Monocular 3D Human Pose Estimation In The Wild Using Improved CNN
         Supervision},
  author={Mehta, Dushyant and Rhodin, Helge and Casas, Dan and Fua, Pascal and
          Sotnychenko, Oleksandr and Xu, Weipeng and Theobalt, Christian},
  booktitle={3D Vision (3DV)}, year={2017}}"""
    HOW_TO_GET = (
        "Get MPI-INF-3DHP at https://vcai.mpi-inf.mpg.de/3dhp-dataset/ under its "
        "licence (only the annotations are needed) and give as --source the folder "
        "that holds S1/Seq1/annot.mat, S1/Seq1/camera.calibration and so on to S8, and "
        "TS1/annot_data.mat to TS6, directly or one folder further down; or the folder "
        f"with P-STMO's {TRAIN_NPZ} and {TEST_NPZ} (univ_annot3 only). Either part, "
        "training or test, may be absent as a whole."
    )

    def splits(self, source: pathlib.Path, report: Report) -> dict[str, Iterable[dict]]:
        """Returns `train` with S1 to S8 and `test` with TS1 to TS6, where present."""
        train, test = self._locate(source)
        examples: dict[str, Iterable[dict]] = {}
        if train is not None:
            examples["train"] = self._train(train)
        if test is not None:
            examples["test"] = self._test(test)
        return examples

    def inspect_source(self, source: pathlib.Path) -> list[Finding]:
        """Compares the frames with the published ones, and inspects every clip."""
        inspection = SourceInspection()
        train, test = self._locate(source)
        if train is not None:
            for example in self._train(train):
                inspection.add(example)
        if test is not None:
            for example in self._test(test):
                inspection.add(example)
                _inspect_valid(inspection, example)

        # The counts of the README, by subject and take. A test sequence is a subject
        # with one take of the same name.
        published = {}
        for subject, take in _TAKES:
            published[subject, take] = facts.TRAIN[subject][take][0]
        for sequence, (num_frames, _) in facts.TEST.items():
            published[sequence, sequence] = num_frames
        return inspection.findings(published)

    def _locate(
        self, source: pathlib.Path
    ) -> tuple[pathlib.Path | None, pathlib.Path | None]:
        """Returns the folder or npz of the training part, and of the test part.

        Raises:
          JaxposeError: neither is there, or only the npz, which lacks `annot3`.
        """
        # A file that was given stands for its folder; archives unpack one level down.
        source = source if source.is_dir() else source.parent
        folders = [source, *sorted(path for path in source.glob("*") if path.is_dir())]
        train = self._locate_part(folders, _TRAIN_FILES, TRAIN_NPZ)
        test = self._locate_part(folders, _TEST_FILES, TEST_NPZ)
        if train is None and test is None:
            raise JaxposeError(
                f"{source} holds no file of MPI-INF-3DHP. {self.HOW_TO_GET}"
            )
        return train, test

    def _locate_part(
        self, folders: list[pathlib.Path], own_files: list[str], npz: str
    ) -> pathlib.Path | None:
        """Returns the first folder with one of `own_files`, else the first npz."""
        # The data set's own files win: they hold both annotations and the activities.
        own = _first_with_any(folders, own_files)
        if own is not None:
            return own
        folder = _first_with_any(folders, [npz])
        if folder is None:
            return None
        if self.builder_config.name != "univ_annot3":
            raise JaxposeError(
                f"{folder}: P-STMO's files hold univ_annot3 only; prepare "
                "mpi_inf_3dhp/univ_annot3, or give the data set's own files for "
                f"{self.builder_config.name}"
            )
        return folder / npz

    def _train(self, path: pathlib.Path) -> Iterator[dict]:
        """Yields the clips of the training sequences in an npz, or below a folder."""
        annotation = self.builder_config.name
        for subject, take, views, cameras in _train_sequences(path, annotation):
            # Frames beyond the usable ones may hold any numbers.
            num_frames, fps = facts.TRAIN[subject][take]
            for number, view in views.items():
                yield self._example(
                    view.first_frames(num_frames),
                    subject=subject,
                    action=take,
                    take=take,
                    camera=cameras[number],
                    fps=fps,
                )

    def _test(self, path: pathlib.Path) -> Iterator[dict]:
        """Yields the clips of the test sequences in an npz, or below a folder."""
        # Only one camera per sequence, which the data set does not number.
        for sequence, view in _test_sequences(path, self.builder_config.name):
            yield self._example(
                view,
                subject=sequence,
                action=facts.SCENES[sequence],
                take=sequence,
                camera=Camera(name="0", image_size=facts.image_size(sequence)),
                fps=facts.TEST_FPS,
            )

    def _example(
        self,
        view: source_files.View,
        *,
        subject: str,
        action: str,
        take: str,
        camera: Camera,
        fps: float,
    ) -> dict:
        """Returns one clip, its positions in metres."""
        return clip_example(
            subject=subject,
            action=action,
            take=take,
            camera=camera,
            skeleton=MPI_INF_3DHP_17,
            keypoints_2d=view.keypoints_2d,
            positions_3d=view.positions_3d / 1000,
            fps=fps,
            valid=view.valid,
            activity=view.activity,
            has_absolute_root=self.builder_config.name == "annot3",
        )


def _inspect_valid(inspection: SourceInspection, example: dict) -> None:
    """Compares the valid frames of a test sequence with the published number."""
    sequence = example["subject"]
    # The valid frames decide the scores, so their number is worth a remark always.
    found = int(example["valid"].sum())
    _, published = facts.TEST[sequence]
    if found == published:
        inspection.remark(sequence, sequence, f"{found} valid frames")
    else:
        problem = f"{found} valid frames, expected {published}"
        inspection.suspect(sequence, sequence, problem)


def _first_with_any(
    folders: list[pathlib.Path], names: list[str]
) -> pathlib.Path | None:
    """Returns the first folder that holds any of `names`."""
    for folder in folders:
        if any((folder / name).is_file() for name in names):
            return folder
    return None


def _train_sequences(
    path: pathlib.Path, annotation: str
) -> Iterator[tuple[str, str, dict[int, source_files.View], dict[int, Camera]]]:
    """Yields subject, take, views and cameras of each training sequence there is."""
    # The npz holds no calibration, only camera numbers.
    if path.is_file():
        cameras = {}
        for number in facts.CAMERAS:
            cameras[number] = Camera(str(number), facts.TRAIN_IMAGE_SIZE)
        for (subject, take), views in source_files.load_train_npz(path).items():
            yield subject, take, views, cameras
        return
    for subject, take in _TAKES:
        annot = path / subject / take / "annot.mat"
        if annot.is_file():
            cameras = source_files.load_calibration(annot.parent / "camera.calibration")
            views = source_files.load_annot_mat(annot, annotation)
            yield subject, take, views, cameras


def _test_sequences(
    path: pathlib.Path, annotation: str
) -> Iterator[tuple[str, source_files.View]]:
    """Yields name and view of each test sequence there is."""
    if path.is_file():
        yield from source_files.load_test_npz(path).items()
        return
    for sequence, name in zip(facts.TEST, _TEST_FILES, strict=True):
        if (path / name).is_file():
            yield sequence, source_files.load_annot_data(path / name, annotation)
