"""GAST-Net: graph attention spatio-temporal convolutional network (ICRA 2021).

    python -m jaxpose.main --config=configs/gast_net.py --workdir=runs/gast_net

Expected MPJPE on Human3.6M with CPN detections, the paper's figures, not measured here (nobody
here holds the licence): cpn27 46.2, cpn81 45.7, cpn243 44.9, cpn243_causal 47.7 mm.

Variants:
    cpn27 (default), cpn9, cpn81, cpn243      published settings
    cpn27_causal, cpn243_causal               the output is the last frame of the window
    gt81                                      ground-truth 2D (Table 3)
    sh81                                      stacked hourglass detections, 16 joints (Table 3)
    toes27                                    19 joints, the repository's model
    humaneva27                                HumanEva-I, 15 joints
    quickstart, cmu, cmu_causal               synthetic motion; real motion capture: minutes on a laptop
"""

import ml_collections

from configs import default

CHANNELS = {2: 128, 3: 128, 4: 64, 5: 32}  # by number of filters, Fig. 4
HUMAN36M = {
    "cpn27": ("cpn_ft_h36m_dbb_17", 3),
    "cpn9": ("cpn_ft_h36m_dbb_17", 2),
    "cpn81": ("cpn_ft_h36m_dbb_17", 4),
    "cpn243": ("cpn_ft_h36m_dbb_17", 5),
    "cpn27_causal": ("cpn_ft_h36m_dbb_17", 3),
    "cpn243_causal": ("cpn_ft_h36m_dbb_17", 5),
    "gt81": ("gt_17", 4),
    "sh81": ("sh_ft_h36m_16", 4),
    "toes27": ("gt_19", 3),
}
VARIANTS = (*HUMAN36M, "humaneva27", "quickstart", "cmu", "cmu_causal")


def get_config(variant: str = "cpn27") -> ml_collections.ConfigDict:
    """The config of `variant`.

    Raises:
      JaxposeError: unknown variant.
    """
    default.check_variant("configs/gast_net.py", variant, VARIANTS)
    config = default.get_config()
    model = config.model
    model.name = "gast_net"
    model.skeleton = "h36m_17"
    model.keypoint_features = 2  # 3 with the detector's confidence
    model.filter_widths = (3, 3, 3)
    model.channels = 128
    model.causal = variant.endswith("causal")
    model.dense = False
    model.strided = (
        True  # one target a window; whole sequences are predicted in the dilated form
    )
    model.symmetric_graph = True
    model.connection_graph = True
    model.attention_matrix = True
    model.adaptive_matrix = True
    model.shared_edges = False
    model.dropout_rate = 0.05
    model.rematerialise = False

    config.batch_size = 128
    config.num_epochs = 60
    config.optimizer.name = "amsgrad"
    config.optimizer.learning_rate = 1e-3
    config.optimizer.schedule = "exponential"
    config.optimizer.decay = 0.95

    if variant in HUMAN36M:
        dataset, filters = HUMAN36M[variant]
        default.use_human36m(config, f"human36m/{dataset}")
        model.filter_widths = (3,) * filters
        model.channels = CHANNELS[filters]
        model.skeleton = f"h36m_{dataset[-2:]}"
        config.dataset.frame_stride = (
            1 if filters == 5 else 5
        )  # 50 to 10 frames a second
    elif variant == "humaneva27":
        default.use_humaneva(config, "humaneva/gt")
        model.skeleton = "humaneva_15"
        model.dropout_rate = 0.5
        config.batch_size = 32
        config.num_epochs = 200
        config.optimizer.decay = 0.98
        config.evaluate_every = 10
    else:
        model.channels = 32
        if variant == "quickstart":
            default.use_quickstart(config, batch_size=64, steps_per_epoch=200)
        else:
            default.use_cmu(config, batch_size=64, steps_per_epoch=440)
    return config
