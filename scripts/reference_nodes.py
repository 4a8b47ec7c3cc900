# SPDX-License-Identifier: Apache-2.0
"""Makes every node of the suite once, without starting it, and asks it what it has.

For scripts/reference.py and scripts/security_policy.py.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
TOPICS = ('/rosout', '/parameter_events')
"""Topics that every node has."""
OWN_SERVICES = re.compile(
    r'(describe|get|list|set)_(parameters|parameter_types)|_atomically|type_desc'
)
ARM = re.compile(r'/(leader|follower)_(left|right)/')
CAMERA = re.compile(r'/cam_(high|low|left_wrist|right_wrist)/')


@dataclass(frozen=True)
class Parameter:
    """A parameter of a node, in words."""

    name: str
    default: str
    live: bool
    text: str


@dataclass
class Described:
    """What the nodes of one process have: names, parameters, topics and services, these as (name, type)."""

    names: set[str] = field(default_factory=set)
    parameters: list[Parameter] = field(default_factory=list)
    published: set[tuple[str, str]] = field(default_factory=set)
    heard: set[tuple[str, str]] = field(default_factory=set)
    services: set[tuple[str, str]] = field(default_factory=set)
    clients: set[tuple[str, str]] = field(default_factory=set)


def in_words(entries: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Without what every node has, and with one name for all arms and one for all cameras."""
    return {
        (CAMERA.sub('/CAM/', ARM.sub('/ARM/', name)), kind)
        for name, kind in entries
        if name not in TOPICS and not OWN_SERVICES.search(name)
    }


def describe_nodes() -> dict[str, Described]:
    """What every executable with nodes has, simulated and real together."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ['ROS_LOG_DIR'] = folder
        given: dict[str, dict[str, Any]] = {
            'recorder': {'dataset': f'{folder}/data'},
            'replay': {'episode': str(write_episode(Path(folder)))},
            'guard': {'after': '/act/policy'},
            'sim': {'cameras': ['']},
        }
        found: dict[str, Described] = {}
        for name, make in makers().items():
            found[name] = Described()
            # The simulator makes the simulated time, and hears none.
            for simulated in (True, False) if name != 'sim' else (False,):
                add(found[name], name, make, given.get(name, {}), simulated)
        return found


def makers() -> dict[str, Callable[[Any], Any]]:
    """How the nodes of each executable are made, given what ends them."""
    from act_ros.nodes.doctor.node import DoctorNode
    from act_ros.nodes.guard import GuardNode
    from act_ros.nodes.policy.engine import Unloaded
    from act_ros.nodes.policy.node import PolicyNode
    from act_ros.nodes.recorder.node import RecorderNode
    from act_ros.nodes.replay.node import ReplayNode
    from act_ros.nodes.rest import RestNode
    from act_ros.nodes.session.node import SessionNode
    from act_ros.nodes.sim.node import SimNode
    from act_ros.nodes.teleop import TeleopNode

    return {
        'policy': lambda stop: PolicyNode(stop, make_worker=Unloaded),
        'recorder': RecorderNode,
        'session': SessionNode,
        'teleop': TeleopNode,
        'replay': ReplayNode,
        'rest': RestNode,
        'guard': GuardNode,
        'doctor': DoctorNode,
        'sim': SimNode,
    }


def add(
    found: Described,
    name: str,
    make: Callable[[Any], Any],
    given: dict[str, Any],
    simulated: bool,
) -> None:
    """Make the nodes of one process and note what they have; then take them away."""
    import rclpy

    from act_ros.nodes.process.run import Stop
    from act_ros.nodes.recorder.node import RecorderNode

    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'OFF'  # nodes of others are none of ours
    values = {**given, 'use_sim_time': simulated}
    options = [part for key, item in values.items() for part in ('-p', f'{key}:={_yaml(item)}')]
    rclpy.init(args=['--ros-args', '-r', '__ns:=/act', '--log-level', 'fatal', *options])
    try:
        app = make(Stop())
        nodes = [node for group in app.groups for node in group]
        for node in nodes:
            _note_graph(found, node)
            if not simulated and node.get_name() == name:  # not those of a teleop inside a session
                found.parameters += _parameters(node, given)
        if isinstance(app, RecorderNode):  # which has the dataset's folder for itself
            app.episodes.close()
        for node in nodes:
            node.destroy_node()
    finally:
        rclpy.try_shutdown()


def _note_graph(found: Described, node: Any) -> None:
    own = node.get_name(), node.get_namespace()
    found.names.add(node.get_fully_qualified_name())
    found.published |= _entries(node.get_publisher_names_and_types_by_node(*own))
    found.heard |= _entries(node.get_subscriber_names_and_types_by_node(*own))
    found.services |= _entries(node.get_service_names_and_types_by_node(*own))
    found.clients |= _entries(node.get_client_names_and_types_by_node(*own))


def _entries(found: Iterable[tuple[str, Sequence[str]]]) -> set[tuple[str, str]]:
    return {(name, re.sub(r'/(msg|srv)/', '/', kinds[0])) for name, kinds in found}


def _parameters(node: Any, given: dict[str, Any]) -> list[Parameter]:
    """The parameters of a node, but for those of ROS."""
    made = []
    for name in sorted(node.get_parameters_by_prefix('')):
        if name in ('use_sim_time', 'start_type_description_service'):
            continue
        about = node.describe_parameter(name)
        value = node.get_parameter(name).value
        ranges = [*about.integer_range, *about.floating_point_range]
        text = about.description + ''.join(_range(each) for each in ranges)
        required = name in given and name != 'cameras'
        default = (
            'required' if required else '`auto`' if name == 'cameras' else f'`{_yaml(value)}`'
        )
        made.append(Parameter(name, default, not about.read_only, text))
    return made


def _range(each: Any) -> str:
    low, high = each.from_value, each.to_value
    least = '' if abs(low) > 2**61 else f'at least {low:g}'
    most = '' if abs(high) > 2**61 else f'at most {high:g}'
    return f' ({", ".join(filter(None, (least, most)))})' if least or most else ''


def _yaml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return '[' + ', '.join(f"'{item}'" for item in value) + ']'
    return "''" if value == '' else str(value)


def write_episode(folder: Path) -> Path:
    """An episode of one tick, for the node that replays one."""
    from act_ros.data.recording.episode_writer import EpisodeWriter
    from act_ros.robot.spec import RobotSpec

    spec = RobotSpec.load()
    start = spec.start.astype(np.float32)
    attrs = {'task': 'transfer_cube', 'seed': 0, 'sim': True, 'rate_hz': spec.rate_hz}
    writer = EpisodeWriter(folder / 'episode_0.hdf5', spec.joint_names, ['cam_high'], attrs)
    image = {'cam_high': np.zeros((48, 64, 3), np.uint8)}
    for tick in range(3):
        writer.append(start, start, start, start, image, tick / spec.rate_hz, {'cam_high': 0.0})
    return writer.finish(success=True)
