# SPDX-License-Identifier: Apache-2.0
"""What a process and all that it starts take: memory, each page counted once, and processor time."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SAMPLE_S = 0.5


def processes(below: int) -> list[int]:
    """A process and all that it has started."""
    children: dict[int, list[int]] = {}
    for entry in Path('/proc').iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / 'stat').read_text().rpartition(')')[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found = [below]
    for pid in found:
        found += children.get(pid, [])
    return found


def proportional_kib(pid: int) -> int:
    """Memory of a process, of shared pages its share.

    Raises:
        OSError: it is gone.
    """
    rollup = (Path('/proc') / str(pid) / 'smaps_rollup').read_text()
    return int(rollup.partition('\nPss:')[2].split()[0])


def processor_s(pid: int) -> float:
    """Seconds of processors that a process has taken, with those of its children that have ended.

    Raises:
        OSError: it is gone.
    """
    stat = (Path('/proc') / str(pid) / 'stat').read_text().rpartition(')')[2].split()
    return sum(map(int, stat[11:15])) / os.sysconf('SC_CLK_TCK')


@dataclass
class Watched:
    """A program that ran: when it began (s of the system's clock), what it said and when, how much it held.

    `processor` has the seconds of processors that it had taken, by the clock.
    """

    begun: float
    said: list[tuple[float, str]] = field(default_factory=list)
    memory_mib: float = 0.0
    processor: list[tuple[float, float]] = field(default_factory=list)
    status: int = 0


def watched(command: Sequence[str], env: Mapping[str, str]) -> Watched:
    """Run a program to its end, pass on what it says, and watch what it takes; `env` empty: as here."""
    done = Watched(time.time())
    with subprocess.Popen(
        command, env=dict(env) or None, text=True, bufsize=1,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        over = threading.Event()

        def sample() -> None:
            while not over.wait(SAMPLE_S):
                kib, seconds = 0, 0.0
                for pid in processes(process.pid):
                    try:
                        seconds += processor_s(pid)
                        kib += proportional_kib(pid)
                    except (OSError, IndexError):
                        continue
                done.memory_mib = max(done.memory_mib, kib / 1024)
                done.processor.append((time.time(), seconds))

        thread = threading.Thread(target=sample)
        thread.start()
        try:
            assert process.stdout is not None
            for line in process.stdout:
                done.said.append((time.time(), line.rstrip()))
                sys.stdout.write(line)
            done.status = process.wait()
        finally:
            over.set()
            thread.join()
    return done
