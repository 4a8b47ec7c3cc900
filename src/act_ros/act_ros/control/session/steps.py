# SPDX-License-Identifier: Apache-2.0
"""What a session waits with: it looks at hands and requests, shows what goes on, and can be ended anywhere."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from act_ros.control.session.hand_signs import HandSigns
from act_ros.control.session.types import (
    Ask,
    Phase,
    Recorder,
    Robot,
    SessionError,
    SessionView,
    Sound,
    check_ask,
)

POLL_S = 0.04


class Ended(Exception):
    """The session is to end."""


class SessionSteps:
    """The means of a `Session`; `view` may be read, `ask` and `end` be called from other threads."""

    def __init__(
        self,
        robot: Robot,
        grippers: Sequence[int],
        recorder: Recorder,
        wanted: int,
        reset_s: float,
        now: Callable[[], float],
        wait: Callable[[float], object],
        play: Callable[[Sound], object],
    ) -> None:
        """Begin in phase ARMS_OFF.

        Args:
            robot: the arms.
            grippers: where in the leaders' pose their grippers are.
            recorder: what records.
            wanted: episodes to keep; 0: until it is ended.
            reset_s: seconds between two episodes to set the scene up.
            now: seconds of a clock that doesn't go back.
            wait: sleeps for some seconds.
            play: plays a sound.
        """
        self._robot, self._grippers, self._recorder = robot, grippers, recorder
        self._wanted, self._reset_s = wanted, reset_s
        self._now, self._wait, self._play = now, wait, play
        self._lock = threading.Lock()
        self._view = SessionView(wanted=wanted, grippers=len(grippers))
        self._asked: Ask | None = None
        self._ending = self._paused = self._stuck = False
        self._signs = HandSigns(self._grippers)
        self._trouble = ''
        self.moved = False

    @property
    def view(self) -> SessionView:
        """What is shown now."""
        with self._lock:
            return self._view

    def end(self) -> None:
        """Have the session end as soon as it looks; the arms go to rest."""
        self._ending = True

    def ask(self, ask: Ask) -> None:
        """Ask for something, which the session will do.

        Raises:
            SessionError: it cannot be now, and why.
        """
        with self._lock:
            check_ask(ask, self._view.phase, self._view.last, self._paused, self._stuck)
            if ask is Ask.END:
                self._ending = True
            else:
                self._asked = ask

    def _again(self) -> bool:
        """Wait for a person: whether to try once more, else he holds the arms."""
        self._forget()
        self._stuck = True
        while (asked := self._take()) not in (Ask.GO, Ask.LET_GO):
            self._show(self.view.phase)
            self._wait(POLL_S)
        self._stuck = False
        return asked is Ask.GO

    def _sign(self) -> None:
        """Wait until the operator says that it goes on."""
        self._forget()
        while self._look() is not Ask.GO:
            self._show(self.view.phase)

    def _look(self) -> Ask | None:
        """One look at hands and requests, in a phase that waits; raises Ended."""
        self._wait(POLL_S)
        if self._ending:
            raise Ended
        success = self._recorder.view().success
        sign = self._signs.seen(self._robot.leaders(), self._now(), success)
        return self._take() or sign

    def _forget(self) -> None:
        """What the hands do now tells nothing before they open."""
        self._take()
        self._signs = HandSigns(self._grippers)

    def _take(self) -> Ask | None:
        with self._lock:
            asked, self._asked = self._asked, None
            return asked

    def _pass(self, seconds: float) -> None:
        """Let some time pass; raises Ended."""
        end = self._now() + seconds
        while (left_s := end - self._now()) > 0.0:
            self._show(self.view.phase, left_s=left_s)
            self._wait(POLL_S)
            if self._ending:
                raise Ended

    def _until(
        self, there: Callable[[], bool], patience_s: float, otherwise: str | Callable[[], str]
    ) -> None:
        """Wait for something; raises SessionError when it takes too long, and Ended."""
        end = self._now() + patience_s
        while not there():
            if self._ending:
                raise Ended
            if self._now() > end:
                why = otherwise if isinstance(otherwise, str) else otherwise()
                raise SessionError(f'{why} (waited {patience_s:g} s)')
            self._show(self.view.phase)
            self._wait(POLL_S)

    def _fail(self, why: str) -> None:
        """Show a fault until the next try."""
        self._play(Sound.FAULT)
        self._show(self.view.phase, fault=why)

    def _show(
        self, phase: Phase, left_s: float = 0.0, stop_in_s: float = 0.0, fault: str | None = None
    ) -> None:
        """Refresh the view; a new trouble of arms or recorder is heard."""
        recording, trouble = self._recorder.view(), self._robot.trouble()
        if phase in (Phase.RECORDING, Phase.RESET, Phase.WAITING) and not trouble:
            trouble = recording.reason or (recording.message if recording.fault else '')
        if trouble and not self._trouble:
            self._play(Sound.FAULT)
        self._trouble = trouble
        with self._lock:
            stays = self._view.fault if fault is None else fault
            self._view = replace(
                self._view,
                phase=phase,
                left_s=left_s,
                stop_in_s=stop_in_s,
                fault=stays,
                note=trouble,
                kept=recording.kept,
                last=recording.last,
                success=recording.success,
            )
