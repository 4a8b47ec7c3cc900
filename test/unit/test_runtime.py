# SPDX-License-Identifier: Apache-2.0
"""What the loop decides: when it runs, waits, holds, and that its reasons can be understood."""

import numpy as np
import pytest

from act_ros.control.limiter import SOFT
from act_ros.control.runtime import State
from act_ros.control.tick_inputs import Freshness
from loop_ticks import RATE, SPEC, chunk, enabled, tick_at


@pytest.fixture
def runtime():
    return enabled()


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


def test_trouble_with_the_network_holds_and_goes_on_when_it_is_over(runtime):
    runtime.accept(chunk(100, value=0.02), 100)
    held = tick_at(runtime, 100)
    runtime.trouble = 'the network is away'
    np.testing.assert_array_equal(tick_at(runtime, 101), held)
    assert (runtime.state, runtime.reason) == (State.HOLDING, 'the network is away')
    runtime.trouble = ''
    tick_at(runtime, 102)
    assert runtime.state is State.RUNNING


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
