# SPDX-License-Identifier: Apache-2.0
"""What a run of training leaves: which checkpoints are kept, and that one that cannot be written costs none."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from training_runs import trainer, weights

from act_ros.policy.errors import PolicyError
from act_ros.policy.policy import Policy
from act_ros.policy.training.run_files import load_state


def test_only_the_newest_checkpoints_are_kept_and_what_is_not_ours_stays(
    episodes: Path, tmp_path: Path
) -> None:
    run = trainer(episodes, tmp_path, checkpoint_every=1)
    run.keep = 2
    (tmp_path / 'step_2').mkdir()
    (tmp_path / 'step_2' / 'notes.txt').write_text('mine')
    run.run()
    assert {p.name for p in tmp_path.glob('step_*')} == {'step_2', 'step_5', 'step_6'}
    assert [p.name for p in (tmp_path / 'step_2').iterdir()] == ['notes.txt']
    assert (tmp_path / 'best' / 'model.safetensors').exists()


def refuse_a_checkpoint(episodes: Path, output: Path) -> None:
    """A run of nine steps goes on from the checkpoint of step 6, and can't write the next one."""
    before = {p: p.read_bytes() for p in output.rglob('*') if p.is_file()}
    longer = trainer(episodes, output, steps=9)
    longer.resume(load_state(output))
    with pytest.raises(PolicyError, match='of step 9 cannot be .*that of step 6 is whole') as e:
        longer.run()
    assert '\n' not in str(e.value)
    # A better policy may have come to `best`, whole.
    after = {p: p.read_bytes() for p in output.rglob('*') if p.is_file()}
    best = {p for p in after if p.parent.name == 'best'}
    assert {p for p in before if before[p] != after.get(p)} <= best and set(after) == set(before)
    assert Policy.load(output / 'best')


def test_a_checkpoint_that_may_not_be_written_leaves_the_one_before(
    episodes: Path, tmp_path: Path
) -> None:
    trainer(episodes, tmp_path).run()
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limit[1]))
    try:
        refuse_a_checkpoint(episodes, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    longer = trainer(episodes, tmp_path, steps=9)
    longer.resume(load_state(tmp_path))
    longer.run()
    assert Policy.load(tmp_path) and load_state(tmp_path)['step'] == 9


@pytest.mark.parametrize('part', [0.5, 1.05])
def test_a_checkpoint_that_does_not_fit_on_the_disk_leaves_the_one_before(
    episodes: Path, small_disk: Path, part: float
) -> None:
    """The state of the run does not fit, or it does and the weights after it don't."""
    trainer(episodes, small_disk).run()
    free = shutil.disk_usage(small_disk).free
    fill = small_disk / 'fill'
    with fill.open('wb') as file:
        left = int(part * (small_disk / 'training_state.pt').stat().st_size) + 2_000_000
        os.posix_fallocate(file.fileno(), 0, free - left)
    refuse_a_checkpoint(episodes, small_disk)
    fill.unlink()
    longer = trainer(episodes, small_disk, steps=9)
    longer.resume(load_state(small_disk))
    longer.run()
    assert Policy.load(small_disk)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, for those who may mount one."""
    folder = tmp_path / 'disk'
    folder.mkdir()
    mounted = subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', 'size=300m', 'tmpfs', folder],
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f'no disk can be mounted here: {mounted.stderr.strip()}')
    yield folder
    subprocess.run(['umount', folder], check=True)


def test_a_state_that_is_missing_damaged_or_hostile_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match='there is no'):
        load_state(tmp_path)
    (tmp_path / 'training_state.pt').write_bytes(b'garbage')
    with pytest.raises(PolicyError, match='is damaged'):
        load_state(tmp_path)
    torch.save({'step': Path('a class of its own')}, tmp_path / 'training_state.pt')
    with pytest.raises(PolicyError, match='is damaged'):
        load_state(tmp_path)


def test_every_checkpoint_is_a_policy_of_averaged_weights(episodes: Path, tmp_path: Path) -> None:
    run = trainer(episodes, tmp_path)
    run.run()
    for name in ('', 'step_3', 'step_6', 'best'):
        policy = Policy.load(tmp_path / name)
        assert policy.predict(
            np.zeros(14, np.float32), {'cam_high': np.zeros((48, 64, 3), np.uint8)}
        ).shape == (5, 14)
    saved = weights(tmp_path)['action_head.bias']
    assert torch.equal(saved, run.average.weights['action_head.bias'])
    assert not torch.equal(saved, run.network.action_head.bias)


def test_without_an_average_the_weights_themselves_are_saved(
    episodes: Path, tmp_path: Path
) -> None:
    run = trainer(episodes, tmp_path, ema=0.0)
    run.run()
    assert torch.equal(weights(tmp_path)['action_head.bias'], run.network.action_head.bias)
