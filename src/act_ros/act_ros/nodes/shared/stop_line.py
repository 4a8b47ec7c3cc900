# SPDX-License-Identifier: Apache-2.0
"""A stop of the robot as all of its nodes hear of it, and the reset of one; no topic is absolute, a robot has its own.

`stop` (std_msgs/Empty): whoever publishes it stops the robot, by any quality of service. `stop_state` (std_msgs/String,
latched): each node says what stopped it, or '', and what was said last counts. So a node that is started after a stop
learns of it from any other that lives, and a reset of one node is one of all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from rclpy.node import Node
from std_msgs.msg import Empty, String
from std_srvs.srv import Trigger

from act_ros.control.gate import Gate
from act_ros.nodes.shared.refused import Refused, answer
from act_ros.nodes.shared.topics import COMMAND, LATCHED, SENSOR

HANGS = 'the stop was NOT reset: the thread that commands the arms does not answer. End this node, and start it again'


class StopLine:
    """Shuts a gate at every stop that is heard, and tells of it."""

    def __init__(
        self,
        node: Node,
        gate: Gate,
        disarm: Callable[[], bool] = lambda: True,
        changed: Callable[[], object] = lambda: None,
    ) -> None:
        """Listen on `node`.

        Args:
            node: whose namespace is the robot's.
            gate: what is shut; its `changed` is taken.
            disarm: called before a reset, so that nothing moves after it that nobody enables; False: it could not.
            changed: called, in any thread, when the gate was shut or opened.
        """
        self._node, self._gate, self._disarm = node, gate, disarm
        self._said, self._at_ns = '', 0
        self._telling = threading.Lock()
        self._event = node.create_publisher(Empty, 'stop', COMMAND)
        self._state = node.create_publisher(String, 'stop_state', LATCHED)
        node.create_subscription(String, 'stop_state', self._on_state, LATCHED)
        for quality in (COMMAND, SENSOR):  # a reliable subscription hears no best-effort publisher
            node.create_subscription(Empty, 'stop', self._on_event, quality)
        woken = node.create_guard_condition(self._tell)

        def on_change() -> None:
            changed()
            woken.trigger()

        gate.changed = on_change

    def serve(self, name: str) -> None:
        """Serve `~/stop` and `~/stop_reset` of the node with this full name."""
        self._gate.how_to_reset = (
            f'To go on: ros2 service call {name}/stop_reset std_srvs/srv/Trigger, or u twice in keys; '
            'then enable again'
        )

        def on_stop(_: Any, response: Any) -> Any:
            self.stop(f'the service {name}/stop')
            response.success, response.message = True, self._gate.why
            return response

        def on_reset(_: Any, response: Any) -> Any:
            return answer(response, self.reset, 'reset; nothing moves before it is enabled')

        self._node.create_service(Trigger, f'{name}/stop', on_stop)
        self._node.create_service(Trigger, f'{name}/stop_reset', on_reset)

    @property
    def is_heard(self) -> bool:
        """Whether anybody else listens; this one has two subscriptions itself."""
        return self._node.count_subscribers('stop') > 2

    def stop(self, by: str) -> None:
        """Stop the robot. Asked once more it says it once more: who asks fears that he was not heard."""
        again = bool(self._gate.stopped_by)
        self._gate.stop(by)
        self._tell()
        if again:
            self._event.publish(Empty())

    def reset(self) -> None:
        """Take a stop of the robot back; raises Refused where that cannot be."""
        if self._gate.stopped_by:
            if not self._disarm():
                raise Refused(HANGS)
            self._gate.reset()
            self._tell()

    def _on_event(self, _: Empty) -> None:
        self._hear(f'a message on {self._event.topic_name}')

    def _on_state(self, msg: String, info: Mapping[str, Any]) -> None:
        if info.get('source_timestamp', 0) <= self._at_ns:
            return  # of before what this node knows, or its own
        if msg.data:
            self._hear(msg.data)
            return
        try:
            self.reset()
        except Refused as error:
            self._node.get_logger().error(str(error))

    def _hear(self, by: str) -> None:
        if not self._gate.stopped_by:
            self._gate.stop(by)
            self._tell(heard=True)

    def _tell(self, heard: bool = False) -> None:
        """Say what has changed: to a person, and to the other nodes."""
        with self._telling:
            by = self._gate.stopped_by
            if by == self._said:
                return
            self._said, self._at_ns = by, time.time_ns()
        self._state.publish(String(data=by))  # it says who, and is best heard first
        if by and not heard:
            self._event.publish(Empty())
        if by:
            self._node.get_logger().error(f'STOPPED by {by}: nothing is commanded, the arms hold')
        else:
            self._node.get_logger().warning(
                'the stop was reset; nothing moves before it is enabled'
            )
