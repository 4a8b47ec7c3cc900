# SPDX-License-Identifier: Apache-2.0
"""`make demo` as a guest runs it, after the set-up: both tasks, one film, a line for each."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from demo import POLICIES, summary

from act_ros.sim.film.captions import WORDS
from act_ros.sim.film.shot import FPS

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / 'scripts' / 'demo.py'


def test_the_summary_counts_what_succeeded() -> None:
    assert summary('Insertion', {1: True, 2: False, 3: True}) == (
        'Insertion: 2 of 3 episodes succeeded'
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_shows_both_tasks_and_leaves_one_film(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    done = subprocess.run(
        [sys.executable, DEMO, '--episodes', '1', '--timeout', '400', '--output', tmp_path],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for task in POLICIES:
        name, _ = WORDS[task]
        assert f'\n{name}: ' in done.stdout
        outcomes = [f'{name}: {n} of 1 episodes succeeded; the loop ran at ' for n in (0, 1)]
        assert any(outcome in done.stdout for outcome in outcomes), done.stdout
    assert f'film: {tmp_path / "demo.mp4"}' in done.stdout
    assert sorted(path.name for path in tmp_path.glob('*.mp4')) == ['demo.mp4']
    video = cv2.VideoCapture(str(tmp_path / 'demo.mp4'))
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(FPS, abs=0.5)
    brightness = []
    while (read := video.read())[0]:
        brightness.append(float(read[1].mean()))
    # A title of two seconds, four seconds at least that the task takes, its outcome; and that twice.
    assert len(brightness) > 2 * 7 * FPS
    titles = np.diff((np.array(brightness) < 0.75 * np.median(brightness)).astype(int)) == -1
    assert titles.sum() == 2


def test_a_demo_that_is_interrupted_leaves_nothing_running(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with subprocess.Popen(
        [sys.executable, DEMO, '--episodes', '1', '--output', tmp_path],
        env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        line = ''
        while not line.startswith('first command'):
            line = process.stdout.readline()
            assert line, 'the demo ended'
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    said = (tmp_path / 'demo_transfer_cube.log').read_text()
    assert said.count('process has finished cleanly') == 2, said


@pytest.mark.parametrize('wrong', [['--episodes', '0'], ['--seed', '-1']])
def test_a_number_that_cannot_be_is_named(wrong: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, DEMO, *wrong], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert '--episodes must be at least 1, --seed 0 or more' in done.stderr
