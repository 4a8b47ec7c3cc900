# SPDX-License-Identifier: Apache-2.0
"""Tools on datasets whose processes are killed: one item is lost at most, and a run goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from act_ros.data.child_processes import each
from act_ros.data.errors import EpisodeError
from act_ros.data.formats.collection import EpisodeRef, find_episodes
from act_ros.data.lerobot.export import STAGING
from act_ros.data.recording.episode_writer import EpisodeWriter
from act_ros.data.survivable import refuse_unsurvivable

ENV = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
DEADLINE_S = 90.0


def square_or_die(number: int) -> int:
    """A worker that a few items are too much for."""
    if number == 3:
        os.kill(os.getpid(), signal.SIGSEGV)
    if number == 5:
        raise ValueError('five\nlines')
    return number * number


@pytest.mark.parametrize('workers', [1, 3])
def test_a_child_that_dies_costs_one_item(workers: int) -> None:
    with closing(each(square_or_die, range(8), workers)) as outcomes:
        found = list(outcomes)
    assert [outcome.item for outcome in found] == list(range(8))
    assert [o.result for o in found] == [0, 1, 4, None, 16, None, 36, 49]
    assert 'was ended by SIGSEGV' in str(found[3].error)
    assert str(found[5].error) == 'five lines'


def stand_still(number: int) -> int:
    """A worker that one item never lets go."""
    while number == 1:
        time.sleep(0.1)
    return number


def test_an_item_without_end_is_given_up() -> None:
    with closing(each(stand_still, range(4), 2, limit_s=2.0)) as outcomes:
        found = list(outcomes)
    assert [o.result for o in found] == [0, None, 2, 3]
    assert 'given up after 2 s' in str(found[1].error)


class SlowToCome:
    """An item whose modules take their time to be imported in the child."""

    def __reduce__(self) -> tuple[Any, tuple[float]]:
        return (arrive_late, (1.5,))


def arrive_late(seconds: float) -> int:
    time.sleep(seconds)
    return 0


def test_what_a_child_imports_for_its_first_item_is_not_counted_against_the_item() -> None:
    with closing(each(stand_still, [SlowToCome()], 1, limit_s=0.75)) as outcomes:
        assert [(o.result, o.error) for o in outcomes] == [(0, None)]


class Deadly(EpisodeRef):
    """An episode that its library does not survive, or does not come back from."""

    def open(self) -> Any:
        if self.path.name == 'dies':
            os.kill(os.getpid(), signal.SIGSEGV)
        while self.path.name == 'turns':
            time.sleep(0.1)
        raise EpisodeError('not for this test to say')


@pytest.mark.parametrize(('name', 'said'), [('dies', 'SIGSEGV'), ('turns', 'given up')])
def test_an_episode_that_its_library_does_not_survive_is_named_before_training(
    tmp_path: Path, name: str, said: str
) -> None:
    refs = [Deadly(tmp_path / n) for n in ('damaged', name)]
    refuse_unsurvivable(refs[:1])  # what is only wrong is not said here
    with pytest.raises(EpisodeError, match=rf'{name}: .*{said}.*; take it out of the dataset'):
        refuse_unsurvivable(refs, limit_s=2.0)


def record(folder: Path, episodes: int, ticks: int) -> Path:
    folder.mkdir()
    random = np.random.default_rng(0)
    names = [f'joint_{i}' for i in range(14)]
    for i in range(episodes):
        attrs = {'task': 'test', 'rate_hz': 50.0, 'sim': True}
        writer = EpisodeWriter(folder / f'episode_{i}.hdf5', names, ('cam_high',), attrs)
        for t in range(ticks):
            image = np.full((48, 64, 3), 3 * t, np.uint8)
            vectors = random.normal(size=(4, 14))
            writer.append(*vectors, {'cam_high': image}, 0.02 * t, {'cam_high': 0.0})
        writer.finish(success=True)
    return folder


def export(source: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, '-m', 'act_ros.commands.export_lerobot', str(source)]
    options = ['--output', str(out), '--codec', 'h264', '--workers', '1']
    return subprocess.Popen(
        [*command, *options],
        env=ENV,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def test_a_killed_export_goes_on_where_it_was(tmp_path: Path) -> None:
    """kill -9 of the whole group, as of a launch or by the kernel, after each of the first episodes."""
    source, out = record(tmp_path / 'source', 5, 12), tmp_path / 'set'
    for staged in (1, 2):
        process = export(source, out)
        deadline = time.monotonic() + DEADLINE_S
        while len(list((out / STAGING).glob('episode_*'))) < staged:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert not (out / 'meta' / 'info.json').exists() or staged == 5
    done = export(source, out)
    said, errors = done.communicate(timeout=DEADLINE_S)
    assert done.returncode == 0, errors.decode()
    assert b'of them by an earlier run' in said
    assert not (out / STAGING).exists() and not list(out.rglob('.*partial*'))
    theirs, ours = find_episodes(out), find_episodes(source)
    assert len(theirs) == 5
    for a, b in zip(theirs, ours, strict=True):
        with a.open() as exported, b.open() as recorded:
            assert exported.action.tobytes() == recorded.action.tobytes()
            assert len(list(exported.images['cam_high'])) == 12


def test_a_full_disk_ends_an_import_with_a_line_and_no_half_file(tmp_path: Path) -> None:
    source, out = record(tmp_path / 'source', 2, 12), tmp_path / 'out'
    code = (
        'import resource, signal, sys\n'
        'from act_ros.commands import import_lerobot\n'
        'if __name__ == "__main__":\n'
        '    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n'
        '    resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))\n'
        '    sys.exit(import_lerobot.export_aloha(sys.argv[1:]))\n'
    )
    script = tmp_path / 'limited.py'
    script.write_text(code)
    done = subprocess.run(
        [sys.executable, str(script), str(source), '--output', str(out)],
        env=ENV,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 1
    assert '2 of 2 episodes failed' in done.stderr and 'Traceback' not in done.stderr
    assert not list(out.glob('*hdf5*')) and not list(out.glob('.partial*'))
