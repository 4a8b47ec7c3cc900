# SPDX-License-Identifier: Apache-2.0
"""Teleoperation as a node: the leaders' joint states become the followers' commands, at 50 Hz.

On a robot the followers move once the operator engages: by squeezing all leader grippers for half a second, or by
`~/engage`. In simulation they follow from the start. A session (`act/session`) has this node in its own process.
"""

from __future__ import annotations

import contextlib
import math
import sys
import threading
from collections.abc import Sequence
from typing import Any

from act_msgs.msg import SimState
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from std_msgs.msg import String
from std_srvs.srv import SetBool

from act_ros.control.guide import Guided
from act_ros.control.limiter import Limiter
from act_ros.control.motion.pose_motion import PoseMotion
from act_ros.control.motion.teleoperation import Teleoperation
from act_ros.control.session.gesture import DISENGAGE_S, ENGAGE_S, Squeeze, every_gripper
from act_ros.control.ticker import Beat, SimTime, SystemTime, Ticker
from act_ros.nodes.process.node_thread import node_thread
from act_ros.nodes.process.run import Stop, run
from act_ros.nodes.shared.arm_poses import ArmPoses
from act_ros.nodes.shared.base import BaseNode
from act_ros.nodes.shared.command_rivals import DISCOVERY_S
from act_ros.nodes.shared.commands import ArmCommands, CommandOutput
from act_ros.nodes.shared.gate_keeper import ANSWER_S, STOP_PARAMETERS, GateKeeper
from act_ros.nodes.shared.parameters import Param, Parameters
from act_ros.nodes.shared.refused import Refused, answer
from act_ros.nodes.shared.silence import Silence
from act_ros.nodes.shared.times import seconds, steady
from act_ros.nodes.shared.topics import COMMAND, LATCHED, NEWEST
from act_ros.robot.spec import RobotSpec, SpecError
from act_ros.robot.types import Floats

PARAMETERS = (
    Param('max_age_s', 0.2, 'With older joint states of an arm the followers hold.', 0.02, 1.0),
    Param('engage', False, 'Let the followers move from the start; in simulation they always do.'),
    Param('max_hold_s', 30.0, 'After a longer hold, engage them again; 0: no need to.', 0, 3600),
    *STOP_PARAMETERS,
)
_QUIET_S = 5.0


class TeleopNode(BaseNode):
    """`act/teleop`: publishes the followers' commands and `act/command`; serves `~/engage`.

    `engaged`: whether the followers follow; `leaders`, `followers`: poses (dof,), None if not known or too old.
    """

    def __init__(self, stop: Stop, led: bool = False, owner: Node | None = None) -> None:
        """Subscribe to all arms.

        Args:
            stop: ends the ticks; is set when nothing more can be done.
            led: a session tells when to follow, and nobody else: no squeeze, and not from the start.
            owner: the node of this process that serves `~/stop`, where it is another.
        """
        super().__init__('teleop')
        self._values, self._stop = Parameters(self, PARAMETERS).values, stop
        self._spec = spec = RobotSpec.load()
        self._lock = threading.Lock()
        self._hands = every_gripper(len(spec.grippers), 'leader ')
        self._not_before_s, self._episode = 0.0, 0
        self._teleoperation = Teleoperation(limiter := Limiter(spec), self._values['max_hold_s'])
        self._moves: list[PoseMotion] = []
        self.leaders: Floats | None = None
        self.followers: Floats | None = None
        simulated = bool(self.get_parameter('use_sim_time').value)
        self._led, self.engaged = led, not led and simulated
        # A scripted operator tells nothing with his hands, and a session watches them itself.
        self._squeeze = None if simulated or led else Squeeze([True] * len(spec.grippers))
        self._time: SimTime | SystemTime = SimTime() if simulated else SystemTime()
        if isinstance(clock := self._time, SimTime):
            self.create_subscription(
                Clock, '/clock', lambda msg: clock.observe(seconds(msg.clock), steady()), NEWEST
            )
            self.create_subscription(SimState, 'sim_state', self._on_sim, LATCHED)
        self._ticker = Ticker(spec.rate_hz, self._time)
        self._leader_arms = [arm.leader for arm in spec.arms]
        self._follower_arms = [arm.follower for arm in spec.arms]
        self._poses = ArmPoses(self, lambda: self._time.ros_at(steady()), simulated)
        self._poses.lead(spec)
        self._poses.follow(spec)
        self.silence = Silence(self._poses, [*self._leader_arms, *self._follower_arms])
        self.output = CommandOutput(self, spec, with_torque=not led)
        self._poses.report(self._ticker, limiter, lambda: self.engaged, self._values['max_age_s'])
        self._lead: ArmCommands | None = None
        self._fault = self.create_publisher(String, 'episode_fault', COMMAND)
        keeper = GateKeeper(owner or self, self.output, self.disarm)
        self.groups: list[list[Node]] = [[keeper], [self]]
        wanted = bool(self._values['engage']) and not led and not simulated
        self._wanted_at = steady() + DISCOVERY_S if wanted else math.inf
        if not led:
            self.create_service(SetBool, '~/engage', self._on_engage)
        self._watchdog = self.output.watchdog(stop.fail)
        self._thread = node_thread(self, self._stop, self._run, 'teleoperation stopped')

    def start(self) -> None:
        """Begin to tick."""
        if not self.engaged and not self._led and self._wanted_at == math.inf:
            name = self.get_fully_qualified_name()
            self.get_logger().info(
                f'the followers stay where they are; to engage, squeeze {self._hands} for '
                f'{ENGAGE_S:g} s, or: ros2 service call {name}/engage std_srvs/srv/SetBool "{{data: true}}"'
            )
        self._thread.start()
        self._watchdog.start()

    def close(self) -> None:
        """End the ticks; the followers hold where they are."""
        self._thread.join()
        self._watchdog.close()

    def _on_sim(self, msg: SimState) -> None:
        """A new episode has put the arms elsewhere: what was seen before doesn't count, nor does a fault."""
        with self._lock:
            if msg.episode != self._episode:
                self._episode, self._not_before_s = msg.episode, seconds(msg.header.stamp)
                self._teleoperation.release()
                if self.output.gate.fault and not self._led:
                    self._try_to_engage('the world is set up anew')

    def _run(self) -> None:
        """Body of the 50 Hz thread."""
        while not self._stop.is_set():
            self._watchdog.pulse()
            if (beat := self._ticker.wait()) is not None:
                self._tick(beat)

    def _tick(self, beat: Beat) -> None:
        with self._lock:
            if beat.jumped:
                self._teleoperation.release()
                self._poses.forget()
            oldest = max(self._not_before_s, beat.now_s - self._values['max_age_s'])
            self.leaders = leaders = self._poses.pose(self._leader_arms, oldest)
            self.followers = self._poses.pose(self._follower_arms, oldest)
            action = self._move(oldest) if self._moves else None
            if self.engaged:
                action = self._teleoperation.tick(leaders, self.followers)
            gate = self.output.gate
            if why := gate.why:
                self._give_up(why)
            fault, opening = self._look(oldest), gate.opening
            # Last: to ask whether they may be engaged takes time, in which the arms may be moved.
            self._watch_hands(leaders, beat.now_s)
        if action is not None:
            self.output.command(beat.tick, beat.now_s, action, opening)
        if fault:  # after the command that lets the arm be where it is
            self.get_logger().error(f'FAULT: {fault}. The arms hold')
            self.output.gate.block(fault)

    def _look(self, oldest_s: float) -> str:
        """Say which arms are silent or not believed; returns which one does not follow, or ''. Hold the lock."""
        newly = self.silence.look(oldest_s)
        if newly and self.engaged:
            self._fault.publish(String(data=f'{newly} was silent, the followers held'))
        leading: list[Guided] = [*self._moves]
        leading += [self._teleoperation] * self.engaged
        both = self.engaged or len(self._moves) > 1
        arms = self.silence.watched if both else self._follower_arms
        if leading and (contested := self._poses.contested(arms)):
            return f'{contested}; then engage again'
        why = [each.doubt for each in leading]
        why += [self.silence.why(arms)] if leading else []
        why += [self._poses.doubts(self._leader_arms)] if len(self._moves) > 1 else []
        if text := '; '.join(filter(None, why)):
            self.get_logger().warning(f'the arms hold: {text}', throttle_duration_sec=_QUIET_S)
        return next((f'{each.fault}; then engage again' for each in leading if each.fault), '')

    def _give_up(self, why: str) -> None:
        """The gate is shut: begin anew from where the arms are once somebody says so. Hold the lock."""
        if self.engaged:
            self._fault.publish(String(data=why))
        self._moves = []
        self._disengage(why)

    def disarm(self) -> bool:
        """Let nothing move that nobody engages anew; False: the thread that commands hangs."""
        if not self._lock.acquire(timeout=ANSWER_S):
            return False
        self._give_up('a stop is reset')
        self._lock.release()
        return True

    def _move(self, oldest_s: float) -> Floats | None:
        """Lead the arms toward where they are to go; the followers' command. Hold the lock."""
        followers, *leaders = self._moves
        for move in leaders:
            led = self._poses.led(self._leader_arms, oldest_s)
            if self._lead and (command := move.tick(led)) is not None:
                self._lead.send(command)
        return followers.tick(self.followers)

    def _watch_hands(self, leaders: Floats | None, now_s: float) -> None:
        """Engage as was asked for at the start, or at the operator's squeeze; or disengage. Hold the lock."""
        heard = leaders is not None and self.followers is not None
        if heard and steady() >= self._wanted_at:
            self._try_to_engage('engage:=true')
        if self._squeeze is None:
            return
        grippers = None if leaders is None else leaders[list(self._spec.grippers)].tolist()
        if self._squeeze.seen(grippers, now_s, DISENGAGE_S if self.engaged else ENGAGE_S):
            why = f'the operator squeezed {self._hands}'
            if self.engaged:
                self._disengage(why)
            else:
                self._try_to_engage(why)

    def _engage(self, why: str) -> None:
        """Let the followers follow; raises Refused where they must not. Hold the lock."""
        self._wanted_at = math.inf
        try:
            self._check(self.silence.watched)
        except Refused as error:
            self.get_logger().error(f'not engaged: {error}')
            raise
        if not self.engaged or self.output.gate.fault:
            self.engaged = True
            self._teleoperation.release()
            self.get_logger().info(f'engaged, slowly at first ({why})')
        # Only now: what was computed before is of where the arms were then.
        self.output.permit()

    def _try_to_engage(self, why: str) -> None:
        """Let the followers follow, where nothing speaks against it; else the log says what. Hold the lock."""
        with contextlib.suppress(Refused):
            self._engage(why)

    def _disengage(self, why: str) -> None:
        """Let the followers hold where they are. Hold the lock."""
        self._wanted_at = math.inf
        if self.engaged:
            self.engaged = False
            self._teleoperation.release()
            self.get_logger().info(f'disengaged; the followers hold ({why})')

    def _check(self, arms: Sequence[str], with_torque: bool = True) -> None:
        """Whether these arms may be led; raises Refused where they must not."""
        if contested := self._poses.contested(arms):
            raise Refused(contested)
        self.output.check_enabling(with_torque)

    def _on_engage(self, request: Any, response: Any) -> Any:
        with self._lock:
            change = self._engage if request.data else self._disengage
            done = 'engaged' if request.data else 'disengaged'
            return answer(response, lambda: change('service'), done)


def main() -> int:
    """Let the followers follow until stopped."""
    return run(TeleopNode, errors=(ValueError, SpecError), real_time=True)


if __name__ == '__main__':
    sys.exit(main())
