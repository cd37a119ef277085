"""3D poses of recordings by a trained model, whether or not they have a truth.

python -m jaxpose.main --mode=predict --config=configs/ampose.py:cmu --workdir=runs/cmu \
  --config.dataset.name=custom/h36m_17 --config.dataset.test_subjects="()"
"""

import dataclasses
import pathlib
import urllib.parse

import ml_collections
import numpy as np
from tqdm import tqdm

from jaxpose import hosts, pictures, runs, sharding, train, workdirs
from jaxpose.clips import Clip, select_subjects
from jaxpose.datasets import get_builder
from jaxpose.errors import JaxposeError
from jaxpose.models import build_model
from jaxpose.sequences import Predictor
from jaxpose.splits import check_skeletons, load_clips_of


def predict_workdir(config: ml_collections.ConfigDict, workdir: str) -> list[pathlib.Path]:
    """Lifts the recordings of the config's test subjects (all where it names none).

    Every recording becomes `<workdir>/predictions_<data set>/<subject>/<take>/<camera>.npz` and a GIF
    of its first seconds beside it. The file holds

        positions_3d   [F, J, 3] float32, camera frame (x right, y down, z forward), root-relative
        unit           "metre"; "half image width" of a model trained in image space
        skeleton       name of their joint order
        valid          [F] bool: False where the data set marks the frame, its keypoints filled in
        fps            frames per second
        dataset, subject, action, take, camera   names
        step           updates of the checkpoint

    Returns:
      The npz files, in the order of the data set.

    Raises:
      JaxposeError: no checkpoint, the model differs from the one trained, or the data has other joints.
    """
    train.set_precision(config)
    train.check_fields(config)
    mesh = sharding.make_mesh()
    config, trained = runs.with_unit_of_run(config, workdir)
    directory = workdirs.open_workdir(workdir)
    model = build_model(config)
    clips = load_clips_of(config.dataset)
    if config.dataset.test_subjects:
        try:
            clips = select_subjects(clips, config.dataset.test_subjects)
        except JaxposeError as error:  # the subjects of the run's own data, most likely
            raise JaxposeError(f'{error}. --config.dataset.test_subjects="()" predicts all') from error
    check_skeletons(model, clips)
    if config.refinement:
        runs.check_refinable(clips)
    best = runs.load_best(config, trained, workdir, mesh)
    predictor = Predictor(
        model,
        clips,
        target_scale=config.target_scale,
        flip_average=config.flip_average,
        batch_size=config.eval_batch_size,
        mesh=mesh,
    )
    in_image_space = get_builder(trained.dataset.name).builder_config.image_space
    if in_image_space != (clips.metres_per_unit is not None):  # no truth in the unit of the predictions
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
    poses, paths = [], []
    with tqdm(total=clips.num_frames, unit="pose", desc="predict", disable=not hosts.is_writer()) as progress:
        for clip in clips.clips:
            poses.append(predictor(best.variables, np.arange(clip.start, clip.end)))
            paths.append(_path(folder, clip))
            if hosts.is_writer():
                names = {name: getattr(clip, name) for name in ("subject", "action", "take", "camera")}
                valid = clips.valid[clip.start : clip.end]
                _save(paths[-1], positions_3d=poses[-1], valid=valid, fps=clip.fps, **names, **common)
            progress.update(clip.length)
    if hosts.is_writer():
        print(f"{len(paths)} recordings are in {folder}")
        for clip, predicted, path in zip(
            tqdm(clips.clips, desc="draw", unit="GIF"), poses, paths, strict=True
        ):
            frames = np.arange(clip.start, clip.end)
            pictures.animate_clip(clips, frames, predicted, path.with_suffix(".gif"))
    return paths


def _path(folder: pathlib.Path, clip: Clip) -> pathlib.Path:
    """One path a recording, whatever characters its names have."""
    subject, take, camera = (
        # "." and ".." are folders of their own.
        urllib.parse.quote(name, safe=" ()[],+=@") if name.strip(".") else name.replace(".", "%2E")
        for name in (clip.subject, clip.take, clip.camera)
    )
    return folder / subject / take / f"{camera}.npz"


def _save(path: pathlib.Path, **arrays: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_stem(path.stem + ".partial")
    np.savez_compressed(partial, **arrays)
    partial.replace(path)
