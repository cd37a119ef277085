"""The fields every config has; a paper's config fills in its own values."""

from collections.abc import Iterable

import ml_collections

from jaxpose.errors import JaxposeError

H36M_TRAIN = ("S1", "S5", "S6", "S7", "S8")
H36M_TEST = ("S9", "S11")
CMU_TRAIN = ("01", "02", "07", "13", "135")
CMU_TEST = ("05", "09", "49")


def get_config() -> ml_collections.ConfigDict:
    """A fully populated config; `model` and `dataset.name` are for the caller to fill in."""
    config = ml_collections.ConfigDict()
    config.seed = 0
    # A second stage: a refinement network behind the trained model of another workdir (see use_refinement).
    config.refinement = False
    config.lifting_workdir = ""
    config.model = ml_collections.ConfigDict()

    dataset = config.dataset = ml_collections.ConfigDict()
    dataset.name = ""  # TFDS builder and builder config
    dataset.data_dir = ""  # where it is prepared; empty: TFDS's own default
    dataset.train_subjects = ()
    # Held out of train_subjects; the best checkpoint is the one with the smallest MPJPE on
    # them. Empty: the last checkpoint counts as the best.
    dataset.validation_subjects = ()
    dataset.test_subjects = ()  # with --mode=predict, empty: all
    dataset.actions = ()  # empty: all
    # Joint sets to convert 3D and 2D to (jaxpose/conversions.py); empty: as they are stored.
    dataset.skeleton = ""
    dataset.keypoints_skeleton = ""
    dataset.frame_stride = 1  # keep every n-th frame, in training and test

    config.batch_size = 128  # poses an update, over all devices
    # For batches beyond memory: parts of the batch one after the other. The gradient is the mean of
    # theirs; batch norm sees each part alone.
    config.accumulation_steps = 1
    config.num_epochs = 60
    config.steps_per_epoch = 0  # 0: one pass over the training frames
    config.steps_per_dispatch = 100  # most updates that run without returning to Python
    config.augment_flip = True  # an epoch holds every frame and its mirror image
    # Virtual views (none of the papers): turn poses about the vertical, change bones by up to this part.
    config.augment_rotation = False
    config.augment_bones = 0.0
    # GLA-GCN's: targets turn and scale a little in the image plane, the input stays.
    config.augment_target = False
    config.target_scale = (
        1.0  # training unit in 1/metre: 1 trains in metres, 1000 in millimetres
    )
    config.loss = "mpjpe"  # mpjpe or mse
    # Models with a sequence branch learn sequence and centre before this epoch, then the centre.
    config.stage_two_epoch = 0
    config.batch_norm_decay = (
        False  # PyTorch momentum 0.1 falling to 0.001 over the epochs
    )

    optimizer = config.optimizer = ml_collections.ConfigDict()
    optimizer.name = "adam"  # adam, adamw, amsgrad or ranger
    optimizer.learning_rate = 1e-3
    optimizer.schedule = "exponential"  # exponential, cosine, halving or warmup_cosine
    optimizer.decay = 0.95  # per epoch: exponential and halving
    optimizer.final_learning_rate = 1e-5  # cosine
    optimizer.warmup_steps = 0  # warmup_cosine
    optimizer.weight_decay = 0.0  # adamw and ranger

    config.evaluate_every = 1  # epochs between evaluations and checkpoints
    config.checkpoint_seconds = (
        600  # a checkpoint inside a longer epoch, so that a kill costs no more
    )
    config.eval_batch_size = 1024
    config.flip_average = True  # test-time average with the mirrored input
    # The field's habit: keep the checkpoint that is best on the test subjects. Named in results.
    config.select_on_test = False
    config.precision = "float32"  # float32, tf32 (NVIDIA) or bfloat16 products
    return config


def check_variant(file: str, variant: str, variants: Iterable[str]) -> None:
    """Raises JaxposeError unless `variant` is one of `variants`."""
    if variant not in variants:
        raise JaxposeError(
            f"{file} has no variant {variant!r}; it has {', '.join(variants)}"
        )


def use_refinement(config: ml_collections.ConfigDict) -> None:
    """The second stage, after the run of `--config.lifting_workdir=DIR`; it sees the true root depth."""
    config.refinement = True
    config.optimizer.learning_rate = 1e-5
    config.loss = "mpjpe"


def use_human36m(config: ml_collections.ConfigDict, dataset: str) -> None:
    """Human3.6M protocol 1: the published split, with S8 held out to select the checkpoint."""
    config.dataset.name = dataset
    config.dataset.train_subjects = H36M_TRAIN
    config.dataset.validation_subjects = ("S8",)
    config.dataset.test_subjects = H36M_TEST


def use_humaneva(config: ml_collections.ConfigDict, dataset: str) -> None:
    """HumanEva-I: trains on Train/S1-S3, scored on Validate/S1-S3 by subject and action (protocol P.4)."""
    config.dataset.name = dataset
    config.dataset.actions = ("Walking", "Jog", "Box")
    config.dataset.train_subjects = ("Train/S1", "Train/S2", "Train/S3")
    config.dataset.test_subjects = ("Validate/S1", "Validate/S2", "Validate/S3")


def use_mpi_inf_3dhp(config: ml_collections.ConfigDict, skeleton: str = "") -> None:
    """MPI-INF-3DHP with the universal skeleton, trained in millimetres; S8 held out to select.

    `skeleton` names the joints it is converted to, 2D and 3D; `h36m_17` for cross-dataset
    evaluation of a run on Human3.6M (protocol P.5). Empty: its own.
    """
    config.dataset.name = "mpi_inf_3dhp/univ_annot3"
    config.dataset.skeleton = config.dataset.keypoints_skeleton = skeleton
    config.dataset.train_subjects = tuple(f"S{i}" for i in range(1, 9))
    config.dataset.validation_subjects = ("S8",)
    config.dataset.test_subjects = tuple(f"TS{i}" for i in range(1, 7))
    config.target_scale = 1000.0


def use_cmu(
    config: ml_collections.ConfigDict, batch_size: int, steps_per_epoch: int
) -> None:
    """A trial run on real motion capture: ten epochs in ten minutes on two CPU cores."""
    config.dataset.name = "cmu_mocap/gt"
    config.dataset.train_subjects = CMU_TRAIN
    config.dataset.test_subjects = CMU_TEST
    config.augment_rotation = True
    config.augment_bones = 0.1
    _use_short_schedule(
        config, batch_size, num_epochs=10, steps_per_epoch=steps_per_epoch
    )


def use_quickstart(
    config: ml_collections.ConfigDict, batch_size: int, steps_per_epoch: int
) -> None:
    """Synthetic motion, nothing to download: five epochs in three minutes on a laptop."""
    config.dataset.name = "synthetic/gt"
    config.dataset.train_subjects = tuple(f"train_{i}" for i in range(8))
    config.dataset.test_subjects = ("test_0", "test_1", "test_2")
    _use_short_schedule(
        config, batch_size, num_epochs=5, steps_per_epoch=steps_per_epoch
    )


def _use_short_schedule(
    config: ml_collections.ConfigDict,
    batch_size: int,
    num_epochs: int,
    steps_per_epoch: int,
) -> None:
    config.batch_size = batch_size
    config.num_epochs = num_epochs
    config.steps_per_epoch = steps_per_epoch
    config.steps_per_dispatch = 20
    config.loss = "mpjpe"
    config.optimizer.name = "adam"
    config.optimizer.learning_rate = 2e-3
    config.optimizer.schedule = "warmup_cosine"
    config.optimizer.warmup_steps = 100
