# SPDX-License-Identifier: Apache-2.0
"""`ros2 run act_ros keys`: a recording session by the keys of a terminal, or by a USB pedal.

Space, the key that a hand finds, STOPS THE ROBOT at once. A pedal is a keyboard with few keys: set it up to send one
of these; enter alone is enough for a session. Under `ros2 launch` the nodes have no terminal, so this is run in a
second one, which has to have the focus. It also shows what the session does, in large letters. Without a session the
keys control teleoperation and the recorder themselves.
"""

from __future__ import annotations

import shutil
import sys
import time
from textwrap import wrap
from typing import Any, NamedTuple

import rclpy
from act_msgs.msg import SessionState
from act_msgs.srv import StartEpisode, StopEpisode
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from std_srvs.srv import SetBool, Trigger

from act_ros.control.gate import Gate
from act_ros.nodes.process.usage import answered
from act_ros.nodes.session.keyboard import Keyboard, single_keys
from act_ros.nodes.session.large_letters import large_letters
from act_ros.nodes.shared.refused import Refused
from act_ros.nodes.shared.stop_line import StopLine
from act_ros.nodes.shared.topics import LATCHED
from act_ros.text import printable

WAIT_S, ANSWER_S = 5.0, 130.0
AGAIN_S = 0.5
"""After its first seconds the program knows who is there, and waits no longer than this."""
TWICE_S = 3.0
"""A key that has to be pressed twice is pressed again within this time."""


class Call(NamedTuple):
    """A service of a node in the namespace, and its request."""

    kind: Any
    service: str
    request: Any


class Key(NamedTuple):
    """What a key asks for: of the session where one runs, else of teleoperation or the recorder."""

    does: str
    calls: tuple[Call, ...]


def _stop(success: bool) -> Call:
    return Call(StopEpisode, 'recorder/stop', StopEpisode.Request(keep=True, success=success))


def _session(service: str, data: bool | None = None) -> Call:
    if data is None:
        return Call(Trigger, f'session/{service}', Trigger.Request())
    return Call(SetBool, f'session/{service}', SetBool.Request(data=data))


KEYS = {
    '\n': Key(
        'go on: start an episode, or end it as a success',
        (
            _session('go'),
            Call(StartEpisode, 'recorder/start', StartEpisode.Request(seed=-1)),
        ),
    ),
    's': Key(
        'success: end the episode; afterwards: mark the last one',
        (_session('mark', True), _stop(True)),
    ),
    'f': Key('failure: the same', (_session('mark', False), _stop(False))),
    'x': Key(
        'discard the open episode; afterwards: the last one',
        (_session('discard'), Call(Trigger, 'recorder/discard', Trigger.Request())),
    ),
    'p': Key('pause: grippers start nothing', (_session('pause', True),)),
    'r': Key('resume', (_session('pause', False),)),
    'z': Key('end the session; the arms go to rest', (_session('end'),)),
    'l': Key(
        'twice: let arms go that could not be brought to rest; hold them',
        (_session('let_go'), Call(Trigger, 'guard/let_go', Trigger.Request())),
    ),
    'e': Key(
        'engage teleoperation (without a session)',
        (Call(SetBool, 'teleop/engage', SetBool.Request(data=True)),),
    ),
    'd': Key(
        'disengage (without a session)',
        (Call(SetBool, 'teleop/engage', SetBool.Request(data=False)),),
    ),
}


HELP = (
    '  space STOP THE ROBOT: nothing is commanded until the stop is reset\n'
    '  u     twice: reset a stop; nothing moves before it is enabled again\n'
    + ''.join(
        f'  {"enter" if key == chr(10) else key:6}{what.does}\n' for key, what in KEYS.items()
    )
    + '  q     end this program\n'
)


class Board:
    """Shows what the session does, in letters for two metres, on a terminal."""

    def __init__(self, node: Node) -> None:
        """Listen to the session."""
        self._shown = self._new = ('', '', '')
        self._stopped: tuple[str, str] | None = None
        node.create_subscription(SessionState, 'session_state', self._on_state, LATCHED)

    def _on_state(self, msg: SessionState) -> None:
        words, rest = ('FAULT', msg.line) if msg.fault else (msg.headline, msg.hint)
        self._new = printable(words, keep=''), printable(rest, keep=''), self._new[2]

    def show_stop(self, by: str) -> None:
        """Show a stop before everything else; '': there is none."""
        self._stopped = ('STOPPED', f'stopped by {by}; u twice resets it') if by else None

    def tell(self, answer: str) -> None:
        """Show what came of a key, until the next one."""
        answer = printable(answer)
        self._new = *self._new[:2], answer
        if not self._new[0] or not sys.stdout.isatty():
            sys.stdout.write(f'{answer}\n')
            sys.stdout.flush()

    def show(self) -> None:
        """Write it anew where it has changed."""
        new = (*(self._stopped or self._new[:2]), self._new[2])
        if new == self._shown or not new[0] or not sys.stdout.isatty():
            return
        self._shown = words, rest, answer = new
        columns = shutil.get_terminal_size().columns - 1
        lines = [row for part in wrap(words, 13) for row in large_letters(part, columns)]
        sys.stdout.write('\x1b[H\x1b[J' + '\n'.join([*lines, '', rest, '', HELP, answer]) + '\n')
        sys.stdout.flush()


def ask(node: Node, key: Key, since: float) -> str:
    """Call the first of a key's services that is there; returns a line for the operator.

    `since`: when the program began, by the monotonic clock: by and by it knows who is there.
    """
    clients = [node.create_client(call.kind, call.service) for call in key.calls]
    try:
        end = max(time.monotonic() + AGAIN_S, since + WAIT_S)
        while not (ready := [client.service_is_ready() for client in clients]).count(True):
            if time.monotonic() > end:
                if node.count_publishers('session_state'):
                    return f'{key.does}: the recording that runs is led by a program, and has no such key'
                names = ' or '.join(node.resolve_service_name(call.service) for call in key.calls)
                return (
                    f'{key.does}: nobody serves {names}; is that node running in this namespace?'
                )
            rclpy.spin_once(node, timeout_sec=0.05)
        call, client = next(
            pair
            for pair, there in zip(zip(key.calls, clients, strict=True), ready, strict=True)
            if there
        )
        future = client.call_async(call.request)
        rclpy.spin_until_future_complete(node, future, timeout_sec=ANSWER_S)
        answer = future.result()
        if answer is None:
            name = node.resolve_service_name(call.service)
            return f'{key.does}: {name} gave no answer within {ANSWER_S:g} s'
        well = getattr(answer, 'success', getattr(answer, 'ok', True))
        return f'{key.does}: {"" if well else "NOT DONE, "}{answer.message}'
    finally:
        for made in clients:
            node.destroy_client(made)


class Stopper:
    """Stops the robot, and takes that back at the second of two keys."""

    def __init__(self, node: Node) -> None:
        """Speak and hear through `node`."""
        self._gate = Gate()
        self._line = StopLine(node, self._gate)

    @property
    def by(self) -> str:
        """What has stopped the robot; '' if nothing has."""
        return self._gate.stopped_by

    def stop(self) -> None:
        """Stop the robot; from any thread."""
        self._line.stop('space in keys')
        sys.stdout.write(
            'STOP: nothing is commanded any more; u twice resets it\n'
            if self._line.is_heard
            else 'STOP: NOBODY HEARS IT. Use the power switch, and hold the arms\n'
        )
        sys.stdout.flush()

    def reset(self) -> str:
        """Take a stop back; returns a line for the operator."""
        if not self.by:
            return 'there is no stop to reset'
        try:
            self._line.reset()
        except Refused as error:
            return str(error)
        return 'the stop is reset; nothing moves before it is enabled again'


class Twice:
    """Keys that do something only when they are pressed twice."""

    def __init__(self) -> None:
        """Nothing was pressed."""
        self._last, self._at = '', -float('inf')

    def confirms(self, key: str) -> bool:
        """Whether this is the second time."""
        now = time.monotonic()
        again = key == self._last and now - self._at <= TWICE_S
        self._last, self._at = ('' if again else key), now
        return again


def main() -> int:
    """Read keys until q."""
    status = answered(__doc__ or '')
    if status is not None:
        return status
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node('keys', namespace='act')
    board, stopper, twice, began = Board(node), Stopper(node), Twice(), time.monotonic()
    try:
        sys.stdout.write(HELP)
        sys.stdout.flush()
        with single_keys():
            for key in Keyboard(stopper.stop).pressed():
                if key in ('u', 'l') and not twice.confirms(key):
                    board.tell(f'press {key} once more')
                elif key == 'u':
                    board.tell(stopper.reset())
                elif key in KEYS:
                    board.tell(ask(node, KEYS[key], began))
                rclpy.spin_once(node, timeout_sec=0.0)
                board.show_stop(stopper.by)
                board.show()
    except KeyboardInterrupt:
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
