# SPDX-License-Identifier: Apache-2.0
"""How far a task has come, told by what touches what: gym-aloha's stages of its rewards."""

from __future__ import annotations

_SOCKET = tuple(f'socket-{i}' for i in range(1, 5))
_LEFT_FINGER = 'vx300s_left/10_left_gripper_finger'
_RIGHT_FINGER = 'vx300s_right/10_right_gripper_finger'


def reward_of(task: str, contacts: set[tuple[str, str]]) -> int:
    """Stage 0..4 that the touching geoms show, by the rules of gym-aloha's tasks.

    transfer_cube: 1 right hand touches, 2 lifts, 3 left hand touches, 4 left hand holds it off the table.
    insertion: 1 both hands touch, 2 both lifted, 3 peg and socket touch in the air, 4 peg reaches the pin.
    """
    return _transfer_reward(contacts) if task == 'transfer_cube' else _insertion_reward(contacts)


def _transfer_reward(contacts: set[tuple[str, str]]) -> int:
    lifted = ('red_box', 'table') not in contacts
    if ('red_box', _LEFT_FINGER) in contacts:
        return 4 if lifted else 3
    if ('red_box', _RIGHT_FINGER) in contacts:
        return 2 if lifted else 1
    return 0


def _insertion_reward(contacts: set[tuple[str, str]]) -> int:
    if ('red_peg', 'pin') in contacts:
        return 4
    lifted = ('red_peg', 'table') not in contacts and not any(
        (s, 'table') in contacts for s in _SOCKET
    )
    if lifted and any(('red_peg', s) in contacts for s in _SOCKET):
        return 3
    held = ('red_peg', _RIGHT_FINGER) in contacts and any(
        (s, _LEFT_FINGER) in contacts for s in _SOCKET
    )
    if held:
        return 2 if lifted else 1
    return 0
