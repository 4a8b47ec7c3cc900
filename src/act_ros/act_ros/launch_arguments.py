# SPDX-License-Identifier: Apache-2.0
"""The arguments that more than one launch file has: one home of their choices and words.

A launch file that includes another declares an argument of its first where its default differs; the first counts.
"""

from __future__ import annotations

from collections.abc import Iterable

from launch.actions import DeclareLaunchArgument

from act_ros.policy.engines.choice import DEVICES, ENGINES, PRECISIONS

BOOLEAN = ('true', 'false')
AUTO = 'auto'
SIM_TASKS = ('transfer_cube', 'insertion')
"""What can be simulated. The simulator itself cannot be asked: a launch file has only what ROS has."""
LOG_LEVELS = ('debug', 'info', 'warn', 'error', 'fatal')


def argument(
    name: str, default: str | None, description: str, choices: Iterable[str] | None = None
) -> DeclareLaunchArgument:
    """Declare an argument; it is required where `default` is None."""
    return DeclareLaunchArgument(
        name, default_value=default, description=description, choices=choices
    )


def common_arguments() -> list[DeclareLaunchArgument]:
    """Arguments of every launch file: robot, cameras, namespace, params_file, keystore, log_level."""
    return [
        argument(
            'robot',
            'sim',
            'sim: the ALOHA in MuJoCo; aloha: Interbotix arms, and cameras, as your rig says.',
            ('sim', 'aloha'),
        ),
        argument(
            'cameras',
            AUTO,
            'Cameras to use: names of config/aloha.yaml with commas between. auto: with robot:=aloha all; '
            'in sim, where rendering takes its time, those of the policy, or the first where none runs.',
        ),
        argument(
            'namespace',
            '',
            'Namespace of everything that is started, to have several robots on one network. '
            'The nodes are in NAMESPACE/act, the drivers and cameras in NAMESPACE.',
        ),
        argument(
            'params_file',
            '',
            'Absolute path of a yaml file with ROS parameters; they go before the other arguments.',
        ),
        argument(
            'keystore',
            '',
            'Folder with the keys of SROS 2: every program authenticates, encrypts, and has only the rights of its '
            'own key, or does not start; empty: as the shell says that starts this. See SECURITY.md.',
        ),
        argument(
            'log_level', 'info', 'Least severity of the log messages that are shown.', LOG_LEVELS
        ),
    ]


def task_argument(default: str, more: str = '') -> DeclareLaunchArgument:
    """The task. With a real robot any name will do: only sim.launch.py limits the choice."""
    return argument(
        'task',
        default,
        f'Sim: {" or ".join(SIM_TASKS)}; aloha: the name that is written into recorded episodes.{more}',
    )


def enable_argument(node: str) -> DeclareLaunchArgument:
    """Whether the node that leads the arms moves them from the start."""
    return argument(
        'enable',
        AUTO,
        'Let the arms move from the start; auto: in sim only. '
        f'Later: ros2 service call /act/{node}/enable std_srvs/srv/SetBool "{{data: true}}".',
        (AUTO, *BOOLEAN),
    )


def engine_arguments() -> list[DeclareLaunchArgument]:
    """What runs the policy's network."""
    words = {
        'device': (DEVICES, 'What the network runs on; auto: an NVIDIA GPU where there is one that works, else the CPU.'),
        'engine': (ENGINES, 'What runs the network; auto: the fastest that is installed and agrees with PyTorch in fp32.'),
        'precision': (PRECISIONS, 'What it computes in; auto: fp32 on the CPU, fp16 on a GPU.'),
    }  # fmt: skip
    return [argument(name, AUTO, text, choices) for name, (choices, text) in words.items()]


def stop_arguments() -> list[DeclareLaunchArgument]:
    """A joystick's button, or a pedal, that stops the arms."""
    return [
        argument(
            'stop_joy',
            '',
            'Topic of a joystick or pedal (sensor_msgs/Joy), as /joy, with a button that stops the robot; empty: none.',
        ),
        argument('stop_button', '0', 'Which of its buttons, from 0 on.'),
        argument(
            'stop_hold',
            'false',
            'The button has to be held: letting it go, or 0.5 s without a message, stops the robot.',
            BOOLEAN,
        ),
    ]


def leaders_argument(default: str) -> DeclareLaunchArgument:
    """Whether the leaders' drivers are started."""
    return argument(
        'leaders',
        default,
        'Aloha: start the leader arms and their gravity compensation, too.',
        BOOLEAN,
    )


def operator_argument(default: str) -> DeclareLaunchArgument:
    """Who moves the simulated leaders."""
    return argument(
        'operator',
        default,
        'Sim: who moves the leader arms; scripted: a program that does the task; none: who commands '
        'their drivers, and recording is a session as on the robot.',
        ('none', 'scripted'),
    )


def seed_argument(default: str, more: str = '') -> DeclareLaunchArgument:
    """Where the simulated objects lie."""
    return argument(
        'seed',
        default,
        f'Sim: seed of the first episode (where the objects lie); the next have the next seeds.{more}',
    )


def auto_reset_argument(default: str) -> DeclareLaunchArgument:
    """Whether the simulated world is set up anew by itself."""
    return argument(
        'auto_reset',
        default,
        'Sim: begin another episode after success or the time limit; with `episodes` always. Else the world stays '
        'as it is until somebody calls act/sim/reset.',
        BOOLEAN,
    )


def sim_arguments() -> list[DeclareLaunchArgument]:
    """What the simulator can be told."""
    return [
        argument('task', SIM_TASKS[0], 'Simulated task.', SIM_TASKS),
        seed_argument('0'),
        argument('episodes', '0', 'Sim: end after this many episodes; 0: go on until Ctrl+C.'),
        operator_argument('none'),
        auto_reset_argument('false'),
        argument(
            'lockstep',
            'false',
            'Sim: step only after each command, so that a seed gives the same episode every time.',
            BOOLEAN,
        ),
        argument('image_height', '0', 'Sim: pixels; 0: as the real camera (480).'),
        argument('image_width', '0', 'Sim: pixels; 0: as the real camera (640).'),
        argument('image_rate_hz', '50.0', 'Sim: images a second of each camera.'),
        argument('video', '', 'Sim: path of an mp4 to film the episodes into; empty: none.'),
    ]
