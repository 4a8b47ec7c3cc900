# SPDX-License-Identifier: Apache-2.0
"""The recorder as a node: what the robot sees and is told, at 50 Hz, as ALOHA HDF5 episodes.

In simulation it follows the simulator's episodes; on a robot, and where `follow` is false, episodes are
started and stopped by its services. A row is made a little after its tick, when everything of that time has arrived.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import Any

from act_msgs.msg import RecorderState, SimState, SourceFault
from act_msgs.srv import ResetSim, StartEpisode, StopEpisode
from rclpy.node import Node
from std_msgs.msg import String
from std_srvs.srv import Trigger

from act_ros.control.ticker import SimTime, SystemTime, Ticker, tick_of
from act_ros.data.errors import EpisodeError
from act_ros.data.recording.archive import Archive
from act_ros.data.recording.episode_log import RAW
from act_ros.data.recording.grid import Heard, RowData
from act_ros.data.recording.open_episode import EpisodeOutcome, OpenEpisode
from act_ros.data.recording.source_watch import SourceWatch, Wrong, in_words
from act_ros.nodes.process.run import Stop, run
from act_ros.nodes.recorder.inputs import RecorderInputs
from act_ros.nodes.recorder.kept_episodes import KeptEpisodes
from act_ros.nodes.recorder.parameters import CAMERAS, PARAMETERS
from act_ros.nodes.shared.base import BaseNode
from act_ros.nodes.shared.camera_parameter import chosen_cameras
from act_ros.nodes.shared.parameters import Parameters
from act_ros.nodes.shared.times import seconds, stamp_of
from act_ros.nodes.shared.topics import COMMAND, LATCHED
from act_ros.robot.spec import RobotSpec, SpecError

SLOW = 'rows are lost: the disk or the encoders are too slow'
DELAY_TICKS = 5
"""A row is made 100 ms after its tick: what was published by then has arrived."""
LATE_TICKS = 10
"""A simulated episode that is older than this is begun anew rather than recorded from its middle."""
STATE_TICKS = 10
REMIND_TICKS = 250
CLOSE_S, LONG_S = 5.0, 60.0
"""How long a service waits for an episode's last rows, and for its file."""


class RecorderNode(BaseNode):
    """`act/recorder`: `~/start`, `~/stop`, `~/discard`, and `act/recorder_state`."""

    def __init__(self, stop: Stop) -> None:
        """Take the dataset's folder and finish what an interrupted recorder left there.

        Raises:
            ValueError: a parameter cannot be used.
            EpisodeError: another recorder has the folder.
            OSError: the folder cannot be written.
        """
        super().__init__('recorder')
        self._values, self._stop = Parameters(self, PARAMETERS).values, stop
        if not self._values['dataset']:
            raise ValueError('dataset is empty; give the folder for the episodes')
        spec = RobotSpec.load()
        self._rate_hz = spec.rate_hz
        cameras = [c.name for c in chosen_cameras(self, spec, ['cam_high'], CAMERAS)]
        folder = Path(self._values['dataset']).expanduser().absolute()
        quality = RAW if self._values['images'] == 'raw' else self._values['jpeg_quality']
        arms = [arm.follower for arm in spec.arms]
        min_free = self._values['min_free_mb'] * 1024**2
        base = self._values['base']
        self._archive = Archive(
            folder, spec.joint_names, arms, cameras, quality, min_free, bool(base)
        )
        self._heard, self._watch = Heard(arms, cameras, spec.rate_hz, bool(base)), SourceWatch()
        self._lock = threading.Lock()
        self._simulated = bool(self.get_parameter('use_sim_time').value)
        clock = SimTime() if self._simulated else None
        self._ticker = Ticker(spec.rate_hz, clock or SystemTime())
        self._inputs = RecorderInputs(spec, self._heard, self._lock, clock, base)
        self._open: OpenEpisode | None = None
        self._sim: SimState | None = None
        self._handled, self._success = 0, False
        self._tick, self._failed, self._finishing = 0, 0, 0
        self._kept = KeptEpisodes(self, self._say)
        self._message = self._fault = ''
        self._losing_until = -1  # the tick; a second after the last row that was lost
        self._state = self.create_publisher(RecorderState, 'recorder_state', LATCHED)
        self.create_service(StartEpisode, '~/start', self._on_start)
        self.create_service(StopEpisode, '~/stop', self._on_stop)
        self.create_service(Trigger, '~/discard', self._on_discard)
        self.create_subscription(String, 'episode_fault', self._on_fault, COMMAND)
        self._follows = self._simulated and bool(self._values['follow'])
        if self._follows:
            self.create_subscription(SimState, 'sim_state', self._on_sim, LATCHED)
            self._reset = self.create_client(ResetSim, 'sim/reset')
        self._thread = threading.Thread(target=self._run, name='grid', daemon=True)

    @property
    def groups(self) -> list[list[Node]]:
        """Services and inputs are spun by a thread each: a service waits for the file it finishes."""
        return [[self], [self._inputs]]

    def start(self) -> None:
        """Save what an earlier recorder left, say so, and begin to tick."""
        self._publish_state()
        for line in self._archive.recover():
            self._say(line)
        self._say(f'recording into {self._archive.folder}')
        self._thread.start()

    def close(self) -> None:
        """End the open episode and wait until everything is on the disk."""
        self._thread.join()
        with self._lock:
            episode, self._open = self._open, None
        if episode:
            keep = not self._follows or self._values['keep_failures']
            self._end(episode, keep, success=False, why='it was interrupted')
        self._archive.close()
        self._publish_state()

    def _run(self) -> None:
        """Body of the 50 Hz thread."""
        try:
            while not self._stop.is_set():
                beat = self._ticker.wait()
                if beat is None:
                    continue
                if beat.jumped:
                    self._jumped(beat.tick)
                due = beat.tick - DELAY_TICKS
                for tick in range(due - beat.missed, due + 1):
                    self._row(tick)
                if beat.tick % STATE_TICKS == 0:
                    self._publish_state()
                if beat.tick % REMIND_TICKS == 0:
                    self._remind()
        except Exception as error:  # a thread that dies must not leave the node looking alive
            self.get_logger().fatal(f'recording stopped: {type(error).__name__}: {error}')
            self._stop.fail()

    def _jumped(self, tick: int) -> None:
        """The clock was set: what was heard is of another time, and the open episode ends here."""
        with self._lock:
            first, by = self._tick == 0, (tick - DELAY_TICKS - self._tick) / self._rate_hz
            self._heard.clear()
            episode = self._open
            if first or episode is None:
                return
            fault = f'the clock jumped by {by:+.1f} s, the episode ends here'
            episode.mark(fault)
            self._say(f'episode {episode.number}: {fault}', fault=True)
            self._end(episode, *(episode.verdict or (True, self._success)))

    def _row(self, tick: int) -> None:
        """Record a tick, or end the episode that is over by then."""
        with self._lock:
            self._tick = tick
            row = self._heard.row(tick)
            episode = self._open
            self._look(episode, row)
            if episode is None:
                self._follow(ready=isinstance(row, RowData))
            elif episode.due(tick) or episode.error:
                self._over(episode)
            elif tick < episode.first_tick:
                return
            elif isinstance(row, RowData):
                episode.not_measured |= self._inputs.not_measured
                if not self._archive.add(episode, row):
                    if not self._losing and episode.mark(SLOW):
                        self._say(f'episode {episode.number}: {SLOW}', fault=True)
                    self._losing_until = tick + round(self._rate_hz)
            elif episode.rows:
                episode.dropped += 1

    @property
    def _losing(self) -> bool:
        """Whether the disk is too slow: a row was lost within the last second."""
        return self._tick < self._losing_until

    def _look(self, episode: OpenEpisode | None, row: RowData | list[str]) -> None:
        """Say and mark what is missing, old or frozen, when it begins. Hold the lock."""
        if not self._watch.look(row) or not episode or not episode.rows:
            return
        at, reason = f'episode {episode.number}, row {episode.rows}', self._watch.reason
        if not reason:
            self._say(f'{at}: all sources are back')
        elif episode.mark(reason):
            self._say(f'{at}: {reason}', fault=True)

    def _remind(self) -> None:
        """Say again what an open episode waits for."""
        with self._lock:
            episode = self._open
            waits = episode is not None and not episode.rows
        if waits and (reason := self._why()):
            self._say(f'the episode cannot begin: {reason}', fault=True)

    def _why(self) -> str:
        """What is wrong with what is heard; of what lacks with topic and number of publishers."""
        return in_words((how, about) for how, _, about in self._wrong())

    def _wrong(self) -> list[tuple[Wrong, str, str]]:
        """How each source is wrong that is, its name, and what a person is told of it."""
        about = self._inputs.about
        return [
            (how, name, about(name) if how is Wrong.LACKING else name)
            for how, name in list(self._watch.found)
        ]

    def _over(self, episode: OpenEpisode) -> None:
        """End an episode that is full, at its end, or cannot go on. Hold the lock."""
        self._fault = episode.error or episode.full
        if self._fault:
            episode.mark(self._fault)
            self._say(f'episode {episode.number}: {self._fault}', fault=True)
        # What a person recorded, or a fault cut off, is not thrown away.
        keep = self._success or self._values['keep_failures'] or not self._follows
        keep, success = episode.verdict or (keep or bool(self._fault), self._success)
        self._end(episode, keep, success and not self._fault)

    def _follow(self, ready: bool) -> None:
        """In simulation: begin when an episode begins. Hold the lock."""
        sim = self._sim
        if sim is None or sim.step == 0 or sim.episode == self._handled or not ready:
            return
        wanted = self._values['episodes']
        if wanted and len(self._kept) + self._finishing >= wanted:
            return  # those that are being finished may be enough
        self._handled = sim.episode
        if sim.step > LATE_TICKS:
            if self._reset.service_is_ready():
                self._reset.call_async(ResetSim.Request(seed=sim.seed))
            else:
                self._handled = 0
            return
        first = tick_of(seconds(sim.header.stamp), self._rate_hz) + 1
        self._begin(sim.task, sim.seed, first, self._values['length'] or sim.length)

    def _begin(self, task: str, seed: int, first_tick: int, length: int) -> str:
        """Open an episode; returns why not, or ''. Hold the lock."""
        attrs: dict[str, Any] = {'task': task, 'sim': self._simulated, 'rate_hz': self._rate_hz}
        if seed >= 0:
            attrs['seed'] = seed
        try:
            self._open = self._archive.begin(first_tick, length, attrs)
        except (EpisodeError, OSError) as error:
            self._fault = str(error)
            self._say(f'cannot record: {error}', fault=True)
            return self._fault
        self._success = False
        self._fault, self._losing_until = '', -1
        self._open.done.add_done_callback(lambda done: self._ended(done.result()))
        return ''

    def _end(self, episode: OpenEpisode, keep: bool, success: bool, why: str = '') -> None:
        """Close the open episode. Hold the lock."""
        self._open, self._losing_until = None, -1
        self._finishing += 1
        self._archive.end(episode, keep, success, why)

    def _ended(self, outcome: EpisodeOutcome) -> None:
        """An episode is on the disk, or isn't; called by the thread that wrote it."""
        if outcome.path is None:
            self._failed += 1
        else:
            self._kept.add(outcome.number, outcome.path, outcome.success)
        with self._lock:
            self._finishing -= 1
        wanted = self._values['episodes']
        kept = len(self._kept)
        of = f' ({kept} of {wanted})' if wanted else f' ({kept} kept)'
        if outcome.failed:
            self._fault = outcome.message
        self._say(outcome.message + of, fault=outcome.failed)
        if wanted and kept >= wanted:
            self._stop.set()

    def _on_sim(self, msg: SimState) -> None:
        with self._lock:
            known, self._sim = self._sim, msg
            episode = self._open
            if episode and known and msg.episode != known.episode:
                reset = tick_of(seconds(msg.header.stamp), self._rate_hz)
                episode.end_tick = min(episode.end_tick or reset, reset)
            elif episode and not (episode.end_tick or 0):
                self._success = self._success or msg.success

    def _on_start(self, request: Any, response: Any) -> Any:
        with self._lock:
            if self._open is not None:
                response.message = f'episode {self._open.number} is open; stop or discard it first'
            else:
                task = request.task or self._values['task']
                first = self._tick + DELAY_TICKS + 1
                length = self._values['length']
                response.message = self._begin(task, request.seed, first, length)
            response.success = not response.message
            if response.success and self._open:
                self._open.verdict = True, True  # unless it is stopped with another
                response.message = str(self._open.writer.path)
            response.episode = self._open.number if self._open else -1
        return response

    def _on_stop(self, request: Any, response: Any) -> Any:
        with self._lock:
            episode = self._open
            if episode:  # the rows of the last 100 ms are still to come
                episode.verdict = request.keep, request.success
                episode.keep_rows = request.keep_rows
                episode.end_tick = self._tick + DELAY_TICKS + 1
        outcome = self._outcome(episode)
        if outcome is None:
            response.message, response.episode = self._no_outcome(episode), -1
            return response
        response.ok = outcome.path is not None or not request.keep
        response.message = str(outcome.path or outcome.message)
        response.episode, response.rows = outcome.number, outcome.rows
        response.dropped = outcome.dropped
        return response

    def _on_discard(self, _: Any, response: Any) -> Any:
        with self._lock:
            episode = self._open
            if episode:
                self._end(episode, keep=False, success=False, why='it was discarded')
        outcome = self._outcome(episode)
        response.success = outcome is not None
        response.message = outcome.message if outcome else self._no_outcome(episode)
        return response

    def _on_fault(self, msg: String) -> None:
        """Another node tells what is wrong with the open episode."""
        with self._lock:
            episode = self._open
            if episode and episode.mark(msg.data):
                self._say(f'episode {episode.number}, row {episode.rows}: {msg.data}', fault=True)

    def _outcome(self, episode: OpenEpisode | None) -> EpisodeOutcome | None:
        """Wait for what becomes of an episode that is about to be closed."""
        if episode is None:
            return None
        try:
            return episode.done.result(timeout=CLOSE_S)
        except FutureTimeoutError:  # a clock that stands still brings no tick that would end it
            with self._lock:
                if self._open is episode:
                    self._end(episode, *(episode.verdict or (False, False)))
        with contextlib.suppress(FutureTimeoutError):
            return episode.done.result(timeout=LONG_S)
        return None

    @staticmethod
    def _no_outcome(episode: OpenEpisode | None) -> str:
        if episode is None:
            return 'no episode is open'
        return f'episode {episode.number} is still being written; see recorder_state'

    def _say(self, text: str, fault: bool = False) -> None:
        self._message = text
        log = self.get_logger()
        if fault:  # a line each: rclpy holds a place in the code to one severity
            log.error(text)
        else:
            log.info(text)

    def _publish_state(self) -> None:
        episode, kinds, wrong = self._open, RecorderState, self._wrong()
        why = in_words((how, about) for how, _, about in wrong)
        reason = why if episode or not self._fault else self._fault
        msg = RecorderState(reason=reason, dataset=str(self._archive.folder))
        msg.open, msg.fault = episode is not None, '' if episode else self._fault
        msg.sources = [
            SourceFault(fault=getattr(SourceFault, how.name), source=name, about=about)
            for how, name, about in wrong
        ]
        msg.header.stamp = stamp_of(round(max(0.0, self._tick / self._rate_hz) * 1e9))
        msg.state = kinds.FINISHING if self._finishing else kinds.IDLE
        if episode:
            going = kinds.FAULT if self._losing or why else kinds.RECORDING
            msg.state = going if episode.rows else kinds.WAITING
            if self._losing:
                msg.reason, msg.fault = why or SLOW, SLOW
            msg.episode, msg.rows, msg.dropped = episode.number, episode.rows, episode.dropped
            msg.overflow, msg.stale, msg.frozen = episode.overflow, episode.stale, episode.frozen
            msg.faults = len(episode.faults)
        else:
            msg.episode = self._archive.next_number
            msg.state = kinds.FAULT if self._fault else msg.state
        msg.queue, msg.free_bytes = self._archive.waiting, self._archive.free
        msg.kept, msg.failed, msg.message = len(self._kept), self._failed, self._message
        msg.last_kept, msg.last_success = self._kept.last
        self._state.publish(msg)


def main() -> int:
    """Record until stopped, or until enough episodes were kept."""
    return run(RecorderNode, errors=(ValueError, SpecError, EpisodeError, OSError))


if __name__ == '__main__':
    sys.exit(main())
