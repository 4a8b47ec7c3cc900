# SPDX-License-Identifier: Apache-2.0
"""A loaded policy: units, cameras, bad inputs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from act_ros.policy.checkpoint import load_checkpoint
from act_ros.policy.engines.choice import EngineChoice
from act_ros.policy.errors import NonFiniteError, PolicyError
from act_ros.policy.policy import Policy
from synthetic import some_images, tiny_config, tiny_stats, write_policy

QPOS = np.linspace(-0.5, 0.5, 14, dtype=np.float32)


def test_inputs_are_normalized_and_actions_are_not(tmp_path: Path) -> None:
    config = write_policy(tmp_path)
    images = some_images(config)
    got = Policy.load(tmp_path).predict(QPOS, images)
    stats, network = tiny_stats(config), load_checkpoint(tmp_path).network
    mean, std = np.array(config.image_mean), np.array(config.image_std)
    pixels = ((images['cam_high'] / 255 - mean) / std).transpose(2, 0, 1).astype(np.float32)
    state = (QPOS - stats['qpos.mean']) / stats['qpos.std']
    with torch.no_grad():
        plain = (
            network(torch.from_numpy(state)[None], torch.from_numpy(pixels)[None, None])
            .actions[0]
            .numpy()
        )
    np.testing.assert_allclose(got, plain * stats['action.std'] + stats['action.mean'], atol=1e-5)
    assert got.shape == (5, 14) and got.dtype == np.float32


def test_larger_frames_are_resized_and_other_cameras_ignored(tmp_path: Path) -> None:
    config = write_policy(tmp_path)
    policy = Policy.load(tmp_path)
    small = some_images(config)['cam_high']
    large = small.repeat(4, axis=0).repeat(4, axis=1)
    want = policy.predict(QPOS, {'cam_high': small})
    np.testing.assert_array_equal(
        policy.predict(QPOS, {'cam_high': large, 'cam_low': large}), want
    )


def test_cameras_are_taken_by_name_and_each_matters(tmp_path: Path) -> None:
    config = write_policy(tmp_path, tiny_config(cameras=('a', 'b')))
    images = some_images(config)
    policy = Policy.load(tmp_path)
    want = policy.predict(QPOS, images)
    np.testing.assert_array_equal(policy.predict(QPOS, dict(reversed(images.items()))), want)
    for name in images:
        assert not np.allclose(policy.predict(QPOS, {**images, name: 0 * images[name]}), want)


def test_as_in_the_paper_cameras_are_told_apart_by_what_they_show_only(tmp_path: Path) -> None:
    # The tokens of all cameras have the same position embeddings, so that swapping two whole frames
    # changes nothing: a policy can't notice swapped cables by itself.
    config = write_policy(tmp_path, tiny_config(cameras=('a', 'b')))
    images = some_images(config)
    policy = Policy.load(tmp_path)
    swapped = policy.predict(QPOS, {'a': images['b'], 'b': images['a']})
    np.testing.assert_allclose(swapped, policy.predict(QPOS, images), atol=1e-5)


def test_bfloat16_gives_nearly_the_same_actions(tmp_path: Path) -> None:
    config = write_policy(tmp_path)
    images = some_images(config)
    exact, rough = (
        Policy.load(tmp_path, choice=EngineChoice('cpu', 'torch', p)).predict(QPOS, images)
        for p in ('fp32', 'bf16')
    )
    assert 0 < np.abs(exact - rough).max() < 0.1


@pytest.mark.parametrize(
    ('qpos', 'image', 'message'),
    [
        (
            QPOS[:7],
            np.zeros((48, 64, 3), np.uint8),
            r'qpos has shape \(7,\); the policy expects \(14,\)',
        ),
        (QPOS * np.nan, np.zeros((48, 64, 3), np.uint8), 'qpos is not finite'),
        (
            QPOS,
            np.zeros((48, 64, 3), np.float32),
            r'cam_high is float32 .*expected uint8 \(height, width, 3\)',
        ),
        (QPOS, np.zeros((48, 64), np.uint8), 'frame of cam_high'),
        (QPOS, np.zeros((64, 64, 3), np.uint8), 'camera cam_high: .*aspect ratio'),
        (QPOS, None, 'no frame of camera cam_high'),
    ],
)
def test_bad_inputs_are_named(
    tmp_path: Path, qpos: np.ndarray, image: np.ndarray | None, message: str
) -> None:
    write_policy(tmp_path)
    with pytest.raises(PolicyError, match=message):
        Policy.load(tmp_path).predict(qpos, {} if image is None else {'cam_high': image})


def test_a_prediction_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    config = write_policy(tmp_path)
    path = tmp_path / 'model.safetensors'
    save_file({**load_file(path), 'action_head.bias': torch.full((14,), 3e38)}, path)
    with pytest.raises(NonFiniteError, match='not finite'):
        Policy.load(tmp_path).predict(QPOS, some_images(config))


def test_an_unknown_precision_is_refused(tmp_path: Path) -> None:
    write_policy(tmp_path)
    with pytest.raises(PolicyError, match="precision is 'int4'; expected one of auto, fp32, bf16"):
        Policy.load(tmp_path, choice=EngineChoice(precision='int4'))


def test_a_policy_starts_without_what_is_slow_to_load_and_not_used(tmp_path: Path) -> None:
    """Those take five seconds of a processor, at every start of an inference process."""
    write_policy(tmp_path)
    code = (
        'import sys; from pathlib import Path; import numpy as np; from act_ros.policy.policy import Policy; '
        'from act_ros.policy.checkpoint import load_checkpoint; '
        'p = Policy.load(Path(sys.argv[1])); '
        'load_checkpoint(Path(sys.argv[1]), cvae=True); '
        'p.predict(np.zeros(14, np.float32), {"cam_high": np.zeros((48, 64, 3), np.uint8)}); '
        'sys.exit(", ".join({"torchvision", "torch._dynamo", "sympy"} & set(sys.modules)) or 0)'
    )
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, '-c', code, tmp_path],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
