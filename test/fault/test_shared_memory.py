# SPDX-License-Identifier: Apache-2.0
"""Shared memory of a process that was killed is taken away; what a living one has is not touched."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import lifeline

from act_ros.shared_memory import FOLDER, YOUNG_S, find_leftovers, remove_leftovers

DEADLINE_S = 90.0
NODE = """
import rclpy
rclpy.init()
node = rclpy.create_node('holder')
print('there', flush=True)
rclpy.spin(node)
"""


@contextmanager
def holder(domain: str) -> Iterator[subprocess.Popen[str]]:
    """A process with a node, alone in a ROS domain: nobody else tidies up after it."""
    mark, env = lifeline.tie({**os.environ, 'ROS_DOMAIN_ID': domain})
    with subprocess.Popen(
        [sys.executable, '-c', NODE], env=env, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == 'there\n'
            yield process
        finally:
            lifeline.end(mark)


def segments(pid: int) -> set[Path]:
    """The segments of shared memory that a process has mapped; not the ports, whose names others may take."""
    maps = Path(f'/proc/{pid}/maps').read_text()
    return {Path(path) for path in re.findall(rf'({FOLDER}/fast\w+_[0-9a-f]{{16}})\n', maps)}


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def old(paths: set[Path]) -> bool:
    """Whether files are older than what is left alone for being young."""
    return all(time.time() - p.stat().st_ctime > YOUNG_S for p in paths)


def test_what_a_killed_process_leaves_is_freed_and_a_living_one_keeps_its_own(
    domain: str, module_domain: str
) -> None:
    with holder(domain) as killed, holder(module_domain) as living:
        left, kept = segments(killed.pid), segments(living.pid)
        assert left and kept and not left & kept
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        wait_until(lambda: old({path for path in left | kept if path.exists()}))
        remove_leftovers()
        assert not any(path.exists() or Path(f'{path}_el').exists() for path in left)
        assert all(path.exists() and Path(f'{path}_el').exists() for path in kept)
        assert living.poll() is None


def segment(folder: Path) -> Path:
    """What looks like a segment and its lock."""
    path = folder / f'fastrtps_{secrets.token_hex(8)}'
    path.write_bytes(b'x' * 8192)
    Path(f'{path}_el').touch()
    return path


def test_what_is_locked_or_of_another_kind_stays(tmp_path: Path) -> None:
    path, other = segment(tmp_path), tmp_path / 'psm_0123456789abcdef'
    other.touch()
    lock = Path(f'{path}_el')
    assert not find_leftovers(tmp_path), 'it is young'
    wait_until(lambda: old({path, lock}))
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert remove_leftovers(tmp_path) == 0
    assert remove_leftovers(tmp_path, since_s=time.time()) == 0, 'it was there before'
    assert [set(left.paths) for left in find_leftovers(tmp_path)] == [{path, lock}]
    assert remove_leftovers(tmp_path) == 8192
    assert list(tmp_path.iterdir()) == [other]


READER = """
import mmap, sys
with open(sys.argv[1]) as file:
    held = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
print(flush=True)
input()
"""


def test_what_another_process_has_mapped_stays() -> None:
    path = segment(FOLDER)
    with subprocess.Popen(
        [sys.executable, '-c', READER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        process.stdout.readline()
        wait_until(lambda: old({path}))
        remove_leftovers()
        assert path.exists()
        process.stdin.close()
    remove_leftovers()
    assert not path.exists()
