"""The papers' ablations on real motion capture, small enough for two CPU cores.

Models of the `cmu` variants with about half their updates, minutes per run. The paper's
figure beside ours is of another data set at full size: the order of the rows can agree,
the millimetres cannot.
"""

from typing import Any

from experiments.table import Column, Row, Table

# The first sentence under every table of this file.
NOTE = (
    "CMU motion capture, trained on subjects 01 02 07 13 135, tested on 05 09 49, "
    "ground-truth 2D, mean over trials, flip averaging, last checkpoint, millimetres."
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
# Updates per epoch: about half of those of the `cmu` variants.
UPDATES = {
    AMPOSE: 200,
    GLA_GCN: 60,
    CROSSFORMER: 100,
    GAST_NET: 220,
    GAST_NET_CAUSAL: 220,
}


def _row(
    label: str, published: float | None, config: str, name: str = "", **model: Any
) -> Row:
    """Returns a row with fields of the model changed; `published` is on Human3.6M."""
    return Row(
        label,
        {} if published is None else {"paper, Human3.6M": published},
        config,
        {
            "steps_per_epoch": UPDATES[config],
            **{f"model.{field}": value for field, value in model.items()},
        },
        f"half.{name}" if name else "half",
    )


def _table(title: str, note: str, *rows: Row) -> Table:
    """Returns a table of three seeds per row, since differences are small."""
    return Table(f"{title}, CMU", f"{NOTE} {note}".strip(), COLUMNS, rows, seeds=3)


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
    # GLA-GCN, Table 6, row 3, and the last layer of the released code, which the paper
    # has no figure for.
    "gla_gcn_heads": _table(
        "GLA-GCN: last layers",
        "The paper's figures are P-MPJPE with CPN at T=27.",
        _row(
            "One dense layer over all joints", 39.0, GLA_GCN, "dense_head", head="dense"
        ),
        _row(
            "One layer for all joints (released)",
            None,
            GLA_GCN,
            "shared_head",
            head="shared",
        ),
        _row("A layer per joint", 37.8, GLA_GCN),
    ),
    # CrossFormer, Table 5, the rows with both position tables.
    "crossformer": _table(
        "CrossFormer: cross-joint (CJI) and cross-frame (CFI) interaction",
        "",
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
