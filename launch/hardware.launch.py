# SPDX-License-Identifier: Apache-2.0
"""The real ALOHA: Interbotix drivers of the arms, cameras, and what else its rig has. Nothing here moves an arm."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import (
    GroupAction,
    IncludeLaunchDescription,
    LogInfo,
    OpaqueFunction,
    SetEnvironmentVariable,
    SetLaunchConfiguration,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.logging import launch_config
from launch_ros.actions import Node, PushRosNamespace

from act_ros.launch_arguments import AUTO, BOOLEAN, argument, common_arguments, leaders_argument
from act_ros.launch_check import checked
from act_ros.launching import (
    ENCLAVE_OVERRIDE,
    LaunchArgumentError,
    cameras,
    enclave,
    ends_launch,
    exactly,
    flag,
    labelled,
    value,
)
from act_ros.paths import share_dir
from act_ros.robot.rig import NodeCall, Rig
from act_ros.robot.rig_nodes import (
    arm_driver,
    camera,
    gravity_compensation,
    rviz_config,
    transform,
    unknown_cameras,
)
from act_ros.robot.spec import RobotSpec

CONFIG = share_dir() / 'config' / 'hardware'
ARMS = ('interbotix_xsarm_control', 'interbotix_xs_modules')


def _require(packages: Iterable[str]) -> None:
    missing = []
    for package in dict.fromkeys(packages):
        try:
            get_package_share_directory(package)
        except PackageNotFoundError:
            missing.append(package)
    if missing:
        raise RuntimeError(
            f'robot:=aloha needs {", ".join(missing)}, not found in this workspace. {_how_to_get(missing)}, source '
            f'their setup.bash and try again. Without a robot: robot:=sim'
        )


def _how_to_get(missing: list[str]) -> str:
    """How packages come to the ROS 2 that runs here: Interbotix's from their sources, others from the system."""
    distro = os.environ.get('ROS_DISTRO', 'humble')
    installed = Path(f'/opt/ros/{distro}').exists()
    system = [name.replace('_', '-') for name in missing if not name.startswith('interbotix_')]
    parts = [] if installed else ['The ROS 2 from PyPI has no drivers: install ROS 2 Humble']
    if len(system) < len(missing):
        parts.append(
            'build the branches humble of interbotix_ros_core, interbotix_ros_manipulators and '
            'interbotix_ros_toolboxes in a workspace (their installer has no option for '
            f'{distro}), or run the drivers under Humble in the same ROS domain'
            if installed and distro != 'humble'
            else 'install the Interbotix X-Series packages (xsarm_amd64_install.sh -d humble of '
            'Interbotix/interbotix_ros_manipulators)'
        )
    if system:
        names = ' '.join(f'ros-{distro if installed else "humble"}-{name}' for name in system)
        parts.append(f'install {names}')
    text = ', '.join(parts)
    return text[0].upper() + text[1:]


def _rig(context: LaunchContext, spec: RobotSpec) -> Rig:
    folder = Path(value(context, 'rig'))
    if not folder.is_absolute() or not folder.is_dir():
        raise LaunchArgumentError(
            f'rig:={folder} is not the absolute path of a folder; copy {CONFIG}'
        )
    return Rig.load(folder, spec)


def _arm(context: LaunchContext, rig: Rig, name: str) -> Action:
    """The driver of one arm, in its own scope: every driver's launch file uses the same names."""
    from interbotix_xs_modules.xs_launch import (
        declare_interbotix_xsarm_robot_description_launch_arguments,
    )

    launch_file = (
        Path(get_package_share_directory('interbotix_xsarm_control'))
        / 'launch'
        / 'xsarm_control.launch.py'
    )
    given = arm_driver(rig, name)
    return GroupAction(
        [
            PushRosNamespace(value(context, 'namespace')),
            *labelled(context, name),
            # Interbotix's launch file takes no arguments for ROS; what is not secured knows no enclave.
            SetEnvironmentVariable(
                ENCLAVE_OVERRIDE, enclave(value(context, 'namespace'), name, 'xs_sdk')[1]
            ),
            # The description is made from these, before the driver's launch file has its arguments.
            *(SetLaunchConfiguration(*item) for item in given.items()),
            *declare_interbotix_xsarm_robot_description_launch_arguments(use_world_frame='false'),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(launch_file)), launch_arguments=given.items()
            ),
        ]
    )


def _node(
    context: LaunchContext, call: NodeCall, label: str | None = None, **process: Any
) -> Node:
    namespace = value(context, 'namespace').strip('/')
    given = {key: exactly(item) for key, item in call.parameters.items()}
    return Node(
        package=call.package,
        executable=call.executable,
        name=call.name,
        namespace='/'.join(filter(None, [namespace, call.namespace])),
        exec_name=label,
        parameters=[given] if given else [],
        arguments=list(call.arguments),
        ros_arguments=enclave(namespace, call.namespace, call.name),
        remappings=list(call.remappings),
        output='screen',
        **process,
    )


def _gravity_compensation(context: LaunchContext, leader: str, call: NodeCall) -> Action:
    node = _node(context, call, on_exit=ends_launch(f'gravity compensation of {leader}'))
    return GroupAction([*labelled(context, f'gravity_{leader}'), node])


def _doubts(context: LaunchContext, unknown: list[str]) -> list[Action]:
    """What is said, or refused, where cameras may be swapped."""
    if unknown and value(context, 'enable') == 'true':
        raise LaunchArgumentError(f'enable:=true is refused: {"; ".join(unknown)}')
    return [LogInfo(msg=f'WARNING: {what}') for what in unknown]


def _rviz(context: LaunchContext, arms: list[str], shown: list[str]) -> NodeCall:
    """RViz with the arms and cameras that are started; its file is in the folder of this launch's log."""
    path = Path(launch_config.log_dir, 'robot.rviz')
    namespace = value(context, 'namespace')
    path.write_text(rviz_config(arms, RobotSpec.load(), shown, namespace), encoding='utf-8')
    return NodeCall('rviz2', 'rviz2', 'rviz2', arguments=('-d', str(path)))


def _hardware(context: LaunchContext) -> list[Action]:
    spec = RobotSpec.load()
    rig, namespace = _rig(context, spec), value(context, 'namespace')
    leaders = [arm.leader for arm in spec.arms] if flag(context, 'leaders') else []
    arms = [arm.follower for arm in spec.arms] + leaders
    seen = cameras(context, list(spec.cameras))
    gravity = {leader: gravity_compensation(rig, leader) for leader in leaders}
    driven = {name: camera(rig, spec, name, namespace) for name in seen if name in rig.cameras}
    # Without these nothing is wrong with the robot, so their end is not that of the launch.
    views = [transform(rig, arm) for arm in arms]
    views += [_rviz(context, arms, seen)] if flag(context, 'rviz') else []
    calls = [*gravity.values(), *driven.values(), *rig.nodes, *views]
    _require([*ARMS, *(call.package for call in calls)])
    others = [(name, call, ends_launch(f'the driver of {name}')) for name, call in driven.items()]
    others += [(call.name, call, ends_launch(call.name)) for call in rig.nodes]
    others += [(call.name, call, None) for call in views]
    return [
        *_doubts(context, unknown_cameras(rig, seen)),
        *(_arm(context, rig, arm) for arm in arms),
        *(_gravity_compensation(context, *item) for item in gravity.items()),
        *(
            # Their own patience, since the launch may have a long one with the drivers of the arms.
            _node(context, call, label, on_exit=on_exit, sigterm_timeout='5')
            for label, call, on_exit in others
        ),
    ]


def generate_launch_description() -> LaunchDescription:
    """Declare the hardware's arguments, then start the drivers."""
    description = LaunchDescription(
        [
            *common_arguments(),
            leaders_argument('false'),
            argument(
                'rig',
                str(CONFIG),
                'Aloha: absolute path of the folder that describes this rig (models, ports and modes of the arms, '
                'drivers of the cameras, what else is started); copy config/hardware and change it.',
            ),
            argument('rviz', 'false', 'Aloha: show the arms and cameras in RViz.', BOOLEAN),
            argument(
                'enable',
                AUTO,
                'Whether the arms will be moved from the start; true: refuse cameras that could be taken for each other.',
                (AUTO, *BOOLEAN),
            ),
            OpaqueFunction(function=_hardware),
        ]
    )
    return checked(description)
