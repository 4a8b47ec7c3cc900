# SPDX-License-Identifier: Apache-2.0
"""In simulation the recorder follows the simulator: an episode of the world is an episode of the dataset."""

from __future__ import annotations

from collections.abc import Callable

from act_msgs.msg import SimState
from act_msgs.srv import ResetSim
from rclpy.node import Node

from act_ros.control.ticker import tick_of
from act_ros.data.errors import EpisodeError
from act_ros.nodes.recorder.episodes import Episodes
from act_ros.nodes.shared.times import seconds
from act_ros.nodes.shared.topics import LATCHED

LATE_TICKS = 10
"""A simulated episode that is older than this is begun anew rather than recorded from its middle."""


class SimFollower:
    """Begins and ends the recorder's episodes with the world's."""

    def __init__(
        self,
        node: Node,
        episodes: Episodes,
        length: int,
        rate_hz: float,
        give_up: Callable[[], object],
    ) -> None:
        """Listen to the simulator in `node`'s namespace.

        Args:
            node: the recorder.
            episodes: what is begun.
            length: rows of an episode; 0: the task's.
            rate_hz: of the rows.
            give_up: called where no episode can be opened: nobody is there who would make room.
        """
        self._episodes, self._length, self._rate_hz = episodes, length, rate_hz
        self._give_up = give_up
        self._sim: SimState | None = None
        self._handled = 0
        node.create_subscription(SimState, 'sim_state', self._on_sim, LATCHED)
        self._reset = node.create_client(ResetSim, 'sim/reset')

    def begin(self) -> None:
        """Open an episode where one of the world has begun. Everything must be heard. Hold the lock."""
        sim = self._sim
        if sim is None or sim.step == 0 or sim.episode == self._handled or self._episodes.complete:
            return
        if sim.step > LATE_TICKS:
            if self._reset.service_is_ready():
                self._handled = sim.episode
                self._reset.call_async(ResetSim.Request(seed=sim.seed))
            return
        self._handled = sim.episode
        first = tick_of(seconds(sim.header.stamp), self._rate_hz) + 1
        try:
            self._episodes.begin(sim.task, sim.seed, first, self._length or sim.length)
        except (EpisodeError, OSError):  # it is said
            self._give_up()

    def _on_sim(self, msg: SimState) -> None:
        episodes = self._episodes
        with episodes.lock:
            known, self._sim = self._sim, msg
            episode = episodes.open
            if episode and known and msg.episode != known.episode:
                reset = tick_of(seconds(msg.header.stamp), self._rate_hz)
                episode.end_tick = min(episode.end_tick or reset, reset)
            elif episode and not (episode.end_tick or 0):
                episodes.success = episodes.success or msg.success
