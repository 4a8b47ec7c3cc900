# SPDX-License-Identifier: Apache-2.0
"""What the policy node says about itself: `policy_state`, `/diagnostics`, a line in the log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from act_msgs.msg import PolicyState
from rclpy.node import Node
from std_msgs.msg import String

from act_ros.control.runtime import State
from act_ros.nodes.policy.health import health
from act_ros.nodes.policy.loop import ControlLoop
from act_ros.nodes.policy.observer import Observer
from act_ros.nodes.shared.commands import to_time
from act_ros.nodes.shared.diagnostics import Diagnostics, Health
from act_ros.nodes.shared.topics import COMMAND, LATCHED

PERIOD_S = 0.2
HELD_S = 1.0
"""Arms that held for so long while an episode was recorded have spoilt it."""
_AGAIN_S = 5.0
"""A hold that lasts is told anew so often: another episode may have begun."""
_LOG_EVERY, _DIAGNOSE_EVERY = 25, 5  # periods


class Status:
    """A thread of its own, so that neither the loop nor a service that takes long holds it up."""

    def __init__(
        self,
        node: Node,
        loop: ControlLoop,
        observer: Observer,
        each: Callable[[], object],
        now: Callable[[], float | None],
    ) -> None:
        """Report on `loop`; `each` is called once a period, `now` gives ROS time if it is known."""
        self._ros_now = now
        self._node, self._loop, self._observer, self._each = node, loop, observer, each
        self._state = node.create_publisher(PolicyState, 'policy_state', LATCHED)
        self._spoilt = node.create_publisher(String, 'episode_fault', COMMAND)
        self._hold_due_s = HELD_S
        self._diagnostics = Diagnostics(node, self._health, by_itself=False)
        self._said: tuple[State, str] | None = None
        self._said_of_mode, self._said_of_limits = '', False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name='status', daemon=True)

    def start(self) -> None:
        """Begin to report."""
        self._thread.start()

    def close(self) -> None:
        """Stop, with the last state and a digest of the run."""
        self._stop.set()
        self._loop.state_changed.set()
        if self._thread.is_alive():
            self._thread.join(timeout=1.0)
        statistics = self._loop.statistics
        self._publish_state()
        self._node.get_logger().info(
            f'{statistics.sent_total} commands sent in {statistics.ticks} ticks, '
            f'{statistics.missed} ticks missed, {statistics.held} held, {statistics.clamped} '
            f'limited; {statistics.chunks} chunks; longest period '
            f'{1e3 * statistics.worst_s:.1f} ms'
        )

    def _run(self) -> None:
        try:
            self._report()
        except BaseException:
            self._loop.crashed()
            raise

    def _report(self) -> None:
        count = 0
        while not self._stop.is_set():
            changed = self._loop.state_changed.wait(PERIOD_S)
            self._loop.state_changed.clear()
            if changed:
                self._stop.wait(0.01)  # at most 100 states a second, whatever happens
            self._each()
            self._publish_state()
            self._log_mode()
            self._log_limits()
            self._tell_recorder()
            self._log(count)
            if count % _DIAGNOSE_EVERY == 0:
                self._diagnostics.publish()
            count += 1

    def _now(self) -> tuple[State, str]:
        runtime = self._loop.runtime
        if shut := self._loop.shut:
            return State.FAULT, shut
        if self._loop.waiting_for_clock:
            return State.WAITING, (
                'ROS time stands still: use_sim_time is set and nothing new comes on /clock; '
                'start the simulator, or set use_sim_time to false'
            )
        return runtime.state, runtime.reason

    def _publish_state(self) -> None:
        loop = self._loop
        state, reason = self._now()
        msg = PolicyState(state=getattr(PolicyState, state.name), reason=reason)
        msg.header.stamp = to_time(self._ros_now() or 0.0)
        msg.checkpoint = str(loop.engine.folder)
        said = (loop.engine.worker.runs_on, loop.mode.line, loop.runtime.shortfall)
        msg.notes = [*loop.engine.notes, *(note for note in said if note)]
        msg.missing = ', '.join(self._observer.topic(name) for name in loop.runtime.missing)
        loop.statistics.fill(msg, loop.runtime)
        self._state.publish(msg)

    def _log_mode(self) -> None:
        """Say how inference goes, once."""
        mode, log = self._loop.mode, self._node.get_logger()
        line = mode.line
        if line in ('', self._said_of_mode):
            return
        self._said_of_mode = line
        if mode.warns:
            log.warning(line)
        else:
            log.info(line)

    def _log_limits(self) -> None:
        """Say it when the limits begin to change most of what the policy asks for."""
        what = self._loop.statistics.limited_lately
        if what and not self._said_of_limits:
            self._node.get_logger().warning(
                f'the limits changed most of the commands of the last 5 s: {what}. Does this policy go with this robot?'
            )
        self._said_of_limits = bool(what)

    def _tell_recorder(self) -> None:
        """The arms stand still for no reason of the task: that is nothing to learn from."""
        held_s, reason = self._loop.runtime.held_s, self._loop.runtime.reason
        if held_s < self._hold_due_s:
            self._hold_due_s = self._hold_due_s if held_s else HELD_S
            return
        self._hold_due_s = held_s + _AGAIN_S
        self._spoilt.publish(String(data=f'the policy held the arms for {held_s:.0f} s: {reason}'))

    def _log(self, count: int) -> None:
        state, reason = said = self._now()
        log = self._node.get_logger()
        if said[0] is not (self._said or (None,))[0]:
            self._said = said
            line = f'{state.name}: {reason}' if reason else state.name
            # A call each: rclpy remembers the severity of a place in the code.
            if state is State.FAULT:
                log.error(line)
            elif state is State.HOLDING and not self._loop.runtime.bridging:
                log.warning(line)
            else:
                log.info(line)
        elif count % _LOG_EVERY == 0:
            what = f'{state.name}: {reason}' if reason else self._loop.statistics.line()
            log.info(what)

    def _health(self) -> Iterator[Health]:
        return health(self._loop, self._observer, *self._now(), self._ros_now())
