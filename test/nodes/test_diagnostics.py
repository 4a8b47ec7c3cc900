# SPDX-License-Identifier: Apache-2.0
"""What `/diagnostics` says: its levels, its keys, and that a camera that stops is seen there."""

from __future__ import annotations

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fakes import SPEC
from policy_clients import keep, running
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState

from act_ros.control.cadence import Cadence
from act_ros.control.ensemble import make_execution
from act_ros.control.limiter import Limiter, Reason
from act_ros.control.runtime import Runtime, State
from act_ros.control.tick_inputs import TickInputs
from act_ros.control.ticker import Beat
from act_ros.nodes.policy.camera import Snapshot
from act_ros.nodes.policy.health import LEVELS
from act_ros.nodes.policy.observer import RobotView
from act_ros.nodes.policy.statistics import WINDOW, Statistics
from act_ros.nodes.recorder.health import disk
from act_ros.nodes.shared.base import BaseNode
from act_ros.nodes.shared.diagnostics import (
    ERROR,
    OK,
    STALE,
    WARN,
    commanding,
    evenness,
    figures,
    heard,
)
from act_ros.robot.types import Chunk


def test_each_state_of_the_runtime_has_its_level():
    assert LEVELS == {
        State.IDLE: OK,
        State.RUNNING: OK,
        State.WAITING: WARN,
        State.HOLDING: WARN,
        State.FAULT: ERROR,
    }
    assert set(LEVELS) == set(State)


@pytest.mark.parametrize(
    ('told', 'level', 'message'),
    [
        ({'age_s': 0.1}, OK, 'ok'),
        ({'age_s': 0.1, 'note': 'one was torn'}, WARN, 'one was torn'),
        ({'age_s': 3.0}, STALE, 'nothing for 3.0 s'),
        ({'age_s': 3.0, 'note': 'no encoding'}, STALE, 'nothing for 3.0 s: no encoding'),
        ({'age_s': None}, STALE, 'nothing usable yet'),
        ({'age_s': 0.1, 'contested': 'two publishers'}, ERROR, 'two publishers'),
        ({'age_s': None, 'contested': 'two publishers'}, ERROR, 'two publishers'),
    ],
)
def test_a_source_has_the_level_of_what_is_wrong_with_it(told, level, message):
    health = heard('cam_high', limit_s=0.2, **told)
    assert (health.level, health.message) == (level, message)
    assert health.values['age [s]'] == ('never' if told['age_s'] is None else told['age_s'])


@pytest.mark.parametrize(('rate_hz', 'level'), [(50, OK), (44, WARN), (30, ERROR)])
def test_a_loop_tells_how_evenly_it_runs_in_the_words_of_ros2_control(rate_hz, level):
    cadence, now_s = Cadence(50.0), 100.0
    for count in range(20):
        cadence.begin(now_s, missed=int(count == 3))
        cadence.out(now_s + 0.001)
        cadence.end(now_s + 0.002)
        now_s += 1 / rate_hz
    cadence.begin(now_s, missed=0)
    cadence.end(now_s + 0.025)  # longer than a period
    assert evenness(cadence) == level
    values = figures(cadence)
    assert values['periodicity.average [Hz]'] == pytest.approx(rate_hz)
    assert values['periodicity.standard_deviation [Hz]'] == pytest.approx(0.0, abs=1e-6)
    assert values['execution_time.min [us]'] == pytest.approx(2000.0)
    assert values['execution_time.max [us]'] == pytest.approx(25000.0)
    assert 2000.0 < values['execution_time.percentile_99 [us]'] < 25000.0
    assert values['commands_out.max [us]'] == pytest.approx(1000.0)
    assert values['overruns'] == 2
    cadence.begin(now_s + 60, missed=0)  # a pause is no period
    assert not cadence.rates_hz().size


def test_a_loop_that_commands_says_what_it_holds_for_and_what_was_limited():
    silent, limiter = heard('follower_left', None, 0.2), Limiter(SPEC)
    limiter.reset(SPEC.start)
    limiter.apply(SPEC.start + 1.0)
    loop, arm = commanding('replay', Cadence(50.0), limiter, True, [silent])
    assert (loop.level, loop.message) == (WARN, 'holds the arms: follower_left') and arm is silent
    assert loop.values['limited.velocity'] == 14 and loop.values['limited.finite'] == 0
    loop, _ = commanding('replay', Cadence(50.0), limiter, False, [silent])
    assert (loop.level, loop.message) == (OK, 'not enabled')


def test_a_disk_is_warned_of_before_no_episode_begins():
    levels = [disk('/data', free, 100).level for free in (99, 100, 999, 1000)]
    assert levels == [ERROR, WARN, WARN, OK]


def newest(diagnostics: list[DiagnosticArray], name: str) -> DiagnosticStatus | None:
    """The last status of something."""
    for msg in reversed(diagnostics):
        for status in msg.status:
            if status.name == f'act/policy: {name}':
                return status
    return None


def test_a_camera_that_stops_is_stale_and_the_loop_warns(ros, robot, policy):
    diagnostics = keep(ros, DiagnosticArray, '/diagnostics')
    running(ros, policy(max_image_age_s=1.0))

    def level(name):
        status = newest(diagnostics, name)
        return status and status.level

    ros.wait_until(lambda: level('cam_high') == OK and level('control loop') is not None)
    robot.images_on = False
    ros.wait_until(lambda: level('cam_high') == STALE and level('control loop') == WARN)
    assert newest(diagnostics, 'cam_high').message.startswith('nothing for ')
    assert level('follower_left') == OK
    values = {v.key: v.value for v in newest(diagnostics, 'control loop').values}
    assert values['state'] == 'HOLDING' and float(values['periodicity.average [Hz]']) > 0
    robot.images_on = True
    ros.wait_until(lambda: level('cam_high') == OK)


def test_publishers_of_another_quality_of_service_are_named_while_they_last(ros):
    context = ros.context
    listener = ros.add(BaseNode('listener', context=context))
    listener.create_subscription(JointState, '/arm/joint_states', lambda _: None, 10)
    driver = ros.node('driver')
    weak = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    publisher = driver.create_publisher(JointState, '/arm/joint_states', weak)
    why = ros.wait_until(lambda: listener.qos.why('/arm/joint_states'))
    assert '/driver offers BEST_EFFORT, and /act/listener asks for RELIABLE' in why
    driver.destroy_publisher(publisher)
    ros.wait_until(lambda: not listener.qos.why('/arm/joint_states'))


@pytest.mark.parametrize(('apart_s', 'skewed'), [(0.03, 0), (0.05, 10)])
def test_cameras_that_show_different_moments_are_counted(apart_s, skewed):
    statistics, runtime = (
        Statistics(0.02),
        Runtime(make_execution(10, 14, 'oldest', 0.01, 0), Limiter(SPEC), []),
    )
    shots = {'a': Snapshot({}, 1.0, 1 / 30), 'b': Snapshot({}, 1.0 + apart_s, 1 / 60)}
    for tick in range(10):
        sight = RobotView(None, shots, TickInputs())
        statistics.tick(Beat(tick, 1.1, 0, jumped=False), sight, runtime)
    assert statistics.skewed == skewed and statistics.skewed_lately == bool(skewed)
    assert statistics.skew_s == pytest.approx(apart_s)


@pytest.mark.parametrize(('target', 'warned'), [(9.0, True), (0.0, False)])
def test_commands_that_the_limits_change_all_the_time_are_warned_of_and_a_gentle_start_is_not(
    target, warned
):
    statistics = Statistics(0.02)
    runtime = Runtime(make_execution(100, 14, 'oldest', 0.01, 0), Limiter(SPEC), [])
    runtime.enable()
    actions = np.tile(SPEC.start.astype(np.float32), (100, 1))
    actions[:, 0] = target or 0.5
    qpos = SPEC.start.astype(np.float32)
    for tick in range(300):
        runtime.accept(Chunk(tick, actions, inference_s=0.01), tick)
        inputs = TickInputs(qpos, 0.02 * tick)
        command = runtime.step(tick, 0.02 * tick, inputs)
        qpos = qpos if command is None else command
        statistics.tick(
            Beat(tick, 0.02 * tick, 0, jumped=False), RobotView(None, {}, inputs), runtime
        )
    assert runtime.state is State.RUNNING and statistics.clamped > 0
    assert ('outside the position limits' in statistics.limited_lately) == warned


def test_that_the_limits_change_what_the_policy_asks_for_is_said_once(ros, robot, policy, capfd):
    diagnostics = keep(ros, DiagnosticArray, '/diagnostics')
    node = running(ros, policy(max_joint_age_s=1.0, max_image_age_s=2.0)).node
    ros.wait_until(lambda: newest(diagnostics, 'control loop'))
    capfd.readouterr()

    def warned():
        node.loop.statistics._changed.extend([Reason('velocity', ('waist',))] * WINDOW)
        return newest(diagnostics, 'control loop').level == WARN

    ros.wait_until(warned)
    ros.wait_until(lambda: not node.loop.statistics.limited_lately)
    said = capfd.readouterr().err
    assert said.count('the limits changed most of the commands of the last 5 s: ') == 1
    assert 'was slowed: waist' in said
