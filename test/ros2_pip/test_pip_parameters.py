# SPDX-License-Identifier: Apache-2.0
"""What a launch file says of a node's parameters becomes what ROS 2's launch_ros makes of it."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from launch import LaunchContext
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from shown import Launched, files, words


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
    assert given[2].startswith(f'{tempfile.gettempdir()}/launch_params_')
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
