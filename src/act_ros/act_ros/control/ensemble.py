# SPDX-License-Identifier: Apache-2.0
"""From overlapping chunks to one action per tick: the temporal ensemble, and execution without it.

Both forms speak `Execution`, so that the runtime and the evaluator don't know which one they
drive. Time is the absolute control tick: row i of a chunk observed at tick c is meant for tick c +
i. So a late chunk enters with its past rows skipped, and the order in which chunks arrive changes
nothing.
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from act_ros.robot.types import Chunk, Floats

Order = Literal['oldest', 'newest']
ORDERS: tuple[str, ...] = ('oldest', 'newest', 'none')  # 'off' would be a bool in yaml
"""Values of the `ensemble` parameter: which prediction weighs most, or no ensemble."""

_NONE = np.iinfo(np.int64).min // 2  # tick of an empty slot: no tick's window reaches it


class Execution(Protocol):
    """What turns chunks into one action per tick."""

    def add(self, chunk: Chunk) -> bool:
        """Take a chunk in; False if it is too old to matter.

        Raises:
            ValueError: the chunk has another shape, or a value that isn't finite. It is not taken
                in.
        """

    def action(self, tick: int) -> NDArray[np.float64] | None:
        """The action (dof,) for a tick, or None if no chunk covers it."""

    def due(self, tick: int) -> bool:
        """Whether a chunk observed at this tick would change what is executed from here on."""

    def count(self, tick: int) -> int:
        """How many predictions there are for a tick."""

    def reset(self) -> None:
        """Forget every chunk."""


def make_execution(
    chunk: int, dof: int, ensemble: str = 'oldest', m: float = 0.01, execute: int = 0
) -> Execution:
    """Build the execution that the parameters `ensemble`, `ensemble_m` and `execute` describe.

    Args:
        chunk: rows per chunk (k).
        dof: entries per action (14).
        ensemble: 'oldest', 'newest' or 'none'.
        m: decay of the ensemble's weights, exp(-m * i).
        execute: without ensemble, how many actions of a chunk are executed; 0 means all of them.

    Raises:
        ValueError: a value is out of its range.
    """
    if ensemble == 'none':
        return OpenLoop(chunk, dof, execute or chunk)
    if ensemble == 'oldest':
        return TemporalEnsemble(chunk, dof, m, 'oldest')
    if ensemble == 'newest':
        return TemporalEnsemble(chunk, dof, m, 'newest')
    raise ValueError(f"ensemble is '{ensemble}'; choose one of {', '.join(ORDERS)}")


class TemporalEnsemble:
    """All predictions for a tick, averaged with weights exp(-m * i) (Zhao et al. 2023, IV-A).

    i counts the predictions that are there, by the age of their observation. Order 'oldest' gives
    i = 0 to the oldest one, as the paper's code and LeRobot do; 'newest' gives it to the newest
    one. The buffer is a ring of k slots allocated once: a chunk observed at tick c lies in slot c
    mod k, and the k chunks that can cover a tick have k consecutive ticks, so no two of them share
    a slot.
    """

    def __init__(self, chunk: int, dof: int, m: float = 0.01, order: Order = 'oldest') -> None:
        """Allocate the buffer: `chunk` slots of (chunk, dof) float32.

        Raises:
            ValueError: `chunk` or `dof` is below 1, `m` isn't finite, or `order` is unknown.
        """
        if chunk < 1 or dof < 1:
            raise ValueError(f'chunk and dof must be at least 1, got {chunk} and {dof}')
        if not np.isfinite(m):
            raise ValueError(f'ensemble_m must be finite, got {m}')
        if order not in ('oldest', 'newest'):
            raise ValueError(f"order is '{order}'; choose 'oldest' or 'newest'")
        self.chunk, self.dof = chunk, dof
        self._actions = np.zeros((chunk, chunk, dof), dtype=np.float32)
        self._ticks = np.full(chunk, _NONE, dtype=np.int64)
        # exp(-m i) over n predictions, normalised, is exp(-|m| i) read from the other end when m <
        # 0; so one table, which never overflows, serves every n, both orders and both signs.
        self._weights = np.exp(-abs(m) * np.arange(chunk, dtype=np.float64))
        self._sums = np.cumsum(self._weights)
        self._oldest_first = (order == 'oldest') == (m >= 0)
        # Ticks since the observation, oldest first.
        self._ages = np.arange(chunk - 1, -1, -1, dtype=np.int64)

    def add(self, chunk: Chunk) -> bool:
        """Take a chunk in; one of the same tick replaces its forerunner. False if it is too old.

        Raises:
            ValueError: as `Execution.add`.
        """
        _check(chunk, self.chunk, self.dof)
        slot = chunk.tick % self.chunk
        if chunk.tick < self._ticks[slot]:
            return False
        self._actions[slot] = chunk.actions
        self._ticks[slot] = chunk.tick
        return True

    def action(self, tick: int) -> NDArray[np.float64] | None:
        """The weighted mean (dof,) of all predictions for a tick, or None if there is none."""
        ages = self._present(tick)
        n = ages.size
        if n == 0:
            return None
        rows = self._actions[(tick - ages) % self.chunk, ages]  # (n, dof), oldest first
        weights = self._weights[:n] if self._oldest_first else self._weights[n - 1 :: -1]
        mean: NDArray[np.float64] = weights @ rows / self._sums[n - 1]
        return mean

    def due(self, tick: int) -> bool:
        """Always: each tick's prediction takes part."""
        return True

    def count(self, tick: int) -> int:
        """How many predictions there are for a tick."""
        return int(self._present(tick).size)

    def reset(self) -> None:
        """Forget every chunk."""
        self._ticks.fill(_NONE)

    def _present(self, tick: int) -> NDArray[np.int64]:
        """Ages (ticks since the observation) of the predictions for a tick, oldest first."""
        wanted = tick - self._ages
        present: NDArray[np.int64] = self._ages[self._ticks[wanted % self.chunk] == wanted]
        return present


class OpenLoop:
    """Without ensembling: execute n actions of a chunk, then go on with the newest chunk there is.

    If none is there when the n actions are done, the chunk's further rows bridge the wait; when
    they are used up too there is no action.
    """

    def __init__(self, chunk: int, dof: int, execute: int) -> None:
        """Execute `execute` actions of each chunk of `chunk` rows.

        Raises:
            ValueError: `chunk` or `dof` is below 1, or `execute` isn't between 1 and `chunk`.
        """
        if chunk < 1 or dof < 1:
            raise ValueError(f'chunk and dof must be at least 1, got {chunk} and {dof}')
        if not 1 <= execute <= chunk:
            raise ValueError(
                f'execute must be between 1 and the chunk length {chunk}, got {execute}'
            )
        self.chunk, self.dof, self.execute = chunk, dof, execute
        self._current: Chunk | None = None
        self._newest: Chunk | None = None
        self._until = _NONE  # first tick at which the current chunk may be left

    def add(self, chunk: Chunk) -> bool:
        """Take a chunk in as the next one; False if a newer one is there already.

        Raises:
            ValueError: as `Execution.add`.
        """
        _check(chunk, self.chunk, self.dof)
        if self._newest is not None and chunk.tick < self._newest.tick:
            return False
        self._newest = chunk
        return True

    def action(self, tick: int) -> NDArray[np.float64] | None:
        """The action (dof,) for a tick, or None if no chunk reaches it."""
        new = self._newest is not self._current and self._covers(self._newest, tick)
        if new and self.due(tick):
            self._current = self._newest
            self._until = tick + self.execute
        if self._current is None or not self._covers(self._current, tick):
            return None
        row: NDArray[np.float64] = self._current.actions[tick - self._current.tick].astype(float)
        return row

    def due(self, tick: int) -> bool:
        """Whether the current chunk's n actions are done at this tick."""
        return tick >= self._until or not self._covers(self._current, tick)

    def count(self, tick: int) -> int:
        """1 if a chunk covers the tick, else 0."""
        return int(self._covers(self._current, tick) or self._covers(self._newest, tick))

    def reset(self) -> None:
        """Forget every chunk."""
        self._current = self._newest = None
        self._until = _NONE

    def _covers(self, chunk: Chunk | None, tick: int) -> bool:
        return chunk is not None and 0 <= tick - chunk.tick < self.chunk


def _check(chunk: Chunk, rows: int, dof: int) -> None:
    """Refuse what must not enter a buffer: one bad value would stay in the mean for k ticks."""
    actions: Floats = chunk.actions
    if actions.shape != (rows, dof):
        raise ValueError(
            f'chunk of tick {chunk.tick} has shape {actions.shape}, expected ({rows}, {dof}); '
            f'was the checkpoint trained for this robot?'
        )
    if not np.isfinite(actions).all():
        bad = np.argwhere(~np.isfinite(actions))
        raise ValueError(
            f'chunk of tick {chunk.tick} has {len(bad)} of {actions.size} values not finite '
            f'(the first in row {bad[0, 0]}, entry {bad[0, 1]}); it is dropped'
        )
