# SPDX-License-Identifier: Apache-2.0
"""Actions do what ROS 2's do: arguments, conditions, scopes, includes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from launch.actions import (
    DeclareLaunchArgument,
    GroupAction,
    IncludeLaunchDescription,
    OpaqueFunction,
    SetEnvironmentVariable,
    SetLaunchConfiguration,
    UnsetEnvironmentVariable,
    UnsetLaunchConfiguration,
)
from launch.conditions import IfCondition, UnlessCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from seen import Seen, run


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


def test_environment_is_set_and_unset(seen: Seen) -> None:
    before = dict(os.environ)
    assert (
        run(
            GroupAction(
                [
                    SetEnvironmentVariable('PIP_P', 'a'),
                    seen.env('PIP_P'),
                    UnsetEnvironmentVariable('PIP_P'),
                    seen.env('PIP_P'),
                ]
            )
        )
        == 0
    )
    assert seen == ['a', None]
    assert dict(os.environ) == before


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
