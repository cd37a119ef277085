"""Lists the published sizes to measure, and the speed of PyTorch at them."""

import dataclasses
from types import ModuleType
from typing import Any

import ml_collections

from configs import ampose, crossformer, gast_net, gla_gcn, poseformer, videopose3d

# Rate of XLA's float32 matrix product on the machine of the PyTorch figures, two cores.
REFERENCE_MATMUL_GFLOPS = 430.0


@dataclasses.dataclass(frozen=True)
class Reference:
    """Speed of the reference implementation: PyTorch 2.13, float32, two cores.

    The second of two runs. The train step has no input pipeline.

    Attributes:
      batch_size: windows per batch, in training and prediction; None: not measured.
      predict_seconds: seconds per batch.
      train_seconds: seconds per update.
      sequence_frames: length of a clip that is predicted in one call.
      sequence_seconds: seconds of that call.
    """

    batch_size: int | None = None
    predict_seconds: float | None = None
    train_seconds: float | None = None
    sequence_frames: int | None = None
    sequence_seconds: float | None = None


NO_REFERENCE = Reference()


@dataclasses.dataclass(frozen=True)
class Case:
    """One model at a published size.

    Attributes:
      file: module of the config.
      variant: of the config.
      reference: speed of PyTorch at this size.
      modes: of `experiments.benchmark` that make sense for the model.
      fields: model fields that differ from the variant's.
    """

    file: ModuleType
    variant: str
    reference: Reference
    modes: tuple[str, ...] = ("train", "predict", "data", "sequence")
    fields: dict[str, Any] = dataclasses.field(default_factory=dict)

    def config(self) -> ml_collections.ConfigDict:
        """Returns the config of the case."""
        # The file's own sizes: nothing of a published model is typed again here.
        config = self.file.get_config(self.variant)
        config.model.update(self.fields)
        return config


# Models that also take one frame at a time.
WITH_LATENCY = ("train", "predict", "data", "sequence", "latency")
# Causal variants train as fast as the others.
STREAMS = ("predict", "latency", "sequence")

CASES: dict[str, Case] = {
    # AMPose at the size of its paper's Table 1.
    "ampose_d5w512": Case(
        ampose,
        "cpn17",
        Reference(128, predict_seconds=0.435, train_seconds=1.35),
        WITH_LATENCY,
    ),
    # GLA-GCN as released: no sequence branch, one shared last layer.
    "gla_gcn_t27": Case(
        gla_gcn,
        "released27",
        Reference(16, predict_seconds=0.0464, train_seconds=0.117),
    ),
    "gla_gcn_t243": Case(
        gla_gcn,
        "released243",
        Reference(16, predict_seconds=0.5525, train_seconds=1.072),
    ),
    # GAST-Net's reference also predicts whole clips at T=27.
    "gast_net_t27": Case(
        gast_net,
        "cpn27",
        Reference(
            32,
            predict_seconds=0.1767,
            train_seconds=0.501,
            sequence_frames=200,
            sequence_seconds=0.3029,
        ),
    ),
    "gast_net_t81": Case(
        gast_net,
        "cpn81",
        Reference(32, predict_seconds=0.2396, train_seconds=0.739),
    ),
    # Causal variants, for streams; PyTorch was not measured.
    "gast_net_t27_causal": Case(
        gast_net,
        "cpn27_causal",
        Reference(32),
        STREAMS,
    ),
    "gast_net_t81_causal": Case(
        gast_net,
        "cpn81",
        Reference(32),
        STREAMS,
        {"causal": True},
    ),
    # CrossFormer and PoseFormer at their shortest and longest windows.
    "crossformer_f9": Case(
        crossformer,
        "cpn9",
        Reference(16, predict_seconds=0.0269, train_seconds=0.110),
    ),
    "crossformer_f81": Case(
        crossformer,
        "cpn81",
        Reference(16, predict_seconds=0.2249, train_seconds=0.685),
    ),
    "poseformer_f9": Case(
        poseformer,
        "cpn9",
        Reference(16, predict_seconds=0.0291, train_seconds=0.105),
    ),
    "poseformer_f81": Case(
        poseformer,
        "cpn81",
        Reference(16, predict_seconds=0.2067, train_seconds=0.581),
    ),
    # Whole clips are where a fully convolutional model is fast.
    "videopose3d_t27": Case(
        videopose3d,
        "cpn27",
        Reference(
            128,
            predict_seconds=0.0213,
            train_seconds=0.125,
            sequence_frames=1000,
            sequence_seconds=0.0464,
        ),
    ),
    "videopose3d_t243": Case(
        videopose3d,
        "cpn243",
        Reference(
            128,
            predict_seconds=0.217,
            train_seconds=0.864,
            sequence_frames=1000,
            sequence_seconds=0.1055,
        ),
    ),
}
