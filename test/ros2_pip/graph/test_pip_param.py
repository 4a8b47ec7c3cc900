# SPDX-License-Identifier: Apache-2.0
"""The commands of `ros2 param`, against a node in another process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from talker import Done


@pytest.mark.parametrize(
    ('name', 'shown'),
    [
        ('rate', 'Double value is: 10.0'),
        ('fixed', 'Integer value is: 3'),
        ('name', 'String value is: x'),
        ('numbers', 'Integer values are: [1, 2]'),
        ('group.deep.words', "String values are: ['a', 'b']"),
        ('group.flag', 'Boolean value is: True'),
        ('any', 'Parameter not set.'),
    ],
)
def test_param_get_shows_type_and_value(ros2: Callable[..., Done], name: str, shown: str) -> None:
    assert ros2('param', 'get', '/a/talker', name) == Done(0, f'{shown}\n', '')


def test_param_get_can_hide_the_type_and_takes_relative_names(ros2: Callable[..., Done]) -> None:
    assert ros2('param', 'get', 'a/talker', 'fixed', '--hide-type').out == '3\n'


def test_param_get_of_what_is_not_declared_fails(ros2: Callable[..., Done]) -> None:
    assert ros2('param', 'get', '/a/talker', 'nothing') == Done(1, '', 'Parameter not set\n')


@pytest.mark.parametrize(
    'words',
    [
        ('get', '/nobody', 'x'),
        ('set', '/nobody', 'x', '1'),
        ('dump', '/nobody'),
        ('list', '/nobody'),
    ],
)
def test_param_of_no_node_says_so(ros2: Callable[..., Done], words: tuple[str, ...]) -> None:
    assert ros2('param', *words) == Done(1, '', 'Node not found\n')


@pytest.mark.parametrize(
    ('name', 'value', 'out', 'err'),
    [
        ('rate', '12.5', 'Set parameter successful\n', ''),
        ('name', 'bad', '', 'Setting parameter failed: no bad names\n'),
        ('rate', '12', '', 'Setting parameter failed: Wrong parameter type'),
        (
            'rate',
            '500.0',
            '',
            'Setting parameter failed: Parameter rate out of range',
        ),
        ('fixed', '4', '', 'Setting parameter failed: Trying to set a read-only parameter'),
        ('nothing', '4', '', 'Setting parameter failed: Invalid access to undeclared parameter'),
    ],
)
def test_param_set_tells_the_outcome_and_its_reason(
    ros2: Callable[..., Done],
    name: str,
    value: str,
    out: str,
    err: str,
) -> None:
    done = ros2('param', 'set', '/a/talker', name, value)
    assert done.code == 0  # in ROS 2, a refusal is no failure of the command
    assert done.out == out
    assert done.err.startswith(err)


def test_param_set_refuses_what_no_parameter_can_be(ros2: Callable[..., Done]) -> None:
    done = ros2('param', 'set', '/a/talker', 'name', 'a: b')
    assert done.code == 1
    assert done.err.startswith("No parameter can be {'a': 'b'}")


def test_param_set_reads_values_as_yaml(ros2: Callable[..., Done]) -> None:
    for text, shown in (
        ('1', 'Integer value is: 1'),
        ('1.0', 'Double value is: 1.0'),
        ('on', 'Boolean value is: True'),
        ('[a, b]', "String values are: ['a', 'b']"),
        ("'1'", 'String value is: 1'),
    ):
        assert ros2('param', 'set', '/a/talker', 'any', text).out == 'Set parameter successful\n'
        assert ros2('param', 'get', '/a/talker', 'any').out == f'{shown}\n'


def test_param_set_leaves_a_text_that_looks_like_a_number_a_text(
    ros2: Callable[..., Done],
) -> None:
    for text in ('020000', '1e5', 'on', 'null', "'020000'", '1.0'):
        assert ros2('param', 'set', '/a/talker', 'name', text).out == 'Set parameter successful\n'
        shown = ros2('param', 'get', '/a/talker', 'name').out
        assert shown == f'String value is: {text.strip(chr(39))}\n'


def test_param_list_is_sorted_and_can_show_types(ros2: Callable[..., Done]) -> None:
    names = ros2('param', 'list', '/a/talker').out.splitlines()
    assert names == sorted(names)
    assert {'  rate', '  group.deep.words', '  use_sim_time'} <= set(names)
    shown = ros2('param', 'list', '/a/talker', '--param-type').out
    assert '  group.deep.words (type: string array)\n  group.flag (type: boolean)\n' in shown
    assert ros2('param', 'list').out.splitlines() == ['/a/talker:', *names]


def test_param_describe_shows_what_a_value_must_be(ros2: Callable[..., Done]) -> None:
    assert (
        ros2('param', 'describe', '/a/talker', 'rate', 'fixed').out
        == """\
Parameter name: rate
  Type: double
  Description: Hz
  Constraints:
    Min value: 1.0
    Max value: 100.0
Parameter name: fixed
  Type: integer
  Constraints:
    Read only: true
"""
    )


def test_param_dump_can_be_loaded_again(ros2: Callable[..., Done], tmp_path: Path) -> None:
    dump = ros2('param', 'dump', '/a/talker').out
    values = yaml.safe_load(dump)['/a/talker']['ros__parameters']
    assert values['group'] == {'deep': {'words': ['a', 'b']}, 'flag': True}
    assert values['fixed'] == 3 and values['numbers'] == [1, 2]
    path = tmp_path / 'dump.yaml'
    path.write_text('/a/talker: {ros__parameters: {rate: 20.0, group: {flag: false}, fixed: 9}}')
    done = ros2('param', 'load', '/a/talker', path)
    assert done.code == 0
    assert done.out.splitlines() == [
        'Set parameter rate successful',
        'Set parameter group.flag successful',
    ]
    assert done.err.startswith('Set parameter fixed failed: ')
    assert ros2('param', 'get', '/a/talker', 'group.flag').out == 'Boolean value is: False\n'
