# SPDX-License-Identifier: Apache-2.0
"""The film is drawn by a process beside the simulator, which never waits for it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest

from act_ros.nodes.sim import film_process as module
from act_ros.nodes.sim.film_process import FilmProcess
from act_ros.sim.film.film_maker import TITLE_S, VERDICT_S
from act_ros.sim.film.shot import FPS, Shot
from act_ros.sim.world import World

pytestmark = pytest.mark.timeout(300)  # it yields to all that runs beside the tests

TITLE, VERDICT = round(TITLE_S * FPS), round(VERDICT_S * FPS)


class Log:
    """Keeps what a node's logger would print."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.info = self.warning = self.error = self.lines.append


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def begin(log: Log) -> Iterator[Callable[[Path], FilmProcess]]:
    """Starts films; what still runs at the end of the test is ended."""
    films: list[FilmProcess] = []

    def start(path: Path) -> FilmProcess:
        films.append(FilmProcess(path, 'transfer_cube', 0, log))
        return films[-1]

    yield start
    for film in films:
        film._process.kill()
        film._process.wait()


def shots(count: int, episode: int = 1) -> list[Shot]:
    world = World('transfer_cube', episode)
    state = world.state()
    return [Shot(episode, episode, 0, i / FPS, state.physics) for i in range(count)]


def length(path: Path) -> int:
    """Frames that can be played."""
    video, count = cv2.VideoCapture(str(path)), 0
    while video.read()[0]:
        count += 1
    return count


def wait_until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 200
    while not condition():
        assert time.monotonic() < end, f'waited in vain for: {what}'
        time.sleep(0.02)


def test_a_film_that_ended_has_every_shot_however_fast_they_came(begin, log, tmp_path):
    film = begin(tmp_path / 'new' / 'a.mp4')
    pid = film._process.pid
    wait_until(lambda: os.getpriority(os.PRIO_PROCESS, pid) == 19, 'its low priority')
    os.kill(pid, signal.SIGSTOP)
    for shot in shots(60):  # more than a pipe holds: were they waited for, it would be for ever
        film.add(shot)
    os.kill(pid, signal.SIGCONT)
    film.close(ended=True)
    assert film._process.returncode == 0
    assert length(tmp_path / 'new' / 'a.mp4') == TITLE + 60 + VERDICT
    assert all('still to be drawn' in line for line in log.lines)


def test_a_film_that_is_interrupted_ends_with_what_is_drawn_and_says_so(begin, log, tmp_path):
    path = tmp_path / 'a.mp4'
    film = begin(path)
    for shot in shots(2000):
        film.add(shot)
    wait_until(path.exists, 'the first frame')
    film.close(ended=False)
    assert film._process.returncode == 0
    assert TITLE < length(path) < TITLE + 2000
    assert len(log.lines) == 1 and 'were not drawn yet and are left out' in log.lines[0]


def test_ctrl_c_in_the_terminal_does_not_reach_it(begin, log, tmp_path):
    film = begin(tmp_path / 'a.mp4')
    os.kill(film._process.pid, signal.SIGINT)
    for shot in shots(3):
        film.add(shot)
    film.close(ended=True)
    assert film._process.returncode == 0 and not log.lines
    assert length(tmp_path / 'a.mp4') == TITLE + 3 + VERDICT


def test_a_film_that_cannot_be_written_is_told_and_more_shots_are_taken(begin, log, tmp_path):
    (tmp_path / 'a.mp4').mkdir()
    film = begin(tmp_path / 'a.mp4')
    for shot in shots(100):
        film.add(shot)
    wait_until(lambda: bool(log.lines), 'the error')
    for shot in shots(5, episode=2):
        film.add(shot)
    film.close(ended=True)
    errors = [line for line in log.lines if 'still to be drawn' not in line]
    assert len(errors) == 1
    assert errors[0].startswith(f'the film ends here: {tmp_path}/a.mp4 cannot be written: ')
    assert errors[0].endswith('Is a directory')


def test_a_process_that_is_killed_is_told(begin, log, tmp_path):
    film = begin(tmp_path / 'a.mp4')
    film.add(shots(1)[0])
    film._process.kill()
    film._process.wait()  # from here on its pipe takes nothing
    film.add(shots(1)[0])
    wait_until(lambda: bool(log.lines), 'the error')
    assert log.lines == [f'the film ends here: {tmp_path}/a.mp4: its process ended with -9']
    film.close(ended=True)


def test_while_the_film_is_too_far_behind_whole_episodes_are_left_out(
    begin, log, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, 'MOST_WAITING', 10)
    film = begin(tmp_path / 'a.mp4')
    os.kill(film._process.pid, signal.SIGSTOP)
    for episode in (1, 2, 3):
        for shot in shots(120, episode):
            film.add(shot)
    os.kill(film._process.pid, signal.SIGCONT)
    assert [line.partition(':')[0] for line in log.lines] == [
        'episode 2 is not filmed', 'episode 3 is not filmed',
    ]  # fmt: skip
    film.close(ended=True)
    assert length(tmp_path / 'a.mp4') == TITLE + 120 + VERDICT
