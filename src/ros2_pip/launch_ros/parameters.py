# SPDX-License-Identifier: Apache-2.0
"""Parameters as launch files give them, brought into a form that can be evaluated, and evaluated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from launch.substitution import Substitution, TextSubstitution
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

from .parameter_descriptions import Parameter, ParameterFile, ParameterValue

if TYPE_CHECKING:
    from launch.launch_context import LaunchContext

Name = tuple[Substitution, ...]
Scalar = (bool, int, float, str)


def normalize_parameters(parameters: Any) -> list[Any]:
    """
    Return the list of a node's parameters with files and dictionaries in their normal form.

    :raises TypeError: if it is no list
    """
    if isinstance(parameters, str) or not isinstance(parameters, Sequence):
        raise TypeError(f'Expecting list of parameters, got {parameters}')
    normal: list[Any] = []
    for entry in parameters:
        if isinstance(entry, Mapping):
            normal.append(normalize_parameter_dict(entry))
        elif isinstance(entry, (Parameter, ParameterFile)):
            normal.append(entry)
        else:
            normal.append(ParameterFile(entry))
    return normal


def normalize_parameter_dict(
    parameters: Mapping[Any, Any],
    prefix: Name = (),
) -> dict[Name, Any]:
    """
    Flatten a dictionary: names become dotted, text becomes YAML, lists become tuples.

    :raises TypeError: for values that no parameter can have
    """
    normal: dict[Name, Any] = {}
    for key, value in parameters.items():
        name = tuple(normalize_to_list_of_substitutions(key))
        if prefix:
            name = (*prefix, TextSubstitution(text='.'), *name)
        if isinstance(value, Mapping):
            normal.update(normalize_parameter_dict(value, name))
        else:
            normal[name] = _normalize_value(value)
    return normal


def _normalize_value(value: Any) -> Any:
    if isinstance(value, str):
        # Quoted where YAML would read something else: text in a launch file stays text.
        return (TextSubstitution(text=yaml.dump(value)),)
    if isinstance(value, Substitution):
        return (value,)
    if isinstance(value, (ParameterValue, bool, int, float, bytes)):
        return value
    if isinstance(value, Sequence):
        return _normalize_list(value)
    raise TypeError(f'Unexpected type for parameter value {value!r}')


def _normalize_list(values: Sequence[Any]) -> tuple[Any, ...]:
    """Text with substitutions is one text in parts; the rest is a list of its elements."""
    kinds = {Substitution if isinstance(value, Substitution) else type(value) for value in values}
    if kinds == {int} or kinds == {bool}:
        return tuple(values)
    if kinds and kinds <= {int, float}:
        return tuple(float(value) for value in values)
    if Substitution in kinds and kinds <= {str, Substitution}:
        return tuple(normalize_to_list_of_substitutions(list(values)))
    return tuple(
        normalize_to_list_of_substitutions(
            yaml.dump(value) if isinstance(value, Scalar) else value
        )
        for value in values
    )


def evaluate_parameters(context: LaunchContext, parameters: Sequence[Any]) -> list[Any]:
    """Return dictionaries of values, paths of files, and the rest as it is."""
    evaluated: list[Any] = []
    for entry in parameters:
        if isinstance(entry, ParameterFile):
            evaluated.append(entry.evaluate(context))
        elif isinstance(entry, Mapping):
            evaluated.append(evaluate_parameter_dict(context, entry))
        else:
            evaluated.append(entry)
    return evaluated


def evaluate_parameter_dict(
    context: LaunchContext,
    parameters: Mapping[Name, Any],
) -> dict[str, Any]:
    """
    Return values by dotted name.

    :raises TypeError: if a value is none that a parameter can have
    """
    values: dict[str, Any] = {}
    for key, value in parameters.items():
        name = perform_substitutions(context, key)
        if isinstance(value, ParameterValue):
            values[name] = value.evaluate(context)
        elif isinstance(value, tuple) and value and isinstance(value[0], Substitution):
            values[name] = _read(name, perform_substitutions(context, value))
        elif isinstance(value, tuple) and value and isinstance(value[0], list):
            read = [yaml.safe_load(perform_substitutions(context, item)) for item in value]
            values[name] = _uniform(name, read)
        elif value == ():
            raise TypeError(
                f'Expected a non-empty sequence, with items of uniform type, for '
                f'"{name}": the type of an empty list cannot be told'
            )
        else:
            values[name] = value
    return values


def _read(name: str, text: str) -> Any:
    """Read the value of substitutions by the rules of YAML; no text at all is empty text."""
    hint = (
        'If the parameter is meant to be a string, try wrapping it in '
        'launch_ros.parameter_descriptions.ParameterValue(value, value_type=str)'
    )
    try:
        value = yaml.safe_load(text) if text else ''
    except yaml.YAMLError:
        raise TypeError(f'Unable to parse the value of parameter {name} as yaml. {hint}') from None
    if isinstance(value, (*Scalar, bytes)):
        return value
    if isinstance(value, list):
        return _uniform(name, value)
    raise TypeError(
        'Allowed value types are bytes, bool, int, float, str, Sequence[bool], Sequence[int], '
        f'Sequence[float], Sequence[str]. Got {type(value)} for "{name}". {hint}'
    )


def _uniform(name: str, values: list[Any]) -> tuple[Any, ...]:
    if (
        not values
        or type(values[0]) not in Scalar
        or not all(isinstance(value, type(values[0])) for value in values)
    ):
        raise TypeError(
            'Expected a non-empty sequence, with items of uniform type. Allowed sequence item '
            f'types are bool, int, float, str. Got inconsistent input for "{name}"'
        )
    return tuple(values)


def is_path(value: Any) -> bool:
    """Return whether an evaluated entry is the path of a file."""
    return isinstance(value, Path)
