# SPDX-License-Identifier: Apache-2.0
"""A film of episodes, drawn from states of the world: here, or as a process beside the simulation.

`python -m act_ros.sim.film.film_maker PATH TASK EPISODES` draws the shots that come through its standard input. At
SIGTERM it ends the film with what is drawn.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from act_ros.robot.types import Frame
from act_ros.sim.film.captions import captioned, episode_text, title_card
from act_ros.sim.film.film_file import Film
from act_ros.sim.film.shot import FPS, TICKS_PER_FRAME, Shot
from act_ros.sim.film.studio import Studio
from act_ros.sim.world import SimulationError, WorldState

TITLE_S, VERDICT_S = 2.0, 1.0
"""How long the title stands, and an episode's last picture with its outcome."""


class FilmMaker:
    """Draws shots into an mp4, with a title at the beginning and captions. A context of one thread.

    Attributes:
        interrupted: the last episode did not come to its end, and its outcome is not told.
    """

    def __init__(self, path: Path, task: str, episodes: int = 0) -> None:
        """Begin the film `path` of `task`; `episodes`: how many it will have, 0 if that is open.

        Raises:
            SimulationError: unknown task, missing scenes, or no OpenGL.
            OSError: the folder of `path` cannot be made.
        """
        self._task, self._episodes = task, episodes
        self._film = Film(path, FPS)
        self._studio = Studio(task)
        self.interrupted = False
        self._last: tuple[Shot, Frame] | None = None

    @property
    def shot_size(self) -> int:
        """Bytes of a shot of this task."""
        return 8 * (4 + self._studio.state_size)

    def add(self, shot: Shot) -> None:
        """Draw a shot.

        Raises:
            SimulationError: its state is of another task.
            OSError: the film cannot be written (full disk, or its encoder ended).
        """
        picture = self._studio.render(shot.physics)
        if self._last is None:
            self._hold(title_card(picture, self._task), TITLE_S)
        elif shot.episode != self._last[0].episode:
            self._hold(self._frame(*self._last, ended=True), VERDICT_S)
        self._film.append(self._frame(shot, picture))
        self._last = shot, picture

    def __enter__(self) -> FilmMaker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the film, with the outcome of its last episode unless that was interrupted."""
        try:
            if self._last is not None and kind is None and not self.interrupted:
                self._hold(self._frame(*self._last, ended=True), VERDICT_S)
        finally:
            self._film.close()
            self._studio.close()

    def _frame(self, shot: Shot, picture: Frame, ended: bool = False) -> Frame:
        info = episode_text(shot.episode, self._episodes, shot.seed, shot.elapsed_s)
        return captioned(picture, self._task, shot.reached, info, ended)

    def _hold(self, frame: Frame, seconds: float) -> None:
        for _ in range(round(seconds * FPS)):
            self._film.append(frame)


def film_episode(path: Path, task: str, states: Sequence[WorldState]) -> None:
    """Film one episode from its states, one a tick of 20 ms.

    Raises:
        SimulationError: unknown task, a state of another one, or no OpenGL.
        OSError: the film cannot be written.
    """
    with FilmMaker(path, task, 1) as maker:
        for tick, state in enumerate(states):
            if tick % TICKS_PER_FRAME == 0 or tick == len(states) - 1:
                maker.add(Shot(1, state.seed, state.max_reward, tick / 50, state.physics))


def main() -> int:
    """Draw what comes through the standard input; 1 with a line on the standard error if that fails."""
    path, task, episodes = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stop.append(number))
    try:
        with FilmMaker(path, task, episodes) as maker:
            size = maker.shot_size
            while not stop and len(row := sys.stdin.buffer.read(size)) == size:
                maker.add(Shot.from_bytes(row))
            maker.interrupted = bool(stop)
    except (SimulationError, OSError, ImportError) as error:
        sys.stderr.write(f'{error}\n')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
