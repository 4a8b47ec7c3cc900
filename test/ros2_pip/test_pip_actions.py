# SPDX-License-Identifier: Apache-2.0
"""Actions do what ROS 2's do: arguments, scopes, includes, events and timers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from launch import LaunchContext, LaunchDescription, LaunchService
from launch.action import Action
from launch.actions import (
    AppendEnvironmentVariable,
    DeclareLaunchArgument,
    EmitEvent,
    GroupAction,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    SetEnvironmentVariable,
    SetLaunchConfiguration,
    Shutdown,
    TimerAction,
    UnsetEnvironmentVariable,
    UnsetLaunchConfiguration,
)
from launch.conditions import IfCondition, UnlessCondition
from launch.event import Event
from launch.event_handler import EventHandler
from launch.event_handlers import OnExecutionComplete, OnShutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration


class Seen(list[Any]):
    """What a launch came by."""

    def note(self, name: str) -> OpaqueFunction:
        """Return an action that notes the value of a launch configuration, or None."""
        return OpaqueFunction(
            function=lambda context: self.append(context.launch_configurations.get(name))
        )

    def env(self, name: str) -> OpaqueFunction:
        """Return an action that notes an environment variable."""
        return OpaqueFunction(function=lambda context: self.append(context.environment.get(name)))

    def say(self, what: Any) -> OpaqueFunction:
        """Return an action that notes ``what``."""
        return OpaqueFunction(function=lambda context: self.append(what))


@pytest.fixture
def seen() -> Seen:
    return Seen()


def run(*actions: Any) -> int:
    service = LaunchService(noninteractive=True)
    service.include_launch_description(LaunchDescription(list(actions)))
    return service.run()


def is_mine(event: Event) -> bool:
    return event.name == 'mine'


class Mine(Event):
    name = 'mine'


# Arguments


def test_argument_takes_its_default_unless_it_is_given(seen: Seen) -> None:
    assert (
        run(
            SetLaunchConfiguration('a', 'given'),
            DeclareLaunchArgument('a', default_value='default'),
            DeclareLaunchArgument('b', default_value=['to ', LaunchConfiguration('a')]),
            DeclareLaunchArgument('c', default_value=''),
            seen.note('a'),
            seen.note('b'),
            seen.note('c'),
        )
        == 0
    )
    assert seen == ['given', 'to given', '']


def test_argument_without_default_is_required(
    seen: Seen,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert run(DeclareLaunchArgument('a', description='An A'), seen.note('a')) == 1
    assert seen == []


@pytest.mark.parametrize(('value', 'code'), [('x', 0), ('z', 1), ('', 1)])
def test_argument_must_be_one_of_its_choices(seen: Seen, value: str, code: int) -> None:
    assert (
        run(
            SetLaunchConfiguration('a', value),
            DeclareLaunchArgument('a', default_value='y', choices=['x', 'y']),
            seen.note('a'),
        )
        == code
    )
    assert seen == ([value] if code == 0 else [])


def test_default_must_be_among_the_choices() -> None:
    with pytest.raises(RuntimeError, match='z'):
        DeclareLaunchArgument('a', default_value='z', choices=['x'])
    with pytest.raises(RuntimeError, match='empty'):
        DeclareLaunchArgument('a', choices=[])


def test_argument_describes_its_choices() -> None:
    described = DeclareLaunchArgument('a', description='An A', choices=['x', 'y']).description
    assert described == "An A. Valid choices are: ['x', 'y']"
    assert "['x']" in DeclareLaunchArgument('a', choices=['x']).description
    assert DeclareLaunchArgument('a').description == 'no description given'


# Conditions and scopes


def test_action_with_a_condition_is_done_only_if_it_holds(seen: Seen) -> None:
    def say(what: str, condition: Any) -> OpaqueFunction:
        return OpaqueFunction(function=lambda context: seen.append(what), condition=condition)

    value = LaunchConfiguration('v')
    assert (
        run(
            SetLaunchConfiguration('v', 'true'),
            say('if', IfCondition(value)),
            say('unless', UnlessCondition(value)),
            GroupAction([seen.say('group')], condition=UnlessCondition(value)),
        )
        == 0
    )
    assert seen == ['if']


def test_group_ends_what_it_sets(seen: Seen) -> None:
    assert (
        run(
            SetLaunchConfiguration('a', '1'),
            SetEnvironmentVariable('PIP_A', '1'),
            GroupAction(
                [
                    seen.note('a'),
                    SetLaunchConfiguration('a', '2'),
                    SetEnvironmentVariable('PIP_A', '2'),
                    SetLaunchConfiguration('b', '2'),
                    seen.note('a'),
                    seen.env('PIP_A'),
                ]
            ),
            seen.note('a'),
            seen.note('b'),
            seen.env('PIP_A'),
            UnsetEnvironmentVariable('PIP_A'),
        )
        == 0
    )
    assert seen == ['1', '2', '2', '1', None, '1']


def test_group_without_scope_keeps_what_it_sets(seen: Seen) -> None:
    assert (
        run(
            GroupAction(
                [SetLaunchConfiguration('a', '2')], scoped=False, launch_configurations={'b': '3'}
            ),
            seen.note('a'),
            seen.note('b'),
        )
        == 0
    )
    assert seen == ['2', '3']


def test_group_without_forwarding_sees_only_what_it_is_given(seen: Seen) -> None:
    assert (
        run(
            SetLaunchConfiguration('a', '1'),
            SetLaunchConfiguration('b', '2'),
            SetEnvironmentVariable('PIP_A', '1'),
            GroupAction(
                [seen.note('a'), seen.note('c'), seen.env('PIP_A')],
                forwarding=False,
                launch_configurations={'c': LaunchConfiguration('b')},
            ),
            seen.note('a'),
            seen.note('c'),
            UnsetEnvironmentVariable('PIP_A'),
        )
        == 0
    )
    assert seen == [None, '2', None, '1', None]


def test_configuration_that_is_unset_is_gone(seen: Seen) -> None:
    assert (
        run(
            SetLaunchConfiguration('a', '1'),
            UnsetLaunchConfiguration('a'),
            UnsetLaunchConfiguration('never set'),
            seen.note('a'),
        )
        == 0
    )
    assert seen == [None]


def test_environment_is_set_appended_and_unset(seen: Seen) -> None:
    before = dict(os.environ)
    assert (
        run(
            GroupAction(
                [
                    AppendEnvironmentVariable('PIP_P', 'a'),
                    AppendEnvironmentVariable('PIP_P', 'b'),
                    AppendEnvironmentVariable('PIP_P', 'c', prepend=True, separator=';'),
                    seen.env('PIP_P'),
                    UnsetEnvironmentVariable('PIP_P'),
                    seen.env('PIP_P'),
                ]
            )
        )
        == 0
    )
    assert seen == [f'c;a{os.pathsep}b', None]
    assert dict(os.environ) == before


# Includes


@pytest.fixture
def included(launch_file: Callable[..., Path]) -> Path:
    return launch_file(
        """DeclareLaunchArgument('arm'), DeclareLaunchArgument('side', default_value='none'),
        SetLaunchConfiguration('child', LaunchConfiguration('arm')),
        SetLaunchConfiguration('where', ThisLaunchFileDir()),
        SetLaunchConfiguration('which', ThisLaunchFile())""",
        name='child.launch.py',
    )


def test_included_file_gets_its_arguments_and_knows_where_it_is(
    seen: Seen,
    included: Path,
) -> None:
    assert (
        run(
            SetLaunchConfiguration('value', 'left'),
            SetLaunchConfiguration('side', 'inherited'),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(included)),
                launch_arguments={'arm': LaunchConfiguration('value')}.items(),
            ),
            seen.note('child'),
            seen.note('side'),
            seen.note('where'),
            seen.note('which'),
        )
        == 0
    )
    assert seen == ['left', 'inherited', str(included.parent), str(included)]


def test_arguments_of_an_include_leak_without_a_group_and_not_out_of_one(
    seen: Seen,
    included: Path,
) -> None:
    include = {'launch_arguments': [('arm', 'left')]}
    assert (
        run(
            GroupAction([IncludeLaunchDescription(str(included), **include)]),
            seen.note('arm'),
            IncludeLaunchDescription(str(included), **include),
            seen.note('arm'),
        )
        == 0
    )
    assert seen == [None, 'left']


def test_include_without_a_required_argument_fails_before_anything_starts(
    seen: Seen,
    included: Path,
) -> None:
    assert run(IncludeLaunchDescription(str(included)), seen.say('after')) == 1
    assert 'after' not in seen


# Functions, events and timers


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


def test_execution_complete_follows_an_action(seen: Seen) -> None:
    action = seen.say('action')
    assert (
        run(
            RegisterEventHandler(
                OnExecutionComplete(target_action=action, on_completion=[seen.say('complete')])
            ),
            action,
            seen.say('next'),
        )
        == 0
    )
    assert seen == ['action', 'next', 'complete']


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
