# SPDX-License-Identifier: Apache-2.0
"""`ros2 run act_ros keys`: teleoperation and recording by the keys of a terminal, or by a USB pedal.

A pedal is a keyboard with few keys: set it up to send one of these. Under `ros2 launch` the nodes have
no terminal, so this is run in a second one, which has to have the focus.
"""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import rclpy
from act_msgs.srv import StartEpisode, StopEpisode
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import SetBool, Trigger

WAIT_S, ANSWER_S = 5.0, 130.0


class Key(NamedTuple):
    """What a key asks for: a service of a node in the namespace, and its request."""

    does: str
    kind: Any
    service: str
    request: Any


KEYS = {
    'e': Key('engage teleoperation', SetBool, 'teleop/engage', SetBool.Request(data=True)),
    'd': Key('disengage', SetBool, 'teleop/engage', SetBool.Request(data=False)),
    ' ': Key('start an episode', StartEpisode, 'recorder/start', StartEpisode.Request(seed=-1)),
    's': Key(
        'stop and keep it: success',
        StopEpisode,
        'recorder/stop',
        StopEpisode.Request(keep=True, success=True),
    ),
    'f': Key(
        'stop and keep it: failure',
        StopEpisode,
        'recorder/stop',
        StopEpisode.Request(keep=True, success=False),
    ),
    'x': Key('throw the open episode away', Trigger, 'recorder/discard', Trigger.Request()),
}


@contextmanager
def single_keys() -> Iterator[None]:
    """Let the terminal hand over each key at once; restored at the end. A pipe is left as it is."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def pressed() -> Iterator[str]:
    """The keys, one after the other, until `q` or the end of the input."""
    while select.select([sys.stdin], [], [])[0]:
        # Not through Python's buffer, which would keep from `select` what it has read ahead.
        key = os.read(sys.stdin.fileno(), 1).decode('ascii', 'replace')
        if key in ('', 'q', '\x04'):
            return
        yield key


def ask(node: Node, key: Key) -> str:
    """Call a key's service; returns a line for the operator."""
    name = node.resolve_service_name(key.service)
    client = node.create_client(key.kind, key.service)
    try:
        if not client.wait_for_service(WAIT_S):
            return f'{key.does}: nobody serves {name}; is that node running in this namespace?'
        future = client.call_async(key.request)
        rclpy.spin_until_future_complete(node, future, timeout_sec=ANSWER_S)
        answer = future.result()
        if answer is None:
            return f'{key.does}: {name} gave no answer within {ANSWER_S:g} s'
        well = getattr(answer, 'success', getattr(answer, 'ok', True))
        return f'{key.does}: {"" if well else "NOT DONE, "}{answer.message}'
    finally:
        node.destroy_client(client)


def main() -> int:
    """Read keys until q."""
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node('keys', namespace='act')
    say = sys.stdout.write
    names = [f'  {"space" if key == " " else key:6}{what.does}\n' for key, what in KEYS.items()]
    try:
        say(''.join([*names, '  q     end this program\n']))
        with single_keys():
            for key in pressed():
                if key in KEYS:
                    say(f'{ask(node, KEYS[key])}\n')
                    sys.stdout.flush()
    except KeyboardInterrupt:
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
