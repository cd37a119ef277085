"""CrossFormer: cross spatio-temporal transformer for 3D human pose estimation.

    python -m jaxpose.main --config=configs/crossformer.py --workdir=runs/crossformer

Expected MPJPE on Human3.6M, the paper's figures, not measured here (nobody here holds the
licence): cpn81 43.7, cpn27 46.5, cpn9 48.5, gt81 28.3 mm. Two A100 in the paper.

Variants:
    cpn81 (default), cpn27, cpn9, gt81   the model of the paper's complexity table
    released_cpn81, released_gt81        the released code, its recipe and its checkpoints
    mpi9                                 MPI-INF-3DHP
    quickstart, cmu                      synthetic motion; real motion capture: minutes on a laptop
"""

import ml_collections

from configs import default

HUMAN36M = {
    "cpn81": ("cpn_ft_h36m_dbb_17", 81),
    "cpn27": ("cpn_ft_h36m_dbb_17", 27),
    "cpn9": ("cpn_ft_h36m_dbb_17", 9),
    "gt81": ("gt_17", 81),
    "released_cpn81": ("cpn_ft_h36m_dbb_17", 81),
    "released_gt81": ("gt_17", 81),
}
VARIANTS = (*HUMAN36M, "mpi9", "quickstart", "cmu")


def get_config(variant: str = "cpn81") -> ml_collections.ConfigDict:
    """The config of `variant`.

    Raises:
      JaxposeError: unknown variant.
    """
    default.check_variant("configs/crossformer.py", variant, VARIANTS)
    config = default.get_config()
    model = config.model
    model.name = "crossformer"
    model.skeleton = "h36m_17"
    model.keypoint_features = 2  # 3 with the detector's confidence
    model.num_frames = 81
    model.joint_width = 32
    model.depth = 4
    model.heads = 8
    model.mlp_ratio = 2.0
    model.qkv_bias = True
    model.cross_joint = True
    model.cross_frame = "gated"
    model.frame_groups = 1
    model.zeroed_frames = ()
    model.spatial_positions = True
    model.temporal_positions = True
    model.dropout_rate = 0.0
    model.rematerialise = False
    model.drop_path_rate = 0.1

    # The paper's recipe.
    config.batch_size = 512
    config.num_epochs = 100
    config.optimizer.name = "adam"
    config.optimizer.learning_rate = 1e-4
    config.optimizer.schedule = "exponential"
    config.optimizer.decay = 0.99

    if variant in HUMAN36M:
        dataset, model.num_frames = HUMAN36M[variant]
        default.use_human36m(config, f"human36m/{dataset}")
        if variant.startswith("released"):
            model.mlp_ratio = 4.0
            model.qkv_bias = False
            model.frame_groups = 3
            model.zeroed_frames = (10, 16)
            config.num_epochs = 200
            config.optimizer.name = "adamw"
            config.optimizer.weight_decay = 0.1
            config.optimizer.learning_rate = (
                4e-4 if variant == "released_gt81" else 4e-5
            )
    elif variant == "mpi9":
        default.use_mpi_inf_3dhp(config)
        model.skeleton = "mpi_inf_3dhp_17"
        model.num_frames = 9
    else:
        model.num_frames = 9
        model.joint_width = 16
        model.depth = 3
        if variant == "cmu":
            default.use_cmu(config, batch_size=64, steps_per_epoch=220)
        else:
            default.use_quickstart(config, batch_size=64, steps_per_epoch=100)
    return config
