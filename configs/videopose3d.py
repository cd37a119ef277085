"""VideoPose3D: temporal convolutions and semi-supervised training (CVPR 2019).

    python -m jaxpose.main --config=configs/videopose3d.py --workdir=runs/videopose3d

Expected MPJPE on Human3.6M with CPN detections, figures quoted by the papers, not measured here
(nobody here holds the licence): cpn243 46.8, cpn81 47.7, cpn27 48.8, cpn1 51.8, cpn243_causal 49.0 mm.

Variants:
    cpn243 (default), cpn81, cpn27, cpn9, cpn1, gt243, cpn243_causal   published settings
    humaneva27                                                         HumanEva-I, 15 joints
    quickstart, cmu                 synthetic motion; real motion capture: minutes on a laptop
"""

import ml_collections

from configs import default

HUMAN36M = {
    "cpn243": (3,) * 5,
    "cpn81": (3,) * 4,
    "cpn27": (3,) * 3,
    "cpn9": (3,) * 2,
    "cpn1": (1,) * 3,
    "gt243": (3,) * 5,
    "cpn243_causal": (3,) * 5,
}
VARIANTS = (*HUMAN36M, "humaneva27", "quickstart", "cmu")


def get_config(variant: str = "cpn243") -> ml_collections.ConfigDict:
    """The config of `variant`.

    Raises:
      JaxposeError: unknown variant.
    """
    default.check_variant("configs/videopose3d.py", variant, VARIANTS)
    config = default.get_config()
    model = config.model
    model.name = "videopose3d"
    model.skeleton = "h36m_17"
    model.keypoints_skeleton = ""  # empty: as skeleton
    model.keypoint_features = 2  # 3 with the detector's confidence
    model.filter_widths = (3, 3, 3)
    model.channels = 1024
    model.causal = variant.endswith("causal")
    model.dense = False
    model.strided = (
        True  # one target a window; whole sequences are predicted in the dilated form
    )
    model.trajectory = False
    model.dropout_rate = 0.25

    config.batch_size = 1024
    config.num_epochs = 80
    config.batch_norm_decay = True
    config.optimizer.name = "amsgrad"
    config.optimizer.learning_rate = 1e-3
    config.optimizer.schedule = "exponential"
    config.optimizer.decay = 0.95

    if variant in HUMAN36M:
        default.use_human36m(
            config,
            "human36m/gt_17" if variant == "gt243" else "human36m/cpn_ft_h36m_dbb_17",
        )
        model.filter_widths = HUMAN36M[variant]
    elif variant == "humaneva27":
        default.use_humaneva(config, "humaneva/gt")
        model.skeleton = "humaneva_15"
        config.batch_size = 128
        config.num_epochs = 1000
        config.optimizer.decay = 0.996
        config.evaluate_every = 20
    else:
        model.channels = 256
        config.batch_norm_decay = False
        if variant == "cmu":
            default.use_cmu(config, batch_size=128, steps_per_epoch=2000)
        else:
            default.use_quickstart(config, batch_size=128, steps_per_epoch=400)
    return config
