# SPDX-License-Identifier: Apache-2.0
"""A recording session as a node: teleoperation and the course of the episodes, in one process.

`attended`, a person leads the leaders, and tells with their grippers what is to be done. Otherwise (the
simulator's scripted operator) the recorder follows the simulator by itself and this node only shows it.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import Any

from act_msgs.msg import SessionState
from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger

from act_ros.control.session.session import Session
from act_ros.control.session.text import faults, headline, hint, line
from act_ros.control.session.types import (
    Ask,
    Phase,
    RecorderStatus,
    SessionError,
    SessionView,
    Sound,
)
from act_ros.exit_status import HUNG
from act_ros.nodes.process.node_thread import node_thread
from act_ros.nodes.process.run import Stop, run
from act_ros.nodes.session.led_teleop import LedTeleop
from act_ros.nodes.session.recorder_client import RecorderClient
from act_ros.nodes.session.robot import SessionRobot
from act_ros.nodes.session.sounds import Sounds
from act_ros.nodes.shared.base import BaseNode
from act_ros.nodes.shared.diagnostics import ERROR, OK, WARN, Diagnostics, Health
from act_ros.nodes.shared.gate_keeper import STOP_PARAMETERS
from act_ros.nodes.shared.parameters import Param, Parameters
from act_ros.nodes.shared.refused import answer
from act_ros.nodes.shared.topics import LATCHED
from act_ros.robot.spec import RobotSpec, SpecError

PARAMETERS = (
    Param('task', 'transfer_cube', 'Name of the task, written into the episodes.'),
    Param('episodes', 0, 'End after this many episodes were kept; 0: go on until ended.', low=0),
    Param('reset_time', 5.0, 'Seconds between two episodes to set the scene up.', 0.0, 3600.0),
    Param('attended', True, 'A person leads the leaders; otherwise the recorder is only shown.'),
    Param('sounds', True, 'Tones at start, stop, and fault.'),
    *STOP_PARAMETERS,
)
STATES = {phase: getattr(SessionState, phase.name) for phase in Phase}
STATE_S = 0.2
LINE_S = 5
"""While an episode is recorded a line is printed so often."""


class SessionNode(BaseNode):
    """`act/session`: `~/go`, `~/mark`, `~/discard`, `~/pause`, `~/end`, and `act/session_state`."""

    def __init__(self, stop: Stop) -> None:
        """Make this node and teleoperation."""
        super().__init__('session')
        self._values, self._stop = Parameters(self, PARAMETERS).values, stop
        spec = RobotSpec.load()
        self._rate_hz = spec.rate_hz
        attended = bool(self._values['attended'])
        simulated = bool(self.get_parameter('use_sim_time').value)
        self._teleop_stop = Stop()
        self._teleop = LedTeleop(self._teleop_stop, attended, owner=self)
        self._recorder = RecorderClient(self, self._values['task'], lambda: self._teleop.engaged)
        self._sounds = Sounds(self.get_logger().warning) if self._values['sounds'] else None
        self._printed: tuple[Any, ...] = ()
        self._dataset = ''
        self._state = self.create_publisher(SessionState, 'session_state', LATCHED)
        self.create_timer(STATE_S, self._tick)
        self._session: Session | None = None
        if attended:
            robot = SessionRobot(self, self._teleop, spec, simulated)
            self._session = Session(
                robot,
                spec.grippers,
                self._recorder,
                self._values['episodes'],
                self._values['reset_time'],
                *(time.monotonic, time.sleep, self._play),
            )
            self._serve()
        Diagnostics(self, self._health)
        self._thread = node_thread(
            self,
            self._stop,
            self._run,
            'the session stopped',
            crashed=self._teleop.hold,
            code=HUNG,
        )

    def _serve(self) -> None:
        trigger, choice = self._on_trigger, self._on_choice
        self.create_service(Trigger, '~/go', trigger(Ask.GO))
        self.create_service(Trigger, '~/discard', trigger(Ask.DISCARD))
        self.create_service(Trigger, '~/end', trigger(Ask.END))
        self.create_service(Trigger, '~/let_go', trigger(Ask.LET_GO))
        self.create_service(SetBool, '~/mark', choice(Ask.SUCCESS, Ask.FAILURE))
        self.create_service(SetBool, '~/pause', choice(Ask.PAUSE, Ask.RESUME))

    @property
    def groups(self) -> list[list[Node]]:
        """Each has a thread of its own; this node's other thread waits for teleoperation's answers."""
        return [*self._teleop.groups, [self]]

    def start(self) -> None:
        """Begin."""
        self._teleop.start()
        self._thread.start()

    def close(self) -> None:
        """Bring the arms to rest, if they were ever moved; they hold there."""
        if self._session:
            self._session.end()
            self._thread.join()
        self._tick()
        self._teleop_stop.set()
        self._teleop.close()
        if self._sounds:
            self._sounds.close()

    def _run(self) -> None:
        """Body of the session's thread."""
        if self._session is None:
            return
        self._session.run()
        self._stop.set()

    def _play(self, sound: Sound) -> None:
        if self._sounds:
            self._sounds.play(sound)

    def _on_trigger(self, ask: Ask) -> Callable[[Any, Any], Any]:
        def serve(_: Any, response: Any) -> Any:
            return self._asked(ask, response)

        return serve

    def _on_choice(self, yes: Ask, no: Ask) -> Callable[[Any, Any], Any]:
        def serve(request: Any, response: Any) -> Any:
            return self._asked(yes if request.data else no, response)

        return serve

    def _asked(self, ask: Ask, response: Any) -> Any:
        session = self._session
        assert session is not None
        return answer(response, lambda: session.ask(ask), ask.value, SessionError)

    def _tick(self) -> None:
        """Publish the state, and print its line when there is something new."""
        if self._teleop_stop.is_set() and self._teleop_stop.code:
            self._stop.fail(HUNG)
        recording = self._recorder.view()
        view = (
            self._session.view if self._session else watched(recording, self._values['episodes'])
        )
        self._welcome(recording)
        attended = self._session is not None
        text = line(view, recording, self._rate_hz, attended)
        msg = SessionState(state=STATES[view.phase], line=text)
        msg.headline = headline(view, recording, self._rate_hz)
        msg.hint = hint(view) if attended else ''
        msg.header.stamp = self.get_clock().now().to_msg()
        msg.fault = faults(view)
        msg.kept, msg.wanted, msg.left_s, msg.rows = (
            view.kept,
            view.wanted,
            view.left_s,
            recording.rows,
        )
        msg.last, msg.success = view.last, view.success
        self._state.publish(msg)
        elapsed = (
            int(recording.rows / self._rate_hz) // LINE_S if view.phase is Phase.RECORDING else 0
        )
        left = math.ceil(min(view.left_s, 5.0))
        new = (
            view.phase,
            msg.fault,
            left,
            math.ceil(view.stop_in_s),
            elapsed,
            view.last,
            view.success,
        )
        if new != self._printed:
            self._printed = new
            sys.stdout.write(f'{text}\n')
            sys.stdout.flush()

    def _health(self) -> list[Health]:
        recording, view = self._recorder.view(), self._session.view if self._session else None
        view = view or watched(recording, self._values['episodes'])
        level = ERROR if view.fault else WARN if view.note else OK
        values = {'kept': view.kept, 'wanted': view.wanted, 'rows': recording.rows}
        return [Health('session', level, faults(view) or view.phase.value, values)]

    def _welcome(self, recording: RecorderStatus) -> None:
        """Once the recorder is there: where the episodes go, and from which number on."""
        recorder = self._recorder
        if recorder.dataset == self._dataset:
            return
        self._dataset = recorder.dataset
        there = recorder.next_number
        resumed = f'; resumed: there are episodes up to {there - 1}' if there else ''
        self.get_logger().info(
            f'the next episode is {self._dataset}/episode_{there}.hdf5{resumed}'
        )


def watched(recording: RecorderStatus, wanted: int) -> SessionView:
    """What is shown of a recorder that works by itself."""
    phase = Phase.RECORDING if recording.open and recording.rows else Phase.WAITING
    if 0 < wanted <= recording.kept:
        phase = Phase.DONE
    note = recording.reason if recording.open else ''
    return SessionView(
        phase, recording.kept, wanted, note=note or (recording.message if recording.fault else '')
    )


def main() -> int:
    """Run a session to its end."""
    return run(SessionNode, errors=(ValueError, SpecError), real_time=True)


if __name__ == '__main__':
    sys.exit(main())
