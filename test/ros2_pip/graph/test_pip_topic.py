# SPDX-License-Identifier: Apache-2.0
"""The commands of `ros2 topic`, against a node in another process."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

import pytest
from talker import Done, Talker


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
