# SPDX-License-Identifier: Apache-2.0
"""An episode by request: the recorder's `~/start`, `~/stop`, `~/discard`, and faults that other nodes tell."""

from __future__ import annotations

from typing import Any

from act_msgs.srv import StartEpisode, StopEpisode
from rclpy.node import Node
from std_msgs.msg import String
from std_srvs.srv import Trigger

from act_ros.data.errors import EpisodeError
from act_ros.data.recording.open_episode import OpenEpisode
from act_ros.nodes.recorder.episodes import Episodes
from act_ros.nodes.shared.topics import COMMAND


class EpisodeServices:
    """Serves on the recorder's node."""

    def __init__(
        self, node: Node, episodes: Episodes, task: str, length: int, delay_ticks: int
    ) -> None:
        """Open and close `episodes`.

        Args:
            node: serves and listens.
            episodes: the recorder's.
            task: of an episode whose request names none.
            length: rows of an episode; 0: until it is stopped.
            delay_ticks: how long after its tick a row is made.
        """
        self._episodes, self._task = episodes, task
        self._length, self._delay_ticks = length, delay_ticks
        node.create_service(StartEpisode, '~/start', self._on_start)
        node.create_service(StopEpisode, '~/stop', self._on_stop)
        node.create_service(Trigger, '~/discard', self._on_discard)
        node.create_subscription(String, 'episode_fault', self._on_fault, COMMAND)

    def _on_start(self, request: Any, response: Any) -> Any:
        response.episode = -1
        with self._episodes.lock:
            if episode := self._episodes.open:
                response.episode = episode.number
                response.message = f'episode {episode.number} is open; stop or discard it first'
                return response
            first = self._episodes.tick + self._delay_ticks + 1
            task = request.task or self._task
            try:
                episode = self._episodes.begin(task, request.seed, first, self._length)
            except (EpisodeError, OSError) as error:
                response.message = str(error)
                return response
            episode.verdict = True, True  # if it becomes whole, unless it is stopped with another
            response.success, response.episode = True, episode.number
            response.message = str(episode.writer.path)
        return response

    def _on_stop(self, request: Any, response: Any) -> Any:
        with self._episodes.lock:
            episode = self._episodes.open
            if episode:  # the rows of the last 100 ms are still to come
                episode.verdict = request.keep, request.success
                episode.keep_rows = request.keep_rows
                episode.end_tick = self._episodes.tick + self._delay_ticks + 1
        outcome = self._episodes.outcome(episode)
        if outcome is None:
            response.message, response.episode = _no_outcome(episode), -1
            return response
        response.ok = outcome.path is not None or not request.keep
        response.message = str(outcome.path or outcome.message)
        response.episode, response.rows = outcome.number, outcome.rows
        response.dropped = outcome.dropped
        return response

    def _on_discard(self, _: Any, response: Any) -> Any:
        with self._episodes.lock:
            episode = self._episodes.open
            if episode:
                self._episodes.end(episode, keep=False, success=False, why='it was discarded')
        outcome = self._episodes.outcome(episode)
        response.success = outcome is not None
        response.message = outcome.message if outcome else _no_outcome(episode)
        return response

    def _on_fault(self, msg: String) -> None:
        """Another node tells what is wrong with the open episode."""
        with self._episodes.lock:
            if episode := self._episodes.open:
                self._episodes.mark(episode, msg.data, f', row {episode.rows}')


def _no_outcome(episode: OpenEpisode | None) -> str:
    if episode is None:
        return 'no episode is open'
    return f'episode {episode.number} is still being written; see recorder_state'
