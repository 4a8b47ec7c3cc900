# SPDX-License-Identifier: Apache-2.0
"""Messages as the command line sees them: their types by name, their text, and text as them."""

from __future__ import annotations

import array
import functools
import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

# Attributes that only a message, a service or an action has.
_KINDS = {'msg': ('SLOT_TYPES',), 'srv': ('Request', 'Response'), 'action': ('Goal', 'Result')}


def interface(kind: str, name: str) -> Any:
    """
    Return the class of an interface.

    :param kind: 'msg', 'srv' or 'action'
    :param name: ``package/Name`` or ``package/kind/Name``
    :raises ValueError: if there is none
    """
    package, *middle, last = name.split('/')
    try:
        if len(name.split('/')) not in (2, 3):
            raise ValueError('a name has the form package/Name or package/kind/Name')
        module = importlib.import_module(f'{package}.{middle[0] if middle else kind}')
        found = getattr(module, last)
        if not all(hasattr(found, attribute) for attribute in _KINDS[kind]):
            raise ValueError(f'it is no {kind}')
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"'{name}': {error}") from error
    return found


@dataclass(frozen=True)
class Style:
    """How much of a message is shown."""

    truncate: int | None = None
    no_arrays: bool = False
    no_strings: bool = False
    flow: bool = False


class _Dumper(yaml.Dumper):
    """Writes fields one a line in the order they come; ``flow`` is for lists only."""


_Dumper.add_representer(
    dict,
    lambda dumper, value: dumper.represent_mapping(
        'tag:yaml.org,2002:map', value.items(), flow_style=False
    ),
)


def to_yaml(message: Any, style: Style = Style()) -> str:
    """Return a message as YAML, fields in the order of their definition."""
    return yaml.dump(
        to_dict(message, style),
        Dumper=_Dumper,
        allow_unicode=True,
        width=sys.maxsize,
        default_flow_style=style.flow,
    )


def to_dict(message: Any, style: Style) -> dict[str, Any]:
    """Return a message as a dictionary of plain values."""
    return {
        name: _plain(getattr(message, name), kind, style)
        for name, kind in zip(message.get_fields_and_field_types(), message.SLOT_TYPES)
    }


def _plain(value: Any, kind: Any, style: Style) -> Any:
    if isinstance(value, bytes):
        value = value.decode('latin1')
        return value if _fits(value, style) else value[: style.truncate] + '...'
    if isinstance(value, str):
        if style.no_strings:
            return f'<string length: <{len(value)}>>'
        return value if _fits(value, style) else value[: style.truncate] + '...'
    if _is_array(value):
        if style.no_arrays and kind is not None:
            return _about_array(value, kind)
        items = [_plain(item, None, style) for item in value[: style.truncate]]
        return items if _fits(value, style) else [*items, '...']
    if hasattr(value, 'SLOT_TYPES'):
        return to_dict(value, style)
    return value.item() if hasattr(value, 'item') else value


def _fits(value: Any, style: Style) -> bool:
    return style.truncate is None or len(value) <= style.truncate


def _is_array(value: Any) -> bool:
    return isinstance(value, (list, tuple, array.array)) or type(value).__name__ == 'ndarray'


def _about_array(value: Any, kind: Any) -> str:
    element = kind.value_type
    if hasattr(element, 'namespaced_name'):
        name = '/'.join(element.namespaced_name())
    else:
        name = getattr(element, 'typename', None) or {
            'BoundedWString': 'wstring',
            'UnboundedWString': 'wstring',
        }.get(type(element).__name__, 'string')
    if hasattr(kind, 'size'):
        return f'<array type: {name}[{kind.size}]>'
    bound = f'[{kind.maximum_size}]' if kind.has_maximum_size() else ''
    return f'<sequence type: {name}{bound}, length: {len(value)}>'


def to_csv(message: Any, style: Style = Style()) -> str:
    """Return all values of a message, at whatever depth, separated by commas."""
    return ','.join(
        _csv(getattr(message, name), kind, style)
        for name, kind in zip(message.get_fields_and_field_types(), message.SLOT_TYPES)
    )


def _csv(value: Any, kind: Any, style: Style) -> str:
    if _is_array(value):
        if style.no_arrays and kind is not None:
            return _about_array(value, kind)
        items = [_csv(item, None, style) for item in value[: style.truncate]]
        return ','.join(items if _fits(value, style) else [*items, '...'])
    if hasattr(value, 'SLOT_TYPES'):
        return to_csv(value, style)
    if isinstance(value, str) and style.no_strings:
        return f'<string length: <{len(value)}>>'
    if isinstance(value, (str, bytes)) and not _fits(value, style):
        rest: Any = '...' if isinstance(value, str) else b'...'
        return str(value[: style.truncate] + rest)
    return str(value)


def fill(message: Any, values: Any, stamps: bool = False) -> list[Callable[[Any], None]]:
    """
    Set fields of a message from a dictionary, as YAML gives it.

    :param stamps: take 'auto' for a header and 'now' for a time as the moment of publishing
    :returns: functions that take this moment, one for each of them
    :raises TypeError, AttributeError, ValueError, AssertionError: if the values do not fit
    """
    if not isinstance(values, Mapping):
        raise TypeError(
            f"Value '{values}' is expected to be a dictionary but is a {type(values).__name__}"
        )
    setters: list[Callable[[Any], None]] = []
    kinds = dict(zip(message.get_fields_and_field_types(), message.SLOT_TYPES))
    for name, value in values.items():
        field = getattr(message, name)
        moment = _moment(message, name, field, value) if stamps else None
        if moment is not None:
            setters.append(moment)
        else:
            setattr(message, name, _converted(field, value, kinds[name], stamps, setters))
    return setters


def _moment(message: Any, name: str, field: Any, value: Any) -> Callable[[Any], None] | None:
    kind = type(field).__name__
    if kind == 'Header' and value == 'auto':
        return functools.partial(setattr, field, 'stamp')
    if kind == 'Time' and value == 'now':
        return functools.partial(setattr, message, name)
    return None


def _converted(field: Any, value: Any, kind: Any, stamps: bool, setters: list[Any]) -> Any:
    """Return ``value`` as the type of ``field``: YAML's 1 may be a float, and a list an array."""
    if isinstance(field, array.array):
        return array.array(field.typecode, value)
    if type(field).__name__ == 'ndarray':
        import numpy

        return numpy.array(value, dtype=field.dtype)
    if hasattr(field, 'SLOT_TYPES'):
        made = type(field)()
        setters += fill(made, value, stamps)
        return made
    element = getattr(kind, 'value_type', None)
    if hasattr(element, 'namespaced_name'):
        made = []
        for item in value:
            made.append(interface('msg', '/'.join(element.namespaced_name()))())
            setters += fill(made[-1], item, stamps)
        return made
    return value if isinstance(value, type(field)) else type(field)(value)
