# SPDX-License-Identifier: Apache-2.0
"""The ACT network: shapes, formulas, and what must not depend on what."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from act_ros.policy.embedding import sine_embedding_1d, sine_embedding_2d
from act_ros.policy.errors import PolicyError
from act_ros.policy.network import ACT, Prediction, act_loss
from act_ros.policy.transformer import Attention, Dropout, Encoder
from act_ros.policy.vision import FrozenBatchNorm
from synthetic import tiny_config


def inputs(
    cameras: int = 1, batch: int = 2
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(3)
    qpos = torch.randn(batch, 14, generator=random)
    images = torch.randn(batch, cameras, 3, 48, 64, generator=random)
    actions = torch.randn(batch, 5, 14, generator=random)
    is_pad = torch.zeros(batch, 5, dtype=torch.bool)
    is_pad[0, 3:] = True
    return qpos, images, actions, is_pad


@pytest.mark.parametrize('layers', [3, 4])
@pytest.mark.parametrize('norm', ['group', 'frozen_batch'])
@pytest.mark.parametrize('cameras', [1, 3])
def test_a_chunk_of_actions_comes_out(layers: int, norm: str, cameras: int) -> None:
    names = tuple(f'cam_{i}' for i in range(cameras))
    network = ACT(tiny_config(cameras=names, backbone_layers=layers, norm=norm)).eval()
    qpos, images, _, _ = inputs(cameras)
    assert network(qpos, images).actions.shape == (2, 5, 14)


def test_inference_is_deterministic_and_needs_no_cvae_encoder() -> None:
    torch.manual_seed(0)
    trained = ACT(tiny_config()).eval()
    slim = ACT(tiny_config(), cvae=False).eval()
    slim.load_state_dict(
        {k: v for k, v in trained.state_dict().items() if not k.startswith('vae_encoder')}
    )
    qpos, images, _, _ = inputs()
    with torch.no_grad():
        torch.testing.assert_close(
            trained(qpos, images).actions, slim(qpos, images).actions, rtol=0, atol=0
        )


def test_every_parameter_gets_a_gradient_in_training() -> None:
    network = ACT(tiny_config())
    qpos, images, actions, is_pad = inputs()
    act_loss(network(qpos, images, actions, is_pad), actions, is_pad, 10.0).total.backward()
    without = [
        n for n, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()
    ]
    assert without == []


def test_padded_actions_change_neither_latent_nor_loss() -> None:
    network = ACT(tiny_config(dropout=0.0))
    qpos, images, actions, is_pad = inputs()
    other = actions.clone()
    other[0, 3:] += 100.0
    noise = torch.zeros(2, 4)
    first, second = (network(qpos, images, a, is_pad, noise) for a in (actions, other))
    torch.testing.assert_close(first.mu, second.mu)
    losses = [act_loss(p, a, is_pad, 10.0) for p, a in ((first, actions), (second, other))]
    torch.testing.assert_close(losses[0].total, losses[1].total)


def test_the_latent_is_drawn_from_its_distribution() -> None:
    network = ACT(tiny_config(dropout=0.0))
    qpos, images, actions, is_pad = inputs()
    zero, one = (
        network(qpos, images, actions, is_pad, torch.full((2, 4), v)).actions for v in (0.0, 1.0)
    )
    assert not torch.allclose(zero, one)


def test_every_camera_and_its_place_matter() -> None:
    network = ACT(tiny_config(cameras=('a', 'b'))).eval()
    qpos, images, _, _ = inputs(2)
    plain = network(qpos, images).actions
    blind = images.clone()
    blind[:, 1] = 0
    assert not torch.allclose(plain, network(qpos, blind).actions)
    mirrored = images.flip(4)
    assert not torch.allclose(plain, network(qpos, mirrored).actions)


def test_the_image_tokens_of_cameras_follow_each_other_row_by_row() -> None:
    network = ACT(tiny_config(cameras=('a', 'b'))).eval()
    qpos, images, _, _ = inputs(2)
    with torch.no_grad():
        tokens, positions = network.encoder_tokens(qpos, images, torch.zeros(2, 4))
        second = network.encoder_img_feat_input_proj(
            network.backbone(images[:, 1])
        )  # (2, 32, 3, 4)
    assert tokens.shape == (2, 2 + 2 * 3 * 4, 32)
    torch.testing.assert_close(tokens[:, 2 + 12 + 1 * 4 + 2], second[:, :, 1, 2])
    torch.testing.assert_close(positions[0, 2:14], positions[0, 14:])


@pytest.mark.parametrize('way', ['spelled_out', 'fused'])
def test_attention_is_that_of_pytorch_with_the_same_parameters(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = nn.MultiheadAttention(32, 2, batch_first=True).eval()
    mine = Attention(tiny_config()).eval()
    monkeypatch.setattr(mine, 'spelled_out', getattr(mine, way))  # a CPU's way
    mine.load_state_dict(reference.state_dict())
    query, key, value = torch.randn(2, 5, 32), torch.randn(2, 7, 32), torch.randn(2, 7, 32)
    masked = torch.zeros(2, 7, dtype=torch.bool)
    masked[1, 4:] = True
    want = reference(query, key, value, key_padding_mask=masked)[0]
    torch.testing.assert_close(mine(query, key, value, masked), want, rtol=0, atol=1e-6)
    torch.testing.assert_close(
        mine(query, query, query), reference(query, query, query)[0], rtol=0, atol=1e-6
    )


@pytest.mark.parametrize('pre_norm', [False, True])
def test_tokens_that_are_read_alone_are_those_of_the_whole_encoder(pre_norm: bool) -> None:
    encoder = Encoder(tiny_config(pre_norm=pre_norm), 2).eval()
    tokens, positions = torch.randn(2, 7, 32), torch.randn(1, 7, 32)
    masked = torch.zeros(2, 7, dtype=torch.bool)
    masked[1, 4:] = True
    whole = encoder(tokens, positions, masked)
    torch.testing.assert_close(encoder(tokens, positions, masked, read=1), whole[:, :1])


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    dropout = Dropout(0.25)
    x = torch.ones(100_003)
    y = dropout(x)
    assert (y == 0).float().mean().item() == pytest.approx(0.25, abs=0.005)
    assert y.mean().item() == pytest.approx(1.0, abs=0.01)
    assert dropout.eval()(x) is x


def test_frozen_batch_normalization_is_that_of_pytorch_in_evaluation() -> None:
    reference = nn.BatchNorm2d(6).eval()
    for value in (reference.weight, reference.bias, reference.running_mean):
        nn.init.normal_(value)  # type: ignore[arg-type]
    reference.running_var = torch.rand(6) + 0.5
    mine = FrozenBatchNorm(6)
    mine.load_state_dict(
        {k: v for k, v in reference.state_dict().items() if k != 'num_batches_tracked'}
    )
    x = torch.randn(2, 6, 4, 5)
    torch.testing.assert_close(mine(x), reference(x))


def test_sine_embeddings_follow_their_formulas() -> None:
    one = sine_embedding_1d(7, 8)
    assert one[5, 2].item() == pytest.approx(math.sin(5 / 10000 ** (2 / 8)), abs=1e-6)
    assert one[5, 3].item() == pytest.approx(math.cos(5 / 10000 ** (2 / 8)), abs=1e-6)
    two = sine_embedding_2d(3, 4, 16).reshape(3, 4, 16)
    row = 2 * math.pi * 2 / 3  # the second of three rows
    column = 2 * math.pi * 3 / 4
    assert two[1, 2, 0].item() == pytest.approx(math.sin(row), abs=1e-5)
    assert two[1, 2, 3].item() == pytest.approx(math.cos(row / 10000 ** (2 / 8)), abs=1e-5)
    assert two[1, 2, 8].item() == pytest.approx(math.sin(column), abs=1e-5)


def test_the_loss_is_the_mean_over_valid_steps_plus_weighted_kl() -> None:
    actions = torch.zeros(2, 2, 3)
    is_pad = torch.tensor([[False, True], [False, False]])
    predicted = torch.tensor([1.0, 9.0, 2.0, 3.0]).reshape(2, 2, 1).expand(2, 2, 3)
    mu, log_variance = torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.zeros(2, 2)
    losses = act_loss(Prediction(predicted, mu, log_variance), actions, is_pad, 10.0)
    assert losses.l1.item() == pytest.approx((1 + 2 + 3) / 3)
    assert losses.kl.item() == pytest.approx(0.25)  # ½ mu² summed, over a batch of two
    assert losses.total.item() == pytest.approx(2 + 10 * 0.25)


def test_a_loss_without_the_latent_is_refused() -> None:
    actions = torch.zeros(1, 2, 3)
    with pytest.raises(PolicyError, match='demonstrated actions'):
        act_loss(
            Prediction(actions, None, None), actions, torch.zeros(1, 2, dtype=torch.bool), 10.0
        )


@pytest.mark.parametrize(
    'changes',
    [
        {'backbone': 'resnet34', 'backbone_layers': 4},
        {'backbone': 'resnet50', 'backbone_layers': 4, 'dilation': True},
        {'per_camera': True, 'cameras': ('cam_high', 'cam_low')},
        {'pre_norm': True, 'decoder_layers': 2},
        {'activation': 'gelu'},
        {'vae': False},
    ],
)
def test_every_variant_predicts_and_learns(changes: dict[str, object]) -> None:
    config = tiny_config(**changes)
    network = ACT(config)
    qpos, images, actions, is_pad = inputs(len(config.cameras))
    losses = act_loss(network(qpos, images, actions, is_pad), actions, is_pad, 10.0)
    losses.total.backward()
    silent = [name for name, value in network.named_parameters() if value.grad is None]
    assert torch.isfinite(losses.total) and not silent
    assert (losses.kl == 0) == (not config.vae)
    with torch.no_grad():
        assert network.eval()(qpos, images).actions.shape == (2, 5, 14)


def test_each_camera_has_its_own_backbone_where_the_configuration_says_so() -> None:
    torch.manual_seed(0)
    network = ACT(tiny_config(per_camera=True, cameras=('cam_high', 'cam_low'))).eval()
    _, images, _, _ = inputs(2)
    same = images[:, :1].expand(-1, 2, -1, -1, -1)
    with torch.no_grad():
        high, low = network.image_features(same).unflatten(0, (2, 2)).unbind(dim=1)
    assert not torch.allclose(high, low)


def test_dilation_keeps_the_last_stage_fine() -> None:
    _, images, _, _ = inputs()
    sizes = {}
    for dilation in (False, True):
        config = tiny_config(backbone='resnet50', backbone_layers=4, dilation=dilation)
        with torch.no_grad():
            sizes[dilation] = ACT(config).eval().image_features(images).shape[-2:]
    assert sizes == {False: (2, 2), True: (3, 4)}
