# SPDX-License-Identifier: Apache-2.0
"""From what was asked for to an engine that runs: the first candidate that can, and why not those before it."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from act_ros.policy.engines.base import InferenceEngine, check
from act_ros.policy.engines.build import engine_from
from act_ros.policy.engines.cache import Entry, find, keep, key_of, new_entry, places, remove
from act_ros.policy.engines.choice import (
    AUTO,
    REFERENCE,
    EngineChoice,
    EngineError,
    candidates,
    in_words,
)
from act_ros.policy.errors import PolicyError
from act_ros.policy.formats.source import Source
from act_ros.python_process import child_environment, python_command

BUILD_S = 100.0
"""An engine that is not prepared after this is gone without."""
_CRASHES = {signal.SIGSEGV, signal.SIGILL, signal.SIGABRT, signal.SIGFPE}


@dataclass(frozen=True)
class Settled:
    """What a choice came to.

    Attributes:
        choice: without `auto`.
        entry: what was prepared for it; None for the reference, which needs nothing.
        why: the reason, for people.
    """

    choice: EngineChoice
    entry: Entry | None
    why: str


def settle(source: Source, asked: EngineChoice, threads: int | None) -> Settled:
    """Find the first candidate that can run a policy; what it needs is prepared where it isn't yet.

    Raises:
        EngineError: what was asked for cannot be had.
        PolicyError: the policy cannot be used.
    """
    said: list[str] = []
    for choice in candidates(asked):
        try:
            return _settled(source, choice, asked, threads, said)
        except EngineError as error:
            said.append(str(error))
    raise _refusal(asked, said)


def load_engine(
    source: Source, asked: EngineChoice, threads: int | None
) -> tuple[InferenceEngine, Settled]:
    """The first engine that runs, and what the choice came to.

    Raises:
        EngineError: what was asked for cannot be had.
        PolicyError: the policy cannot be used.
    """
    said: list[str] = []
    for choice in candidates(asked):
        try:
            settled = _settled(source, choice, asked, threads, said)
            return _start(source, settled, threads), settled
        except EngineError as error:
            said.append(str(error))
    raise _refusal(asked, said)


def _refusal(asked: EngineChoice, said: list[str]) -> EngineError:
    """Why nothing can be had; where the device was left open, what led to the one that is spoken of, too."""
    led = f'{in_words(asked)}: ' if asked.device == AUTO and in_words(asked) else ''
    return EngineError(f'{led}{"; ".join(said)}')


def _settled(
    source: Source, choice: EngineChoice, asked: EngineChoice, threads: int | None, said: list[str]
) -> Settled:
    """A candidate with what it needs; `said` is why those before it do not run.

    Raises:
        EngineError: it does not run either.
        PolicyError: the policy cannot be used.
    """
    if choice == REFERENCE:
        return Settled(choice, None, '; '.join(said) or _reason(asked, None))
    entry = _entry(source, choice, threads, said)
    return Settled(choice, entry, '; '.join([*said, _reason(asked, entry)]))


def _start(source: Source, settled: Settled, threads: int | None) -> InferenceEngine:
    """The engine itself. PyTorch is imported only where it is the engine.

    Raises:
        EngineError: it doesn't load.
        PolicyError: the policy cannot be read.
    """
    choice = settled.choice
    if choice.engine != 'torch':
        assert settled.entry is not None
        return engine_from(settled.entry.folder, choice, threads)
    import torch

    from act_ros.policy.checkpoint import load_source
    from act_ros.policy.engines.torch_engine import torch_engine

    if threads is not None:
        torch.set_num_threads(threads)
    return torch_engine(load_source(source), choice)


def _reason(asked: EngineChoice, entry: Entry | None) -> str:
    if entry is None:
        slow = 'openvino, which is faster, is not installed: pip install openvino'
        return 'as asked for' if asked.engine != AUTO else slow
    exact = f'{entry.difference:.1g} from PyTorch in fp32'
    return exact if asked.engine != AUTO else f'the fastest here, {exact}'


def _entry(source: Source, choice: EngineChoice, threads: int | None, said: list[str]) -> Entry:
    """What was prepared for a choice, or is now; `said` gets a line where something was amiss.

    Raises:
        EngineError: it cannot be, or was found to be of no use.
        PolicyError: the policy cannot be read.
    """
    try:
        key, name = key_of(source, choice, threads), f'{choice.engine}-{choice.precision}'
    except OSError as error:
        raise PolicyError(f'{source.model} cannot be read: {error}') from error
    for place in places(source):
        try:
            entry = find(place, key, name)
        except ValueError as error:
            said.append(f'the engine in {place} {error} and was made anew')
            remove(place, key, name)
            continue
        if entry is not None:
            return _usable(choice, entry)
    failed = []
    for place in places(source):
        try:
            with new_entry(place, key, name) as partial:
                entry = find(place, key, name)  # another process may have been at it
                return _usable(choice, entry or _build(source, choice, threads, partial, key))
        except (OSError, ValueError) as error:
            if isinstance(error, PolicyError):
                raise
            failed.append(f'{place}: {getattr(error, "strerror", None) or error}')
    raise EngineError(f'{choice} could not be prepared ({"; ".join(failed)})')


def _usable(choice: EngineChoice, entry: Entry) -> Entry:
    if entry.refused:
        raise EngineError(f'{entry.refused} (to try it again, remove {entry.folder})')
    check(choice, entry.difference)
    return entry


def _build(
    source: Source, choice: EngineChoice, threads: int | None, partial: Path, key: str
) -> Entry:
    """Let a process of its own prepare an engine in `partial`, and keep what is to be kept.

    Raises:
        EngineError: there is no verdict.
        PolicyError: the policy cannot be read.
        OSError: the disk is full.
    """
    command = python_command(
        'act_ros.policy.engines.build', os.getpid(), source.path, partial,
        choice.device, choice.engine, choice.precision, threads or 0,
    )  # fmt: skip
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=child_environment(),
            timeout=BUILD_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise EngineError(f'{choice} was not ready to run within {BUILD_S:g} s') from None
    if done.returncode != 0:
        return _crashed(choice, -done.returncode, partial, key)
    verdict = json.loads(done.stdout.splitlines()[-1])
    if 'broken' in verdict:
        raise PolicyError(verdict['broken'])
    if 'refused' in verdict:
        raise EngineError(verdict['refused'])
    if 'unwritten' in verdict:
        raise OSError(errno.ENOSPC, verdict['unwritten'])
    return keep(partial, key, verdict['difference'])


def _crashed(choice: EngineChoice, number: int, partial: Path, key: str) -> Entry:
    """The entry of an engine that crashed: it would do so again.

    Raises:
        EngineError: it ended in another way.
    """
    if number not in _CRASHES:
        ended = signal.Signals(number).name if number > 0 else f'status {-number}'
        raise EngineError(f'the process that prepared {choice} ended with {ended}')
    for file in partial.iterdir():
        file.unlink()
    return keep(partial, key, 0.0, f'{choice} crashed ({signal.Signals(number).name})')
