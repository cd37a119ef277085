"""The papers' ablations on real motion capture, small enough for two CPU cores.

Models of the `cmu` variants, minutes per run, on two splits: that of one archive, and
that of two, which is larger. Where half of a variant's updates tell the rows apart, the
rows have about half; GLA-GCN needs twice as many. The paper's figure beside ours is of
another data set at full size: the order of the rows can agree, the millimetres cannot.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from experiments.table import Column, Row, Table
from experiments.tables.gla_gcn import LAMBDA, PER_JOINT, SHARED
from jaxpose.datasets.cmu_mocap.protocol import BOTH_ARCHIVES, PROTOCOL
from jaxpose.datasets.protocol import Protocol

# The third column only quotes; the metric is the paper's, MPJPE unless a note says so.
COLUMNS = (
    Column("MPJPE", "mpjpe"),
    Column("P-MPJPE", "p_mpjpe"),
    Column("paper, Human3.6M", quoted=True),
)
FLIP_COLUMNS = (
    *COLUMNS[:2],
    Column("MPJPE without flip averaging", "mpjpe", plain=True),
)
# Updates per epoch that differ from the variant's, by file, with the name of such runs.
UPDATES = {
    "ampose": ("half", 200),
    "gast_net": ("half", 220),
    "gla_gcn": ("twice", 240),
}
# AMPose's Table 4.8: label, the paper's MPJPE and `config.model.groups`, empty for the
# default.
GROUPS = (
    ("(center), (farther), (closer), (symmetry)", 51.1, "self_closer_farther_mirror"),
    ("(center), (farther, closer), (symmetry)", 51.0, "self_closer+farther_mirror"),
    ("(center), (farther, closer, symmetry)", 51.6, "self_closer+farther+mirror"),
    ("(center, farther, closer, symmetry)", 53.6, "self+closer+farther+mirror"),
    ("(center), (farther, closer)", 50.8, "self_closer+farther"),
    ("(center), (farther), (closer)", 50.5, ""),
)


@dataclasses.dataclass(frozen=True)
class Ablations:
    """The tables of one split.

    Attributes:
      variant: of the configs, which names the split.
      protocol: its subjects.
    """

    variant: str
    protocol: Protocol

    def tables(self) -> dict[str, Table]:
        """Returns all tables by name."""
        return {**self._ampose(), **self._gla_gcn(), **self._others()}

    def _row(
        self,
        label: str,
        published: float | None,
        model: str,
        name: str = "",
        overrides: Mapping[str, Any] | None = None,
        causal: bool = False,
        **fields: Any,
    ) -> Row:
        """Returns a row of `model`; `published` is the paper's figure on Human3.6M.

        `overrides` are by dotted name, `fields` by name of the model's field.
        """
        changes = {**(overrides or {})}
        for field, value in fields.items():
            changes[f"model.{field}"] = value
        if model in UPDATES:
            times, updates = UPDATES[model]
            changes["steps_per_epoch"] = updates
            name = f"{times}.{name}" if name else times
        variant = f"{self.variant}_causal" if causal else self.variant
        figures = {} if published is None else {"paper, Human3.6M": published}
        return Row(label, figures, f"configs/{model}.py:{variant}", changes, name)

    def _table(
        self, title: str, note: str, *rows: Row, columns: tuple[Column, ...] = COLUMNS
    ) -> Table:
        """Returns a table of three seeds per row, since differences are small."""
        data = (
            f"CMU motion capture, training subjects "
            f"{' '.join(self.protocol.train_subjects)}, tested on "
            f"{' '.join(self.protocol.test_subjects)}, ground-truth 2D, mean over "
            "trials, flip averaging, millimetres."
        )
        return Table(f"{title}, CMU", f"{data} {note}".strip(), columns, rows, seeds=3)

    def _ampose(self) -> dict[str, Table]:
        """Returns AMPose's tables; each ends with the published choice."""
        blocks = (
            ("Two residual", 50.1, "two_residual"),
            ("Transformer", 50.1, "transformer"),
            ("ConvNeXt", 50.0, "convnext"),
            ("AMPose", 49.5, ""),
        )
        orders = (
            ("Transformers, then GCN blocks", 52.0, "encoders_then_graphs"),
            ("GCN blocks, then transformers", 57.2, "graphs_then_encoders"),
            ("Alternately, GCN blocks first", 50.9, "graph_first"),
            ("Alternately, transformers first", 50.5, ""),
        )

        def rows(field: str, values: tuple[tuple[str, float, str], ...]) -> list[Row]:
            found = []
            for label, published, value in values:
                overrides = {f"model.{field}": value} if value else {}
                name = value.replace("+", "-")
                found.append(self._row(label, published, "ampose", name, overrides))
            return found

        return {
            # Paper Table 4 and thesis Table 4.6.
            "ampose_blocks": self._table(
                "AMPose: designs of the GCN block",
                "Graph blocks with LayerNorm.",
                *rows("block", blocks),
            ),
            # Thesis Table 4.7, there with depth 5.
            "ampose_orders": self._table(
                "AMPose: order of encoders and GCN blocks",
                "Depth 4.",
                *rows("order", orders),
            ),
            # Thesis Table 4.8.
            "ampose_groups": self._table(
                "AMPose: groups of neighbours", "", *rows("groups", GROUPS)
            ),
            # Neither text mentions flips.
            "ampose_flips": self._table(
                "AMPose: flips in training and test",
                "",
                self._row("flips in training", None, "ampose"),
                self._row(
                    "no flips in training",
                    None,
                    "ampose",
                    "no_flips",
                    {"augment_flip": False},
                ),
                columns=FLIP_COLUMNS,
            ),
        }

    def _gla_gcn(self) -> dict[str, Table]:
        """Returns the tables of GLA-GCN's last layers, which share runs."""
        dense = self._row(
            "One dense layer over all joints",
            39.0,
            "gla_gcn",
            "dense_head",
            head="dense",
        )
        # By the weight of the layers per joint, 0 to 1.
        weights = (
            self._row(
                "One layer for all joints (released)",
                37.8,
                "gla_gcn",
                "shared_head",
                SHARED,
            ),
            self._row("The mean of both", None, "gla_gcn"),
            self._row("A layer per joint", None, "gla_gcn", "per_joint", PER_JOINT),
        )
        note = (
            "The paper's figures are P-MPJPE with CPN at T=27; by its size the network "
            "of its last row is the released one."
        )
        columns = (LAMBDA, *COLUMNS)
        return {
            # Table 6, rows 3 and 5; the other two are the rest of equation 7.
            "gla_gcn_heads": self._table(
                "GLA-GCN: last layers", note, dense, *weights, columns=columns
            ),
            # The paper does not state lambda.
            "gla_gcn_lambda": self._table(
                "GLA-GCN: weight of the layers per joint in equation 7",
                note,
                *weights,
                columns=columns,
            ),
        }

    def _others(self) -> dict[str, Table]:
        """Returns the tables of CrossFormer and GAST-Net."""

        def interactions(
            label: str, published: float | None, name: str = "", **fields: Any
        ) -> Row:
            return self._row(label, published, "crossformer", name, **fields)

        def graphs(label: str, published: float, name: str = "", **fields: Any) -> Row:
            return self._row(label, published, "gast_net", name, **fields)

        neither = {"cross_joint": False, "cross_frame": "none"}
        return {
            # Table 5, the rows with both position tables; then the gate of the released
            # code, whose key and query have no effect.
            "crossformer": self._table(
                "CrossFormer: cross-joint (CJI) and cross-frame (CFI) interaction",
                "CFI correlates frames by equations 7 to 9, except in the last row.",
                interactions("neither", 49.9, "without_cji_cfi", **neither),
                interactions("CJI", 49.3, "without_cfi", cross_frame="none"),
                interactions("CFI", 49.8, "without_cji", cross_joint=False),
                interactions("CJI and CFI", 48.5),
                interactions(
                    "CJI and the released code's gate",
                    None,
                    "gated",
                    cross_frame="gated",
                ),
            ),
            # Table 1, without its rows on augmentation.
            "gast_net": self._table(
                "GAST-Net: graphs",
                "T=27 at 50 frames a second.",
                graphs(
                    "w/o local connection GCNs",
                    47.6,
                    "no_connection",
                    connection_graph=False,
                ),
                graphs(
                    "w/o local symmetry GCNs",
                    47.4,
                    "no_symmetry",
                    symmetric_graph=False,
                ),
                graphs(
                    "w/o global GCNs of B_k",
                    52.3,
                    "no_attention",
                    attention_matrix=False,
                ),
                graphs(
                    "w/o global GCNs of C_k",
                    47.3,
                    "no_adaptive",
                    adaptive_matrix=False,
                ),
                graphs("GAST-Net", 46.2),
            ),
            # Table 1, the row of causal convolutions.
            "causal": self._table(
                "GAST-Net: causal against centred windows",
                "T=27 at 50 frames a second.",
                graphs("causal", 47.1, causal=True),
                graphs("centred", 46.2),
            ),
        }


TABLES = Ablations("cmu", PROTOCOL).tables()
MORE_TABLES = Ablations("cmu_more", BOTH_ARCHIVES).tables()
