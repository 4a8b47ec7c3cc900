# SPDX-License-Identifier: Apache-2.0
"""Training: it learns, a seed reproduces it, a resumed run is the same, and the command says what is wrong."""

from __future__ import annotations

import dataclasses
import math
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from act_ros.data.dataset import Dataset
from act_ros.paths import share_dir
from act_ros.policy.config import PolicyConfig
from act_ros.policy.errors import PolicyError
from act_ros.policy.policy import Policy
from act_ros.policy.training.augment import augment_images, withhold_qpos
from act_ros.policy.training.batches import Batches, Feed, Order, fits
from act_ros.policy.training.curves import Curves
from act_ros.policy.training.origin import origin, seed_runs
from act_ros.policy.training.placement import Placement, find_place
from act_ros.policy.training.recipe import Recipe, load_recipe
from act_ros.policy.training.run_files import load_state
from act_ros.policy.training.schedule import Progress, rate_factor
from act_ros.policy.training.trainer import Trainer
from synthetic import TINY, write_episode

RECIPE = Recipe(
    pretrained=False,
    steps=6,
    batch=4,
    lr=1e-3,
    lr_backbone=1e-3,
    warmup=2,
    schedule='cosine',
    grad_clip=10.0,
    ema=0.9,
    precision='bf16',
    augment_shift=1,
    augment_brightness=0.1,
    augment_offset=4.0,
    augment_noise=2.0,
    qpos_dropout=0.3,
    validation=0.3,
    checkpoint_every=3,
    log_every=1,
)
CPU = Placement(torch.device('cpu'))


@pytest.fixture(scope='module')
def episodes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('episodes')
    for i in range(3):
        write_episode(folder / f'episode_{i}.hdf5', 12, seed=i)
    return folder


def trainer(episodes: Path, output: Path, seed: int = 1, **changes: Any) -> Trainer:
    data = Dataset(episodes, TINY['image_size'], TINY['chunk'])
    config = PolicyConfig(cameras=data.cameras, **TINY)
    recipe = dataclasses.replace(RECIPE, **changes)
    return Trainer(config, recipe, data, output, seed, CPU, Curves(None))


@pytest.fixture(scope='module')
def whole(episodes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of seed 1, for the tests that compare with one and leave it as it is."""
    folder = tmp_path_factory.mktemp('whole')
    trainer(episodes, folder).run()
    return folder


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / 'model.safetensors')


def same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)


def test_the_loss_falls(episodes: Path, tmp_path: Path) -> None:
    run = trainer(episodes, tmp_path, steps=60, checkpoint_every=60, batch=8, kl_weight=1.0)
    run.run()
    curve = [value for _, value in run.curves.values['l1']]
    assert np.mean(curve[-10:]) < 0.92 * np.mean(curve[:10])


def test_a_seed_reproduces_the_policy_bit_for_bit(
    episodes: Path, whole: Path, tmp_path: Path
) -> None:
    for name, seed in (('again', 1), ('other', 2)):
        trainer(episodes, tmp_path / name, seed).run()
    assert same(weights(whole), weights(tmp_path / 'again'))
    assert not same(weights(whole), weights(tmp_path / 'other'))


def test_a_resumed_run_equals_one_that_was_not_interrupted(
    episodes: Path, whole: Path, tmp_path: Path
) -> None:
    first = trainer(episodes, tmp_path / 'parts')

    class StopError(Exception):
        pass

    def stop(step: int) -> None:
        if step == 5:  # two steps after the checkpoint: they are done again
            raise StopError

    with pytest.raises(StopError):
        first.run(stop)
    second = trainer(episodes, tmp_path / 'parts')
    second.resume(load_state(tmp_path / 'parts'))
    assert second.step == 3
    second.run()
    assert same(weights(whole), weights(tmp_path / 'parts'))


def test_a_run_is_not_resumed_with_other_numbers(
    episodes: Path, whole: Path, tmp_path: Path
) -> None:
    with pytest.raises(PolicyError, match='cannot resume: lr was 0.001, and is 0.0001'):
        trainer(episodes, tmp_path, lr=1e-4).resume(load_state(whole))
    with pytest.raises(PolicyError, match='cannot resume: seed was 1, and is 5'):
        trainer(episodes, tmp_path, seed=5).resume(load_state(whole))


def test_a_run_from_before_a_number_was_invented_goes_on_without_it(
    episodes: Path, whole: Path, tmp_path: Path
) -> None:
    old = load_state(whole)
    del old['recipe']['qpos_dropout']
    with pytest.raises(PolicyError, match='cannot resume: qpos_dropout was 0.0, and is 0.3'):
        trainer(episodes, tmp_path).resume(old)
    trainer(episodes, tmp_path, qpos_dropout=0.0).resume(old)


@pytest.mark.parametrize('length', [{'steps': 9}, {'minutes': 2 / 60}])
def test_a_finished_run_is_lengthened(
    episodes: Path, tmp_path: Path, length: dict[str, Any]
) -> None:
    first = trainer(episodes, tmp_path)
    first.run()
    assert first.curves.values['lr'][-1][1] < 2e-4
    second = trainer(episodes, tmp_path, **length)
    second.resume(load_state(tmp_path))
    second.progress.restore(second.step, 1.0)  # the first took one second, on any machine
    second.run()
    rates = second.curves.values['lr']
    assert rates[0][0] == 7 and rates[0][1] > 2e-4  # the rate that belongs there in the longer run
    assert second.step >= 9 if 'steps' in length else second.progress.seconds >= 2


def test_a_run_that_is_stopped_leaves_a_checkpoint_and_goes_on_as_if_it_had_not_been(
    episodes: Path, whole: Path, tmp_path: Path
) -> None:
    first = trainer(episodes, tmp_path)

    def stop(step: int) -> None:
        first.progress.stop = step == 5

    first.run(stop)
    second = trainer(episodes, tmp_path)
    second.resume(load_state(tmp_path))
    assert second.step == 5
    second.run()
    assert same(weights(whole), weights(tmp_path))


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


def test_curves_of_the_part_before_a_resume_are_kept(tmp_path: Path) -> None:
    curves = Curves(tmp_path)
    for step in range(1, 7):
        curves.add(step, {'l1': float(step)})
        if step <= 4:
            curves.save()
    again = Curves(tmp_path)
    again.resume(3)
    again.add(4, {'l1': 0.5})
    assert again.values == {'l1': [(1, 1.0), (2, 2.0), (3, 3.0), (4, 0.5)]}
    again.close()
    assert (tmp_path / 'loss.png').stat().st_size > 1000


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


def test_each_tick_is_seen_once_before_any_is_seen_again() -> None:
    ticks = np.arange(100, 123)
    order = Order(ticks, 1, 4, CPU)
    seen = np.concatenate([order.at(step) for step in range(2 * len(ticks) // 4)])
    assert sorted(seen[: len(ticks)]) == sorted(ticks)
    assert not np.array_equal(seen[: len(ticks)], seen[len(ticks) : 2 * len(ticks)])
    np.testing.assert_array_equal(Order(ticks, 1, 4, CPU).at(7), order.at(7))


def test_processes_that_train_together_take_different_samples() -> None:
    ticks = np.arange(23)
    alone = Order(ticks, 1, 8, CPU)
    for step in range(9):
        parts = [Order(ticks, 1, 4, Placement(CPU.device, rank, 2)).at(step) for rank in range(2)]
        np.testing.assert_array_equal(np.concatenate(parts), alone.at(step))


def test_frames_that_lie_on_the_device_are_those_that_are_fetched_ahead(episodes: Path) -> None:
    data = Dataset(episodes, TINY['image_size'], TINY['chunk'])
    order = Order(np.arange(len(data)), 1, 5, CPU)
    there, ahead = (Batches(data, CPU.device, resident) for resident in (True, False))
    feed = Feed(ahead, order)
    for step in (0, 1, 2, 7):  # a run that goes on elsewhere skips some
        one, two = there.samples(order.at(step)), feed.at(step)
        for mine, theirs in zip(vars(one).values(), vars(two).values(), strict=True):
            assert torch.equal(mine, theirs)
    feed.close()


def test_frames_lie_on_a_gpu_where_they_leave_it_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, 'mem_get_info', lambda device: (10_000, 80_000))
    assert fits(5000, torch.device('cuda:0')) and not fits(5001, torch.device('cuda:0'))
    assert not fits(1, CPU.device)  # there they are as near in their file


def test_a_policy_is_the_same_wherever_its_frames_lay(
    episodes: Path, whole: Path, tmp_path: Path
) -> None:
    run = trainer(episodes, tmp_path)
    run.batches = Batches(run.dataset, CPU.device, resident=True)
    run.run()
    assert same(weights(whole), weights(tmp_path))


def test_a_loss_that_is_not_finite_stops_the_run(episodes: Path, tmp_path: Path) -> None:
    run = trainer(episodes, tmp_path)
    with torch.no_grad():
        run.network.action_head.bias.fill_(math.inf)
    with pytest.raises(PolicyError, match='loss .inf. or its gradient .* at step 0 is not finite'):
        run.run()


def test_a_loss_that_was_not_finite_between_two_reports_leaves_the_checkpoint_before(
    episodes: Path, tmp_path: Path
) -> None:
    run = trainer(episodes, tmp_path, log_every=100)

    def break_it(step: int) -> None:
        if step == 4:
            with torch.no_grad():
                run.network.action_head.bias.fill_(math.nan)

    with pytest.raises(PolicyError, match='loss .nan. or its gradient .* at step 4 is not'):
        run.run(break_it)
    assert load_state(tmp_path)['step'] == 3
    assert all(value.isfinite().all() for value in weights(tmp_path).values())


def test_the_learning_rate_warms_up_and_falls_to_zero() -> None:
    recipe = dataclasses.replace(RECIPE, steps=100, warmup=10)
    factors = [rate_factor(step, step / 100, recipe) for step in range(100)]
    assert factors[0] == pytest.approx(0.1, rel=0.01) and factors[9] > 0.95
    assert factors[50] == pytest.approx(0.5) and factors[99] < 1e-3
    assert rate_factor(99, 0.99, dataclasses.replace(recipe, schedule='constant')) == 1.0


def test_a_run_of_minutes_ends_in_time_and_its_learning_rate_at_zero(
    episodes: Path, tmp_path: Path
) -> None:
    run = trainer(episodes, tmp_path, minutes=3 / 60, steps=1, checkpoint_every=10**6)
    begin = time.monotonic()
    run.run()
    rates = [rate for _, rate in run.curves.values['lr']]
    assert 3 <= time.monotonic() - begin < 30  # a step and a checkpoint on a busy machine
    assert run.step == len(rates) > 1
    assert max(rates) > 5e-4 and rates[-1] < max(rates) / 2
    assert load_state(tmp_path)['seconds'] >= 3


def test_a_resumed_run_of_minutes_has_the_time_that_was_left() -> None:
    progress = Progress(dataclasses.replace(RECIPE, minutes=10.0), CPU)
    progress.restore(500, 9 * 60)
    assert progress.go_on() and progress.share == pytest.approx(0.9)
    progress.start()
    assert progress.go_on() and 0.9 < progress.share < 1 and progress.step == 500
    progress.restore(600, 10 * 60)
    assert not progress.go_on() and progress.share == 1


def test_augmentation_moves_and_brightens_within_its_bounds() -> None:
    images = torch.zeros((64, 2, 10, 12, 3), dtype=torch.uint8)
    images[:, :, 5, 6] = 100
    plain = dataclasses.replace(
        RECIPE, augment_shift=0, augment_brightness=0.0, augment_offset=0.0, augment_noise=0.0
    )
    assert augment_images(images, plain) is images
    torch.manual_seed(0)
    moved = augment_images(images, dataclasses.replace(plain, augment_shift=2))
    places = [tuple(np.argwhere(sample[0, :, :, 0].numpy())[0]) for sample in moved]
    assert {y - 5 for y, _ in places} == {x - 6 for _, x in places} == {-2, -1, 0, 1, 2}
    assert moved.dtype == torch.uint8 and torch.equal(moved[:, 0], moved[:, 1])
    bright = augment_images(images, dataclasses.replace(plain, augment_brightness=0.2))
    values = bright.amax(dim=(1, 2, 3, 4))
    assert 80 <= values.min() < 85 and 115 < values.max() <= 120
    assert torch.equal(bright[:, 0], bright[:, 1])


def test_the_joints_of_a_share_of_the_samples_are_withheld_and_the_others_left_alone() -> None:
    qpos = torch.randn(4000, 14)
    assert withhold_qpos(qpos, 0.0) is qpos
    torch.manual_seed(0)
    seen = withhold_qpos(qpos, 0.3)
    without = (seen == 0).all(dim=1)
    assert without.float().mean().item() == pytest.approx(0.3, abs=0.03)
    assert torch.equal(seen[~without], qpos[~without])


def test_augmentation_adds_an_offset_and_noise_within_the_levels_of_a_picture() -> None:
    grey = torch.full((64, 2, 10, 12, 3), 100, dtype=torch.uint8)
    plain = dataclasses.replace(
        RECIPE, augment_shift=0, augment_brightness=0.0, augment_offset=0.0, augment_noise=0.0
    )
    torch.manual_seed(0)
    moved = augment_images(grey, dataclasses.replace(plain, augment_offset=6.0))
    assert 94 <= moved.min() < 95 and 105 < moved.max() <= 106
    assert (moved.std(dim=(1, 2, 3, 4)) < 1e-3).all()  # a sample's pixels are moved alike
    noisy = augment_images(grey, dataclasses.replace(plain, augment_noise=2.0))
    assert noisy.std().item() == pytest.approx(2.0, rel=0.02)
    assert not torch.equal(noisy[:, 0], noisy[:, 1])
    for level in (0, 255):
        extreme = torch.full_like(grey, level)
        changed = augment_images(extreme, RECIPE)
        assert changed.min() >= 0 and changed.max() <= 255


@pytest.mark.parametrize(
    ('seeds', 'runs'),
    [([], []), ([4], [(4, 4)]), ([1, 2, 3, 7, 9, 10], [(1, 3), (7, 7), (9, 10)])],
)
def test_seeds_are_kept_as_runs(seeds: list[int], runs: list[tuple[int, int]]) -> None:
    assert seed_runs(seeds) == runs


def test_a_policy_names_its_task_and_the_seeds_it_was_trained_on(tmp_path: Path) -> None:
    for seed in (4, 5, 8):
        write_episode(tmp_path / f'episode_{seed}.hdf5', seed=seed, attrs={'seed': seed})
    entries, notes = origin(Dataset(tmp_path, TINY['image_size'], TINY['chunk']))
    assert entries == {'task': 'test', 'training_seeds': ((4, 5), (8, 8))} and not notes
    write_episode(tmp_path / 'episode_9.hdf5', attrs={'task': 'another', 'sim': False, 'seed': 9})
    entries, notes = origin(Dataset(tmp_path, TINY['image_size'], TINY['chunk']))
    assert entries == {'task': '', 'training_seeds': ((4, 5), (8, 8))}
    assert notes == [
        'the episodes state different tasks (another, test), so the policy names none'
    ]


@pytest.mark.parametrize('name', ['paper', 'small', 'small_gpu'])
def test_the_shipped_configurations_are_valid(name: str) -> None:
    policy, recipe = load_recipe(share_dir() / 'config' / 'training.yaml', name)
    config = PolicyConfig.from_dict({'cameras': ['cam_high'], **policy})
    if name == 'paper':
        assert config == PolicyConfig(cameras=('cam_high',))
        assert recipe == Recipe()


@pytest.mark.parametrize(
    ('training', 'message'),
    [
        ({'stepz': 3}, 'unknown entries of training: stepz'),
        ({'lr': 'fast'}, "lr is 'fast'; expected float"),
        ({'batch': 0}, 'batch is 0; expected at least 1'),
        ({'schedule': 'linear'}, 'expected one of constant, cosine'),
        ({'ema': 1.0}, 'ema is 1.0'),
        ({'lr': -1.0}, 'not negative'),
    ],
)
def test_a_wrong_recipe_is_refused(tmp_path: Path, training: dict[str, Any], message: str) -> None:
    path = tmp_path / 'training.yaml'
    path.write_text(yaml.safe_dump({'mine': {'training': training}}))
    with pytest.raises(PolicyError, match=f"training.yaml, configuration 'mine': .*{message}"):
        load_recipe(path, 'mine')


def test_cuda_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(PolicyError, match='no CUDA device'):
        find_place('cuda')
    assert find_place('auto').device.type == 'cpu'
