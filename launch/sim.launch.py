# SPDX-License-Identifier: Apache-2.0
"""The ALOHA in MuJoCo, with the topics and services of the real arms and cameras."""

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import GroupAction, OpaqueFunction
from launch.substitutions import LaunchConfiguration

from act_ros.launch_arguments import common_arguments, sim_arguments
from act_ros.launch_check import checked
from act_ros.launching import (
    act_node,
    cameras,
    first_camera,
    flag,
    labelled,
    number,
    value,
)


def _seed(context: LaunchContext) -> dict[str, int | str]:
    """Where the seeds begin; with auto, which only record.launch.py has, beyond those of its dataset."""
    dataset = LaunchConfiguration('dataset', default='').perform(context)
    if value(context, 'seed') == 'auto' and dataset:
        return {'seeds_after': str(Path(dataset).expanduser().absolute())}
    return {'seed': number(context, 'seed', int, 0)}


def _sim(context: LaunchContext) -> list[Action]:
    parameters = {
        'task': value(context, 'task'),
        **_seed(context),
        'episodes': number(context, 'episodes', int, 0),
        'operator': value(context, 'operator'),
        'auto_reset': flag(context, 'auto_reset'),
        'lockstep': flag(context, 'lockstep'),
        'cameras': cameras(context, first_camera()),
        'image_height': number(context, 'image_height', int, 0),
        'image_width': number(context, 'image_width', int, 0),
        'image_rate_hz': number(context, 'image_rate_hz', float, 1.0),
        'video': value(context, 'video'),
    }
    return [GroupAction([*labelled(context, 'sim'), act_node(context, 'sim', parameters)])]


def generate_launch_description() -> LaunchDescription:
    """Declare the simulator's arguments, then start it."""
    description = LaunchDescription(
        [*common_arguments(), *sim_arguments(), OpaqueFunction(function=_sim)]
    )
    return checked(description)
