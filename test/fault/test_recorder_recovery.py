# SPDX-License-Identifier: Apache-2.0
"""What kills, power cuts and torn folders leave is saved or set aside by the next start, and said."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sources import Recorder, Sources

from act_ros.data.recording.archive import Archive
from act_ros.data.recording.episode_writer import EpisodeWriter, read_episode
from act_ros.data.recording.log_to_hdf5 import finish_log, log_path, recover_log
from act_ros.data.spoilt import spoilt

NAMES = [f'joint_{i}' for i in range(14)]
FRAME = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)


def recorded(path: Path, rows: int, sealed: bool = False) -> Path:
    """The log of an episode whose action at tick t is t."""
    writer = EpisodeWriter(path, NAMES, ['cam_high'], {'task': 'fold'})
    for t in range(rows):
        vectors = [np.full(14, t, np.float32)] * 4
        writer.append(*vectors, {'cam_high': FRAME}, 0.02 * t, {'cam_high': 0.0})
    if sealed:
        writer.seal(success=True)
    return log_path(path)


@pytest.fixture(scope='module')
def log(tmp_path_factory) -> bytes:
    return recorded(tmp_path_factory.mktemp('log') / 'episode_0.hdf5', 12).read_bytes()


@settings(max_examples=25)
@given(share=st.floats(0, 1), zeros=st.integers(0, 5000))
def test_a_log_cut_anywhere_gives_its_whole_rows_and_nothing_else(
    tmp_path_factory, log, share, zeros
):
    """Power loss: the file ends anywhere, or goes on with zeros."""
    folder = tmp_path_factory.mktemp('cut')
    path = folder / 'episode_0.hdf5.log'
    cut = round(share * len(log))
    path.write_bytes(log[:cut] + bytes(zeros))

    line = recover_log(path)

    assert 'set aside' in line and not path.exists()
    assert [p.name for p in folder.iterdir()] == ['interrupted']
    whole = cut * 12 // len(log)
    episode = folder / 'interrupted' / 'episode_0.hdf5'
    if episode.exists():
        with read_episode(episode) as back:
            assert len(back) >= whole - 1 and back.attrs['complete'] is False
            np.testing.assert_array_equal(back.action[:, 0], np.arange(len(back)))
            assert all(back.images['cam_high'][t].shape == FRAME.shape for t in range(len(back)))
    else:
        assert whole <= 1 and (folder / 'interrupted' / path.name).exists()


def test_damage_far_from_the_end_keeps_the_log_too(tmp_path, log):
    rows = recorded(tmp_path / 'episode_0.hdf5', 200)
    data = bytearray(rows.read_bytes())
    data[len(data) // 3] ^= 1
    rows.write_bytes(data)
    line = recover_log(rows)
    kept = tmp_path / 'interrupted' / 'episode_0.hdf5.log'
    assert 'are damaged, and are kept in' in line and kept.read_bytes() == bytes(data)


def test_torn_folders_are_tidied_and_nothing_is_overwritten(tmp_path):
    names = {f'episode_{i}.hdf5' for i in range(6)}
    finished = finish_log(recorded(tmp_path / 'episode_0.hdf5', 3, sealed=True))
    before = finished.read_bytes()
    # Killed between the names: the partial is another name of the finished file.
    os.link(finished, tmp_path / 'episode_0.hdf5.partial')
    shutil.copy(recorded(tmp_path / 'copy.hdf5', 3, sealed=True), log_path(finished))
    (tmp_path / 'copy.hdf5.log').unlink()
    recorded(tmp_path / 'episode_1.hdf5', 3)
    (tmp_path / 'episode_1.hdf5.partial').write_bytes(b'half a file')
    (tmp_path / 'episode_2.hdf5.partial').write_bytes(b'without its log')
    (tmp_path / 'episode_3.hdf5.log').touch()
    stranger = tmp_path / 'episode_4.hdf5'
    stranger.write_bytes(b'of somebody else')
    shutil.copy(recorded(tmp_path / 'copy.hdf5', 2, sealed=True), log_path(stranger))
    (tmp_path / 'copy.hdf5.log').unlink()

    archive = Archive(tmp_path, NAMES, ['left', 'right'], ['cam_high'], 90, min_free=1)
    lines = archive.recover()
    session = archive.begin(0, 0, {})
    archive.end(session, keep=False, success=False)
    archive.close()

    assert len(lines) == 5 and session.number == 5
    assert finished.read_bytes() == before and stranger.read_bytes() == b'of somebody else'
    left = {p.name for p in tmp_path.glob('episode*')}
    assert left == {'episode_0.hdf5', 'episode_4.hdf5'}
    aside = {p.name for p in (tmp_path / 'interrupted').iterdir()}
    assert aside == {
        'episode_1.hdf5',
        'episode_2.hdf5.partial',
        'episode_3.hdf5.log',
        'episode_4.hdf5',
    }
    assert names >= left


@pytest.mark.parametrize('group', [False, True], ids=['recorder', 'process group'])
def test_kill_9_while_recording_costs_less_than_a_second(ros, tmp_path, group):
    sources = Sources(ros.node('robot'))
    first = Recorder(ros, tmp_path / 'data', tmp_path / 'log')
    first.begin()
    finished = Path(first.end().message)
    before = finished.read_bytes()
    number = first.begin(60)
    said = first.state.rows  # the recorder's own count: how late it is depends on the machine
    os.killpg(first.process.pid, signal.SIGKILL) if group else first.kill()
    first.process.wait()

    second = Recorder(ros, tmp_path / 'data', tmp_path / 'log2')
    sources.close()
    assert second.said('an interrupted recording was finished and set aside')
    assert second.stop() == 0
    assert finished.read_bytes() == before
    with read_episode(tmp_path / 'data' / 'interrupted' / f'episode_{number}.hdf5') as episode:
        assert len(episode) >= max(50, said - 50)
        assert episode.attrs['complete'] is False
    assert not list((tmp_path / 'data').glob('*.log')) + list(
        (tmp_path / 'data').glob('*.partial')
    )


def test_ctrl_c_keeps_an_open_episode_but_not_as_a_success(ros, tmp_path):
    sources = Sources(ros.node('robot'))
    recorder = Recorder(ros, tmp_path / 'data', tmp_path / 'log')
    number = recorder.begin(25)
    assert recorder.stop() == 0
    sources.close()
    with read_episode(tmp_path / 'data' / f'episode_{number}.hdf5') as episode:
        assert len(episode) >= 25 and not episode.attrs['success']
        assert (
            str(spoilt(episode.attrs, len(episode), 50.0)).count('was interrupted before its end')
            == 1
        )


def test_clock_jumps_end_the_episode_and_the_node_goes_on(ros, tmp_path):
    sources = Sources(ros.node('robot'), clock=True)
    recorder = Recorder(ros, tmp_path / 'data', tmp_path / 'log', use_sim_time=True)
    for number, jump in enumerate((500.0, -300.0)):
        recorder.wait(lambda state: not state.reason)
        assert recorder.begin(20) == number
        kept = recorder.state.kept
        sources.offset_s += jump
        recorder.wait(lambda state, kept=kept: state.kept > kept)
        with read_episode(tmp_path / 'data' / f'episode_{number}.hdf5') as episode:
            (fault,) = (f for f in episode.attrs['faults'] if 'the clock jumped by' in f)
            assert f'{jump:+.0f}'[0] + str(abs(int(jump)))[:2] in fault
            assert np.diff(episode.stamp).max() < 1.0 and not episode.attrs['success']
    sources.close()
    assert recorder.stop() == 0 and 'Traceback' not in recorder.output
