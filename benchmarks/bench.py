#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run all benchmarks one after the other, and write what they found: `make bench`.

    make bench                                          hours; writes benchmarks/RESULTS.md
    make bench QUICK=1                                  some ten minutes; writes outputs/bench/RESULTS.md
    make bench LEROBOT_PYTHON=~/lerobot/bin/python      with LeRobot beside it (benchmarks/lerobot_python.py)
    benchmarks/bench.py --quick --only sim startup
    benchmarks/bench.py --only gpu_inference gpu_training gpu_training_small       a GPU alone, some minutes

What each program prints is in outputs/bench/NAME.log, its figures in NAME.json. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ros_domain
from bench_programs import PROGRAMS, Program
from bench_report import write_report
from lifeline import hold

ROOT = Path(__file__).resolve().parent.parent
OUTPUT = ROOT / 'outputs' / 'bench'
GRACE_S = 60.0


@dataclass
class Outcome:
    """What came of a program.

    Attributes:
        name, about, command: of it.
        seconds: that it took.
        load: average number of programs that wanted a processor in the minute before.
        status: exit status; None: it did not end in time.
        found: what it wrote (`findings.py`); empty where it wrote nothing.
        last: its last line.
    """

    name: str
    about: str
    command: str
    seconds: float = 0.0
    load: float = 0.0
    status: int | None = None
    found: dict[str, Any] = field(default_factory=dict)
    last: str = ''

    @property
    def wrong(self) -> str:
        """Why there are no figures; '' where there are."""
        if self.found:
            return ''
        return (
            self.last if self.status is not None else f'not over after {self.seconds / 60:.0f} min'
        )

    @property
    def targets(self) -> list[bool]:
        """Whether each target is met."""
        figures = self.found.get('figures', ())
        return [figure['met'] for figure in figures if figure['met'] is not None]

    def __str__(self) -> str:
        if self.wrong:
            return f'FAILED: {self.wrong}'
        missing = len(self.found['missing'])
        return f'{sum(self.targets)} of {len(self.targets)} targets met' + (
            f', {missing} not measured' if missing else ''
        )


def run(program: Program, quick: bool) -> Outcome:
    """Run one to its end, or until its time is over."""
    words = [
        f'benchmarks/{program.file or program.name}.py',
        *(program.quick if quick else program.full),
    ]
    result = OUTPUT / f'{program.name}.json'
    result.unlink(missing_ok=True)
    outcome = Outcome(program.name, program.about, shlex.join(words), load=os.getloadavg()[0])
    # Programs put words for a launch file at the end.
    command = [sys.executable, words[0], '--json', str(result), *words[1:]]
    begin = time.monotonic()
    log = OUTPUT / f'{program.name}.log'
    with log.open('wb') as out:
        # In a session of its own: one Ctrl+C here is one there.
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=out, stderr=out, start_new_session=True
        )
        try:
            outcome.status = process.wait(60 * program.at_most_min)
        except subprocess.TimeoutExpired:
            _end(process)
        except KeyboardInterrupt:
            _end(process)
            raise
    outcome.seconds = time.monotonic() - begin
    lines = log.read_text(encoding='utf-8', errors='replace').strip().splitlines()
    outcome.last = lines[-1] if lines else f'it ended with status {outcome.status}'
    if outcome.status is not None and result.exists():
        outcome.found = json.loads(result.read_text(encoding='utf-8'))
    return outcome


def _end(process: subprocess.Popen[bytes]) -> None:
    """As Ctrl+C, so that it can end what it started."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> int:
    """Run them; 0 if every target is met, 1 if one is missed or a program failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [program.name for program in PROGRAMS]
    parser.add_argument('--quick', action='store_true', help='short runs, figures less sure')
    parser.add_argument(
        '--only', nargs='+', default=names, choices=names, metavar='NAME', help='of them'
    )
    args = parser.parse_args()
    hold()
    ros_domain.leave()
    os.environ['PYTHONUNBUFFERED'] = '1'
    OUTPUT.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for program in PROGRAMS:
        if program.name not in args.only:
            continue
        print(f'{program.name:<18} ', end='', flush=True)
        try:
            outcomes.append(run(program, args.quick))
        except KeyboardInterrupt:
            print(f'interrupted; what was measured so far is in {OUTPUT}', file=sys.stderr)
            return 130
        print(f'{outcomes[-1].seconds:6.0f} s  {outcomes[-1]}', flush=True)
    # Figures of a whole run are not replaced by those of a part.
    whole = not args.quick and set(args.only) == set(names)
    path = (ROOT / 'benchmarks' if whole else OUTPUT) / 'RESULTS.md'
    write_report(path, outcomes, args.quick)
    print(f'written: {path}')
    return int(any(outcome.wrong or not all(outcome.targets) for outcome in outcomes))


if __name__ == '__main__':
    sys.exit(main())
