"""Shrinks a config to toy size on the synthetic data, to see whether tables run."""

import ml_collections

# Joint sets that the synthetic body can be converted to.
CONVERTIBLE = ("h36m_16", "mpi_inf_3dhp_17")
FRAME_STRIDE = 25  # ten frames of each five-second clip
# Largest sizes of a toy, whatever model has the field.
SIZES = {
    "channels": 8,
    "joint_width": 4,
    "heads": 2,
    "depth": 2,
    "sequence_layers": 1,
    "num_frames": 9,
    "stage_two_epoch": 1,  # both stages of GLA-GCN run
}
NUM_FILTERS = 2


def shrink(config: ml_collections.ConfigDict) -> None:
    """Makes `config` small in place: few updates, narrow, shallow, at most nine frames.

    Designs stay (orders, heads, graphs, switches), so toy rows differ where rows do.
    Joints that the synthetic body has no conversion to do not: HumanEva's, COCO's and
    the toes.
    """
    dataset, model = config.dataset, config.model
    dataset.name = "synthetic/gt"
    dataset.train_subjects, dataset.validation_subjects = ("train_0",), ()
    dataset.test_subjects = ("test_0",)
    dataset.frame_stride = FRAME_STRIDE
    dataset.actions = dataset.skeleton = dataset.keypoints_skeleton = None
    if model.skeleton in CONVERTIBLE:
        dataset.skeleton = dataset.keypoints_skeleton = model.skeleton
    else:
        model.skeleton = "h36m_17"

    # Two epochs of two updates.
    config.batch_size, config.eval_batch_size = 16, 256
    config.num_epochs = config.steps_per_epoch = config.steps_per_dispatch = 2
    config.evaluate_every = 2
    config.optimizer.warmup_steps = min(config.optimizer.warmup_steps, 2)

    # Models name their sizes alike, so no model needs a case of its own.
    for field, size in SIZES.items():
        if field in model:
            model[field] = min(model[field], size)
    if "filter_widths" in model:
        model.filter_widths = model.filter_widths[:NUM_FILTERS]
    if "keypoints_skeleton" in model:
        model.keypoints_skeleton = None
    if "toe_direction" in model:
        model.toe_direction = False
