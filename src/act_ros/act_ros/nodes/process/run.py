# SPDX-License-Identifier: Apache-2.0
"""How a process of nodes starts, runs and ends: cleanly, with code 0, at SIGINT, SIGTERM or SIGHUP."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Protocol, TextIO, cast

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from act_ros.nodes.process.discovery import cut_off
from act_ros.nodes.process.ending import ENDINGS, LastingOutput
from act_ros.nodes.process.given_parameters import unused
from act_ros.nodes.process.malloc import keep_memory
from act_ros.nodes.process.node_lock import answer_for, node_lock_address
from act_ros.nodes.process.real_time import REFUSED, take_real_time
from act_ros.nodes.process.usage import answered
from act_ros.text import printable_output, shown

MOST_DOMAIN = 232
"""The ports of those above do not exist; from 102 on some may be in use by other programs."""


class App(Protocol):
    """What runs in a process."""

    @property
    def groups(self) -> Sequence[Sequence[Node]]:
        """Nodes by the thread that spins them."""

    def start(self) -> None:
        """Begin, once the nodes are spun."""

    def close(self) -> None:
        """End all threads and processes of its own; the nodes can still publish."""


class Stop(threading.Event):
    """Set to end the process; `code` is its exit code."""

    code = 0

    def fail(self, code: int = 1) -> None:
        """End the process with an error."""
        self.code = self.code or code
        self.set()


@printable_output()
def run(
    build: Callable[[Stop], App],
    errors: tuple[type[Exception], ...] = (ValueError,),
    real_time: bool = False,
) -> int:
    """Run what `build` makes until a signal or `Stop` ends it; returns the exit code.

    `--help`, `--version` and what is no argument of a node are answered, and nothing is run.

    Args:
        build: makes the nodes; gets the event that ends the process. Its module's words and its
            `PARAMETERS` are the help.
        errors: of `build`, that are the user's to mend: they are printed as one line.
        real_time: whether the process commands arms, and goes before all others where it may.
    """
    module = sys.modules[build.__module__]
    status = answered(module.__doc__ or '', getattr(module, 'PARAMETERS', ()))
    if status is not None:
        return status
    keep_memory()
    sys.stdout, sys.stderr = (cast(TextIO, LastingOutput(s)) for s in (sys.stdout, sys.stderr))
    hurried = take_real_time() if real_time else None
    stop = Stop()
    stop_at_signals(stop)
    try:
        _check_domain()
        # Not rclpy's own handlers: they would end the context under the threads that publish.
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        app = build(stop)
    except Exception as error:
        if not isinstance(error, errors) and not _is_of_rclpy(error):
            raise
        sys.stderr.write(f'error: {error}{_domain_hint(error)}\n')
        rclpy.try_shutdown()
        return 1
    if hurried is False:
        app.groups[-1][0].get_logger().info(REFUSED)
    spins = [Spin(group, stop) for group in app.groups]
    main = app.groups[-1][0]
    refused, said = unused([node for group in app.groups for node in group], main, sys.argv[1:])
    for line in filter(None, [*said, cut_off(os.environ)]):
        main.get_logger().warning(line)
    lock = _node_lock(main)
    if refused or isinstance(lock, str):
        refused += [lock] if isinstance(lock, str) else []
        sys.stderr.write(''.join(f'error: {line}\n' for line in refused))
        stop.fail()
    else:
        answer_for(lock)
        app.start()
        stop.wait()
        app.close()
    for spin in spins:
        spin.close()
    rclpy.try_shutdown()
    sys.stdout.flush()
    for number in ENDINGS:
        # Python's own end gives signals back to the system: one more then would kill what is done.
        signal.signal(number, signal.SIG_IGN)
    return stop.code


def stop_at_signals(stop: threading.Event) -> None:
    """Let the signals that end a process set `stop`, from a thread.

    A handler of Python's runs in the main thread between any two of its instructions, those of `stop.wait`
    included: were it to call `stop.set`, which takes the same lock, the process would stand for ever.
    """
    heard, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for number in ENDINGS:
        signal.signal(number, lambda *_: None)

    def listen() -> None:
        os.read(heard, 1)
        stop.set()

    threading.Thread(target=listen, name='signals', daemon=True).start()


def _is_of_rclpy(error: Exception) -> bool:
    """Whether rclpy made it: what it raises when ROS 2 cannot be started has no public name."""
    return type(error).__module__.split('.')[0] == 'rclpy'


def _domain_hint(error: Exception) -> str:
    """What to look at when ROS 2 could not be started or a node not be made."""
    if not _is_of_rclpy(error) or 'parameter' in str(error):
        return ''
    if 'logging' in str(error) or 'log directory' in str(error):
        return (
            f' (ROS 2 cannot write its log: HOME is {os.environ.get("HOME") or "not set"}, ROS_LOG_DIR is '
            f'{os.environ.get("ROS_LOG_DIR") or "not set"}; set ROS_LOG_DIR to a folder that can be written)'
        )
    if os.environ.get('ROS_SECURITY_ENABLE') == 'true':
        return f' (SROS 2 is asked for, with the keystore {shown(os.environ.get("ROS_SECURITY_KEYSTORE", ""))}: SECURITY.md)'
    return f' ({_domain()}, which may be in use by too many processes)'


def _domain() -> str:
    domain = os.environ.get('ROS_DOMAIN_ID') or 'not set'
    return f'ROS_DOMAIN_ID is {domain}; expected a number from 0 to {MOST_DOMAIN}'


def _check_domain() -> None:
    """Refuse a domain that there is not, at which Fast DDS itself would end the process.

    Raises:
        ValueError: the environment asks for one.
    """
    text = os.environ.get('ROS_DOMAIN_ID') or '0'
    if not text.strip().isdecimal() or int(text) > MOST_DOMAIN:
        raise ValueError(_domain())


def _node_lock(node: Node) -> socket.socket | str:
    """Take a node's name in its ROS domain on this machine; or why that cannot be, as an error.

    Two simulators or two policies of one name would answer each other's topics: images of one world,
    joint states of another. The lock ends with the process, however it ends. What runs on another
    machine is seen when a policy is enabled: by who else publishes commands.
    """
    name, domain = node.get_fully_qualified_name(), os.environ.get('ROS_DOMAIN_ID') or '0'
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        lock.bind(node_lock_address(name))
    except OSError:
        lock.close()
        return (
            f'{name} runs already in ROS domain {domain}; stop it first, or give this one its own: '
            f'namespace:=NAME at the launch, or another ROS_DOMAIN_ID'
        )
    return lock


class Spin:
    """A thread that spins some nodes. An exception in a callback ends the process."""

    def __init__(self, nodes: Sequence[Node], stop: Stop) -> None:
        """Spin these nodes, all of one context, from now on."""
        self._nodes, self._stop = nodes, stop
        # Not Jazzy's EventsExecutor, though it costs a third of the processor time: it spins without
        # end, holding the interpreter's lock, when its nodes have no timer, and then can't be shut down.
        self._executor = SingleThreadedExecutor(context=nodes[0].context)
        for node in nodes:
            self._executor.add_node(node)
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=f'spin {nodes[0].get_name()}')
        self._thread.daemon = True
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._closing:
                self._executor.spin_once(timeout_sec=0.1)
        except Exception:
            if not self._closing:
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), self._thread)))
                self._stop.fail()

    def close(self) -> None:
        """Stop, and destroy the nodes."""
        self._closing = True
        self._thread.join(timeout=1.0)
        self._executor.shutdown(timeout_sec=1.0)
        for node in self._nodes:
            node.destroy_node()
