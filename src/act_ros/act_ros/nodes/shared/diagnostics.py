# SPDX-License-Identifier: Apache-2.0
"""What nodes say of themselves on `/diagnostics`, once a second: a status of each loop and each source.

The keys of a loop are those of ros2_control's controller manager: periodicity, execution_time, overruns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from numpy.typing import NDArray
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node

from act_ros.control.cadence import Cadence
from act_ros.control.limiter import Limiter

PERIOD_S = 1.0
OK, WARN = DiagnosticStatus.OK, DiagnosticStatus.WARN
ERROR, STALE = DiagnosticStatus.ERROR, DiagnosticStatus.STALE
WARN_HZ, ERROR_HZ = 5.0, 10.0
"""By how much a loop's mean rate may be off: what the controller manager allows of 50 Hz and more."""
NOTHING: Mapping[str, object] = {}


class Health(NamedTuple):
    """How one thing is: a loop, an arm, a camera, a disk."""

    name: str
    level: bytes
    message: str
    values: Mapping[str, object] = NOTHING


class Diagnostics:
    """Publishes a node's statuses: by itself, or when `publish` is called where its own threads may be held up."""

    def __init__(
        self,
        node: Node,
        tell: Callable[[], Iterable[Health]],
        name: str = '',
        by_itself: bool = True,
    ) -> None:
        """Advertise on `node`.

        Args:
            node: whose thread publishes; its time is in the messages.
            tell: how things are now.
            name: of the node that it is about, where that is another one.
            by_itself: once a second by the steady clock: also while simulated time stands still.
        """
        full = node.get_fully_qualified_name()
        full = f'{full.rpartition("/")[0]}/{name}' if name else full
        self._prefix, self._node, self._tell = full.strip('/'), node, tell
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', 10)
        if by_itself:
            steady = Clock(clock_type=ClockType.STEADY_TIME)
            node.create_timer(PERIOD_S, self.publish, clock=steady)

    def publish(self) -> None:
        """Say how things are now."""
        msg = DiagnosticArray(status=[self._status(health) for health in self._tell()])
        msg.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(msg)

    def _status(self, health: Health) -> DiagnosticStatus:
        values = [KeyValue(key=key, value=_text(value)) for key, value in health.values.items()]
        return DiagnosticStatus(
            level=health.level,
            name=f'{self._prefix}: {health.name}',
            message=health.message,
            hardware_id=health.name,
            values=values,
        )


def _text(value: object) -> str:
    return f'{value:.4g}' if isinstance(value, float) else str(value)


def heard(
    name: str,
    age_s: float | None,
    limit_s: float,
    note: str = '',
    contested: str = '',
    values: Mapping[str, object] = NOTHING,
) -> Health:
    """How a source is that sends messages: an arm, a camera.

    Args:
        name: as configurations call it.
        age_s: of the newest that could be used; None: there was none.
        limit_s: what is older is of no use.
        note: why messages cannot be used.
        contested: why what comes cannot be believed.
        values: what else is known of it.
    """
    values = {'age [s]': 'never' if age_s is None else age_s, **values}
    if contested:
        return Health(name, ERROR, contested, values)
    if age_s is None:
        return Health(name, STALE, note or 'nothing usable yet', values)
    if age_s > limit_s:
        return Health(name, STALE, f'nothing for {age_s:.1f} s{note and f": {note}"}', values)
    return Health(name, WARN if note else OK, note or 'ok', values)


def evenness(cadence: Cadence) -> bytes:
    """The level of a loop that is to run at its rate."""
    rates = cadence.rates_hz()
    off_hz = abs(float(rates.mean()) - cadence.rate_hz) if rates.size else 0.0
    return ERROR if off_hz > ERROR_HZ else WARN if off_hz > WARN_HZ else OK


def figures(cadence: Cadence) -> dict[str, object]:
    """How a loop ran in the last seconds; overruns since the start."""
    return {
        'desired rate [Hz]': cadence.rate_hz,
        **_figures('periodicity', 'Hz', cadence.rates_hz()),
        **_figures('execution_time', 'us', cadence.took_us()),
        **_figures('commands_out', 'us', cadence.out_us()),
        'overruns': cadence.overruns,
    }


def _figures(what: str, unit: str, values: NDArray[np.float64]) -> dict[str, object]:
    if not values.size:
        return {}
    found = {
        'average': values.mean(),
        'min': values.min(),
        'max': values.max(),
        'standard_deviation': values.std(),
        # Not ros2_control's: of 250 ticks the longest is often that of one in which the machine stood still.
        'percentile_99': np.percentile(values, 99),
    }
    return {f'{what}.{name} [{unit}]': float(value) for name, value in found.items()}


def interventions(limiter: Limiter) -> dict[str, object]:
    """How many values of commands each rule of the limiter has changed."""
    return {f'limited.{rule}': int(counts.sum()) for rule, counts in limiter.counts.items()}


def commanding(
    name: str, cadence: Cadence, limiter: Limiter, active: bool, arms: Sequence[Health]
) -> list[Health]:
    """How a loop is that commands arms, which it holds while it is `active` and an arm is silent; and the arms."""
    silent = [arm.name for arm in arms if arm.level != OK] if active else []
    doing = (
        f'holds the arms: {", ".join(silent)}' if silent else 'active' if active else 'not enabled'
    )
    values = {**figures(cadence), **interventions(limiter)}
    return [Health(name, WARN if silent else OK, doing, values), *arms]


def worse(*levels: bytes) -> bytes:
    """The worst of some levels."""
    return max(levels)
