# SPDX-License-Identifier: Apache-2.0
"""Arms that stood: what was planned meanwhile, or before, doesn't lead them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from act_ros.control.ensemble import TemporalEnsemble, make_execution
from act_ros.control.limiter import Limiter
from act_ros.control.runtime import Runtime, State
from act_ros.control.standing import STOOD_S
from act_ros.control.tick_inputs import TickInputs
from act_ros.robot.spec import RobotSpec
from act_ros.robot.types import Chunk

SPEC = RobotSpec.load()
RATE = SPEC.rate_hz
K = 100
PATIENCE = round(STOOD_S * RATE)
STEP = 0.001
"""What each row of a plan goes on from the one before, in rad: less than any limit."""


def plan(tick):
    """A motion that begins at its observation: the waist goes on by a step a tick."""
    actions = np.tile(SPEC.start.astype(np.float32), (K, 1))
    actions[:, 0] += STEP * np.arange(K, dtype=np.float32)
    return Chunk(tick, actions)


def runtime(ensemble='oldest'):
    return Runtime(make_execution(K, 14, ensemble), Limiter(SPEC), ['cam_high'])


def step(made, tick, heard=True):
    """The waist's command at a tick, from where it stands; None: nothing is commanded."""
    now = tick / RATE
    seen = TickInputs(SPEC.start.astype(np.float32), now, {'cam_high': now if heard else now - 9})
    command = made.step(tick, now, seen)
    return None if command is None else float(command[0] - SPEC.start[0])


@pytest.mark.parametrize('ensemble', ['oldest', 'newest', 'none'])
def test_the_first_action_after_enabling_is_the_beginning_of_a_motion(ensemble):
    made = runtime(ensemble)
    for tick in range(100, 300):
        made.accept(plan(tick), tick)
        assert step(made, tick) is None
    made.enable()
    for row in range(20):
        made.accept(plan(300), 300)
        assert step(made, 300 + row) == pytest.approx(STEP * row, abs=1e-6)


def held(made, ticks):
    """Let it move for ten ticks from tick 100 on, then hear no camera for some; returns the tick after."""
    made.enable()
    made.accept(plan(100), 100)
    for tick in range(100, 110):
        step(made, tick)
    for tick in range(110, 110 + ticks):
        assert step(made, tick, heard=False) == pytest.approx(STEP * 9, abs=1e-6)
    return 110 + ticks


@pytest.mark.parametrize('ensemble', ['oldest', 'newest', 'none'])
def test_after_a_short_hold_the_motion_goes_on(ensemble):
    made = runtime(ensemble)
    tick = held(made, PATIENCE - 2)
    assert step(made, tick) > STEP * 9
    assert made.state is State.RUNNING


@pytest.mark.parametrize('ensemble', ['oldest', 'newest', 'none'])
def test_after_a_long_hold_a_motion_begins_anew(ensemble):
    made = runtime(ensemble)
    tick = held(made, PATIENCE + 5)
    assert step(made, tick) == pytest.approx(STEP * 9, abs=1e-6)
    assert made.state is State.HOLDING and 'planned before is void' in made.reason
    made.accept(plan(tick), tick + 1)
    assert made.execution.action(tick)[0] == pytest.approx(SPEC.start[0], abs=1e-6)
    step(made, tick + 1)
    assert made.state is State.RUNNING


def test_a_fault_and_what_was_planned_in_it_are_over_with_the_enabling():
    made = runtime()
    made.enable()
    made.accept(plan(100), 100)
    step(made, 100)
    made.fail('broken')
    for tick in range(101, 200):
        made.accept(plan(tick), tick)
        step(made, tick)
    made.enable()
    assert step(made, 200) == pytest.approx(STEP * 1, abs=1e-6)  # of the chunk of tick 199


def test_a_chunk_that_is_refused_does_not_take_the_last_one_away():
    made = runtime()
    made.accept(plan(100), 100)
    bad = plan(101)
    bad.actions[5, 5] = np.nan
    assert not made.accept(bad, 101)
    assert made.execution.count(101) == 1


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(['run', 'deaf', 'disable', 'enable', 'fail', 'trouble']),
        st.integers(1, 40),  # ticks that it lasts
        st.integers(1, 6),  # every so many ticks a chunk comes
        st.integers(0, 5),  # so many ticks late
    ),
    min_size=1,
    max_size=12,
)


@given(EVENTS)
def test_no_action_is_of_a_plan_from_before_the_arms_last_stood(events):
    made = runtime()
    tick, moved, since = 1000, None, 1000
    for event, ticks, period, late in events:
        if event in ('enable', 'disable'):
            getattr(made, event)()
            moved = moved if event == 'enable' else None  # enabled once more they move as they did
        elif event == 'fail':
            made.fail('broken')
        made.trouble = 'away' if event == 'trouble' else ''
        for _ in range(ticks):
            if tick % period == 0:
                made.accept(plan(tick - late), tick)
            if moved is not None and tick - moved > PATIENCE:
                moved = None
            step(made, tick, heard=event != 'deaf')
            if made.state is State.RUNNING:
                since = tick if moved is None else since
                moved = tick
                ensemble = made.execution
                assert isinstance(ensemble, TemporalEnsemble)
                # But for the newest of then, which is a period and its lateness old at most.
                assert ensemble._ticks[ensemble._ticks > 0].min() >= since - 12
            tick += 1
