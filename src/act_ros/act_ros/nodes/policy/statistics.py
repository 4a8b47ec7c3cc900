# SPDX-License-Identifier: Apache-2.0
"""How well the loop runs: counted by the loop, read by the status thread."""

from __future__ import annotations

import time
from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from act_msgs.msg import PolicyState

from act_ros.control.limiter import TRIMMED, Reason, extraordinary
from act_ros.control.runtime import Runtime, State
from act_ros.control.ticker import Beat
from act_ros.nodes.policy.camera import Snapshot
from act_ros.nodes.policy.observer import RobotView
from act_ros.robot.types import Chunk

WINDOW = 250
"""Periods looked back on: five seconds at 50 Hz."""
JITTER_S = 0.002


@dataclass
class Statistics:
    """Counters since the start and figures of the last seconds; only the loop's thread writes."""

    period_s: float
    now_s: float = 0.0
    ticks: int = 0
    missed: int = 0
    held: int = 0
    clamped: int = 0
    chunks: int = 0
    in_ensemble: int = 0
    skew_s: float = 0.0
    skewed: int = 0
    observation_age_s: float = -1.0
    image_age_s: float = -1.0
    chunk_tick: int | None = None
    inference_s: float = 0.0
    worst_s: float = 0.0
    sent_total: int = 0
    _tick: int = 0
    _sent: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW + 1))
    _came: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    _skews: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))
    _changed: deque[Reason | None] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def tick(self, beat: Beat, sight: RobotView, runtime: Runtime) -> None:
        """Count a tick that was run."""
        self.ticks += 1
        self.missed += beat.missed
        self.now_s, self._tick = beat.now_s, beat.tick
        self.held += runtime.state in (State.HOLDING, State.FAULT)
        self._look_at_limits(runtime.limited)
        self.in_ensemble = runtime.execution.count(beat.tick)
        self._look_at_skew(list(sight.cameras.values()))
        stamps = [shot.stamp_s for shot in sight.cameras.values()]
        self.image_age_s = beat.now_s - min(stamps) if stamps else -1.0
        self.observation_age_s = beat.now_s - sight.joints.stamp_s if sight.joints else -1.0

    @property
    def skewed_lately(self) -> bool:
        """Whether in most of the last ticks the cameras showed different moments."""
        lately = tuple(self._skews)
        return 2 * sum(lately) > len(lately)

    @property
    def limited_lately(self) -> str:
        """What the limits did last, where they changed most of the commands of the last seconds; ''.

        A start that is gentle, or a pose that is far, changes them for a second or two.
        """
        lately = [reason for reason in tuple(self._changed) if reason is not None]
        return str(lately[-1]) if 2 * len(lately) > WINDOW else ''

    def _look_at_limits(self, reasons: Sequence[Reason]) -> None:
        changed = next((reason for reason in reasons if extraordinary([reason])), None)
        self.clamped += changed is not None
        self._changed.append(changed)

    def _look_at_skew(self, shots: Sequence[Snapshot]) -> None:
        """Cameras that run freely may differ by a period, their own or a tick's; not by more."""
        if len(shots) > 1:
            stamps = [shot.stamp_s for shot in shots]
            self.skew_s = max(stamps) - min(stamps)
            most_s = max(self.period_s, *(shot.period_s for shot in shots)) + JITTER_S
            self._skews.append(self.skew_s > most_s)
            self.skewed += self.skew_s > most_s

    def sent(self, steady_s: float) -> None:
        """Count a command that went out; a pause (not enabled, say) is no period."""
        if self._sent and steady_s - self._sent[-1] > 1.0:
            self._sent.clear()
        elif self._sent:
            self.worst_s = max(self.worst_s, steady_s - self._sent[-1])
        self._sent.append(steady_s)
        self.sent_total += 1

    def chunk(self, chunk: Chunk) -> None:
        """Count a chunk that was taken in."""
        self.chunks += 1
        self.inference_s, self.chunk_tick = chunk.inference_s, chunk.tick
        self._came.append(time.monotonic())

    def periods(self) -> np.ndarray:
        """Seconds between the last commands."""
        return np.diff(np.fromiter(tuple(self._sent), dtype=np.float64))

    def rate_hz(self) -> float:
        """Commands a second that were sent in the last second: what was sent before is of no account."""
        now = time.monotonic()
        sent = [at for at in tuple(self._sent) if now - at <= 1.0]
        # The next one is no sooner due than a period after the last; two are none missed yet.
        end = max(sent[-1], now - 2.0 * self.period_s) if sent else now
        return (len(sent) - 1) / (end - sent[0]) if len(sent) > 1 else float(len(sent))

    def chunk_rate_hz(self) -> float:
        """Chunks a second over the last two seconds."""
        now = time.monotonic()
        return sum(now - at < 2.0 for at in tuple(self._came)) / 2.0

    def fill(self, msg: PolicyState, runtime: Runtime) -> None:
        """Write the figures into a message."""
        periods = self.periods()
        msg.rate_hz = self.rate_hz()
        if periods.size:
            msg.period_error_p99_s = float(np.percentile(np.abs(periods - self.period_s), 99))
            msg.period_max_s = float(periods.max())
        msg.tick, msg.missed_ticks, msg.held_ticks = self.ticks, self.missed, self.held
        msg.clamped_ticks = self.clamped
        counts = runtime.limiter.counts.items()
        clamped = np.sum([count for rule, count in counts if rule != TRIMMED], axis=0)
        msg.clamped = array('Q', clamped.astype(np.uint64).tobytes())
        msg.observation_age_s, msg.image_age_s = self.observation_age_s, self.image_age_s
        msg.inference_s, msg.inference_rate_hz = self.inference_s, self.chunk_rate_hz()
        if self.chunk_tick is not None:
            msg.chunk_age_s = (self._tick - self.chunk_tick) * self.period_s
        else:
            msg.chunk_age_s = -1.0
        msg.chunks_in_ensemble = self.in_ensemble
        msg.chunks, msg.chunks_rejected = self.chunks, runtime.rejected

    def line(self) -> str:
        """The figures for the log, for a person."""
        periods = self.periods()
        if not periods.size:
            return 'no commands sent yet'
        if not (rate_hz := self.rate_hz()):
            return f'NOTHING SENT in the last second ({self.sent_total} commands before)'
        error = np.abs(periods - self.period_s)
        return (
            f'{rate_hz:.2f} Hz (|period - {1e3 * self.period_s:g} ms| p99 '
            f'{1e3 * np.percentile(error, 99):.1f} ms, longest {1e3 * periods.max():.1f} ms), '
            f'{self.chunk_rate_hz():.1f} chunks/s of {1e3 * self.inference_s:.0f} ms, images '
            f'{1e3 * self.image_age_s:.0f} ms old, {self.missed} ticks missed, {self.held} held, '
            f'{self.clamped} limited'
        )
