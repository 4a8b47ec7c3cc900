# SPDX-License-Identifier: Apache-2.0
"""Pickles of strangers, read without unpickling.

A pickle is a program for a small machine that can call any Python function. Here it is read by a machine of
our own (the instructions are those of `pickletools`), which knows the few that arrays and dictionaries need,
calls only stand-ins that take notes, keeps no dictionary under any key but text and numbers (hashing nested
tuples can take forever), and stops after a number of steps. No object of NumPy's or PyTorch's is made by it.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from typing import Any

from act_ros.policy.errors import PolicyError
from act_ros.text import listed, shown

MOST_STEPS = 20_000

_CONSTANTS = frozenset(
    ('INT', 'BININT', 'BININT1', 'BININT2', 'LONG', 'LONG1', 'LONG4', 'FLOAT', 'BINFLOAT', 'STRING',
     'BINSTRING', 'SHORT_BINSTRING', 'BINBYTES', 'SHORT_BINBYTES', 'BINBYTES8', 'BYTEARRAY8', 'UNICODE',
     'BINUNICODE', 'SHORT_BINUNICODE', 'BINUNICODE8')
)  # fmt: skip
_EMPTY: dict[str, Callable[[], Any]] = {
    'EMPTY_LIST': list,
    'EMPTY_TUPLE': tuple,
    'EMPTY_DICT': dict,
    'NONE': lambda: None,
    'NEWTRUE': lambda: True,
    'NEWFALSE': lambda: False,
}
_TUPLES = {'TUPLE1': 1, 'TUPLE2': 2, 'TUPLE3': 3}

Names = Mapping[tuple[str, str], Any]
"""What a pickle may name, by (module, name), and what stands for it: a `StandIn` where it is called."""


class StandIn:
    """A function of ours in the place of one that a pickle calls."""

    __slots__ = ('call',)

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call


class Note:
    """What a stand-in returns where the pickle then gives it a state, with BUILD."""

    __slots__ = ()

    def build(self, state: Any) -> None:
        """Take the state in; by default it is of no interest."""


class _Machine:
    """Stack, marks and memo; one method per group of instructions."""

    def __init__(self, names: Names, stored: Callable[[Any], Any] | None) -> None:
        self._names, self._stored = names, stored
        self.stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        """Do one instruction; PolicyError where it isn't one of those that are known here."""
        if name in _CONSTANTS:
            self.stack.append(argument)
        elif name in _EMPTY:
            self.stack.append(_EMPTY[name]())
        elif name in _TUPLES:
            self._gather(len(self.stack) - _TUPLES[name], tuple)
        else:
            method = getattr(self, f'_{name.lower()}', None)
            if method is None:
                raise PolicyError(f'its instruction {name} is not allowed')
            method(argument)

    def _gather(self, start: int, kind: Callable[[list[Any]], Any]) -> None:
        if start < 0:
            raise IndexError('the stack is too short')
        items = self.stack[start:]
        del self.stack[start:]
        self.stack.append(kind(items))

    def _since_mark(self) -> list[Any]:
        start = self._marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def _proto(self, version: int) -> None:
        """Protocols differ in their instructions only."""

    _frame = _proto

    def _mark(self, _: None) -> None:
        self._marks.append(len(self.stack))

    def _tuple(self, _: None) -> None:
        self.stack.append(tuple(self._since_mark()))

    def _list(self, _: None) -> None:
        self.stack.append(self._since_mark())

    def _append(self, _: None) -> None:
        self._extend([self.stack.pop()])

    def _appends(self, _: None) -> None:
        self._extend(self._since_mark())

    def _extend(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise PolicyError('it appends to something that is no list')
        self.stack[-1].extend(items)

    def _dict(self, _: None) -> None:
        items = self._since_mark()
        self.stack.append({})
        self._update(items)

    def _setitem(self, _: None) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._update([key, value])

    def _setitems(self, _: None) -> None:
        self._update(self._since_mark())

    def _update(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or len(items) % 2:
            raise PolicyError('it sets an entry of something that is no dictionary')
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, (str, int)):
                raise PolicyError(f'it has a dictionary with a key of type {type(key).__name__}')
            target[key] = value

    def _memoize(self, _: None) -> None:
        self._memo[len(self._memo)] = self.stack[-1]

    def _put(self, place: int) -> None:
        self._memo[int(place)] = self.stack[-1]

    _binput = _long_binput = _put

    def _get(self, place: int) -> None:
        self.stack.append(self._memo[int(place)])

    _binget = _long_binget = _get

    def _global(self, text: str) -> None:
        self._name(*text.split(' ', 1))

    def _stack_global(self, _: None) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self._name(module, name)

    def _name(self, module: Any, name: Any) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise PolicyError('it asks for something without a name')
        if (module, name) not in self._names:
            raise PolicyError(
                f'it asks for {listed([f"{module}.{name}"])}, which such a file has no need of; '
                f'nothing of it was run'
            )
        self.stack.append(self._names[module, name])

    def _reduce(self, _: None) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, StandIn) or not isinstance(arguments, tuple):
            raise PolicyError('it calls something that is no function')
        self.stack.append(function.call(*arguments))

    def _build(self, _: None) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], Note):
            raise PolicyError('it gives a state to something that has none')
        self.stack[-1].build(state)

    def _binpersid(self, _: None) -> None:
        if self._stored is None:
            raise PolicyError('it refers to something outside of it')
        self.stack.append(self._stored(self.stack.pop()))


def read_pickle(
    data: bytes,
    names: Names,
    stored: Callable[[Any], Any] | None = None,
    most_steps: int = MOST_STEPS,
) -> Any:
    """What a pickle stands for.

    Args:
        data: the pickle, of any protocol.
        names: what it may name.
        stored: gives what a persistent reference means.
        most_steps: largest number of instructions.

    Raises:
        PolicyError: it is damaged, too long, or asks for an instruction or a name that isn't allowed.
    """
    machine = _Machine(names, stored)
    try:
        for step, (instruction, argument, _) in enumerate(pickletools.genops(data)):
            if instruction.name == 'STOP':
                break
            if step >= most_steps:
                raise PolicyError(f'it has more than {most_steps} instructions')
            machine.step(instruction.name, argument)
        return machine.stack.pop()
    except PolicyError:
        raise
    except Exception as error:  # whatever the damaged bytes provoke
        text = str(error).splitlines()[0] if str(error) else ''
        raise PolicyError(f'it is damaged ({type(error).__name__}: {shown(text)})') from error


def are_sizes(numbers: Any) -> bool:
    """Whether it is a tuple of at most 8 lengths that are no larger than any memory."""
    if not isinstance(numbers, tuple) or len(numbers) > 8:
        return False
    return all(type(n) is int and 0 <= n < 1 << 40 for n in numbers)
