# SPDX-License-Identifier: Apache-2.0
"""Episodes of a policy: chunks that come late and rarely, and the runtime's part, as live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import ceil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from act_ros.commands.report import EpisodeTrace
from act_ros.commands.rollout import Controller, EvaluationSetting, Evaluator, Flight
from act_ros.control.ensemble import make_execution
from act_ros.control.limiter import Limiter
from act_ros.control.runtime import State
from act_ros.policy.policy import Policy
from act_ros.robot.spec import RobotSpec
from act_ros.robot.types import Chunk, Floats, Frame
from act_ros.sim.world import STEPS, World
from synthetic import some_images, tiny_config, write_policy

SPEC = RobotSpec.load()
CHUNK = 8
TICKS = 30


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('policies') / 'tiny'
    write_policy(path, tiny_config(chunk=CHUNK))
    return path


@pytest.fixture(scope='module')
def policy(folder: Path) -> Policy:
    return Policy.load(folder, threads=1)


@pytest.fixture(scope='module')
def predictions(policy: Policy) -> list[Floats]:
    """What the policy says of each tick."""
    return [policy.predict(*seen(tick)) for tick in range(TICKS)]


def setting(folder: Path, **changes: object) -> EvaluationSetting:
    return replace(EvaluationSetting((str(folder),), 'transfer_cube'), **changes)


def seen(tick: int) -> tuple[Floats, Mapping[str, Frame]]:
    """What is measured and seen at a tick: something else at each."""
    qpos = (SPEC.start + 0.01 * np.sin(tick + np.arange(SPEC.dof))).astype(np.float32)
    return qpos, some_images(tiny_config(), tick)


def commands(
    policy: Policy, chosen: EvaluationSetting
) -> tuple[list[Floats | None], list[State], int]:
    controller = Controller(policy, chosen, SPEC)
    sent, states = [], []
    for tick in range(TICKS):
        qpos, images = seen(tick)
        sent.append(controller.command(tick, qpos, lambda images=images: images))
        states.append(controller.runtime.state)
    return sent, states, len(controller.inference_s)


def by_definition(predictions: list[Floats], chosen: EvaluationSetting) -> list[Floats | None]:
    """Commands as the option's meaning says: chunks of the ticks n * 50 / rate, each from `delay` on."""
    period = SPEC.rate_hz / (chosen.rate_hz or SPEC.rate_hz)
    begun = sorted({ceil(n * period) for n in range(TICKS)})
    execution = make_execution(CHUNK, SPEC.dof, chosen.ensemble, chosen.m, chosen.execute)
    limiter, anchored = Limiter(SPEC), False
    sent: list[Floats | None] = []
    for tick in range(TICKS):
        if tick - chosen.delay in begun:
            execution.add(Chunk(tick - chosen.delay, predictions[tick - chosen.delay]))
        action = execution.action(tick)
        if action is not None and not anchored:
            limiter.reset(seen(tick)[0])
            anchored = True
        if action is not None:
            sent.append(limiter.apply(action)[0])
        else:
            sent.append(limiter.hold() if anchored else None)
    return sent


@pytest.mark.parametrize('delay', [0, 1, 3, CHUNK - 1])
@pytest.mark.parametrize('rate_hz', [None, 40.0, 23.0, 5.0])
@pytest.mark.parametrize('execution', [('oldest', 0), ('newest', 0), ('none', 0), ('none', 3)])
def test_chunks_enter_when_delay_and_rate_say(
    policy: Policy,
    predictions: list[Floats],
    folder: Path,
    delay: int,
    rate_hz: float | None,
    execution: tuple[str, int],
) -> None:
    ensemble, execute = execution
    chosen = setting(folder, delay=delay, rate_hz=rate_hz, ensemble=ensemble, execute=execute)
    sent, _, _ = commands(policy, chosen)
    for got, wanted in zip(sent, by_definition(predictions, chosen), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_nothing_is_commanded_before_the_first_chunk(policy: Policy, folder: Path) -> None:
    sent, states, _ = commands(policy, setting(folder, delay=4))
    assert [command is None for command in sent[:5]] == [True] * 4 + [False]
    assert states[:5] == [State.WAITING] * 4 + [State.RUNNING]


def test_the_first_command_starts_at_the_pose_that_is_measured_then(
    policy: Policy, folder: Path
) -> None:
    sent, _, _ = commands(policy, setting(folder, delay=4))
    assert sent[4] is not None
    step = np.abs(sent[4] - seen(4)[0])
    assert np.all(step <= SPEC.velocity / SPEC.rate_hz + 1e-6)


def test_the_last_command_is_held_when_a_chunk_is_used_up(policy: Policy, folder: Path) -> None:
    """One inference in 25 ticks, of chunks of 8: rows 2 to 7 are used, and then nothing is there."""
    sent, states, inferences = commands(policy, setting(folder, delay=2, rate_hz=2.0))
    held = [tick for tick, state in enumerate(states) if state is State.HOLDING]
    assert held == list(range(CHUNK, 25 + 2))
    assert all(np.array_equal(sent[tick], sent[CHUNK - 1]) for tick in held)
    assert states[27] is State.RUNNING
    assert inferences == 2


def test_lockstep_is_one_inference_a_tick_without_delay(policy: Policy, folder: Path) -> None:
    plain, same = setting(folder), setting(folder, rate_hz=SPEC.rate_hz)
    for a, b in zip(commands(policy, plain)[0], commands(policy, same)[0], strict=True):
        np.testing.assert_array_equal(a, b)


def test_lockstep_leaves_inferences_out_that_no_action_would_follow(
    policy: Policy, folder: Path
) -> None:
    plain = setting(folder, ensemble='none')
    assert commands(policy, plain)[2] == ceil(TICKS / CHUNK)
    assert commands(policy, replace(plain, rate_hz=SPEC.rate_hz))[2] == TICKS


def test_predictions_that_are_not_finite_are_dropped_and_counted(folder: Path) -> None:
    broken = Policy.load(folder, threads=1)
    with torch.no_grad():
        next(iter(broken._engine._network.parameters())).fill_(torch.nan)
    controller = Controller(broken, setting(folder), SPEC)
    qpos, images = seen(0)
    assert controller.command(0, qpos, lambda: images) is None
    assert controller.runtime.rejected == 1
    assert 'not finite' in controller.runtime.reason


@settings(deadline=None)
@given(st.integers(1, 500), st.floats(0.1, 50.0))
def test_inferences_begin_as_often_as_the_rate_says(ticks: int, rate_hz: float) -> None:
    flight = Flight(0, rate_hz / 50.0)
    begun = [tick for tick in range(ticks) if flight.begins(tick)]
    assert begun[0] == 0
    assert abs(len(begun) - ticks * rate_hz / 50.0) <= 1.0
    gaps = set(np.diff(begun).tolist())
    assert len(gaps) <= 2 and (not gaps or max(gaps) - min(gaps) <= 1)


def test_chunks_arrive_once_in_their_order() -> None:
    flight = Flight(3, 1.0)
    chunks = [Chunk(tick, np.zeros((1, 14), np.float32)) for tick in range(4)]
    for chunk in chunks:
        flight.add(chunk)
    assert list(flight.arrived(2)) == []
    assert list(flight.arrived(4)) == chunks[:2]
    assert list(flight.arrived(4)) == []
    assert list(flight.arrived(9)) == chunks[2:]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> int:
    """Ticks that an episode lasts: few, the world is the real one."""
    monkeypatch.setitem(STEPS, 'transfer_cube', 10)
    return 10


def test_an_episode_is_the_same_again_and_filming_changes_nothing(
    folder: Path, short: int
) -> None:
    evaluator = Evaluator(setting(folder))
    first, other = evaluator.run(0, 3), evaluator.run(0, 4)
    trace = EpisodeTrace()
    again = evaluator.run(0, 3, trace)
    assert replace(again, inference_ms=None) == replace(first, inference_ms=None)
    assert other.digest != first.digest
    assert len(trace.states) == len(trace.qpos) == first.steps == short
    assert Evaluator(setting(folder)).run(0, 3).digest == first.digest


def test_the_time_of_an_episode_counts_from_its_first_command(folder: Path, short: int) -> None:
    result = Evaluator(setting(folder, delay=3)).run(0, 0)
    assert (result.waited, result.steps, result.smoothness.commands) == (3, short + 3, short)
    trace = EpisodeTrace()
    Evaluator(setting(folder, delay=3)).run(0, 0, trace)
    assert [bool(np.isnan(row).all()) for row in trace.action[:4]] == [True, True, True, False]
    np.testing.assert_allclose(trace.qpos[3], SPEC.start, atol=0.02)


def test_an_episode_without_a_command_ends_and_says_why(folder: Path, short: int) -> None:
    evaluator = Evaluator(setting(folder))
    with torch.no_grad():
        next(iter(evaluator.policies[0]._engine._network.parameters())).fill_(torch.nan)
    result = evaluator.run(0, 0)
    assert (result.steps, result.waited, result.non_finite) == (short, short, short)
    assert result.inference_ms is None and not result.success
    assert result.note.startswith('never moved: ') and 'not finite' in result.note


def test_an_episode_whose_physics_diverge_is_a_failure_with_a_note(
    folder: Path, short: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluator = Evaluator(setting(folder))
    step = World.step

    def blow_up(world: World, dt: float) -> None:
        if world.time_s > 0.07:
            world.data.qvel[:] = 1e12
        step(world, dt)

    with monkeypatch.context() as patch:
        patch.setattr(World, 'step', blow_up)
        result = evaluator.run(0, 0)
    assert not result.success and 'diverged' in result.note
    assert result.steps < short
    assert evaluator.run(0, 1).digest == Evaluator(setting(folder)).run(0, 1).digest


def test_a_second_policy_runs_the_same_worlds(folder: Path, tmp_path: Path, short: int) -> None:
    write_policy(tmp_path / 'other', tiny_config(chunk=CHUNK), seed=7)
    both = replace(setting(folder), checkpoints=(str(folder), str(tmp_path / 'other')))
    evaluator = Evaluator(both)
    alone = Evaluator(setting(folder)).run(0, 5)
    assert evaluator.run(0, 5).digest == alone.digest != evaluator.run(1, 5).digest
