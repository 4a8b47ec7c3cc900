# SPDX-License-Identifier: Apache-2.0
"""Record demonstrations: leaders move the followers, every episode becomes an ALOHA HDF5 file."""

from collections.abc import Callable
from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import (
    DeclareLaunchArgument,
    LogInfo,
    OpaqueFunction,
    SetLaunchConfiguration,
)
from launch.events.process import ProcessExited

from act_ros.launch_arguments import (
    AUTO,
    BOOLEAN,
    SIM_TASKS,
    argument,
    auto_reset_argument,
    common_arguments,
    leaders_argument,
    operator_argument,
    seed_argument,
    stop_arguments,
    task_argument,
)
from act_ros.launch_check import checked
from act_ros.launching import (
    GO_TO_REST_S,
    act_node,
    bring_up,
    cameras,
    drivers_outlast,
    ends_launch,
    first_camera,
    flag,
    full_name,
    number,
    recorder,
    stop_parameters,
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
        'cameras': cameras(
            context, first_camera() if simulated else list(RobotSpec.load().cameras)
        ),
    }
    session = {
        'task': task,
        'episodes': episodes,
        'reset_time': number(context, 'reset_time', float, 0.0),
        'attended': attended,
        'sounds': flag(context, 'sounds') and attended,
        **stop_parameters(context),
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


def _arguments() -> list[DeclareLaunchArgument]:
    return [
        auto_reset_argument('true'),
        task_argument(SIM_TASKS[0]),
        argument('episodes', '50', 'Episodes to keep; then everything ends. 0: until Ctrl+C.'),
        argument('dataset', '', 'Folder for the episodes; empty: data/TASK, where you are.'),
        seed_argument(
            AUTO,
            ' auto: 1000, or the one after the last in the dataset; 0 to 999 are for evaluation.',
        ),
        argument(
            'length',
            '0',
            "Ticks of 20 ms in an episode; 0: with a scripted operator as long as the task's (400 or "
            '500), else until it is stopped.',
        ),
        argument(
            'reset_time',
            '5.0',
            'Seconds between two episodes to set the scene up; squeezing the grippers ends it earlier. '
            'Not for the scripted operator.',
        ),
        argument(
            'sounds',
            'true',
            'Tones at start, stop and fault (pw-play, paplay or aplay; else the terminal rings).',
            BOOLEAN,
        ),
        argument(
            'keep_failures',
            'false',
            'Scripted operator: keep the episodes in which the task was not done, too; they are marked.',
            BOOLEAN,
        ),
        operator_argument('scripted'),
        *stop_arguments(),
        leaders_argument('true'),
    ]


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments, bring up the robot, then teleoperation and the recorder."""
    description = LaunchDescription(
        [
            *common_arguments(),
            *_arguments(),
            OpaqueFunction(function=_dataset),
            OpaqueFunction(function=_attend),
            # The recorder counts the episodes, those that are kept; the simulator goes on meanwhile.
            *bring_up(HERE / 'sim.launch.py', HERE / 'hardware.launch.py', episodes='0'),
            OpaqueFunction(function=_record),
        ]
    )
    return checked(description, HERE / 'sim.launch.py', HERE / 'hardware.launch.py')
