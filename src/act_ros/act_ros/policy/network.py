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

from typing import NamedTuple

import torch
from torch import Tensor, nn

from act_ros.policy.config import PolicyConfig
from act_ros.policy.embedding import sine_embedding_1d, sine_embedding_2d
from act_ros.policy.errors import PolicyError
from act_ros.policy.transformer import Decoder, Encoder
from act_ros.policy.vision import build_backbone, lay_out


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
        lay_out(self)

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
        encoded = self.vae_encoder(tokens, self.vae_encoder_pos_enc, masked, read=1)  # (B, 1, D)
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
