# SPDX-License-Identifier: Apache-2.0
"""
Stand-ins for the drivers' packages, which write down how they were called, and a rig of one's own.

They have the names, arguments and nodes of Interbotix's xsarm_control.launch.py and of the helper in
interbotix_xs_modules; where those packages are installed, a rig is better tested with them.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import yaml

from act_ros.paths import share_dir

XS_LAUNCH = """
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration


def declare_interbotix_xsarm_robot_description_launch_arguments(*, base_link_frame='base_link', use_world_frame='true'):
    return [
        DeclareLaunchArgument('base_link_frame', default_value=base_link_frame),
        DeclareLaunchArgument('use_world_frame', default_value=use_world_frame, choices=('true', 'false')),
        DeclareLaunchArgument('robot_description', default_value=[
            'URDF of ', LaunchConfiguration('robot_model'), ' for ', LaunchConfiguration('robot_name'),
            ' world ', LaunchConfiguration('use_world_frame')]),
    ]
"""
XSARM_CONTROL = """
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare
from interbotix_xs_modules.xs_launch import declare_interbotix_xsarm_robot_description_launch_arguments


def setup(context):
    names = ('motor_configs', 'mode_configs', 'load_configs', 'robot_description')
    return [Node(
        package='interbotix_xs_sdk', executable='xs_sdk', name='xs_sdk', namespace=LaunchConfiguration('robot_name'),
        parameters=[{name: LaunchConfiguration(name) for name in names}], output={'both': 'screen'})]


def generate_launch_description():
    return LaunchDescription([
        DeclareLaunchArgument('robot_model', choices=('aloha_wx250s', 'aloha_vx300s')),
        DeclareLaunchArgument('robot_name', default_value=LaunchConfiguration('robot_model')),
        DeclareLaunchArgument('use_rviz', default_value='true', choices=('true', 'false')),
        DeclareLaunchArgument('motor_configs', default_value=[PathJoinSubstitution([
            FindPackageShare('interbotix_xsarm_control'), 'config', LaunchConfiguration('robot_model')]), '.yaml']),
        DeclareLaunchArgument('mode_configs', default_value='modes.yaml'),
        DeclareLaunchArgument('load_configs', default_value='true', choices=('true', 'false')),
        *declare_interbotix_xsarm_robot_description_launch_arguments(),
        OpaqueFunction(function=setup),
    ])
"""
DRIVER = f"""#!{sys.executable} -IS
import json, os, signal, sys

signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
arguments = sys.argv[1:]
files = [arguments[i + 1] for i, word in enumerate(arguments) if word == '--params-file']
rules = dict(arguments[i + 1].split(':=', 1) for i, word in enumerate(arguments) if word == '-r')
seen = {{'package': os.path.basename(os.path.dirname(sys.argv[0])), 'executable': os.path.basename(sys.argv[0]),
        'arguments': arguments[:arguments.index('--ros-args')], 'rules': rules,
        'enclave': os.environ.get('ROS_SECURITY_ENCLAVE_OVERRIDE') or arguments[arguments.index('--enclave') + 1],
        'files': [open(file).read() for file in files], 'session': os.getsid(0)}}
path = os.path.join(os.environ['CALLS'], str(os.getpid()))
with open(path + '.part', 'w') as out:
    json.dump(seen, out)
os.rename(path + '.part', path + '.json')
print('driver is up', flush=True)
signal.pause()
"""
"""Of Python itself alone (-IS), since a rig has fourteen of them."""


def calls_of(drivers: dict[str, str]) -> dict[str, dict[str, Any]]:
    """How the drivers were called, by the full names of their nodes."""
    result = {}
    for path in Path(drivers['CALLS']).glob('*.json'):
        call = json.loads(path.read_text(encoding='utf-8'))
        namespace = call['rules']['__ns'].rstrip('/')
        call['parameters'] = {}
        for text in call['files']:
            for entry in yaml.safe_load(text).values():
                call['parameters'].update(entry['ros__parameters'])
        result[f'{namespace}/{call["rules"]["__node"]}'] = call
    return result


def own_rig(folder: Path, serials: dict[str, str]) -> Path:
    """A copy of config/hardware with these serial numbers."""
    rig = folder / 'rig'
    shutil.copytree(share_dir() / 'config' / 'hardware', rig)
    path = rig / 'stationary.yaml'
    changed = yaml.safe_load(path.read_text(encoding='utf-8'))
    for name, serial in serials.items():
        changed['cameras'][name]['serial_no'] = serial
    path.write_text(yaml.safe_dump(changed), encoding='utf-8')
    return rig
