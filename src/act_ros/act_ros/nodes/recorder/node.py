# SPDX-License-Identifier: Apache-2.0
"""The recorder as a node: what the robot sees and is told, at 50 Hz, as ALOHA HDF5 episodes.

In simulation it follows the simulator's episodes; on a robot, and where `follow` is false, episodes are
started and stopped by its services. A row is made a little after its tick, when everything of that time has arrived.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from act_msgs.msg import RecorderState
from rclpy.node import Node

from act_ros.control.ticker import SimTime, SystemTime, Ticker
from act_ros.data.errors import EpisodeError
from act_ros.data.recording.archive import Archive
from act_ros.data.recording.episode_log import RAW
from act_ros.data.recording.grid import Heard, RowData
from act_ros.data.recording.open_episode import OpenEpisode
from act_ros.data.recording.source_watch import SourceWatch
from act_ros.nodes.process.node_thread import node_thread
from act_ros.nodes.process.run import Stop, run
from act_ros.nodes.recorder.episodes import Episodes
from act_ros.nodes.recorder.health import health
from act_ros.nodes.recorder.inputs import RecorderInputs
from act_ros.nodes.recorder.parameters import CAMERAS, PARAMETERS
from act_ros.nodes.recorder.services import EpisodeServices
from act_ros.nodes.recorder.sim_follower import SimFollower
from act_ros.nodes.recorder.state_message import Ill, recorder_state, why_ill
from act_ros.nodes.shared.base import BaseNode
from act_ros.nodes.shared.camera_parameter import chosen_cameras
from act_ros.nodes.shared.diagnostics import Diagnostics, Health
from act_ros.nodes.shared.parameters import Parameters
from act_ros.nodes.shared.topics import LATCHED
from act_ros.robot.spec import RobotSpec, SpecError

DELAY_TICKS = 5
"""A row is made 100 ms after its tick: what was published by then has arrived."""
STATE_TICKS = 10
REMIND_TICKS = 250


class RecorderNode(BaseNode):
    """`act/recorder`: `~/start`, `~/stop`, `~/discard`, and `act/recorder_state`. `episodes`: what it has recorded."""

    def __init__(self, stop: Stop) -> None:
        """Take the dataset's folder and finish what an interrupted recorder left there.

        Raises:
            ValueError: a parameter cannot be used.
            EpisodeError: another recorder has the folder.
            OSError: the folder cannot be written.
        """
        super().__init__('recorder')
        values, self._stop = Parameters(self, PARAMETERS).values, stop
        if not values['dataset']:
            raise ValueError('dataset is empty; give the folder for the episodes')
        if values['private']:
            os.umask(0o077)  # also of the process that makes the file of an episode
        spec = RobotSpec.load()
        self._rate_hz = spec.rate_hz
        cameras = [c.name for c in chosen_cameras(self, spec, CAMERAS)]
        arms, base = [arm.follower for arm in spec.arms], values['base']
        archive = Archive(
            Path(values['dataset']).expanduser().absolute(),
            *(spec.joint_names, arms, cameras),
            RAW if values['images'] == 'raw' else values['jpeg_quality'],
            values['min_free_mb'] * 1024**2,
            bool(base),
        )
        simulated = bool(self.get_parameter('use_sim_time').value)
        follows = simulated and bool(values['follow'])
        self.episodes = Episodes(
            *(self, archive, {'sim': simulated, 'rate_hz': spec.rate_hz}, values['episodes']),
            keeps_failures=values['keep_failures'] or not follows,
            enough=stop.set,
        )
        self._heard, self._watch = Heard(arms, cameras, spec.rate_hz, bool(base)), SourceWatch()
        clock = SimTime() if simulated else None
        self._ticker = Ticker(spec.rate_hz, clock or SystemTime())
        self._inputs = RecorderInputs(spec, self._heard, self.episodes.lock, clock, base)
        self._state = self.create_publisher(RecorderState, 'recorder_state', LATCHED)
        length = values['length']
        EpisodeServices(self, self.episodes, values['task'], length, DELAY_TICKS)
        self._follower = (
            SimFollower(self, self.episodes, length, spec.rate_hz, stop.fail) if follows else None
        )
        self._min_free = values['min_free_mb'] * 1024**2
        # On the inputs' thread: a service of this node waits for the file it finishes.
        Diagnostics(self._inputs, self._health, self.get_name())
        self._thread = node_thread(self, self._stop, self._run, 'recording stopped')

    @property
    def groups(self) -> list[list[Node]]:
        """Services and inputs are spun by a thread each: a service waits for the file it finishes."""
        return [[self], [self._inputs]]

    def start(self) -> None:
        """Save what an earlier recorder left, say so, and begin to tick."""
        self._publish_state()
        for line in self.episodes.archive.recover():
            self.episodes.say(line)
        self.episodes.say(f'recording into {self.episodes.archive.folder}')
        self._thread.start()

    def close(self) -> None:
        """End the open episode and wait until everything is on the disk."""
        self._thread.join()
        self.episodes.close()
        kept, folder = self.episodes.kept, self.episodes.archive.folder
        thrown = f'; {self.episodes.failed} were not kept' if self.episodes.failed else ''
        self.episodes.say(
            f'{len(kept)} episodes recorded in {folder}, {kept.successes} of them successes{thrown}'
        )
        self._publish_state()

    def _run(self) -> None:
        """Body of the 50 Hz thread."""
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

    def _jumped(self, tick: int) -> None:
        """The clock was set, or nothing ran here: what was heard is of another time, and the open episode ends."""
        episodes = self.episodes
        with episodes.lock:
            first = episodes.tick == 0
            by = (tick - DELAY_TICKS - episodes.tick) / self._rate_hz
            self._heard.clear()
            episode = episodes.open
            if first or episode is None:
                return
            why = f'the clock jumped by {by:+.1f} s, or this process was halted for so long'
            episodes.mark(episode, f'{why}; the episode ends here')
            episodes.end(episode, *episodes.verdict(episode, keep=True))

    def _row(self, tick: int) -> None:
        """Record a tick, or end the episode that is over by then."""
        episodes = self.episodes
        with episodes.lock:
            episodes.tick = tick
            row = self._heard.row(tick)
            episode = episodes.open
            self._look(episode, row)
            if episode is None:
                if self._follower and isinstance(row, RowData):
                    self._follower.begin()
            elif episode.due(tick) or episode.error:
                episodes.over(episode)
            elif tick < episode.first_tick:
                return
            elif isinstance(row, RowData):
                episode.not_measured |= self._inputs.not_measured
                episodes.add(episode, row)
            elif episode.rows:
                episode.dropped += 1

    def _look(self, episode: OpenEpisode | None, row: RowData | list[str]) -> None:
        """Say and mark what is missing, old, frozen or doubted, when it or the episode begins. Hold the lock."""
        contested = self._inputs.contested
        changed = self._watch.look(row, contested)
        if not episode or not episode.rows:
            return
        where, reason = f', row {episode.rows}', self._watch.reason
        if reason and (changed or (contested and episode.rows == 1)):
            self.episodes.mark(episode, why_ill(self._ill()), where)
        elif changed and not reason:
            self.episodes.say(f'episode {episode.number}{where}: all sources are back')

    def _remind(self) -> None:
        """Say again what an open episode waits for."""
        with self.episodes.lock:
            episode = self.episodes.open
            waits = episode is not None and not episode.rows
        if waits and (reason := why_ill(self._ill())):
            self.episodes.say(f'the episode cannot begin: {reason}', fault=True)

    def _ill(self) -> list[Ill]:
        """The sources that are not as they should be; of what lacks with topic and number of publishers."""
        about = self._inputs.about
        return [Ill(how, source, about(source, how)) for how, source in list(self._watch.found)]

    def _health(self) -> Iterator[Health]:
        ills, stamp_s = self._ill(), max(0.0, (self.episodes.tick + DELAY_TICKS) / self._rate_hz)
        state = recorder_state(self.episodes, ills, stamp_s)
        return health(state, ills, self._inputs, self._ticker.cadence, self._min_free)

    def _publish_state(self) -> None:
        stamp_s = max(0.0, self.episodes.tick / self._rate_hz)
        self._state.publish(recorder_state(self.episodes, self._ill(), stamp_s))


def main() -> int:
    """Record until stopped, or until enough episodes were kept."""
    return run(RecorderNode, errors=(ValueError, SpecError, EpisodeError, OSError))


if __name__ == '__main__':
    sys.exit(main())
