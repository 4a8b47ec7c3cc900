# SPDX-License-Identifier: Apache-2.0
"""The ALOHA in MuJoCo, with the topics and services of the real arms and cameras."""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import DeclareLaunchArgument, GroupAction, OpaqueFunction
from launch.substitutions import LaunchConfiguration

from act_ros.launching import (
    BOOLEAN,
    SIM_TASKS,
    act_node,
    cameras,
    common_arguments,
    flag,
    number,
    outlasting,
    value,
)


def _seed(context: LaunchContext) -> dict[str, int | str]:
    """Where the seeds begin; with auto, which only record.launch.py has, beyond those of its dataset."""
    dataset = LaunchConfiguration('dataset', default='').perform(context)
    if value(context, 'seed') == 'auto' and dataset:
        return {'seeds_after': str(Path(dataset).absolute())}
    return {'seed': number(context, 'seed', int, 0)}


def _sim(context: LaunchContext) -> list[Action]:
    parameters = {
        'task': value(context, 'task'),
        **_seed(context),
        'episodes': number(context, 'episodes', int, 0),
        'operator': value(context, 'operator'),
        'auto_reset': flag(context, 'auto_reset'),
        'lockstep': flag(context, 'lockstep'),
        'cameras': cameras(context, ['cam_high']),
        'image_height': number(context, 'image_height', int, 0),
        'image_width': number(context, 'image_width', int, 0),
        'image_rate_hz': number(context, 'image_rate_hz', float, 1.0),
        'video': value(context, 'video'),
    }
    return [GroupAction([*outlasting(context), act_node(context, 'sim', parameters)])]


def generate_launch_description() -> LaunchDescription:
    """Declare the simulator's arguments, then start it."""
    return LaunchDescription(
        [
            *common_arguments(),
            DeclareLaunchArgument(
                'task',
                default_value='transfer_cube',
                choices=SIM_TASKS,
                description='Simulated task.',
            ),
            DeclareLaunchArgument(
                'seed',
                default_value='0',
                description='Sim: seed of the first episode (where the objects lie); the next have the next seeds.',
            ),
            DeclareLaunchArgument(
                'episodes',
                default_value='0',
                description='Sim: end after this many episodes; 0: go on until Ctrl+C.',
            ),
            DeclareLaunchArgument(
                'operator',
                default_value='none',
                choices=('none', 'scripted'),
                description='Sim: who moves the leader arms; scripted: a program that does the task.',
            ),
            DeclareLaunchArgument(
                'auto_reset',
                default_value='true',
                choices=BOOLEAN,
                description='Sim: begin another episode after success or the time limit.',
            ),
            DeclareLaunchArgument(
                'lockstep',
                default_value='false',
                choices=BOOLEAN,
                description='Sim: step only after each command, so that a seed gives the same episode every time.',
            ),
            DeclareLaunchArgument(
                'image_height',
                default_value='0',
                description='Sim: pixels; 0: as the real camera (480).',
            ),
            DeclareLaunchArgument(
                'image_width',
                default_value='0',
                description='Sim: pixels; 0: as the real camera (640).',
            ),
            DeclareLaunchArgument(
                'image_rate_hz',
                default_value='50.0',
                description='Sim: images a second of each camera.',
            ),
            DeclareLaunchArgument(
                'video',
                default_value='',
                description='Sim: path of an mp4 to film the episodes into; empty: none.',
            ),
            OpaqueFunction(function=_sim),
        ]
    )
