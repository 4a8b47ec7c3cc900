# SPDX-License-Identifier: Apache-2.0
"""The course of a recording session: a scripted person, arms and a recorder of the test, a clock of the test."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from act_ros.control.session.hand_signs import STOP_S
from act_ros.control.session.session import STAND_CLEAR_S
from act_ros.control.session.text import headline, line
from act_ros.control.session.types import (
    Ask,
    Phase,
    RecorderStatus,
    SessionError,
    Sound,
)
from session_cell import OPEN, RATE_HZ, SHUT, Cell, each, squeeze


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
        cell.session.ask(Ask.PAUSE)
        yield 1.0
        yield from squeeze(cell, 5.0)
        assert cell.phases[-1] is Phase.PAUSED and 'PAUSED' in cell.texts[-1]
        with pytest.raises(SessionError, match='resume'):
            cell.session.ask(Ask.GO)
        cell.session.ask(Ask.RESUME)
        yield 1.0
        cell.session.ask(Ask.GO)
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
        cell.session.ask(ask)
        yield cell.phase(Phase.RESET)
        cell.session.end()

    cell = Cell(person, length=0).run()
    assert [success for _, success in cell.episodes] == kept
    assert not cell.session.view.fault


def test_what_cannot_be_now_is_refused_with_the_reason():
    def person(cell):
        with pytest.raises(SessionError, match='arms off'):
            cell.session.ask(Ask.DISCARD)
        yield from each(cell, 0)
        yield cell.phase(Phase.WAITING)
        with pytest.raises(SessionError, match='no episode yet'):
            cell.session.ask(Ask.DISCARD)
        cell.session.end()
        yield cell.phase(Phase.RESTING)
        with pytest.raises(SessionError, match='ending'):
            cell.session.ask(Ask.GO)

    Cell(person).run()


def test_ending_while_recording_keeps_the_episode_as_a_failure_and_brings_the_arms_to_rest():
    def person(cell):
        yield from each(cell, 1)
        yield 1.0
        cell.session.end()

    cell = Cell(person, length=0).run()
    assert [success for _, success in cell.episodes] == [False]
    assert cell.done[-1] == 'rest' and cell.phases[-1] is Phase.RESTING


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
