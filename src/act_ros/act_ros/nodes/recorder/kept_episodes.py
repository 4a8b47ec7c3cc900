# SPDX-License-Identifier: Apache-2.0
"""Second thoughts on episodes that are on the disk already: the recorder's `~/discard_last`, `~/mark_last`."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger

from act_ros.data.recording.revise import discard_episode
from act_ros.python_process import python_command

MARK_S = 60.0
"""Patience with the process that writes a verdict: it copies the episode."""


class KeptEpisodes:
    """The episodes that this recorder has kept, and the services that change the last of them."""

    def __init__(self, node: Node, say: Callable[[str], None]) -> None:
        """Serve on `node`; `say` gets a line on each change."""
        self._say = say
        self._episodes: list[tuple[int, Path, bool]] = []
        node.create_service(Trigger, '~/discard_last', self._on_discard)
        node.create_service(SetBool, '~/mark_last', self._on_mark)

    def __len__(self) -> int:
        return len(self._episodes)

    @property
    def successes(self) -> int:
        """How many of them succeeded."""
        return sum(success for _, _, success in self._episodes)

    @property
    def last(self) -> tuple[int, bool]:
        """Number and success of the last episode; (-1, False) without one."""
        number, _, success = self._episodes[-1] if self._episodes else (-1, Path(), False)
        return number, success

    def add(self, number: int, path: Path, success: bool) -> None:
        """An episode was kept."""
        self._episodes.append((number, path, success))

    def _on_discard(self, _: Any, response: Any) -> Any:
        if not self._episodes:
            response.message = 'this recorder has kept no episode that could be discarded'
            return response
        number, path, _ = self._episodes[-1]
        try:
            target = discard_episode(path)
        except OSError as error:
            response.message = f'{path} stays: {error}'
            return response
        self._episodes.pop()
        response.success, response.message = True, f'episode {number} was discarded: {target}'
        self._say(response.message)
        return response

    def _on_mark(self, request: Any, response: Any) -> Any:
        if not self._episodes:
            response.message = 'this recorder has kept no episode that could be marked'
            return response
        number, path, _ = self._episodes[-1]
        word = 'true' if request.data else 'false'
        command = python_command('act_ros.data.recording.revise', path, word)
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=MARK_S, start_new_session=True
            )
            why = (
                (done.stderr.strip() or f'ended with {done.returncode}') if done.returncode else ''
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            why = str(error)
        if why:
            response.message = f'{path} is not marked: {why}'
            return response
        self._episodes[-1] = number, path, bool(request.data)
        response.success = True
        response.message = (
            f'episode {number} is marked: {"success" if request.data else "failure"}'
        )
        self._say(response.message)
        return response
