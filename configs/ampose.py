"""AMPose: alternately mixed global-local attention model (ICASSP 2023; thesis, 2023).

    python -m jaxpose.main --config=configs/ampose.py --workdir=runs/ampose

Expected MPJPE on Human3.6M, the paper's figures, not measured here (nobody here holds the
licence): cpn17 49.5, gt17 33.8, cpn16 50.5, gt16 34.1 mm. On MPI-INF-3DHP, the thesis': mpi1 30.8,
mpi9 28.0, mpi27 27.9 mm (PCK 98.0 each, AUC 79.1, 81.2, 81.3); mpi_cross PCK 87.0, AUC 55.2. One
RTX 2080 in the paper.
Measured on two cores of an Intel Xeon at 2.80 GHz: quickstart 40.4 mm after 2 min 44 s of
training, cmu 84.8 mm after 12 min 36 s.

Variants:
    cpn17 (default), gt17, cpn16, gt16   Human3.6M, published recipe
    d4w108 d4w128 d5w128 d4w256 d4w384 d5w512 d6w512
                                         Table 4.9's sizes, 16 joints, CPN
    toes16                               toe direction (thesis section 4.5): 16 joints, their 2D with
                                         toes; ground truth, as no detection file has toes
    mpi1, mpi9, mpi27                    MPI-INF-3DHP, windows of 1, 9 and 27 frames
    mpi_cross                            MPI-INF-3DHP in the joints of cpn17 and gt17, to score such a
                                         run: --mode=evaluate --workdir=RUN
    quickstart                           synthetic motion, minutes on a laptop
    cmu                                  real motion capture, minutes on a laptop
    cpn17_refined gt17_refined cpn16_refined gt16_refined cmu_refined
                                         second stage, with --config.lifting_workdir=DIR of the first
"""

import ml_collections

from configs import default

SIZES = {
    f"d{depth}w{width}": (depth, width)
    for depth, width in (
        (4, 108),
        (4, 128),
        (5, 128),
        (4, 256),
        (4, 384),
        (5, 512),
        (6, 512),
    )
}
SOURCES = {"cpn": "cpn_ft_h36m_dbb", "gt": "gt"}
MPI_INF_3DHP = {"mpi1": 1, "mpi9": 9, "mpi27": 27}  # frames
HUMAN36M = ("cpn17", "gt17", "cpn16", "gt16")
REFINED = tuple(f"{variant}_refined" for variant in (*HUMAN36M, "cmu"))
VARIANTS = (
    *HUMAN36M,
    *SIZES,
    "toes16",
    *MPI_INF_3DHP,
    "mpi_cross",
    "quickstart",
    "cmu",
    *REFINED,
)


def get_config(variant: str = "cpn17") -> ml_collections.ConfigDict:
    """The config of `variant`.

    Raises:
      JaxposeError: unknown variant.
    """
    default.check_variant("configs/ampose.py", variant, VARIANTS)
    config = default.get_config()
    model = config.model
    model.name = "ampose"
    model.skeleton = "h36m_17"
    model.keypoint_features = 2  # 3 with the detector's confidence
    model.num_frames = 1
    model.depth = 5
    model.width = 512
    model.heads = 8  # not in the paper
    model.block = "plain_residual"
    model.order = "encoder_first"
    model.groups = "self_closer_farther"
    model.normalisation = "clamped"  # of the adjacency
    model.activation = "relu"  # of the graph block; the perceptrons have GELU
    model.graph_norm = "batch"
    model.dropout_rate = 0.0
    model.rematerialise = False
    model.toe_direction = False

    # Published recipe (thesis, section 4): Adam, 2.5e-5 falling by 2 % an epoch, 60 epochs.
    config.batch_size = 128
    config.num_epochs = 60
    config.loss = "mse"
    config.optimizer.name = "adam"  # not in the paper
    config.optimizer.learning_rate = 2.5e-5
    config.optimizer.schedule = "exponential"
    config.optimizer.decay = 0.98

    refined = variant in REFINED
    variant = variant.removesuffix("_refined")
    if variant in SIZES:
        model.depth, model.width = SIZES[variant]
        model.heads = 4 if model.width == 108 else 8  # 8 does not divide 108
        variant = "cpn16"
    if variant in MPI_INF_3DHP:
        model.skeleton = "mpi_inf_3dhp_17"
        model.num_frames = MPI_INF_3DHP[variant]
        default.use_mpi_inf_3dhp(config)
    elif variant == "mpi_cross":
        default.use_mpi_inf_3dhp(config, skeleton="h36m_17")
    elif variant == "toes16":
        model.skeleton = "h36m_16"
        model.toe_direction = True
        default.use_human36m(config, "human36m/gt_19")
        config.dataset.skeleton = "h36m_16"
    elif variant[:-2] in SOURCES:
        joints = variant[-2:]
        model.skeleton = f"h36m_{joints}"
        default.use_human36m(config, f"human36m/{SOURCES[variant[:-2]]}_{joints}")
    else:
        model.heads = 4
        model.graph_norm = "layer"  # generalises better to unseen people on small data
        if variant == "cmu":
            model.depth, model.width = 4, 96
            default.use_cmu(config, batch_size=128, steps_per_epoch=400)
        else:
            model.depth, model.width = 3, 64
            default.use_quickstart(config, batch_size=128, steps_per_epoch=400)
    if refined:
        default.use_refinement(config)
    return config
