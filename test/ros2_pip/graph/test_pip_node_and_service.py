# SPDX-License-Identifier: Apache-2.0
"""The commands of ros2 for nodes, services and managed nodes, against a node in another process."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from talker import Done


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
