# SPDX-License-Identifier: Apache-2.0
"""Functions, events and timers of a launch do what ROS 2's do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from launch import LaunchContext, LaunchDescription, LaunchService
from launch.action import Action
from launch.actions import (
    EmitEvent,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    SetLaunchConfiguration,
    Shutdown,
    TimerAction,
)
from launch.event import Event
from launch.event_handler import EventHandler
from launch.event_handlers import OnShutdown
from launch.substitutions import LaunchConfiguration
from seen import Seen, run


def is_mine(event: Event) -> bool:
    return event.name == 'mine'


class Mine(Event):
    name = 'mine'


def test_opaque_function_gets_its_arguments_and_returns_actions(seen: Seen) -> None:
    def function(context: LaunchContext, first: int, *, second: int) -> list[Action]:
        return [seen.say(first), seen.say(second)]

    assert run(OpaqueFunction(function=function, args=[1], kwargs={'second': 2})) == 0
    assert seen == [1, 2]
    with pytest.raises(TypeError):
        OpaqueFunction(function=3)  # type: ignore[arg-type]


def test_error_in_a_function_ends_the_launch_with_1(seen: Seen) -> None:
    def function(context: LaunchContext) -> None:
        raise ValueError('no')

    assert (
        run(
            RegisterEventHandler(OnShutdown(on_shutdown=[seen.say('shutdown')])),
            OpaqueFunction(function=function),
            seen.say('after'),
        )
        == 1
    )
    assert seen == ['shutdown']


def test_handler_answers_events_always_or_once(seen: Seen) -> None:
    assert (
        run(
            EmitEvent(event=Mine()),
            RegisterEventHandler(EventHandler(matcher=is_mine, entities=[seen.say('always')])),
            RegisterEventHandler(
                EventHandler(matcher=is_mine, entities=[seen.say('once')], handle_once=True)
            ),
            TimerAction(period=0.1, actions=[EmitEvent(event=Mine()), seen.say('end')]),
        )
        == 0
    )
    # Events wait until the actions at hand are done, so that even the first one is answered.
    assert sorted(seen) == ['always', 'always', 'end', 'once']


def test_handler_sees_the_event_in_the_locals(seen: Seen) -> None:
    function = OpaqueFunction(function=lambda context: seen.append(context.locals.event.name))
    assert (
        run(
            RegisterEventHandler(EventHandler(matcher=is_mine, entities=[function])),
            EmitEvent(event=Mine()),
        )
        == 0
    )
    assert seen == ['mine']


def test_timer_fires_after_its_period(seen: Seen) -> None:
    assert (
        run(
            SetLaunchConfiguration('period', '0.2'),
            TimerAction(period=LaunchConfiguration('period'), actions=[seen.say('late')]),
            TimerAction(period=0.05, actions=[seen.say('early')]),
            seen.say('now'),
        )
        == 0
    )
    assert seen == ['now', 'early', 'late']


def test_timer_is_cancelled_by_hand_and_by_shutdown(seen: Seen) -> None:
    timer = TimerAction(period=30.0, actions=[seen.say('never')])
    assert (
        run(
            timer,
            OpaqueFunction(function=lambda context: timer.cancel()),
            TimerAction(period=30.0, actions=[seen.say('never')]),
            TimerAction(period=0.1, actions=[Shutdown(reason='enough')]),
        )
        == 0
    )
    assert seen == []


def test_timer_wants_a_float() -> None:
    with pytest.raises(TypeError, match='2'):
        TimerAction(period=2, actions=[])


def test_timer_remembers_the_file_it_was_started_in(
    seen: Seen, launch_file: Callable[..., Path]
) -> None:
    path = launch_file(
        "TimerAction(period=0.05, actions=[SetLaunchConfiguration('where', ThisLaunchFileDir())])",
        name='child.launch.py',
    )
    late = TimerAction(period=0.3, actions=[seen.note('where')])
    assert run(IncludeLaunchDescription(str(path)), late) == 0
    assert seen == [str(path.parent)]


def test_shutdown_action_tells_its_reason(seen: Seen) -> None:
    def answer(event: Any, context: LaunchContext) -> None:
        seen.append(event.reason)

    assert (
        run(
            RegisterEventHandler(OnShutdown(on_shutdown=answer)),
            TimerAction(period=30.0, actions=[]),
            Shutdown(reason='enough'),
        )
        == 0
    )
    assert seen == ['enough']


def test_service_runs_again_and_can_be_shut_down_from_a_thread(seen: Seen) -> None:
    import threading

    service = LaunchService(noninteractive=True)
    for number in (1, 2):
        service.include_launch_description(
            LaunchDescription(
                [
                    seen.say(number),
                    OpaqueFunction(
                        function=lambda context: threading.Thread(target=service.shutdown).start()
                    ),
                ]
            )
        )
        assert service.run(shutdown_when_idle=False) == 0
    assert seen == [1, 2]


def test_option_that_the_standin_lacks_is_named(standin: None) -> None:
    with pytest.raises(TypeError, match=r"'TimerAction\(cancel_on_shutdown=...\)' is not in this"):
        TimerAction(period=1.0, actions=[], cancel_on_shutdown=False)
