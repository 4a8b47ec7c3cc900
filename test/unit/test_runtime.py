# SPDX-License-Identifier: Apache-2.0
"""What the loop decides: when it runs, waits, holds, and that its reasons can be understood."""

from dataclasses import replace

import numpy as np
import pytest

from act_ros.control.blend import BLEND_TICKS
from act_ros.control.ensemble import TemporalEnsemble, make_execution
from act_ros.control.limiter import SOFT, Limiter
from act_ros.control.runtime import Runtime, State
from act_ros.control.tick_inputs import Freshness, TickInputs
from act_ros.robot.spec import RobotSpec
from act_ros.robot.types import Chunk

SPEC = RobotSpec.load()
RATE = SPEC.rate_hz
K = 20


@pytest.fixture
def runtime():
    made = Runtime(TemporalEnsemble(K, 14), Limiter(SPEC), ['cam_high', 'cam_low'])
    made.enable()
    return made


def inputs(now, **changes):
    """Everything fresh at `now`."""
    qpos = SPEC.start.astype(np.float32)
    fresh = TickInputs(qpos, now, {'cam_high': now, 'cam_low': now})
    return replace(fresh, **changes)


def chunk(tick, value=0.0, k=K):
    actions = np.tile(SPEC.start.astype(np.float32), (k, 1))
    actions[:, 0] = value
    return Chunk(tick, actions)


def tick_at(runtime, tick, **changes):
    return runtime.step(tick, tick / RATE, inputs(tick / RATE, **changes))


def test_not_enabled_nothing_is_commanded(runtime):
    runtime.disable()
    runtime.accept(chunk(100), 100)
    assert tick_at(runtime, 100) is None
    assert runtime.state is State.IDLE
    assert 'enable' in runtime.reason


def test_what_is_still_missing_is_said_before_it_is_enabled(runtime):
    runtime.disable()
    tick_at(runtime, 100, image_stamps_s={})
    assert 'nothing usable from cam_high yet' in runtime.reason


def test_waiting_names_every_missing_input_and_why(runtime):
    stamps, notes = {'cam_high': 2.0}, {'cam_low': "encoding 'yuv' is not read"}
    command = tick_at(runtime, 100, qpos=None, image_stamps_s=stamps, notes=notes)
    assert command is None
    assert runtime.state is State.WAITING
    assert runtime.reason == (
        'nothing usable from joint states yet; nothing usable from cam_low yet '
        "(encoding 'yuv' is not read)"
    )
    assert runtime.missing == ('joint states', 'cam_low')


def test_it_waits_for_the_first_chunk_and_then_runs(runtime):
    assert tick_at(runtime, 100) is None
    assert runtime.reason == 'waiting for the first chunk of actions from the policy'
    assert runtime.accept(chunk(100), 101)
    assert tick_at(runtime, 101) is not None
    assert (runtime.state, runtime.reason) == (State.RUNNING, '')


def test_the_first_command_approaches_from_the_measured_pose(runtime):
    runtime.accept(chunk(100, value=2.0), 100)
    command = tick_at(runtime, 100)
    assert command[0] == pytest.approx(SOFT * SPEC.velocity[0] / RATE, rel=1e-5)
    assert [reason.rule for reason in runtime.limited] == ['velocity']


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'stamp_s': 1.85}, 'joint states: the newest is 0.17 s old, at most 0.1 s is used'),
        (
            {'image_stamps_s': {'cam_high': 2.0, 'cam_low': 1.7}},
            'cam_low: the newest is 0.32 s old, at most 0.2 s is used',
        ),
        ({'stamp_s': 2.5}, 'joint states: stamped 0.48 s in the future'),
        ({'qpos': None}, 'nothing usable from joint states yet'),
    ],
)
def test_stale_or_impossible_inputs_hold_the_last_command(runtime, changes, reason):
    runtime.accept(chunk(100, value=0.3), 100)
    last = tick_at(runtime, 100)
    held = tick_at(runtime, 101, **changes)
    np.testing.assert_array_equal(held, last)
    assert runtime.state is State.HOLDING
    assert reason in runtime.reason


def test_a_hold_ends_by_itself_and_goes_on_from_the_held_command(runtime):
    runtime.accept(chunk(100, value=0.3), 100)
    last = tick_at(runtime, 100)
    for tick in range(101, 110):
        tick_at(runtime, tick, stamp_s=1.0)
    assert runtime.held_s == pytest.approx(9 / RATE)
    resumed = tick_at(runtime, 110)
    assert runtime.state is State.RUNNING
    assert runtime.held_s == 0.0
    assert np.abs(resumed - last).max() <= SPEC.velocity.max() / RATE


def test_after_a_long_silence_of_the_joints_it_starts_at_the_measured_pose(runtime):
    runtime.accept(chunk(100, value=3.0), 100)
    for tick in range(100, 115):
        tick_at(runtime, tick)
    for tick in range(115, 190):
        tick_at(runtime, tick, stamp_s=1.0)
    runtime.accept(chunk(190, value=3.0), 190)
    command = tick_at(runtime, 190)
    assert abs(command[0]) <= SPEC.velocity[0] / RATE  # the measured pose has 0 there


def test_chunks_that_are_used_up_hold_and_say_so(runtime):
    runtime.accept(chunk(100), 100)
    last = tick_at(runtime, 100)
    held = tick_at(runtime, 100 + K)
    np.testing.assert_array_equal(held, last)
    assert runtime.state is State.HOLDING
    assert 'used up' in runtime.reason


def test_chunks_that_are_not_finite_are_counted_and_explain_the_hold(runtime):
    runtime.accept(chunk(100, value=0.1), 100)
    tick_at(runtime, 100)
    bad = chunk(101)
    bad.actions[3, 3] = np.nan
    for tick in range(101, 100 + K):
        assert not runtime.accept(bad, tick)
        assert np.isfinite(tick_at(runtime, tick)).all()
    tick_at(runtime, 100 + K)
    assert runtime.state is State.HOLDING
    assert 'not finite' in runtime.reason
    assert runtime.rejected == K - 1


def test_a_fault_holds_until_it_is_enabled_again(runtime):
    runtime.accept(chunk(100), 100)
    last = tick_at(runtime, 100)
    runtime.fail('the policy stopped: killed')
    np.testing.assert_array_equal(tick_at(runtime, 101), last)
    assert (runtime.state, runtime.reason) == (State.FAULT, 'the policy stopped: killed')
    runtime.enable()
    runtime.accept(chunk(101), 102)
    tick_at(runtime, 102)
    assert runtime.state is State.RUNNING


def test_reset_forgets_chunks_and_starts_at_the_measured_pose(runtime):
    runtime.accept(chunk(100, value=3.0), 100)
    for tick in range(100, 110):
        tick_at(runtime, tick)
    runtime.reset(110)
    # Commands go on, at the measured pose, until there are images and a chunk of the new world.
    held = tick_at(runtime, 110, image_stamps_s={})
    np.testing.assert_allclose(held, SPEC.start, atol=1e-6)
    assert runtime.state is State.HOLDING
    assert not runtime.accept(chunk(109, value=3.0), 111)  # was under way when the world changed
    assert runtime.accept(chunk(110, value=3.0), 111)
    assert tick_at(runtime, 111)[0] == pytest.approx(SOFT * SPEC.velocity[0] / RATE, rel=1e-5)


def test_reset_before_the_first_command_commands_nothing(runtime):
    runtime.reset(110)
    assert tick_at(runtime, 110) is None
    assert runtime.state is State.WAITING


def test_a_chunk_of_the_future_is_refused(runtime):
    assert not runtime.accept(chunk(500), 100)


def test_another_policy_takes_over_when_it_has_an_action_without_a_tick_lost(runtime):
    runtime.accept(chunk(100, value=0.01), 100)
    tick_at(runtime, 100)
    other = make_execution(5, 14)
    runtime.replace(other, ['cam_low'])
    runtime.accept(chunk(101, value=0.02), 101)
    tick_at(runtime, 101)
    assert runtime.execution is not other
    runtime.accept(chunk(102, value=0.04, k=5), 102, replacement=True)
    command = tick_at(runtime, 102)
    assert runtime.execution is other
    assert 0.01 < command[0] < 0.02  # begins where the old chunks are
    assert runtime.state is State.RUNNING
    tick_at(runtime, 103, image_stamps_s={'cam_low': 103 / RATE})  # needs only its own cameras
    assert runtime.state is State.RUNNING


def test_the_way_from_one_policy_to_another_is_smooth_and_ends_at_the_new_one(runtime):
    for tick in range(50, 101):  # the soft start is over
        runtime.accept(chunk(tick, value=0.0), tick)
        before = tick_at(runtime, tick)[0]
    runtime.replace(make_execution(60, 14), ['cam_low'])
    runtime.accept(chunk(101, value=0.5, k=60), 101, replacement=True)
    course = [
        tick_at(runtime, tick)[0] for tick in range(101, 101 + 30)
    ]  # the old chunk ends at 120
    steps = np.diff([before, *course])
    assert course[BLEND_TICKS - 1 :] == pytest.approx([0.5] * (30 - BLEND_TICKS + 1))
    assert (steps >= -1e-7).all()
    assert steps.max() < 2 * 0.5 / BLEND_TICKS  # and not all at once
    assert not runtime.limiter.counts['velocity'].any()


def test_a_change_in_the_middle_of_another_makes_no_step_either(runtime):
    runtime.accept(chunk(100, value=0.0), 100)
    course = [tick_at(runtime, 100)[0]]
    for i, value in enumerate((0.4, -0.4, 0.4)):
        start = 101 + 10 * i
        runtime.replace(make_execution(90, 14), ['cam_low'])
        runtime.accept(chunk(start, value=value, k=90), start, replacement=True)
        course += [tick_at(runtime, tick)[0] for tick in range(start, start + 10)]
    assert np.abs(np.diff(course)).max() < 2 * 1.0 / BLEND_TICKS


def test_another_way_to_execute_the_same_policy_gets_its_chunks_too(runtime):
    runtime.accept(chunk(100, value=0.01), 100)
    tick_at(runtime, 100)
    none = make_execution(K, 14, 'none')
    runtime.replace(none, runtime.cameras, own=True)
    runtime.accept(chunk(101, value=0.01), 101)
    assert tick_at(runtime, 101)[0] == pytest.approx(0.01)
    assert runtime.execution is none
    assert runtime.state is State.RUNNING


def test_trouble_with_the_network_holds_and_goes_on_when_it_is_over(runtime):
    runtime.accept(chunk(100, value=0.02), 100)
    held = tick_at(runtime, 100)
    runtime.trouble = 'the network is away'
    np.testing.assert_array_equal(tick_at(runtime, 101), held)
    assert (runtime.state, runtime.reason) == (State.HOLDING, 'the network is away')
    runtime.trouble = ''
    tick_at(runtime, 102)
    assert runtime.state is State.RUNNING


def test_another_policy_that_was_taken_back_changes_nothing(runtime):
    runtime.accept(chunk(100), 100)
    tick_at(runtime, 100)
    runtime.replace(make_execution(5, 14), ['cam_low'])
    runtime.keep()
    tick_at(runtime, 101)
    assert runtime.cameras == ('cam_high', 'cam_low')
    assert runtime.state is State.RUNNING


@pytest.mark.parametrize('k', [1, 2, 3])
def test_chunks_that_are_over_when_they_come_are_said_with_what_to_do(k):
    """Not as the first chunk that is waited for, although nothing was ever commanded."""
    runtime = Runtime(TemporalEnsemble(k, 14), Limiter(SPEC), ['cam_high', 'cam_low'])
    runtime.enable()
    tick_at(runtime, 100)
    assert runtime.reason == 'waiting for the first chunk of actions from the policy'
    assert runtime.shortfall == ''
    for tick in range(101, 120):
        runtime.accept(chunk(tick - 4, k=k), tick)
        tick_at(runtime, tick)
    assert runtime.state is State.WAITING
    assert f'chunks of {k} actions are over when they come, 4 ticks late' in runtime.reason
    assert 'inference to sync' in runtime.reason[:125]  # as much as `ros2 topic echo` shows
    assert 'inference sync' in runtime.reason and runtime.shortfall == runtime.reason


def test_a_gap_now_and_then_in_short_chunks_stays_said_for_seconds():
    runtime = Runtime(TemporalEnsemble(2, 14), Limiter(SPEC), ['cam_high', 'cam_low'])
    runtime.enable()
    runtime.accept(chunk(99, k=2), 100)
    tick_at(runtime, 100)
    assert runtime.state is State.RUNNING and runtime.shortfall == ''
    tick_at(runtime, 101)
    assert runtime.state is State.HOLDING and 'inference sync' in runtime.shortfall
    for tick in range(102, 120):
        runtime.accept(chunk(tick - 1, k=2), tick)
        tick_at(runtime, tick)
    assert runtime.state is State.RUNNING and 'inference sync' in runtime.shortfall
    for tick in range(120, 400):
        runtime.accept(chunk(tick, k=2), tick)
        tick_at(runtime, tick)
    assert runtime.shortfall == ''


def test_long_chunks_that_fail_to_come_are_not_called_short(runtime):
    runtime.accept(chunk(96), 100)
    tick_at(runtime, 100)
    tick_at(runtime, 100 + K)
    assert 'inference is slower than a chunk is long' in runtime.reason
    assert runtime.shortfall == ''


@pytest.mark.parametrize(('joint', 'value'), [(0, 50.0), (7, 1e30), (2, -2.1), (6, -3.17)])
def test_nothing_is_led_from_a_pose_that_no_arm_can_have(runtime, joint, value):
    away = SPEC.start.astype(np.float32)
    away[joint] = value
    runtime.accept(chunk(100), 100)
    assert tick_at(runtime, 100, qpos=away) is None
    assert runtime.state is State.WAITING
    assert f'{SPEC.joint_names[joint]} is measured at {value:.4g}' in runtime.reason
    assert 'driver' in runtime.reason
    last = tick_at(runtime, 101)
    assert runtime.state is State.RUNNING
    np.testing.assert_array_equal(tick_at(runtime, 102, qpos=away), last)
    assert runtime.state is State.HOLDING
    runtime.reset(
        103
    )  # and where everything planned is forgotten, there is nothing to hold either
    assert tick_at(runtime, 103, qpos=away) is None


def test_an_arm_that_does_not_follow_is_a_fault_and_is_no_longer_pushed(runtime):
    ticks, state = 100, State.RUNNING
    while state is State.RUNNING:
        runtime.accept(chunk(ticks, value=1.5), ticks)
        command = tick_at(runtime, ticks)  # it stays at the start
        state, ticks = runtime.state, ticks + 1
    assert state is State.FAULT
    assert 100 + RATE * SPEC.tracking_s < ticks < 100 + RATE * (SPEC.tracking_s + 1.0)
    assert 'left_waist is 1.50 rad from its command' in runtime.reason
    assert 'then enable' in runtime.reason
    assert command[0] == SPEC.start[0]  # where it is
    np.testing.assert_array_equal(tick_at(runtime, ticks), command)
    assert runtime.state is State.FAULT
    runtime.enable()
    runtime.accept(chunk(ticks + 1), ticks + 1)
    tick_at(runtime, ticks + 1)
    assert runtime.state is State.RUNNING


def test_a_gripper_that_holds_something_is_no_fault(runtime):
    for tick in range(100, 300):
        closed = chunk(tick)
        closed.actions[:, 6] = 0.0
        runtime.accept(closed, tick)
        held = SPEC.start.astype(np.float32)
        held[6] = 0.9
        tick_at(runtime, tick, qpos=held)
        assert runtime.state is State.RUNNING


def test_a_hold_that_lasts_is_a_fault_that_names_what_is_silent(runtime):
    runtime.freshness = Freshness(max_hold_s=2.0)
    runtime.accept(chunk(100), 100)
    last = tick_at(runtime, 100)
    for tick in range(101, 203):
        runtime.accept(chunk(tick), tick)
        np.testing.assert_array_equal(
            tick_at(runtime, tick, image_stamps_s={'cam_high': tick / RATE}), last
        )
    assert runtime.state is State.FAULT
    assert 'held for more than 2 s' in runtime.reason and 'cam_low' in runtime.reason
    tick_at(runtime, 203)  # the camera is back
    assert runtime.state is State.FAULT
    runtime.enable()
    runtime.accept(chunk(204), 204)
    tick_at(runtime, 204)
    assert runtime.state is State.RUNNING


def test_after_a_hold_the_arms_get_going_slowly(runtime):
    for tick in range(100, 200):
        runtime.accept(chunk(tick), tick)
        tick_at(
            runtime,
            tick,
            image_stamps_s={} if tick >= 150 else {c: tick / RATE for c in runtime.cameras},
        )
    assert runtime.state is State.HOLDING
    runtime.accept(chunk(200, value=3.0), 200)
    command = tick_at(runtime, 200)
    assert runtime.state is State.RUNNING
    assert 0 < command[0] <= 1.001 * SOFT * SPEC.velocity[0] / RATE
