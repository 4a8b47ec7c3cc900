# SPDX-License-Identifier: Apache-2.0
"""A recording session in which something fails: what is said, what is not moved, and how it goes on."""

from __future__ import annotations

from act_ros.control.session.session import MOVE_S
from act_ros.control.session.types import (
    Ask,
    Phase,
    Sound,
)
from session_cell import Cell, each, squeeze


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


def test_arms_that_cannot_be_brought_to_rest_keep_their_torque_until_a_person_holds_them():
    def person(cell):
        yield from each(cell, 0)
        yield cell.phase(Phase.WAITING)
        cell.fails['rest'] = 'an arm met something'
        cell.session.end()
        yield lambda: 'an arm met something' in cell.session.view.fault
        assert 'TAKE HOLD OF THEM' in cell.texts[-1]
        cell.fails['rest'] = 'again'
        cell.session.ask(Ask.GO)
        yield lambda: 'again' in cell.session.view.fault
        yield 100.0
        assert cell.session.view.phase is Phase.RESTING
        cell.session.ask(Ask.LET_GO)

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
