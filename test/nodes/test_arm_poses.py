# SPDX-License-Identifier: Apache-2.0
"""Where arms are said to be is believed only where it can be: of the leaders as of the followers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sensor_msgs.msg import JointState

from act_ros.control.limiter import Limiter
from act_ros.control.motion.pose_motion import PoseMotion
from act_ros.nodes.shared.arm_poses import ArmPoses
from act_ros.nodes.shared.base import BaseNode
from act_ros.nodes.shared.commands import to_time
from act_ros.nodes.shared.silence import Silence
from act_ros.robot.spec import RobotSpec

SPEC = RobotSpec.load()
NAMES = [*SPEC.joints, 'gripper', 'left_finger', 'right_finger']
LEADERS = [arm.leader for arm in SPEC.arms]
FOLLOWERS = [arm.follower for arm in SPEC.arms]
START, REST = SPEC.start[:6], SPEC.rest[:6]


class Heard:
    """Poses of arms by a clock of its own, 50 times a second; `motor`: of the first leader's gripper, if not where
    the pose says."""

    def __init__(self, ros) -> None:
        self.now = 100.0
        self.node = BaseNode('listener', context=ros.context)
        self.poses = ArmPoses(self.node, lambda: self.now, simulated=False)
        self.poses.lead(SPEC)
        self.poses.follow(SPEC)
        ros.add(self.node)

    def say(self, arm, joints, grip=0.5, motor=None):
        leader = arm in LEADERS
        scale = SPEC.leader_gripper if leader else SPEC.follower_gripper
        finger = scale.unit_to_finger(grip)
        turn = scale.unit_to_joint(grip) if motor is None else motor
        msg = JointState(name=NAMES, position=[*map(float, joints), turn, finger, -finger])
        msg.header.stamp = to_time(self.now)
        self.poses._on_state(arm, msg, {})

    def all_say(self, joints, seconds=0.02, **first):
        """All arms that they are there; of the first leader more may be said."""
        for _ in range(round(seconds * 50)):
            self.now += 0.02
            for arm in (*LEADERS, *FOLLOWERS):
                self.say(arm, joints, **(first if arm == LEADERS[0] else {}))

    def led(self):
        return self.poses.led(LEADERS, self.now - 0.2)

    def followed(self):
        return self.poses.pose(LEADERS, self.now - 0.2)


@pytest.fixture
def arms(ros):
    return Heard(ros)


def test_leaders_are_commanded_from_no_single_sample(arms):
    arms.all_say(REST, 1.0)
    arms.all_say(np.zeros(6))
    command = PoseMotion(Limiter(SPEC), [SPEC.start.astype(np.float32)]).tick(arms.led())
    assert np.abs(command[:6] - REST).max() < 0.02
    assert 'shoulder, elbow, wrist_angle jumped' in arms.poses.doubts(LEADERS)
    arms.all_say(REST)
    assert arms.poses.doubts(LEADERS) == ''


def test_the_first_sample_of_a_leader_waits_for_others_that_agree(arms):
    arms.all_say(np.zeros(6))
    assert arms.led() is None and arms.followed() is None
    arms.all_say(REST, 1.4)
    np.testing.assert_allclose(arms.led()[:6], REST, atol=1e-6)


def test_a_hand_moves_a_leader_faster_than_its_motors_can_and_is_followed(arms):
    arms.all_say(START, 1.0)
    quick = START.copy()
    for _ in range(5):
        quick[5] += 0.32  # 16 rad/s; a motor makes 3
        arms.all_say(quick)
        np.testing.assert_allclose(arms.followed()[:6], quick, atol=1e-6)
    assert 'wrist_rotate jumped' in arms.poses.doubts(LEADERS)
    assert arms.led() is not None and abs(arms.led()[5] - START[5]) < 0.5


def test_what_no_hand_can_do_to_a_leader_is_not_followed(arms):
    arms.all_say(START, 1.0)
    far = START.copy()
    far[0] += 50.0
    arms.all_say(far, 0.3)
    assert arms.followed() is None
    assert 'waist jumped by up to 50.00' in arms.poses.why(LEADERS)
    arms.all_say(START, 0.3)
    np.testing.assert_allclose(arms.followed()[:6], START, atol=1e-6)


@pytest.mark.parametrize('motor', [math.nan, math.inf, -1e300])
def test_a_gripper_motor_of_a_leader_that_says_no_number_is_named(arms, motor):
    arms.all_say(START, 1.0)
    arms.all_say(START, 0.5, motor=motor)
    assert arms.followed() is None
    assert arms.poses.silent(LEADERS, arms.now - 0.2) == LEADERS[:1]
    said = f"{LEADERS[0]} (position of the gripper's motor is not a finite number)"
    assert arms.poses.why(LEADERS) == f'{said}, {LEADERS[1]}'


@pytest.mark.parametrize('arm', [LEADERS[0], FOLLOWERS[1]])
def test_an_arm_whose_joints_two_nodes_publish_is_named_and_not_believed(ros, arms, arm):
    others = [ros.node(name) for name in ('driver', 'bag')]
    for node in others:
        node.create_publisher(JointState, f'/{arm}/joint_states', 10)
    all_arms = [*LEADERS, *FOLLOWERS]
    ros.wait_until(lambda: arms.poses.contested(all_arms))
    said = f'/{arm}/joint_states has 2 publishers (/bag, /driver); stop all but one'
    assert arms.poses.contested(all_arms) == said
    assert said in arms.poses.why([arm])
    arms.all_say(START, 1.0)
    kind = LEADERS if arm in LEADERS else FOLLOWERS
    assert arms.poses.pose(kind, arms.now - 0.2) is None
    assert arms.poses.silent(all_arms, arms.now - 0.2) == [arm]
    # It was heard: who leads the others without silent arms must not think that it is one.
    assert Silence(arms.poses, all_arms).unheard == []
    arms.poses.take_for(arm, START)
    assert arms.poses.contested(all_arms) == ''
