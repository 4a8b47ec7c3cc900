# SPDX-License-Identifier: Apache-2.0
"""ACT, the Action Chunking Transformer, from the camera's pixels to a chunk of actions.

Zhao, Kumar, Levine, Finn: Learning Fine-Grained Bimanual Manipulation with Low-Cost Hardware, 2023
(arXiv 2304.13705). The network is a conditional variational auto-encoder:

    training    qpos, actions ──▶ CVAE encoder ──▶ z (latent_dim)
    inference                              z = 0 ──┐
    cameras ──▶  ResNet   ──▶ image tokens ──▶ transformer encoder ──▶ decoder (k queries) ──▶ k actions
                                      qpos ──┘

In the shape comments B is the batch, C the number of cameras, k the chunk, D `d_model`, L `latent_dim`,
S the number of encoder tokens: 2 + C·h·w, where h·w is the size of the backbone's feature map.
Names of modules and the order of tokens are those of LeRobot's implementation, whose checkpoints, and
through a table those of the paper's code, then fit without reshaping.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import PolicyError
from act_ros.policy.vision import build_backbone

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {'relu': F.relu, 'gelu': F.gelu}


class Prediction(NamedTuple):
    """What a forward pass gives: actions (B, k, action_dim), and in training the latent's distribution (B, L)."""

    actions: Tensor
    mu: Tensor | None
    log_variance: Tensor | None


class Losses(NamedTuple):
    """Scalars: `total` = l1 + kl_weight · kl is what training minimizes."""

    total: Tensor
    l1: Tensor
    kl: Tensor


class ACT(nn.Module):
    """The whole network. All inputs and outputs are normalized; `Policy` and the training loop do that.

    Args:
        config: sizes and cameras.
        cvae: also build the CVAE encoder, which only training needs; not where `config.vae` is false.
    """

    def __init__(self, config: PolicyConfig, cvae: bool = True) -> None:
        super().__init__()
        self.config = config
        d = config.d_model
        if cvae and config.vae:
            self.vae_encoder = Encoder(config, config.vae_layers)
            self.vae_encoder_cls_embed = nn.Embedding(1, d)
            self.vae_encoder_robot_state_input_proj = nn.Linear(config.state_dim, d)
            self.vae_encoder_action_input_proj = nn.Linear(config.action_dim, d)
            self.vae_encoder_latent_output_proj = nn.Linear(d, 2 * config.latent_dim)
            self.register_buffer(
                'vae_encoder_pos_enc', sine_embedding_1d(2 + config.chunk, d).unsqueeze(0)
            )
        self.backbone, channels = build_backbone(config)
        self.encoder = Encoder(config, config.encoder_layers)
        self.decoder = Decoder(config)
        self.encoder_robot_state_input_proj = nn.Linear(config.state_dim, d)
        self.encoder_latent_input_proj = nn.Linear(config.latent_dim, d)
        self.encoder_img_feat_input_proj = nn.Conv2d(channels, d, kernel_size=1)
        self.encoder_1d_feature_pos_embed = nn.Embedding(2, d)  # row 0: latent, row 1: robot state
        self.decoder_pos_embed = nn.Embedding(config.chunk, d)
        self.action_head = nn.Linear(d, config.action_dim)
        for module in (self.encoder, self.decoder):
            for parameter in module.parameters():
                if parameter.dim() > 1:
                    nn.init.xavier_uniform_(parameter)

    def forward(
        self,
        qpos: Tensor,
        images: Tensor,
        actions: Tensor | None = None,
        is_pad: Tensor | None = None,
        noise: Tensor | None = None,
    ) -> Prediction:
        """Predict a chunk of actions.

        Args:
            qpos: (B, state_dim).
            images: (B, C, 3, H, W), cameras in the order of the configuration.
            actions: (B, k, action_dim), the demonstrated chunk: given in training only. Without it z = 0.
            is_pad: (B, k) bool, true where `actions` goes beyond the end of its episode.
            noise: (B, L) standard normal noise of the latent; drawn here if it isn't given.
        """
        mu = log_variance = None
        latent = qpos.new_zeros(qpos.shape[0], self.config.latent_dim)  # (B, L)
        if actions is not None and is_pad is not None:
            if self.config.vae:
                mu, log_variance = self.encode_actions(qpos, actions, is_pad)  # (B, L) each
                noise = torch.randn_like(mu) if noise is None else noise
                latent = mu + (log_variance / 2).exp() * noise
            else:  # z stays 0, as from a distribution that is N(0, 1) whatever the actions
                mu, log_variance = latent, latent
        tokens, positions = self.encoder_tokens(qpos, images, latent)  # (B, S, D), (1, S, D)
        memory = self.encoder(tokens, positions)  # (B, S, D)
        queries = self.decoder_pos_embed.weight.unsqueeze(0)  # (1, k, D)
        decoded = self.decoder(memory, positions, queries)  # (B, k, D)
        return Prediction(self.action_head(decoded), mu, log_variance)  # (B, k, action_dim)

    def encode_actions(
        self, qpos: Tensor, actions: Tensor, is_pad: Tensor
    ) -> tuple[Tensor, Tensor]:
        """CVAE encoder: mean and log variance (B, L) of the latent that explains the demonstrated actions."""
        batch = qpos.shape[0]
        cls = self.vae_encoder_cls_embed.weight.unsqueeze(0).expand(batch, -1, -1)  # (B, 1, D)
        state = self.vae_encoder_robot_state_input_proj(qpos).unsqueeze(1)  # (B, 1, D)
        steps = self.vae_encoder_action_input_proj(actions)  # (B, k, D)
        tokens = torch.cat([cls.to(steps.dtype), state, steps], dim=1)  # (B, 2 + k, D)
        masked = torch.cat(
            [is_pad.new_zeros(batch, 2), is_pad], dim=1
        )  # (B, 2 + k), true is not attended to
        encoded = self.vae_encoder(tokens, self.vae_encoder_pos_enc, masked)  # (B, 2 + k, D)
        latent = self.vae_encoder_latent_output_proj(
            encoded[:, 0]
        ).float()  # (B, 2 L), from the CLS token
        mu, log_variance = latent.chunk(2, dim=1)
        return mu, log_variance

    def encoder_tokens(
        self, qpos: Tensor, images: Tensor, latent: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Input tokens (B, S, D) of the encoder, [latent, state, image tokens per camera], and positions (1, S, D)."""
        batch, cameras = images.shape[:2]
        features = self.encoder_img_feat_input_proj(self.image_features(images))  # (B·C, D, h, w)
        height, width = features.shape[-2:]
        # Row-major pixels of the first camera, then of the second, …
        seen = features.flatten(2).transpose(1, 2)  # (B·C, h·w, D)
        seen = seen.reshape(batch, cameras * height * width, -1)  # (B, C·h·w, D)
        z = self.encoder_latent_input_proj(latent).unsqueeze(1)  # (B, 1, D)
        state = self.encoder_robot_state_input_proj(qpos).unsqueeze(1)  # (B, 1, D)
        tokens = torch.cat([z, state, seen], dim=1)  # (B, S, D)
        place = sine_embedding_2d(height, width, self.config.d_model, tokens.device)  # (h·w, D)
        first = self.encoder_1d_feature_pos_embed.weight  # (2, D)
        positions = torch.cat([first, place.repeat(cameras, 1)]).unsqueeze(0)  # (1, S, D)
        return tokens, positions

    def image_features(self, images: Tensor) -> Tensor:
        """Feature maps (B·C, channels, h, w) of images (B, C, 3, H, W)."""
        if isinstance(self.backbone, nn.ModuleList):
            maps = [
                trunk(images[:, i].contiguous(memory_format=torch.channels_last))
                for i, trunk in enumerate(self.backbone)
            ]  # C times (B, channels, h, w)
            return torch.stack(maps, dim=1).flatten(0, 1)
        # One backbone, with shared weights, sees the frames of all cameras as one batch.
        pixels = images.flatten(0, 1).contiguous(
            memory_format=torch.channels_last
        )  # (B·C, 3, H, W)
        features: Tensor = self.backbone(pixels)
        return features


class Encoder(nn.Module):
    """Transformer encoder. Positions are added to queries and keys of every layer."""

    def __init__(self, config: PolicyConfig, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(layers))
        self.norm: nn.Module = nn.LayerNorm(config.d_model) if config.pre_norm else nn.Identity()

    def forward(self, x: Tensor, positions: Tensor, masked: Tensor | None = None) -> Tensor:
        """Tokens x (B, S, D), positions (1, S, D), masked (B, S) true where a token is ignored -> (B, S, D)."""
        for layer in self.layers:
            x = layer(x, positions, masked)
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

    def forward(self, x: Tensor, positions: Tensor, masked: Tensor | None = None) -> Tensor:
        """See `Encoder.forward`."""
        if self.pre_norm:
            normed = self.norm1(x)
            q = normed + positions
            x = x + self.dropout(self.self_attn(q, q, normed, masked))
            return x + self._feed_forward(self.norm2(x))
        q = x + positions  # (B, S, D); the values carry no position
        attended = self.self_attn(q, q, x, masked)
        x = self.norm1(x + self.dropout(attended))
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


def sine_embedding_1d(positions: int, width: int) -> Tensor:
    """(positions, width): sin and cos of position / 10000^(2i/width) in turns (Vaswani et al. 2017)."""
    place = torch.arange(positions, dtype=torch.float64).unsqueeze(1)
    pair = torch.arange(width, dtype=torch.float64) // 2
    angle = place / 10000 ** (2 * pair / width)  # (positions, width)
    angle[:, 0::2] = angle[:, 0::2].sin()
    angle[:, 1::2] = angle[:, 1::2].cos()
    return angle.float()


def sine_embedding_2d(
    height: int, width: int, d_model: int, device: torch.device | None = None
) -> Tensor:
    """(height·width, d_model): DETR's embedding of places in a feature map, rows then columns, each in d_model/2.

    Rows count 1..height and are scaled to end at 2π, columns likewise.
    """
    half = d_model // 2
    pair = torch.arange(half, dtype=torch.float32, device=device) // 2
    period = 10000 ** (2 * pair / half)  # (half,)

    def axis(length: int) -> Tensor:
        place = torch.arange(1, length + 1, dtype=torch.float32, device=device)
        angle = (place / (length + 1e-6) * (2 * math.pi)).unsqueeze(1) / period  # (length, half)
        return torch.stack([angle[:, 0::2].sin(), angle[:, 1::2].cos()], dim=2).flatten(1)

    rows = axis(height).unsqueeze(1).expand(height, width, half)
    columns = axis(width).unsqueeze(0).expand(height, width, half)
    return torch.cat([rows, columns], dim=2).flatten(0, 1)


def act_loss(prediction: Prediction, actions: Tensor, is_pad: Tensor, kl_weight: float) -> Losses:
    """L1 to the demonstrated actions plus `kl_weight` times the KL divergence of the latent from N(0, 1).

    The L1 is the mean over the steps that are not padding; the paper's code divides by all steps, which
    counts a sample near the end of its episode for less. The KL is summed over the latent and averaged
    over the batch.

    Args:
        prediction: of a forward pass with actions.
        actions: (B, k, action_dim), normalized.
        is_pad: (B, k) bool.
        kl_weight: β of the paper.
    """
    if prediction.mu is None or prediction.log_variance is None:
        raise PolicyError('the loss needs a forward pass with the demonstrated actions')
    valid = (~is_pad).unsqueeze(2)  # (B, k, 1)
    error = (prediction.actions.float() - actions).abs() * valid
    l1 = error.sum() / (valid.sum() * actions.shape[2])
    mu, log_variance = prediction.mu, prediction.log_variance
    kl = (-0.5 * (1 + log_variance - mu.pow(2) - log_variance.exp())).sum(dim=1).mean()
    return Losses(l1 + kl_weight * kl, l1, kl)
