#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A node that listens to the chunks of a running policy, and says where the hands will be.

python examples/chunk_listener.py     beside: ros2 launch act_ros aloha.launch.py
"""

from contextlib import suppress

import numpy as np
import rclpy
from act_msgs.msg import Chunk
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data

from act_ros.robot.spec import RobotSpec


class ChunkListener(Node):
    """Prints a line for each chunk."""

    def __init__(self) -> None:
        """Subscribe; chunks are sent as sensor data."""
        super().__init__('chunk_listener')
        self.grippers = RobotSpec.load().grippers
        self.create_subscription(Chunk, '/act/chunk', self.on_chunk, qos_profile_sensor_data)

    def on_chunk(self, msg: Chunk) -> None:
        """Row i of a chunk is meant for tick + i."""
        actions = np.array(msg.actions).reshape(msg.rows, msg.dof)
        grippers = actions[-1, list(self.grippers)].round(2)
        print(f'tick {msg.tick}: {msg.rows} actions, grippers end at {grippers}', flush=True)


rclpy.init()
with suppress(KeyboardInterrupt, ExternalShutdownException):
    rclpy.spin(ChunkListener())
