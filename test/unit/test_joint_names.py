# SPDX-License-Identifier: Apache-2.0
"""What names of joints say of their order."""

from __future__ import annotations

import json
from typing import Any

import pytest

from act_ros.robot.joint_names import names_in, read_joint_order
from named_joints import OURS, RIGHT_FIRST, SPEC, SWAPPED

JOINTS = [*SPEC.joints, 'gripper']


@pytest.mark.parametrize(
    'stated',
    [
        OURS,
        {'motors': OURS},
        {'axes': OURS},
        {'motors': {name: i for i, name in enumerate(OURS)}},
        {name: i for i, name in reversed([*enumerate(OURS)])},
        {str(i): name for i, name in enumerate(OURS)},
        [OURS],
        [OURS[:7], OURS[7:]],
        {'left_arm': JOINTS, 'right_arm': JOINTS},
        JOINTS * 2,
        ', '.join(OURS),
        json.dumps(OURS),
        [f'{name}.pos' for name in OURS],
        [f'{joint}_{side}' for side in ('left', 'right') for joint in JOINTS],
        [f'follower_{side}/{joint}' for side in ('left', 'right') for joint in JOINTS],
        [f'puppet_{side}/{joint}' for side in ('left', 'right') for joint in JOINTS],
        [f'vx300s_{side}/{joint}' for side in ('left', 'right') for joint in JOINTS],
        [f'{side}_{joint}' for side in ('L', 'R') for joint in JOINTS],
        [name.title().replace('_', '') for name in OURS],
        [name.replace('gripper', 'left_finger') for name in OURS],
        [
            f'{side}_arm_joint_{i}_rad' if i < 7 else f'{side}_gripper_open'
            for side in ('left', 'right')
            for i in range(1, 8)
        ],
    ],
)
def test_the_order_of_this_robot_is_read_in_every_spelling(stated: Any) -> None:
    order = read_joint_order(names_in(stated), 14, SPEC)
    assert order.places == tuple(range(14)) and not order.other and not order.silent
    assert order.difference(SPEC) == ''


@pytest.mark.parametrize(
    ('stated', 'width'),
    [
        (None, 14),
        ([], 14),
        (['state'], 14),
        ({'axes': ['action']}, 14),
        ([f'motor_{i}' for i in range(14)], 14),
        ({'motors': [f'joint_{i}' for i in range(1, 15)]}, 14),
        ([f'{side}_{i}' for side in ('left', 'right') for i in range(7)], 14),
        (['motor_0', 'motor_1'], 2),
        ([str(i) for i in range(14)], 14),
    ],
)
def test_names_that_say_nothing_are_taken_as_none(stated: Any, width: int) -> None:
    assert read_joint_order(names_in(stated), width, SPEC).silent


@pytest.mark.parametrize(
    'stated',
    [
        RIGHT_FIRST,
        {'motors': [f'{name}.pos' for name in RIGHT_FIRST]},
        {'right_arm': JOINTS, 'left_arm': JOINTS},
        {name: i for i, name in enumerate(RIGHT_FIRST)},
        [f'{joint}_{side}' for side in ('right', 'left') for joint in JOINTS],
        [f'{side}_{i}' for side in ('right', 'left') for i in range(7)],
        [*(f'motor_{i}' for i in range(7, 14)), *(f'motor_{i}' for i in range(7))],
    ],
)
def test_the_right_arm_first_is_another_order_and_said_with_numbers(stated: Any) -> None:
    names = names_in(stated)
    order = read_joint_order(names, 14, SPEC)
    assert order.other and order.places == tuple(SWAPPED)
    said = order.difference(SPEC)
    assert said.startswith('14 of 14 joints are in another place')
    assert f'entry 0 is {names[0]} (here left_waist)' in said


def test_grippers_at_the_end_are_another_order() -> None:
    names = [n for n in OURS if 'gripper' not in n] + ['left_gripper', 'right_gripper']
    order = read_joint_order(names, 14, SPEC)
    assert order.places == (0, 1, 2, 3, 4, 5, 12, 6, 7, 8, 9, 10, 11, 13)
    assert 'entry 6 is right_waist (here left_gripper)' in order.difference(SPEC)


@pytest.mark.parametrize(
    ('names', 'width', 'message'),
    [
        (['shoulder_pan.pos', 'shoulder_lift.pos'] * 7, 14, '14 of 14 names are no joints of this robot: shoulder_pan'),
        ([*OURS[:13], 'left_waist'], 14, 'waist is named more often than this robot has it'),
        (JOINTS, 14, '7 names for 14 entries'),
        ([*OURS, 'base_x', 'base_y'], 16, '16 names for 16 entries, and this robot has 14 joints'),
        ([*OURS[:13], 'right_hand_thumb'], 14, '1 of 14 names are no joints of this robot: right_hand_thumb'),
    ],
)  # fmt: skip
def test_the_joints_of_another_robot_are_named(names: list[str], width: int, message: str) -> None:
    order = read_joint_order(names, width, SPEC)
    assert order.other and order.places is None and message in order.difference(SPEC)
