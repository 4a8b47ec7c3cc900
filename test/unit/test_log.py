# SPDX-License-Identifier: Apache-2.0
"""The append-only log: what was appended comes back, whatever happened to the end of the file."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from act_ros.data.recording.log import MAGIC, LogError, LogReader, LogWriter

# A child process finds the package where this one does.
ENV = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}


def written(path: Path, records: list[bytes]) -> Path:
    log = LogWriter(path)
    for record in records:
        log.append(record)
    log.close()
    return path


def read_log(path: Path) -> list[bytes]:
    with contextlib.closing(LogReader(path)) as log:
        return list(log.records())


def left(path: Path) -> int:
    with contextlib.closing(LogReader(path)) as log:
        list(log.records())
        return log.left


@settings(max_examples=30)
@given(st.lists(st.binary(min_size=1, max_size=200), max_size=8), st.floats(0, 1))
def test_a_cut_log_gives_back_a_prefix_of_whole_records(tmp_path_factory, records, share):
    path = written(tmp_path_factory.mktemp('log') / 'a.log', records)
    size = path.stat().st_size
    cut = round(share * size)
    os.truncate(path, cut)

    back = read_log(path)

    assert back == records[: len(back)]
    assert sum(8 + len(record) for record in back) <= max(cut - 8, 0)
    assert cut < size or back == records


def test_reading_stops_at_a_damaged_record(tmp_path):
    path = written(tmp_path / 'a.log', [b'one', b'two', b'three'])
    raw = bytearray(path.read_bytes())
    raw[raw.index(b'two')] ^= 1
    path.write_bytes(raw)

    assert read_log(path) == [b'one']
    assert left(path) == 8 + 3 + 8 + 5


def test_a_log_is_never_opened_over_another(tmp_path):
    path = written(tmp_path / 'a.log', [b'one'])
    with pytest.raises(FileExistsError):
        LogWriter(path)
    assert read_log(path) == [b'one']


def test_another_file_is_refused_by_name(tmp_path):
    path = tmp_path / 'a.log'
    path.write_bytes(b'not a log at all')
    with pytest.raises(LogError, match=r'a\.log is not an episode log'):
        read_log(path)


def test_an_empty_record_is_refused(tmp_path):
    log = LogWriter(tmp_path / 'a.log')
    with pytest.raises(LogError, match='record of 0 bytes'):
        log.append(b'')


def test_a_full_disk_leaves_whole_records_and_an_error(tmp_path):
    path = tmp_path / 'a.log'
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        log = LogWriter(path)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, old[1]))
        with pytest.raises(OSError, match='too large'):
            for i in range(100):
                log.append(bytes([i]) * 50)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)

    back = read_log(path)
    assert back == [bytes([i]) * 50 for i in range(len(back))] and len(back) == 17
    assert left(path) == 0
    log.append(b'room again')
    assert read_log(path)[-1] == b'room again'


def test_what_was_appended_survives_kill_9(tmp_path):
    code = (
        'import os, signal, sys\nfrom pathlib import Path\n'
        'from act_ros.data.recording.log import LogWriter\n'
        'log = LogWriter(Path(sys.argv[1]))\n'
        'for i in range(50): log.append(b"%d" % i)\n'
        'os.kill(os.getpid(), signal.SIGKILL)'
    )
    path = tmp_path / 'a.log'
    done = subprocess.run([sys.executable, '-c', code, str(path)], check=False, env=ENV)
    assert done.returncode == -signal.SIGKILL
    assert read_log(path) == [b'%d' % i for i in range(50)]


def test_a_log_can_be_read_while_it_is_written(tmp_path):
    log = LogWriter(tmp_path / 'a.log')
    with contextlib.closing(LogReader(log.path)) as reader:
        for i in range(5):
            log.append(b'%d' % i)
            assert list(reader.records()) == [b'%d' % i]
        assert list(reader.records()) == []
        with pytest.raises(LogError, match='is being read by another process'):
            LogReader(log.path)


def test_a_log_that_was_deleted_can_be_put_back_and_goes_on(tmp_path):
    (tmp_path / 'data').mkdir()
    log = LogWriter(tmp_path / 'data' / 'a.log')
    log.append(b'one')
    log.restore()  # it is there: nothing happens
    assert not log.removed
    shutil.rmtree(tmp_path / 'data')
    assert log.removed
    log.restore()
    log.append(b'two')
    assert read_log(log.path) == [b'one', b'two']


@settings(max_examples=30)
@given(
    st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=8),
    st.floats(0, 1),
    st.integers(0, 100),
)
def test_a_tail_of_zeros_as_after_a_power_cut_costs_only_itself(
    tmp_path_factory, records, share, zeros
):
    path = written(tmp_path_factory.mktemp('log') / 'a.log', records)
    size = path.stat().st_size
    cut = round(share * size)
    os.truncate(path, cut)
    os.truncate(path, size + zeros)
    if cut < len(MAGIC):
        with pytest.raises(LogError, match='is not an episode log'):
            read_log(path)
        return
    ends = np.cumsum([len(MAGIC), *(8 + len(record) for record in records)])[1:]
    back = read_log(path)
    assert back == records[: len(back)] and len(back) >= (ends <= cut).sum()
