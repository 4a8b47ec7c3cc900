# SPDX-License-Identifier: Apache-2.0
"""How the drivers of a rig are started: names, namespaces, parameters, remappings. It starts nothing itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from act_ros.robot.rig import NodeCall, Rig
from act_ros.robot.spec import RobotSpec

WORLD = 'world'
"""The frame in which the arms stand."""


def arm_driver(rig: Rig, name: str) -> dict[str, str]:
    """Arguments of Interbotix's launch file for one arm."""
    arm = rig.arms[name]
    return {
        'robot_model': arm.model,
        'robot_name': name,
        'mode_configs': str(arm.modes),
        'use_rviz': 'false',
    }


def transform(rig: Rig, name: str) -> NodeCall:
    """Where the base of an arm stands in the world."""
    options = ('--x', '--y', '--z', '--qx', '--qy', '--qz', '--qw')
    pairs = zip(options, map(str, rig.arms[name].at), strict=True)
    frames = ('--frame-id', WORLD, '--child-frame-id', f'{name}/base_link')
    return NodeCall(
        'tf2_ros',
        'static_transform_publisher',
        f'{name}_transform_broadcaster',
        arguments=(*(word for pair in pairs for word in pair), *frames),
    )


def gravity_compensation(rig: Rig, leader: str) -> NodeCall:
    """What carries the leader's weight once `LEADER/gravity_compensation_enable` is called."""
    specs = rig.path.with_name('leader_motor_specs.yaml')
    return NodeCall(
        'interbotix_gravity_compensation',
        'interbotix_gravity_compensation',
        'gravity_compensation',
        leader,
        {'motor_specs': str(specs)},
    )


def camera(rig: Rig, spec: RobotSpec, name: str, namespace: str = '') -> NodeCall:
    """The driver of a camera: its picture on the topic of the robot's description, its calibration beside that."""
    driver = rig.cameras[name]
    topic = absolute(namespace, spec.cameras[name].topic)
    beside = f'{topic.rpartition("/")[0]}/camera_info'
    rules = (*((image, topic) for image in driver.images), (driver.camera_info, beside))
    return NodeCall(
        driver.package,
        driver.executable,
        driver.name,
        name,
        driver.parameters,
        remappings=rules,
    )


def absolute(namespace: str, name: str) -> str:
    """The full name of a topic in a namespace, which may be ''."""
    return '/'.join(['', *filter(None, [namespace.strip('/'), name.strip('/')])])


def unknown_cameras(rig: Rig, names: Iterable[str]) -> list[str]:
    """A sentence for each parameter that would say which camera is which, and does not."""
    empty: dict[tuple[str, str], list[str]] = {}
    for name in names:
        driver = rig.cameras.get(name)
        if driver is not None and not driver.knows_which:
            empty.setdefault((driver.which, driver.find), []).append(name)
    return [
        f'{rig.path} has no {which} for {", ".join(cameras)}: cameras may be swapped ({find} lists them)'
        for (which, find), cameras in empty.items()
    ]


def rviz_config(
    arms: Sequence[str], spec: RobotSpec, cameras: Sequence[str], namespace: str = ''
) -> str:
    """A file of RViz that shows these arms and the pictures of these cameras."""
    displays: list[dict[str, Any]] = [
        {'Class': 'rviz_default_plugins/Grid', 'Name': 'Grid', 'Value': True}
    ]
    displays += [
        {
            'Class': 'rviz_default_plugins/RobotModel',
            'Name': name,
            'Description Source': 'Topic',
            'Description Topic': {
                'Value': absolute(namespace, f'{name}/robot_description'),
                'Durability Policy': 'Transient Local',
            },
            'Value': True,
        }
        for name in arms
    ]
    displays += [
        {
            'Class': 'rviz_default_plugins/Image',
            'Name': name,
            'Topic': {
                'Value': absolute(namespace, spec.cameras[name].topic),
                'Reliability Policy': 'Best Effort',
            },
            'Value': True,
        }
        for name in cameras
    ]
    manager = {
        'Displays': [{**display, 'Enabled': True} for display in displays],
        'Enabled': True,
        'Global Options': {'Fixed Frame': WORLD, 'Frame Rate': 30},
        'Tools': [{'Class': 'rviz_default_plugins/MoveCamera'}],
        'Views': {'Current': {'Class': 'rviz_default_plugins/Orbit', 'Distance': 2.5}},
    }
    panels = [{'Class': 'rviz_common/Displays', 'Name': 'Displays'}]
    view = {'Panels': panels, 'Visualization Manager': manager}
    return str(yaml.safe_dump(view, sort_keys=False))
