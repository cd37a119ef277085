"""Every file format: what writes its files, its recipe, and what a run of it is."""

import dataclasses
import pathlib
from collections.abc import Callable

import ml_collections
import pytest

from configs import ampose, videopose3d
from experiments.tables import TABLES
from jaxpose.config import data_fields
from jaxpose.data.clips import select_subjects
from jaxpose.data.splits import load_clips_of
from jaxpose.scoring import evaluate
from tests import fabricate_custom
from tests.fabricate import FABRICATORS


def _human36m(source: str) -> ml_collections.ConfigDict:
    config = ampose.get_config("gt17")
    config.update_from_flattened_dict(data_fields(f"human36m/{source}_17"))
    return config


def _custom() -> ml_collections.ConfigDict:
    config = ampose.get_config("gt17")
    config.dataset.name = "custom/h36m_17"
    config.dataset.train_subjects, config.dataset.test_subjects = ("anna",), ("fred",)
    config.dataset.validation_subjects = ()
    return config


def _fabricate_custom(folder: pathlib.Path) -> None:
    FABRICATORS["custom"](folder)
    fabricate_custom.write_npz(folder / "fred" / "with_3d.npz", 40, subject="fred")


# Format: what writes its files, and the recipe.
FORMATS: dict[
    str, tuple[Callable[[pathlib.Path], None], Callable[[], ml_collections.ConfigDict]]
] = {
    "human36m_archives": (FABRICATORS["human36m_archives"], lambda: _human36m("gt")),
    "human36m": (FABRICATORS["human36m"], lambda: _human36m("gt")),
    "human36m_cpn": (FABRICATORS["human36m"], lambda: videopose3d.get_config("cpn9")),
    "human36m_toes": (FABRICATORS["human36m"], lambda: ampose.get_config("toes16")),
    "human36m_motionbert": (
        FABRICATORS["human36m_motionbert"],
        lambda: _human36m("motionbert_sh"),
    ),
    "humaneva": (FABRICATORS["humaneva"], lambda: videopose3d.get_config("humaneva27")),
    "humaneva_detections": (
        FABRICATORS["humaneva"],
        lambda: TABLES["gast_net.table4"].rows[-1].make_config(),
    ),
    "humaneva_mat": (
        FABRICATORS["humaneva_mat"],
        lambda: videopose3d.get_config("humaneva27"),
    ),
    "mpi_inf_3dhp": (FABRICATORS["mpi_inf_3dhp"], lambda: ampose.get_config("mpi9")),
    "mpi_inf_3dhp_p_stmo": (
        FABRICATORS["mpi_inf_3dhp_p_stmo"],
        lambda: ampose.get_config("mpi9"),
    ),
    "custom": (_fabricate_custom, _custom),
}


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished run."""

    source: pathlib.Path
    workdir: pathlib.Path
    config: ml_collections.ConfigDict
    results: dict


def group(name: str) -> pytest.MarkDecorator:
    """Returns the mark of the tests that share the runs of a format."""
    end = "_humaneva" if name.startswith("humaneva") else ""
    return pytest.mark.xdist_group(f"end_to_end{end}")


def small(config: ml_collections.ConfigDict) -> ml_collections.ConfigDict:
    """The recipe with a small model and few updates."""
    model = config.model
    if model.name == "ampose":
        model.depth, model.joint_width, model.heads = 1, 32, 2
        model.graph_norm = "layer"
    else:
        model.channels = 16
    if model.name == "gast_net":
        model.filter_widths = (3,)  # compiling takes almost all of the time
    config.batch_size, config.eval_batch_size = 64, 512
    config.num_epochs, config.steps_per_epoch, config.steps_per_dispatch = 2, 12, 4
    config.evaluate_every = 1
    config.optimizer.learning_rate = 3e-3
    return config


def clips_to_test(config: ml_collections.ConfigDict):
    """The test clips of a config and their scored frames."""
    clips = select_subjects(load_clips_of(config.dataset), config.dataset.test_subjects)
    return clips, evaluate.scored_frames(clips)


def numbers(tree: object) -> list[float]:
    """All numbers in nested dicts and lists."""
    if isinstance(tree, dict):
        return [number for value in tree.values() for number in numbers(value)]
    if isinstance(tree, list | tuple):
        return [number for value in tree for number in numbers(value)]
    return (
        [tree] if isinstance(tree, int | float) and not isinstance(tree, bool) else []
    )
