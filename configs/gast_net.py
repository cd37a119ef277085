"""GAST-Net: graph attention spatio-temporal convolutional network (ICRA 2021).

    python -m jaxpose.main --config=configs/gast_net.py --workdir=runs/gast_net

Expected MPJPE on Human3.6M, the paper's figures (Tables 1, 2, 3 and 5), not measured
here (nobody here holds the licence), in mm: cpn9 49.0, cpn27 46.2, cpn81 45.7, cpn243
44.9, cpn27_causal 47.1, cpn243_causal 47.7, gt81 32.5, sh81 51.9. P-MPJPE on HumanEva-I
21.2 (Table 4), of detections; humaneva27 has ground-truth 2D.

The model's sizes are the defaults of `jaxpose.models.gast_net.GASTNet`, which are those
of T=27: three filters of width 3, and 128 channels.

Variants:
    cpn27 (default), cpn9, cpn81, cpn243   published settings
    cpn27_causal, cpn243_causal            the output is the last frame of the window
    gt81                                   ground-truth 2D (Table 3)
    sh81                                   stacked hourglass, 16 joints (Table 3)
    toes27                                 19 joints, the repository's model
    humaneva27                             HumanEva-I, 15 joints
    quickstart                             synthetic motion, minutes on a laptop
    cmu, cmu_causal                        real motion capture, minutes on a laptop
    cmu_more, cmu_more_causal              the same, with two archives and their split
    quick_NAME                             the sizes of quickstart on data set NAME
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

# Sizes by receptive field (Fig. 4), and every fifth frame: 10 of 50 per second. At
# T=243 the paper keeps them all.
T27 = {"dataset.frame_stride": 5}
T9 = T27 | {"model.filter_widths": (3, 3)}
T81 = T27 | {"model.filter_widths": (3, 3, 3, 3), "model.channels": 64}
T243 = {"model.filter_widths": (3, 3, 3, 3, 3), "model.channels": 32}
CAUSAL = {"model.causal": True}

HUMANEVA = {
    "model.dropout_rate": 0.5,
    "batch_size": 32,
    "num_epochs": 200,
    "optimizer.decay": 0.98,
    "evaluate_every": 10,
}
SMALL = {"model.channels": 32, "batch_size": 64}
QUICK = QUICK_RUN | SMALL | {"steps_per_epoch": 200}
CMU = CMU_RUN | SMALL | {"steps_per_epoch": 440}

VARIANTS: dict[str, Variant] = {
    "cpn27": (CPN17, T27),
    "cpn9": (CPN17, T9),
    "cpn81": (CPN17, T81),
    "cpn243": (CPN17, T243),
    "cpn27_causal": (CPN17, T27 | CAUSAL),
    "cpn243_causal": (CPN17, T243 | CAUSAL),
    "gt81": ("human36m/gt_17", T81),
    "sh81": ("human36m/sh_ft_h36m_16", T81 | {"model.skeleton": "h36m_16"}),
    "toes27": ("human36m/gt_19", T27 | {"model.skeleton": "h36m_19"}),
    "humaneva27": ("humaneva/gt", HUMANEVA),
    "quickstart": ("synthetic/gt", QUICK),
    "cmu": ("cmu_mocap/gt", CMU),
    "cmu_causal": ("cmu_mocap/gt", CMU | CAUSAL),
    "cmu_more": ("cmu_mocap/gt", CMU | CMU_MORE),
    "cmu_more_causal": ("cmu_mocap/gt", CMU | CMU_MORE | CAUSAL),
}


def get_config(variant: str = "cpn27") -> ml_collections.ConfigDict:
    """Returns the config of `variant`.

    Raises:
      JaxposeError: unknown variant.
    """
    dataset, changes = choose_variant("configs/gast_net.py", variant, VARIANTS, QUICK)
    config = make_config("gast_net", dataset)
    # One target per window; whole sequences are predicted in the dilated form.
    config.model.strided = True

    config.batch_size = 128
    config.num_epochs = 60
    config.optimizer.name = "amsgrad"
    config.optimizer.learning_rate = 1e-3
    config.optimizer.schedule = "exponential"
    config.optimizer.decay = 0.95

    config.update_from_flattened_dict(changes)
    return config
