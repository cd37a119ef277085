"""GLA-GCN: global-local adaptive graph convolutional network (ICCV 2023).

    python -m jaxpose.main --config=configs/gla_gcn.py --workdir=runs/gla_gcn

Expected MPJPE on Human3.6M, the paper's figures (Tables 1 and 5), not measured here
(nobody here holds the licence): released_cpn243 44.4, released243 28.5, released81
31.5, released27 34.4, gt243 24.5, gt243_c512 21.0 mm. P-MPJPE: released_cpn27 37.8 on
Human3.6M (Table 6), humaneva27_mrcnn 15.4, humaneva27_gt 9.2 mm on HumanEva-I (Table
2). MPI-INF-3DHP: mpi27 31.36, mpi81 27.76 mm (Table 3). For cpn243, cpn27, gt81 and
gt27 none is printed: the paper's rows of these have the size of the released model. Two
RTX 3090 in the paper; 48 hours in the released README.

The model's sizes are the defaults of `jaxpose.models.gla_gcn.GLAGCN`, the paper's model
at T=243: five modules of stride 3, 96 channels, a sequence branch of three blocks, and
the mean of a last layer per joint and a shared one. Its weight lambda, 0.5, is an
assumption: the paper does not state it. The table `gla_gcn.lambda` compares 0, 0.5, 1.

Variants:
    cpn243 (default), gt243, gt81, gt27, cpn27
                                     the paper's model: sequence branch, last layers
                                     per joint and shared, lambda 0.5
    gt243_c512                       the same at width 512 (Table 1, marked *)
    released_cpn243, released_cpn27, released243, released81, released27
                                     the released model, also of the paper's rows
                                     without *: no sequence branch, one last layer
                                     (lambda 0); with CPN, then with ground-truth 2D
    humaneva27_gt, humaneva27_mrcnn  HumanEva-I as in the paper: the released model,
                                     walking and jogging, batches of 256; detections
                                     come as COCO-17
    released_humaneva27_gt, released_humaneva27_mrcnn
                                     HumanEva-I as in the released script: boxing too,
                                     batches of 1024, its graph of two links fewer, no
                                     batch norm of the input
    mpi27, mpi81                     MPI-INF-3DHP, trained in millimetres
    quickstart                       synthetic motion, minutes on a laptop
    cmu                              real motion capture, minutes on a laptop
    cmu_more                         the same, with two archives and their split
    quick_NAME                       the sizes of quickstart on data set NAME
    cpn243_refined, gt243_refined, gt243_c512_refined
                                     second stage, with --config.lifting_workdir=DIR of
                                     the first
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
MPI_INF_3DHP = "mpi_inf_3dhp/univ_annot3"

T27 = {"model.filter_widths": (3, 3, 3)}
T81 = {"model.filter_widths": (3, 3, 3, 3)}
WIDE = {"model.channels": 512}
# One last layer for all joints: the weight of layers per joint is 0.
RELEASED = {
    "model.sequence_layers": 0,
    "model.head": "shared",
    "model.head_blend": 0.0,
}

HUMANEVA = (
    T27
    | RELEASED
    | {
        "dataset.actions": ("Walking", "Jog"),
        "batch_size": 256,
        "num_epochs": 1000,
        "evaluate_every": 20,
    }
)
HUMANEVA_SCRIPT = HUMANEVA | {
    "dataset.actions": ("Walking", "Jog", "Box"),
    "batch_size": 1024,
    "model.graph": "humaneva_15_script",
    "model.input_norm": False,
}
COCO = {"model.keypoints_skeleton": "coco_17"}
# The released script's recipe; flips are the paper's. Assumption: lambda 0.5.
MPI = {
    # The released experiments use Human3.6M's graph on the other joint order.
    "model.graph": "h36m_17",
    "model.channels": 256,
    "batch_size": 256,
    "num_epochs": 50,
    "model.stage_two_epoch": 50,  # sequence and centre throughout
    "batch_norm_decay": False,
    "augment_target": False,
    "optimizer.name": "amsgrad",
    "optimizer.learning_rate": 1e-3,
    "optimizer.schedule": "halving",
    "optimizer.decay": 0.95,
}
SMALL = T27 | {
    "model.channels": 32,
    "model.sequence_layers": 2,
    "batch_norm_decay": False,
    "augment_target": False,
    "batch_size": 64,
}
QUICK = QUICK_RUN | SMALL | {"steps_per_epoch": 60, "model.stage_two_epoch": 2}
CMU = CMU_RUN | SMALL | {"steps_per_epoch": 120, "model.stage_two_epoch": 5}

VARIANTS: dict[str, Variant] = {
    "cpn243": (CPN17, {}),
    "gt243": (GT17, {}),
    "gt81": (GT17, T81),
    "gt27": (GT17, T27),
    "cpn27": (CPN17, T27),
    "gt243_c512": (GT17, WIDE),
    "released_cpn243": (CPN17, RELEASED),
    "released_cpn27": (CPN17, RELEASED | T27),
    "released243": (GT17, RELEASED),
    "released81": (GT17, RELEASED | T81),
    "released27": (GT17, RELEASED | T27),
    "humaneva27_gt": ("humaneva/gt", HUMANEVA),
    "humaneva27_mrcnn": ("humaneva/detectron_pt_coco", HUMANEVA | COCO),
    "released_humaneva27_gt": ("humaneva/gt", HUMANEVA_SCRIPT),
    "released_humaneva27_mrcnn": (
        "humaneva/detectron_pt_coco",
        HUMANEVA_SCRIPT | COCO,
    ),
    "mpi27": (MPI_INF_3DHP, MPI | T27),
    "mpi81": (MPI_INF_3DHP, MPI | T81),
    "quickstart": ("synthetic/gt", QUICK),
    "cmu": ("cmu_mocap/gt", CMU),
    "cmu_more": ("cmu_mocap/gt", CMU | CMU_MORE),
    "cpn243_refined": (CPN17, SECOND_STAGE),
    "gt243_refined": (GT17, SECOND_STAGE),
    "gt243_c512_refined": (GT17, WIDE | SECOND_STAGE),
}


def get_config(variant: str = "cpn243") -> ml_collections.ConfigDict:
    """Returns the config of `variant`.

    Raises:
      JaxposeError: unknown variant.
    """
    dataset, changes = choose_variant("configs/gla_gcn.py", variant, VARIANTS, QUICK)
    config = make_config("gla_gcn", dataset)

    # Released recipe for Human3.6M; flips in training and test are the paper's.
    # Assumption: the second stage begins at half of the epochs, the model's default.
    config.batch_size = 512
    config.num_epochs = 80
    config.batch_norm_decay = True
    config.augment_target = True
    config.optimizer.name = "ranger"
    config.optimizer.learning_rate = 0.01
    config.optimizer.schedule = "cosine"
    config.optimizer.final_learning_rate = 1e-5

    config.update_from_flattened_dict(changes)
    return config
