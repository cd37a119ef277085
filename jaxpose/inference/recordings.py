"""3D poses of recordings by a trained model, whether or not they have a truth.

python -m jaxpose.main --mode=predict --config=configs/ampose.py:cmu --workdir=runs/cmu \
  --config.dataset.name=custom/h36m_17 --config.dataset.test_subjects="()"
"""

import dataclasses
import pathlib
import re
from typing import Any

import ml_collections
import numpy as np
from tqdm import tqdm

from jaxpose.data.clips import Clip, select_subjects
from jaxpose.data.splits import check_skeletons, load_clips_of
from jaxpose.datasets import get_builder
from jaxpose.errors import JaxposeError
from jaxpose.inference.predictor import Predictor
from jaxpose.models import build_model
from jaxpose.parallel import hosts, sharding
from jaxpose.scoring import pictures
from jaxpose.training import loop, runs, workdirs


def predict_workdir(
    config: ml_collections.ConfigDict, workdir: str
) -> list[pathlib.Path]:
    """Lifts the recordings of the config's test subjects (all where it names none).

    Every recording becomes `<workdir>/predictions_<data set>/<subject>/<take>/<camera>.npz` and a GIF
    of its first seconds beside it. The file holds

        positions_3d   [F, J, 3] float32, camera frame (x right, y down, z forward), root-relative
        unit           "metre"; "half image width" of a model trained in image space
        skeleton       name of their joint order
        valid          [F] bool: False where the data set marks the frame, its keypoints filled in
        frames         [F] int: their numbers in the recording, every config.dataset.frame_stride-th
        fps            of these frames
        dataset, subject, action, take, camera   names
        step           updates of the checkpoint

    Returns:
      The npz files, in the order of the data set.

    Raises:
      JaxposeError: no checkpoint, the model differs from the one trained, or the data has other joints.
    """
    loop.set_precision(config)
    loop.check_fields(config)
    mesh = sharding.make_mesh()
    config, trained = runs.with_unit_of_run(config, workdir)
    directory = workdirs.open_workdir(workdir)
    model = build_model(config)
    clips = load_clips_of(config.dataset)
    if config.dataset.test_subjects:
        try:
            clips = select_subjects(clips, config.dataset.test_subjects)
        except JaxposeError as error:  # the subjects of the run's own data, most likely
            raise JaxposeError(
                f'{error}. --config.dataset.test_subjects="()" predicts all'
            ) from error
    check_skeletons(model, clips)
    if config.refinement:
        runs.check_refinable(clips)
    best = runs.load_best(config, trained, workdir, mesh)
    predictor = Predictor(
        model,
        clips,
        flip_average=config.flip_average,
        batch_size=config.eval_batch_size,
        mesh=mesh,
    )
    in_image_space = get_builder(trained.dataset.name).builder_config.image_space
    if in_image_space != (
        clips.metres_per_unit is not None
    ):  # no truth in the unit of the predictions
        nothing = np.full_like(clips.positions_3d, np.nan)
        clips = dataclasses.replace(
            clips, positions_3d=nothing, metres_per_unit=None, metric_positions_3d=None
        )
    common = {
        "unit": "half image width" if in_image_space else "metre",
        "skeleton": clips.skeleton,
        "dataset": clips.dataset,
        "step": int(best.step),
    }
    folder = directory / f"predictions_{config.dataset.name.replace('/', '_')}"
    positions = _predict(predictor, best.variables, clips.num_frames)
    paths = [_path(folder, clip) for clip in clips.index]
    if hosts.is_writer():
        for clip, path in zip(clips.index, paths, strict=True):
            rows = slice(clip.start, clip.end)
            numbers = np.arange(clip.length) * config.dataset.frame_stride
            names = {
                name: getattr(clip, name)
                for name in ("subject", "action", "take", "camera")
            }
            arrays = {
                "positions_3d": positions[rows],
                "valid": clips.valid[rows],
                "frames": numbers,
            }
            _save(path, **arrays, fps=clip.fps, **names, **common)
        print(f"{len(paths)} recordings are in {folder}")
        for clip, path in zip(
            tqdm(clips.index, desc="draw", unit="GIF"), paths, strict=True
        ):
            frames = np.arange(clip.start, clip.end)
            pictures.animate_clip(
                clips, frames, positions[frames], path.with_suffix(".gif")
            )
    return paths


def _predict(predictor: Predictor, variables: Any, num_frames: int) -> np.ndarray:
    """Positions of all frames, in parts of some batches, so that there is progress to show."""
    part = 8 * predictor.chunks_per_batch * predictor.chunk_length
    positions = []
    with tqdm(
        total=num_frames, unit="pose", desc="predict", disable=not hosts.is_writer()
    ) as progress:
        for start in range(0, num_frames, part):
            positions.append(
                predictor(variables, np.arange(start, min(start + part, num_frames)))
            )
            progress.update(len(positions[-1]))
    return np.concatenate(positions)


def _path(folder: pathlib.Path, clip: Clip) -> pathlib.Path:
    """One path a recording, whatever characters its names have."""

    def escaped(name: str) -> str:
        # What separates folders or is forbidden in Windows, and the folders "." and "..".
        pattern = r'[%/\\:*?"<>|\x00-\x1f]' if name.strip(".") else r"\."
        return re.sub(pattern, lambda character: f"%{ord(character[0]):02X}", name)

    subject, take, camera = (
        escaped(name) for name in (clip.subject, clip.take, clip.camera)
    )
    return folder / subject / take / f"{camera}.npz"


def _save(path: pathlib.Path, **arrays: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_stem(path.stem + ".partial")
    np.savez_compressed(partial, **arrays)
    partial.replace(path)
