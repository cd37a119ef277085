"""GAST-Net: graph attention between temporal convolutions (Liu et al., ICRA 2021).

An attention block over the joints (`graph_attention`) follows each temporal layer, and
doubles the channels. Where paper and released code differ, this is the released code.
"""

import flax.linen as nn
import jax

from jaxpose.models import checks
from jaxpose.models.batch_norm import BatchNorm
from jaxpose.models.graph_attention import HEADS, GraphAttentionBlock, kaiming_normal
from jaxpose.models.layers import Dropout, Linear, call_block
from jaxpose.models.temporal import TemporalConvNet


class GASTNet(TemporalConvNet):
    """Graph attention spatio-temporal convolution network.

    Attributes:
      channels: channels of the first convolution, a multiple of 4; every block doubles
        them.
      symmetric_graph: False leaves out the local symmetry graph convolution (Table 1).
      connection_graph: False leaves out the local connection graph convolution (Table
        1).
      attention_matrix: False leaves out B_k (Table 1).
      adaptive_matrix: False leaves out C_k (Table 1).
      shared_edges: the local layer of the released repository that its network does not
        use.
      dropout_rate: after the second convolution of temporal blocks and the attention
        layers.
      rematerialise: attention blocks keep only their inputs for the backward pass
        (`layers.call_block`).
    """

    channels: int = 128
    symmetric_graph: bool = True
    connection_graph: bool = True
    attention_matrix: bool = True
    adaptive_matrix: bool = True
    shared_edges: bool = False
    dropout_rate: float = 0.05
    rematerialise: bool = False

    @nn.compact
    def __call__(self, keypoints_2d: jax.Array, *, train: bool) -> jax.Array:
        """Lifts `keypoints_2d [B, T, J, C]` to `[B, T - receptive_field + 1, J, 3]`.

        2D in normalised screen coordinates (P.2), 3D in the camera frame, relative to
        the root.

        Raises:
          JaxposeError: a field or the input's shape does not fit.
        """
        self._check(keypoints_2d)

        def norm(x: jax.Array, name: str) -> jax.Array:
            return BatchNorm(dtype=self.dtype, name=name)(x, train=train)

        # Coordinates over time and joints to features of the first attention block.
        x = norm(keypoints_2d, "input_norm")
        dilation = self.filter_widths[0]
        expand = self._conv(
            "expand",
            self.channels,
            dilation,
            1,
            kernel_init=kaiming_normal,
        )
        x = nn.relu(norm(expand(x), "expand_norm"))
        x = self._attention_block(x, 0, train)
        for block, size in enumerate(self.filter_widths[1:], start=1):
            # Each block sees `size` times as far and has twice the channels.
            channels = x.shape[-1]
            residual = self._aligned(x, size, dilation)
            x = self._conv(f"temporal_{block}", channels, size, dilation)(x)
            x = nn.relu(norm(x, f"temporal_norm_{block}"))
            pointwise = Linear(
                channels,
                use_bias=False,
                dtype=self.dtype,
                name=f"pointwise_{block}",
            )
            x = nn.relu(norm(pointwise(x), f"pointwise_norm_{block}"))
            x = residual + Dropout(self.dropout_rate)(x, train=train)
            x = self._attention_block(x, block, train)
            dilation *= size
        return Linear(3, use_bias=False, dtype=self.dtype, name="shrink")(x)

    def _attention_block(
        self,
        x: jax.Array,
        index: int,
        train: bool,
    ) -> jax.Array:
        block = GraphAttentionBlock(
            self.skeleton,
            x.shape[-1],
            self.symmetric_graph,
            self.connection_graph,
            self.attention_matrix,
            self.adaptive_matrix,
            self.shared_edges,
            self.dropout_rate,
            self.dtype,
            name=f"attention_{index}",
        )
        return call_block(
            block,
            x,
            train=train,
            rematerialise=self.rematerialise,
        )

    @nn.nowrap
    def check_fields(self) -> None:
        """Raises JaxposeError unless the fields fit each other."""
        super().check_fields()
        checks.check_sizes(self, channels=self.channels)
        checks.check_rates(self, dropout_rate=self.dropout_rate)
        if self.channels % HEADS:
            checks.fail(
                self,
                f"channels={self.channels} must be a multiple of its {HEADS} heads",
            )
        if not (self.symmetric_graph or self.connection_graph):
            checks.fail(
                self, "symmetric_graph and connection_graph are both off; leave one on"
            )
        if not (self.attention_matrix or self.adaptive_matrix):
            checks.fail(
                self, "attention_matrix and adaptive_matrix are both off; leave one on"
            )
        checks.check_bones(self)
