"""The contract of a lifting model: how models that break it are refused."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import ampose, gla_gcn
from jaxpose import models
from jaxpose.errors import JaxposeError
from jaxpose.models.base import LiftingModel
from jaxpose.models.contract import check_contract
from jaxpose.run import Run
from jaxpose.training.losses import LOSSES


class Good(LiftingModel):
    """The smallest lifting model: every joint from its own keypoints."""

    num_frames: int = 1

    @property
    def receptive_field(self):
        return self.num_frames

    @nn.compact
    def __call__(self, keypoints_2d, *, train):
        centre = keypoints_2d[:, self.num_frames // 2]
        return nn.Dense(3)(centre)[:, None]


class NoReceptiveField(LiftingModel):
    @nn.compact
    def __call__(self, keypoints_2d, *, train):
        return nn.Dense(3)(keypoints_2d)


class NotALiftingModel(nn.Module):
    skeleton: str = "h36m_17"


class FractionalField(Good):
    @property
    def receptive_field(self):
        return 1.5


class ShiftBeyondTheWindow(Good):
    @property
    def causal_shift(self):
        return 1


class ShiftOfText(Good):
    @property
    def causal_shift(self):
        return "one"


class LooksUpNothing(Good):
    def __call__(self, keypoints_2d, *, train):
        return {}["positions"]


class RefusesItsInput(Good):
    def __call__(self, keypoints_2d, *, train):
        assert keypoints_2d.shape[1] == 3


class NoTrainArgument(Good):
    def __call__(self, keypoints_2d):
        return keypoints_2d


class EveryFrame(Good):
    num_frames: int = 3

    @nn.compact
    def __call__(self, keypoints_2d, *, train):
        return nn.Dense(3)(keypoints_2d)


class FailsInTraining(Good):
    @nn.compact
    def __call__(self, keypoints_2d, *, train):
        if train:
            raise KeyError("noise")
        return nn.Dense(3)(keypoints_2d)


class EveryFrameInTraining(Good):
    num_frames: int = 3

    @nn.compact
    def __call__(self, keypoints_2d, *, train):
        positions = nn.Dense(3)(keypoints_2d)
        return positions if train else positions[:, 1:2]


class PromisesSequences(Good):
    num_frames: int = 3

    @property
    def lifts_sequences(self):
        return True


class SequencesOfOtherWeights(PromisesSequences):
    def for_sequences(self):
        return OtherWeights(num_frames=self.num_frames, parent=None)


class OtherWeights(Good):
    @nn.compact
    def __call__(self, keypoints_2d, *, train):
        return nn.Dense(3, name="other")(keypoints_2d[:, 1:-1])


class SequencesWithCamera(PromisesSequences):
    @property
    def needs_camera(self):
        return True


class StreamsWindows(Good):
    """Causal, and its form for streams takes whole windows."""

    num_frames: int = 3
    streaming: bool = False

    @property
    def causal_shift(self):
        return 1

    def for_streams(self):
        return self.clone(streaming=True)

    @nn.compact
    def __call__(self, keypoints_2d, *, train):
        assert keypoints_2d.shape[1] == self.num_frames
        return nn.Dense(3)(keypoints_2d[:, -1:])


class TwoOutputs(Good):
    @nn.compact
    def __call__(self, keypoints_2d, *, train):
        positions = nn.Dense(3)(keypoints_2d)
        return positions, positions


class LossPerJoint(Good):
    def loss(self, output, positions_3d, loss_function, epoch):
        return jnp.abs(output - positions_3d).mean((0, 1, 3))


class NoLoss(Good):
    def loss(self, output, positions_3d, loss_function, epoch):
        return None


class OwnCollection(Good):
    @nn.compact
    def __call__(self, keypoints_2d, *, train):
        self.variable("memory", "last", lambda: keypoints_2d)
        return nn.Dense(3)(keypoints_2d)


class UnknownInput(Good):
    @property
    def keypoints_skeleton(self):
        return "coco_71"


def build(monkeypatch, module, **fields):
    monkeypatch.setitem(models.MODELS, "mine", module)
    config = ampose.get_config("quickstart")
    config.model = {"name": "mine", "skeleton": "h36m_17", **fields}
    config.target_scale = 1000.0
    model = models.build_model(config)
    check_contract(model)
    return model


@pytest.mark.parametrize(
    ("module", "fields", "message"),
    [
        (NotALiftingModel, {}, "'mine': NotALiftingModel is no LiftingModel"),
        (NoReceptiveField, {}, "NoReceptiveField declares no receptive_field"),
        (FractionalField, {}, "FractionalField: receptive_field is 1.5, expected an"),
        (Good, {"num_frames": 4}, "Good: receptive_field is 4, expected an odd number"),
        (ShiftBeyondTheWindow, {}, "causal_shift is 1, expected 0 to 0, half"),
        (ShiftOfText, {}, "ShiftOfText: causal_shift is 'one', expected 0 to 0"),
        (LooksUpNothing, {}, "LooksUpNothing cannot be applied .*: 'positions'"),
        (RefusesItsInput, {}, "RefusesItsInput cannot be applied to its inputs"),
        (
            NoTrainArgument,
            {},
            "NoTrainArgument cannot be applied to its inputs: .*train",
        ),
        (EveryFrame, {}, r"target_pose is \[1, 3, 17, 3\], expected \[1, 1, 17, 3\]"),
        (TwoOutputs, {}, "TwoOutputs cannot be applied to its inputs"),
        (FailsInTraining, {}, "FailsInTraining cannot .* with train=True: .*noise"),
        (
            EveryFrameInTraining,
            {},
            r"target_pose with train=True is \[2, 3, 17, 3\], expected \[2, 1, 17, 3\]",
        ),
        (
            PromisesSequences,
            {},
            r"for_sequences\(\) for 3 frames is \[2, 1, 17, 3\], expected \[2, 3, 17",
        ),
        (
            SequencesOfOtherWeights,
            {},
            r"lifts_sequences is True, and for_sequences\(\) fails: .*other",
        ),
        (SequencesWithCamera, {}, "lifts_sequences is True, and needs_camera too"),
        (StreamsWindows, {}, r"StreamsWindows for_streams\(\) fails"),
        (LossPerJoint, {}, r"LossPerJoint: loss is \[17\], expected a scalar"),
        (NoLoss, {}, "NoLoss: loss is None, expected a scalar"),
        (OwnCollection, {}, "OwnCollection has variables in memory; known collections"),
        (UnknownInput, {}, "unknown skeleton 'coco_71'"),
        (Good, {"keypoint_features": 4}, "keypoint_features=4 must be 2"),
        (Good, {"skeleton": "h36m_71"}, "unknown skeleton 'h36m_71'"),
        (Good, {"colour": 1}, "no field colour in model 'mine'"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_model_that_breaks_the_contract_is_named(
    monkeypatch, module, fields, message
):
    with pytest.raises(JaxposeError, match=message):
        build(monkeypatch, module, **fields)


def test_a_run_of_a_model_that_breaks_the_contract_does_not_begin(
    monkeypatch, tmp_path
):
    monkeypatch.setitem(models.MODELS, "mine", EveryFrameInTraining)
    config = ampose.get_config("quickstart")
    config.model = {"name": "mine", "skeleton": "h36m_17"}
    with pytest.raises(JaxposeError, match="EveryFrameInTraining: target_pose with tr"):
        Run.create(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_least_model_is_usable_everywhere(monkeypatch):
    model = build(monkeypatch, Good, num_frames=3, keypoint_features=3)
    inputs = model.example_inputs(batch_size=2)
    assert [x.shape for x in inputs] == [(2, 3, 17, 3)]
    variables = model.init(jax.random.key(0), *inputs, train=False)
    raw = model.apply(variables, *inputs, train=False)
    metres = model.predict(variables, inputs)
    np.testing.assert_allclose(metres, raw[:, 0] / 1000, rtol=1e-6)
    np.testing.assert_array_equal(model.predict(variables, inputs[0]), metres)
    truth = jnp.arange(2.0 * 3 * 17 * 3).reshape(2, 3, 17, 3)
    expected = LOSSES["mpjpe"](raw, truth[:, 1:2])
    found = model.loss(raw, truth, LOSSES["mpjpe"], jnp.int32(5))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert model.for_sequences() is model
    with pytest.raises(JaxposeError, match="the 1 frames after its own"):
        model.for_streams()


def test_gla_gcn_learns_its_sequence_before_stage_two():
    config = gla_gcn.get_config("quickstart")
    config.model.stage_two_epoch = 2
    model = models.build_model(config)
    centre = jnp.full((1, 1, 17, 3), 2.0)
    sequence = jnp.full((1, 27, 17, 3), 5.0)
    truth = jnp.zeros((1, 27, 17, 3))
    found = [
        model.loss(
            (centre, sequence), truth, lambda a, b: (a - b).mean(), jnp.int32(epoch)
        )
        for epoch in (0, 1, 2, 3)
    ]
    assert found == [7.0, 7.0, 2.0, 2.0]
    np.testing.assert_array_equal(model.target_pose((centre, sequence)), centre)
