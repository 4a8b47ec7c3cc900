# SPDX-License-Identifier: Apache-2.0
"""A node with something of everything, for the tests of the ros2 command."""

from __future__ import annotations

from typing import Any

import rclpy
from lifecycle_msgs.msg import State, Transition, TransitionDescription
from lifecycle_msgs.srv import ChangeState, GetAvailableTransitions, GetState
from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool

UNCONFIGURED = State(id=1, label='unconfigured')
INACTIVE = State(id=2, label='inactive')


class Talker(Node):
    """Parameters of many kinds, topics, a service, and the services of a managed node."""

    def __init__(self) -> None:
        super().__init__('talker', namespace='/a')
        self.declare_parameter(
            'rate',
            10.0,
            ParameterDescriptor(
                description='Hz',
                floating_point_range=[FloatingPointRange(from_value=1.0, to_value=100.0)],
            ),
        )
        self.declare_parameter('fixed', 3, ParameterDescriptor(read_only=True))
        for name, value in (
            ('name', 'x'),
            ('numbers', [1, 2]),
            ('group.deep.words', ['a', 'b']),
            ('group.flag', True),
        ):
            self.declare_parameter(name, value)
        self.declare_parameter('any', descriptor=ParameterDescriptor(dynamic_typing=True))
        self.add_on_set_parameters_callback(self._on_set)
        self._text = self.create_publisher(String, 'chatter', 10)
        self._joints = self.create_publisher(JointState, 'joints', qos_profile_sensor_data)
        self._kept = self.create_publisher(
            String, 'kept', QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        )
        self._kept.publish(String(data='kept'))
        self.create_subscription(
            String, 'in', lambda message: print('got', message.data, flush=True), 10
        )
        self.create_timer(0.05, self._talk)
        self.create_service(SetBool, 'enable', self._enable)
        self._state = UNCONFIGURED
        self.create_service(GetState, '~/get_state', self._get_state)
        self.create_service(ChangeState, '~/change_state', self._change_state)
        for name in ('get_available_transitions', 'get_transition_graph'):
            self.create_service(GetAvailableTransitions, f'~/{name}', self._transitions)

    def _on_set(self, parameters: list[Any]) -> SetParametersResult:
        if any(one.name == 'name' and one.value == 'bad' for one in parameters):
            return SetParametersResult(successful=False, reason='no bad names')
        return SetParametersResult(successful=True)

    def _talk(self) -> None:
        self._text.publish(String(data='hello'))
        joints = JointState(name=['a', 'b'], position=[1.0, 2.0])
        joints.header.stamp = self.get_clock().now().to_msg()
        joints.header.frame_id = 'world'
        self._joints.publish(joints)

    def _enable(self, request: Any, response: Any) -> Any:
        response.success, response.message = request.data, 'done'
        return response

    def _get_state(self, request: Any, response: Any) -> Any:
        response.current_state = self._state
        return response

    def _change_state(self, request: Any, response: Any) -> Any:
        response.success = self._state is UNCONFIGURED
        self._state = INACTIVE
        return response

    def _transitions(self, request: Any, response: Any) -> Any:
        response.available_transitions = [
            TransitionDescription(
                transition=Transition(id=1, label='configure'),
                start_state=UNCONFIGURED,
                goal_state=INACTIVE,
            )
        ]
        return response


if __name__ == '__main__':
    rclpy.init()
    node = Talker()
    print('ready', flush=True)
    rclpy.spin(node)
