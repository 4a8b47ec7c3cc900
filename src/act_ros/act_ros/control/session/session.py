# SPDX-License-Identifier: Apache-2.0
"""A recording session as a script: arms to the start, wait for the operator, record, save, reset, next."""

from __future__ import annotations

import contextlib

from act_ros.control.session.hand_signs import StopSign
from act_ros.control.session.steps import POLL_S, Ended, SessionSteps
from act_ros.control.session.types import Ask, Phase, RecorderStatus, SessionError, Sound

STAND_CLEAR_S = 2.0
"""From the operator's sign to the first motion."""
FOLLOW_S, BEGIN_S, SAVE_S, MOVE_S = 10.0, 5.0, 150.0, 60.0
"""Patience: followers with the leaders, a recorder that begins, one that saves, arms that move."""


HELD = (
    'The arms keep their torque until you let them go: TAKE HOLD OF THEM, then l twice in keys, or ~/let_go; '
    'enter or ~/go tries again'
)


class Session(SessionSteps):
    """Runs a session. Where arms could not be brought to rest and would fall at the end, a person is asked first."""

    def run(self) -> None:
        """The session, to its end: all episodes kept, or ended. The arms are at rest then, or `fault` says why not."""
        try:
            self._begin()
            while True:
                self._between()
                if self._complete:
                    break
                self._episode()
        except Ended:
            pass
        if self.moved:
            self._close()
        self._show(Phase.DONE)

    # The parts of it

    def _begin(self) -> None:
        """Until all arms are at the start."""
        while True:
            self._show(Phase.ARMS_OFF)
            self._sign()
            try:
                self._show(Phase.CHECKING, fault='')
                self._robot.check()
                self.moved = True
                self._show(Phase.MOVING)
                self._play(Sound.ATTENTION)
                self._pass(STAND_CLEAR_S)
                self._go_home()
                return
            except SessionError as error:
                self._fail(str(error))

    def _go_home(self) -> None:
        self._robot.home()
        self._until(self._robot.arrived, MOVE_S, 'the arms did not arrive at the start')
        self._robot.ready()

    def _between(self) -> None:
        """Wait for the operator, who may start before the reset time is over, or reconsider the last episode.

        After the very last episode the reset time is what is left for that.
        """
        since = self._now()
        begun = self._recorder.view().kept + self._recorder.view().failed > 0
        reset_s = self._reset_s if begun else 0.0
        self._forget()
        while True:
            left_s = max(0.0, since + reset_s - self._now())
            waits = Phase.RESET if left_s else Phase.WAITING
            if waits is Phase.WAITING and self.view.phase is Phase.RESET:
                self._play(Sound.ATTENTION)
            self._show(Phase.PAUSED if self._paused else waits, left_s=left_s)
            asked = self._look()
            if asked in (Ask.PAUSE, Ask.RESUME):
                self._paused = asked is Ask.PAUSE
            elif asked in (Ask.DISCARD, Ask.SUCCESS, Ask.FAILURE):
                self._reconsider(asked)
            elif not self._paused and (asked is Ask.GO or (self._complete and not left_s)):
                return

    @property
    def _complete(self) -> bool:
        return 0 < self._wanted <= self._recorder.view().kept

    def _reconsider(self, asked: Ask) -> None:
        """Discard the last episode, or mark it."""
        before = self._recorder.view()
        if before.last < 0:
            return
        try:
            if asked is Ask.DISCARD:
                self._recorder.discard_last()
            else:
                self._recorder.mark_last(asked is Ask.SUCCESS)
        except SessionError as error:
            self._fail(str(error))
            return
        self._until(lambda: self._recorder.view() != before, BEGIN_S, 'the recorder is silent')
        self._play(Sound.ATTENTION)

    def _episode(self) -> None:
        """One episode, and the arms back at the start."""
        try:
            self._record()
        except SessionError as error:
            self._fail(str(error))
        while True:  # there is no way on but arms that are at the start
            try:
                self._robot.hold()
                self._robot.new_scene()
                self._show(Phase.MOVING)
                self._go_home()
                return
            except SessionError as error:
                self._fail(str(error))
                self._sign()

    def _record(self) -> None:
        recorder = self._recorder
        self._show(Phase.STARTING, fault='')
        before = recorder.view()
        self._robot.follow()
        self._until(self._robot.following, FOLLOW_S, 'the followers did not reach the leaders')
        # While nothing was commanded the recorder missed the commands; now it may miss nothing.
        self._until(lambda: recorder.view().ready, BEGIN_S, lambda: recorder.view().reason)
        recorder.start()
        self._until(lambda: recorder.view().rows > 0, BEGIN_S, lambda: recorder.view().reason)
        self._show(Phase.RECORDING)
        self._play(Sound.START)
        discarded = self._until_over(before)
        self._play(Sound.STOP)
        self._show(Phase.SAVING)
        self._robot.hold()
        self._until(
            lambda: _count(recorder.view()) > _count(before), SAVE_S, 'the episode was not saved'
        )
        after = recorder.view()
        if after.failed > before.failed and not discarded:
            raise SessionError(after.message)

    def _until_over(self, before: RecorderStatus) -> bool:
        """Until the episode is as long as it shall be, or is stopped and being saved; whether it is discarded."""
        sign, recorder = StopSign(self._grippers), self._recorder
        warned, rows = False, 0
        while True:
            view = recorder.view()
            if _count(view) > _count(before) or not view.open:
                return False
            stop = sign.seen(self._robot.leaders(), self._now())
            rows = rows if sign.given else max(1, view.rows)  # before the sign
            if sign.in_s and not warned:
                self._play(Sound.ATTENTION)
            warned = sign.in_s > 0.0
            self._show(Phase.RECORDING, stop_in_s=sign.in_s)
            asked = self._take()
            if self._ending:  # nobody has said that it was well done
                with contextlib.suppress(SessionError):  # the session ends all the same
                    recorder.stop(False, 0)
                raise Ended
            if asked is Ask.DISCARD:
                recorder.discard()
                return True
            if stop or asked in (Ask.GO, Ask.SUCCESS, Ask.FAILURE):
                recorder.stop(asked is not Ask.FAILURE, rows if stop else 0)
                return False
            self._wait(POLL_S)

    def _close(self) -> None:
        """All arms at rest; where they cannot be brought there, they keep their torque until a person lets them go."""
        while True:
            try:
                self._rest()
                return
            except SessionError as error:
                self._fail(f'{error}. {HELD}' if self._robot.falls() else str(error))
            if not self._robot.falls() or not self._again():
                return

    def _rest(self) -> None:
        self._show(Phase.RESTING, fault=self.view.fault)
        self._play(Sound.ATTENTION)
        self._robot.rest()
        end = self._now() + 2 * MOVE_S
        while not self._robot.arrived():
            if self._now() > end:
                hold = '; hold them before their power goes' if self._robot.falls() else ''
                raise SessionError(f'the arms did not arrive at rest{hold}')
            self._wait(POLL_S)


def _count(recording: RecorderStatus) -> int:
    """Episodes that have ended."""
    return recording.kept + recording.failed
