"""GLA-GCN: global-local adaptive graph convolutional network (ICCV 2023).

    python -m jaxpose.main --config=configs/gla_gcn.py --workdir=runs/gla_gcn

Expected MPJPE on Human3.6M at T=243, the paper's figures, not measured here (nobody here holds
the licence): released243 28.5, gt243 24.5, gt243_c512 21.0 mm (Tables 1 and 5). For cpn243 none is printed:
44.4 with CPN is of the released model, as is Table 1's row here. Two RTX 3090, 48 hours in the paper.

Variants:
    cpn243 (default), gt243, gt81, gt27, cpn27    the paper's model: sequence branch, layers per joint
    gt243_c512                                    the same at width 512 (Table 1, marked *)
    released243, released81, released27           the released model: no sequence branch, one shared layer
    humaneva27_gt, humaneva27_mrcnn               HumanEva-I, 15 joints; detections come as COCO-17
    mpi27, mpi81                                  MPI-INF-3DHP, trained in millimetres
    cpn243_refined, gt243_refined, gt243_c512_refined
                                                  second stage, with --config.lifting_workdir=DIR of the first
    quickstart, cmu                               synthetic motion; real motion capture: minutes on a laptop
"""

import ml_collections

from configs import default

HUMAN36M = {
    "cpn243": ("cpn_ft_h36m_dbb_17", 5),
    "gt243": ("gt_17", 5),
    "gt81": ("gt_17", 4),
    "gt27": ("gt_17", 3),
    "cpn27": ("cpn_ft_h36m_dbb_17", 3),
    "gt243_c512": ("gt_17", 5),
    "released243": ("gt_17", 5),
    "released81": ("gt_17", 4),
    "released27": ("gt_17", 3),
}
HUMANEVA = {"humaneva27_gt": "gt", "humaneva27_mrcnn": "detectron_pt_coco"}
MPI_INF_3DHP = {"mpi27": 3, "mpi81": 4}
REFINED = tuple(f"{variant}_refined" for variant in ("cpn243", "gt243", "gt243_c512"))
VARIANTS = (*HUMAN36M, *HUMANEVA, *MPI_INF_3DHP, "quickstart", "cmu", *REFINED)


def get_config(variant: str = "cpn243") -> ml_collections.ConfigDict:
    """The config of `variant`.

    Raises:
      JaxposeError: unknown variant.
    """
    default.check_variant("configs/gla_gcn.py", variant, VARIANTS)
    config = default.get_config()
    model = config.model
    model.name = "gla_gcn"
    model.skeleton = "h36m_17"
    model.keypoints_skeleton = ""  # empty: as skeleton
    model.keypoint_features = 2  # 3 with the detector's confidence
    model.graph = ""  # empty: the links of skeleton
    model.filter_widths = (3, 3, 3)
    model.channels = 96
    model.input_norm = True
    model.sequence_layers = 3
    model.sequence_dropout_rate = 0.1
    model.sequence_head_residual = True
    model.head = "individual"
    model.head_blend = 1.0  # lambda; not stated in the paper
    model.adaptive = True
    model.strided = True
    model.swap_input = False
    model.dropout_rate = 0.1
    model.rematerialise = False
    model.graph_dropout_rate = 0.1

    # Released recipe for Human3.6M.
    config.batch_size = 512
    config.num_epochs = 80
    config.stage_two_epoch = 40  # the paper does not state when the second stage begins
    config.batch_norm_decay = True
    config.augment_target = True
    config.optimizer.name = "ranger"
    config.optimizer.learning_rate = 0.01
    config.optimizer.schedule = "cosine"
    config.optimizer.final_learning_rate = 1e-5

    refined = variant in REFINED
    variant = variant.removesuffix("_refined")
    if variant in HUMAN36M:
        dataset, modules = HUMAN36M[variant]
        default.use_human36m(config, f"human36m/{dataset}")
        model.filter_widths = (3,) * modules
        if variant == "gt243_c512":
            model.channels = 512
        if variant.startswith("released"):
            model.sequence_layers = 0
            model.head = "shared"
    elif variant in HUMANEVA:
        default.use_humaneva(config, f"humaneva/{HUMANEVA[variant]}")
        model.skeleton = "humaneva_15"
        model.keypoints_skeleton = "coco_17" if variant == "humaneva27_mrcnn" else ""
        config.batch_size = 1024
        config.num_epochs = 1000
        config.stage_two_epoch = 500
        config.evaluate_every = 20
    elif variant in MPI_INF_3DHP:
        default.use_mpi_inf_3dhp(config)
        model.skeleton = "mpi_inf_3dhp_17"
        model.graph = (
            "h36m_17"  # the released experiments use it on the other joint order
        )
        model.filter_widths = (3,) * MPI_INF_3DHP[variant]
        model.channels = 256
        config.batch_size = 256
        config.num_epochs = 50
        config.stage_two_epoch = 50  # sequence and centre throughout
        config.batch_norm_decay = False
        config.augment_target = False
        config.optimizer.name = "amsgrad"
        config.optimizer.learning_rate = 1e-3
        config.optimizer.schedule = "halving"
        config.optimizer.decay = 0.95
    else:
        model.channels = 32
        model.sequence_layers = 2
        config.batch_norm_decay = False
        config.augment_target = False
        if variant == "cmu":
            default.use_cmu(config, batch_size=64, steps_per_epoch=120)
        else:
            default.use_quickstart(config, batch_size=64, steps_per_epoch=60)
        config.stage_two_epoch = config.num_epochs // 2
    if refined:
        default.use_refinement(config)
        config.stage_two_epoch = 0  # the loss is on the refined pose alone
    return config
