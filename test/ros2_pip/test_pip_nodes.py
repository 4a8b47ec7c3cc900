# SPDX-License-Identifier: Apache-2.0
"""What a launch file says of a node becomes the arguments that ROS 2's launch_ros makes of it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from launch import LaunchContext, LaunchDescription, LaunchService
from launch.action import Action
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

Launched = Callable[..., 'subprocess.CompletedProcess[str]']


def words(done: subprocess.CompletedProcess[str], number: int = 1) -> list[str]:
    """Return the arguments of the program 'show' that was launched as the ``number``-th process."""
    found = re.findall(rf'^\[show-{number}\] arg (.*)$', done.stdout, re.M)
    assert found, done.stdout
    return found


def files(done: subprocess.CompletedProcess[str], number: int = 1) -> list[dict[str, object]]:
    """Return the files of parameters it was given."""
    texts = re.findall(rf'^\[show-{number}\] file (.*)$', done.stdout, re.M)
    return [
        yaml.safe_load(text.replace(';', '\n').replace('!!python/tuple', '')) for text in texts
    ]


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


def test_parameters_are_flattened_and_keep_their_types(launched: Launched) -> None:
    done = launched("""
        SetLaunchConfiguration('rate', '50'), SetLaunchConfiguration('word', 'on'),
        Node(package='demo', executable='show', output='screen', parameters=[{
            'b': True, 'i': 3, 'f': 1.5, 's': 'text', 'yes': 'true', 'num': '12', 'empty': '',
            'group': {'deep': {'x': 1}, 'y': [1, 2]}, 'floats': [1, 2.5], 'words': ['a', '1'],
            'bools': [True, False],
            'sub': LaunchConfiguration('rate'), 'joined': ['at ', LaunchConfiguration('rate')],
            'boolean': LaunchConfiguration('word'),
            'as_text': ParameterValue(LaunchConfiguration('rate'), value_type=str),
            'as_float': ParameterValue(LaunchConfiguration('rate'), value_type=float),
            ('name_', LaunchConfiguration('rate')): 1,
            'unset': LaunchConfiguration('none', default=''),
        }])""")
    assert words(done)[:2] == ['--ros-args', '--params-file']
    (parameters,) = files(done)
    assert parameters == {
        '/**': {
            'ros__parameters': {
                'b': True,
                'i': 3,
                'f': 1.5,
                's': 'text',
                'yes': 'true',
                'num': '12',
                'empty': '',
                'group.deep.x': 1,
                'group.y': [1, 2],
                'floats': [1.0, 2.5],
                'words': ['a', '1'],
                'bools': [True, False],
                'sub': 50,
                'joined': 'at 50',
                'boolean': True,
                'as_text': '50',
                'as_float': 50.0,
                'name_50': 1,
                'unset': '',
            }
        }
    }


def test_parameters_are_for_this_node_alone_if_its_full_name_is_known(
    launched: Launched,
) -> None:
    done = launched("""Node(package='demo', executable='show', name='n', namespace='a',
                            parameters=[{'x': 1}], output='screen')""")
    assert files(done) == [{'/a/n': {'ros__parameters': {'x': 1}}}]


def test_parameter_files_and_dictionaries_stay_in_order(
    launched: Launched,
    tmp_path: Path,
) -> None:
    path = tmp_path / 'given.yaml'
    path.write_text('/**: {ros__parameters: {x: 2}}')
    done = launched(f"""
        SetLaunchConfiguration('path', '{path}'),
        Node(package='demo', executable='show', output='screen', parameters=[
            {{'x': 1}}, '{path}', LaunchConfiguration('path'), ParameterFile('{path}'),
            '/no/such/file.yaml'])""")
    given = words(done)
    assert given[1::2] == ['--params-file'] * 4
    assert given[2].startswith('/tmp/launch_params_')
    assert given[4::2] == [str(path)] * 3
    assert re.search(r'^\[WARNING\] .*/no/such/file.yaml', done.stdout, re.M)


def test_substitutions_in_a_parameter_file_are_performed(
    launched: Launched,
    tmp_path: Path,
    prefix: Path,
) -> None:
    path = tmp_path / 'given.yaml'
    path.write_text(
        '/**: {ros__parameters: {x: $(var rate), y: "$(env UNSET_ONE none)", '
        'z: $(find-pkg-share demo)/a, "w": "$(dirname)"}}'
    )
    done = launched(f"""
        SetLaunchConfiguration('rate', '50'),
        Node(package='demo', executable='show', output='screen',
             parameters=[ParameterFile('{path}', allow_substs=True)])""")
    assert files(done) == [
        {
            '/**': {
                'ros__parameters': {
                    'x': 50,
                    'y': 'none',
                    'z': f'{prefix}/share/demo/a',
                    'w': str(tmp_path),
                }
            }
        }
    ]


def test_parameters_and_remappings_for_all_nodes_end_with_their_group(
    launched: Launched,
) -> None:
    done = launched("""
        GroupAction([
            SetParameter('use_sim_time', True), SetRemap('a', 'b'),
            Node(package='demo', executable='show', output='screen', remappings=[('c', 'd')])]),
        Node(package='demo', executable='show', output='screen')""")
    assert words(done) == [
        '--ros-args',
        '-p',
        'use_sim_time:=True',
        '-r',
        'a:=b',
        '-r',
        'c:=d',
    ]
    assert words(done, 2) == ['--ros-args']


@pytest.mark.parametrize(
    ('value', 'part'),
    [
        (None, 'None'),
        ([], 'x'),
        ([1, 'a', LaunchConfiguration('y')], 'type'),
        (LaunchConfiguration('map'), 'ParameterValue'),
        (ParameterValue(LaunchConfiguration('y'), value_type=int), 'why'),
    ],
)
def test_values_that_no_parameter_can_have_are_errors(value: object, part: str) -> None:
    context = LaunchContext()
    context.launch_configurations.update(y='why', map='{a: 1}')
    with pytest.raises((TypeError, ValueError), match=part):
        Node(executable='/bin/true', parameters=[{'x': value}]).execute(context)


def test_parameters_must_be_a_list() -> None:
    with pytest.raises(TypeError, match="'parameters'"):
        Node(executable='/bin/true', parameters={'x': 1})  # type: ignore[arg-type]


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


def test_files_of_parameters_end_with_the_launch(
    launched: Launched, env: dict[str, str], tmp_path: Path, standin: None
) -> None:
    given = tmp_path / 'given.yaml'
    given.write_text('/**: {ros__parameters: {x: $(var rate)}}')
    env['TMPDIR'] = str(tmp_path / 'temporary')
    Path(env['TMPDIR']).mkdir()
    done = launched(f"""
        SetLaunchConfiguration('rate', '50'),
        Node(package='demo', executable='show', output='screen', parameters=[
            {{'y': 1}}, ParameterFile('{given}', allow_substs=True)])""")
    assert len(files(done)) == 2
    assert not list(Path(env['TMPDIR']).glob('launch_params_*'))
