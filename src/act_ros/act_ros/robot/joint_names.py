# SPDX-License-Identifier: Apache-2.0
"""What the names of a vector's entries say of their order, against the order of this robot's vector.

Names come in many spellings: `left_waist`, `left_waist.pos`, `waist_left`, `follower_left/waist`, `L_ForearmRoll`. And
some say nothing of the order: `motor_0` to `motor_13`, or no names at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from act_ros.robot.spec import RobotSpec
from act_ros.text import listed

CHOICES = ('as-stated', 'ours')
"""What may be said to names of another order: that they are right, or that the values are in this robot's order."""
ASKED = 'asked'
"""Nothing was said to them yet."""

_FILLING = frozenset({
    *('pos', 'position', 'positions', 'qpos', 'rad', 'radian', 'radians', 'angle', 'value', 'present'),
    *('joint', 'joints', 'motor', 'motors', 'actuator', 'arm', 'arms', 'aloha', 'robot', 'main'),
    *('follower', 'leader', 'puppet', 'master', 'goal', 'target', 'cmd', 'command'),
    *('action', 'actions', 'state', 'states', 'observation', 'obs'),
})  # fmt: skip
"""Words that tell neither the side nor the joint. A joint's own words go before: `wrist_angle` is one."""
_MODELS = re.compile(r'(?:vx300s?|wx250s?|viperx|widowx)_?')
_GRIPPERS = frozenset({
    *('gripper', 'gripperopen', 'gripperopening', 'gripperwidth', 'gripperfinger'),
    *('finger', 'fingers', 'leftfinger', 'rightfinger'),
})  # fmt: skip
_SHOWN = 3


@dataclass(frozen=True)
class JointOrder:
    """The order that names state.

    Attributes:
        names: as they are stated; () where nothing is.
        places: for each entry of the robot's vector the place of that joint in the stated one. None: the names say
            nothing of it, or cannot be matched.
        why: why they cannot be matched; '' where they can, or say nothing.
    """

    names: tuple[str, ...] = ()
    places: tuple[int, ...] | None = None
    why: str = ''

    @property
    def silent(self) -> bool:
        """Whether nothing is stated."""
        return self.places is None and not self.why

    @property
    def other(self) -> bool:
        """Whether something else is stated than the robot's own order."""
        return bool(self.why) or (
            self.places is not None and self.places != tuple(range(len(self.places)))
        )

    def difference(self, spec: RobotSpec) -> str:
        """What is stated and is not as on this robot, with numbers; '' where nothing is."""
        if not self.other:
            return ''
        if self.places is None:
            return self.why
        stated = {place: name for place, name in zip(self.places, spec.joint_names, strict=True)}
        wrong = [i for i, name in enumerate(spec.joint_names) if stated[i] != name]
        first = ', '.join(
            f'entry {i} is {listed([self.names[i]])} (here {spec.joint_names[i]})'
            for i in wrong[:_SHOWN]
        )
        more = ', …' if len(wrong) > _SHOWN else ''
        return f'{len(wrong)} of {spec.dof} joints are in another place than on this robot: {first}{more}'


def read_joint_order(names: Sequence[str], width: int, spec: RobotSpec) -> JointOrder:
    """Read what the names of a vector with `width` entries say."""
    given = tuple(names)
    if not given:
        return JointOrder()
    if given == spec.joint_names and width == spec.dof:
        return JointOrder(given, tuple(range(spec.dof)))
    words = [_NameParts.of(name, spec) for name in given]
    stems = {word.stem for word in words if not word.joint}
    if not any(word.joint for word in words) and len(stems) == 1:
        # One word for all: `motor_0`, `left_0`, or the name of the axis itself, as ["state"].
        if len(given) != width or not any(word.side or word.number is not None for word in words):
            return JointOrder(given)
        return _numbered(given, words, spec)
    if len(given) != width or width != spec.dof:
        return JointOrder(
            given,
            why=f'{len(given)} names for {width} entries, and this robot has {spec.dof} joints: {listed(given)}',
        )
    if len(stems) == 1:  # left_joint_1 … left_joint_6, left_gripper
        words = _joints_of_numbers(words, spec)
    return _matched(given, words, spec)


def _joints_of_numbers(words: Sequence[_NameParts], spec: RobotSpec) -> list[_NameParts]:
    """Numbers as joints: they begin anew with each arm that is named, and run on where none is."""
    first: dict[str | None, int] = {}
    for word in words:
        if word.number is not None:
            first[word.side] = min(word.number, first.get(word.side, word.number))
    found, count = [], len(spec.joints)
    for word in words:
        if word.number is not None:
            at = word.number - first[word.side]
            arm, joint = divmod(at, count)
            if word.side is None and arm < len(spec.arms):
                word = replace(word, side=spec.arms[arm].side, joint=spec.joints[joint])
            elif arm == 0:
                word = replace(word, joint=spec.joints[joint])
        found.append(word)
    return found


def _matched(names: tuple[str, ...], words: Sequence[_NameParts], spec: RobotSpec) -> JointOrder:
    unknown = [name for name, word in zip(names, words, strict=True) if not word.joint]
    if unknown:
        return JointOrder(
            names,
            why=f'{len(unknown)} of {len(names)} names are no joints of this robot: {listed(unknown)}; it has '
            f'{listed(spec.joint_names, spec.dof)}',
        )
    sides = [arm.side for arm in spec.arms]
    seen: dict[str, int] = {}
    places: dict[tuple[str, str], int] = {}
    for place, word in enumerate(words):
        side = word.side
        if side is None:  # the first waist is that of the first arm
            count = seen.get(word.joint, 0)
            seen[word.joint] = count + 1
            side = sides[count] if count < len(sides) else ''
        if (side, word.joint) in places or side not in sides:
            return JointOrder(
                names,
                why=f'the joint {word.joint} is named more often than this robot has it: {listed(names, 14)}',
            )
        places[side, word.joint] = place
    wanted = [(arm.side, joint) for arm in spec.arms for joint in (*spec.joints, 'gripper')]
    return JointOrder(names, tuple(places[key] for key in wanted))


def _numbered(names: tuple[str, ...], words: Sequence[_NameParts], spec: RobotSpec) -> JointOrder:
    """Names that tell numbers, or sides, and no joint: `motor_0` …, `left_0` … `right_6`."""
    whole = len(names) == spec.dof
    per_arm = len(spec.joints) + 1
    key: list[tuple[int, int]] = []
    sides = [arm.side for arm in spec.arms]
    for place, word in enumerate(words):
        side = sides.index(word.side) if word.side is not None else 0
        key.append((side, place if word.number is None else word.number))
    places = tuple(sorted(range(len(names)), key=key.__getitem__))
    if places == tuple(range(len(names))) or len(set(key)) < len(key):
        return JointOrder(names)
    counts = [sum(side == i for side, _ in key) for i in range(len(sides))]
    if not whole or (any(word.side for word in words) and counts != [per_arm] * len(sides)):
        return JointOrder(names, why=f'the numbers of its names do not rise: {listed(names, 14)}')
    return JointOrder(names, places)


@dataclass(frozen=True)
class _NameParts:
    """A name taken apart: side, joint ('' where it tells none), number, and the words that are left."""

    side: str | None
    joint: str
    number: int | None
    stem: str

    @classmethod
    def of(cls, name: str, spec: RobotSpec) -> _NameParts:
        known = {joint.replace('_', ''): joint for joint in spec.joints}
        sides = _sides(spec)
        tokens = _tokens(name, sides)
        at = [i for i, token in enumerate(tokens) if token in sides]
        side = sides[tokens[at[0]]] if at else None
        if len(at) > 1 and ''.join(tokens[at[-1] + 1 :])[:6] == 'finger':
            at = at[:1]  # follower_right/left_finger: the left finger of the right arm
        elif len({sides[tokens[i]] for i in at}) > 1:
            return cls(None, '', None, name)
        rest = [token for i, token in enumerate(tokens) if i not in at]
        for words in (rest, [token for token in rest if token not in _FILLING]):
            text = ''.join(words)
            if text in known or text in _GRIPPERS:
                return cls(side, known.get(text, 'gripper'), None, '')
            joint = _without_filling(words, known)
            if joint:
                return cls(side, joint, None, '')
        numbers = [int(token) for token in rest if token.isdecimal()]
        stem = ' '.join(token for token in rest if not token.isdecimal())
        if len(numbers) > 1:
            return cls(side, '', None, name)
        return cls(side, '', numbers[0] if numbers else None, stem)


def _without_filling(words: Sequence[str], known: dict[str, str]) -> str:
    """The joint that words name when those that only fill are taken from both ends: `action wrist angle pos`."""
    words = list(words)
    while words and words[0] in _FILLING:
        words.pop(0)
    while words:
        text = ''.join(words)
        if text in known or text in _GRIPPERS:
            return known.get(text, 'gripper')
        if words[-1] not in _FILLING:
            return ''
        words.pop()
    return ''


def _sides(spec: RobotSpec) -> dict[str, str]:
    """By a word of a name the side that it means."""
    found = {arm.side.lower(): arm.side for arm in spec.arms}
    short = {side[0]: found[side] for side in ('left', 'right') if side in found}
    return {**short, **found}


def _tokens(name: str, sides: dict[str, str]) -> list[str]:
    """'follower_left/ForearmRoll.pos' -> follower, left, forearm, roll, pos."""
    text = re.sub(r'(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])', '_', name)
    text = _MODELS.sub('', text.lower())
    tokens = re.findall(r'[a-z]+|\d+', text)
    found: list[str] = []
    for token in tokens:
        glued = next((s for s in sides if len(s) > 1 and token != s and token.startswith(s)), '')
        found += [glued, token[len(glued) :]] if glued else [token]
    return found


def names_in(stated: Any) -> tuple[str, ...]:
    """Names of a vector's entries, in order, in whatever form a file has them; () where there are none.

    A list; lists in a list; a text with commas, or of JSON; {'motors': [...]}; an arm each {'left_arm': [...],
    'right_arm': [...]}; a name's place {'left_waist': 0, ...}; a place's name {'0': 'left_waist', ...}.
    """
    if isinstance(stated, str):
        text = stated.strip()
        if text[:1] in '[{' and text:
            try:
                return names_in(json.loads(text))
            except ValueError:
                return ()
        return tuple(part for part in re.split(r'[,;\s]+', text) if part)
    if isinstance(stated, dict):
        return _of_dict(stated)
    if not isinstance(stated, (list, tuple)):
        return ()
    found: list[str] = []
    for item in stated:
        if isinstance(item, (list, tuple, dict)):
            found += names_in(item)
        elif item is not None:
            found.append(str(item))
    return tuple(found)


def _of_dict(stated: dict[Any, Any]) -> tuple[str, ...]:
    values = list(stated.values())
    if values and all(_is_place(value) for value in values):
        return tuple(str(name) for name in sorted(stated, key=lambda name: _place(stated[name])))
    if values and all(value is None for value in values):
        return tuple(map(str, stated))
    if values and all(isinstance(value, str) for value in values):
        if all(str(key).isdecimal() for key in stated):
            return tuple(str(stated[key]) for key in sorted(stated, key=lambda key: int(key)))
        return tuple(values)
    groups = {str(key): names_in(value) for key, value in stated.items()}
    if len(groups) == 1:
        return next(iter(groups.values()))
    return tuple(f'{key}/{name}' for key, names in groups.items() for name in names)


def _is_place(value: Any) -> bool:
    """Whether it is an index, or a list of one."""
    if isinstance(value, (list, tuple)) and len(value) == 1:
        value = value[0]
    return isinstance(value, int) and not isinstance(value, bool)


def _place(value: Any) -> int:
    return int(value[0] if isinstance(value, (list, tuple)) else value)
