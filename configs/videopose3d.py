"""VideoPose3D: temporal convolutions and semi-supervised training (CVPR 2019).

    python -m jaxpose.main --config=configs/videopose3d.py --workdir=runs/videopose3d

Expected MPJPE on Human3.6M, not measured here (nobody here holds the licence), in mm:
cpn243 46.8, cpn243_causal 49.0 (GAST-Net's Table 2), cpn1 51.8 (AMPose's Table 1) and
gt243 37.8 (GLA-GCN's Table 5; 37.2 in GAST-Net's Table 3) as those papers quote it;
cpn81 47.7 and cpn27 48.8 are VideoPose3D's own figures.

The model's sizes are the defaults of `jaxpose.models.videopose3d.VideoPose3D`, which
are those of T=243: five filters of width 3, and 1024 channels.

Variants:
    cpn243 (default), cpn81, cpn27, cpn9, cpn1, gt243
                    published settings
    cpn243_causal   the output is the last frame of the window
    humaneva27      HumanEva-I, 15 joints
    quickstart      synthetic motion, minutes on a laptop
    cmu             real motion capture, minutes on a laptop
    cmu_more        the same, with two archives and their split
    quick_NAME      the sizes of quickstart on data set NAME
"""

import ml_collections

from jaxpose.config import (
    CMU_MORE,
    CMU_RUN,
    QUICK_RUN,
    Variant,
    choose_variant,
    make_config,
)

CPN17 = "human36m/cpn_ft_h36m_dbb_17"

T27 = {"model.filter_widths": (3, 3, 3)}
HUMANEVA = T27 | {
    "batch_size": 128,
    "num_epochs": 1000,
    "optimizer.decay": 0.996,
    "evaluate_every": 20,
}
SMALL = T27 | {"model.channels": 256, "batch_norm_decay": False, "batch_size": 128}
QUICK = QUICK_RUN | SMALL | {"steps_per_epoch": 400}
CMU = CMU_RUN | SMALL | {"steps_per_epoch": 2000}

VARIANTS: dict[str, Variant] = {
    "cpn243": (CPN17, {}),
    "cpn81": (CPN17, {"model.filter_widths": (3, 3, 3, 3)}),
    "cpn27": (CPN17, T27),
    "cpn9": (CPN17, {"model.filter_widths": (3, 3)}),
    "cpn1": (CPN17, {"model.filter_widths": (1, 1, 1)}),
    "gt243": ("human36m/gt_17", {}),
    "cpn243_causal": (CPN17, {"model.causal": True}),
    "humaneva27": ("humaneva/gt", HUMANEVA),
    "quickstart": ("synthetic/gt", QUICK),
    "cmu": ("cmu_mocap/gt", CMU),
    "cmu_more": ("cmu_mocap/gt", CMU | CMU_MORE),
}


def get_config(variant: str = "cpn243") -> ml_collections.ConfigDict:
    """Returns the config of `variant`.

    Raises:
      JaxposeError: unknown variant.
    """
    dataset, changes = choose_variant(
        "configs/videopose3d.py", variant, VARIANTS, QUICK
    )
    config = make_config("videopose3d", dataset)
    # One target per window; whole sequences are predicted in the dilated form.
    config.model.strided = True

    config.batch_size = 1024
    config.num_epochs = 80
    config.batch_norm_decay = True
    config.optimizer.name = "amsgrad"
    config.optimizer.learning_rate = 1e-3
    config.optimizer.schedule = "exponential"
    config.optimizer.decay = 0.95

    config.update_from_flattened_dict(changes)
    return config
