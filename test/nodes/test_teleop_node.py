# SPDX-License-Identifier: Apache-2.0
"""Teleoperation through real topics: what the leaders do, the followers are told."""

from __future__ import annotations

import numpy as np
import pytest
from act_msgs.msg import Command, SimState
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from processes import Running
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool

from act_ros.control.limiter import SOFT
from act_ros.control.ticker import tick_of
from act_ros.nodes.shared.topics import LATCHED
from act_ros.robot.spec import RobotSpec

SPEC = RobotSpec.load()
NAMES = [*SPEC.joints, 'gripper', 'left_finger', 'right_finger']
PATIENT = {'max_age_s': 1.0}
"""So that no leader counts as silent whose messages a busy machine holds up."""


class Arms:
    """Four drivers that report what a test says, and keep what they are told."""

    def __init__(self, ros) -> None:
        self.ros = ros
        self.node = node = ros.node()
        self.pose = {}
        self.group, self.single, self.command = [], [], []
        self.publishers = {}
        for index, arm in enumerate(SPEC.arms):
            for name in (arm.leader, arm.follower):
                self.pose[name] = SPEC.start[7 * index : 7 * index + 7].copy()
                topic = f'/{name}/joint_states'
                self.publishers[name] = node.create_publisher(JointState, topic, 10)
        topic = '/follower_left/commands/joint_'
        node.create_subscription(JointGroupCommand, topic + 'group', self.group.append, 10)
        node.create_subscription(JointSingleCommand, topic + 'single', self.single.append, 10)
        node.create_subscription(Command, '/act/command', self.command.append, 10)
        self.faults = []
        node.create_subscription(String, '/act/episode_fault', self.faults.append, 10)
        self.silent, self.ahead = set(), set()
        self.reports = 0
        self.timer = node.create_timer(0.01, self.report)

    def go_on(self, reports: int) -> None:
        """Wait until the arms have reported so many times more, every 10 ms at best."""
        end = self.reports + reports
        self.ros.wait_until(lambda: self.reports > end)

    def told_of(self, arm: str) -> bool:
        """Whether the recorder was told that an arm was silent: on a busy machine others may be, too."""
        found = [msg.data for msg in self.faults if 'was silent, the followers held' in msg.data]
        return any(arm in text for text in found)

    def report(self) -> None:
        """Publish the joint states of all arms that aren't silent."""
        self.reports += 1
        for name, publisher in self.publishers.items():
            if name in self.silent:
                continue
            leader = name.startswith('leader')
            scale = SPEC.leader_gripper if leader else SPEC.follower_gripper
            pose, grip = self.pose[name], float(self.pose[name][6])
            finger = scale.unit_to_finger(grip)
            msg = JointState(name=NAMES)
            msg.header.stamp = self.node.get_clock().now().to_msg()
            msg.header.stamp.sec += 3 * (name in self.ahead)
            msg.position = [*pose[:6].tolist(), scale.unit_to_joint(grip), finger, -finger]
            msg.velocity = msg.effort = [0.0] * 9
            publisher.publish(msg)


@pytest.fixture
def arms(ros, tmp_path):
    made = Arms(ros)
    with Running('teleop', tmp_path / 'log', engage=True, **PATIENT) as process:
        told = (made.group, made.single, made.command)
        ros.wait_until(lambda: all(told), what='commands')
        made.process = process
        yield made


def test_followers_are_told_the_leaders_pose_in_their_own_gripper_scale(arms, ros):
    pose = arms.pose['leader_left']
    pose[0], pose[6] = 0.2, 0.8
    ros.wait_until(lambda: abs(arms.group[-1].cmd[0] - 0.2) < 1e-4)
    turn = SPEC.follower_gripper.unit_to_joint(0.8)
    ros.wait_until(lambda: abs(arms.single[-1].cmd - turn) < 1e-4)
    assert arms.group[-1].name == 'arm' and arms.single[-1].name == 'gripper'
    np.testing.assert_allclose(arms.command[-1].action[:7], pose, atol=1e-4)
    np.testing.assert_allclose(arms.command[-1].action[7:], arms.pose['leader_right'], atol=1e-4)


def test_no_step_is_faster_than_the_limit_however_the_leader_jumps(arms, ros):
    there = arms.pose['leader_left'][1] = arms.pose['leader_left'][1] + 0.35  # a hand can
    ros.wait_until(lambda: abs(arms.group[-1].cmd[1] - there) < 1e-4)
    told = [np.array(msg.action) for msg in arms.command]
    steps = np.abs(np.diff(told, axis=0))
    ticks = np.diff([msg.tick for msg in arms.command])
    limit = (SPEC.velocity / SPEC.rate_hz)[None, :] * np.maximum(ticks, 1)[:, None]
    assert (steps <= limit + 1e-5).all()


def test_a_leader_that_falls_silent_leaves_the_followers_where_they_are(arms, ros):
    ros.wait_until(lambda: len(arms.command) > 5)
    arms.faults.clear()  # at the start all are silent, for a moment
    arms.silent.add('leader_right')
    # The recorder marks its episode with this.
    ros.wait_until(lambda: arms.told_of('leader_right'), what='the fault')
    count = len(arms.command)
    arms.pose['leader_left'][0] = 0.4
    ros.wait_until(lambda: len(arms.command) > count + 10)
    assert abs(arms.command[-1].action[0]) < 1e-3
    ros.wait_until(lambda: 'an arm does not report its joints' in arms.process.output)


def test_a_leader_that_jumps_as_no_hand_can_is_not_followed_and_is_named(arms, ros):
    ros.wait_until(lambda: len(arms.command) > 5)
    arms.pose['leader_left'][0] = 50.0
    # First it has jumped, and when it stays there it is where no leader can be.
    ros.wait_until(lambda: 'leader_left: waist jumped by up to 50.00' in arms.process.output)
    ros.wait_until(
        lambda: 'of a leader: left_waist is measured at 50 rad, where it' in arms.process.output
    )
    assert max(abs(msg.action[0]) for msg in arms.command) < 1e-3


def test_a_second_publisher_of_a_leader_is_a_fault_until_it_is_gone(arms, ros):
    ros.wait_until(lambda: len(arms.command) > 5)
    rival = ros.node('rival')
    other = rival.create_publisher(JointState, '/leader_right/joint_states', 10)
    engage = lambda: ros.call(  # noqa: E731
        arms.node, SetBool, '/act/teleop/engage', SetBool.Request(data=True), 60
    )
    ros.wait_until(lambda: 'FAULT: /leader_right/joint_states has 2 pub' in arms.process.output)
    arms.go_on(50)  # what was under way arrives
    count = len(arms.command)
    refused = engage()
    assert not refused.success and 'stop all but one' in refused.message
    assert len(arms.command) == count
    rival.destroy_publisher(other)
    ros.wait_until(lambda: engage().success)
    ros.wait_until(lambda: len(arms.command) > count + 10)


def test_stamps_of_the_future_are_no_news(arms, ros):
    ros.wait_until(lambda: len(arms.command) > 5)
    arms.ahead.add('follower_right')
    ros.wait_until(lambda: 's ahead of our clock' in arms.process.output)
    ros.wait_until(lambda: arms.told_of('follower_right'), what='the fault')


def test_a_follower_that_hears_nothing_is_a_fault_until_it_is_engaged_again(arms, ros):
    ros.wait_until(lambda: len(arms.command) > 5)
    arms.pose['leader_left'][0] = 0.8  # and the follower stays
    ros.wait_until(lambda: 'FAULT: left_waist is' in arms.process.output)
    ros.wait_until(lambda: any('left_waist' in msg.data for msg in arms.faults))
    arms.go_on(50)  # what was under way arrives
    count = len(arms.command)
    arms.go_on(50)
    assert len(arms.command) == count
    assert abs(arms.command[-1].action[0]) < 1e-3  # where it is: it is not pushed on
    arms.pose['leader_left'][0] = 0.0
    answer = ros.call(arms.node, SetBool, '/act/teleop/engage', SetBool.Request(data=True))
    assert answer.success, answer.message
    ros.wait_until(lambda: len(arms.command) > count + 10)


def test_in_simulation_a_fault_ends_with_the_world_in_which_it_was(ros, tmp_path):
    arms = Arms(ros)
    clock = arms.node.create_publisher(Clock, '/clock', 10)
    world = arms.node.create_publisher(SimState, '/act/sim_state', LATCHED)

    def stamp():
        return arms.node.get_clock().now().to_msg()

    def begin(episode):
        msg = SimState(episode=episode)
        msg.header.stamp = stamp()
        world.publish(msg)

    arms.node.create_timer(0.01, lambda: clock.publish(Clock(clock=stamp())))
    begin(1)
    with Running('teleop', tmp_path / 'log', use_sim_time=True, **PATIENT) as process:
        ros.wait_until(lambda: len(arms.command) > 5, what='commands')
        arms.pose['leader_left'][0] = 0.8  # and the follower stays
        ros.wait_until(lambda: 'disengaged; the followers hold' in process.output)
        arms.pose['leader_left'][0] = 0.0
        arms.go_on(50)  # what was under way arrives
        count = len(arms.command)
        begin(2)
        ros.wait_until(lambda: len(arms.command) > count + 10)
        assert 'engaged, slowly at first (the world is set up anew)' in process.output


def test_the_operator_engages_and_disengages_by_squeezing_both_leader_grippers(ros, tmp_path):
    arms = Arms(ros)
    with Running('teleop', tmp_path / 'log', **PATIENT) as process:
        ros.wait_until(lambda: 'squeeze both leader grippers' in process.output)
        arms.pose['leader_left'][6] = 0.0  # one alone tells nothing
        arms.go_on(100)
        assert not arms.command
        arms.pose['leader_left'][6] = 0.5  # each has to be seen open before
        arms.go_on(50)
        arms.pose['leader_left'][6] = arms.pose['leader_right'][6] = 0.0
        ros.wait_until(lambda: len(arms.command) > 5, what='engaged')
        arms.pose['leader_left'][6] = arms.pose['leader_right'][6] = 0.5
        ros.wait_until(lambda: abs(arms.command[-1].action[13] - 0.5) < 1e-3)
        arms.pose['leader_left'][6] = arms.pose['leader_right'][6] = 0.0
        ros.wait_until(lambda: 'disengaged' in process.output)
        arms.go_on(50)  # what was under way arrives
        count = len(arms.command)
        arms.pose['leader_left'][0] = 0.4
        arms.go_on(50)
        assert len(arms.command) == count


def test_engaging_again_is_soft_from_where_the_followers_are(arms, ros):
    engage = lambda on: ros.call(  # noqa: E731
        arms.node, SetBool, '/act/teleop/engage', SetBool.Request(data=on), 60
    )
    assert engage(False).success
    arms.pose['leader_left'][0] = 0.5
    # A leader whose new pose is heard after the engaging has moved, and is followed at once.
    arms.go_on(50)
    arms.command.clear()
    before = tick_of(arms.node.get_clock().now().nanoseconds * 1e-9, SPEC.rate_hz) - 1
    assert engage(True).success
    ros.wait_until(lambda: arms.command and abs(arms.command[-1].action[0] - 0.5) < 1e-3)
    told = np.array([0.0, *(msg.action[0] for msg in arms.command)])
    ticks = np.diff([before, *(msg.tick for msg in arms.command)])  # some are lost, the first too
    limit = SOFT * SPEC.velocity[0] / SPEC.rate_hz
    assert (np.diff(told) <= limit * np.maximum(ticks, 1) + 1e-5).all()


def test_engaging_is_refused_while_another_node_commands_the_arms(ros, tmp_path):
    arms = Arms(ros)
    rival = ros.node('rival')
    rival.create_publisher(JointGroupCommand, '/follower_left/commands/joint_group', 1)
    with Running('teleop', tmp_path / 'log'):
        answer = ros.call(arms.node, SetBool, '/act/teleop/engage', SetBool.Request(data=True), 60)
        assert not answer.success and 'another node publishes commands' in answer.message
        assert not arms.command


def test_engaged_from_the_start_it_is_asked_what_speaks_against_it_all_the_same(ros, tmp_path):
    arms = Arms(ros)
    rival = ros.node('rival')
    other = rival.create_publisher(JointGroupCommand, '/follower_left/commands/joint_group', 1)
    with Running('teleop', tmp_path / 'log', engage=True, **PATIENT) as process:
        ros.wait_until(lambda: 'not engaged: another node publishes commands' in process.output)
        rival.destroy_publisher(other)
        arms.go_on(50)
        assert not arms.command  # it was refused, so a person decides


def test_engaged_from_the_start_it_commands_nothing_in_a_robot_that_is_stopped(ros, tmp_path):
    arms = Arms(ros)
    stopped = arms.node.create_publisher(String, '/act/stop_state', LATCHED)
    stopped.publish(String(data='somebody'))
    with Running('teleop', tmp_path / 'log', engage=True, **PATIENT) as process:
        ros.wait_until(lambda: 'STOPPED by somebody' in process.output)
        arms.go_on(200)
        assert not arms.command and not arms.group


def test_after_a_long_hold_the_followers_wait_until_they_are_engaged_again(ros, tmp_path):
    arms = Arms(ros)
    with Running('teleop', tmp_path / 'log', engage=True, max_hold_s=2.0, **PATIENT) as process:
        ros.wait_until(lambda: len(arms.command) > 5)
        arms.silent.add('leader_left')
        ros.wait_until(lambda: 'FAULT: the arms held for more than 2 s' in process.output)
        arms.silent.clear()
        arms.go_on(100)  # what was under way arrives, and the leader is heard
        count = len(arms.command)
        arms.go_on(50)
        assert len(arms.command) == count
        answer = ros.call(arms.node, SetBool, '/act/teleop/engage', SetBool.Request(data=True))
        assert answer.success, answer.message
        ros.wait_until(lambda: len(arms.command) > count + 10)


def test_ctrl_c_ends_it_with_code_0(arms):
    assert arms.process.stop() == 0
    assert 'Traceback' not in arms.process.output
