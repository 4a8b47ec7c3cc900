# SPDX-License-Identifier: Apache-2.0
"""A recording session without ROS: a scripted person, arms and a recorder of the test, a clock of the test."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from act_ros.control.session.session import Session
from act_ros.control.session.text import line
from act_ros.control.session.types import (
    Phase,
    RecorderStatus,
    SessionError,
)

RATE_HZ = 50.0
GRIPPERS = (6, 13)
OPEN, SHUT = (0.5, 0.5), (0.0, 0.0)


class Cell:
    """Arms, recorder and clock of one test; `person` is a generator that yields what it waits for."""

    def __init__(self, person, wanted=2, reset_s=5.0, length=100):
        self.now = 0.0
        self.pose = np.full(14, 0.5, dtype=np.float32)
        self.done, self.sounds, self.phases, self.texts = [], [], [], []
        self.fails, self.at = {}, {}
        self.there = 0.0
        self.silent, self.real = '', False
        self.length = length
        self.state = RecorderStatus()
        self.opened_s = None
        self.episodes = []  # (rows, success)
        self.discarded = []
        self.session = Session(
            *(self, GRIPPERS, self, wanted, reset_s),
            *(lambda: self.now, self.wait, self.sounds.append),
        )
        self._person = person(self)
        self._waits = next(self._person, None)
        self._since = 0.0

    def run(self):
        self.session.run()
        return self

    # The person

    def grip(self, left, right):
        self.pose[[6, 13]] = left, right

    def phase(self, *phases):
        return lambda: self.session.view.phase in phases

    def wait(self, seconds):
        self.now += seconds
        assert self.now < 3600, 'the session does not end'
        self._record()
        view = self.session.view
        if not self.phases or self.phases[-1] is not view.phase:
            self.phases.append(view.phase)
        self.texts.append(line(view, self.view(), RATE_HZ))
        waits = self._waits
        over = self.now - self._since >= waits if isinstance(waits, float) else waits and waits()
        if over:
            self._since, self._waits = self.now, next(self._person, None)

    # The arms

    def _do(self, what):
        self.done.append(what)
        self.at[what] = self.now
        if self.fails.get(what):
            raise SessionError(self.fails.pop(what))

    def check(self):
        self._do('check')

    def falls(self):
        return self.real

    def home(self):
        self._do('home')
        self.there = self.now + 3.0

    def arrived(self):
        return self.now >= self.there

    def ready(self):
        self._do('ready')

    def follow(self):
        self._do('follow')

    def following(self):
        return True

    def hold(self):
        self._do('hold')

    def new_scene(self):
        self._do('new_scene')

    def leaders(self):
        return None if self.silent else self.pose.copy()

    def trouble(self):
        return f'{self.silent} silent' if self.silent else ''

    def rest(self):
        self._do('rest')
        self.there = self.now + 3.0

    # The recorder

    def view(self):
        return self.state

    def _record(self):
        if self.opened_s is not None:
            rows = round((self.now - self.opened_s) * RATE_HZ)
            if self.length and rows >= self.length:
                self._keep(self.length, True)
            else:
                self.state = replace(self.state, rows=rows)

    def _keep(self, rows, success):
        self.opened_s = None
        self.episodes.append((rows, success))
        self._tell(open=False, rows=0, kept=len(self.episodes))

    def _tell(self, **changes):
        last = len(self.episodes) - 1
        success = self.episodes[-1][1] if self.episodes else False
        self.state = replace(self.state, **changes, last=last, success=success)

    def start(self):
        if self.fails.get('start'):
            raise SessionError(self.fails.pop('start'))
        self.opened_s = self.now
        self._tell(open=True)

    def stop(self, success, keep_rows):
        self._keep(keep_rows or self.state.rows, success)

    def discard(self):
        self.opened_s = None
        self._tell(open=False, rows=0, failed=self.state.failed + 1, message='it was discarded')

    def discard_last(self):
        self.discarded.append(self.episodes.pop())
        self._tell(kept=len(self.episodes))

    def mark_last(self, success):
        self.episodes[-1] = self.episodes[-1][0], success
        self._tell()


def squeeze(cell, seconds, which=SHUT):
    """Both grippers open, then some squeezed for a time, then open."""
    cell.grip(*OPEN)
    yield 0.2
    cell.grip(*which)
    yield seconds
    cell.grip(*OPEN)
    yield 0.2


def each(cell, count):
    """A person who starts `count` episodes and lets them run out; the first sign is for the arms."""
    yield cell.phase(Phase.ARMS_OFF)
    yield from squeeze(cell, 0.7)
    for _ in range(count):
        yield cell.phase(Phase.WAITING)
        yield from squeeze(cell, 0.7)
        yield cell.phase(Phase.RECORDING)
