"""PoseFormer: 3D pose estimation with spatial and temporal transformers (ICCV 2021).

    python -m jaxpose.main --config=configs/poseformer.py --workdir=runs/poseformer

Expected MPJPE on Human3.6M, as CrossFormer's Tables 1, 2 and 4 quote it, not measured
here (nobody here holds the licence), in mm: cpn27 47.0, cpn9 49.9, cpn81 45.7 without
pre-training, gt81 31.3. On MPI-INF-3DHP (its Table 3): mpi9 77.1.

The model's sizes are the defaults of `jaxpose.models.poseformer.PoseFormer`: 81 frames,
joint width 32, depth 4 and 8 heads.

Variants:
    cpn81 (default), cpn27, cpn9, gt81   published settings
    mpi9                                 MPI-INF-3DHP
    quickstart                           synthetic motion, minutes on a laptop
    cmu                                  real motion capture, minutes on a laptop
    cmu_more                             the same, with two archives and their split
    quick_NAME                           the sizes of quickstart on data set NAME
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

SMALL = {
    "model.num_frames": 9,
    "model.joint_width": 16,
    "model.depth": 3,
    "batch_size": 64,
}
QUICK = QUICK_RUN | SMALL | {"steps_per_epoch": 120}
CMU = CMU_RUN | SMALL | {"steps_per_epoch": 240}

VARIANTS: dict[str, Variant] = {
    "cpn81": (CPN17, {}),
    "cpn27": (CPN17, {"model.num_frames": 27}),
    "cpn9": (CPN17, {"model.num_frames": 9}),
    "gt81": ("human36m/gt_17", {"optimizer.learning_rate": 4e-4}),
    # Assumption: the released program's default, as no command is published.
    "mpi9": (
        "mpi_inf_3dhp/univ_annot3",
        {"model.num_frames": 9, "optimizer.learning_rate": 1e-4},
    ),
    "quickstart": ("synthetic/gt", QUICK),
    "cmu": ("cmu_mocap/gt", CMU),
    "cmu_more": ("cmu_mocap/gt", CMU | CMU_MORE),
}


def get_config(variant: str = "cpn81") -> ml_collections.ConfigDict:
    """Returns the config of `variant`.

    Raises:
      JaxposeError: unknown variant.
    """
    dataset, changes = choose_variant("configs/poseformer.py", variant, VARIANTS, QUICK)
    config = make_config("poseformer", dataset)

    config.batch_size = 512
    config.num_epochs = 200
    config.optimizer.name = "adamw"
    config.optimizer.weight_decay = 0.1
    config.optimizer.learning_rate = 4e-5
    config.optimizer.schedule = "exponential"
    config.optimizer.decay = 0.99

    config.update_from_flattened_dict(changes)
    return config
