# SPDX-License-Identifier: Apache-2.0
"""Messages on the command line: their types by name, their text, and messages from text."""

from __future__ import annotations

import array
import functools
import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

# What the class of each kind of interface has, and no other class.
_KINDS = {'msg': 'SLOT_TYPES', 'srv': 'Request'}


def interface(kind: str, name: str) -> Any:
    """
    Return the class of an interface.

    :param kind: 'msg' or 'srv'
    :param name: `package/Name` or `package/kind/Name`
    :raises RuntimeError: if there is no such class
    """
    package, *middle, last = name.split('/')
    try:
        module = importlib.import_module('.'.join([package, *(middle or [kind])]))
        found = getattr(module, last)
    except (ImportError, ValueError, AttributeError):
        found = None
    if not hasattr(found, _KINDS[kind]):
        what = {'msg': 'message', 'srv': 'service'}[kind]
        raise RuntimeError(f"The passed {what} type is invalid: there is no '{name}'")
    return found


@dataclass(frozen=True)
class Style:
    """How much of a message is shown."""

    longest: int | None = None
    arrays: bool = True
    strings: bool = True

    def cut(self, value: Any, rest: Any) -> Any:
        """Return a text or list, or the begin of it and `rest`."""
        fits = self.longest is None or len(value) <= self.longest
        return value if fits else value[: self.longest] + rest


class _Dumper(yaml.Dumper):
    """Keeps the order of fields, a line for each."""


_Dumper.add_representer(
    dict,
    lambda dumper, value: dumper.represent_mapping(
        'tag:yaml.org,2002:map', value.items(), flow_style=False
    ),
)


def to_yaml(message: Any, style: Style = Style()) -> str:
    """Return a message as YAML."""
    plain = _fields(message, style)
    return yaml.dump(
        plain, Dumper=_Dumper, allow_unicode=True, width=sys.maxsize, default_flow_style=False
    )


def _fields(message: Any, style: Style) -> dict[str, Any]:
    kinds = zip(message.get_fields_and_field_types(), message.SLOT_TYPES)
    return {name: _plain(getattr(message, name), kind, style) for name, kind in kinds}


def _plain(value: Any, kind: Any, style: Style) -> Any:
    if isinstance(value, bytes):
        return style.cut(value.decode('latin1'), '...')
    if isinstance(value, str):
        return style.cut(value, '...') if style.strings else f'<string length: <{len(value)}>>'
    if hasattr(value, 'SLOT_TYPES'):
        return _fields(value, style)
    if isinstance(value, (list, tuple, array.array)) or type(value).__name__ == 'ndarray':
        if not style.arrays:
            return _about(value, kind)
        shown = value if style.longest is None else value[: style.longest + 1]
        return style.cut([_plain(item, None, style) for item in shown], ['...'])
    return value.item() if hasattr(value, 'item') else value


def _about(value: Any, kind: Any) -> str:
    """Return the type and length of an array."""
    element = kind.value_type
    if hasattr(element, 'namespaced_name'):
        name = '/'.join(element.namespaced_name())
    else:  # texts have no name of their type
        wide = 'WString' in type(element).__name__
        name = getattr(element, 'typename', 'wstring' if wide else 'string')
    if hasattr(kind, 'size'):
        return f'<array type: {name}[{kind.size}]>'
    bound = f'[{kind.maximum_size}]' if kind.has_maximum_size() else ''
    return f'<sequence type: {name}{bound}, length: {len(value)}>'


Stamp = Callable[[Any], None]


def filled(kind: Any, text: str) -> tuple[Any, list[Stamp]]:
    """
    Return a message with the fields that `text`, which is YAML, has.

    :returns: it, and functions that put a time where the text says 'now', or 'auto' for a header
    :raises RuntimeError: if the fields are not those of the message
    """
    message, stamps = kind(), list[Stamp]()
    try:
        _fill(message, yaml.safe_load(text), stamps)
    except (TypeError, AttributeError, ValueError, AssertionError) as error:
        raise RuntimeError(f'Failed to populate field: {error}') from None
    return message, stamps


def _fill(message: Any, values: Any, stamps: list[Stamp]) -> None:
    if not isinstance(values, Mapping):
        raise TypeError(f'{values!r} is no dictionary of the fields of {type(message).__name__}')
    kinds = dict(zip(message.get_fields_and_field_types(), message.SLOT_TYPES))
    for name, value in values.items():
        field = getattr(message, name)
        if type(field).__name__ == 'Header' and value == 'auto':
            stamps.append(functools.partial(setattr, field, 'stamp'))
        elif type(field).__name__ == 'Time' and value == 'now':
            stamps.append(functools.partial(setattr, message, name))
        else:
            setattr(message, name, _converted(field, value, kinds[name], stamps))


def _converted(field: Any, value: Any, kind: Any, stamps: list[Stamp]) -> Any:
    """Return `value` as what `field` is: the 1 of YAML can be a float, and its list an array."""
    if isinstance(field, array.array):
        return array.array(field.typecode, value)
    if type(field).__name__ == 'ndarray':
        import numpy

        return numpy.array(value, dtype=field.dtype)
    if hasattr(field, 'SLOT_TYPES'):
        made = type(field)()
        _fill(made, value, stamps)
        return made
    element = getattr(kind, 'value_type', None)
    if hasattr(element, 'namespaced_name'):
        made = [interface('msg', '/'.join(element.namespaced_name()))() for _ in value]
        for one, item in zip(made, value):
            _fill(one, item, stamps)
        return made
    return value if isinstance(value, type(field)) else type(field)(value)
