# SPDX-License-Identifier: Apache-2.0
"""The session in one line: large words first, for a person two metres away."""

from __future__ import annotations

from act_ros.control.session.gesture import ENGAGE_S, every_gripper
from act_ros.control.session.hand_signs import ALONE_S
from act_ros.control.session.types import Phase, RecorderStatus, SessionView

_LAST = f'{ALONE_S:g} s'


def faults(view: SessionView) -> str:
    """What is wrong, each thing once; '' if nothing is."""
    return '; '.join(dict.fromkeys(filter(None, (view.fault, view.note))))


def headline(view: SessionView, recording: RecorderStatus, rate_hz: float) -> str:
    """What is going on, in a few words: 'RECORDING 12/50  08.4 s'."""
    of = f'/{view.wanted}' if view.wanted else ''
    number = f'{view.kept + 1}{of}'
    left = f'{view.left_s:02.0f} s'
    if view.phase is Phase.RECORDING:
        if view.stop_in_s > 0.0:
            return f'STOPPING in {view.stop_in_s:.0f} s'
        return f'RECORDING {number}  {recording.rows / rate_hz:04.1f} s'
    return {
        Phase.ARMS_OFF: 'ARMS AT REST',
        Phase.CHECKING: 'CHECKING THE MOTORS',
        Phase.MOVING: f'STAND CLEAR {left}' if view.left_s else 'ARMS MOVE TO THE START',
        Phase.RESET: f'{"ALL RECORDED" if _complete(view) else "RESET THE SCENE"}  {left}',
        Phase.WAITING: f'WAITING {number}',
        Phase.PAUSED: 'PAUSED',
        Phase.STARTING: 'GET READY',
        Phase.SAVING: f'SAVING {number}',
        Phase.RESTING: 'ARMS GO TO REST',
        Phase.DONE: f'DONE  {view.kept}{of}',
    }[view.phase]


def hint(view: SessionView) -> str:
    """What the operator can do, or must not."""
    last, squeeze = _about_last(view), f'squeeze {every_gripper(view.grippers)} for {ENGAGE_S:g} s'
    return {
        Phase.ARMS_OFF: f'{squeeze}: the motors are checked and the arms move',
        Phase.MOVING: 'let go of the leaders',
        Phase.RESET: (
            f'then the arms go to rest{last}'
            if _complete(view)
            else f'then, or before, {squeeze}{last}'
        ),
        Phase.WAITING: f'{squeeze}{last}',
        Phase.PAUSED: 'grippers start nothing until it is resumed',
        Phase.RECORDING: 'open the grippers to go on' if view.stop_in_s > 0.0 else '',
        Phase.SAVING: 'the leaders become stiff',
        Phase.RESTING: 'let go of the leaders, stand clear',
    }.get(view.phase, '')


def _about_last(view: SessionView) -> str:
    """The verdict on the last episode, and how it is changed; one gripper alone tells it where there are two."""
    if view.last < 0:
        return ''
    verdict = f'; episode {view.last} is a {"SUCCESS" if view.success else "FAILURE"}'
    if view.grippers != 2:
        return verdict
    other = 'failure' if view.success else 'success'
    return f'{verdict} (right gripper alone for {_LAST}: {other}; left: discard it)'


def _complete(view: SessionView) -> bool:
    return 0 < view.wanted <= view.kept


def line(
    view: SessionView, recording: RecorderStatus, rate_hz: float, attended: bool = True
) -> str:
    """The whole line; a fault goes before everything else. Hints are for a person who attends."""
    wrong = faults(view)
    parts = [
        f'FAULT: {wrong}' if wrong else '',
        headline(view, recording, rate_hz),
        hint(view) if attended else '',
    ]
    return '  |  '.join(filter(None, parts))
