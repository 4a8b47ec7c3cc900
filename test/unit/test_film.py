# SPDX-License-Identifier: Apache-2.0
"""Films: every frame in order, captions that fit and tell how far it came, playable however it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from act_ros.robot.types import Frame
from act_ros.sim.film.captions import BAND, WORDS, captioned, episode_text, title_card, verdict
from act_ros.sim.film.film_file import Film
from act_ros.sim.film.film_maker import TITLE_S, VERDICT_S, FilmMaker, film_episode
from act_ros.sim.film.shot import FPS, Shot
from act_ros.sim.film.studio import HEIGHT, WIDTH
from act_ros.sim.world import STAGES, STEPS, SimulationError, World

TITLE, VERDICT = round(TITLE_S * FPS), round(VERDICT_S * FPS)
GREY = np.full((100, WIDTH, 3), 128, np.uint8)


def frames(path: Path) -> list[Frame]:
    video = cv2.VideoCapture(str(path))
    assert video.get(cv2.CAP_PROP_FPS) == FPS
    result = []
    while True:
        ok, frame = video.read()
        if not ok:
            return result
        result.append(frame[..., ::-1])


def green(picture: Frame) -> int:
    """Pixels of the green that is for what is reached."""
    red, middle, blue = (picture[..., i].astype(int) for i in range(3))
    return int(((middle - red > 60) & (middle - blue > 25)).sum())


def shot(world: World, episode: int = 1) -> Shot:
    state = world.state()
    return Shot(episode, state.seed, state.max_reward, world.time_s, state.physics)


def test_every_task_has_a_name_a_sentence_and_four_stages() -> None:
    assert set(WORDS) == set(STAGES) == set(STEPS)
    assert all(len(set(stages)) == 4 for stages in STAGES.values())


def test_the_caption_counts_episodes_and_tells_the_outcome_at_the_end_only() -> None:
    assert episode_text(2, 3, 1, 4.23) == 'episode 2 of 3 · seed 1 · 4.2 s'
    assert episode_text(2, 0, 1, 0.0) == 'episode 2 · seed 1 · 0.0 s'
    assert verdict(4, ended=False) == verdict(4, ended=True) == 'DONE'
    assert verdict(3, ended=False) == '' and verdict(3, ended=True) == 'not done'


@pytest.mark.parametrize('task', sorted(STAGES))
def test_each_stage_that_is_reached_is_lit_and_done_is_written(task: str) -> None:
    lit = [green(captioned(GREY, task, reached, '')) for reached in range(5)]
    assert lit[0] == 0
    assert np.diff(lit)[:3].min() > 50
    assert lit[4] - lit[3] > 3 * (lit[3] - lit[2]), 'the last dot, and DONE'
    assert green(captioned(GREY, task, 3, '', ended=True)) == lit[3]
    differs = captioned(GREY, task, 3, '', ended=True) != captioned(GREY, task, 3, '')
    assert differs[:100].sum() == 0 and differs[100:].sum() > 100


@pytest.mark.parametrize('task', sorted(STAGES))
def test_no_words_of_a_caption_run_into_others_or_out_of_the_frame(task: str) -> None:
    longest = episode_text(1000, 1000, 1_000_000, 10.0)
    bands = {
        text: captioned(GREY, task, 3, text, ended=bool(text))[100:] for text in ('', longest)
    }
    paper = bands[''][0, 0]
    words = np.flatnonzero((bands[''] != paper).any(axis=(0, 2)))
    added = np.flatnonzero((bands[longest] != bands['']).any(axis=(0, 2)))
    assert words.min() >= 20 and added.max() < WIDTH - 20
    assert words.max() + 10 < added.min()


def test_a_title_card_is_as_large_as_a_frame_and_has_bright_words_on_a_darker_ground() -> None:
    card = title_card(GREY, 'insertion')
    assert card.shape == captioned(GREY, 'insertion', 0, '').shape == (100 + BAND, WIDTH, 3)
    assert card[5, 5].max() < 90 and (card.min(axis=2) > 240).sum() > 1000


def test_a_film_has_every_frame_in_order(tmp_path: Path) -> None:
    with Film(tmp_path / 'new' / 'a.mp4', FPS) as film:
        for i in range(12):
            film.append(np.full((48, 64, 3), 10 * i, np.uint8))
    brightness = [float(frame.mean()) for frame in frames(tmp_path / 'new' / 'a.mp4')]
    assert len(brightness) == 12
    assert np.all(np.diff(brightness) > 5)


def test_a_frame_of_another_size_is_refused(tmp_path: Path) -> None:
    with Film(tmp_path / 'a.mp4') as film:
        film.append(np.zeros((48, 64, 3), np.uint8))
        with pytest.raises(
            ValueError, match=r'a frame of \(64, 50\) pixels in a film of \(64, 48\)'
        ):
            film.append(np.zeros((50, 64, 3), np.uint8))


def test_what_was_filmed_before_a_kill_can_be_played(tmp_path: Path) -> None:
    code = """
import os, sys, numpy as np
from pathlib import Path
from act_ros.sim.film.film_file import Film
film = Film(Path(sys.argv[1]))
rng = np.random.default_rng(0)
for i in range(400):
    film.append(rng.integers(0, 256, (96, 128, 3), np.uint8))
print('filmed', flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, '-c', code, tmp_path / 'a.mp4'], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)},
        start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == b'filmed\n'
        os.killpg(process.pid, signal.SIGKILL)  # the encoder, too
    assert len(frames(tmp_path / 'a.mp4')) >= 100


def test_a_shot_survives_the_way_to_the_process_that_draws_it() -> None:
    before = shot(World('insertion', 5), episode=3)
    after = Shot.from_bytes(before.to_bytes())
    assert after[:4] == before[:4] == (3, 5, 0, 0.0)
    np.testing.assert_array_equal(after.physics, before.physics)


def test_the_film_of_an_episode_begins_with_its_title_and_ends_with_its_outcome(
    tmp_path: Path,
) -> None:
    world, states = World('transfer_cube', 0), []
    for tick in range(8):
        states.append(world.state())
        world.step(0.02)
        world.max_reward = min(tick, 4)
    film_episode(tmp_path / 'a.mp4', 'transfer_cube', states)
    seen = frames(tmp_path / 'a.mp4')
    assert seen[0].shape == (HEIGHT + BAND, WIDTH, 3)
    assert len(seen) == TITLE + 5 + VERDICT, 'every second tick of eight, and the last'
    assert seen[0].mean() < 0.75 * seen[TITLE].mean()
    lit = [green(frame[HEIGHT:]) for frame in seen[TITLE : TITLE + 5]]
    assert lit[0] < 20 and lit[4] > lit[2] > lit[1], 'more stages are lit as they are reached'


def test_an_episode_that_failed_is_told_before_the_next_one_begins(tmp_path: Path) -> None:
    world = World('transfer_cube', 0)
    with FilmMaker(tmp_path / 'a.mp4', 'transfer_cube', 2) as maker:
        maker.add(shot(world, 1))
        world.reset(1)
        maker.add(shot(world, 2))
    seen = frames(tmp_path / 'a.mp4')
    assert len(seen) == TITLE + 1 + VERDICT + 1 + VERDICT

    def told(frame: Frame) -> bool:
        """Whether the place of the outcome has red ink."""
        place = frame[HEIGHT + 38 :, WIDTH - 150 :].astype(int)
        return bool((place[..., 0] - place[..., 2] > 80).sum() > 100)

    assert [told(frame) for frame in seen[TITLE:]] == (
        [False] + [True] * VERDICT + [False] + [True] * VERDICT
    )


def test_a_film_of_another_tasks_states_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match='cannot be filmed as insertion'):
        film_episode(tmp_path / 'a.mp4', 'insertion', [World('transfer_cube').state()])
    assert not (tmp_path / 'a.mp4').exists()


def test_a_film_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / 'a.mp4').mkdir()
    states = [World('transfer_cube').state()] * 60
    with pytest.raises(OSError, match=r'a\.mp4 cannot be written: .*Is a directory$'):
        film_episode(tmp_path / 'a.mp4', 'transfer_cube', states)
    with pytest.raises(OSError):
        Film(Path('/proc/nothing/a.mp4'))
