# SPDX-License-Identifier: Apache-2.0
"""``ros2 launch`` takes and shows what ROS 2's does."""

from __future__ import annotations

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
    assert done.stdout.splitlines()[1:] == [
        '[INFO] [launch]: Default logging verbosity is set to INFO',
        '[INFO] [launch.user]: hello me',
    ]
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
    assert done.stderr.strip() == (
        f"malformed launch argument '{bad}', expected format '<name>:=<value>'"
    )


def test_value_that_is_no_choice_is_refused(
    ros2: Ros2,
    launch_file: Callable[..., Path],
) -> None:
    path = launch_file("DeclareLaunchArgument('a', choices=['x', 'y'], default_value='x')")
    done = ros2('launch', path, 'a:=z')
    assert done.returncode == 1
    assert (
        '[ERROR] [launch]: Caught exception in launch (see debug for traceback): Argument "a" '
        "provided value \"z\" is not valid. Valid options are: ['x', 'y']"
    ) in done.stdout


def test_required_argument_is_asked_for(ros2: Ros2, launch_file: Callable[..., Path]) -> None:
    done = ros2('launch', launch_file("DeclareLaunchArgument('a', description='An A')"))
    assert done.returncode == 1
    assert (
        "Included launch description missing required argument 'a' (description: 'An A'), "
        'given: []'
    ) in done.stdout


def test_arguments_are_shown_with_description_default_and_choices(
    ros2: Ros2,
    launch_file: Callable[..., Path],
) -> None:
    path = launch_file("""
        DeclareLaunchArgument('a'),
        DeclareLaunchArgument('b', default_value=['x', EnvironmentVariable('HOME')],
                              description='The B'),
        DeclareLaunchArgument('c', default_value='x', choices=['x'], description='The C'),
        GroupAction([DeclareLaunchArgument('d', default_value='')], condition=IfCondition('1'))""")
    done = ros2('launch', path, '--show-args')
    assert done.returncode == 0
    assert (
        done.stdout
        == """Arguments (pass arguments as '<name>:=<value>'):

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

* argument(s) which are only used if specific conditions occur
"""
    )
    none = ros2('launch', '-s', launch_file("LogInfo(msg='x')"))
    assert none.stdout.splitlines()[-1] == '  No arguments.'


def test_description_is_printed_without_doing_anything(
    ros2: Ros2,
    launch_file: Callable[..., Path],
) -> None:
    path = launch_file("""
        LogInfo(msg=['a', LaunchConfiguration('b')]),
        ExecuteProcess(cmd=['echo', 'x'], cwd='/tmp', shell=True),
        Node(package='demo', executable='show', name='n')""")
    done = ros2('launch', path, '--print')
    assert done.returncode == 0
    assert done.stdout.splitlines()[1:] == [
        "├── LogInfo('a' + LaunchConfig('b'))",
        "├── ExecuteProcess(cmd=['echo', 'x'], cwd=''/tmp'', env=None, shell=True)",
        "└── ExecuteProcess(cmd=[ExecInPkg(pkg='demo', exec='show'), '--ros-args', '-r', "
        "LocalVar('node name')], cwd=None, env=None, shell=False)",
    ]


@pytest.mark.parametrize(
    ('words', 'text'),
    [
        (('no_such_package', 'a.launch.py'), "Package 'no_such_package' not found: "),
        (
            ('demo', 'nothing.launch.py'),
            "file 'nothing.launch.py' was not found in the share directory of package 'demo'",
        ),
        (('/no/such.launch.py',), "'/no/such.launch.py'"),
    ],
)
def test_what_is_not_there_is_named(ros2: Ros2, words: tuple[str, ...], text: str) -> None:
    done = ros2('launch', *words)
    assert done.returncode == 1
    assert text in done.stderr


def test_launch_file_that_fails_says_why(ros2: Ros2, tmp_path: Path) -> None:
    for text, part in (
        ('def f(:', 'SyntaxError'),
        ('import no_such_module', 'ModuleNotFoundError: No module'),
        ('x = 1', "does not contain the required function 'generate_launch_description()'"),
    ):
        path = tmp_path / 'bad.launch.py'
        path.write_text(text)
        done = ros2('launch', path)
        assert done.returncode == 1
        assert 'when trying to load file of format [py]:\n - ' in done.stdout
        assert part in done.stdout


def test_debug_shows_events_and_tracebacks(
    ros2: Ros2,
    launch_file: Callable[..., Path],
) -> None:
    path = launch_file('OpaqueFunction(function=lambda context: 1 / 0)')
    quiet = ros2('launch', path).stdout
    assert 'division by zero' in quiet and 'Traceback' not in quiet
    shown = ros2('launch', '--debug', path).stdout
    assert '[DEBUG] [launch]: ' in shown and 'ZeroDivisionError' in shown


def test_prefix_is_put_before_the_executables_that_its_filter_matches(
    ros2: Ros2,
    launch_file: Callable[..., Path],
) -> None:
    path = launch_file("""ExecuteProcess(cmd=['sh', '-c', 'echo one'], output='screen'),
                          ExecuteProcess(cmd=['echo', 'two'], output='screen')""")
    done = ros2('launch', '--launch-prefix', 'echo before', '--launch-prefix-filter', 'echo', path)
    assert '[sh-1] one' in done.stdout and '[echo-2] before echo two' in done.stdout
    assert ros2('launch', '--launch-prefix-filter', 'echo', path).stderr.startswith(
        '--launch-prefix must be specified'
    )


def test_all_output_is_shown_if_asked_for(ros2: Ros2, launch_file: Callable[..., Path]) -> None:
    path = launch_file("ExecuteProcess(cmd=['echo', 'quiet'])")
    assert '[echo-1] quiet' not in ros2('launch', path).stdout
    assert '[echo-1] quiet' in ros2('launch', '-a', path).stdout


def test_screen_format_follows_the_environment(
    ros2: Ros2,
    env: dict[str, str],
    launch_file: Callable[..., Path],
) -> None:
    env['OVERRIDE_LAUNCH_SCREEN_FORMAT'] = '{levelname}|{name}|{msg}'
    done = ros2('launch', launch_file("LogInfo(msg='100 %s')"))
    assert done.stdout.splitlines()[-1] == 'INFO|launch.user|100 %s'
