"""The configs: exact parameter counts, data that fits, fields and their checks."""

import functools
import importlib
import json

import jax
import ml_collections
import numpy as np
import pytest

from configs import ampose, crossformer, gast_net, gla_gcn, poseformer, videopose3d
from jaxpose.body.joint_rules import convert_joints
from jaxpose.body.skeletons import get_skeleton
from jaxpose.config import FIELDS, check_fields, data_fields, held_out_subjects
from jaxpose.datasets import PROTOCOLS, get_builder
from jaxpose.datasets.builders import BUILDERS
from jaxpose.datasets.cmu_mocap.protocol import BOTH_ARCHIVES
from jaxpose.datasets.synthetic.protocol import STATURES
from jaxpose.errors import JaxposeError
from jaxpose.models import MODELS, build_model, config_fields
from jaxpose.models.cost import variable_shapes
from jaxpose.training import losses, optimizers

# Published figures, where they differ from the count: AMPose (5, 512) 18.38 M (its
# table is not consistent with itself: with 22.13 M at depth 6 a layer would hold 3.74 M
# and five of them more); CrossFormer prints 9.93 M for every length, which only f=81
# has, and its released code holds 14,624,501 (MLP ratio 4); PoseFormer 9.58 and 9.59 M
# for f=9 and 27. GLA-GCN's 1.88 and 48.64 M include the refinement module's 140,322.
COUNTS = {
    ampose: {
        "cpn17": 18_451_459, "gt17": 18_451_459, "cpn16": 18_448_899,
        "gt16": 18_448_899, "d4w108": 670_035, "d4w128": 937_475, "d5w128": 1_171_587,
        "d4w256": 3_709_955, "d4w384": 8_317_443, "d5w512": 18_448_899,
        "d6w512": 22_137_859, "quickstart": 179_843, "toes16": 18_450_435,
        "mpi1": 18_451_459, "mpi9": 18_459_651, "mpi27": 18_478_083,
        "mpi_cross": 18_451_459, "cmu": 531_459,
        "cmu_more": 531_459, "cpn17_refined": 18_591_781,
        "gt17_refined": 18_591_781, "cpn16_refined": 18_581_027,
        "gt16_refined": 18_581_027, "cmu_refined": 671_781,
    },
    gla_gcn: {
        "cpn243": 1_736_564, "gt243": 1_736_564, "gt81": 1_484_174, "gt27": 1_231_784,
        "cpn27": 1_231_784, "gt243_c512": 48_501_204, "released_cpn243": 1_348_856,
        "released_cpn27": 844_076, "released243": 1_348_856, "released81": 1_096_466,
        "released27": 844_076, "humaneva27_gt": 842_724, "humaneva27_mrcnn": 842_724,
        "released_humaneva27_gt": 842_664, "released_humaneva27_mrcnn": 842_664,
        "mpi27": 8_613_704, "mpi81": 10_389_774, "quickstart": 134_869,
        "cmu": 134_869, "cmu_more": 134_869, "cpn243_refined": 1_876_886,
        "gt243_refined": 1_876_886, "gt243_c512_refined": 48_641_526,
    },
    crossformer: {
        "cpn81": 9_927_933, "cpn27": 9_647_511, "cpn9": 9_616_245, "gt81": 9_927_933,
        "equations": 9_919_869, "released_cpn81": 14_624_501,
        "released_gt81": 14_624_501, "mpi9": 9_616_245, "quickstart": 1_822_071,
        "cmu": 1_822_071, "cmu_more": 1_822_071,
    },
    poseformer: {
        "cpn81": 9_602_885, "cpn27": 9_573_455, "cpn9": 9_563_645, "gt81": 9_602_885,
        "mpi9": 9_563_645, "quickstart": 1_809_085, "cmu": 1_809_085,
        "cmu_more": 1_809_085,
    },
    gast_net: {
        "cpn27": 6_915_984, "cpn9": 1_617_164, "cpn81": 7_054_612, "cpn243": 7_091_736,
        "cpn27_causal": 6_915_984, "cpn243_causal": 7_091_736, "gt81": 7_054_612,
        "sh81": 7_052_164, "toes27": 6_927_600, "humaneva27": 6_907_152,
        "quickstart": 453_648, "cmu": 453_648, "cmu_causal": 453_648,
        "cmu_more": 453_648, "cmu_more_causal": 453_648,
    },
    videopose3d: {
        "cpn243": 16_952_371, "cpn81": 12_753_971, "cpn27": 8_555_571,
        "cpn9": 4_357_171, "cpn1": 4_291_635, "gt243": 16_952_371,
        "cpn243_causal": 16_952_371, "humaneva27": 8_537_133, "quickstart": 566_067,
        "cmu": 566_067, "cmu_more": 566_067,
    },
}  # fmt: skip
VARIANTS = [(file, variant) for file in COUNTS for variant in file.VARIANTS]
QUICK = [name for name, protocol in PROTOCOLS.items() if protocol.train_subjects]


def check_joints(config, skeleton, keypoints_skeleton):
    """The data of `config`, converted as it says, has the joints of its model."""
    stored, wanted = get_builder(config.dataset.name).builder_config, config.dataset
    stored_2d = stored.keypoints_skeleton or stored.skeleton
    found = wanted.skeleton or stored.skeleton
    frame = np.zeros((1, get_skeleton(stored.skeleton).num_joints, 3))
    convert_joints(frame, stored.skeleton, found)
    assert found == skeleton
    found_2d = wanted.keypoints_skeleton or stored_2d
    frame = np.zeros((1, get_skeleton(stored_2d).num_joints, 2))
    convert_joints(frame, stored_2d, found_2d)
    assert found_2d == keypoints_skeleton


def test_every_variant_has_a_count():
    for file, counts in COUNTS.items():
        assert set(counts) == set(file.VARIANTS)


@functools.cache
def count_parameters(model):
    """Counts once for the variants that differ in their data alone."""
    leaves = jax.tree.leaves(variable_shapes(model)["params"])
    return sum(leaf.size for leaf in leaves)


@pytest.mark.parametrize(
    ("file", "variant"), VARIANTS, ids=[f"{f.__name__}:{v}" for f, v in VARIANTS]
)
def test_parameters_of_every_variant_and_a_data_set_that_exists(file, variant):
    config = file.get_config(variant)
    check_fields(config)
    model = build_model(config)
    assert count_parameters(model) == COUNTS[file][variant]
    check_joints(config, model.skeleton, model.keypoints_skeleton)


@pytest.mark.parametrize("dataset", QUICK)
def test_every_model_has_quick_sizes_on_every_data_set(dataset):
    for file in COUNTS:
        config = file.get_config(f"quick_{dataset}")
        check_fields(config)
        quickstart = file.get_config("quickstart")
        assert config.dataset.train_subjects == PROTOCOLS[dataset].train_subjects
        skeleton = PROTOCOLS[dataset].skeleton
        check_joints(config, skeleton, skeleton)
        quickstart.model.skeleton = skeleton
        assert config.model.to_dict() == quickstart.model.to_dict()
        assert config.steps_per_epoch == quickstart.steps_per_epoch > 0


def test_a_config_holds_out_its_validation_subjects_unless_it_trains_as_the_papers():
    for config, held_out in (
        (ampose.get_config("gt17"), ("S8",)),
        (ampose.get_config("mpi1"), ("S8",)),
        (gla_gcn.get_config("humaneva27_gt"), ()),
    ):
        assert config.protocol == "held_out"
        assert held_out_subjects(config) == held_out
        config.protocol = "paper"
        assert held_out_subjects(config) == ()


def test_every_quickstart_holds_out_a_body_between_two_that_it_trains_on():
    for file in COUNTS:
        config = file.get_config("quickstart")
        assert held_out_subjects(config) == ("train_3",)
        statures = STATURES["train"]
        assert len(config.dataset.train_subjects) == len(statures)
        # As the test bodies do, it lies inside the range of the training.
        assert min(statures) < statures[3] < max(statures)


def test_a_protocol_is_that_of_its_builder():
    for name, protocol in PROTOCOLS.items():
        assert protocol.name == BUILDERS[name].name == name
        assert protocol.skeleton == BUILDERS[name].BUILDER_CONFIGS[0].skeleton
        published = BUILDERS[name].SPLITS
        if published:
            subjects = [*protocol.train_subjects, *protocol.test_subjects]
            assert subjects == [s for split in published.values() for s in split]
        assert set(protocol.validation_subjects) <= set(protocol.train_subjects)
        assert not set(protocol.test_subjects) & set(protocol.train_subjects)


def test_the_larger_cmu_variants_differ_in_their_subjects_alone():
    for file, counts in COUNTS.items():
        for more in [name for name in counts if name.startswith("cmu_more")]:
            smaller = file.get_config(more.replace("_more", ""))
            larger = file.get_config(more)
            assert larger.dataset.train_subjects == BOTH_ARCHIVES.train_subjects
            assert larger.dataset.test_subjects == ("17", "49", "142")
            assert smaller.dataset.train_subjects == ("01", "02", "07", "13", "135")
            assert smaller.dataset.test_subjects == ("05", "09", "49")
            smaller.dataset.train_subjects = larger.dataset.train_subjects
            smaller.dataset.test_subjects = larger.dataset.test_subjects
            assert smaller.to_dict() == larger.to_dict()
    everyone = {*BOTH_ARCHIVES.train_subjects, *BOTH_ARCHIVES.test_subjects}
    assert len(everyone) == 20


@pytest.mark.parametrize("name", MODELS)
def test_a_models_own_sizes_are_those_of_its_config(name):
    file = importlib.import_module(f"configs.{name}")
    model, own = build_model(file.get_config()), MODELS[name]()
    for field in config_fields(name):
        if field != "strided":
            assert getattr(model, field) == getattr(own, field), field


def test_an_unknown_variant_is_answered_with_the_known_ones():
    with pytest.raises(
        JaxposeError, match=r"configs/ampose\.py has no variant 'cpn18'"
    ):
        ampose.get_config("cpn18")
    with pytest.raises(JaxposeError, match=r"it has cpn81, .*, quick_synthetic, "):
        crossformer.get_config("quick_custom")
    with pytest.raises(JaxposeError, match="unknown data set 'humanevo'; known: synth"):
        data_fields("humanevo/gt")


def test_absent_fields_are_none_and_take_values_of_their_type():
    config = gla_gcn.get_config("quickstart")
    flat = json.loads(json.dumps(config.to_dict()))
    assert flat["lifting_workdir"] is flat["dataset"]["actions"] is None
    assert flat["model"]["graph"] is flat["model"]["keypoints_skeleton"] is None
    assert build_model(config).graph is None
    config.lock()
    config.lifting_workdir, config.dataset.actions = "runs/a", ("Walking",)
    config.model.graph = "h36m_17"
    for field, value in (("lifting_workdir", 3), ("seed", "x")):
        with pytest.raises(TypeError):
            config[field] = value
    config.lifting_workdir = None
    assert config.lifting_workdir is None


def test_every_glagcn_variant_has_its_papers_lambda_and_humaneva_its_own_recipe():
    for variant in gla_gcn.VARIANTS:
        model = gla_gcn.get_config(variant).model
        is_released = variant.startswith(("released", "humaneva27"))
        found = (model.head, model.head_blend, model.sequence_layers > 0)
        expected = ("shared", 0.0, False) if is_released else ("individual", 0.5, True)
        assert found == expected, variant
    for source in ("gt", "mrcnn"):
        published = gla_gcn.get_config(f"humaneva27_{source}")
        script = gla_gcn.get_config(f"released_humaneva27_{source}")
        assert published.dataset.actions == ("Walking", "Jog")
        assert script.dataset.actions == ("Walking", "Jog", "Box")
        assert (published.batch_size, script.batch_size) == (256, 1024)
        assert published.num_epochs == script.num_epochs == 1000


def test_a_released_crossformer_zeroes_frames_and_the_papers_does_not():
    assert crossformer.get_config("cpn81").model.zeroed_frames is None
    assert build_model(crossformer.get_config("cpn81")).zeroed_frames is None
    released = crossformer.get_config("released_cpn81")
    assert build_model(released).zeroed_frames == (10, 16)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_epochs": 0}, r"config\.num_epochs=0 must be at least 1"),
        (
            {"dataset.frame_stride": 0},
            r"config\.dataset\.frame_stride=0 must be at least",
        ),
        (
            {"optimizer.decay": float("inf")},
            r"decay=inf must be a finite number above 0",
        ),
        (
            {"augment_bones": float("nan")},
            "augment_bones=nan must be at least 0 and below",
        ),
        ({"optimizer.weight_decay": -0.1}, r"weight_decay=-0\.1 must be at least 0"),
        ({"seed": -1}, r"seed=-1 must be at least 0 and below 2\*\*32"),
        ({"steps_per_epoch": -1}, r"steps_per_epoch=-1 must be at least 0"),
        (
            {"num_epochs": 10**12},
            r"=1000000000000 epochs would take 31\.7 years at 1,0",
        ),
        (
            {"steps_per_epoch": 10**9},
            r"num_epochs=5 of 1,000,000,000 updates would take 0\.2 years at 1,000 upd",
        ),
        (
            {"steps_per_epoch": 10**8},
            r"100,000,000 updates of config\.batch_size=128 needs 51\.2 GB for the ord",
        ),
        ({"batch_size": 10**9}, r"at most 4,194,304: so many poses at a time need hun"),
        ({"eval_batch_size": 10**9}, r"eval_batch_size=1000000000 must be at most 4,1"),
        ({"accumulation_steps": 10**6}, r"at most 1,024: a CPU compiles each part by "),
        ({"steps_per_dispatch": 10**9}, r"at most 10,000: no report, checkpoint or Ct"),
        ({"target_frames": 10**9}, r"at most 1,024: every sample would be a recordin"),
        ({"dataset.frame_stride": 10**12}, r"at most 10,000: hardly a frame is left"),
        ({"augment_frame_rate": (1.0, 1e9)}, r"frames per second, at most 1,000"),
        ({"dataset.test_subjects": (9,)}, r"\(9,\) must be a tuple of names, such as"),
        (
            {"optimizer.final_learning_rate": float("inf")},
            "must be at least 0, and finite",
        ),
        # Factors that float32 cannot hold.
        ({"velocity_loss": 1e39}, "must be at least 0, and finite: at most 1e12"),
        ({"optimizer.learning_rate": 1e39}, r"=1e\+39 must be .* from 1e-12 to 1e12"),
        ({"target_scale": 1e-300}, r"=1e-300 must be a finite number above 0, from"),
        (
            {"precision": "float8"},
            "precision='float8' is unknown; known: float32, tf32",
        ),
        ({"protocol": "test"}, "protocol='test' is unknown; known: held_out, paper"),
        ({"lifting_workdir": "runs/a"}, r"set config\.refinement=True"),
        (
            {"init_from": "runs/a", "refinement": True},
            r"a second stage begins with the run of config\.lifting_workdir",
        ),
    ],
)
def test_a_value_that_no_run_could_use(changes, message):
    config = ampose.get_config("quickstart")
    config.update_from_flattened_dict(changes)
    with pytest.raises(JaxposeError, match=message):
        check_fields(config)


@pytest.mark.parametrize("name", ["train", "validation", "test"])
def test_a_subject_that_is_a_text_is_not_taken_for_its_letters(name):
    fields = ampose.get_config("quickstart").to_dict()
    fields["dataset"][f"{name}_subjects"] = "S9"
    config = ml_collections.ConfigDict(fields)
    with pytest.raises(
        JaxposeError, match=rf"{name}_subjects='S9' must .* write \('S9',\)"
    ):
        check_fields(config)


@pytest.mark.parametrize(
    ("variant", "changes", "message"),
    [
        (ampose, {"depth": 10**6}, r"depth=1000000 takes 277\.8 hours or more to comp"),
        (
            ampose,
            {"joint_width": 10**9},
            r"joint_width=1000000000 needs 4,000,000,000 G",
        ),
        (
            ampose,
            {"mlp_ratio": float("inf")},
            r"mlp_ratio=inf must be above 0 and at m",
        ),
        (ampose, {"num_frames": 65_535}, r"receptive_field is 0\.36 hours of video at"),
        (videopose3d, {"filter_widths": (3,) * 200}, r"is 1\.5e\+90 hours of video"),
        (videopose3d, {"filter_widths": (3,) * 10**6}, r"filter_widths=1000000 takes"),
        (videopose3d, {"filter_widths": (10**9 + 1,) * 99}, r"e\+94 hours of video"),
    ],
)
def test_a_size_that_no_model_has_is_answered_with_its_cost(variant, changes, message):
    config = variant.get_config("quickstart")
    for name, value in changes.items():
        config.model[name] = value
    with pytest.raises(JaxposeError, match=message):
        build_model(config)


def test_a_field_without_a_value_is_named():
    config = ampose.get_config("quickstart")
    config.optimizer.decay = None
    with pytest.raises(JaxposeError, match=r"config\.optimizer\.decay is None; its de"):
        check_fields(config)
    with config.unlocked():
        del config.optimizer["decay"]
    with pytest.raises(JaxposeError, match=r"config\.optimizer\.decay is missing: the"):
        check_fields(config)


def test_the_names_that_a_field_takes_are_those_of_the_code():
    known = {"loss": list(losses.LOSSES)}
    known |= {"optimizer.name": [], "optimizer.schedule": []}
    config = ampose.get_config("quickstart").optimizer
    for name in ("adam", "adamw", "amsgrad", "ranger"):
        config.name = name
        optimizers.make_optimizer(config, lambda step: 1e-3)
        known["optimizer.name"].append(name)
    for name in ("exponential", "cosine", "halving", "warmup_cosine"):
        config.schedule = name
        optimizers.make_schedule(config, num_epochs=2, steps_per_epoch=2)
        known["optimizer.schedule"].append(name)
    for field, names in known.items():
        assert FIELDS[field].complain("?") == f"is unknown; known: {', '.join(names)}"
