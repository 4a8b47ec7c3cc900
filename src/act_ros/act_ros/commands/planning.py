# SPDX-License-Identifier: Apache-2.0
"""What a command line of `evaluate` asks for, checked before anything is loaded."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

from act_ros.commands.evaluation import Candidate, Evaluation
from act_ros.commands.rollout import EvaluationSetting
from act_ros.control.chunk_grid import ChunkGrid
from act_ros.control.ensemble import make_execution
from act_ros.number_list import numbers_text
from act_ros.policy.engines.choice import EngineChoice
from act_ros.policy.engines.load import settle
from act_ros.policy.errors import PolicyError
from act_ros.policy.folder import read_notes, resolve_checkpoint
from act_ros.policy.formats.detect import read_source
from act_ros.policy.robot_fit import assumed_rate, misfits
from act_ros.robot.spec import RobotSpec
from act_ros.sim.world import STEPS


def plan(args: argparse.Namespace) -> Evaluation:
    """What a command line asks for, checked before anything is loaded.

    Raises:
        PolicyError: a policy isn't there, is not for this robot, or is named twice.
        ValueError: options that don't go together, with each other or with a policy.
    """
    spec = RobotSpec.load()
    if args.execute and args.ensemble != 'none':
        raise ValueError('--execute needs --ensemble none: an ensemble uses all of every chunk')
    if (args.film or args.video) and args.output is None:
        raise ValueError('--film and --video need --output DIR to put the films into')
    if args.rate is not None and args.rate > spec.rate_hz:
        raise ValueError(
            f'--rate is {args.rate:g}; at most {spec.rate_hz:g}, one inference a tick, has a use'
        )
    candidates = _candidates(args.checkpoint, spec)
    for c in candidates:
        make_execution(c.config.chunk, spec.dof, args.ensemble, args.m, args.execute)
        ticks = ChunkGrid(c.config.chunk, c.config.rate_hz, spec.rate_hz).ticks
        if args.delay >= ticks:
            raise ValueError(
                f'--delay is {args.delay} ticks; the chunks of {c.name} are {ticks} ticks long, so '
                f'nothing of them would be left'
            )
    own = candidates[0].config.task
    task = args.task or (own if own in STEPS else next(iter(STEPS)))
    setting = EvaluationSetting(
        tuple(str(c.path) for c in candidates),
        task,
        args.ensemble,
        args.m,
        args.execute,
        args.delay,
        args.rate,
        args.threads,
    )
    remarks = [line for c in candidates for line in _remarks(c, task, args)]
    return Evaluation(setting, args.seeds, candidates, remarks)


def settle_engines(evaluation: Evaluation, asked: EngineChoice) -> None:
    """Let every process run a policy by the same engine: prepared here, once, where it isn't yet.

    Raises:
        PolicyError: a policy cannot be used, or the engine that was asked for cannot be had.
    """
    threads = evaluation.setting.threads
    settled = [settle(read_source(c.path), asked, threads) for c in evaluation.candidates]
    engines = tuple(one.choice for one in settled)
    evaluation.setting = replace(evaluation.setting, engines=engines)


def _candidates(texts: Sequence[str], spec: RobotSpec) -> list[Candidate]:
    paths = [resolve_checkpoint(text) for text in texts]
    found: list[Candidate] = []
    for text, path in zip(texts, paths, strict=True):
        if paths.count(path) > 1:
            raise PolicyError(f'{path} is named twice; name each policy once')
        alone = sum(other.name == path.name for other in paths) == 1
        config, notes = read_notes(path)
        reasons = misfits(config, spec)
        if reasons:
            raise PolicyError(f'{path}: {"; ".join(reasons)}')
        notes = (*notes, *assumed_rate(config))
        found.append(Candidate(path.name if alone else text, path, config, notes))
    return found


def _remarks(c: Candidate, task: str, args: argparse.Namespace) -> list[str]:
    """What a reader of the results should know of a policy before he believes them."""
    lines = [f'{c.name}: {note}' for note in c.notes]
    if c.config.task and c.config.task != task:
        lines.append(f"{c.name} is a policy for '{c.config.task}'; here it is run on {task}")
    elif not c.config.task and args.task is None:
        lines.append(f'{c.name} does not say its task; it is run on {task} (--task)')
    seen = c.trained_on(task, args.seeds)
    if seen:
        lines.append(
            f'{c.name} was trained on {len(seen)} of these {len(args.seeds)} seeds '
            f'({numbers_text(seen)}): they do not show what it does on unseen ones'
        )
    return lines
