# SPDX-License-Identifier: Apache-2.0
"""Record demonstrations: leaders move the followers, every episode becomes an ALOHA HDF5 file."""

from collections.abc import Callable
from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import (
    DeclareLaunchArgument,
    GroupAction,
    IncludeLaunchDescription,
    LogInfo,
    OpaqueFunction,
    SetLaunchConfiguration,
)
from launch.conditions import IfCondition
from launch.events.process import ProcessExited
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PythonExpression

from act_ros.launching import (
    BOOLEAN,
    GO_TO_REST_S,
    act_node,
    cameras,
    common_arguments,
    drivers_outlast,
    ends_launch,
    flag,
    full_name,
    number,
    recorder,
    value,
)
from act_ros.robot.spec import RobotSpec

HERE = Path(__file__).parent


def _attended(context: LaunchContext) -> bool:
    """Whether a person leads the leader arms."""
    return value(context, 'robot') != 'sim' or value(context, 'operator') != 'scripted'


def _dataset(context: LaunchContext) -> list[Action]:
    """Where the episodes go, for the recorder, and for the simulator, whose seeds go on after theirs."""
    folder = value(context, 'dataset') or f'data/{value(context, "task")}'
    return [SetLaunchConfiguration('dataset', folder)]


def _attend(context: LaunchContext) -> list[Action]:
    """The drivers, simulated or not, end after the session, which brings the arms to rest first."""
    if not _attended(context):
        return []
    return [
        *drivers_outlast(context, 'session'),
        SetLaunchConfiguration('auto_reset', 'false'),  # the session sets the scene up
    ]


def _record(context: LaunchContext) -> list[Action]:
    simulated, attended = value(context, 'robot') == 'sim', _attended(context)
    task, episodes = value(context, 'task'), number(context, 'episodes', int, 0)
    recording = {
        'task': task,
        'dataset': value(context, 'dataset'),
        'episodes': 0
        if attended
        else episodes,  # a session counts by itself: the last may be redone
        'length': number(context, 'length', int, 0),
        'keep_failures': flag(context, 'keep_failures'),
        'follow': not attended,
        'cameras': cameras(context, ['cam_high'] if simulated else list(RobotSpec.load().cameras)),
    }
    session = {
        'task': task,
        'episodes': episodes,
        'reset_time': number(context, 'reset_time', float, 0.0),
        'attended': attended,
        'sounds': flag(context, 'sounds') and attended,
    }
    return [
        act_node(
            *(context, 'session', session),
            use_sim_time=simulated,
            on_exit=None if simulated else _stays(context),
            sigterm_timeout=GO_TO_REST_S,
        ),
        recorder(context, recording),
    ]


def _stays(context: LaunchContext) -> Callable[..., list[Action] | None]:
    """A session that died can't bring the arms to rest, and they would drop if their drivers ended, too."""
    end = ends_launch('session')
    rest = f'ros2 run act_ros rest --ros-args -r __ns:={full_name(context, "session").rpartition("/")[0]}'

    def on_exit(event: ProcessExited, context: LaunchContext) -> list[Action] | None:
        if event.returncode in (0, 1) or context.is_shutdown:  # 1: nothing was moved yet
            return end(event, context)
        what = (
            f'ERROR: the session died (exit code {event.returncode}) and the arms are NOT at rest. The drivers '
            f'go on: followers hold, leaders float. Take the leaders, and in another terminal: {rest}\n'
            'Then press Ctrl+C here.'
        )
        return [LogInfo(msg=what)]

    return on_exit


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
                'seed',
                default_value='auto',
                description='Sim: seed of the first episode; the next have the next seeds. auto: 1000, or the one after '
                'the last in the dataset; 0 to 999 are for evaluation.',
            ),
            DeclareLaunchArgument(
                'length',
                default_value='0',
                description="Ticks of 20 ms in an episode; 0: with a scripted operator as long as the task's (400 or "
                '500), else until it is stopped.',
            ),
            DeclareLaunchArgument(
                'reset_time',
                default_value='5.0',
                description='Seconds between two episodes to set the scene up; squeezing the grippers ends it earlier. '
                'Not for the scripted operator.',
            ),
            DeclareLaunchArgument(
                'sounds',
                default_value='true',
                choices=BOOLEAN,
                description='Tones at start, stop and fault (pw-play, paplay or aplay; else the terminal rings).',
            ),
            DeclareLaunchArgument(
                'keep_failures',
                default_value='false',
                choices=BOOLEAN,
                description='Scripted operator: keep the episodes in which the task was not done, too; they are marked.',
            ),
            DeclareLaunchArgument(
                'operator',
                default_value='scripted',
                choices=('none', 'scripted'),
                description='Sim: who moves the leader arms; scripted: a program that does the task; none: a session as '
                'on the robot, for who moves the simulated leaders by their drivers.',
            ),
            DeclareLaunchArgument(
                'leaders',
                default_value='true',
                choices=BOOLEAN,
                description='Aloha: start the leader arms and their gravity compensation, too.',
            ),
            OpaqueFunction(function=_dataset),
            OpaqueFunction(function=_attend),
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
