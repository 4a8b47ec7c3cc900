#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a recorder leaves that is killed: `kill -9` at random moments, then the next start.

    source setup.bash
    benchmarks/recorder_kills.py --count 40

Kills the recorder, its whole process group, or the process that makes the file, while recording or while
an episode is finished. After each, a new recorder starts on the same folder. As promised is: at most one
second of the running episode is lost, it is found and set aside (or, where it had ended, is an episode);
where only the helper was killed, nothing is lost; no finished episode changes by a bit; nothing else is
left. Exit code 1 if anything is not.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import h5py
import ros_domain
from findings import Findings, add_json
from lifeline import hold
from recorder import MOST_LOST_S, Operator
from recording import CAMERAS, ENV, Recorder, Robot, children

KINDS = (
    'recorder, recording',
    'process group, recording',
    'helper, recording',
    'recorder, finishing',
    'process group, finishing',
    'helper, finishing',
)


@dataclass
class Result:
    """What one kill left: seconds recorded until it, rows there, seconds lost; what is wrong."""

    kind: str
    recorded_s: float
    rows: int
    lost_s: float
    where: str
    recovery_s: float
    wrong: str


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.glob('episode_*.hdf5')
    }


class Trial:
    """Kills at random moments on one folder, with one robot that goes on publishing."""

    def __init__(
        self, folder: Path, operator: Operator, cameras: tuple[str, ...], seed: int
    ) -> None:
        """Start the first recorder."""
        self.folder, self._operator, self._cameras = folder / 'data', operator, cameras
        self._random, self._logs = random.Random(seed), 0
        self._start()

    def _start(self) -> float:
        """Start a recorder; seconds until it is ready."""
        begun = time.monotonic()
        self._logs += 1
        log = self.folder.with_name(f'{self._logs}.log')
        self._operator.states.clear()
        self.recorder = Recorder(self.folder, log, self._cameras, min_free_mb=64)
        self._operator.wait_for(lambda state: state.message.startswith('recording into'), 60)
        ready = time.monotonic() - begun
        self._operator.wait_for(lambda state: not state.reason, 60)
        return ready

    def run(self, kind: str) -> Result:
        """One kill."""
        before = _digests(self.folder)
        self._operator.start()
        first, number = time.time(), self._operator.states[-1].episode
        self._operator.wait(self._random.uniform(0.3, 4.0))
        pid, helpers = self.recorder.pid, children(self.recorder.pid)
        last = time.time()
        future = None
        if 'finishing' in kind:
            future = self._operator.ask_to_stop()
            self._operator.wait(self._random.uniform(0.1, 0.6))
            last = min(last, time.time())
        if kind.startswith('helper'):
            for helper in helpers:
                _kill(helper)
            answer = self._operator.answer(future or self._operator.ask_to_stop())
            wrong = '' if answer.ok else answer.message
            recovery = 0.0
        else:
            os.killpg(pid, signal.SIGKILL) if 'group' in kind else os.kill(pid, signal.SIGKILL)
            self.recorder.process.wait()
            recovery, wrong = self._start(), ''
        return self._look(kind, number, first, last, before, recovery, wrong)

    def _look(
        self, kind: str, number: int, first: float, last: float, before: dict[str, str],
        recovery: float, wrong: str,
    ) -> Result:  # fmt: skip
        name = f'episode_{number}.hdf5'
        path = next(
            (p for p in (self.folder / name, self.folder / 'interrupted' / name) if p.exists()),
            None,
        )
        after = _digests(self.folder)
        changed = [name for name, digest in before.items() if after.get(name) != digest]
        others = [p.name for p in self.folder.rglob('*') if p.suffix in ('.log', '.partial')]
        if path is None:
            return Result(
                kind, last - first, 0, last - first, 'nowhere', recovery, wrong or 'no file'
            )
        with h5py.File(path) as file:
            stamp = file['observations/stamp'][()]
            sound = all(
                len(file[f'observations/images/{camera}'][t])
                for camera in self._cameras
                for t in range(len(stamp))
            )
        lost = max(0.0, last - stamp[-1] - 0.02)
        for text, bad in (
            (f'{lost:.2f} s lost', lost > MOST_LOST_S),
            ('frames unreadable', not sound),
            (f'{", ".join(changed)} changed', bool(changed)),
            (f'{", ".join(others)} left', bool(others)),
        ):
            if bad:
                wrong = f'{wrong}; {text}'.strip('; ')
        return Result(kind, last - first, len(stamp), lost, path.parent.name, recovery, wrong)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def main() -> int:
    """Kill, look, print, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument('--count', type=int, default=40, help='kills')
    parser.add_argument('--cameras', type=int, default=2, help='cameras of 480x640')
    parser.add_argument('--seed', type=int, default=0, help='of the moments')
    parser.add_argument(
        '--folder', type=Path, default=Path(), help='where to write, and delete again'
    )
    add_json(parser)
    args = parser.parse_args()
    hold()
    cameras = CAMERAS[: args.cameras]
    os.environ.update(ENV)
    ros_domain.leave()
    robot, operator = Robot(cameras), Operator()
    results: list[Result] = []
    with tempfile.TemporaryDirectory(dir=args.folder, prefix='recorder_kills_') as scratch:
        trial = Trial(Path(scratch), operator, cameras, args.seed)
        for number in range(args.count):
            results.append(trial.run(KINDS[number % len(KINDS)]))
            r = results[-1]
            print(
                f'{number:3} {r.kind:26} {r.recorded_s:4.1f} s recorded, {r.rows:3} rows in {r.where}, '
                f'{r.lost_s:.2f} s lost, ready again in {r.recovery_s:.1f} s {r.wrong}', flush=True,
            )  # fmt: skip
        trial.recorder.stop()
    robot.close()
    print('\n| killed | times | rows kept | most lost (s) | ready again (s) | not as promised |')
    print('|---|---|---|---|---|---|')
    for kind in KINDS:
        of = [r for r in results if r.kind == kind]
        if of:
            print(
                f'| {kind} | {len(of)} | {sum(r.rows for r in of)} | {max(r.lost_s for r in of):.2f} '
                f'| {max(r.recovery_s for r in of):.1f} | {sum(bool(r.wrong) for r in of)} |'
            )
    found = Findings()
    found.count(
        'kills that left what is promised', sum(not r.wrong for r in results), len(results)
    )
    found.figure('most that a kill lost', max(r.lost_s for r in results), 's', at_most=MOST_LOST_S)
    found.figure('longest until ready again', max(r.recovery_s for r in results), 's')
    return found.end(args.json)


if __name__ == '__main__':
    sys.exit(main())
