# SPDX-License-Identifier: Apache-2.0
"""A policy names its joints: one of another order is refused, and turned by convert."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from act_ros.commands import convert
from act_ros.commands.evaluate import main as evaluate
from act_ros.commands.inspect_policy import main as inspect
from act_ros.policy.errors import PolicyError
from act_ros.policy.folder import read_config
from act_ros.policy.policy import Policy
from act_ros.policy.robot_fit import misfits
from golden import rebuild
from named_joints import OURS, RIGHT_FIRST, SPEC, SWAPPED, Said
from synthetic import some_images, tiny_config, write_policy


def test_a_policy_of_another_order_is_refused_and_turned_by_convert(
    tmp_path: Path, capsys: Said
) -> None:
    """Its actions for a pose are then the same, joint by joint."""
    config = write_policy(tmp_path / 'p', tiny_config(joint_names=RIGHT_FIRST))
    (reason,) = misfits(config, SPEC)
    assert 'entry 0 is right_waist (here left_waist)' in reason and 'act_ros convert' in reason
    assert evaluate(['--checkpoint', str(tmp_path / 'p'), '--seeds', '0']) == 2
    assert 'entry 0 is right_waist' in capsys.readouterr().err
    assert inspect([str(tmp_path / 'p'), '--engine', 'torch']) == 0
    assert 'fits the robot: no: the joints that the policy names' in capsys.readouterr().out
    words = [str(tmp_path / 'p'), str(tmp_path / 'turned'), '--joint-order']
    assert convert.main([*words, 'as-stated']) == 0
    assert misfits(read_config(tmp_path / 'turned'), SPEC) == []
    before, after = Policy.load(tmp_path / 'p', 1), Policy.load(tmp_path / 'turned', 1)
    qpos, images = np.linspace(-0.5, 0.5, 14, dtype=np.float32), some_images(config)
    theirs = before.predict(qpos[SWAPPED], images)
    np.testing.assert_allclose(after.predict(qpos, images), theirs[:, SWAPPED], atol=1e-5)
    words[1] = str(tmp_path / 'named')
    assert convert.main([*words, 'ours']) == 0
    named = Policy.load(tmp_path / 'named', 1)
    assert named.config.joint_names == SPEC.joint_names
    np.testing.assert_array_equal(named.predict(qpos, images), before.predict(qpos, images))


def test_a_policy_of_another_robot_is_refused_with_what_was_got(tmp_path: Path) -> None:
    (reason,) = misfits(tiny_config(joint_names=['elbow_flex', *OURS[1:]]), SPEC)
    assert '1 of 14 names are no joints of this robot: elbow_flex' in reason
    assert 'as-stated' not in reason
    with pytest.raises(PolicyError, match='joint_names is'):
        tiny_config(joint_names=['left_waist\n'])


def test_lerobots_layout_carries_names_and_rate_beside_it(tmp_path: Path, capsys: Said) -> None:
    source = rebuild('lerobot_0.4_variant', tmp_path / 'source')
    assert convert.main([str(source), str(tmp_path / 'a'), '--rate', '50']) == 0
    config = json.loads((tmp_path / 'a/config.json').read_text())
    (tmp_path / 'a/config.json').write_text(json.dumps({**config, 'joint_names': OURS}))
    assert convert.main([str(tmp_path / 'a'), str(tmp_path / 'b'), '--to', 'lerobot']) == 0
    back = read_config(tmp_path / 'b')
    assert back.joint_names == SPEC.joint_names and not back.rate_assumed
    beside = tmp_path / 'b/act_ros.yaml'
    beside.write_text(yaml.safe_dump({'joint_names': {'motors': RIGHT_FIRST}}))
    back = read_config(tmp_path / 'b')
    assert back.joint_names == tuple(RIGHT_FIRST) and back.rate_assumed
    beside.write_text('joint_names: 3\n')
    with pytest.raises(PolicyError, match='joint_names is 3; expected a list'):
        read_config(tmp_path / 'b')


@pytest.mark.parametrize('name', ['aloha_sim_transfer_cube', 'aloha_sim_insertion'])
def test_the_shipped_policies_name_the_joints_of_this_robot(name: str) -> None:
    config = read_config(Path(__file__).parents[2] / 'models' / name)
    assert config.joint_names == SPEC.joint_names and misfits(config, SPEC) == []
