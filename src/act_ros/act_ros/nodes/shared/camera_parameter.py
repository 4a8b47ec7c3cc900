# SPDX-License-Identifier: Apache-2.0
"""Which of the robot's cameras a node uses: its parameter `cameras`."""

from __future__ import annotations

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from act_ros.robot.spec import Camera, RobotSpec


def chosen_cameras(node: Node, spec: RobotSpec, description: str) -> list[Camera]:
    """Declare the parameter `cameras`, a list of names, and look them up; empty names are left out.

    By default it is the first of the robot's.

    Raises:
        ValueError: it is no list of names, or there is no such camera.
    """
    about = ParameterDescriptor(description=description, read_only=True, dynamic_typing=True)
    given = node.declare_parameter('cameras', list(spec.cameras)[:1], about)
    if given.type_ != Parameter.Type.STRING_ARRAY:
        raise ValueError(f"cameras is {given.value!r}; expected a list of names: ['cam_high']")
    names = [name for name in given.value if name]
    unknown = [name for name in names if name not in spec.cameras]
    if unknown:
        raise ValueError(
            f'there is no camera {", ".join(unknown)}; there are {", ".join(spec.cameras)}'
        )
    return [spec.cameras[name] for name in names]
