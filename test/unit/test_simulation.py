# SPDX-License-Identifier: Apache-2.0
"""The course of the simulation: episodes, resets, time, lockstep's determinism, pace."""

from __future__ import annotations

import math

import numpy as np
import pytest

from act_ros.robot.spec import RobotSpec
from act_ros.sim.real_time import RealTimeFactor, RealTimePace
from act_ros.sim.simulation import SETTLE_STEPS, Simulation

SPEC = RobotSpec.load()
ARM = SPEC.start[:6].tolist()


def simulation(**options) -> Simulation:
    return Simulation('transfer_cube', 3, SPEC, **{'scripted': False, **options})


def command(sim: Simulation, arm_pose: list[float], turn: float = 1.0) -> bool:
    done = [
        sim.command(arm, kind, name, values)
        for arm in ('follower_left', 'follower_right')
        for kind, name, values in (('group', 'arm', arm_pose), ('single', 'gripper', [turn]))
    ]
    return all(done)


def test_joint_states_have_nine_joints_and_mirrored_fingers():
    readings = simulation().readings()
    assert set(readings) == {'leader_left', 'leader_right', 'follower_left', 'follower_right'}
    for position, velocity, effort in readings.values():
        assert len(position) == len(velocity) == len(effort) == 9
        assert position[8] == -position[7]
        assert velocity[7:] == effort[7:] == [0.0, 0.0]


def test_the_gripper_is_published_in_the_scales_of_the_configuration():
    reading = simulation().readings()['follower_left'].position
    scale = SPEC.follower_gripper
    assert scale.joint_to_unit(reading[6]) == pytest.approx(0.1, abs=1e-6)
    assert scale.finger_to_unit(reading[7]) == pytest.approx(0.1, abs=1e-6)


def test_an_episode_begins_with_the_first_command():
    sim = simulation()
    for _ in range(20):
        sim.advance()
    assert sim.step == 0
    command(sim, ARM)
    for _ in range(4):
        sim.advance()
    assert sim.step == 2


def test_time_goes_on_over_resets_and_each_is_an_episode():
    sim = simulation()
    stamps = [sim.stamp_ns]
    for seed in (4, 4, 9):
        sim.advance()
        stamps.append(sim.stamp_ns)
        sim.reset(seed)
        stamps.append(sim.stamp_ns)
    assert (np.diff(stamps) > 0).all()
    assert sim.seed == 9 and sim.episode == 4 and sim.step == 0


def test_commands_under_way_at_a_reset_are_ignored():
    sim = simulation()
    sim.reset(4)
    assert not command(sim, [0.5, *ARM[1:]])
    for _ in range(SETTLE_STEPS):
        sim.advance()
    assert sim.step == 0
    assert sim.readings()['follower_left'].position[0] == pytest.approx(0.0, abs=0.01)
    assert command(sim, ARM)


def test_an_unsuccessful_episode_ends_at_its_time_limit():
    sim = simulation()
    command(sim, ARM)
    while not sim.ended:
        sim.advance()
    assert sim.length <= sim.step <= sim.length + 30
    assert not sim.world.success


def test_lockstep_waits_for_arm_and_gripper_of_both_followers():
    sim = simulation(lockstep=True)
    assert not sim.complete
    for arm in ('follower_left', 'follower_right'):
        sim.command(arm, 'group', 'arm', ARM)
    assert not sim.complete
    for arm in ('follower_left', 'follower_right'):
        sim.command(arm, 'single', 'gripper', [1.0])
    assert sim.complete
    sim.next_tick()
    assert not sim.complete


def test_the_same_seed_and_commands_give_the_same_episode_bit_for_bit():
    def episode() -> list[list[float]]:
        sim, seen = simulation(lockstep=True), []
        for t in range(60):
            command(sim, [0.3 * math.sin(t / 10), *ARM[1:]], turn=0.7 + 0.01 * t)
            sim.advance()
            sim.advance()
            sim.next_tick()
            seen.append(
                [x for reading in sim.readings().values() for part in reading for x in part]
            )
        return seen

    assert episode() == episode()


def test_the_scripted_operator_waits_until_the_leaders_are_followed():
    sim = simulation(scripted=True)
    for _ in range(50):
        sim.advance()
    rest = sim.readings()['leader_right'].position
    command(sim, ARM)
    for _ in range(100):
        sim.advance()
    assert np.abs(np.subtract(sim.readings()['leader_right'].position, rest)).max() > 0.05


def test_leaders_with_torque_follow_commands_instead_of_the_operator():
    sim = simulation(scripted=True)
    sim.motors['leader_right'].set_torque('group', 'all', enable=True)
    sim.command('leader_right', 'group', 'arm', [0.2, *ARM[1:]])
    command(sim, ARM)
    for _ in range(100):
        sim.advance()
    assert sim.readings()['leader_right'].position[0] == pytest.approx(0.2)


class FakeClock:
    """A steady clock that stands still but for sleeping and what a test adds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_the_pace_is_kept_without_drift():
    clock = FakeClock()
    pace = RealTimePace(0.01, clock, clock.sleep)
    for _ in range(101):
        pace.wait()
        clock.now += 0.003  # work
    assert clock.now == pytest.approx(100.0 + 1.0 + 0.003)


def test_a_delay_is_made_up_for_without_a_burst_and_a_long_one_is_given_up():
    clock = FakeClock()
    pace = RealTimePace(0.01, clock, clock.sleep)
    pace.wait()
    clock.now += 3.0
    begun = []
    for _ in range(400):
        pace.wait()
        begun.append(clock.now)
    periods = np.diff(begun)
    assert periods.min() >= 0.008 - 1e-9
    assert begun[-1] - begun[0] >= 3.99 - 0.061


def test_the_real_time_factor_is_simulated_over_real_seconds():
    clock = FakeClock()
    factor = RealTimeFactor(clock)
    assert not factor.update(5.0) and math.isnan(factor.value)
    clock.now += 1.25
    assert factor.update(6.0) and factor.value == pytest.approx(0.8)
