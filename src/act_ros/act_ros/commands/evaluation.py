# SPDX-License-Identifier: Apache-2.0
"""What has been evaluated: for people as text, for programs as results.json."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from act_ros.commands.report import success_line, wilson_interval
from act_ros.commands.rollout import EvaluationSetting, Result
from act_ros.commands.verdict import Comparison, compare_with_first
from act_ros.control.smoothness import Smoothness, pooled
from act_ros.number_list import among, numbers_text
from act_ros.policy.config import PolicyConfig
from act_ros.sim.world import STAGES
from act_ros.text import printable_data

PACKAGES = ('act_ros', 'gym-aloha', 'mujoco', 'numpy', 'torch', 'openvino', 'onnxruntime')
_NOTES_SHOWN = 5


@dataclass
class Candidate:
    """A policy that is evaluated, and its results in the order of the seeds."""

    name: str
    path: Path
    config: PolicyConfig
    notes: tuple[str, ...] = ()
    results: list[Result] = field(default_factory=list)

    @property
    def successes(self) -> int:
        """How many episodes succeeded."""
        return sum(result.success for result in self.results)

    @property
    def failed(self) -> list[Result]:
        """The others."""
        return [result for result in self.results if not result.success]

    @property
    def smoothness(self) -> Smoothness:
        """Of all episodes."""
        return pooled([result.smoothness for result in self.results])

    @property
    def inference_ms(self) -> float | None:
        """Median of the episodes' medians; None without an inference."""
        known = [r.inference_ms for r in self.results if r.inference_ms is not None]
        return float(np.median(known)) if known else None

    def stages(self, task: str) -> dict[str, int]:
        """How many episodes reached each stage, by its name."""
        rewards = [result.max_reward for result in self.results]
        return {name: sum(r >= i for r in rewards) for i, name in enumerate(STAGES[task], 1)}

    def trained_on(self, task: str, seeds: Sequence[int]) -> tuple[int, ...] | None:
        """Which of these seeds of a task the policy was trained on; None where nobody said.

        A seed of another task is another world.
        """
        if not self.config.training_seeds or self.config.task not in ('', task):
            return None
        return among(seeds, self.config.training_seeds)


@dataclass
class Evaluation:
    """Some policies on the same seeds."""

    setting: EvaluationSetting
    seeds: tuple[int, ...]
    candidates: list[Candidate]
    remarks: list[str]

    @property
    def done(self) -> int:
        """Episodes that were run."""
        return sum(len(candidate.results) for candidate in self.candidates)

    @property
    def planned(self) -> int:
        """Episodes that were to be run."""
        return len(self.candidates) * len(self.seeds)

    def comparisons(self) -> list[Comparison]:
        """Each policy with the first, where both have results."""
        outcomes = {c.name: {r.seed: r.success for r in c.results} for c in self.candidates}
        return compare_with_first(outcomes) if all(outcomes.values()) else []

    def to_json(self) -> str:
        """The text of results.json, of ASCII alone."""
        task = self.setting.task
        setting = {**asdict(self.setting), 'seeds': numbers_text(self.seeds)}
        del setting['checkpoints']
        setting['engines'] = [str(engine) for engine in self.setting.engines]
        data = {
            'finished': self.done == self.planned,
            'setting': setting,
            'versions': versions(),
            'remarks': self.remarks,
            'policies': [_entry(c, task, self.seeds) for c in self.candidates],
            'comparisons': [{**asdict(c), 'differ': c.differ} for c in self.comparisons()],
        }
        return json.dumps(printable_data(data), indent=1) + '\n'

    def text(self) -> str:
        """The report."""
        ran = [candidate for candidate in self.candidates if candidate.results]
        if len(self.candidates) == 1:
            lines = _single(ran[0], self) if ran else []
        else:
            seeds = numbers_text(self.seeds)
            lines = [
                f'{self.setting.task}, seeds {seeds}; {way_of(self.setting)}{engines_of(self.setting)}'
            ]
            lines += _table(ran, self.setting.task)
            lines += [f'failed seeds of {c.name}: {_failed(c)}' for c in ran]
            comparisons = self.comparisons()
            lines += [c.sentence(len(comparisons)) for c in comparisons]
        lines += [f'  {c.name}: {line}' for c in ran for line in _trouble(c)]
        return '\n'.join([*lines, *(f'  warning: {remark}' for remark in self.remarks)])


def versions() -> dict[str, str]:
    """Of what decides the results."""
    found = {'python': platform.python_version(), 'machine': platform.machine()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = 'not installed as a package'
    return found


def way_of(setting: EvaluationSetting) -> str:
    """How chunks come and are executed, in words."""
    if setting.lockstep:
        when = 'one inference a tick, in lockstep'
    else:
        rate = (
            'one inference a tick' if setting.rate_hz is None else f'{setting.rate_hz:g} a second'
        )
        when = f'{rate}, each there {setting.delay} ticks after its observation'
    if setting.ensemble != 'none':
        return f'{when}; ensemble {setting.ensemble}, m = {setting.m:g}'
    return f'{when}; {setting.execute or "all"} actions of each chunk, without ensemble'


def engines_of(setting: EvaluationSetting) -> str:
    """', openvino fp32 on cpu': what ran the networks."""
    return ''.join(f', {name}' for name in dict.fromkeys(map(str, setting.engines)))


def _single(c: Candidate, evaluation: Evaluation) -> list[str]:
    task = evaluation.setting.task
    stages = ', '.join(f'{name} {count}' for name, count in c.stages(task).items())
    unseen = c.trained_on(task, evaluation.seeds) == ()
    return [
        f'{c.name} on {task}, seeds {numbers_text(r.seed for r in c.results)}'
        f'{", none of them trained on" if unseen else ""}: {success_line(c.successes, len(c.results))}',
        f'  {stages}',
        f'  failed seeds: {_failed(c)}',
        f'  {way_of(evaluation.setting)}; inference {_ms(c.inference_ms)} (median)'
        + engines_of(evaluation.setting),
        f'  {smoothness_text(c.smoothness)}',
        f'  limiter: {limiter_text(c.smoothness)}',
    ]


def _trouble(c: Candidate) -> list[str]:
    """What should not be, a line for each."""
    held = sum(r.held for r in c.results)
    thrown = sum(r.non_finite for r in c.results)
    noted = [r for r in c.results if r.note]
    lines = [f'held on {held} ticks that no chunk reached'] if held else []
    lines += [f'{thrown} predictions were not finite and were dropped'] if thrown else []
    lines += [f'seed {r.seed}: {r.note}' for r in noted[:_NOTES_SHOWN]]
    more = len(noted) - _NOTES_SHOWN
    return lines + ([f'and {more} more seeds of that kind'] if more > 0 else [])


def smoothness_text(smooth: Smoothness) -> str:
    """'jerk 41 rad/s³ (RMS of the arms), largest step 62 % of the limit (left_elbow)'."""
    if not smooth.commands:
        return 'no command was sent'
    jerk = '-' if smooth.jerk_rms is None else f'{smooth.jerk_rms:.3g}'
    return (
        f'commands: jerk {jerk} rad/s³ (RMS over ticks and arm joints), largest step in a tick '
        f'{100 * smooth.largest_step:.0f} % of the velocity limit ({smooth.largest_joint})'
    )


def limiter_text(smooth: Smoothness) -> str:
    """'changed 12 of 400 commands: velocity 12 (left_elbow 10, left_waist 2)'."""
    parts = []
    for rule, ticks in smooth.limited_ticks.items():
        joints = [f'{name} {n}' for name, n in smooth.limited_joints[rule].items()]
        more = f', {len(joints) - 4} more' if len(joints) > 4 else ''
        parts.append(f'{rule} {ticks} ({", ".join(joints[:4])}{more})')
    changed = f'changed {smooth.limited or "none"} of {smooth.commands} commands'
    return f'{changed}: {", ".join(parts)}' if parts else changed


def _table(candidates: Sequence[Candidate], task: str) -> list[str]:
    head = [
        *('policy', 'success', '95 % interval', *STAGES[task]),
        *('jerk rad/s³', 'largest step', 'limited', 'inference'),
    ]
    rows = [head]
    for c in candidates:
        smooth, low_high = c.smoothness, wilson_interval(c.successes, len(c.results))
        limited = smooth.limited / max(smooth.commands, 1)
        share = 100 * c.successes / len(c.results)
        rows.append([
            c.name,
            f'{c.successes} of {len(c.results)}, {share:.0f} %',
            '{:.0f} to {:.0f} %'.format(*(100 * bound for bound in low_high)),
            *map(str, c.stages(task).values()),
            '-' if smooth.jerk_rms is None else f'{smooth.jerk_rms:.3g}',
            f'{100 * smooth.largest_step:.0f} %',
            f'{100 * limited:.1f} %',
            _ms(c.inference_ms),
        ])  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ['  '.join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _entry(c: Candidate, task: str, seeds: Sequence[int]) -> dict[str, Any]:
    count = len(c.results)
    return {
        'name': c.name,
        'checkpoint': str(c.path),
        'task': c.config.task,
        'training_seeds': c.config.training_seeds or None,
        'trained_on': c.trained_on(task, seeds),
        'episodes': count,
        'successes': c.successes,
        'interval': wilson_interval(c.successes, count) if count else None,
        'stages': c.stages(task),
        'inference_ms': c.inference_ms,
        'smoothness': asdict(c.smoothness),
        'results': [asdict(result) for result in c.results],
    }


def _failed(c: Candidate) -> str:
    return numbers_text(result.seed for result in c.failed)


def _ms(value: float | None) -> str:
    return '-' if value is None else f'{value:.1f} ms'
