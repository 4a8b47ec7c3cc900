# SPDX-License-Identifier: Apache-2.0
"""What the benchmark of swaps sets, in which order, and what should be live then."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from act_msgs.msg import PolicyState

ENGINES = (
    ('engine', 'torch'),
    ('engine', 'openvino'),
    ('precision', 'bf16'),
    ('precision', 'fp32'),
)
"""What is set, in turn: PyTorch and OpenVINO in fp32, OpenVINO in bf16."""
PREPARE = ('policy', *['engine'] * len(ENGINES), 'policy', *['engine'] * len(ENGINES))


@dataclass
class Live:
    """What should be live: the policy's name, and what computes it."""

    policy: str = 'a'
    engine: str = ''
    precision: str = 'fp32'
    turn: int = 0

    def other(self) -> str:
        """The policy that is not live."""
        return 'b' if self.policy == 'a' else 'a'

    def next_engine(self) -> tuple[str, str]:
        """The next of `ENGINES`, which is taken to be live from now on."""
        name, value = ENGINES[self.turn % len(ENGINES)]
        self.turn += 1
        self.engine, self.precision = (
            (value, self.precision) if name == 'engine' else (self.engine, value)
        )
        return name, value

    def seen_in(self, state: PolicyState) -> bool:
        """Whether a state of the policy node says so."""
        computed = f'runs on {self.engine} {self.precision} '
        told = not self.engine or any(computed in note for note in state.notes)
        return told and Path(state.checkpoint).name == self.policy


def plan(
    swaps: int, bad: int, engines: int, kinds: list[str], random_: random.Random
) -> list[str]:
    """'policy', 'engine' or a kind of bad policy for each change, mixed."""
    steps = [kinds[i % len(kinds)] for i in range(bad)]
    steps += ['engine'] * engines + ['policy'] * (swaps - bad - engines)
    random_.shuffle(steps)
    return steps
