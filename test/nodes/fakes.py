# SPDX-License-Identifier: Apache-2.0
"""A robot and a network that do what a test tells them."""

from __future__ import annotations

import threading
import time
from array import array
from collections import defaultdict

import numpy as np
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from sensor_msgs.msg import Image, JointState

from act_ros.nodes.policy.node import PolicyNode
from act_ros.nodes.process.run import Spin, Stop
from act_ros.nodes.shared.refused import Refused
from act_ros.policy.config import PolicyConfig
from act_ros.robot.spec import RobotSpec
from act_ros.robot.types import Chunk

SPEC = RobotSpec.load()
NAMES = [*SPEC.joints, 'gripper', 'left_finger', 'right_finger']
K = 50


def refusal(output, **options):
    """Why the arms must not be enabled, or ''."""
    try:
        output.check_enabling(**options)
    except Refused as error:
        return str(error)
    return ''


def write_config(folder, **changes):
    """A checkpoint folder as far as the node itself reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    config = PolicyConfig(
        **{'cameras': ('cam_high',), 'image_size': (48, 64), 'chunk': K, **changes}
    )
    (folder / 'config.json').write_text(config.to_json(), encoding='utf-8')
    return folder


class FakeWorker:
    """An inference process that answers at once with `predict(tick, observation)`."""

    def __init__(self, folder):
        self.folder = folder
        self.ready, self.error, self.non_finite = True, None, 0
        self.closed, self.runs_on, self.pass_s = False, '', 0.01
        self.seen = []
        self.predict = lambda tick, observation: self.toward(0.3)
        self._chunks = []

    @staticmethod
    def toward(waist, gripper=0.5):
        actions = np.tile(SPEC.start.astype(np.float32), (K, 1))
        actions[:, [0, 7]] = waist
        actions[:, [6, 13]] = gripper
        return actions

    def start(self):
        pass

    def submit(self, tick, observation):
        self.seen.append((tick, observation))
        actions = self.predict(tick, observation)
        if actions is not None:
            self._chunks.append(Chunk(tick, actions, 0.01))

    def poll(self):
        return self._chunks.pop(0) if self._chunks else None

    pid = None

    def wait(self, timeout_s):
        pass

    def close(self, timeout_s=2.0):
        self.closed = True


class FakeRobot:
    """Two followers and cameras; publishes at 50 Hz until told otherwise, and keeps the commands."""

    def __init__(self, node, cameras=('cam_high',)):
        self.node = node
        self.qpos = SPEC.start.copy()
        self.commands = defaultdict(list)  # (follower, kind): [(arrival, values)]
        self.joints_on = self.images_on = True
        self.follows = False  # goes at once where it is told
        self.torn, self._sent = False, 0
        self.frozen, self._shot = False, 0
        self.names = list(NAMES)
        self.encoding = 'rgb8'
        self.image_changes = {}
        self.cameras = set(cameras)
        self._joints = {}
        for arm in SPEC.arms:
            topic = f'/{arm.follower}/joint_states'
            self._joints[arm.follower] = node.create_publisher(JointState, topic, 10)
            for kind, message in (
                ('joint_group', JointGroupCommand),
                ('joint_single', JointSingleCommand),
            ):
                key = (arm.follower, kind)
                node.create_subscription(
                    message,
                    f'/{arm.follower}/commands/{kind}',
                    lambda msg, key=key: self._keep(key, msg),
                    10,
                )
        self._images = {
            name: node.create_publisher(Image, f'/{camera.topic}', 10)
            for name, camera in SPEC.cameras.items()
        }
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _keep(self, key, msg):
        values = list(msg.cmd) if key[1] == 'joint_group' else [msg.cmd]
        if self.follows:
            begin = 7 * [arm.follower for arm in SPEC.arms].index(key[0])
            if key[1] == 'joint_group':
                self.qpos[begin : begin + 6] = values
            else:
                self.qpos[begin + 6] = SPEC.follower_gripper.joint_to_unit(msg.cmd)
        self.commands[key].append((time.monotonic(), values))

    def _run(self):
        while not self._stop.wait(0.02):
            stamp = self.node.get_clock().now().to_msg()
            if self.joints_on:
                for index, publisher in enumerate(self._joints.values()):
                    publisher.publish(self.joint_state(index, stamp))
            if self.images_on:
                for name in self.cameras:
                    self._images[name].publish(self.image(stamp))

    def joint_state(self, index, stamp):
        pose = self.qpos[7 * index : 7 * index + 7]
        finger = SPEC.follower_gripper.unit_to_finger(pose[6])
        motor = SPEC.follower_gripper.unit_to_joint(pose[6])
        values = dict(zip(NAMES, [*pose[:6], motor, finger, -finger], strict=True))
        msg = JointState(name=self.names)
        msg.header.stamp = stamp
        self._sent += 1
        # Of the left arm, whose messages have odd numbers.
        values['waist'] += self.torn and self._sent % 10 == 1
        msg.position = [values[name] for name in self.names]
        msg.velocity = msg.effort = [0.0] * len(self.names)
        return msg

    def image(self, stamp):
        msg = Image(height=96, width=128, encoding=self.encoding, step=384)
        msg.header.stamp = stamp
        msg.data = array('B', bytes(96 * 384))
        for name, value in self.image_changes.items():
            setattr(msg, name, array('B', value) if name == 'data' else value)
        if not self.frozen and len(msg.data) > 8 * msg.step > 0:
            self._shot = (self._shot + 1) % 256
            msg.data[7 * msg.step + 33] = self._shot  # no two pictures of a camera are the same
        return msg

    def count(self):
        """Commands so far, by topic, of the topic that has fewest."""
        keys = [
            (arm.follower, kind) for arm in SPEC.arms for kind in ('joint_group', 'joint_single')
        ]
        return min(len(self.commands[key]) for key in keys)

    def last(self, follower='follower_left'):
        """The last command to a follower's arm (6) and its gripper, radians."""
        arm = self.commands[follower, 'joint_group'][-1][1]
        return arm, self.commands[follower, 'joint_single'][-1][1][0]

    def close(self):
        self._stop.set()
        self._thread.join()


class Running:
    """A policy node at work, with fake workers; with the suite's own where `worker` is None."""

    def __init__(self, ros, models, checkpoint='fake', worker=FakeWorker, **parameters):
        from rclpy.parameter import Parameter

        self.workers = []

        def make(folder):
            self.workers.append(worker(folder))
            return self.workers[-1]

        # Old inputs: so that a machine which is busy with other work holds no tick for their age.
        old = {'max_joint_age_s': 1.0, 'max_image_age_s': 2.0}
        given = {'models_dir': str(models), 'checkpoint': checkpoint, 'enable': True, **old}
        given.update(parameters)
        self.stop = Stop()
        self.node = PolicyNode(
            self.stop,
            worker and make,
            context=ros.context,
            namespace='/act',
            parameter_overrides=[Parameter(name, value=value) for name, value in given.items()],
        )
        self._spins = [Spin(group, self.stop) for group in self.node.groups]
        self.node.start()

    @property
    def worker(self):
        return self.workers[0]

    @property
    def state(self):
        return self.node.loop.runtime.state.name

    @property
    def reason(self):
        return self.node.loop.runtime.reason

    def close(self):
        self.stop.set()
        self.node.close()
        for spin in self._spins:
            spin.close()
