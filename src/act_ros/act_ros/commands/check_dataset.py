# SPDX-License-Identifier: Apache-2.0
"""`ros2 run act_ros check_dataset`: is every episode fit to be trained on?"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

from act_ros.commands.options import (
    OneLineParser,
    add_source,
    add_workers,
    chosen_episodes,
    fail_in_one_line,
    file_to_write,
)
from act_ros.text import printable_data, printable_output

if TYPE_CHECKING:
    from act_ros.data.check import Report
    from act_ros.data.formats.collection import EpisodeRef

EPILOG = """\
examples:
  ros2 run act_ros check_dataset data/my_task
  ros2 run act_ros check_dataset data/my_task --quick --json check.json

bad: not to be trained on (damaged, gaps over 0.5 s, frames over 1 s old, rate off by 5 %, not finite, not like the
others). warn: usable, and worth a look (rows lost, frames over 0.2 s old, actions outside the limits of
config/aloha.yaml or too fast, cut off). A column shows - where the file does not say.
Exit status: 0 no episode is bad, 1 some are (or nothing could be read), 2 wrong arguments.
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = OneLineParser(
        prog='check_dataset',
        description='Check every episode of a dataset: a table, what is wrong, a verdict.',
        epilog=EPILOG,
    )
    add_source(p)
    p.add_argument('--quick', action='store_true', help='do not decode the frames')
    p.add_argument(
        '--json', type=file_to_write, metavar='FILE', help='write all that was found there, too'
    )
    add_workers(p, None, 'processes; default: one per core')
    return p


@printable_output()
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    args = parser().parse_args(argv)
    return fail_in_one_line('check_dataset', lambda: run(args))


def run(args: argparse.Namespace) -> int:
    """Check as the command line says.

    Raises:
        EpisodeError: there is no such dataset, or no such episode.
    """
    from tqdm import tqdm

    from act_ros.data.check import Report, check_episode, compare
    from act_ros.data.child_processes import each
    from act_ros.robot.spec import RobotSpec

    refs = chosen_episodes(args)
    check = partial(check_episode, spec=RobotSpec.load(), pixels=not args.quick)
    workers = args.workers or len(os.sched_getaffinity(0))
    reports: list[Report] = []
    with (
        tqdm(
            total=len(refs), unit='episode', desc='checking', disable=not sys.stderr.isatty()
        ) as bar,
        closing(each(check, refs, workers, patience_s(refs))) as outcomes,
    ):
        for outcome in outcomes:
            found = outcome.result or Report(outcome.item.name, bad=[str(outcome.error)])
            reports.append(found)
            bar.update()
    compare(reports)
    print(table(reports))
    print('\n'.join([*remarks(reports), summary(reports)]))
    if args.json:
        listed = [{**dataclasses.asdict(r), 'verdict': r.verdict} for r in reports]
        args.json.write_text(json.dumps(printable_data(listed), indent=2) + '\n', encoding='utf-8')
    return 1 if any(report.bad for report in reports) else 0


def patience_s(refs: Sequence[EpisodeRef]) -> float:
    """Seconds after which an episode is given up: a damaged file can make HDF5's library turn forever.

    A minute, and a second for each MB of the largest: a tenth of the speed that frames are decoded at.
    """
    sizes = [ref.path.stat().st_size if ref.path.is_file() else 500_000_000 for ref in refs]
    return 60.0 + max(sizes) / 1e6


def table(reports: Sequence[Report]) -> str:
    """A line per episode."""
    head = (
        *('episode', 'ticks', 'seconds', 'Hz', 'measured', 'max gap ms', 'lost', 'max age ms'),
        *('repeated', 'outside', 'too fast', 'success', 'verdict'),
    )
    rows = [head, *map(_cells, reports)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = [
        '  '.join(
            cell.ljust(w) if i in (0, len(head) - 1) else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return '\n'.join(lines)


def _cells(r: Report) -> tuple[str, ...]:
    def shown(value: float | None, form: str, scale: float = 1.0) -> str:
        return '-' if value is None else format(value * scale, form)

    seconds = r.ticks / r.rate_hz if r.rate_hz else None
    success = {True: 'yes', False: 'no', None: '-'}[r.success]
    return (
        *(r.name, str(r.ticks), shown(seconds, '.1f'), shown(r.rate_hz, 'g')),
        *(shown(r.measured_hz, '.2f'), shown(r.gap_s, '.1f', 1000), shown(r.lost, '.0f')),
        *(
            shown(r.age_s, '.1f', 1000),
            shown(r.repeated, '.1f', 100) + ('%' if r.repeated is not None else ''),
        ),
        *(shown(r.outside, '.0f'), shown(r.fast, '.0f'), success, r.verdict),
    )


def remarks(reports: Sequence[Report]) -> list[str]:
    """What is wrong, an episode and a finding a line; and what files lack, once."""
    from act_ros.data.formats.collection import number_in

    lines = []
    for report in reports:
        lines += [f'BAD   {report.name}: {text}' for text in report.bad]
        lines += [f'warn  {report.name}: {text}' for text in report.warn]
    for begin, name in (
        ('not in the files', 'missing'),
        ('in the files, and not read', 'left_out'),
    ):
        noted: dict[str, list[str]] = {}
        for report in reports:
            for what in getattr(report, name):
                noted.setdefault(what, []).append(report.name)
        for what, names in noted.items():
            whole = len(names) == len(reports)
            where = 'all episodes' if whole else f'{len(names)} episodes ({names[0]} …)'
            lines.append(f'note  {begin}: {what}, of {where}')
    numbers = sorted({n for r in reports if (n := number_in(r.name)) is not None})
    holes = numbers[-1] - numbers[0] + 1 - len(numbers) if numbers else 0
    if holes:  # counted, not listed: a number may be as large as a name is long
        first = next(n + 1 for n, after in pairwise(numbers) if after != n + 1)
        lines.append(f'note  numbers without an episode: {holes}, first {first}')
    return lines


def summary(reports: Sequence[Report]) -> str:
    """'50 episodes (act_ros), 16000 ticks: 48 ok, 1 warn, 1 bad'."""
    kinds = ', '.join(dict.fromkeys(report.kind for report in reports if report.kind != '?'))
    counts = {v: sum(r.verdict == v for r in reports) for v in ('ok', 'warn', 'bad')}
    lost = [r.lost for r in reports if r.lost is not None]
    rows = f', {sum(lost)} rows lost' if lost else ''
    return (
        f'{len(reports)} episodes ({kinds or "none readable"}), {sum(r.ticks for r in reports)} ticks{rows}: '
        f'{counts["ok"]} ok, {counts["warn"]} warn, {counts["bad"]} bad'
    )


if __name__ == '__main__':
    sys.exit(main())
