# SPDX-License-Identifier: Apache-2.0
"""Run a trained policy at 50 Hz on the simulated or the real ALOHA."""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetLaunchConfiguration

from act_ros.launch_arguments import (
    AUTO,
    BOOLEAN,
    SIM_TASKS,
    argument,
    auto_reset_argument,
    common_arguments,
    enable_argument,
    engine_arguments,
    stop_arguments,
    task_argument,
)
from act_ros.launch_check import checked
from act_ros.launching import (
    LaunchArgumentError,
    act_node,
    bring_up,
    cameras,
    examined,
    flag,
    guard,
    guarded,
    number,
    recorder,
    stop_parameters,
    value,
)
from act_ros.policy.errors import PolicyError
from act_ros.policy.folder import read_config
from act_ros.policy.library import Library, shipped_policy
from act_ros.policy.robot_fit import Terms
from act_ros.robot.spec import RobotSpec

HERE = Path(__file__).parent


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
    try:
        _terms(context).check(config, RobotSpec.load())
    except PolicyError as error:
        raise LaunchArgumentError(f'{name} is no policy for this robot: {error}') from error
    if task == AUTO:
        task = config.task or 'not named'
        task = SIM_TASKS[0] if simulated and task not in SIM_TASKS else task
    chosen = {'checkpoint': name, 'task': task}
    if simulated and value(context, 'cameras') == AUTO:
        chosen['cameras'] = ','.join(config.cameras)
    return [SetLaunchConfiguration(*item) for item in chosen.items()]


def _terms(context: LaunchContext) -> Terms:
    """On what terms a policy may run: a robot of metal takes nothing for granted."""
    simulated = value(context, 'robot') == 'sim'
    return Terms(
        rate_hz=number(context, 'policy_rate_hz', float, 0.0),
        assume_rate=simulated,
        sim_to_real=simulated or flag(context, 'sim_to_real'),
    )


def _policy(context: LaunchContext) -> list[Action]:
    simulated = value(context, 'robot') == 'sim'
    enable, terms = value(context, 'enable'), _terms(context)
    parameters = {
        'checkpoint': value(context, 'checkpoint'),
        'models_dir': value(context, 'models_dir'),
        'allow_any_path': flag(context, 'allow_any_path'),
        'assume_rate': terms.assume_rate,
        'sim_to_real': terms.sim_to_real,
        'policy_rate_hz': terms.rate_hz,
        'enable': simulated if enable == 'auto' else enable == 'true',
        'autostart': flag(context, 'autostart'),
        'ensemble': value(context, 'ensemble'),
        'inference': value(context, 'inference'),
        **{name: value(context, name) for name in ('device', 'engine', 'precision')},
        'task': value(context, 'task') if simulated else '',
        **stop_parameters(context),
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
    return examined(context, nodes) if enable == 'true' and not simulated else nodes


def _checkpoint_arguments() -> list[DeclareLaunchArgument]:
    """Which policy, and on what terms."""
    return [
        argument(
            'checkpoint',
            AUTO,
            'Policy to run: a name in models_dir, or the path of its folder. auto, in sim only: the '
            'shipped one for the task. Later: ros2 param set /act/policy checkpoint NAME.',
        ),
        argument(
            'models_dir',
            '',
            "Folder of the policies; empty: models/ where you are, then the suite's own.",
        ),
        argument(
            'allow_any_path',
            'false',
            'Let the checkpoint be changed later to paths outside models_dir, too.',
            BOOLEAN,
        ),
        argument(
            'policy_rate_hz',
            '0',
            'Control rate in Hz of the data that the policy was trained on, where it states none: with '
            'robot:=aloha such a policy does not start without it. 0: not known. It is written nowhere.',
        ),
        argument(
            'sim_to_real',
            'false',
            'Run a policy that learned from simulated demonstrations on the robot, which is refused otherwise.',
            BOOLEAN,
        ),
    ]


def _arguments() -> list[DeclareLaunchArgument]:
    return [
        auto_reset_argument('true'),
        task_argument(AUTO, ' auto: the task that the policy was trained for.'),
        *_checkpoint_arguments(),
        enable_argument('policy'),
        argument(
            'autostart',
            'true',
            'Load the policy at the start. false, for a lifecycle manager: nothing is loaded and nothing moves before '
            'ros2 lifecycle set /act/policy configure, then activate.',
            BOOLEAN,
        ),
        *stop_arguments(),
        argument(
            'ensemble',
            'oldest',
            'Temporal ensemble: which prediction weighs most; none: execute chunks one after the other.',
            ('oldest', 'newest', 'none'),
        ),
        argument(
            'inference',
            'async',
            'async: beside the 50 Hz loop, as fast as it can; sync: one inference per tick, which the tick waits for; '
            'auto: sync where the engine is fast enough for it, else async.',
            ('async', 'sync', 'auto'),
        ),
        *engine_arguments(),
        argument(
            'record',
            '',
            'Folder to record the episodes of the policy into, failures too; empty: none.',
        ),
    ]


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments, bring up the robot, then the policy."""
    description = LaunchDescription(
        [
            *common_arguments(),
            *_arguments(),
            OpaqueFunction(function=_choose),
            OpaqueFunction(function=guarded),
            *bring_up(HERE / 'sim.launch.py', HERE / 'hardware.launch.py'),
            OpaqueFunction(function=_policy),
        ]
    )
    return checked(description, HERE / 'sim.launch.py', HERE / 'hardware.launch.py')
