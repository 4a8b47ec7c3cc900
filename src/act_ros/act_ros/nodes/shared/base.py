# SPDX-License-Identifier: Apache-2.0
"""What every node of the suite is made of: a node whose words are printable, wherever they come from.

Log lines, answers of services (also those of the parameters), and all strings of the messages that it sends.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

from rclpy.impl import rcutils_logger
from rclpy.node import Node

from act_ros.nodes.shared.qos_events import QosWatch
from act_ros.text import printable

# The one thing that this suite uses of rclpy without a promise. rclpy tells calls of a logger apart by the place in
# the code, for throttling and for /rosout, and looks for it outside of the files in this list, which it keeps open
# for others; there is no public way. Without it every line would seem to come from here: nothing else is lost.
getattr(rcutils_logger, '_internal_callers', []).append(os.path.realpath(__file__))


class BaseNode(Node):
    """A node of this suite, in the namespace `act` where nobody names another."""

    def __init__(self, name: str, **options: Any) -> None:
        """As rclpy's own."""
        self.qos = QosWatch(self)
        super().__init__(name, **{'namespace': 'act', **options})

    def get_logger(self) -> Any:
        """The node's logger."""
        return Logger(super().get_logger())

    def create_service(self, srv_type: Any, srv_name: str, callback: Any, **options: Any) -> Any:
        """Serve; the answer is made printable."""

        def answer(request: Any, response: Any) -> Any:
            return printable_message(callback(request, response))

        return super().create_service(srv_type, srv_name, answer, **options)

    def create_subscription(
        self, msg_type: Any, topic: str, callback: Any, qos_profile: Any, **options: Any
    ) -> Any:
        """Subscribe; a publisher whose quality of service does not go with it is named."""
        options.setdefault('event_callbacks', self.qos.of_subscription(topic))
        return super().create_subscription(msg_type, topic, callback, qos_profile, **options)

    def create_publisher(self, msg_type: Any, topic: str, qos_profile: Any, **options: Any) -> Any:
        """Make a publisher whose messages are made printable; subscribers that cannot hear it are named."""
        options.setdefault('event_callbacks', self.qos.of_publisher(topic))
        publisher = super().create_publisher(msg_type, topic, qos_profile, **options)
        publish = publisher.publish

        def publish_printable(msg: Any) -> None:
            publish(printable_message(msg))

        publisher.publish = publish_printable
        return publisher


class Logger:
    """A logger of rclpy's that gets printable text."""

    def __init__(self, logger: Any) -> None:
        """Log through `logger`."""
        self._logger = logger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._logger, name)

    def debug(self, message: object, **options: Any) -> bool:
        """Log at this severity."""
        return bool(self._logger.debug(printable(message), **options))

    def info(self, message: object, **options: Any) -> bool:
        """Log at this severity."""
        return bool(self._logger.info(printable(message), **options))

    def warning(self, message: object, **options: Any) -> bool:
        """Log at this severity."""
        return bool(self._logger.warning(printable(message), **options))

    def error(self, message: object, **options: Any) -> bool:
        """Log at this severity."""
        return bool(self._logger.error(printable(message), **options))

    def fatal(self, message: object, **options: Any) -> bool:
        """Log at this severity."""
        return bool(self._logger.fatal(printable(message), **options))


def printable_message(msg: Any) -> Any:
    """Make all strings of a ROS message printable, in place; returns it."""
    for name in _texts(msg.__class__):
        value = getattr(msg, name)
        if isinstance(value, str):
            if not value.isprintable():
                setattr(msg, name, printable(value))
        elif not isinstance(value, (list, tuple)):
            printable_message(value)
        elif value and not isinstance(value[0], str):
            for each in value:
                printable_message(each)
        elif not all(map(str.isprintable, value)):
            setattr(msg, name, [printable(text) for text in value])
    return msg


@cache
def _texts(kind: Any) -> list[str]:
    """The fields of a kind of message that are texts, or messages, or many of them."""
    fields = kind.get_fields_and_field_types().items()
    return [name for name, of in fields if 'string' in of or '/' in of]
