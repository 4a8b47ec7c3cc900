# SPDX-License-Identifier: Apache-2.0
"""``ros2 launch`` takes and shows what ROS 2's does."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Ros2 = Callable[..., 'subprocess.CompletedProcess[str]']

SHOW = """DeclareLaunchArgument('who', default_value='you'),
          LogInfo(msg=[LaunchConfiguration('who'), ' ', LaunchConfiguration('extra', default='-')])
"""


def test_package_and_file_are_found_wherever_the_share_folder_has_it(ros2: Ros2) -> None:
    done = ros2('launch', 'demo', 'demo.launch.py', 'who:=me')
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == '[INFO] [launch.user]: hello me'
    assert done.stdout.startswith('[INFO] [launch]: All log files can be found below /')


@pytest.mark.parametrize(
    ('arguments', 'shown'),
    [
        ([], 'you -'),
        (['who:=me', 'who:=a:=b', 'extra:=undeclared'], 'a:=b undeclared'),
    ],
)
def test_path_takes_arguments_declared_or_not(
    ros2: Ros2,
    launch_file: Callable[..., Path],
    arguments: list[str],
    shown: str,
) -> None:
    done = ros2('launch', launch_file(SHOW), *arguments)
    assert done.stdout.splitlines()[-1] == f'[INFO] [launch.user]: {shown}'


@pytest.mark.parametrize('bad', ['who=me', 'who:='])
def test_argument_that_is_none_is_refused(
    ros2: Ros2,
    launch_file: Callable[..., Path],
    bad: str,
) -> None:
    done = ros2('launch', launch_file(SHOW), bad)
    assert done.returncode == 1
    assert f"launch argument '{bad}'" in done.stderr


def test_value_that_is_no_choice_is_refused(
    ros2: Ros2,
    launch_file: Callable[..., Path],
) -> None:
    path = launch_file("DeclareLaunchArgument('a', choices=['x', 'y'], default_value='x')")
    done = ros2('launch', path, 'a:=z')
    assert done.returncode == 1
    assert re.search(
        r"^\[ERROR\] \[launch\]: .*z.* Valid options are: \['x', 'y'\]$", done.stdout, re.M
    )


def test_required_argument_is_asked_for(ros2: Ros2, launch_file: Callable[..., Path]) -> None:
    done = ros2('launch', launch_file("DeclareLaunchArgument('a', description='An A')"))
    assert done.returncode == 1
    assert re.search(r"^\[ERROR\] .*'a'.*An A", done.stdout, re.M)


def test_arguments_are_shown_with_description_default_and_choices(
    ros2: Ros2,
    launch_file: Callable[..., Path],
) -> None:
    child = launch_file(
        "DeclareLaunchArgument('e'), DeclareLaunchArgument('a')", 'child.launch.py'
    )
    path = launch_file(f"""
        DeclareLaunchArgument('a'),
        DeclareLaunchArgument('b', default_value=['x', EnvironmentVariable('HOME')],
                              description='The B'),
        DeclareLaunchArgument('c', default_value='x', choices=['x'], description='The C'),
        GroupAction([DeclareLaunchArgument('d', default_value='')], condition=IfCondition('1')),
        IncludeLaunchDescription('{child}', condition=IfCondition('1'))""")
    done = ros2('launch', path, '--show-args')
    assert done.returncode == 0
    assert (
        done.stdout.partition('\n')[2].rpartition('* ')[0]
        == """
    'a':
        no description given

    'b':
        The B
        (default: 'x' + EnvVar('HOME'))

    'c':
        The C. Valid choices are: ['x']
        (default: 'x')

    'd':*
        no description given
        (default: '')

    'e':
        no description given

"""
    )
    none = ros2('launch', '-s', launch_file("LogInfo(msg='x')"))
    assert none.stdout.splitlines()[-1] == '  No arguments.'


@pytest.mark.parametrize(
    ('words', 'text'),
    [
        (('no_such_package', 'a.launch.py'), "'no_such_package'"),
        (('demo', 'nothing.launch.py'), "file 'nothing.launch.py'"),
        (('/no/such.launch.py',), "'/no/such.launch.py'"),
    ],
)
def test_what_is_not_there_is_named(ros2: Ros2, words: tuple[str, ...], text: str) -> None:
    done = ros2('launch', *words)
    assert done.returncode == 1
    assert text in done.stderr


def test_launch_files_of_a_package_are_listed_where_none_is_named(
    standin: None, ros2: Ros2, prefix: Path
) -> None:
    done = ros2('launch', 'demo')
    assert done.returncode == 1
    assert done.stderr == (
        f'what can be launched of demo:\n  {prefix}/share/demo/launch/demo.launch.py\n'
    )


@pytest.mark.parametrize('words', [('--print', 'x'), ('-a', 'x'), ('--launch-prefix', 'x', 'y')])
def test_option_that_the_standin_lacks_is_refused(
    standin: None, ros2: Ros2, words: tuple[str, ...]
) -> None:
    done = ros2('launch', *words)
    assert done.returncode == 2
    assert f'unrecognized arguments: {words[0]}' in done.stderr
    assert "ROS 2's own ros2cli" in done.stderr


def test_launch_file_that_fails_says_why(ros2: Ros2, tmp_path: Path) -> None:
    for text, part in (
        ('def f(:', 'SyntaxError'),
        ('import no_such_module', 'ModuleNotFoundError: No module'),
        ('x = 1', 'generate_launch_description()'),
    ):
        path = tmp_path / 'bad.launch.py'
        path.write_text(text)
        done = ros2('launch', path)
        assert done.returncode == 1
        assert part in done.stdout
        assert 'Traceback' not in done.stdout + done.stderr


def test_debug_shows_events_and_tracebacks(
    ros2: Ros2,
    launch_file: Callable[..., Path],
) -> None:
    path = launch_file('OpaqueFunction(function=lambda context: 1 / 0)')
    quiet = ros2('launch', path).stdout
    assert 'division by zero' in quiet and 'Traceback' not in quiet
    shown = ros2('launch', '--debug', path).stdout
    assert '[DEBUG] [launch]: ' in shown and 'ZeroDivisionError' in shown


def test_prefix_of_the_launch_is_put_before_executables(
    ros2: Ros2,
    launch_file: Callable[..., Path],
) -> None:
    path = launch_file("""ExecuteProcess(cmd=['echo', 'one'], output='screen'),
                          ExecuteProcess(cmd=['echo', 'two'], output='screen', prefix='echo own')""")
    done = ros2('launch', path, 'launch-prefix:=env echo before')
    # The log calls it by what is started.
    assert '[env-1] before echo one' in done.stdout and '[echo-2] own echo two' in done.stdout


@pytest.mark.parametrize('kind', ['xml', 'yaml'])
def test_launch_file_that_is_not_python_is_refused(
    standin: None, ros2: Ros2, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / f'test.launch.{kind}'
    path.write_text('')
    done = ros2('launch', path)
    assert done.returncode == 1
    assert f"'launch files in {kind}' is not in this stand-in" in done.stdout
