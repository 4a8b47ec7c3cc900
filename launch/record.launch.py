# SPDX-License-Identifier: Apache-2.0
"""Record demonstrations: leaders move the followers, every episode becomes an ALOHA HDF5 file."""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import (
    DeclareLaunchArgument,
    GroupAction,
    IncludeLaunchDescription,
    OpaqueFunction,
    SetLaunchConfiguration,
)
from launch.conditions import IfCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PythonExpression

from act_ros.nodes.bringup import (
    BOOLEAN,
    act_node,
    cameras,
    common_arguments,
    flag,
    number,
    recorder,
    value,
)
from act_ros.robot.spec import RobotSpec

HERE = Path(__file__).parent


def _record(context: LaunchContext) -> list[Action]:
    simulated = value(context, 'robot') == 'sim'
    task = value(context, 'task')
    parameters = {
        'task': task,
        'dataset': value(context, 'dataset') or f'data/{task}',
        'episodes': number(context, 'episodes', int, 0),
        'length': number(context, 'length', int, 0),
        'keep_failures': flag(context, 'keep_failures'),
        'cameras': cameras(context, ['cam_high'] if simulated else list(RobotSpec.load().cameras)),
    }
    return [
        act_node(context, 'teleop', {}, use_sim_time=simulated),
        recorder(context, parameters),
    ]


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments, bring up the robot, then teleoperation and the recorder."""
    robot = LaunchConfiguration('robot')
    return LaunchDescription(
        [
            *common_arguments(),
            # With a real robot any name will do: only sim.launch.py limits the choice.
            DeclareLaunchArgument(
                'task',
                default_value='transfer_cube',
                description='Sim: transfer_cube or insertion; aloha: the name that is written into recorded episodes.',
            ),
            DeclareLaunchArgument(
                'episodes',
                default_value='50',
                description='Episodes to keep; then everything ends. 0: until Ctrl+C.',
            ),
            DeclareLaunchArgument(
                'dataset',
                default_value='',
                description='Folder for the episodes; empty: data/TASK, where you are.',
            ),
            DeclareLaunchArgument(
                'length',
                default_value='0',
                description="Ticks of 20 ms in an episode; 0: as long as the task's (400 or 500).",
            ),
            DeclareLaunchArgument(
                'keep_failures',
                default_value='false',
                choices=BOOLEAN,
                description='Keep the episodes in which the task was not done, too; they are marked.',
            ),
            DeclareLaunchArgument(
                'operator',
                default_value='scripted',
                choices=('none', 'scripted'),
                description='Sim: who moves the leader arms; scripted: a program that does the task.',
            ),
            DeclareLaunchArgument(
                'leaders',
                default_value='true',
                choices=BOOLEAN,
                description='Aloha: start the leader arms and their gravity compensation, too.',
            ),
            # The recorder counts the episodes, those that are kept; the simulator goes on meanwhile.
            GroupAction(
                [
                    SetLaunchConfiguration('episodes', '0'),
                    IncludeLaunchDescription(
                        PythonLaunchDescriptionSource(str(HERE / 'sim.launch.py'))
                    ),
                ],
                condition=IfCondition(PythonExpression(["'", robot, "' == 'sim'"])),
            ),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(HERE / 'hardware.launch.py')),
                condition=IfCondition(PythonExpression(["'", robot, "' == 'aloha'"])),
            ),
            OpaqueFunction(function=_record),
        ]
    )
