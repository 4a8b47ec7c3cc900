# SPDX-License-Identifier: Apache-2.0
"""The course of a recording session: a scripted person, arms and a recorder of the test, a clock of the test."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from act_ros.control.session.hand_signs import ALONE_S, STOP_S, HandSigns, StopSign
from act_ros.control.session.session import MOVE_S, STAND_CLEAR_S, Session
from act_ros.control.session.text import headline, hint, line
from act_ros.control.session.types import (
    Ask,
    Phase,
    RecorderStatus,
    SessionError,
    SessionView,
    Sound,
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
            return self.fails.pop('start')
        self.opened_s = self.now
        self._tell(open=True)
        return ''

    def stop(self, success, keep_rows):
        self._keep(keep_rows or self.state.rows, success)
        return ''

    def discard(self):
        self.opened_s = None
        self._tell(open=False, rows=0, failed=self.state.failed + 1, message='it was discarded')
        return ''

    def discard_last(self):
        self.discarded.append(self.episodes.pop())
        self._tell(kept=len(self.episodes))
        return ''

    def mark_last(self, success):
        self.episodes[-1] = self.episodes[-1][0], success
        self._tell()
        return ''


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


def test_fifty_episodes_in_a_row_by_hand_alone():
    cell = Cell(lambda cell: each(cell, 50), wanted=50).run()
    assert cell.episodes == [(100, True)] * 50
    assert cell.done.count('home') == 51 and cell.done.count('follow') == 50
    assert cell.done[-1] == 'rest' and cell.phases[-1] is Phase.RESTING
    assert cell.session.view.phase is Phase.DONE and not cell.session.view.fault
    assert cell.sounds.count(Sound.START) == cell.sounds.count(Sound.STOP) == 50
    assert Sound.FAULT not in cell.sounds


def test_nothing_is_touched_before_the_operator_gives_a_sign():
    def person(cell):
        yield 60.0
        assert cell.done == [] and cell.phases == [Phase.ARMS_OFF]
        cell.session.end()

    cell = Cell(person).run()
    assert cell.done == []  # and nothing is led to rest that was never moved


def test_the_arms_move_some_time_after_the_sign():
    def person(cell):
        yield from squeeze(cell, 0.7)
        yield lambda: 'home' in cell.done
        cell.session.end()

    at = Cell(person).run().at
    assert at['home'] - at['check'] >= STAND_CLEAR_S


def test_a_failed_check_moves_nothing_and_is_tried_again_at_the_next_sign():
    def person(cell):
        cell.fails['check'] = 'follower_left: register Current_Limit reads 200'
        yield from squeeze(cell, 0.7)
        yield lambda: cell.session.view.fault
        assert cell.done == ['check'] and 'FAULT: follower_left' in cell.texts[-1]
        yield 10.0
        assert cell.done == ['check']
        yield from squeeze(cell, 0.7)
        yield cell.phase(Phase.WAITING)
        assert not cell.session.view.fault
        cell.session.end()

    cell = Cell(person).run()
    assert Sound.FAULT in cell.sounds and cell.done[-1] == 'rest'


@pytest.mark.parametrize('busy_s', [0.0, 0.5])
def test_a_long_squeeze_with_still_arms_ends_an_episode_and_is_cut_off(busy_s):
    before = []

    def person(cell):
        yield from each(cell, 1)
        cell.grip(*OPEN)
        yield 2.0
        cell.grip(*SHUT)
        before.append(cell.state.rows)
        cell.now += busy_s  # nobody looks meanwhile, on a machine that is busy
        cell._record()
        yield 2.0
        assert 'STOPPING' in cell.texts[-1] and cell.opened_s is not None

    cell = Cell(person, wanted=1, length=0).run()
    ((rows, success),) = cell.episodes
    assert success and before[0] - 5 <= rows <= before[0]
    assert cell.sounds.count(Sound.ATTENTION) >= 2


def test_opening_or_moving_in_time_goes_on():
    def person(cell):
        yield from each(cell, 1)
        yield from squeeze(cell, STOP_S - 0.3)
        cell.grip(*SHUT)
        for _ in range(100):  # carries something with both grippers closed
            cell.pose[0] += 0.08
            yield 0.2
        assert cell.opened_s is not None
        cell.session.end()

    Cell(person, length=0).run()


def test_one_gripper_alone_discards_the_last_episode_or_changes_its_verdict():
    def person(cell):
        yield from each(cell, 1)
        yield cell.phase(Phase.RESET)
        yield from squeeze(cell, 2.5, (0.5, 0.0))
        assert cell.episodes == [(100, False)]
        yield from squeeze(cell, 2.5, (0.5, 0.0))
        assert cell.episodes == [(100, True)]
        yield from squeeze(cell, 2.5, (0.0, 0.5))
        assert cell.episodes == [] and cell.discarded == [(100, True)]
        cell.session.end()

    Cell(person).run()


def test_the_very_last_episode_can_still_be_redone():
    def person(cell):
        yield from each(cell, 1)
        yield cell.phase(Phase.RESET)
        assert 'ALL RECORDED' in cell.texts[-1]
        yield from squeeze(cell, 2.5, (0.0, 0.5))
        yield from squeeze(cell, 0.7)
        yield cell.phase(Phase.RECORDING)

    cell = Cell(person, wanted=1).run()
    assert cell.discarded == [(100, True)] and cell.episodes == [(100, True)]


def test_grippers_that_stay_closed_after_an_episode_start_nothing():
    def person(cell):
        yield from each(cell, 1)
        cell.grip(*SHUT)
        yield cell.phase(Phase.WAITING)
        yield 20.0
        cell.grip(0.0, 0.5)
        yield 1.0
        cell.grip(*SHUT)  # the left one has never been let go
        yield 20.0
        assert cell.phases[-1] is Phase.WAITING
        cell.session.end()

    assert len(Cell(person).run().episodes) == 1


def test_a_pause_keeps_grippers_from_starting_anything():
    def person(cell):
        yield from each(cell, 0)
        yield cell.phase(Phase.WAITING)
        assert cell.session.ask(Ask.PAUSE) == ''
        yield 1.0
        yield from squeeze(cell, 5.0)
        assert cell.phases[-1] is Phase.PAUSED and 'PAUSED' in cell.texts[-1]
        assert 'resume' in cell.session.ask(Ask.GO)
        assert cell.session.ask(Ask.RESUME) == ''
        yield 1.0
        assert cell.session.ask(Ask.GO) == ''
        yield cell.phase(Phase.RECORDING)
        cell.session.end()

    Cell(person).run()


@pytest.mark.parametrize(
    ('ask', 'kept'),
    [(Ask.GO, [True]), (Ask.SUCCESS, [True]), (Ask.FAILURE, [False]), (Ask.DISCARD, [])],
)
def test_a_key_ends_an_episode_with_its_verdict(ask, kept):
    def person(cell):
        yield from each(cell, 1)
        yield 1.0
        assert cell.session.ask(ask) == ''
        yield cell.phase(Phase.RESET)
        cell.session.end()

    cell = Cell(person, length=0).run()
    assert [success for _, success in cell.episodes] == kept
    assert not cell.session.view.fault


def test_what_cannot_be_now_is_refused_with_the_reason():
    def person(cell):
        assert 'arms off' in cell.session.ask(Ask.DISCARD)
        yield from each(cell, 0)
        yield cell.phase(Phase.WAITING)
        assert 'no episode yet' in cell.session.ask(Ask.DISCARD)
        cell.session.end()
        yield cell.phase(Phase.RESTING)
        assert 'ending' in cell.session.ask(Ask.GO)

    Cell(person).run()


def test_ending_while_recording_keeps_the_episode_as_a_failure_and_brings_the_arms_to_rest():
    def person(cell):
        yield from each(cell, 1)
        yield 1.0
        cell.session.end()

    cell = Cell(person, length=0).run()
    assert [success for _, success in cell.episodes] == [False]
    assert cell.done[-1] == 'rest' and cell.phases[-1] is Phase.RESTING


def test_arms_that_cannot_be_brought_to_rest_keep_their_torque_until_a_person_holds_them():
    def person(cell):
        yield from each(cell, 0)
        yield cell.phase(Phase.WAITING)
        cell.fails['rest'] = 'an arm met something'
        cell.session.end()
        yield lambda: 'an arm met something' in cell.session.view.fault
        assert 'TAKE HOLD OF THEM' in cell.texts[-1]
        cell.fails['rest'] = 'again'
        assert not cell.session.ask(Ask.GO)
        yield lambda: 'again' in cell.session.view.fault
        yield 100.0
        assert cell.session.view.phase is Phase.RESTING
        assert not cell.session.ask(Ask.LET_GO)

    cell = Cell(person, length=0)
    cell.real = True
    cell.run()
    assert cell.done.count('rest') == 2


def test_silent_leaders_are_a_fault_on_the_line_and_are_heard():
    def person(cell):
        yield from each(cell, 1)
        cell.silent = 'leader_left'
        yield 0.5
        assert cell.texts[-1].startswith('FAULT: leader_left silent')
        assert cell.sounds[-1] is Sound.FAULT and cell.opened_s is not None
        cell.silent = ''
        yield 0.5
        assert 'FAULT' not in cell.texts[-1]
        cell.session.end()

    Cell(person, length=0).run()


def test_a_recorder_that_refuses_is_shown_and_the_arms_go_back_to_the_start():
    def person(cell):
        yield from each(cell, 0)
        yield cell.phase(Phase.WAITING)
        cell.fails['start'] = 'only 3 MB free'
        yield from squeeze(cell, 0.7)
        yield lambda: cell.session.view.fault and cell.session.view.phase is Phase.WAITING
        assert 'only 3 MB free' in cell.texts[-1] and cell.done[-1] == 'ready'
        yield from squeeze(cell, 0.7)
        yield cell.phase(Phase.RECORDING)
        assert not cell.session.view.fault
        cell.session.end()

    Cell(person).run()


def test_leaders_that_cannot_be_held_are_tried_again_at_a_sign():
    def person(cell):
        yield from each(cell, 0)
        yield cell.phase(Phase.WAITING)
        cell.fails['hold'] = 'leader_left does not answer'
        yield from squeeze(cell, 0.7)
        yield lambda: 'does not answer' in cell.session.view.fault
        homes = cell.done.count('home')
        yield 5.0
        assert cell.done.count('home') == homes
        yield from squeeze(cell, 0.7)
        yield cell.phase(Phase.RESET)
        cell.session.end()

    Cell(person).run()


def test_arms_that_do_not_arrive_are_a_fault():
    def person(cell):
        yield from squeeze(cell, 0.7)
        yield lambda: 'home' in cell.done
        cell.there = cell.now + 10 * MOVE_S
        yield lambda: cell.session.view.fault
        assert 'did not arrive' in cell.session.view.fault
        cell.session.end()

    Cell(person).run()


def test_the_line_is_large_words_first():
    view = replace(
        Cell(lambda cell: iter(())).session.view, phase=Phase.RECORDING, kept=11, wanted=50
    )
    assert headline(view, RecorderStatus(rows=420), RATE_HZ) == 'RECORDING 12/50  08.4 s'
    waiting = replace(view, phase=Phase.WAITING, wanted=0)
    assert line(waiting, RecorderStatus(), RATE_HZ).startswith(
        'WAITING 12  |  squeeze both grippers'
    )


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.03, 0.07, 0.5]),
            st.sampled_from([0.0, 0.03, 0.07, 0.5]),
            st.floats(0.1, 3.0),
        ),
        max_size=12,
    )
)
def test_whatever_moving_hands_do_with_their_grippers_no_episode_ends(grips):
    """In 2.9 seconds at most the arms move on, as they do while they manipulate: nothing is a sign then."""

    def person(cell):
        yield from each(cell, 1)
        for left, right, seconds in grips:
            cell.grip(left, right)
            cell.pose[2] += 0.3
            yield min(seconds, STOP_S - 0.1)
        assert cell.opened_s is not None
        cell.session.end()

    Cell(person, length=0).run()


def _seen(sign, pose, begin_s, seconds, *more):
    """Everything that a sign gives at 50 Hz while the leaders stay in one pose."""
    ticks = range(round(seconds * 50))
    return [found for t in ticks if (found := sign.seen(pose, begin_s + t / 50, *more))]


@pytest.mark.parametrize('grippers', [(6,), (6, 13), (3, 7, 11)])
def test_all_grippers_of_a_robot_go_on_and_stop_however_many_it_has(grippers):
    """Entries of the pose come from the robot's description: one arm of 7, two, three of 4."""
    open_pose = np.full(grippers[-1] + 1, 0.5, np.float32)
    shut = open_pose.copy()
    shut[list(grippers)] = 0.0
    signs, stop = HandSigns(grippers), StopSign(grippers)
    assert not _seen(signs, open_pose, 0.0, 0.2, False)
    assert _seen(signs, shut, 0.2, 1.0, False) == [Ask.GO]
    assert not _seen(stop, open_pose, 0.0, 0.2)
    assert _seen(stop, shut, 0.2, STOP_S + 0.2) == [True]


def test_a_gripper_alone_tells_nothing_else_where_there_is_only_one():
    signs, pose = HandSigns([6]), np.full(7, 0.5, np.float32)
    assert not _seen(signs, pose, 0.0, 0.2, True)
    pose[6] = 0.0
    assert _seen(signs, pose, 0.2, ALONE_S + 1.0, True) == [Ask.GO]


def test_the_operator_of_one_arm_is_told_of_one_gripper():
    one = SessionView(Phase.WAITING, last=3, grippers=1)
    assert hint(one) == 'squeeze the gripper for 0.5 s; episode 3 is a FAILURE'
    assert hint(replace(one, grippers=2)).startswith('squeeze both grippers for 0.5 s; ')
    assert hint(replace(one, grippers=3)).startswith('squeeze all grippers for 0.5 s; ')
