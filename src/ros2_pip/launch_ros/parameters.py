# SPDX-License-Identifier: Apache-2.0
"""Parameters as launch files write them, and what nodes are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from launch._values import Text, Typed
from launch.launch_context import LaunchContext

from .parameter_descriptions import ParameterValue


def evaluated(context: LaunchContext, parameters: Mapping[Any, Any]) -> dict[str, Any]:
    """
    Return the values of a dictionary by their names; what lies in groups gets a dotted name.

    :raises TypeError: if a value is none that a parameter can have
    """
    return {name: _value(context, name, value) for name, value in _flat(context, parameters)}


def _flat(context: LaunchContext, parameters: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in parameters.items():
        name = Text(key).perform(context)
        if isinstance(value, Mapping):
            yield from ((f'{name}.{inner}', item) for inner, item in _flat(context, value))
        else:
            yield name, value


def _value(context: LaunchContext, name: str, value: Any) -> Any:
    if isinstance(value, ParameterValue):
        return value.evaluate(context)
    try:
        found = Typed(value).perform(context)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"parameter '{name}': {error}. A text that YAML reads as something else: "
            'launch_ros.parameter_descriptions.ParameterValue(..., value_type=str)'
        ) from None
    if found == []:
        raise TypeError(f"parameter '{name}' is an empty list: nothing tells the type of it")
    return found


def as_file(node: str, values: Mapping[str, Any]) -> str:
    """Return a file of parameters for a node."""
    return yaml.safe_dump({node: {'ros__parameters': dict(values)}}, default_flow_style=False)
