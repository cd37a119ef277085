"""Draws the inside of trained models: graphs, attention and features."""

import pathlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments import figures, internals
from jaxpose.body.skeletons import get_skeleton
from jaxpose.data import windows
from jaxpose.data.clips import Clips
from jaxpose.models.base import LiftingModel
from jaxpose.scoring import evaluate

# Windows that attention and features are averaged over.
SAMPLES = 64


class TrainedRun(NamedTuple):
    """A finished run on its test clips.

    Attributes:
      name: of the model, as in its config.
      model: the module.
      variables: its best weights.
      clips: the test clips.
      frames: `[M]` frames, evenly spread over those that are scored.
      predicted: `[M, J, 3]`, root-relative metres.
    """

    name: str
    model: LiftingModel
    variables: Any
    clips: Clips
    frames: np.ndarray
    predicted: np.ndarray


def draw_inside(run: TrainedRun, label: str, stem: pathlib.Path) -> None:
    """Draws what the paper of the model shows of its inside, or else its attention.

    Args:
      run: the run.
      label: name of the row.
      stem: beginning of the files' paths.
    """
    INSIDE.get(run.name, _draw_attention)(run, label, stem)


def spread(count: int, shown: int) -> np.ndarray:
    """Returns `shown` indices `[shown]`, evenly spread over 0 to `count - 1`."""
    return np.linspace(0, count - 1, shown).astype(int)


def _numbered(what: str, count: int) -> list[str]:
    """Returns `what1`, `what2`, ...: headings and joint numbers count from 1."""
    return [f"{what}{number}" for number in range(1, count + 1)]


def _windows(run: TrainedRun, rows: np.ndarray) -> jax.Array:
    """Returns the input windows `[B, T, J2, C]` of `run.frames[rows]`."""
    # Gathered as for training: edge frames repeated beyond the clip.
    table = windows.frame_table(run.clips, run.model.keypoint_features)
    keypoints, _ = windows.gather_windows(
        table,
        run.frames[rows],
        run.model.receptive_field,
        run.model.causal_shift,
    )
    return jnp.asarray(keypoints)


def _samples(run: TrainedRun) -> jax.Array:
    """Returns windows `[SAMPLES, T, J2, C]` spread over the test clips."""
    return _windows(run, spread(len(run.frames), SAMPLES))


def _draw_gast_net(run: TrainedRun, label: str, stem: pathlib.Path) -> None:
    """Draws GAST-Net's graphs and, where it has B_k, what counts for the ankle."""
    _draw_graphs(run, label, stem.with_name(f"{stem.name}_graphs.png"))
    if run.model.attention_matrix:
        _draw_influence(run, label, stem.with_name(f"{stem.name}_influence.png"))


def _draw_graphs(run: TrainedRun, label: str, path: pathlib.Path) -> None:
    """Draws GAST-Net's Figs. 5 and 8, and the mean of B_k."""
    params = run.variables["params"]
    rows: dict[str, list[np.ndarray]] = {}
    for name, found in internals.local_graphs(run.model, params).items():
        rows[f"local, {name}"] = found
    # B_k depends on the input; shown is the mean over samples, frames and heads.
    maps = internals.attention_maps(
        run.model,
        run.variables,
        _samples(run),
    )
    if maps:
        rows["global, B_k"] = [weights.mean((0, 1, 2)) for weights in maps.values()]
    # C_k is a parameter: it is the same for every input.
    if adaptive := internals.adaptive_graphs(run.model, params):
        rows["global, C_k"] = adaptive
    blocks = _numbered("block ", len(run.model.filter_widths))
    names = dict.fromkeys(rows, get_skeleton(run.model.skeleton).joints)
    figures.draw_matrices(
        rows,
        blocks,
        names,
        f"{label}: adjacency matrices",
        path,
    )


def _draw_influence(run: TrainedRun, label: str, path: pathlib.Path) -> None:
    """Draws GAST-Net's Fig. 7: B_k's row of the right ankle, in four frames."""
    skeleton = get_skeleton(run.model.skeleton)
    joint = skeleton.joints.index("right_ankle")
    # Four frames of the first clip.
    clip_of_frame = run.clips.clip_of_frame[run.frames]
    of_clip = np.flatnonzero(clip_of_frame == clip_of_frame[0])
    rows = of_clip[spread(len(of_clip), 4)]
    maps = internals.attention_maps(
        run.model,
        run.variables,
        _windows(run, rows),
    )
    # Per block, the mean over frames of the window and heads `[B, J, J]`.
    blocks = [weights.mean((1, 2)) for weights in maps.values()]
    weights = np.stack(blocks)[:, :, joint]
    frames = run.frames[rows]
    poses = evaluate.root_relative(run.clips, frames)
    title = f"{label}: B_k of the right ankle"
    figures.draw_influence(
        weights,
        run.clips.keypoints_2d[frames, :, :2],
        get_skeleton(run.clips.keypoints_skeleton),
        poses,
        skeleton,
        joint,
        title,
        path,
    )


def _draw_similarity(run: TrainedRun, label: str, stem: pathlib.Path) -> None:
    """Draws GLA-GCN's Fig. 4: three poses each of two actions.

    Eating and walking as in the paper, or the data's first two actions.
    """
    actions = [clip.action for clip in run.clips.index]
    published = ("Eating", "Walking", "eating", "walking")
    wanted = [name for name in published if name in actions]
    # Keeps the order and removes what is named twice.
    names = list(dict.fromkeys([*wanted, *actions]))[:2]
    clip_of_frame = run.clips.clip_of_frame[run.frames]
    action_of_frame = np.array(actions)[clip_of_frame]
    matrices, columns = [], []
    for name in names:
        frames = np.flatnonzero(action_of_frame == name)
        places = spread(len(frames), 3)
        shown = frames[places]
        features = internals.head_features(
            run.model,
            run.variables,
            _windows(run, shown),
        )
        # One matrix per pose, as in the paper, not a mean over poses.
        for frame, feature in zip(shown, features, strict=True):
            matrices.append(internals.cosine_similarity(feature[None]))
            columns.append(f"{name}, frame {run.frames[frame]}")
    row = "cosine similarity"
    joints = get_skeleton(run.model.skeleton).joints
    title = f"{label}: features before the last layer"
    figures.draw_matrices(
        {row: matrices},
        columns,
        {row: joints},
        title,
        stem.with_name(f"{stem.name}_similarity.png"),
    )


def _draw_attention(run: TrainedRun, label: str, stem: pathlib.Path) -> None:
    """Draws attention over joints, and over frames where the model has it.

    Means over samples and heads; nothing for a model without attention.
    """
    maps = internals.attention_maps(
        run.model,
        run.variables,
        _samples(run),
    )
    if not maps:
        return
    joints = get_skeleton(run.model.skeleton).joints
    rows: dict[str, list[np.ndarray]] = {}
    names: dict[str, Sequence[str]] = {}
    entries: Sequence[str]
    # Spatial and temporal layers have other tokens: one row of pictures for each.
    for where, weights in maps.items():
        tokens = weights.shape[-1]
        if "temporal" in where:
            row, entries = "over frames", _numbered("", tokens)
        else:
            row, entries = "over joints", joints
        flat = weights.reshape(-1, tokens, tokens)
        mean = flat.mean(0)
        # Layers of one kind have one number of tokens, and share a row.
        rows.setdefault(row, []).append(mean)
        names[row] = entries
    most = max(map(len, rows.values()))
    layers = _numbered("layer ", most)
    figures.draw_matrices(
        rows,
        layers,
        names,
        f"{label}: attention",
        stem.with_name(f"{stem.name}_attention.png"),
    )


# Pictures of the inside of models, by `config.model.name`; others show attention.
INSIDE: dict[str, Callable[[TrainedRun, str, pathlib.Path], None]] = {
    "gast_net": _draw_gast_net,
    "gla_gcn": _draw_similarity,
}
