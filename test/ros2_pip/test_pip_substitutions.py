# SPDX-License-Identifier: Apache-2.0
"""Substitutions and conditions become what ROS 2 makes of them."""

from __future__ import annotations

import os
import sys
from typing import Any

import pytest
from launch import LaunchContext
from launch.conditions import (
    IfCondition,
    InvalidConditionExpressionError,
    UnlessCondition,
)
from launch.substitutions import (
    Command,
    EnvironmentVariable,
    LaunchConfiguration,
    PathJoinSubstitution,
    PythonExpression,
    SubstitutionFailure,
    TextSubstitution,
    ThisLaunchFile,
    ThisLaunchFileDir,
)


@pytest.fixture
def context() -> LaunchContext:
    context = LaunchContext()
    context.launch_configurations.update(sim='true', arm='left', n='3', no='0', f='2.50')
    return context


LEFT = LaunchConfiguration('arm')
SIM = LaunchConfiguration('sim')


@pytest.mark.parametrize(
    ('substitution', 'text'),
    [
        (TextSubstitution(text='a'), 'a'),
        (LEFT, 'left'),
        (LaunchConfiguration(['a', 'rm']), 'left'),
        (LaunchConfiguration('unset', default='d'), 'd'),
        (LaunchConfiguration('unset', default=5), '5'),
        (LaunchConfiguration('unset', default=['d', LEFT]), 'dleft'),
        (EnvironmentVariable('UNSET_VARIABLE', default_value=[LEFT, '!']), 'left!'),
        (EnvironmentVariable('PATH'), os.environ['PATH']),
        (PathJoinSubstitution(['/a', LEFT, 'b.yaml']), '/a/left/b.yaml'),
        (PathJoinSubstitution(['/a', '/b']), '/b'),
        (PythonExpression(['1 + ', LaunchConfiguration('n')]), '4'),
        (PythonExpression(["'", LEFT, "' == 'left'"]), 'True'),
        (PythonExpression('floor(2.7)'), '2'),
        (PythonExpression('os.sep', ['os']), '/'),
        (Command(['echo a ', LEFT, ' "b  c"']), 'a left b  c\n'),
        (Command('sh -c "echo e >&2; echo o"', on_stderr='ignore'), 'o\n'),
        (Command('sh -c "echo e >&2; echo o"', on_stderr='capture'), 'e\no\n'),
    ],
)
def test_substitution_performs_to(context: LaunchContext, substitution: Any, text: str) -> None:
    assert substitution.perform(context) == text


@pytest.mark.parametrize(
    ('substitution', 'part'),
    [
        (LaunchConfiguration('unset'), "launch configuration 'unset' does not exist"),
        (EnvironmentVariable('UNSET_VARIABLE'), "variable 'UNSET_VARIABLE' does not exist"),
        (Command('sh -c "exit 3"'), 'sh'),
        (Command('sh -c "echo oops >&2"'), 'oops'),
        (Command('no-such-program-anywhere'), 'file not found'),
        (Command('true', on_stderr='never'), 'on_stderr'),
        (ThisLaunchFile(), 'launch file'),
        (ThisLaunchFileDir(), 'launch file'),
    ],
)
def test_substitution_without_a_value_fails_and_says_why(
    context: LaunchContext,
    substitution: Any,
    part: str,
) -> None:
    with pytest.raises(SubstitutionFailure, match=part):
        substitution.perform(context)


def test_substitutions_refuse_what_is_neither_text_nor_substitution() -> None:
    with pytest.raises(TypeError):
        TextSubstitution(text=3)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        PathJoinSubstitution(['a', 3])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ('substitution', 'text'),
    [
        (TextSubstitution(text='a'), "'a'"),
        (LEFT, "LaunchConfig('arm')"),
        (EnvironmentVariable('HOME'), "EnvVar('HOME')"),
        (PathJoinSubstitution(['a', LEFT]), "PathJoin('a', LaunchConfig('arm'))"),
        (PythonExpression(['1 + ', LEFT]), "PythonExpr('1 + ' + LaunchConfig('arm'))"),
        (ThisLaunchFileDir(), 'ThisLaunchFileDir()'),
        (Command('ls'), "Command('ls')"),
    ],
)
def test_substitution_describes_itself(standin: None, substitution: Any, text: str) -> None:
    assert substitution.describe() == text


@pytest.mark.parametrize(
    ('value', 'truth'),
    [
        ('true', True),
        ('True', True),
        (' TRUE ', True),
        ('1', True),
        ('false', False),
        ('False', False),
        ('0', False),
        (SIM, True),
        (['tr', 'ue'], True),
    ],
)
def test_conditions_follow_their_expression(
    context: LaunchContext,
    value: Any,
    truth: bool,
) -> None:
    assert IfCondition(value).evaluate(context) is truth
    assert UnlessCondition(value).evaluate(context) is not truth


@pytest.mark.parametrize('value', ['', 'yes', 'on', '2', LEFT])
def test_conditions_refuse_what_is_neither_true_nor_false(
    context: LaunchContext,
    value: Any,
) -> None:
    with pytest.raises(InvalidConditionExpressionError, match='true, 1'):
        IfCondition(value).evaluate(context)


def test_command_runs_this_python(context: LaunchContext) -> None:
    assert Command([sys.executable, ' -c "print(6 * 7)"']).perform(context).strip() == '42'
