# SPDX-License-Identifier: Apache-2.0
"""What a clock that jumps, an enabling and a reset do to commands that go out, to a hold, and to a fault."""

from __future__ import annotations

import numpy as np
import pytest

from act_ros.control.ensemble import make_execution
from act_ros.control.limiter import Limiter
from act_ros.control.runtime import Runtime, State
from act_ros.control.tick_inputs import Freshness, TickInputs
from act_ros.robot.spec import RobotSpec
from act_ros.robot.types import Chunk, Floats

SPEC = RobotSpec.load()
RATE, K = SPEC.rate_hz, 50
START = SPEC.start.astype(np.float32)
STEP = SPEC.velocity[0] / RATE * 1.001
LAG = 5  # ticks that the arm is behind
MOST_S = 30.0


class Arms:
    """Arms that are late, led by a runtime toward a waist of 3 rad, tick by tick."""

    def __init__(self) -> None:
        self.runtime = Runtime(
            make_execution(K, SPEC.dof), Limiter(SPEC), ['cam'], Freshness(max_hold_s=MOST_S)
        )
        self.runtime.enable()
        self.tick, self.commands = 500_000, [START] * LAG
        self.goal = START.copy()
        self.goal[0] = 3.0

    @property
    def measured(self) -> Floats:
        return self.commands[-LAG]

    def go(self, ticks: int, sees: bool = True) -> State:
        for _ in range(ticks):
            now_s = self.tick / RATE
            self.runtime.accept(Chunk(self.tick, np.tile(self.goal, (K, 1))), self.tick)
            inputs = TickInputs(self.measured, now_s, {'cam': now_s if sees else 0.0})
            command = self.runtime.step(self.tick, now_s, inputs)
            self.commands.append(self.commands[-1] if command is None else command)
            self.tick += 1
        return self.runtime.state

    def jump(self, seconds: float, moved: bool = False) -> None:
        self.tick += round(seconds * RATE)
        self.runtime.reset(self.tick, moved, pardon=False)

    @property
    def steps(self) -> Floats:
        return np.abs(np.diff([command[0] for command in self.commands]))


@pytest.fixture
def arms() -> Arms:
    made = Arms()
    assert made.go(50) is State.RUNNING
    assert made.commands[-1][0] - made.measured[0] > 3 * STEP  # a step back would be seen
    return made


@pytest.mark.parametrize('seconds', [-1000.0, 2.0, 1000.0])
@pytest.mark.parametrize('moved', [False, True])
def test_a_fault_outlasts_a_jump_of_the_clock(arms: Arms, seconds: float, moved: bool) -> None:
    arms.runtime.fail('an arm does not follow')
    arms.go(5)
    last = arms.commands[-1]
    arms.jump(seconds, moved)
    assert arms.go(20) is State.FAULT
    assert arms.runtime.reason == 'an arm does not follow'
    np.testing.assert_array_equal(arms.commands[-1], last)
    assert arms.runtime.enable()
    assert arms.go(5) is State.RUNNING
    assert abs(arms.commands[-5][0] - last[0]) < STEP  # from where it is measured


@pytest.mark.parametrize('moved', [False, True])
def test_a_reset_by_a_person_clears_a_fault_and_begins_where_the_arms_are(
    arms: Arms, moved: bool
) -> None:
    arms.runtime.fail('an arm does not follow')
    arms.runtime.reset(arms.tick, moved)
    here = arms.measured
    assert arms.go(1) is State.RUNNING
    assert abs(arms.commands[-1][0] - here[0]) < STEP


@pytest.mark.parametrize('seconds', [-1000.0, 100.0])
def test_a_hold_is_as_long_as_it_was_whatever_the_clock_does(arms: Arms, seconds: float) -> None:
    arms.go(round(10 * RATE), sees=False)
    assert arms.runtime.held_s == pytest.approx(10.0, abs=0.1)
    arms.jump(seconds)
    assert arms.go(1, sees=False) is State.HOLDING
    assert arms.runtime.held_s == pytest.approx(10.0, abs=0.1)
    assert arms.go(round(19 * RATE), sees=False) is State.HOLDING
    assert arms.go(round(1.2 * RATE), sees=False) is State.FAULT
    assert f'held for more than {MOST_S:g} s' in arms.runtime.reason


def test_after_a_hold_that_was_too_long_a_reset_gives_it_its_time_anew(arms: Arms) -> None:
    assert arms.go(round(31 * RATE), sees=False) is State.FAULT
    arms.runtime.reset(arms.tick, moved=False)
    assert arms.go(round(29 * RATE), sees=False) is State.HOLDING
    assert arms.go(round(2 * RATE), sees=False) is State.FAULT


def test_enabling_arms_that_move_changes_nothing() -> None:
    alone, asked = Arms(), Arms()
    for _ in range(60):
        alone.go(1)
        asked.go(1)
        assert not asked.runtime.enable()
    np.testing.assert_array_equal(alone.commands, asked.commands)


def test_enabling_in_a_hold_makes_no_step_back(arms: Arms) -> None:
    arms.go(2, sees=False)  # the arms have not come to stand
    assert not arms.runtime.enable()
    arms.go(2)
    arms.go(50, sees=False)
    assert arms.runtime.enable()
    assert arms.go(5) is State.RUNNING
    assert arms.steps.max() <= STEP


def test_enabling_begins_anew_where_what_was_computed_was_not_sent(arms: Arms) -> None:
    assert arms.runtime.enable(anew=True)
    arms.commands += [START] * LAG  # somebody has moved the arm back
    arms.go(1)
    assert abs(arms.commands[-1][0] - START[0]) < STEP


@pytest.mark.parametrize('pardon', [False, True])
@pytest.mark.parametrize('seconds', [0.0, -1000.0, 1000.0])
def test_a_reset_of_arms_that_move_goes_on_from_the_last_command(
    arms: Arms, pardon: bool, seconds: float
) -> None:
    arms.tick += round(seconds * RATE)
    arms.runtime.reset(arms.tick, moved=False, pardon=pardon)
    last = arms.commands[-1]
    assert arms.go(1, sees=False) is State.HOLDING
    np.testing.assert_array_equal(arms.commands[-1], last)
    assert arms.go(20) is State.RUNNING
    assert arms.steps.max() <= STEP


def test_a_gap_of_a_time_that_is_yet_to_come_is_not_told() -> None:
    runtime = Runtime(make_execution(2, SPEC.dof), Limiter(SPEC), ['cam'])
    runtime.enable()
    runtime.accept(Chunk(499_999, np.tile(START, (2, 1))), 500_000)
    for tick in (500_000, 500_001):
        runtime.step(tick, tick / RATE, TickInputs(START, tick / RATE, {'cam': tick / RATE}))
    assert runtime.shortfall
    runtime.reset(400_000, moved=False, pardon=False)
    runtime.accept(Chunk(400_000, np.tile(START, (2, 1))), 400_001)
    now_s = 400_001 / RATE
    assert runtime.step(400_001, now_s, TickInputs(START, now_s, {'cam': now_s})) is not None
    assert runtime.shortfall == ''  # no tick was without an action since
