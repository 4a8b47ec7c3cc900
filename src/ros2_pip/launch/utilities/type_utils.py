# SPDX-License-Identifier: Apache-2.0
"""Values that have a type: a scalar, a uniform list, or substitutions that become one of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, get_args, get_origin

import yaml

from ..substitution import Substitution
from . import ensure_argument_type, normalize_to_list_of_substitutions, perform_substitutions

if TYPE_CHECKING:
    from ..launch_context import LaunchContext

ScalarTypesTuple = (int, float, bool, str)


def extract_type(data_type: Any) -> tuple[type, bool]:
    """
    Split a type such as ``List[int]`` or ``float`` into (its scalar, whether it is a list).

    :raises ValueError: for types that a parameter or an argument cannot have
    """
    is_list = get_origin(data_type) is list and bool(get_args(data_type))
    scalar = get_args(data_type)[0] if is_list else data_type
    if scalar not in ScalarTypesTuple:
        raise ValueError(f'Unrecognized data type: {data_type}')
    return scalar, is_list


def is_substitution(value: Any) -> bool:
    """Return whether ``value`` is a substitution, or text and substitutions to be joined."""
    if isinstance(value, Substitution):
        return True
    if isinstance(value, str) or not isinstance(value, Iterable):
        return False
    items = list(value)
    return all(isinstance(item, (str, Substitution)) for item in items) and any(
        isinstance(item, Substitution) for item in items
    )


def is_normalized_substitution(value: Any) -> bool:
    """Return whether ``value`` is a non-empty list of nothing but substitutions."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, Substitution) for item in value)
    )


def is_instance_of(value: Any, data_type: Any = None) -> bool:
    """Return whether ``value`` has the type; None allows every scalar and uniform list."""
    if data_type is None:
        if not isinstance(value, list):
            return isinstance(value, ScalarTypesTuple)
        return not value or (
            type(value[0]) in ScalarTypesTuple
            and all(isinstance(item, type(value[0])) for item in value)
        )
    scalar, is_list = extract_type(data_type)
    if not is_list:
        return isinstance(value, scalar)
    return isinstance(value, list) and all(isinstance(item, scalar) for item in value)


def coerce_to_type(value: str, data_type: Any = None) -> Any:
    """
    Read text as a value of a type, by the rules of YAML where it is not a number or text.

    :raises ValueError: if the text is no such value
    """
    ensure_argument_type(value, str, 'value', 'coerce_to_type')
    if data_type is str:
        return value
    if data_type in (int, float):
        return data_type(value)
    if data_type is bool:
        value = {'1': 'true', '0': 'false'}.get(value, value)
    wanted = 'by the rules of YAML' if data_type is None else f"to '{data_type}'"
    try:
        result = yaml.safe_load(value) if value else value
    except yaml.YAMLError as error:
        raise ValueError(f"Cannot convert value '{value}' {wanted}: {error}") from error
    if not is_instance_of(result, data_type):
        raise ValueError(f"Cannot convert value '{value}' {wanted}, got {result!r}")
    return result


def get_typed_value(value: Any, data_type: Any) -> Any:
    """Read text, or every text of a list, as ``data_type``; see :func:`coerce_to_type`."""
    if not isinstance(value, list):
        return coerce_to_type(value, data_type)
    scalar = None if data_type is None else extract_type(data_type)[0]
    return [coerce_to_type(item, scalar) for item in value]


def normalize_typed_substitution(value: Any, data_type: Any) -> Any:
    """
    Bring a value that may hold substitutions into the form `perform_typed_substitution` takes.

    :returns: a scalar, a list of substitutions (to be joined), or a list of such
    :raises TypeError: if it can already be seen that the type is wrong
    """
    if isinstance(value, ScalarTypesTuple):
        if data_type is not None and not is_instance_of(value, data_type):
            raise TypeError(f"value='{value}' is not an instance of {data_type}")
        return value
    if is_substitution(value):
        return normalize_to_list_of_substitutions(value)
    if not isinstance(value, Iterable):
        raise TypeError(
            'value should be either a scalar, a substitutions, or a mixed list of scalars and '
            f'substitutions. Got `value={value}` of type `{type(value)}`.'
        )
    scalar, is_list = (None, True) if data_type is None else extract_type(data_type)
    if not is_list:
        raise TypeError(
            'The provided value resolves to a list, though the required type is a scalar. '
            f"Got value='{value}', data_type='{data_type}'."
        )
    return _normalize_list(list(value), scalar)


def _normalize_list(items: list[Any], scalar: type | None) -> list[Any]:
    kinds = {type(item) for item in items if isinstance(item, ScalarTypesTuple)}
    if kinds == {int, float}:
        kinds = {float}
    bad = [
        item
        for item in items
        if not isinstance(item, ScalarTypesTuple) and not is_substitution(item)
    ]
    if bad or len(kinds) > 1:
        raise TypeError(f"Input value is not an acceptable 'SomeValueType'. Got value='{items}'")
    if scalar is not None and kinds - {scalar} and (scalar, kinds) != (float, {int}):
        raise TypeError(
            f"Got a list of '{kinds.pop()}', expected a list of '{scalar}'. value='{items}'"
        )
    as_float = kinds == {float} or scalar is float
    return [
        normalize_to_list_of_substitutions(item)
        if is_substitution(item)
        else float(item)
        if as_float and isinstance(item, (int, float))
        else item
        for item in items
    ]


def perform_typed_substitution(context: LaunchContext, value: Any, data_type: Any) -> Any:
    """
    Return the value that `normalize_typed_substitution` prepared.

    :raises ValueError: if what comes out is not of the type
    :raises TypeError: if ``value`` was not normalized
    """
    if isinstance(value, ScalarTypesTuple):
        if data_type is not None and not is_instance_of(value, data_type):
            raise TypeError(f'value=`{value}` is a scalar and not an instance of `{data_type}`')
        return value
    if is_normalized_substitution(value):
        return coerce_to_type(perform_substitutions(context, value), data_type)
    if not isinstance(value, list):
        raise TypeError(
            f"Input value is not an acceptable 'NormalizedValueType'. Got value='{value}'"
        )
    scalar = None if data_type is None else extract_type(data_type)[0]
    output = [
        coerce_to_type(perform_substitutions(context, item), scalar)
        if is_normalized_substitution(item)
        else item
        for item in value
    ]
    if not is_instance_of(output, data_type):
        raise ValueError(f"The output list is not uniform, or not of type '{data_type}': {output}")
    return output
