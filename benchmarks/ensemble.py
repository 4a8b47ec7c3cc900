#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the temporal ensemble costs: time a tick, and memory over 100,000 ticks.

Beside it the way the ACT paper's code does it, written anew: a table of (ticks, ticks + k, 14)
with a row per prediction, its column for a tick averaged over the rows that are filled.

    benchmarks/ensemble.py
"""

from __future__ import annotations

import argparse
import sys
import time
import tracemalloc
from collections.abc import Iterable

import numpy as np
from findings import Findings, add_json

from act_ros.control.ensemble import OpenLoop, TemporalEnsemble
from act_ros.robot.types import Chunk

K, DOF, M = 100, 14, 0.01
TARGET_US = 50.0


class Table:
    """The paper's table for a run of known length."""

    def __init__(self, ticks: int) -> None:
        self.table = np.zeros((ticks, ticks + K, DOF), dtype=np.float32)
        self.filled = np.zeros((ticks, ticks + K), dtype=bool)

    def add(self, chunk: Chunk) -> None:
        """Write the chunk's row."""
        self.table[chunk.tick, chunk.tick : chunk.tick + K] = chunk.actions
        self.filled[chunk.tick, chunk.tick : chunk.tick + K] = True

    def action(self, tick: int) -> np.ndarray:
        """Average the column of a tick, oldest first."""
        rows = self.table[self.filled[:, tick], tick]
        weights = np.exp(-M * np.arange(len(rows)))
        return (weights / weights.sum()) @ rows


def chunks(count: int) -> list[Chunk]:
    """Chunks of random numbers; made beforehand, since making them is not what is measured."""
    rng = np.random.default_rng(0)
    return [Chunk(0, rng.normal(size=(K, DOF)).astype(np.float32)) for _ in range(count)]


def timed(execution: object, ticks: Iterable[int], pool: list[Chunk]) -> np.ndarray:
    """Microseconds of `add` and `action` together, tick by tick."""
    took = []
    for tick in ticks:
        chunk = Chunk(tick, pool[tick % len(pool)].actions)
        start = time.perf_counter_ns()
        execution.add(chunk)  # type: ignore[attr-defined]
        execution.action(tick)  # type: ignore[attr-defined]
        took.append(time.perf_counter_ns() - start)
    return np.array(took) * 1e-3


def memory(ticks: int, pool: list[Chunk]) -> tuple[int, int]:
    """Bytes of the ensemble when full, and how many more after `ticks` ticks."""
    tracemalloc.start()
    ensemble = TemporalEnsemble(K, DOF, M)
    for tick in range(2 * K):
        ensemble.add(Chunk(tick, pool[tick % len(pool)].actions))
        ensemble.action(tick)
    full, _ = tracemalloc.get_traced_memory()
    for tick in range(2 * K, ticks):
        ensemble.add(Chunk(tick, pool[tick % len(pool)].actions))
        ensemble.action(tick)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return full, after - full


def main() -> int:
    """Measure and print; 0 if the target is met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--ticks', type=int, default=100_000, help='of the ensemble')
    add_json(parser)
    args = parser.parse_args()
    pool = chunks(200)
    found = Findings()
    for name, execution, ticks in (
        ('oldest', TemporalEnsemble(K, DOF, M, 'oldest'), args.ticks),
        ('newest', TemporalEnsemble(K, DOF, M, 'newest'), args.ticks),
        ('none', OpenLoop(K, DOF, K), args.ticks),
        ('table', Table(1000), 1000),
    ):
        took = timed(execution, range(ticks), pool)[K:]
        p50, p99 = np.percentile(took, [50, 99])
        target = TARGET_US if name in ('oldest', 'newest') else None
        found.figure(f'{name}, a tick', p50, 'µs', at_most=target)
        print(f'{name:<8} {ticks:>7} ticks: {p50:7.1f} us a tick (p99 {p99:.1f})')
    table = Table(1000)
    table_bytes = table.table.nbytes + table.filled.nbytes
    full, more = memory(args.ticks, pool)
    found.figure('memory', full / 1e6, 'MB')
    found.figure(f'more memory after {args.ticks} ticks', more, 'bytes', at_most=10_000)
    found.figure("memory of the paper's table for 1000 ticks", table_bytes / 1e6, 'MB')
    print(
        f'memory: {full / 1e6:.2f} MB, and {more} bytes more after {args.ticks} ticks; the table'
    )
    print(f'of 1000 ticks has {table_bytes / 1e6:.1f} MB')
    ensemble = TemporalEnsemble(K, DOF, M)
    worst = 0.0
    for tick in range(1000):
        chunk = Chunk(tick, pool[tick % len(pool)].actions)
        ensemble.add(chunk)
        table.add(chunk)
        got = ensemble.action(tick)
        assert got is not None
        worst = max(worst, float(np.abs(got - table.action(tick)).max()))
    found.figure("largest difference to the paper's table", worst, at_most=1e-5)
    return found.end(args.json)


if __name__ == '__main__':
    sys.exit(main())
