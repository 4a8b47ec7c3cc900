# SPDX-License-Identifier: Apache-2.0
"""The joints that an episode's file names, against this robot's: compared, and put into its order when asked."""

from __future__ import annotations

import os
from functools import cache

from act_ros.data.errors import EpisodeError
from act_ros.data.formats.base import Episode
from act_ros.robot.joint_names import JointOrder, read_joint_order
from act_ros.robot.spec import ROBOT, RobotSpec

OPTION = '--joint-order {}'
UNNAMED = 'the files name no joints; they are taken to be in the order of this robot'


def this_robot() -> RobotSpec:
    """The robot that data is for, read once: see `RobotSpec.load`."""
    return _robot(os.environ.get(ROBOT, ''))


@cache
def _robot(path: str) -> RobotSpec:
    return RobotSpec.load(path or None)


def orders(episode: Episode, spec: RobotSpec) -> tuple[JointOrder, JointOrder]:
    """What the file states of qpos and of action; where it says nothing of one, the other speaks for both."""
    widths = [
        values.shape[1] if values.ndim == 2 else 0 for values in (episode.qpos, episode.action)
    ]
    state, action = (
        read_joint_order(names, width, spec)
        for names, width in zip((episode.state_names, episode.action_names), widths, strict=True)
    )
    same = widths[0] == widths[1]
    return (
        action if state.silent and same else state,
        state if action.silent and same else action,
    )


def named(episode: Episode, spec: RobotSpec) -> bool:
    """Whether the file says which joints its vectors are of."""
    return not all(order.silent for order in orders(episode, spec))


def trouble(episode: Episode, spec: RobotSpec, option: str = OPTION) -> str:
    """What the file states that is not this robot's, with the way out; '' where all is well.

    Args:
        episode: as its file states it.
        spec: the robot.
        option: how the answer is given, with {} for it.
    """
    state, action = orders(episode, spec)
    wrong = {
        what: order.difference(spec)
        for what, order in (('qpos', state), ('action', action))
        if order.other
    }
    if not wrong:
        return ''
    if len(set(wrong.values())) == 1 and len(wrong) == 2:
        text = f'the joints that it states: {wrong["qpos"]}'
    else:
        text = '; '.join(
            f'the joints that it states for {what}: {why}' for what, why in wrong.items()
        )
    known = all(order.places is not None for order in (state, action) if order.other)
    ours = f'{option.format("ours")} says that the names are wrong and the values in the order of this robot'
    if not known:
        return f'{text}; {ours}, else it is a recording of another robot'
    return f'{text}; {option.format("as-stated")} puts them into the order of this robot, {ours}'


def check_order(episode: Episode, spec: RobotSpec, option: str = OPTION) -> None:
    """Refuse an episode of joints in another order, or of another robot.

    Raises:
        EpisodeError: it is one; the message says what it states and what may be answered.
    """
    wrong = trouble(episode, spec, option)
    if wrong:
        raise EpisodeError(f'{episode.path}: {wrong}')


def arrange(episode: Episode, choice: str, spec: RobotSpec) -> None:
    """Put what was read of an episode into the order of a robot.

    Args:
        episode: its vectors and names are changed.
        choice: 'as-stated': its names are right; 'ours': they are wrong, and the values are in the robot's order.
        spec: the robot.

    Raises:
        EpisodeError: its names are right, and are not those of this robot.
    """
    state, action = orders(episode, spec)
    if choice == 'as-stated':
        for order in (state, action):
            if order.why:
                raise EpisodeError(f'{episode.path}: {trouble(episode, spec)}')
        if state.places is not None:
            for name in ('qpos', 'qvel', 'effort'):
                values = getattr(episode, name)
                if values is not None and values.ndim == 2 and values.shape[1] == spec.dof:
                    setattr(episode, name, values[:, state.places])
        if action.places is not None:
            episode.action = episode.action[:, action.places]
        if state.silent:
            return
    episode.attrs.pop('action_names', None)
    episode.attrs.pop('joint_names', None)
    if episode.action.ndim == 2 and episode.action.shape[1] == spec.dof:
        episode.attrs['joint_names'] = list(spec.joint_names)
