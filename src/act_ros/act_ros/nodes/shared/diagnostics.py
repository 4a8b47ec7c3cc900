# SPDX-License-Identifier: Apache-2.0
"""What nodes say of themselves on `/diagnostics`, once a second: a status of each loop and each source.

The keys of a loop are those of ros2_control's controller manager: periodicity, execution_time, overruns.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from numpy.typing import NDArray
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node

from act_ros.control.limiter import Limiter

PERIOD_S = 1.0
OK, WARN = DiagnosticStatus.OK, DiagnosticStatus.WARN
ERROR, STALE = DiagnosticStatus.ERROR, DiagnosticStatus.STALE
WARN_HZ, ERROR_HZ = 5.0, 10.0
"""By how much a loop's mean rate may be off: what the controller manager allows of 50 Hz and more."""
_WINDOW = 250
_PAUSE_S = 1.0
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


class Cadence:
    """How evenly a loop runs. Written by its thread alone, read by any."""

    def __init__(self, rate_hz: float) -> None:
        """Of a loop that is to run at `rate_hz`."""
        self._rate_hz = rate_hz
        self._begun: deque[float] = deque(maxlen=_WINDOW + 1)
        self._took: deque[float] = deque(maxlen=_WINDOW)
        self.overruns = 0

    @contextmanager
    def tick(self, missed: int = 0) -> Iterator[None]:
        """Count what runs within; `missed` ticks were left out before it."""
        begun_s = time.monotonic()
        yield
        if self._begun and begun_s - self._begun[-1] > _PAUSE_S:
            self._begun.clear()  # a pause is no period
        took_s = time.monotonic() - begun_s
        self._begun.append(begun_s)
        self._took.append(took_s)
        self.overruns += missed + (took_s > 1.0 / self._rate_hz)

    @property
    def level(self) -> bytes:
        """Whether it runs at its rate."""
        rates = self._rates()
        off_hz = abs(float(rates.mean()) - self._rate_hz) if rates.size else 0.0
        return ERROR if off_hz > ERROR_HZ else WARN if off_hz > WARN_HZ else OK

    def values(self) -> dict[str, object]:
        """The figures of the last seconds; overruns since the start."""
        took_us = 1e6 * np.array(tuple(self._took))
        return {
            'desired rate [Hz]': self._rate_hz,
            **_figures('periodicity', 'Hz', self._rates()),
            **_figures('execution_time', 'us', took_us),
            'overruns': self.overruns,
        }

    def _rates(self) -> NDArray[np.float64]:
        periods = np.diff(np.array(tuple(self._begun)))
        rates: NDArray[np.float64] = 1.0 / periods[periods > 0]
        return rates


def _figures(what: str, unit: str, values: NDArray[np.float64]) -> dict[str, object]:
    if not values.size:
        return {}
    found = {
        'average': values.mean(),
        'min': values.min(),
        'max': values.max(),
        'standard_deviation': values.std(),
    }
    return {f'{what}.{name} [{unit}]': float(value) for name, value in found.items()}


def interventions(limiter: Limiter) -> dict[str, object]:
    """How many values of commands each rule of the limiter has changed."""
    return {f'limited.{rule}': int(counts.sum()) for rule, counts in limiter.counts.items()}


def commanding(
    name: str, cadence: Cadence, limiter: Limiter, held: str, doing: str, **values: object
) -> Health:
    """How a loop is that commands arms: why it holds them, or '', and else what it is doing."""
    values = {**cadence.values(), **values, **interventions(limiter)}
    return Health(name, WARN if held else OK, held or doing, values)


def worse(*levels: bytes) -> bytes:
    """The worst of some levels."""
    return max(levels)
