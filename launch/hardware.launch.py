# SPDX-License-Identifier: Apache-2.0
"""The real ALOHA: Interbotix drivers of the arms and RealSense cameras. Nothing here moves an arm."""

import os
from pathlib import Path

import yaml
from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import (
    GroupAction,
    IncludeLaunchDescription,
    LogInfo,
    OpaqueFunction,
    SetLaunchConfiguration,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import Node, PushRosNamespace

from act_ros.launch_arguments import AUTO, BOOLEAN, argument, common_arguments, leaders_argument
from act_ros.launch_check import checked
from act_ros.launching import (
    LaunchArgumentError,
    cameras,
    ends_launch,
    exactly,
    flag,
    outlasting,
    value,
)
from act_ros.paths import share_dir
from act_ros.robot.spec import RobotSpec

CONFIG = share_dir() / 'config' / 'hardware'


def _require(packages: list[str]) -> None:
    missing = []
    for package in packages:
        try:
            get_package_share_directory(package)
        except PackageNotFoundError:
            missing.append(package)
    if missing:
        raise RuntimeError(
            f'robot:=aloha needs {", ".join(missing)}, not found in this workspace. {_how_to_get()}, source their '
            f'setup.bash and try again. Without a robot: robot:=sim'
        )


def _how_to_get() -> str:
    """How the drivers come to the ROS 2 that runs here."""
    distro = os.environ.get('ROS_DISTRO', 'humble')
    if not Path(f'/opt/ros/{distro}').exists():
        return (
            'The ROS 2 from PyPI has no drivers: install ROS 2 Humble, the Interbotix X-Series packages '
            '(xsarm_amd64_install.sh -d humble of Interbotix/interbotix_ros_manipulators) and '
            'ros-humble-realsense2-camera'
        )
    if distro == 'humble':
        return (
            'Install the Interbotix X-Series packages (xsarm_amd64_install.sh -d humble of '
            'Interbotix/interbotix_ros_manipulators) and ros-humble-realsense2-camera'
        )
    return (
        f"Interbotix's installer has no option for {distro}: build the branches humble of interbotix_ros_core, "
        f'interbotix_ros_manipulators and interbotix_ros_toolboxes in a workspace (colcon build), or run the drivers '
        f'under Humble in the same ROS domain; and install ros-{distro}-realsense2-camera'
    )


def _rig(context: LaunchContext, name: str) -> Path:
    """A file of the rig's folder."""
    path = Path(value(context, 'rig')) / name
    if not path.is_absolute() or not path.is_file():
        raise LaunchArgumentError(
            f'rig:={path.parent} is not the absolute path of a folder with {name}; copy {CONFIG}'
        )
    return path


def _arm(context: LaunchContext, name: str, kind: str) -> Action:
    """The driver of one arm, in its own scope: every driver's launch file uses the same names."""
    from interbotix_xs_modules.xs_launch import (
        declare_interbotix_xsarm_robot_description_launch_arguments,
    )

    launch_file = (
        Path(get_package_share_directory('interbotix_xsarm_control'))
        / 'launch'
        / 'xsarm_control.launch.py'
    )
    given = {
        'robot_model': value(context, f'{kind}_model'),
        'robot_name': name,
        'mode_configs': str(_rig(context, f'{name}.yaml')),
        'use_rviz': 'false',
    }
    return GroupAction(
        [
            PushRosNamespace(value(context, 'namespace')),
            *outlasting(context, name),
            # The description is made from these, before the driver's launch file has its arguments.
            *(SetLaunchConfiguration(*item) for item in given.items()),
            *declare_interbotix_xsarm_robot_description_launch_arguments(use_world_frame='false'),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(launch_file)), launch_arguments=given.items()
            ),
        ]
    )


def _gravity_compensation(context: LaunchContext, leader: str) -> Action:
    """It carries the leader's weight once `LEADER/gravity_compensation_enable` is called."""
    node = Node(
        package='interbotix_gravity_compensation',
        executable='interbotix_gravity_compensation',
        name='gravity_compensation',
        namespace='/'.join(filter(None, [value(context, 'namespace'), leader])),
        parameters=[{'motor_specs': exactly(str(_rig(context, 'leader_motor_specs.yaml')))}],
        output='screen',
        on_exit=ends_launch(f'gravity compensation of {leader}'),
    )
    return GroupAction([*outlasting(context, f'gravity_{leader}'), node])


def _cameras(context: LaunchContext) -> list[Action]:
    """One realsense2_camera node per camera, each on the topic that config/aloha.yaml gives it."""
    spec = RobotSpec.load()
    path = _rig(context, 'cameras.yaml')
    try:
        config = yaml.safe_load(path.read_text(encoding='utf-8'))
        parameters, serials = dict(config['parameters']), dict(config['serial_no'])
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise LaunchArgumentError(
            f'{path} cannot be used ({error!r}); it is written like {CONFIG / "cameras.yaml"}'
        ) from error
    chosen = cameras(context, list(spec.cameras))
    actions = _unknown_serials(
        [name for name in chosen if not serials.get(name)], path, value(context, 'enable')
    )
    namespace = value(context, 'namespace').strip('/')
    for name in chosen:
        topic = '/'.join(['', *filter(None, [namespace, spec.cameras[name].topic])])
        given = {**parameters, 'serial_no': str(serials.get(name) or '')}
        actions.append(
            Node(
                package='realsense2_camera',
                executable='realsense2_camera_node',
                name='camera',
                exec_name=name,
                namespace='/'.join(filter(None, [namespace, name])),
                parameters=[{key: exactly(item) for key, item in given.items()}],
                # A D405 says image_rect_raw, a model with an RGB sensor image_raw.
                remappings=[('~/color/image_rect_raw', topic), ('~/color/image_raw', topic)],
                output='screen',
                on_exit=ends_launch(f'the driver of {name}'),
                sigterm_timeout='5',  # also where the launch has patience with the arms' drivers
            )
        )
    return actions


def _unknown_serials(unknown: list[str], path: Path, enable: str) -> list[Action]:
    if not unknown:
        return []
    what = (
        f'{path} has no serial number for {", ".join(unknown)}: cameras may be swapped '
        '(rs-enumerate-devices -s lists them)'
    )
    if enable == 'true':
        raise LaunchArgumentError(f'enable:=true is refused: {what}')
    return [LogInfo(msg=f'WARNING: {what}')]


def _hardware(context: LaunchContext) -> list[Action]:
    spec = RobotSpec.load()
    leaders = [arm.leader for arm in spec.arms] if flag(context, 'leaders') else []
    packages = ['interbotix_xsarm_control', 'interbotix_xs_modules', 'realsense2_camera']
    _require(packages + (['interbotix_gravity_compensation'] if leaders else []))
    return [
        *(_arm(context, arm.follower, 'follower') for arm in spec.arms),
        *(_arm(context, leader, 'leader') for leader in leaders),
        *(_gravity_compensation(context, leader) for leader in leaders),
        *_cameras(context),
    ]


def generate_launch_description() -> LaunchDescription:
    """Declare the hardware's arguments, then start the drivers."""
    description = LaunchDescription(
        [
            *common_arguments(),
            leaders_argument('false'),
            argument('leader_model', 'aloha_wx250s', 'Aloha: Interbotix model of the leaders.'),
            argument(
                'follower_model', 'aloha_vx300s', 'Aloha: Interbotix model of the followers.'
            ),
            argument(
                'rig',
                str(CONFIG),
                'Aloha: absolute path of the folder that describes this rig (serial ports and modes of the arms, '
                'serial numbers of the cameras); copy config/hardware and change it.',
            ),
            argument(
                'enable',
                AUTO,
                'Whether the arms will be moved from the start; here: demand known cameras.',
                (AUTO, *BOOLEAN),
            ),
            OpaqueFunction(function=_hardware),
        ]
    )
    return checked(description)
