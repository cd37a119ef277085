"""The papers' ablations on real motion capture, small enough for two CPU cores.

Models of the `cmu` variants, minutes per run. CrossFormer and GLA-GCN have all of the
variant's updates, as half of them were too few to tell their rows apart; the others
have about half. The paper's figure beside ours is of another data set at full size: the
order of the rows can agree, the millimetres cannot.
"""

from collections.abc import Mapping
from typing import Any

from experiments.table import Column, Row, Table
from experiments.tables.gla_gcn import LAMBDA, PER_JOINT, SHARED
from jaxpose.datasets.cmu_mocap.protocol import PROTOCOL

# The first sentence under every table of this file.
NOTE = (
    f"CMU motion capture, training subjects {' '.join(PROTOCOL.train_subjects)}, "
    f"tested on {' '.join(PROTOCOL.test_subjects)}, ground-truth 2D, mean over trials, "
    "flip averaging, millimetres."
)
# The third column only quotes; the metric is the paper's, MPJPE unless a note says so.
COLUMNS = (
    Column("MPJPE", "mpjpe"),
    Column("P-MPJPE", "p_mpjpe"),
    Column("paper, Human3.6M", quoted=True),
)
AMPOSE, GLA_GCN, CROSSFORMER, GAST_NET, GAST_NET_CAUSAL = (
    f"configs/{variant}"
    for variant in (
        "ampose.py:cmu",
        "gla_gcn.py:cmu",
        "crossformer.py:cmu",
        "gast_net.py:cmu",
        "gast_net.py:cmu_causal",
    )
)
# Updates per epoch, where they are about half of those of the `cmu` variants.
HALF = {AMPOSE: 200, GAST_NET: 220, GAST_NET_CAUSAL: 220}


def _row(
    label: str,
    published: float | None,
    config: str,
    name: str = "",
    overrides: Mapping[str, Any] | None = None,
    **model: Any,
) -> Row:
    """Returns a row with fields of the model changed; `published` is on Human3.6M.

    `overrides` are by dotted name, `model` by name of the model's field.
    """
    changes = {**(overrides or {})}
    for field, value in model.items():
        changes[f"model.{field}"] = value
    if config in HALF:
        changes["steps_per_epoch"] = HALF[config]
        name = f"half.{name}" if name else "half"
    figures = {} if published is None else {"paper, Human3.6M": published}
    return Row(label, figures, config, changes, name)


def _table(
    title: str, note: str, *rows: Row, columns: tuple[Column, ...] = COLUMNS
) -> Table:
    """Returns a table of three seeds per row, since differences are small."""
    return Table(f"{title}, CMU", f"{NOTE} {note}".strip(), columns, rows, seeds=3)


# GLA-GCN by the weight of its layers per joint.
WEIGHTS = (
    _row("One layer for all joints (released)", 37.8, GLA_GCN, "shared_head", SHARED),
    _row("The mean of both", None, GLA_GCN),
    _row("A layer per joint", None, GLA_GCN, "per_joint", PER_JOINT),
)


TABLES = {
    # AMPose, paper Table 4 and thesis Table 4.6.
    "ampose_blocks": _table(
        "AMPose: designs of the GCN block",
        "Graph blocks with LayerNorm.",
        _row("Two residual", 50.1, AMPOSE, "two_residual", block="two_residual"),
        _row("Transformer", 50.1, AMPOSE, "transformer", block="transformer"),
        _row("ConvNeXt", 50.0, AMPOSE, "convnext", block="convnext"),
        _row("AMPose", 49.5, AMPOSE),
    ),
    # AMPose, thesis Table 4.7, there with depth 5.
    "ampose_orders": _table(
        "AMPose: order of encoders and GCN blocks",
        "Depth 4.",
        _row(
            "Transformers, then GCN blocks",
            52.0,
            AMPOSE,
            "encoders_first",
            order="encoders_then_graphs",
        ),
        _row(
            "GCN blocks, then transformers",
            57.2,
            AMPOSE,
            "graphs_first",
            order="graphs_then_encoders",
        ),
        _row(
            "Alternately, GCN blocks first",
            50.9,
            AMPOSE,
            "graph_first",
            order="graph_first",
        ),
        _row("Alternately, transformers first", 50.5, AMPOSE),
    ),
    # AMPose, thesis Table 4.8. The last row is the default.
    "ampose_groups": _table(
        "AMPose: groups of neighbours",
        "",
        *(
            _row(label, published, AMPOSE, groups.replace("+", "-"), groups=groups)
            for label, published, groups in (
                (
                    "(center), (farther), (closer), (symmetry)",
                    51.1,
                    "self_closer_farther_mirror",
                ),
                (
                    "(center), (farther, closer), (symmetry)",
                    51.0,
                    "self_closer+farther_mirror",
                ),
                (
                    "(center), (farther, closer, symmetry)",
                    51.6,
                    "self_closer+farther+mirror",
                ),
                (
                    "(center, farther, closer, symmetry)",
                    53.6,
                    "self+closer+farther+mirror",
                ),
                ("(center), (farther, closer)", 50.8, "self_closer+farther"),
            )
        ),
        _row("(center), (farther), (closer)", 50.5, AMPOSE),
    ),
    # Neither text of AMPose mentions flips.
    "ampose_flips": _table(
        "AMPose: flips in training and test",
        "",
        _row("flips in training", None, AMPOSE),
        _row(
            "no flips in training",
            None,
            AMPOSE,
            "no_flips",
            {"augment_flip": False},
        ),
        columns=(
            *COLUMNS[:2],
            Column("MPJPE without flip averaging", "mpjpe", plain=True),
        ),
    ),
    # GLA-GCN, Table 6, rows 3 and 5; the other two are the rest of equation 7.
    "gla_gcn_heads": _table(
        "GLA-GCN: last layers",
        "The paper's figures are P-MPJPE with CPN at T=27.",
        _row(
            "One dense layer over all joints", 39.0, GLA_GCN, "dense_head", head="dense"
        ),
        *WEIGHTS,
        columns=(LAMBDA, *COLUMNS),
    ),
    # Equation 7, whose lambda the paper does not state; runs of the table above.
    "gla_gcn_lambda": _table(
        "GLA-GCN: weight of the layers per joint in equation 7",
        "The paper's figure is P-MPJPE with CPN at T=27, of the network whose size it "
        "prints.",
        *WEIGHTS,
        columns=(LAMBDA, *COLUMNS),
    ),
    # CrossFormer, Table 5, the rows with both position tables; then the gate of the
    # released code, whose key and query have no effect.
    "crossformer": _table(
        "CrossFormer: cross-joint (CJI) and cross-frame (CFI) interaction",
        "CFI correlates frames as equations 7 to 9 say, except in the last row.",
        _row(
            "neither",
            49.9,
            CROSSFORMER,
            "without_cji_cfi",
            cross_joint=False,
            cross_frame="none",
        ),
        _row("CJI", 49.3, CROSSFORMER, "without_cfi", cross_frame="none"),
        _row("CFI", 49.8, CROSSFORMER, "without_cji", cross_joint=False),
        _row("CJI and CFI", 48.5, CROSSFORMER),
        _row(
            "CJI and the released code's gate",
            None,
            CROSSFORMER,
            "gated",
            cross_frame="gated",
        ),
    ),
    # GAST-Net, Table 1, without its rows on augmentation.
    "gast_net": _table(
        "GAST-Net: graphs",
        "T=27 at 50 frames a second.",
        _row(
            "w/o local connection GCNs",
            47.6,
            GAST_NET,
            "no_connection",
            connection_graph=False,
        ),
        _row(
            "w/o local symmetry GCNs",
            47.4,
            GAST_NET,
            "no_symmetry",
            symmetric_graph=False,
        ),
        _row(
            "w/o global GCNs of B_k",
            52.3,
            GAST_NET,
            "no_attention",
            attention_matrix=False,
        ),
        _row(
            "w/o global GCNs of C_k",
            47.3,
            GAST_NET,
            "no_adaptive",
            adaptive_matrix=False,
        ),
        _row("GAST-Net", 46.2, GAST_NET),
    ),
    # GAST-Net, Table 1, the row of causal convolutions.
    "causal": _table(
        "GAST-Net: causal against centred windows",
        "T=27 at 50 frames a second.",
        _row("causal", 47.1, GAST_NET_CAUSAL),
        _row("centred", 46.2, GAST_NET),
    ),
}
