# SPDX-License-Identifier: Apache-2.0
"""Parameters as a table: declared, described, checked and documented from one place per node."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.node import Node
from rclpy.parameter import Parameter

_LEAST, _MOST = -(2**62), 2**62  # of a whole number without a bound; their difference fits 64 bits


@dataclass(frozen=True)
class Param:
    """One row of a node's table.

    Attributes:
        name: of the parameter.
        default: its value if nobody gives one; also fixes its type.
        description: a sentence with the unit; shown by `ros2 param describe`.
        low: least value of a number.
        high: greatest value of a number.
        choices: the texts that are allowed, for a text.
        read_only: whether it can be set only at the start.
    """

    name: str
    default: bool | int | float | str
    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    read_only: bool = True

    def descriptor(self) -> ParameterDescriptor:
        """What the ROS tools show, ranges and choices included."""
        text = self.description + (f' One of: {", ".join(self.choices)}.' if self.choices else '')
        rules = [f'one of {", ".join(self.choices)}'] if self.choices else []
        rules += ['read-only: it can only be given at the start'] if self.read_only else []
        # A whole number for a float (rate: 50 in yaml) is an error in plain rclpy; here it is
        # taken.
        made = ParameterDescriptor(
            name=self.name,
            description=text,
            additional_constraints='; '.join(rules),
            read_only=self.read_only,
            dynamic_typing=isinstance(self.default, float),
        )
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        if isinstance(self.default, float) and (low, high) != (-math.inf, math.inf):
            made.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
        elif type(self.default) is int and (self.low, self.high) != (None, None):
            least = _LEAST if self.low is None else int(self.low)
            most = _MOST if self.high is None else int(self.high)
            made.integer_range = [IntegerRange(from_value=least, to_value=most, step=1)]
        return made

    def no_text(self) -> str:
        """What to say where a text was meant and YAML has made something else of it: 020000 is 8192 to it."""
        return (
            f'{self.name} takes a text, and to YAML what was given is of another type; a name that looks like a '
            f'number or a truth value needs quotes within quotes: ros2 param set NODE {self.name} \'"NAME"\', '
            f'at the start -p {self.name}:=\'"NAME"\''
        )

    def convert(self, value: Any) -> bool | int | float | str:
        """The value in this parameter's type.

        Raises:
            ValueError: it has another type, or is out of range or not one of the choices.
        """
        kind = type(self.default)
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            names = {
                bool: 'true or false',
                int: 'a whole number',
                float: 'a number',
                str: 'a text',
            }
            raise ValueError(f'{self.name} is {value!r}, expected {names[kind]}')
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f'{self.name} is {value}, expected a finite number')
        if isinstance(value, (int, float)):
            if self.low is not None and value < self.low:
                raise ValueError(f'{self.name} is {value}, expected at least {self.low:g}')
            if self.high is not None and value > self.high:
                raise ValueError(f'{self.name} is {value}, expected at most {self.high:g}')
        if self.choices and value not in self.choices:
            raise ValueError(
                f"{self.name} is '{value}', expected one of {', '.join(self.choices)}"
            )
        return value


class Parameters:
    """A node's parameters. `values[name]` is the checked value; it may be read from any thread."""

    def __init__(
        self,
        node: Node,
        table: Sequence[Param],
        change: Callable[[Mapping[str, Any]], object] | None = None,
    ) -> None:
        """Declare the table on the node.

        Args:
            node: whose parameters they are.
            table: the rows.
            change: called with the new values before they are taken on at run time; they are in effect when it
                returns. It raises ValueError where they are refused.

        Raises:
            ValueError: a value given at the start cannot be used.
        """
        self._node = node
        self._rows = {row.name: row for row in table}
        self._change = change
        self.values: dict[str, Any] = {}
        for row in table:
            try:
                given = node.declare_parameter(row.name, row.default, row.descriptor()).value
            except InvalidParameterTypeException as error:
                if isinstance(row.default, str):
                    raise ValueError(row.no_text()) from error
                raise
            self.values[row.name] = row.convert(given)
        node.add_on_set_parameters_callback(self._on_set)

    def mistyped(self, parameters: Iterable[Parameter]) -> SetParametersResult | None:
        """The refusal of what YAML has read as something else than the text that was meant; None: there is none."""
        for parameter in parameters:
            row = self._rows.get(parameter.name)
            if row and isinstance(row.default, str) and type(parameter.value) is not str:
                return SetParametersResult(successful=False, reason=row.no_text())
        return None

    def _on_set(self, parameters: list[Parameter]) -> SetParametersResult:
        changed: dict[str, Any] = {}
        try:
            for parameter in parameters:
                row = self._rows.get(parameter.name)
                if row is not None:
                    changed[row.name] = row.convert(parameter.value)
                elif parameter.name == 'use_sim_time':  # rclpy's own, which takes any value
                    self._keep(parameter)
            if changed and self._change:
                self._change(changed)
        except ValueError as error:
            return SetParametersResult(successful=False, reason=str(error))
        except Exception as error:  # of this program; it must not end what commands the arms
            self._node.get_logger().error(f'setting {", ".join(changed)} failed: {error!r}')
            reason = f'this failed: {type(error).__name__}: {error}'
            return SetParametersResult(successful=False, reason=reason)
        self.values.update(changed)
        return SetParametersResult(successful=True)

    def _keep(self, parameter: Parameter) -> None:
        """Refuse another value than the one that the node's clocks were made for."""
        present = self._node.get_parameter(parameter.name).value
        if parameter.value != present:
            raise ValueError(
                f'{parameter.name} is {str(present).lower()} since the start of the node, and stays so'
            )
