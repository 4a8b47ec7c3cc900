# SPDX-License-Identifier: Apache-2.0
"""The memory of a process and all that it starts, each page counted once."""

from __future__ import annotations

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


@dataclass
class Watched:
    """A program that ran: when it began (s of the system's clock), what it said and when, how much it held."""

    begun: float
    said: list[tuple[float, str]] = field(default_factory=list)
    memory_mib: float = 0.0
    status: int = 0


def watched(command: Sequence[str], env: Mapping[str, str]) -> Watched:
    """Run a program to its end, pass on what it says, and watch its memory; `env` empty: as here."""
    done = Watched(time.time())
    with subprocess.Popen(
        command, env=dict(env) or None, text=True, bufsize=1,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        over = threading.Event()

        def sample() -> None:
            while not over.wait(SAMPLE_S):
                total = 0
                for pid in processes(process.pid):
                    try:
                        total += proportional_kib(pid)
                    except (OSError, IndexError):
                        continue
                done.memory_mib = max(done.memory_mib, total / 1024)

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
