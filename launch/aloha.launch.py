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

from act_ros.nodes.bringup import (
    BOOLEAN,
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
from act_ros.policy.library import Library
from act_ros.robot.spec import RobotSpec

HERE = Path(__file__).parent


def _checkpoint(context: LaunchContext) -> list[Action]:
    """Read the policy's configuration before anything starts; the simulator renders its cameras."""
    library = Library.of(value(context, 'models_dir'), anywhere=True)
    config = read_config(library.find(value(context, 'checkpoint')))
    if value(context, 'robot') != 'sim' or value(context, 'cameras') != 'auto':
        return []
    return [SetLaunchConfiguration('cameras', ','.join(config.cameras))]


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
                default_value='transfer_cube',
                description='Sim: transfer_cube or insertion; aloha: the name that is written into recorded episodes.',
            ),
            DeclareLaunchArgument(
                'checkpoint',
                default_value='aloha_sim_transfer_cube',
                description='Policy to run: a name in models_dir, or the path of its folder. '
                'Later: ros2 param set /act/policy checkpoint NAME.',
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
            OpaqueFunction(function=_checkpoint),
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
