# SPDX-License-Identifier: Apache-2.0
"""What a launch file looks at before it starts anything: its arguments, the keys, and what killed processes have left.

`launch` itself takes arguments that there are not without a word: a misspelt `seedd:=7` would run with the default seed.
"""

from __future__ import annotations

import difflib
import runpy
from collections.abc import Iterable
from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction, SetLaunchConfiguration

from act_ros.launching import LaunchArgumentError, with_keys
from act_ros.shared_memory import remove_leftovers
from act_ros.text import shown

CHECKED = 'act_ros_arguments_checked'
"""Set once the launch file that a person named has looked; those that it includes get its arguments, too."""
LAUNCHS_OWN = {
    *(
        'launch-prefix',
        'launch-prefix-filter',
        'sigterm_timeout',
        'sigkill_timeout',
        'emulate_tty',
    ),
    *('log_level', 'output', 'output_format', 'ros_namespace', 'use_sim_time'),
}
"""Names that `launch` and `launch_ros` themselves give a meaning."""


def checked(description: LaunchDescription, *included: Path) -> LaunchDescription:
    """A description that first refuses arguments it does not have, takes the keys, frees shared memory that nobody uses.

    Args:
        description: of a launch file of this suite.
        included: the launch files of this suite that it includes.
    """
    known = _names(description)
    for path in included:
        known |= _names(runpy.run_path(str(path))['generate_launch_description']())

    def check(context: LaunchContext) -> list[Action]:
        given = dict(context.launch_configurations)
        if CHECKED in given:
            return []
        told = [*unknown(given, known), *freed()]
        return [
            SetLaunchConfiguration(CHECKED, 'true'),
            *with_keys(given.get('keystore', '')),
            *(LogInfo(msg=line) for line in told),
        ]

    return LaunchDescription([OpaqueFunction(function=check), *description.entities])


def unknown(given: Iterable[str], known: set[str]) -> list[str]:
    """A line for each name that is none of `known`.

    Raises:
        LaunchArgumentError: one is nearly the name of an argument, which was meant.
    """
    lines = []
    for name in sorted(set(given) - known - LAUNCHS_OWN):
        near = difflib.get_close_matches(name, sorted(known), 1, 0.75)
        if near:
            raise LaunchArgumentError(
                f'{shown(name)} is no argument of this launch file; is {near[0]} meant? --show-args lists them'
            )
        # It may belong to a launch file that includes this one.
        lines.append(
            f'WARNING: {shown(name)} is no argument of this launch file, and has no effect in it'
        )
    return lines


def freed() -> list[str]:
    """Free what killed processes have left; a line on it where it is worth one."""
    size = remove_leftovers() / 1e6
    return (
        [f'{size:.0f} MB of shared memory that killed processes had left are freed']
        if size >= 1
        else []
    )


def _names(description: LaunchDescription) -> set[str]:
    return {e.name for e in description.entities if isinstance(e, DeclareLaunchArgument)}
