# SPDX-License-Identifier: Apache-2.0
"""What `/diagnostics` says: its levels, its keys, and that a camera that stops is seen there."""

from __future__ import annotations

import time

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from fakes import SPEC
from policy_clients import keep, running
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState

from act_ros.control.ensemble import make_execution
from act_ros.control.limiter import Limiter
from act_ros.control.runtime import Runtime, State
from act_ros.control.tick_inputs import TickInputs
from act_ros.control.ticker import Beat
from act_ros.nodes.policy.camera import Snapshot
from act_ros.nodes.policy.health import LEVELS
from act_ros.nodes.policy.observer import RobotView
from act_ros.nodes.policy.statistics import Statistics
from act_ros.nodes.recorder.health import disk
from act_ros.nodes.shared.base import BaseNode
from act_ros.nodes.shared.diagnostics import (
    ERROR,
    OK,
    STALE,
    WARN,
    Cadence,
    commanding,
    heard,
)


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
def test_a_loop_tells_how_evenly_it_runs_in_the_words_of_ros2_control(monkeypatch, rate_hz, level):
    now = [100.0]
    monkeypatch.setattr(time, 'monotonic', lambda: now[0])
    cadence = Cadence(50.0)
    for count in range(20):
        with cadence.tick(missed=int(count == 3)):
            now[0] += 0.002
        now[0] += 1 / rate_hz - 0.002
    with cadence.tick():
        now[0] += 0.025  # longer than a period
    assert cadence.level == level
    health = commanding('loop', cadence, Limiter(SPEC), 'an arm is silent', 'running', row=3)
    values = health.values
    assert (health.level, health.message, values['row']) == (WARN, 'an arm is silent', 3)
    assert values['periodicity.average [Hz]'] == pytest.approx(rate_hz)
    assert values['periodicity.standard_deviation [Hz]'] == pytest.approx(0.0, abs=1e-6)
    assert values['execution_time.min [us]'] == pytest.approx(2000.0)
    assert values['execution_time.max [us]'] == pytest.approx(25000.0)
    assert values['overruns'] == 2
    assert {name for name in values if name.startswith('limited.')} == {
        'limited.finite',
        'limited.limits',
        'limited.velocity',
    }


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
