# SPDX-License-Identifier: Apache-2.0
"""What the launch files share: how arguments are read, the robot brought up, and a node of this suite started.

It uses of `launch` and `launch_ros` only what Humble, Jazzy, Kilted and Lyrical all have.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ament_index_python.packages import get_package_prefix
from launch import LaunchContext
from launch.action import Action
from launch.actions import (
    EmitEvent,
    GroupAction,
    IncludeLaunchDescription,
    LogInfo,
    SetEnvironmentVariable,
    SetLaunchConfiguration,
    UnsetEnvironmentVariable,
)
from launch.conditions import IfCondition
from launch.events import Shutdown
from launch.events.process import ProcessExited
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.logging import launch_config
from launch.substitutions import LaunchConfiguration, PythonExpression
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from act_ros.exit_status import UNSAFE
from act_ros.robot.spec import RobotSpec
from act_ros.text import PrintableError

GO_TO_REST_S, DRIVERS_S = '86400', '86460'
"""Patience, in seconds, with what brings the arms to rest, and with what waits for it.

A day: where the arms cannot be brought to rest, they keep their torque until a person says that he holds them.
"""


ENCLAVE_OVERRIDE = 'ROS_SECURITY_ENCLAVE_OVERRIDE'
"""What names the enclave of programs that are not told one."""
DRIVERS_START_S = 60.0
"""Patience, in seconds, with drivers that are starting."""


class LaunchArgumentError(PrintableError, RuntimeError):
    """A launch argument has a value that cannot be used; the message names it and what to give instead."""


def bring_up(sim: Path, hardware: Path, **sim_only: str) -> list[Action]:
    """The robot by launch argument `robot`: one of these launch files; `sim_only` are values for the simulator alone."""

    def robot_is(name: str) -> IfCondition:
        return IfCondition(PythonExpression(["'", LaunchConfiguration('robot'), f"' == '{name}'"]))

    def included(path: Path, **options: Any) -> Action:
        return IncludeLaunchDescription(PythonLaunchDescriptionSource(str(path)), **options)

    simulator = included(sim, condition=robot_is('sim'))
    if sim_only:
        given = [SetLaunchConfiguration(*item) for item in sim_only.items()]
        simulator = GroupAction([*given, included(sim)], condition=robot_is('sim'))
    return [simulator, included(hardware, condition=robot_is('aloha'))]


def first_camera() -> list[str]:
    """The camera where rendering takes its time and no policy asks for others."""
    return list(RobotSpec.load().cameras)[:1]


def value(context: LaunchContext, name: str) -> str:
    """The text of launch argument `name`."""
    return LaunchConfiguration(name).perform(context)


def flag(context: LaunchContext, name: str) -> bool:
    """Launch argument `name`, one of BOOLEAN, as a bool."""
    return value(context, name) == 'true'


def number(context: LaunchContext, name: str, kind: type[int | float], least: float) -> Any:
    """Launch argument `name` as an int or float of at least `least`.

    Raises:
        LaunchArgumentError: it is another thing, or less.
    """
    text = value(context, name)
    try:
        result = kind(text)
    except ValueError:
        result = None
    if result is None or not result >= least:
        what = 'a whole number' if kind is int else 'a number'
        raise LaunchArgumentError(f'{name}:={text} is not {what} of at least {least:g}')
    return result


def cameras(context: LaunchContext, auto: Sequence[str]) -> list[str]:
    """The cameras that launch argument `cameras` names; `auto` are those it stands for when it is 'auto'.

    Raises:
        LaunchArgumentError: the robot has no such camera, or none is named.
    """
    text = value(context, 'cameras')
    given = (
        list(auto)
        if text == 'auto'
        else [part.strip() for part in text.split(',') if part.strip()]
    )
    known = RobotSpec.load().cameras
    if not given or not set(given) <= set(known):
        raise LaunchArgumentError(f'cameras:={text} is not auto or some of {",".join(known)}')
    return given


def act_node(
    context: LaunchContext,
    executable: str,
    parameters: Mapping[str, bool | float | str | list[str]],
    *,
    on_exit: Callable[[ProcessExited, LaunchContext], list[Action] | None] | None = None,
    use_sim_time: bool = False,
    **process: Any,
) -> Node:
    """An executable of this suite in NAMESPACE/act, with the arguments that all of them share.

    It gets no node name, since that would rename every node of the process: the executables name theirs. Its enclave
    is what SROS 2 knows the process by; without DDS security it means nothing.
    Two simulations side by side each have a clock, so with a namespace the clock is in it, too.
    """
    namespace = value(context, 'namespace').strip('/')
    given = {
        name: exactly(item) for name, item in {**parameters, 'use_sim_time': use_sim_time}.items()
    }
    place = f'{namespace}/act' if namespace else 'act'
    return Node(
        package='act_ros',
        executable=executable,
        namespace=place,
        parameters=[given, *_params_file(context)],
        remappings=[('/clock', f'/{namespace}/clock')] if namespace else [],
        ros_arguments=['--log-level', value(context, 'log_level'), *enclave(place, executable)],
        output='screen',
        on_exit=on_exit or ends_launch(executable),
        **process,
    )


def enclave(*names: str) -> list[str]:
    """The argument of a process that says which enclave of SROS 2 it is, as /act/policy: its rights are that one's."""
    return ['--enclave', '/' + '/'.join(filter(None, (name.strip('/') for name in names)))]


def with_keys(keystore: str) -> list[Action]:
    """What makes all that is started use the keys of an SROS 2 keystore; '' changes nothing.

    Raises:
        LaunchArgumentError: the folder is no keystore.
    """
    if not keystore:
        return []
    path = Path(keystore).expanduser().absolute()
    if not (path / 'enclaves').is_dir():
        raise LaunchArgumentError(
            f'keystore:={keystore} is no keystore of SROS 2: {path / "enclaves"} is not there. '
            f'Make one: ros2 security create_keystore {path} (SECURITY.md has the next step)'
        )
    security = {'KEYSTORE': str(path), 'ENABLE': 'true', 'STRATEGY': 'Enforce'}
    return [
        *(SetEnvironmentVariable(f'ROS_SECURITY_{key}', item) for key, item in security.items()),
        # Of the shell's, as a person has it: it would give all programs one key.
        UnsetEnvironmentVariable(ENCLAVE_OVERRIDE),
    ]


def stop_parameters(context: LaunchContext) -> dict[str, bool | float | str | list[str]]:
    """Parameters, of a node that commands the arms, for what `stop_arguments` declares."""
    return {
        'stop_joy': value(context, 'stop_joy'),
        'stop_button': number(context, 'stop_button', int, 0),
        'stop_hold': flag(context, 'stop_hold'),
    }


def recorder(
    context: LaunchContext, parameters: Mapping[str, bool | float | str | list[str]]
) -> Node:
    """The recorder, which is given the time to finish the file of an open episode when all ends."""
    simulated = value(context, 'robot') == 'sim'
    return act_node(context, 'recorder', parameters, use_sim_time=simulated, sigterm_timeout='60')


def program(name: str) -> str:
    """Path of an executable of this suite.

    It runs in this suite's Python. The `ros2` of an installed ROS 2 doesn't: its Python, which is
    `sys.executable` in a launch file, sees nothing of what the set-up has installed.
    """
    return str(Path(get_package_prefix('act_ros'), 'lib', 'act_ros', name))


def exactly(item: bool | float | str | list[str]) -> Any:
    """A parameter with just this value: launch would read a text like '1234' or 'on' as yaml otherwise."""
    return ParameterValue(item, value_type=str) if isinstance(item, str) else item


def ends_launch(what: str) -> Callable[[ProcessExited, LaunchContext], list[Action] | None]:
    """The answer to the end of a process without which the rest is of no use: everything ends.

    A process that failed makes the launch fail, so that a script sees it.
    """

    def on_exit(event: ProcessExited, context: LaunchContext) -> list[Action] | None:
        if context.is_shutdown:
            return None
        if event.returncode != 0:
            raise RuntimeError(
                f'{what} ended with exit code {event.returncode} (its last lines are above); stopping the rest'
            )
        return [EmitEvent(event=Shutdown(reason=f'{what} has finished'))]

    return on_exit


def examined(context: LaunchContext, then: list[Action]) -> list[Action]:
    """What moves the arms of a robot from the start: once the doctor has looked, and not where that is unsafe."""

    def on_exit(event: ProcessExited, context: LaunchContext) -> list[Action] | None:
        if event.returncode == UNSAFE:
            raise RuntimeError('the arms are not moved: the doctor says above what is UNSAFE')
        return None if context.is_shutdown else then

    look: dict[str, bool | float | str | list[str]] = {'robot': 'aloha', 'wait_s': DRIVERS_START_S}
    return [act_node(context, 'doctor', look, on_exit=on_exit)]


def full_name(context: LaunchContext, node: str) -> str:
    """The name of a node of this suite, with the namespace that it is launched in."""
    return '/'.join(['', *filter(None, [value(context, 'namespace').strip('/'), f'act/{node}'])])


def drivers_outlast(context: LaunchContext, node: str) -> list[Action]:
    """Let the drivers end after `node`, which brings the arms to rest first; before the drivers are started."""
    return [
        SetLaunchConfiguration('outlast', full_name(context, node)),
        # Read when all ends, so it has to be set for the whole launch.
        SetLaunchConfiguration('sigterm_timeout', DRIVERS_S),
    ]


def guarded(context: LaunchContext) -> list[Action]:
    """Let the drivers of a real robot outlast the guard, see `guard`."""
    return [] if value(context, 'robot') == 'sim' else drivers_outlast(context, 'guard')


def guard(context: LaunchContext, leading: str) -> list[Action]:
    """What brings the arms of a real robot to rest once the node `leading` has ended."""
    if value(context, 'robot') == 'sim':
        return []

    def on_exit(event: ProcessExited, context: LaunchContext) -> list[Action] | None:
        if event.returncode in (0, 1) or context.is_shutdown:  # 1: it could not begin
            return ends_launch('guard')(event, context)
        what = f'the guard of the arms died (exit code {event.returncode}); it is started again'
        return [LogInfo(msg=f'ERROR: {what}'), *guard(context, leading)]

    after = {'after': full_name(context, leading)}
    return [act_node(context, 'guard', after, on_exit=on_exit, sigterm_timeout=GO_TO_REST_S)]


def labelled(context: LaunchContext, label: str) -> list[Action]:
    """What, in a group, makes launch's log call its processes by the label, in the place of their programs' names.

    They outlast the node that launch configuration `outlast` names, if any. Launch's log calls a process by the first
    word of its command: here a script of that name, in the log's folder, which is this launch's own.
    """
    node = LaunchConfiguration('outlast', default='').perform(context)
    first = [program('outlast'), node, '--'] if node else []
    script = Path(launch_config.log_dir, label)
    script.write_text(f'#!/bin/sh\nexec {shlex.join(first)} "$@"\n', encoding='utf-8')
    script.chmod(0o755)
    return [SetLaunchConfiguration('launch-prefix', shlex.quote(str(script)))]


def _params_file(context: LaunchContext) -> list[str]:
    text = value(context, 'params_file')
    if not text:
        return []
    path = Path(os.path.expanduser(text))  # noqa: PTH111 - pathlib's raises
    if not path.is_absolute() or not path.is_file():
        raise LaunchArgumentError(f'params_file:={text} is not the absolute path of a file')
    return [str(path)]
