"""AMPose: alternately mixed global-local attention model (ICASSP 2023; thesis, 2023).

    python -m jaxpose.main --config=configs/ampose.py --workdir=runs/ampose

Expected MPJPE on Human3.6M, the paper's figures, not measured here (nobody here holds
the licence): cpn17 49.5, cpn17_refined 48.5, gt17 33.8, cpn16 50.5, gt16 34.1 mm. The
thesis' (Table 4.9): d4w108 51.3, d4w128 51.0, d5w128 51.2, d4w256 51.0, d4w384 50.9,
d5w512 50.5, d6w512 50.8 mm. On MPI-INF-3DHP, the thesis' (Tables 4.5 and 4.4): mpi1
30.8, mpi9 28.0, mpi27 27.9 mm (PCK 98.0 each, AUC 79.1, 81.2, 81.3); mpi_cross PCK
87.0, AUC 55.2. One RTX 2080 in the thesis.
Measured on two cores of an Intel Xeon at 2.80 GHz: quickstart 41.5 mm, the mean of
three seeds, in about 2 min 30 s without set-up; cmu 83.5 mm, one seed (an earlier
version trained for 12 min 36 s).

The model's sizes are the defaults of `jaxpose.models.ampose.AMPose`: depth 5, joint
width 512 and 8 heads. Neither text states the heads, the scale of attention, the biases
of query, key and value, or the activation and norm of the graph blocks: each is a
field, and the table `ampose.assumptions` changes one at a time.

Variants:
    cpn17 (default), gt17, cpn16, gt16   Human3.6M, published recipe
    d4w108 d4w128 d5w128 d4w256 d4w384 d5w512 d6w512
                                         Table 4.9's sizes, 16 joints, CPN
    toes16                               toe direction (thesis section 4.5): 16 joints,
                                         2D with toes; ground truth, as no detector has
                                         toes
    mpi1, mpi9, mpi27                    MPI-INF-3DHP, windows of 1, 9 and 27 frames
    mpi_cross                            MPI-INF-3DHP in the joints of cpn17 and gt17,
                                         to score one: --mode=evaluate --workdir=RUN
    quickstart                           synthetic motion, minutes on a laptop
    cmu                                  real motion capture, minutes on a laptop
    cmu_more                             the same, with two archives and their split
    quick_NAME                           the sizes of quickstart on data set NAME
    cpn17_refined gt17_refined cpn16_refined gt16_refined cmu_refined
                                         second stage, with --config.lifting_workdir=DIR
                                         of the first
"""

import ml_collections

from jaxpose.config import (
    CMU_MORE,
    CMU_RUN,
    QUICK_RUN,
    SECOND_STAGE,
    Variant,
    choose_variant,
    make_config,
)

CPN17, GT17 = "human36m/cpn_ft_h36m_dbb_17", "human36m/gt_17"
CPN16, GT16 = "human36m/cpn_ft_h36m_dbb_16", "human36m/gt_16"
MPI_INF_3DHP = "mpi_inf_3dhp/univ_annot3"
JOINTS_16 = {"model.skeleton": "h36m_16"}


def _size(depth: int, width: int, heads: int = 8) -> Variant:
    """Returns the variant of a size of Table 4.9."""
    sizes = {"model.depth": depth, "model.joint_width": width, "model.heads": heads}
    return CPN16, JOINTS_16 | sizes


# On little data layer norm generalises better to unseen people than the paper's batch
# norm.
SMALL = {
    "model.heads": 4,
    "model.graph_norm": "layer",
    "batch_size": 128,
    "steps_per_epoch": 400,
}
QUICK = QUICK_RUN | SMALL | {"model.depth": 3, "model.joint_width": 64}
CMU = CMU_RUN | SMALL | {"model.depth": 4, "model.joint_width": 96}

VARIANTS: dict[str, Variant] = {
    "cpn17": (CPN17, {}),
    "gt17": (GT17, {}),
    "cpn16": (CPN16, JOINTS_16),
    "gt16": (GT16, JOINTS_16),
    "d4w108": _size(4, 108, heads=4),  # 8 heads do not divide 108
    "d4w128": _size(4, 128),
    "d5w128": _size(5, 128),
    "d4w256": _size(4, 256),
    "d4w384": _size(4, 384),
    "d5w512": _size(5, 512),
    "d6w512": _size(6, 512),
    "toes16": (
        "human36m/gt_19",
        JOINTS_16 | {"model.toe_direction": True, "dataset.skeleton": "h36m_16"},
    ),
    # Assumption: the recipe of Human3.6M. Targets in millimetres are P-STMO's.
    "mpi1": (MPI_INF_3DHP, {}),
    "mpi9": (MPI_INF_3DHP, {"model.num_frames": 9}),
    "mpi27": (MPI_INF_3DHP, {"model.num_frames": 27}),
    # Assumptions: ground-truth 2D, and joints paired by name; neither text says.
    "mpi_cross": (
        MPI_INF_3DHP,
        {
            "model.skeleton": "h36m_17",
            "dataset.skeleton": "h36m_17",
            "dataset.keypoints_skeleton": "h36m_17",
        },
    ),
    "quickstart": ("synthetic/gt", QUICK),
    "cmu": ("cmu_mocap/gt", CMU),
    "cmu_more": ("cmu_mocap/gt", CMU | CMU_MORE),
    "cpn17_refined": (CPN17, SECOND_STAGE),
    "gt17_refined": (GT17, SECOND_STAGE),
    "cpn16_refined": (CPN16, JOINTS_16 | SECOND_STAGE),
    "gt16_refined": (GT16, JOINTS_16 | SECOND_STAGE),
    "cmu_refined": ("cmu_mocap/gt", CMU | SECOND_STAGE),
}


def get_config(variant: str = "cpn17") -> ml_collections.ConfigDict:
    """Returns the config of `variant`.

    Raises:
      JaxposeError: unknown variant.
    """
    dataset, changes = choose_variant("configs/ampose.py", variant, VARIANTS, QUICK)
    config = make_config("ampose", dataset)

    # Published recipe (thesis, section 4): 60 epochs, 2.5e-5 falling by 2 % per epoch.
    config.batch_size = 128
    config.num_epochs = 60
    config.loss = "mse"
    # Assumptions: neither text names the optimiser or mentions flips.
    config.augment_flip = config.flip_average = True
    config.optimizer.name = "adam"
    config.optimizer.learning_rate = 2.5e-5
    config.optimizer.schedule = "exponential"
    config.optimizer.decay = 0.98

    config.update_from_flattened_dict(changes)
    return config
