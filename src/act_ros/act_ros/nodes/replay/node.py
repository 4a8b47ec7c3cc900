# SPDX-License-Identifier: Apache-2.0
"""Replay as a node: the actions of an episode, at 50 Hz, through the limiter that a policy's go through."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
from act_msgs.msg import SimState
from act_msgs.srv import ResetSim
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from std_srvs.srv import SetBool

from act_ros.control.gate import Gate
from act_ros.control.limiter import Limiter
from act_ros.control.motion.replay_motion import ReplayMotion
from act_ros.control.ticker import Beat, SimTime, SystemTime, Ticker
from act_ros.data.errors import EpisodeError
from act_ros.data.playback import read_recording
from act_ros.nodes.process.node_thread import node_thread
from act_ros.nodes.process.run import Stop, run
from act_ros.nodes.shared.arm_poses import ArmPoses
from act_ros.nodes.shared.base import BaseNode
from act_ros.nodes.shared.commands import CommandOutput
from act_ros.nodes.shared.gate_keeper import ANSWER_S, STOP_PARAMETERS, GateKeeper
from act_ros.nodes.shared.parameters import Param, Parameters
from act_ros.nodes.shared.refused import Refused, answer
from act_ros.nodes.shared.times import seconds, steady
from act_ros.nodes.shared.topics import LATCHED, NEWEST
from act_ros.robot.joint_names import ASKED, CHOICES
from act_ros.robot.spec import RobotSpec, SpecError

PARAMETERS = (
    Param('episode', '', 'Path of the episode: an HDF5 file, or FOLDER/episode_N of LeRobot.'),
    Param(
        'joint_order',
        ASKED,
        'Where the file names its joints in another order: as-stated puts them into that of this '
        'robot; ours: its names are wrong; asked: it is refused.',
        choices=(ASKED, *CHOICES),
    ),
    Param('enable', False, 'Move the arms from the start; else wait for ~/enable.'),
    Param('max_age_s', 0.2, 'Followers with older joint states are held.', 0.02, 1.0),
    *STOP_PARAMETERS,
)
SETTLE_S = 0.4
"""After a reset the simulator ignores commands for 0.3 s."""
_QUIET_S = 5.0


class ReplayNode(BaseNode):
    """`act/replay`: plays one episode, and ends. `~/enable` lets the arms move, or stops them."""

    def __init__(self, stop: Stop) -> None:
        """Read the episode.

        Raises:
            ValueError: no episode is named.
            EpisodeError: it cannot be played on this robot.
        """
        super().__init__('replay')
        self._values, self._stop = Parameters(self, PARAMETERS).values, stop
        if not self._values['episode']:
            raise ValueError('episode is empty; name the file to replay')
        spec = RobotSpec.load()
        path = Path(self._values['episode']).expanduser()
        self._recording = recording = read_recording(path, spec, self._values['joint_order'])
        simulated = bool(self.get_parameter('use_sim_time').value)
        rest = None if simulated else spec.rest.astype(np.float32)
        self._playing = ReplayMotion(limiter := Limiter(spec), recording.actions, rest)
        self._time: SimTime | SystemTime = SimTime() if simulated else SystemTime()
        self._ticker = Ticker(spec.rate_hz, self._time)
        self._output = CommandOutput(self, spec)
        self._arms = [arm.follower for arm in spec.arms]
        self._poses = ArmPoses(self, lambda: self._time.ros_at(steady()), simulated)
        self._poses.follow(spec)
        self._enabled, self._not_before_s = bool(self._values['enable']), 0.0
        self._lock, self._said = threading.Lock(), ''
        self._sim: SimState | None = None
        self._placed = not simulated or recording.seed is None
        self._asked, self._cleared = 0.0, False
        if isinstance(self._time, SimTime):
            clock = self._time
            self.create_subscription(
                Clock, '/clock', lambda msg: clock.observe(seconds(msg.clock), steady()), NEWEST
            )
            self.create_subscription(SimState, 'sim_state', self._on_sim, LATCHED)
            self._reset = self.create_client(ResetSim, 'sim/reset')
        self.create_service(SetBool, '~/enable', self._on_enable)
        self._keeper = GateKeeper(self, self._output, self._disarm)
        self._watchdog = self._output.watchdog(stop.fail)
        self._poses.report(self._ticker, limiter, lambda: self._enabled, self._values['max_age_s'])
        self._thread = node_thread(self, self._stop, self._run, 'replay stopped')

    @property
    def groups(self) -> list[list[Node]]:
        """Each has a thread of its own."""
        return [[self._keeper], [self]]

    def start(self) -> None:
        """Say what is played, and begin to tick."""
        found = self._recording
        seed = '' if found.seed is None else f', seed {found.seed}'
        self.get_logger().info(
            f'{self._values["episode"]}: {len(found.actions)} actions of {found.task or "a task without name"}{seed}, '
            f'recorded at {found.recorded_hz:g} Hz'
        )
        for note in found.notes:
            self.get_logger().warning(f'{self._values["episode"]}: {note}')
        if not self._enabled:
            name = self.get_fully_qualified_name()
            self.get_logger().warning(
                'the arms do not move before they are enabled: '
                f'ros2 service call {name}/enable std_srvs/srv/SetBool "{{data: true}}"'
            )
        self._thread.start()
        self._watchdog.start()

    def close(self) -> None:
        """End the ticks; the followers hold where they are."""
        self._thread.join()
        self._watchdog.close()

    def _run(self) -> None:
        """Body of the 50 Hz thread."""
        while not self._stop.is_set():
            self._watchdog.pulse()
            beat = self._ticker.wait()
            if beat is None:
                continue
            with self._lock:
                self._tick(beat)

    def _tick(self, beat: Beat) -> None:
        if beat.jumped:
            self._poses.forget()
            if self._playing.phase not in ('waiting', 'done'):
                self._give_up('the clock jumped, or this process was halted: look at the arms')
        if not self._placed:
            self._place(beat.now_s)
        self._heed(self._output.gate)
        if not self._enabled or not self._placed or beat.now_s < self._not_before_s + SETTLE_S:
            return
        oldest = max(self._not_before_s, beat.now_s - self._values['max_age_s'])
        measured = self._poses.pose(self._arms, oldest)
        self._cleared = self._cleared and measured is not None
        if self._playing.phase == 'waiting' and measured is not None and not self._permitted():
            return
        action = self._playing.tick(measured)
        why, contested = self._playing.doubt, ''
        if measured is None:
            contested = self._poses.contested(self._arms)
            silent = self._poses.why(self._poses.silent(self._arms, oldest))
            why = f'{silent}: a follower does not report its joints'
        if why:
            self.get_logger().warning(f'the arms hold: {why}', throttle_duration_sec=_QUIET_S)
        if action is not None:
            self._output.command(beat.tick, beat.now_s, action)
        if fault := self._playing.fault or contested:
            self._give_up(fault)
        self._tell()

    def _give_up(self, fault: str) -> None:
        """Wait to be enabled again: an arm does not follow, say. Hold the lock."""
        self._said = ''
        self._withdraw()
        self.get_logger().error(
            f'FAULT: {fault}; then enable, which begins from the first action. The arms hold'
        )

    def _heed(self, gate: Gate) -> None:
        """A stop leaves it waiting for the next enabling; with a fault the process ends."""
        if gate.stopped_by:
            self._withdraw()
        elif gate.fault:
            self.get_logger().error(f'replay ends: {gate.fault}')
            self._stop.fail()

    def _withdraw(self) -> None:
        """Stop playing. Hold the lock."""
        self._enabled = self._cleared = False
        self._playing.stop()

    def _disarm(self) -> bool:
        if not self._lock.acquire(timeout=ANSWER_S):
            return False
        self._withdraw()
        self._lock.release()
        return True

    def _permitted(self) -> bool:
        """Whether it may begin at this tick; where somebody else commands the arms, say, the process ends.

        To ask takes time, in which the arms may be moved: it begins at the tick after.
        """
        if self._cleared:
            self._cleared = False
            return True
        try:
            self._output.check_enabling()
        except Refused as error:
            self.get_logger().error(f'not replayed: {error}')
            self._stop.fail()
        else:
            self._cleared = True
        return False

    def _tell(self) -> None:
        playing = self._playing
        if playing.phase in ('waiting', self._said):
            return
        self._said = playing.phase
        self.get_logger().info(
            {
                'approaching': 'going slowly to the first action',
                'playing': 'playing',
                'resting': 'played; the arms go to rest',
                'done': self._done(),
            }[playing.phase]
        )
        if playing.phase == 'done':
            self._stop.set()

    def _done(self) -> str:
        playing, sim = self._playing, self._sim
        text = f'done: {playing.row} actions, {playing.limited} of them changed by the limits'
        if sim is None:
            return text
        return f'{text}; the task was {"done" if sim.success else "not done"}, reward {sim.best_reward:g} of 4'

    def _place(self, now_s: float) -> None:
        """Put the simulated objects where they were; the answer is the episode that begins then."""
        sim, found = self._sim, self._recording
        if sim is None:
            return
        if found.task and found.task != sim.task:
            self.get_logger().error(
                f"the episode is of '{found.task}', the simulator runs '{sim.task}'; start it with "
                f'task:={found.task}'
            )
            self._stop.fail()
        elif now_s - self._asked > 1.0 and self._reset.service_is_ready():
            self._asked = now_s
            self._reset.call_async(ResetSim.Request(seed=found.seed))

    def _on_sim(self, msg: SimState) -> None:
        """The world that was asked for is there, or, while playing, was taken away."""
        with self._lock:
            known, self._sim = self._sim, msg
            if known is None or msg.episode == known.episode:
                return
            if not self._placed and msg.seed == self._recording.seed:
                self._placed, self._not_before_s = True, seconds(msg.header.stamp)
            elif self._placed and self._playing.phase not in ('waiting', 'done'):
                self.get_logger().error('the simulator was reset while replaying; stopped')
                self._stop.fail()

    def _on_enable(self, request: Any, response: Any) -> Any:
        with self._lock:
            self._enabled = False
            try:
                if request.data:
                    return answer(response, self._enable, 'replaying')
                done = 'stopped; enabling begins from the first action'
                return answer(response, lambda: None, done)
            finally:
                if not self._enabled:
                    self._withdraw()

    def _enable(self) -> None:
        """Let it begin; raises Refused where it must not. Hold the lock."""
        if contested := self._poses.contested(self._arms):
            raise Refused(contested)
        self._output.check_enabling()
        self._enabled = True


def main() -> int:
    """Replay an episode, and end."""
    return run(ReplayNode, errors=(ValueError, SpecError, EpisodeError, OSError), real_time=True)


if __name__ == '__main__':
    sys.exit(main())
