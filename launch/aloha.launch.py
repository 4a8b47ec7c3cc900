# SPDX-License-Identifier: Apache-2.0
"""Run a trained policy at 50 Hz on the simulated or the real ALOHA."""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    SetLaunchConfiguration,
)
from launch.conditions import IfCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PythonExpression

from act_ros.launching import (
    BOOLEAN,
    SIM_TASKS,
    LaunchArgumentError,
    act_node,
    cameras,
    common_arguments,
    flag,
    guard,
    guarded,
    recorder,
    value,
)
from act_ros.policy.folder import read_config
from act_ros.policy.library import Library, shipped_policy
from act_ros.policy.robot_fit import misfits
from act_ros.robot.spec import RobotSpec

HERE = Path(__file__).parent
AUTO = 'auto'


def _choose(context: LaunchContext) -> list[Action]:
    """Settle which policy does which task before anything starts; the simulator renders its cameras."""
    library = Library.of(value(context, 'models_dir'), anywhere=True)
    simulated, task = value(context, 'robot') == 'sim', value(context, 'task')
    if simulated and task not in (AUTO, *SIM_TASKS):
        raise LaunchArgumentError(f'task:={task} is not simulated; {" or ".join(SIM_TASKS)} is')
    name = value(context, 'checkpoint')
    if name == AUTO and not simulated:
        raise LaunchArgumentError(
            'a robot runs only a policy that is named: checkpoint:=NAME, or the path of its folder; there are: '
            + (', '.join(library.policies()) or 'none')
        )
    if name == AUTO:
        name = shipped_policy(SIM_TASKS[0] if task == AUTO else task)
    config = read_config(library.find(name))
    if reasons := misfits(config, RobotSpec.load()):
        raise LaunchArgumentError(f'{name} is no policy for this robot: {"; ".join(reasons)}')
    if task == AUTO:
        task = config.task or 'not named'
        task = SIM_TASKS[0] if simulated and task not in SIM_TASKS else task
    chosen = {'checkpoint': name, 'task': task}
    if simulated and value(context, 'cameras') == AUTO:
        chosen['cameras'] = ','.join(config.cameras)
    return [SetLaunchConfiguration(*item) for item in chosen.items()]


def _policy(context: LaunchContext) -> list[Action]:
    simulated = value(context, 'robot') == 'sim'
    enable = value(context, 'enable')
    parameters = {
        'checkpoint': value(context, 'checkpoint'),
        'models_dir': value(context, 'models_dir'),
        'allow_any_path': flag(context, 'allow_any_path'),
        'enable': simulated if enable == 'auto' else enable == 'true',
        'ensemble': value(context, 'ensemble'),
        'inference': value(context, 'inference'),
        'task': value(context, 'task') if simulated else '',
    }
    # Its own patience, since the drivers' is long: what hangs is ended, and then the arms go to rest.
    policy = act_node(context, 'policy', parameters, use_sim_time=simulated, sigterm_timeout='5')
    nodes = [policy, *guard(context, 'policy')]
    if value(context, 'record'):
        parameters = {
            'dataset': value(context, 'record'),
            'task': value(context, 'task'),
            'cameras': cameras(context, list(RobotSpec.load().cameras)),
            'keep_failures': True,
        }
        nodes.append(recorder(context, parameters))
    return nodes


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments, bring up the robot, then the policy."""
    robot = LaunchConfiguration('robot')
    return LaunchDescription(
        [
            *common_arguments(),
            # With a real robot any name will do: only sim.launch.py limits the choice.
            DeclareLaunchArgument(
                'task',
                default_value=AUTO,
                description='Sim: transfer_cube or insertion; aloha: the name that is written into recorded episodes. '
                'auto: the task that the policy was trained for.',
            ),
            DeclareLaunchArgument(
                'checkpoint',
                default_value=AUTO,
                description='Policy to run: a name in models_dir, or the path of its folder. auto, in sim only: the '
                'shipped one for the task. Later: ros2 param set /act/policy checkpoint NAME.',
            ),
            DeclareLaunchArgument(
                'models_dir',
                default_value='',
                description="Folder of the policies; empty: models/ where you are, then the suite's own.",
            ),
            DeclareLaunchArgument(
                'allow_any_path',
                default_value='false',
                choices=BOOLEAN,
                description='Let the checkpoint be changed later to paths outside models_dir, too.',
            ),
            DeclareLaunchArgument(
                'enable',
                default_value='auto',
                choices=('auto', 'true', 'false'),
                description='Let the policy move the arms from the start; auto: in sim only. '
                'Later: ros2 service call /act/policy/enable std_srvs/srv/SetBool "{data: true}".',
            ),
            DeclareLaunchArgument(
                'ensemble',
                default_value='oldest',
                choices=('oldest', 'newest', 'none'),
                description='Temporal ensemble: which prediction weighs most; none: execute chunks one after the other.',
            ),
            DeclareLaunchArgument(
                'inference',
                default_value='async',
                choices=('async', 'sync'),
                description='async: beside the 50 Hz loop, as fast as it can; sync: one inference per tick.',
            ),
            DeclareLaunchArgument(
                'record',
                default_value='',
                description='Folder to record the episodes of the policy into, failures too; empty: none.',
            ),
            OpaqueFunction(function=_choose),
            OpaqueFunction(function=guarded),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(HERE / 'sim.launch.py')),
                condition=IfCondition(PythonExpression(["'", robot, "' == 'sim'"])),
            ),
            IncludeLaunchDescription(
                PythonLaunchDescriptionSource(str(HERE / 'hardware.launch.py')),
                condition=IfCondition(PythonExpression(["'", robot, "' == 'aloha'"])),
            ),
            OpaqueFunction(function=_policy),
        ]
    )
