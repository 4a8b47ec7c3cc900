# SPDX-License-Identifier: Apache-2.0
"""`ros2 launch act_ros aloha.launch.py` in the simulator: it runs, and it ends as it should."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

COMMANDS = [
    f'follower_{side}/commands/{kind}'
    for side in ('left', 'right')
    for kind in ('joint_group', 'joint_single')
]


def _listen_to_commands(listener: Any, namespace: str = '') -> list[str]:
    messages = pytest.importorskip('interbotix_xs_msgs.msg')
    topics = [f'{namespace}/{topic}' for topic in COMMANDS]
    for topic in topics:
        group = topic.endswith('joint_group')
        listener.listen(
            messages.JointGroupCommand if group else messages.JointSingleCommand, topic
        )
    return topics


def test_commands_flow_and_ctrl_c_ends_it_cleanly(
    start: Callable, tiny_sim: list[str], listener: Any
) -> None:
    launch = start('aloha.launch.py', *tiny_sim)
    topics = _listen_to_commands(listener)
    listener.spin_until(lambda: all(listener.count[topic] > 25 for topic in topics), 'commands')
    launch.interrupt()
    assert launch.process.returncode == 0
    assert launch.text.count('process has finished cleanly') == 2, launch.text
    for word in ('Traceback', 'has died'):
        assert word not in launch.text, launch.text


def test_two_robots_share_a_network_by_namespace(
    start: Callable, tiny_sim: list[str], listener: Any
) -> None:
    names = ('cell_1', 'cell_2')
    for name in names:
        start('aloha.launch.py', *tiny_sim, f'namespace:={name}')
    topics = [topic for name in names for topic in _listen_to_commands(listener, f'/{name}')]
    listener.spin_until(lambda: all(listener.count[topic] > 3 for topic in topics), 'commands')
    present = dict(listener.node.get_topic_names_and_types())
    nodes = listener.node.get_node_names_and_namespaces_with_enclaves()
    for name in names:
        # What SROS 2 gives its rights to.
        assert {
            ('policy', f'/{name}/act', f'/{name}/act/policy'),
            ('sim', f'/{name}/act', f'/{name}/act/sim'),
        } <= set(nodes)
        assert {
            f'/{name}/clock',
            f'/{name}/act/command',
            f'/{name}/cam_high/camera/color/image_rect_raw',
        } <= set(present)
    assert '/clock' not in present
    assert not [topic for topic in present if topic.startswith(('/act/', '/follower_', '/cam_'))]


def test_where_security_is_asked_for_and_cannot_be_had_nothing_runs(
    start: Callable, tiny_sim: list[str], tmp_path: Path
) -> None:
    """The keystore is empty; and the Fast DDS that comes from PyPI has no security at all."""
    security = {'ENABLE': 'true', 'STRATEGY': 'Enforce', 'KEYSTORE': str(tmp_path / 'keystore')}
    launch = start(
        'aloha.launch.py',
        *tiny_sim,
        **{f'ROS_SECURITY_{key}': item for key, item in security.items()},
    )
    assert launch.wait() == 1
    assert 'error: ' in launch.text and 'security' in launch.text.lower(), launch.text
    assert 'Traceback' not in launch.text and 'RUNNING' not in launch.text


def test_it_ends_after_its_episodes(
    start: Callable, tiny_sim: list[str], tmp_path: Path, short_episodes: dict[str, str]
) -> None:
    film = tmp_path / 'film.mp4'
    given = ('episodes:=1', f'video:={film}')
    launch = start('aloha.launch.py', *tiny_sim, *given, **short_episodes)
    assert launch.wait() == 0, launch.text
    assert 'seed 0: ' in launch.text
    video = cv2.VideoCapture(str(film))
    # Two seconds of title, the two that the task is given here, one in which the outcome stands.
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) > 25 * (2 + 2 + 1)


def test_parameters_of_a_file_go_before_arguments_and_the_death_of_a_node_ends_everything(
    start: Callable, tiny_sim: list[str], tmp_path: Path, listener: Any
) -> None:
    path = tmp_path / 'mine.yaml'
    path.write_text(
        '/**:\n  ros__parameters:\n    max_image_age_s: 0.5\n    ensemble: newest\n',
        encoding='utf-8',
    )
    launch = start('aloha.launch.py', *tiny_sim, f'params_file:={path}', 'enable:=false')
    kind = pytest.importorskip('rcl_interfaces.srv').GetParameters
    asked = listener.node.create_client(kind, '/act/policy/get_parameters')
    listener.spin_until(asked.service_is_ready, 'the policy')
    names = ['max_image_age_s', 'ensemble', 'enable']
    answer = asked.call_async(kind.Request(names=names))
    listener.spin_until(answer.done, 'its parameters')
    age_s, ensemble, enable = answer.result().values
    assert (age_s.double_value, ensemble.string_value, enable.bool_value) == (0.5, 'newest', False)
    assert enable.type == 1  # a bool, and not one that is missing

    launch.wait_for('is loading')
    os.kill(launch.pid('sim'), signal.SIGKILL)
    assert launch.wait() == 1
    assert 'sim ended with exit code -9' in launch.text
    assert 'Traceback' not in launch.text
