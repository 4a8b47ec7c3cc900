# SPDX-License-Identifier: Apache-2.0
"""The transformer of ACT: encoder and decoder as in DETR, with an attention and a dropout that a CPU is fast at.

In the shape comments B is the batch, k the chunk, D `d_model`, S the number of encoder tokens.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from act_ros.policy.config import PolicyConfig

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {'relu': F.relu, 'gelu': F.gelu}


class Encoder(nn.Module):
    """Transformer encoder. Positions are added to queries and keys of every layer."""

    def __init__(self, config: PolicyConfig, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(layers))
        self.norm: nn.Module = nn.LayerNorm(config.d_model) if config.pre_norm else nn.Identity()

    def forward(
        self, x: Tensor, positions: Tensor, masked: Tensor | None = None, read: int | None = None
    ) -> Tensor:
        """Tokens x (B, S, D), positions (1, S, D), masked (B, S) true where a token is ignored -> (B, S, D).

        With `read` only the first so many tokens come out: the last layer computes no others.
        """
        last = len(self.layers) - 1
        for i, layer in enumerate(self.layers):
            x = layer(x, positions, masked, read if i == last else None)
        y: Tensor = self.norm(x)
        return y


class EncoderLayer(nn.Module):
    """Self-attention and a feed-forward block, each added to its input and then layer-normalized.

    With `pre_norm` what a block reads is normalized, and its sum with the input is not.
    """

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config)
        self.linear1 = nn.Linear(config.d_model, config.feedforward)
        self.linear2 = nn.Linear(config.feedforward, config.d_model)
        self.norm1 = nn.LayerNorm(config.d_model)
        self.norm2 = nn.LayerNorm(config.d_model)
        self.dropout = Dropout(config.dropout)
        self.activation = ACTIVATIONS[config.activation]
        self.pre_norm = config.pre_norm

    def forward(
        self, x: Tensor, positions: Tensor, masked: Tensor | None = None, read: int | None = None
    ) -> Tensor:
        """See `Encoder.forward`."""
        values = self.norm1(x) if self.pre_norm else x
        keys = values + positions  # (B, S, D); the values carry no position
        queries = keys if read is None else keys[:, :read]
        attended = self.dropout(self.self_attn(queries, keys, values, masked))
        x = x[:, :read] + attended
        if self.pre_norm:
            return x + self._feed_forward(self.norm2(x))
        x = self.norm1(x)
        y: Tensor = self.norm2(x + self._feed_forward(x))
        return y

    def _feed_forward(self, x: Tensor) -> Tensor:
        hidden = self.dropout(self.activation(self.linear1(x)))  # (B, S, feedforward)
        return self.dropout(self.linear2(hidden))


class Decoder(nn.Module):
    """Transformer decoder: k learned queries read the encoder's output."""

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder_layers))
        self.norm = nn.LayerNorm(config.d_model)

    def forward(self, memory: Tensor, positions: Tensor, queries: Tensor) -> Tensor:
        """Encoder output (B, S, D) with positions (1, S, D), queries (1, k, D) -> (B, k, D)."""
        x = queries.new_zeros(
            memory.shape[0], queries.shape[1], queries.shape[2]
        )  # (B, k, D), empty
        for layer in self.layers:
            x = layer(x, memory, positions, queries)
        y: Tensor = self.norm(x)
        return y


class DecoderLayer(nn.Module):
    """Self-attention among the queries, attention to the encoder's output, a feed-forward block.

    Each is added to its input and then layer-normalized; with `pre_norm` as in `EncoderLayer`.
    """

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config)
        self.multihead_attn = Attention(config)
        self.linear1 = nn.Linear(config.d_model, config.feedforward)
        self.linear2 = nn.Linear(config.feedforward, config.d_model)
        self.norm1 = nn.LayerNorm(config.d_model)
        self.norm2 = nn.LayerNorm(config.d_model)
        self.norm3 = nn.LayerNorm(config.d_model)
        self.dropout = Dropout(config.dropout)
        self.activation = ACTIVATIONS[config.activation]
        self.pre_norm = config.pre_norm

    def forward(self, x: Tensor, memory: Tensor, positions: Tensor, queries: Tensor) -> Tensor:
        """x (B, k, D), memory (B, S, D), positions (1, S, D) of memory, queries (1, k, D) -> (B, k, D)."""
        keys = memory + positions
        if self.pre_norm:
            normed = self.norm1(x)
            q = normed + queries
            x = x + self.dropout(self.self_attn(q, q, normed))
            x = x + self.dropout(self.multihead_attn(self.norm2(x) + queries, keys, memory))
            return x + self._feed_forward(self.norm3(x))
        q = x + queries
        x = self.norm1(x + self.dropout(self.self_attn(q, q, x)))
        read = self.multihead_attn(x + queries, keys, memory)
        x = self.norm2(x + self.dropout(read))
        y: Tensor = self.norm3(x + self._feed_forward(x))
        return y

    def _feed_forward(self, x: Tensor) -> Tensor:
        hidden = self.dropout(self.activation(self.linear1(x)))  # (B, k, feedforward)
        return self.dropout(self.linear2(hidden))


class Attention(nn.Module):
    """Multi-head attention, softmax(Q Kᵀ / √d) V, with the parameters of PyTorch's `MultiheadAttention`.

    Spelled out because on a CPU PyTorch's own spends a quarter of a training step on dropout's random
    numbers, and the backward pass of its fused kernel takes longer than these few products. On a GPU
    that kernel is the faster one.
    """

    def __init__(self, config: PolicyConfig) -> None:
        super().__init__()
        d = config.d_model
        self.heads = config.heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * d, d))  # rows: queries, keys, values
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * d))
        self.out_proj = nn.Linear(d, d)
        self.dropout = Dropout(config.dropout)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, masked: Tensor | None = None
    ) -> Tensor:
        """Queries (B, Q, D) read values (B, S, D) by keys (B, S, D); masked (B, S) true is not read -> (B, Q, D)."""
        batch, _, d = value.shape
        if query is key:
            joint = F.linear(query, self.in_proj_weight[: 2 * d], self.in_proj_bias[: 2 * d])
            q, k = joint.chunk(2, dim=2)
        else:
            q = F.linear(query, self.in_proj_weight[:d], self.in_proj_bias[:d])
            k = F.linear(key, self.in_proj_weight[d : 2 * d], self.in_proj_bias[d : 2 * d])
        v = F.linear(value, self.in_proj_weight[2 * d :], self.in_proj_bias[2 * d :])
        q, k, v = (
            t.reshape(*t.shape[:2], self.heads, -1).transpose(1, 2) for t in (q, k, v)
        )  # (B, heads, tokens, d)
        unread = None if masked is None else masked.view(batch, 1, 1, -1)
        mixed = self.fused(q, k, v, unread) if q.is_cuda else self.spelled_out(q, k, v, unread)
        y: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return y

    def fused(self, q: Tensor, k: Tensor, v: Tensor, masked: Tensor | None) -> Tensor:
        """`spelled_out` by PyTorch's kernel."""
        dropout = self.dropout.probability if self.training else 0.0
        read = None if masked is None else ~masked
        return F.scaled_dot_product_attention(q, k, v, read, dropout)

    def spelled_out(self, q: Tensor, k: Tensor, v: Tensor, masked: Tensor | None) -> Tensor:
        """softmax(q kᵀ / √d) v of each head: (B, heads, tokens, d) each, masked (B, 1, 1, S)."""
        scores = (q * q.shape[3] ** -0.5) @ k.transpose(2, 3)  # (B, heads, Q, S)
        if masked is not None:
            scores = scores.masked_fill(masked, -math.inf)
        return self.dropout(scores.softmax(dim=3)).to(v.dtype) @ v


class Dropout(nn.Module):
    """Dropout that draws eight decisions from each random number on a CPU, in steps of 1/256 of probability.

    PyTorch's draws one per element there, which took a quarter of the time of a training step.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability
        self.threshold = round(probability * 256)

    def forward(self, x: Tensor) -> Tensor:
        """Zero entries of x at random in training and scale the others up; x itself in evaluation."""
        if not self.training or self.threshold == 0:
            return x
        if x.is_cuda:
            return F.dropout(x, self.probability)
        draws = torch.empty((x.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
        keep = draws.view(torch.uint8)[: x.numel()].view(x.shape) >= self.threshold
        return x * keep.to(x.dtype).mul_(256 / (256 - self.threshold))
