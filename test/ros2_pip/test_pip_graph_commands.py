# SPDX-License-Identifier: Apache-2.0
"""The commands of ros2 that look at nodes, against a node in another process."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

pytest.importorskip('rclpy')

if importlib.util.find_spec('launch._standin') is None:
    from ros2cli.cli import main
else:
    from ros2_pip.cli import main

PROFILE = """<?xml version="1.0" encoding="UTF-8" ?>
<profiles xmlns="http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles">
  <participant profile_name="often" is_default_profile="true"><rtps><builtin><discovery_config>
    <leaseAnnouncement><sec>0</sec><nanosec>200000000</nanosec></leaseAnnouncement>
  </discovery_config></builtin></rtps></participant>
</profiles>
"""


class Talker(NamedTuple):
    """The node of the tests, and what it has written."""

    lines: list[str]
    news: threading.Condition


class Done(NamedTuple):
    """What a command has come to."""

    code: int
    out: str
    err: str


@pytest.fixture(scope='module')
def talker(tmp_path_factory: pytest.TempPathFactory, module_domain: str) -> Iterator[Talker]:
    """Start the node; nodes of its domain find each other soon."""
    profile = tmp_path_factory.mktemp('dds') / 'often.xml'
    profile.write_text(PROFILE)
    patch = pytest.MonkeyPatch()
    patch.setenv('ROS_DOMAIN_ID', module_domain)
    patch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    patch.setenv('FASTRTPS_DEFAULT_PROFILES_FILE', str(profile))
    if not os.environ.get('AMENT_PREFIX_PATH'):
        patch.setenv('AMENT_PREFIX_PATH', sys.prefix)
    process = subprocess.Popen(
        [sys.executable, Path(__file__).with_name('talker_node.py')],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == 'ready\n'
    node = Talker([], threading.Condition())

    def read() -> None:
        for line in process.stdout:  # type: ignore[union-attr]
            with node.news:
                node.lines.append(line.strip())
                node.news.notify_all()

    threading.Thread(target=read, daemon=True).start()
    yield node
    process.kill()
    process.wait()
    patch.undo()


@pytest.fixture
def ros2(
    talker: Talker, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Done]:
    """
    Run a command in this process, as the shell would see it.

    It has patience with what is there, as the machine may be busy, and little with what is not.
    """

    def run(*words: object) -> Done:
        absent = any(str(word) in ('/nobody', '/nothing') for word in words)
        if main.__module__ == 'ros2_pip.cli':
            monkeypatch.setattr('ros2_pip.graph.FIND_S', 0.5 if absent else 30.0)
            monkeypatch.setattr('ros2_pip.graph.MARGIN_S', 1.5)
        capfd.readouterr()
        try:
            code = main(argv=[str(word) for word in words])
        except SystemExit as end:
            code = end.code
        out, err = capfd.readouterr()
        if isinstance(code, str):  # as the interpreter does with it
            code, err = 1, f'{err}{code}\n'
        return Done(code or 0, out, err)

    return run


# Parameters


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


# Nodes, services and managed nodes


def test_node_list_shows_full_names_without_hidden_ones(ros2: Callable[..., Done]) -> None:
    assert ros2('node', 'list') == Done(0, '/a/talker\n', '')
    assert ros2('node', 'list', '-c').out == '1\n'


def test_node_info_shows_what_a_node_has(ros2: Callable[..., Done]) -> None:
    lines = ros2('node', 'info', '/a/talker').out.splitlines()
    assert lines[0] == '/a/talker'
    assert [line for line in lines if re.fullmatch('  [A-Z].*', line)] == [
        '  Subscribers:',
        '  Publishers:',
        '  Service Servers:',
        '  Service Clients:',
        '  Action Servers:',
        '  Action Clients:',
    ]
    assert lines.index('    /a/in: std_msgs/msg/String') < lines.index('  Publishers:')
    assert lines.index('    /a/enable: std_srvs/srv/SetBool') > lines.index('  Service Servers:')
    assert ros2('node', 'info', '/nobody') == Done(1, '', "Unable to find node '/nobody'\n")


def test_services_are_listed_with_or_without_types(ros2: Callable[..., Done]) -> None:
    assert '/a/enable [std_srvs/srv/SetBool]\n' in ros2('service', 'list', '-t').out
    assert '/a/enable\n' in ros2('service', 'list').out


def test_service_call_shows_request_and_response(ros2: Callable[..., Done]) -> None:
    done = ros2('service', 'call', '/a/enable', 'std_srvs/srv/SetBool', '{data: true}')
    assert done.code == 0
    shown = re.sub(r'^waiting for .*\n', '', done.out)
    assert shown == (
        'requester: making request: std_srvs.srv.SetBool_Request(data=True)\n\n'
        "response:\nstd_srvs.srv.SetBool_Response(success=True, message='done')\n\n"
    )


def test_service_call_refuses_what_does_not_fit(ros2: Callable[..., Done]) -> None:
    done = ros2('service', 'call', '/a/enable', 'std_srvs/srv/No')
    assert done.code == 1
    assert done.err.startswith('The passed service type is invalid')
    done = ros2('service', 'call', '/a/enable', 'std_srvs/srv/SetBool', '{nothing: 1}')
    assert done.code == 1
    assert done.err.startswith('Failed to populate field: ')


def test_managed_nodes_are_shown_and_changed(ros2: Callable[..., Done]) -> None:
    assert ros2('lifecycle', 'nodes').out == '/a/talker\n'
    for every in ((), ('--all',)):
        done = ros2('lifecycle', 'list', '/a/talker', *every)
        assert done.out == '- configure [1]\n\tStart: unconfigured\n\tGoal: inactive\n'
    assert ros2('lifecycle', 'get', '/a/talker').out == 'unconfigured [1]\n'
    done = ros2('lifecycle', 'set', '/a/talker', 'fly')
    assert done.code == 1 and done.err.endswith(':\n- configure [1]\n')
    assert ros2('lifecycle', 'set', '/a/talker', 'configure').out == 'Transitioning successful\n'
    assert ros2('lifecycle', 'get').out == '/a/talker: inactive [2]\n'
    assert ros2('lifecycle', 'set', '/a/talker', '1') == Done(0, '', 'Transitioning failed\n')
    assert ros2('lifecycle', 'get', '/nobody') == Done(1, '', 'Node not found\n')


# Topics


def test_topics_are_listed_with_types(ros2: Callable[..., Done]) -> None:
    lines = ros2('topic', 'list', '-t').out.splitlines()
    assert (
        '/a/chatter [std_msgs/msg/String]' in lines and '/rosout [rcl_interfaces/msg/Log]' in lines
    )


def test_topic_info_counts_and_shows_endpoints(ros2: Callable[..., Done]) -> None:
    assert ros2('topic', 'info', '/a/chatter').out == (
        'Type: std_msgs/msg/String\nPublisher count: 1\nSubscription count: 0\n'
    )
    shown = ros2('topic', 'info', '-v', '/a/kept').out
    assert 'Node name: talker\nNode namespace: /a\n' in shown
    assert 'Durability: TRANSIENT_LOCAL' in shown
    assert ros2('topic', 'info', '/nothing') == Done(1, '', "Unknown topic '/nothing'\n")


@pytest.mark.parametrize(
    ('words', 'shown'),
    [
        (['/a/chatter'], 'data: hello\n---\n'),
        (['/a/kept'], 'data: kept\n---\n'),
        (['/a/chatter', 'std_msgs/msg/String'], 'data: hello\n---\n'),
        (['/a/joints', '--field', 'header.frame_id'], 'world\n---\n'),
        (['/a/joints', '--field', 'position'], "array('d', [1.0, 2.0])\n---\n"),
        (['/a/chatter', '--no-str'], "data: '<string length: <5>>'\n---\n"),
        (['/a/chatter', '-l', '2'], 'data: he...\n---\n'),
    ],
)
def test_topic_echo_shows_a_message(
    ros2: Callable[..., Done],
    words: list[str],
    shown: str,
) -> None:
    assert ros2('topic', 'echo', '--once', *words) == Done(0, shown, '')


def test_topic_echo_shows_fields_in_order_and_arrays_as_wanted(
    ros2: Callable[..., Done],
) -> None:
    shown = ros2('topic', 'echo', '--once', '/a/joints').out
    assert re.fullmatch(
        r'header:\n  stamp:\n    sec: \d+\n    nanosec: \d+\n  frame_id: world\nname:\n- a\n- b\n'
        r'position:\n- 1.0\n- 2.0\nvelocity: \[\]\neffort: \[\]\n---\n',
        shown,
    )
    shown = ros2('topic', 'echo', '--once', '--no-arr', '/a/joints').out
    assert "name: '<sequence type: string, length: 2>'\n" in shown
    assert "position: '<sequence type: double, length: 2>'\n" in shown


@pytest.mark.parametrize(
    ('words', 'text'),
    [
        (['/nothing'], 'topic /nothing is not there yet\n'),
        (['/a/chatter', 'std_msgs/msg/No'], 'The passed message type is invalid'),
        (['/a/joints', '--field', 'header.no'], "Invalid field 'header.no'"),
        (['bad name'], "topic name 'bad name' is invalid"),
    ],
)
def test_topic_echo_says_why_it_shows_nothing(
    ros2: Callable[..., Done],
    words: list[str],
    text: str,
) -> None:
    done = ros2('topic', 'echo', '--once', *words)
    assert done.code == 1
    assert done.err.startswith(text)


def test_topic_echo_ends_after_its_time(ros2: Callable[..., Done]) -> None:
    assert ros2('topic', 'echo', '--timeout', '0.3', '/a/in').code == 0


def test_topic_pub_reaches_the_node(ros2: Callable[..., Done], talker: Talker) -> None:
    done = ros2('topic', 'pub', '--once', '/a/in', 'std_msgs/msg/String', '{data: one}')
    shown = re.sub(r'Waiting for .*\n', '', done.out)
    assert shown == (
        "publisher: beginning loop\npublishing #1: std_msgs.msg.String(data='one')\n\n"
    )
    done = ros2('topic', 'pub', '-t', '2', '-r', '20', '/a/in', 'std_msgs/String', 'data: two')
    assert "publishing #2: std_msgs.msg.String(data='two')" in done.out
    with talker.news:
        assert talker.news.wait_for(
            lambda: talker.lines[-3:] == ['got one', 'got two', 'got two'], timeout=10.0
        ), talker.lines


def test_topic_pub_fills_arrays_numbers_and_stamps(ros2: Callable[..., Done]) -> None:
    done = ros2(
        'topic',
        'pub',
        '--once',
        '-w',
        '0',
        '/a/free',
        'sensor_msgs/msg/JointState',
        '{header: auto, name: [a], position: [1, 2.5]}',
    )
    assert "name=['a'], position=[1.0, 2.5]" in done.out
    assert re.search(r'sec=[1-9]\d+', done.out)


@pytest.mark.parametrize(
    ('words', 'text'),
    [
        (['std_msgs/msg/No'], 'The passed message type is invalid'),
        (['std_msgs/msg/String', 'text'], "Failed to populate field: 'text' is no dictionary"),
        (['std_msgs/msg/String', '{no: 1}'], 'Failed to populate field: '),
        (['std_msgs/msg/String', '[x'], 'This is not YAML: '),
    ],
)
def test_topic_pub_refuses_what_does_not_fit(
    ros2: Callable[..., Done],
    words: list[str],
    text: str,
) -> None:
    done = ros2('topic', 'pub', '-w', '0', '--once', '/a/free', *words)
    assert done.code == 1
    assert done.err.startswith(text)


def test_rate_of_a_topic_is_shown_until_interrupted(talker: Talker, ros2_path: str) -> None:
    pattern = (
        r'average rate: ([5-9]|1\d|2[0-5])\.\d{3}\n\tmin: 0\.\d{3}s max: 0\.\d{3}s '
        r'std dev: 0\.\d{5}s window: \d+\n'
    )
    process = subprocess.Popen(
        [ros2_path, 'topic', 'hz', '/a/joints'], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    shown = ''
    try:
        while not re.search(pattern, shown):
            line = process.stdout.readline()
            assert line, shown
            shown += line
    finally:
        process.send_signal(2)
        process.stdout.read()
    assert process.wait(timeout=20.0) == 2


# PyPI has no package with an action; what a goal comes to was tried with one built for it.
def test_actions_there_are_none(ros2: Callable[..., Done]) -> None:
    assert ros2('action', 'list') == Done(0, '', '')
    assert ros2('action', 'send_goal', '/nothing', 'std_msgs/action/No').err.startswith(
        'The passed action type is invalid'
    )


@pytest.mark.parametrize(
    ('words', 'what'),
    [
        (('bag', 'play'), "'bag'"),
        (('topic', 'bw', '/a'), "'topic bw'"),
        (('node', 'x'), "'node x'"),
    ],
)
def test_command_that_the_standin_lacks_is_named(
    standin: None, ros2: Callable[..., Done], words: tuple[str, ...], what: str
) -> None:
    done = ros2(*words)
    assert done.code == 2
    assert f"{what} is not in this stand-in; install ROS 2's own ros2cli" in done.err
