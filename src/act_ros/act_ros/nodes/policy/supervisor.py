# SPDX-License-Identifier: Apache-2.0
"""Sees to it that there is an inference process: replaces one that died, hangs, or swells."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from act_ros.nodes.policy.engine import Engine
from act_ros.nodes.policy.loop import ControlLoop
from act_ros.nodes.policy.priority import prioritize
from act_ros.policy.errors import PolicyError
from act_ros.policy.folder import version_of

ATTEMPTS, WITHIN_S = 3, 60.0
"""A process that has to be replaced more often than this within that time has a cause that stays."""
CALM_S = 1.0
"""A policy that has run for so long has been changed over to: there is time for what is next."""
SETTLED_S = 10.0
"""A process that has run for so long has taken the memory that it needs."""
GROWTH = 1 << 30
"""Bytes beyond that which no inference needs: the process leaks."""


def memory_of(pid: int | None) -> int:
    """Bytes of main memory that a process occupies; 0 if it isn't there."""
    try:
        pages = Path(f'/proc/{pid}/statm').read_text(encoding='ascii').split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf('SC_PAGE_SIZE')


class Supervisor:
    """Looks after the loop's engine. `look` is called a few times a second and never waits long.

    `busy` is held while a policy is being changed; then there is nothing to look after.
    """

    def __init__(
        self,
        loop: ControlLoop,
        again: Callable[[Engine], Engine],
        prepare: Callable[[bool], None],
        log: Any,
    ) -> None:
        """Replace `loop`'s engine where needed by what `again` makes of it; say so in `log`.

        `prepare` is told again and again whether there is time to begin what the next engine needs, or no need of one.
        """
        self._loop, self._again, self._prepare, self._log = loop, again, prepare, log
        self.busy = threading.Lock()
        self._started: deque[float] = deque(maxlen=ATTEMPTS)
        self._next: Engine | None = None
        self._seen: tuple[Engine, float] | None = None  # engine that was ready, and since when
        self._usual: int | None = None  # its memory once settled
        self._placed: tuple[int | None, bool, bool] | None = None  # process, and how it was placed

    @property
    def settles(self) -> bool:
        """Whether the present process has been seen to run."""
        return self._seen is not None and self._seen[0] is self._loop.engine

    def look(self) -> None:
        """Notice what is wrong and set it right, step by step."""
        if not self.busy.acquire(blocking=False):
            return
        try:
            if self._next is not None:
                self._go_on(self._next)
            elif self._loop.inference.broken:
                self._replace(self._loop.inference.broken)
            else:
                self._place()
                self._watch()
        finally:
            self.busy.release()

    def forget(self) -> None:
        """Another policy is live: what was under way is of no use. To be called with `busy` held."""
        if self._next is not None:
            self._next.worker.close(0.0)
        self._next = self._seen = self._usual = None
        self._started.clear()

    def close(self) -> None:
        """End a process that is being started, and one that waits. To be called with `busy` held, or at the end."""
        if self._next is not None:
            self._next.worker.close(0.0)
        self._prepare(False)

    def _replace(self, why: str) -> None:
        loop = self._loop
        engine = loop.engine
        if loop.runtime.faulty:
            return
        if not self.settles:
            self._give_up(why)  # it never ran, so another one will not either
        elif len(self._started) == ATTEMPTS and self._age() < WITHIN_S:
            self._give_up(f'{why}; it was started again {ATTEMPTS} times within {WITHIN_S:g} s')
        else:
            self._log.error(f'{why}; the arms hold while it is started again')
            engine.worker.close(0.0)
            self._begin(engine)

    def _age(self) -> float:
        return time.monotonic() - self._started[0]

    def _begin(self, engine: Engine) -> None:
        self._started.append(time.monotonic())
        try:
            self._next = self._again(engine)
        except (ValueError, OSError) as error:
            self._give_up(str(error))

    def _go_on(self, engine: Engine) -> None:
        worker = engine.worker
        if worker.error:
            self._next = None
            self._give_up(worker.error)
        elif worker.ready:
            old, afresh = self._loop.engine, bool(self._loop.inference.broken)
            self._next = self._seen = self._usual = None
            self._note(engine)
            self._loop.install(engine, afresh)
            old.worker.close(0.2)
            self._log.info('the inference process was started again and is live')

    def _note(self, engine: Engine) -> None:
        self._seen = (engine, time.monotonic())
        if engine.worker.runs_on:
            self._log.info(f'{engine.folder.name} {engine.worker.runs_on}')

    def _give_up(self, why: str) -> None:
        self._started.clear()  # whoever resets the fault has found the cause
        with self._loop.lock:
            self._loop.runtime.fail(
                f'the policy stopped: {why}. Set another checkpoint (ros2 param set), or mend the '
                f'cause and set this one again; then enable'
            )

    def _place(self) -> None:
        """Give the process its priority; not before it is loaded, which is short, and somebody waits for it."""
        loop, mode = self._loop, self._loop.mode
        placed = (loop.engine.worker.pid, mode.sync, mode.fast_enough)
        if loop.inference.loaded and placed != self._placed:
            prioritize(placed[0], mode)
            self._placed = placed

    def _watch(self) -> None:
        loop = self._loop
        engine = loop.engine
        if self._seen is None or self._seen[0] is not engine:
            if loop.inference.worker_says == 'running':
                self._note(engine)
            return
        age_s = time.monotonic() - self._seen[1]
        if age_s >= CALM_S:
            self._prepare(True)
        if age_s >= SETTLED_S:
            self._watch_memory(engine)

    def _watch_memory(self, engine: Engine) -> None:
        bytes_now = memory_of(engine.worker.pid)
        if self._usual is None:
            self._usual = bytes_now
        elif bytes_now > self._usual + GROWTH:
            self._log.error(
                f'the inference process has grown from {self._usual >> 20} to {bytes_now >> 20} MiB; '
                f'another one takes its place'
            )
            self._begin(engine)


def again(make_worker: Callable[[Path], Any]) -> Callable[[Engine], Engine]:
    """The same policy in another process; ValueError where its files say another thing by now."""

    def make(engine: Engine) -> Engine:
        if version_of(engine.folder) != engine.version:
            raise PolicyError(f'{engine.folder} was changed since it was set')
        worker = make_worker(engine.folder)
        worker.start()
        return replace(engine, worker=worker)

    return make
