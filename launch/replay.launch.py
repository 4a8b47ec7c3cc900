# SPDX-License-Identifier: Apache-2.0
"""Replay a recorded episode on the simulated or the real ALOHA: slowly to its first action, then as it was."""

import json
import subprocess
from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import OpaqueFunction, SetLaunchConfiguration

from act_ros.launch_arguments import (
    SIM_TASKS,
    argument,
    common_arguments,
    enable_argument,
    stop_arguments,
)
from act_ros.launch_check import checked
from act_ros.launching import (
    LaunchArgumentError,
    act_node,
    bring_up,
    examined,
    guard,
    guarded,
    program,
    stop_parameters,
    value,
)
from act_ros.robot.joint_names import ASKED, CHOICES

HERE = Path(__file__).parent


def _episode(context: LaunchContext) -> list[Action]:
    """Read the episode before anything starts; the simulator sets up its task and seed."""
    path = Path(value(context, 'episode')).expanduser().absolute()
    # In a process of its own: a damaged HDF5 file may end the one that reads it.
    order = value(context, 'joint_order')
    read = subprocess.run(
        [program('playback'), str(path), '--joint-order', order], capture_output=True, text=True
    )
    if read.returncode != 0:
        why = read.stderr.strip().splitlines()
        raise LaunchArgumentError(
            f'episode:={value(context, "episode")} cannot be replayed: '
            + (
                why[-1].removeprefix('playback: ')
                if why
                else f'reading it ended with {read.returncode}'
            )
        )
    found = json.loads(read.stdout)
    actions: list[Action] = [SetLaunchConfiguration('episode', str(path))]
    if value(context, 'robot') != 'sim':
        return actions
    actions.append(
        SetLaunchConfiguration('auto_reset', 'false')
    )  # the episode is played to its end
    if found['task'] in SIM_TASKS:
        actions.append(SetLaunchConfiguration('task', found['task']))
    if found['seed'] is not None:
        actions.append(SetLaunchConfiguration('seed', str(found['seed'])))
    return actions


def _replay(context: LaunchContext) -> list[Action]:
    simulated = value(context, 'robot') == 'sim'
    enable = value(context, 'enable')
    parameters = {
        'episode': value(context, 'episode'),
        'joint_order': value(context, 'joint_order'),
        'enable': simulated if enable == 'auto' else enable == 'true',
        **stop_parameters(context),
    }
    # Its own patience, since the drivers' is long: what hangs is ended, and then the arms go to rest.
    replay = act_node(context, 'replay', parameters, use_sim_time=simulated, sigterm_timeout='5')
    nodes = [replay, *guard(context, 'replay')]
    return examined(context, nodes) if enable == 'true' and not simulated else nodes


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments, bring up the robot, then the replay."""
    description = LaunchDescription(
        [
            *common_arguments(),
            argument(
                'episode',
                None,
                'Episode to replay: an HDF5 file in any dialect of ALOHA, or FOLDER/episode_N of a LeRobot dataset.',
            ),
            argument(
                'joint_order',
                ASKED,
                'Where the file names its joints in another order than this robot: as-stated puts them into '
                'the order of this robot; ours: its names are wrong. asked: such a file is refused.',
                (ASKED, *CHOICES),
            ),
            enable_argument('replay'),
            *stop_arguments(),
            OpaqueFunction(function=_episode),
            OpaqueFunction(function=guarded),
            *bring_up(HERE / 'sim.launch.py', HERE / 'hardware.launch.py'),
            OpaqueFunction(function=_replay),
        ]
    )
    return checked(description, HERE / 'sim.launch.py', HERE / 'hardware.launch.py')
