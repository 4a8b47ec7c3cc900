# SPDX-License-Identifier: Apache-2.0
"""States on the wire are the named constants of the messages, and what programs ask is a field of its own."""

from __future__ import annotations

from enum import Enum

import pytest
from act_msgs.msg import PolicyState, RecorderState, SessionState, SourceFault

from act_ros.control.runtime import State
from act_ros.control.session.types import Phase
from act_ros.data.recording.grid import COMMAND
from act_ros.data.recording.source_watch import Wrong
from act_ros.nodes.session.recorder_client import status


@pytest.mark.parametrize(
    ('ours', 'message'), [(State, PolicyState), (Phase, SessionState), (Wrong, SourceFault)]
)
def test_every_state_has_a_constant_of_its_own(ours: type[Enum], message) -> None:
    values = [getattr(message, member.name) for member in ours]
    assert len(set(values)) == len(ours)


def lacking(source: str, about: str = '') -> SourceFault:
    return SourceFault(fault=SourceFault.LACKING, source=source, about=about or source)


def test_the_source_of_commands_is_called_as_the_message_says() -> None:
    assert SourceFault.COMMANDS == COMMAND


def test_commands_that_nobody_gives_are_missed_only_while_somebody_commands() -> None:
    msg = RecorderState(reason='a sentence', sources=[lacking(SourceFault.COMMANDS)])
    assert status(msg, commanded=False).ready and not status(msg, commanded=False).reason
    commanded = status(msg, commanded=True)
    assert not commanded.ready and commanded.reason == 'nothing from act/command'


def test_another_source_is_missed_whoever_commands() -> None:
    old = SourceFault(fault=SourceFault.OLD, source='cam_low', about='cam_low')
    silent = lacking('cam_high', 'cam_high (/a, b; old: c, 0 publishers)')
    msg = RecorderState(sources=[silent, lacking(SourceFault.COMMANDS), old])
    for commanded in (False, True):
        assert not status(msg, commanded).ready
    told = 'nothing from cam_high (/a, b; old: c, 0 publishers); old: cam_low'
    assert status(msg, commanded=False).reason == told


def test_a_fault_of_the_last_episode_is_told_and_does_not_keep_the_next_from_beginning() -> None:
    msg = RecorderState(state=RecorderState.FAULT, fault='the disk is full', open=False)
    seen = status(msg, commanded=True)
    assert seen.ready and seen.fault and not seen.open and seen.reason == 'the disk is full'


def test_an_episode_is_open_because_the_recorder_says_so() -> None:
    msg = RecorderState(state=RecorderState.FAULT, open=True, rows=0)
    assert status(msg, commanded=True).open
