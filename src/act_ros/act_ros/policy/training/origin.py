# SPDX-License-Identifier: Apache-2.0
"""What a policy's configuration says of its demonstrations: their task, and the seeds they were simulated from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from act_ros.data.dataset import Dataset
from act_ros.policy.config import MOST_RUNS
from act_ros.policy.values import is_name


def origin(dataset: Dataset) -> tuple[dict[str, Any], list[str]]:
    """The entries `task` and `training_seeds` of a `PolicyConfig`, and notes for people on what is left empty."""
    notes = []
    task = dataset.tasks[0] if len(dataset.tasks) == 1 else ''
    if len(dataset.tasks) > 1:
        named = ', '.join(task or 'none' for task in dataset.tasks[:5])
        notes.append(f'the episodes state different tasks ({named}), so the policy names none')
    elif not task:
        notes.append('the episodes state no task, so the policy names none')
    elif not is_name(task):
        notes.append(f'the policy names no task: {task[:40]!r}… is no name of up to 100 letters')
        task = ''
    runs = seed_runs(dataset.seeds)
    if len(runs) > MOST_RUNS:
        notes.append(
            f'the policy names no seeds: {len(runs)} runs of them are more than {MOST_RUNS}'
        )
        runs = []
    return {'task': task, 'training_seeds': tuple(runs)}, notes


def seed_runs(seeds: Sequence[int]) -> list[tuple[int, int]]:
    """Sorted seeds as (first, last) of each run without a gap: [1, 2, 3, 7] -> [(1, 3), (7, 7)]."""
    runs: list[tuple[int, int]] = []
    for seed in seeds:
        if runs and seed == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], seed)
        else:
            runs.append((seed, seed))
    return runs
