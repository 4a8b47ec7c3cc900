# SPDX-License-Identifier: Apache-2.0
"""A rate that nobody stated is known to be assumed, from the data to the policy, until somebody states it."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from act_ros.commands import convert
from act_ros.commands.inspect_policy import main as inspect
from act_ros.policy.folder import read_config
from act_ros.policy.policy import Policy
from golden import rebuild
from named_joints import OURS, Said, record, trained

pytestmark = pytest.mark.usefixtures('inline')


def test_a_rate_that_nobody_stated_stays_known_as_such(tmp_path: Path, capsys: Said) -> None:
    """From the data to the policy, through a conversion, until somebody states it."""
    folder = record(tmp_path / 'data', OURS)
    with h5py.File(folder / 'episode_0.hdf5', 'r+') as file:
        del file.attrs['rate_hz']
    assert trained(folder, tmp_path / 'p') == 0
    assert read_config(tmp_path / 'p').rate_assumed
    assert inspect([str(tmp_path / 'p'), '--engine', 'torch']) == 0
    shown = capsys.readouterr().out
    assert '50 Hz (assumed)' in shown and 'nobody stated the rate' in shown
    assert convert.main([str(tmp_path / 'p'), str(tmp_path / 'copy')]) == 0
    assert read_config(tmp_path / 'copy').rate_assumed
    assert convert.main([str(tmp_path / 'p'), str(tmp_path / 'stated'), '--rate', '50']) == 0
    assert not read_config(tmp_path / 'stated').rate_assumed
    assert any('nobody stated the rate' in note for note in Policy.load(tmp_path / 'p').notes)


@pytest.mark.parametrize('name', ['lerobot_0.3', 'lerobot_0.4', 'act', 'act_plus_plus'])
def test_of_other_projects_checkpoints_the_rate_is_assumed_until_it_is_stated(
    name: str, tmp_path: Path
) -> None:
    folder = rebuild(name, tmp_path)
    assert read_config(folder).rate_assumed
    with (folder / 'act_ros.yaml').open('a') as file:
        file.write('rate_hz: 50\n')
    assert not read_config(folder).rate_assumed
