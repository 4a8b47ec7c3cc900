# SPDX-License-Identifier: Apache-2.0
"""What a launch file says of a node becomes the arguments that ROS 2's launch_ros makes of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from launch import LaunchDescription, LaunchService
from launch.action import Action
from launch_ros.actions import Node
from shown import Launched, words


def test_node_without_anything_gets_ros_args_only(launched: Launched) -> None:
    done = launched("Node(package='demo', executable='show', output='screen')")
    assert words(done) == ['--ros-args']


def test_names_arguments_and_remappings_come_in_order(launched: Launched) -> None:
    done = launched("""
        SetLaunchConfiguration('x', 'y'),
        Node(package='demo', executable=['sh', 'ow'], name=['n', LaunchConfiguration('x')],
             namespace='/ns/', arguments=['--flag', LaunchConfiguration('x')],
             ros_arguments=['--log-level', 'warn'], remappings=[('a', LaunchConfiguration('x')),
             ('/b', 'c')], output='screen')""")
    assert words(done) == [
        '--flag',
        'y',
        '--ros-args',
        '--log-level',
        'warn',
        '--ros-args',
        '-r',
        '__node:=ny',
        '-r',
        '__ns:=/ns',
        '-r',
        'a:=y',
        '-r',
        '/b:=c',
    ]


def test_namespaces_are_joined(launched: Launched) -> None:
    cases = [
        (['a'], None, '/a'),
        (['a'], 'b', '/a/b'),
        (['a', 'c'], 'b', '/a/c/b'),
        (['a', '/c'], 'b', '/c/b'),
        (['a'], '/b', '/b'),
        ([], 'b', '/b'),
        ([], '/', '/'),
    ]
    groups = [
        f"GroupAction([*map(PushRosNamespace, {pushed}), Node(package='demo', executable='show', "
        f"namespace={namespace!r}, output='screen')])"
        for pushed, namespace, _ in cases
    ]
    done = launched(', '.join(groups))
    for number, (_, _, result) in enumerate(cases, start=1):
        assert words(done, number) == ['--ros-args', '-r', f'__ns:={result}']


def test_namespace_ends_with_its_group(launched: Launched) -> None:
    done = launched("""GroupAction([PushROSNamespace('a')]),
                       Node(package='demo', executable='show', output='screen')""")
    assert words(done) == ['--ros-args']


def launch_here(*actions: Action) -> int:
    """Launch in this process; return the exit code."""
    service = LaunchService(noninteractive=True)
    service.include_launch_description(LaunchDescription(list(actions)))
    return service.run()


@pytest.mark.parametrize(
    'bad',
    [
        {'name': 'a-b'},
        {'name': 'a/b'},
        {'name': '1a'},
        {'namespace': 'a b'},
        {'namespace': 'a//b'},
    ],
)
def test_name_that_no_node_can_have_is_an_error(bad: dict[str, str], tmp_path: Path) -> None:
    trace = tmp_path / 'trace'
    assert launch_here(Node(executable='/usr/bin/touch', arguments=[str(trace)], **bad)) == 1
    assert not trace.exists()


def test_error_in_a_name_says_which_name(launched: Launched) -> None:
    done = launched("Node(package='demo', executable='show', name='a-b')")
    assert done.returncode == 1
    assert re.search(r'^\[ERROR\] .*a-b', done.stdout, re.M)


def test_program_may_be_a_path_and_have_another_name_in_the_log(launched: Launched) -> None:
    done = launched("Node(executable='/bin/echo', exec_name='said', output='screen')")
    assert '[said-1] --ros-args' in done.stdout


@pytest.mark.parametrize(
    ('package', 'program', 'part'),
    [
        ('no_such_package', 'x', "package 'no_such_package' not found, searching:"),
        (
            'demo',
            'no_such_program',
            "executable 'no_such_program'",
        ),
    ],
)
def test_node_that_is_not_installed_is_an_error_that_names_it(
    launched: Launched,
    package: str,
    program: str,
    part: str,
) -> None:
    done = launched(f"Node(package='{package}', executable='{program}')")
    assert done.returncode == 1
    assert part in done.stdout


def test_nodes_of_the_same_name_are_warned_of(launched: Launched) -> None:
    node = "Node(package='demo', executable='show', name='n', namespace='/')"
    done = launched(f'{node}, {node}')
    assert re.search(r'^\[WARNING\] .*/n\b', done.stdout, re.M)


def test_packages_are_found(launched: Launched, prefix: Path) -> None:
    done = launched("""
        LogInfo(msg=FindPackageShare('demo')), LogInfo(msg=FindPackagePrefix(['de', 'mo'])),
        LogInfo(msg=ExecutableInPackage(package='demo', executable='show')),
        LogInfo(msg=PathJoinSubstitution([FindPackageShare('demo'), 'launch'])),
        IncludeLaunchDescription(PathJoinSubstitution([FindPackageShare('demo'), 'launch',
            'demo.launch.py']), launch_arguments={'who': 'me'}.items())""")
    shown = re.findall(r'\[launch.user\]: (.*)', done.stdout)
    assert shown == [
        f'{prefix}/share/demo',
        str(prefix),
        f'{prefix}/lib/demo/show',
        f'{prefix}/share/demo/launch',
        'hello me',
    ]
