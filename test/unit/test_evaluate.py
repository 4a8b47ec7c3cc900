# SPDX-License-Identifier: Apache-2.0
"""The evaluate command: what it says and keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from act_ros.commands import rollout
from act_ros.commands.evaluate import RESULTS
from act_ros.commands.evaluation import Candidate, Evaluation, limiter_text
from act_ros.commands.filming import film_again
from act_ros.commands.rollout import EvaluationSetting, Result
from act_ros.control.smoothness import Smoothness
from act_ros.sim.world import STAGES, STEPS, SimulationError
from evaluating import Said, evaluate, load, write_models
from synthetic import tiny_config, write_policy


@pytest.fixture(scope='module')
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp('models'))


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Episodes of few ticks; the worlds are the real ones."""
    for task in STEPS:
        monkeypatch.setitem(STEPS, task, 6)


def test_results_hold_settings_versions_and_every_seed(
    models: Path, tmp_path: Path, capsys: Said
) -> None:
    out = tmp_path / 'a' / 'b'
    ways = ['--delay', '1', '--rate', '25', '--m', '0.1', '--ensemble', 'newest']
    status = evaluate(
        '--checkpoint', models / 'plain', '--seeds', '3-4,9', *ways, '--task', 'insertion', '--output', out
    )  # fmt: skip
    assert status == 0
    data = load(out)
    assert data['finished'] is True
    assert data['setting'] == {
        'task': 'insertion', 'seeds': '3-4,9', 'ensemble': 'newest', 'm': 0.1, 'execute': 0,
        'delay': 1, 'rate_hz': 25.0, 'threads': 1, 'engines': ['torch fp32 on cpu'],
    }  # fmt: skip
    assert {'act_ros', 'torch', 'mujoco', 'numpy', 'python'} <= set(data['versions'])
    (policy,) = data['policies']
    assert (policy['training_seeds'], policy['trained_on']) == (None, None)
    assert [r['seed'] for r in policy['results']] == [3, 4, 9]
    assert all((r['waited'], r['steps'], r['inferences']) == (1, 7, 4) for r in policy['results'])
    assert list(policy['stages']) == list(STAGES['insertion'])
    assert policy['smoothness']['commands'] == 18
    said = capsys.readouterr()
    assert 'plain on insertion, seeds 3-4,9: 0 of 3 succeeded' in said.out
    assert 'grasped 0, lifted 0, in contact 0, inserted 0' in said.out
    assert '25 a second, each there 1 ticks after its observation' in said.out
    assert 'ms (median), torch fp32 on cpu' in said.out
    assert 'jerk' in said.out and 'rad/s³' in said.out and 'limiter: ' in said.out


def test_results_are_not_written_over(models: Path, tmp_path: Path, capsys: Said) -> None:
    arguments = ['--checkpoint', models / 'plain', '--seeds', '0', '--output', tmp_path]
    assert evaluate(*arguments) == 0
    before = (tmp_path / RESULTS).read_bytes()
    assert evaluate(*arguments) == 2
    assert f'already holds {RESULTS}' in capsys.readouterr().err
    assert (tmp_path / RESULTS).read_bytes() == before


def test_the_task_is_the_policys_own_where_it_is_simulated(models: Path, tmp_path: Path) -> None:
    evaluate('--checkpoint', models / 'peg', '--seeds', '0', '--output', tmp_path)
    data = load(tmp_path)
    assert (data['setting']['task'], data['remarks']) == ('insertion', [])


@pytest.mark.parametrize(
    ('arguments', 'remark'),
    [
        (['peg', '--task', 'transfer_cube'], "peg is a policy for 'insertion'; here it is run on transfer_cube"),
        (['shirt'], "shirt is a policy for 'fold_shirt'; here it is run on transfer_cube"),
        (['plain'], 'plain does not say its task; it is run on transfer_cube'),
        (['cube', '--seeds', '4-6,20'], 'cube was trained on 2 of these 4 seeds (5-6)'),
        (['cube', '--seeds', '0-4,9'], None),
        (['cube', '--seeds', '5-6', '--task', 'insertion'], "cube is a policy for 'transfer_cube'"),
        (['plain', '--task', 'transfer_cube'], None),
    ],
)  # fmt: skip
def test_what_should_be_known_of_a_policy_is_said_once_on_each_way(
    arguments: list[str], remark: str | None, models: Path, tmp_path: Path, capsys: Said
) -> None:
    name, *options = arguments
    options = options if '--seeds' in options else [*options, '--seeds', '0']
    assert evaluate('--checkpoint', models / name, *options, '--output', tmp_path) == 0
    said, data = capsys.readouterr(), load(tmp_path)
    lines = [line for line in said.err.splitlines() if line.startswith('evaluate: ')]
    if remark is None:
        assert lines == data['remarks'] == []
        assert 'warning' not in said.out
        assert ('none of them trained on' in said.out) == (name == 'cube')
    else:
        assert len(lines) == len(data['remarks']) == 1
        assert remark in lines[0] and remark in data['remarks'][0] and remark in said.out
        assert 'none of them trained on' not in said.out


def test_seeds_of_another_task_are_no_overlap(models: Path, tmp_path: Path) -> None:
    evaluate('--checkpoint', models / 'shirt', '--seeds', '0-1', '--output', tmp_path)
    (policy,) = load(tmp_path)['policies']
    assert policy['training_seeds'] == [[0, 9]] and policy['trained_on'] is None


def test_several_policies_run_the_same_seeds_and_are_compared(
    models: Path, tmp_path: Path, capsys: Said
) -> None:
    names = ['cube', 'plain', 'peg']
    arguments = ['--checkpoint', *(models / name for name in names), '--seeds', '0-1']
    assert evaluate(*arguments, '--output', tmp_path) == 0
    data, said = load(tmp_path), capsys.readouterr()
    assert [p['name'] for p in data['policies']] == names
    assert {tuple(r['seed'] for r in p['results']) for p in data['policies']} == {(0, 1)}
    digests = {r['digest'] for p in data['policies'] for r in p['results']}
    assert len(digests) > 2  # networks that have learnt nothing may all be limited alike
    assert [(c['first'], c['second'], c['p']) for c in data['comparisons']] == [
        ('cube', 'plain', 1.0), ('cube', 'peg', 1.0),
    ]  # fmt: skip
    head, *table = said.out.splitlines()
    assert head == (
        'transfer_cube, seeds 0-1; one inference a tick, in lockstep; ensemble oldest, m = 0.01, '
        'torch fp32 on cpu'
    )
    assert table[0].split('  ')[0] == 'policy' and 'held by the left arm' in table[0]
    assert [line.split()[0] for line in table[1:4]] == names
    assert 'no difference can be told from 2 seeds' in said.out
    assert "peg is a policy for 'insertion'" in said.err


def test_policies_of_one_name_are_told_apart_by_their_paths(
    models: Path, tmp_path: Path, capsys: Said
) -> None:
    write_policy(tmp_path / 'cube', tiny_config(task='transfer_cube'), seed=9)
    assert evaluate('--checkpoint', models / 'cube', tmp_path / 'cube', '--seeds', '0') == 0
    out = capsys.readouterr().out
    assert f'failed seeds of {models}/cube' in out and f'failed seeds of {tmp_path}/cube' in out


def test_an_interrupted_run_reports_and_keeps_what_was_done(
    models: Path, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = rollout.Evaluator.run

    def interrupted(self: rollout.Evaluator, index: int, seed: int, trace: Any = None) -> Result:
        if seed == 2:
            raise KeyboardInterrupt
        return run(self, index, seed, trace)

    monkeypatch.setattr(rollout.Evaluator, 'run', interrupted)
    checkpoints = ['--checkpoint', models / 'cube', models / 'plain']
    status = evaluate(*checkpoints, '--seeds', '0-9', '--film', '2', '--output', tmp_path)
    said, data = capsys.readouterr(), load(tmp_path)
    assert status == 130
    assert said.err.splitlines()[-1] == 'evaluate: interrupted after 4 of 20 episodes'
    assert data['finished'] is False and data['setting']['seeds'] == '0-9'
    assert [len(p['results']) for p in data['policies']] == [2, 2]
    assert data['comparisons'][0]['pairs'] == 2
    assert 'of 2; 0 seeds only cube' in said.out
    assert {path.name for path in tmp_path.iterdir()} == {RESULTS}


def test_an_error_after_some_episodes_keeps_them(
    models: Path, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = rollout.Evaluator.run

    def failing(self: rollout.Evaluator, index: int, seed: int, trace: Any = None) -> Result:
        if seed == 1:
            raise SimulationError('the screen went dark')
        return run(self, index, seed, trace)

    monkeypatch.setattr(rollout.Evaluator, 'run', failing)
    status = evaluate('--checkpoint', models / 'plain', '--seeds', '0-3', '--output', tmp_path)
    assert status == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == 'evaluate: the screen went dark; stopped after 1 of 4 episodes'
    assert len(load(tmp_path)['policies'][0]['results']) == 1


def test_the_first_failures_are_filmed(models: Path, tmp_path: Path, capsys: Said) -> None:
    arguments = ['--checkpoint', models / 'cube', models / 'plain', '--seeds', '20-23']
    assert evaluate(*arguments, '--film', '1', '--output', tmp_path) == 0
    said = capsys.readouterr().out
    made = {path.name for path in tmp_path.iterdir()} - {RESULTS}
    stems = ('policy_1_seed_20', 'policy_2_seed_20')
    assert made == {stem + suffix for stem in stems for suffix in ('.mp4', '.png')}
    assert 'transfer_cube, seed 20: failed at stage 0 of 4' in said
    assert 'another way' not in said


def test_video_films_the_first_seed(models: Path, tmp_path: Path) -> None:
    arguments = ['--checkpoint', models / 'cube', '--seeds', '20-23', '--video']
    assert evaluate(*arguments, '--output', tmp_path) == 0
    assert {path.name for path in tmp_path.glob('*.*4')} == {'seed_20.mp4'}


def test_a_film_of_another_episode_is_said_to_be_one(models: Path, tmp_path: Path) -> None:
    setting = EvaluationSetting((str(models / 'plain'),), 'transfer_cube')
    before = rollout.evaluator_of(setting).run(0, 1)
    changed = Result(**{**vars(before), 'digest': '0123'})  # of the same one see above
    _, warning = film_again(setting, 0, changed, tmp_path / 'a')
    rollout.evaluator_of.cache_clear()
    assert 'went another way' in warning and '0123' in warning


def result(seed: int, reward: int, held: int = 0, note: str = '') -> Result:
    smooth = Smoothness(100, 40.0, 0.5, 'left_waist', 0, {}, {})
    return Result(seed, reward == 4, reward, 100, 0, held, 100, 0, 20.0, smooth, note, 'abc')


def test_stages_are_counted_by_name_and_trouble_is_said() -> None:
    rewards = [4, 4, 3, 1, 0, 2]
    candidate = Candidate('cube', Path('/cube'), tiny_config())
    candidate.results += [result(i, reward, held=i) for i, reward in enumerate(rewards)]
    candidate.results += [result(6 + i, 0, note='the physics diverged') for i in range(7)]
    setting = EvaluationSetting(('/cube',), 'transfer_cube')
    text = Evaluation(setting, tuple(range(13)), [candidate], []).text()
    assert 'touched 5, lifted 4, handed over 3, held by the left arm 2' in text
    assert 'failed seeds: 2-12' in text
    assert 'cube: held on 15 ticks that no chunk reached' in text
    assert text.count('the physics diverged') == 5 and 'and 2 more seeds of that kind' in text


def test_the_limiters_work_is_said_by_rule_and_joint() -> None:
    joints = {'velocity': {f'joint_{i}': 9 - i for i in range(6)}, 'limits': {'left_gripper': 2}}
    smooth = Smoothness(400, 1.0, 1.0, 'joint_0', 13, {'limits': 2, 'velocity': 12}, joints)
    assert limiter_text(smooth) == (
        'changed 13 of 400 commands: limits 2 (left_gripper 2), '
        'velocity 12 (joint_0 9, joint_1 8, joint_2 7, joint_3 6, 2 more)'
    )
