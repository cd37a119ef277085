"""A config at toy size on the synthetic data: every row of a table runs in seconds and means nothing."""

from collections.abc import Callable

import ml_collections

CONVERTIBLE = (
    "h36m_16",
    "mpi_inf_3dhp_17",
)  # joint sets that the synthetic body's become
FRAME_STRIDE = 25  # ten frames of each five-second clip


def shrink(config: ml_collections.ConfigDict) -> None:
    """Makes `config` small in place: few updates, narrow and shallow, at most nine frames.

    What tells rows apart stays (designs, orders, heads, graphs, switches), except joints that the
    synthetic body cannot be converted to: HumanEva's, COCO's, and the toes.
    """
    dataset = config.dataset
    dataset.name = "synthetic/gt"
    dataset.train_subjects, dataset.validation_subjects = ("train_0",), ()
    dataset.test_subjects = ("test_0",)
    dataset.frame_stride = FRAME_STRIDE
    dataset.actions, dataset.keypoints_skeleton = (), ""
    config.batch_size, config.eval_batch_size = 16, 256
    config.num_epochs, config.steps_per_epoch, config.steps_per_dispatch = 2, 2, 2
    config.evaluate_every = 2
    config.stage_two_epoch = min(config.stage_two_epoch, 1)
    config.optimizer.warmup_steps = min(config.optimizer.warmup_steps, 2)
    if config.model.skeleton in CONVERTIBLE:
        dataset.skeleton = dataset.keypoints_skeleton = config.model.skeleton
    else:
        dataset.skeleton, config.model.skeleton = "", "h36m_17"
    _SHRINK[config.model.name](config.model)


def _ampose(model: ml_collections.ConfigDict) -> None:
    model.width, model.heads, model.depth = 8, 2, 2
    model.toe_direction = False


def _gla_gcn(model: ml_collections.ConfigDict) -> None:
    model.channels = 8
    model.filter_widths = model.filter_widths[:2]
    model.sequence_layers = min(model.sequence_layers, 1)
    model.keypoints_skeleton = ""
    model.graph = "" if model.graph == "humaneva_15_script" else model.graph


def _transformer(model: ml_collections.ConfigDict) -> None:
    model.joint_width, model.heads, model.depth = 4, 2, 1
    model.num_frames = 9


def _gast_net(model: ml_collections.ConfigDict) -> None:
    model.channels = 4
    model.filter_widths = model.filter_widths[:2]


def _videopose3d(model: ml_collections.ConfigDict) -> None:
    model.channels = 8
    model.filter_widths = model.filter_widths[:2]
    model.keypoints_skeleton = ""


_SHRINK: dict[str, Callable[[ml_collections.ConfigDict], None]] = {
    "ampose": _ampose,
    "gla_gcn": _gla_gcn,
    "crossformer": _transformer,
    "poseformer": _transformer,
    "gast_net": _gast_net,
    "videopose3d": _videopose3d,
}
