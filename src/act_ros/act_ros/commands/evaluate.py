# SPDX-License-Identifier: Apache-2.0
"""`ros2 run act_ros evaluate`: success of policies over many seeds of a simulated task, in lockstep."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tqdm import tqdm

from act_ros.commands.evaluation import Evaluation
from act_ros.commands.filming import film
from act_ros.commands.options import (
    OneLineParser,
    add_engine,
    add_workers,
    chosen_engine,
    folder_to_write,
    number,
    seed_list,
    whole,
    words,
)
from act_ros.commands.planning import plan, settle_engines
from act_ros.commands.rollout import evaluator_of, run_episodes
from act_ros.control.ensemble import ORDERS
from act_ros.data.child_processes import ChildDeath, ChildError
from act_ros.policy.config import MOST
from act_ros.policy.errors import PolicyError
from act_ros.sim.world import STEPS, SimulationError
from act_ros.text import printable_output, shown

RESULTS = 'results.json'
_SAVE_EVERY_S = 30.0

EPILOG = """\
examples:
  ros2 run act_ros evaluate --checkpoint models/mine --seeds 0-49 --workers 2 --output outputs/mine --film 3
  ros2 run act_ros evaluate --checkpoint models/mine models/other --seeds 0-99 --workers 2
  ros2 run act_ros evaluate --checkpoint models/mine --delay 2 --rate 23     as a robot would run it

The same seeds, settings, policy and engine give the same episodes, bit for bit, whatever else the machine does. Several
policies run the same seeds, and are compared with the first by McNemar's exact test.
"""


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    p = OneLineParser(prog='evaluate', description=__doc__, epilog=EPILOG)
    p.add_argument(
        '--checkpoint',
        type=words,
        nargs='+',
        default=['aloha_sim_transfer_cube'],
        metavar='POLICY',
        help='names in models/, or paths; default: aloha_sim_transfer_cube',
    )
    p.add_argument(
        '--task', choices=sorted(STEPS), help="simulated task; default: the first policy's own"
    )
    p.add_argument(
        '--seeds',
        type=seed_list,
        default='0-49',
        metavar='LIST',
        help='e.g. 0-49 or 0-9,20,30-39; default: 0-49. Training uses 1000 and up',
    )
    add_workers(p, 1, 'processes; default: 1')
    p.add_argument(
        '--threads',
        type=whole(1, 256),
        default=1,
        metavar='N',
        help='cores for the network in each process; default: 1',
    )
    add_engine(p)
    _add_execution(p.add_argument_group('how chunks come and are executed'))
    made = p.add_argument_group('what is kept')
    made.add_argument(
        '--output',
        type=folder_to_write,
        metavar='DIR',
        help=f'folder for {RESULTS}, films and plots',
    )
    made.add_argument(
        '--film',
        type=whole(0, 1000),
        default=0,
        metavar='N',
        help='film the first N failed seeds of each policy, and plot their joints',
    )
    made.add_argument('--video', action='store_true', help='film and plot the first seed')
    return p


def _add_execution(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--ensemble',
        choices=ORDERS,
        default='oldest',
        help='which prediction weighs most in the temporal ensemble; none: execute chunks; default: oldest',
    )
    group.add_argument(
        '--m',
        type=number(-10.0, 10.0),
        default=0.01,
        metavar='DECAY',
        help='the ensemble weighs exp(-m i); default: 0.01',
    )
    group.add_argument(
        '--execute',
        type=whole(0, MOST['chunk']),
        default=0,
        metavar='N',
        help='with --ensemble none: actions taken of each chunk; default: all',
    )
    group.add_argument(
        '--delay',
        type=whole(0, MOST['chunk']),
        default=0,
        metavar='TICKS',
        help='a chunk is there so many ticks of 20 ms after its observation, as live; default: 0',
    )
    group.add_argument(
        '--rate',
        type=number(0.1, 1000.0),
        metavar='HZ',
        help='inferences that begin in a second, as live; default: one a tick',
    )


@printable_output()
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        0 when every episode ran, 2 when the input was wrong, 1 when a worker or the disk failed, 130
        when it was interrupted. What has been run by then is reported and saved.
    """
    args = parser().parse_args(argv)
    # One software-rendering thread per worker; more of them only wait for each other.
    os.environ.setdefault('LP_NUM_THREADS', '1')
    try:
        return _run(args)
    except ValueError as error:
        return _fail(' '.join(str(error).split()), 2)
    except OSError as error:
        where = f': {shown(str(error.filename))}' if error.filename else ''
        return _fail(f'{error.strerror or error}{where}', 1)
    except KeyboardInterrupt:
        return _fail('interrupted', 130)
    finally:
        evaluator_of.cache_clear()  # while OpenGL is there; at Python's own end it would complain


def _fail(why: str, status: int) -> int:
    print(f'evaluate: {why}', file=sys.stderr)
    return status


def _run(args: argparse.Namespace) -> int:
    evaluation = plan(args)
    settle_engines(evaluation, chosen_engine(args))
    output = _make_output(args.output, evaluation) if args.output is not None else None
    for remark in evaluation.remarks:
        print(f'evaluate: {remark}', file=sys.stderr)
    status, why = 0, ''
    try:
        _evaluate(evaluation, args.workers, output)
    except KeyboardInterrupt:
        status, why = 130, 'interrupted'
    except ChildDeath as error:
        status, why = 1, f'a worker was ended by {error.how} (out of memory?)'
    except (ChildError, PolicyError, SimulationError) as error:
        status, why = 1 if evaluation.done else 2, str(error)
    if evaluation.done:
        print(evaluation.text())
    if output is not None and evaluation.done:
        save(output / RESULTS, evaluation)
        print(f'  results: {output / RESULTS}')
    elif output is not None:  # nothing is in it, and it would refuse the next run
        (output / RESULTS).unlink(missing_ok=True)
    if status == 130 or evaluation.done < evaluation.planned:
        after = f'after {evaluation.done} of {evaluation.planned} episodes'
        return _fail(f'{why} {after}' if status == 130 else f'{why}; stopped {after}', status)
    if output is not None:
        for line in film(evaluation, args.film, args.video, output):
            print(f'  {line}')
    return 0


def _evaluate(evaluation: Evaluation, workers: int, output: Path | None) -> None:
    """Run all episodes, a seed after the other, each with every policy: what is cut off is still paired."""
    candidates = evaluation.candidates
    episodes = [(i, seed) for seed in evaluation.seeds for i in range(len(candidates))]
    saved = time.monotonic()
    with (
        tqdm(total=len(episodes), unit='episode', dynamic_ncols=True) as bar,
        closing(run_episodes(evaluation.setting, episodes, workers)) as results,
    ):
        for (index, _), result in results:
            candidates[index].results.append(result)
            counts = [f'{c.successes} of {len(c.results)}' for c in candidates]
            bar.set_postfix_str(f'{", ".join(counts)} succeeded')
            bar.update()
            if output is not None and time.monotonic() - saved > _SAVE_EVERY_S:
                save(output / RESULTS, evaluation)
                saved = time.monotonic()


def _make_output(folder: Path, evaluation: Evaluation) -> Path:
    """Make the folder, and see that it can be written before hours are spent.

    Raises:
        ValueError: it cannot be used, or holds other results.
    """
    if (folder / RESULTS).exists():
        raise ValueError(
            f'{shown(str(folder))} already holds {RESULTS}; name another folder, or move it away'
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save(folder / RESULTS, evaluation)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f'--output {shown(str(folder))} cannot be used: {why}') from error
    return folder


def save(path: Path, evaluation: Evaluation) -> None:
    """Write results.json whole or not at all.

    Raises:
        OSError: the disk is full or gone.
    """
    partial = path.with_name(f'.{path.name}.partial')
    partial.write_text(evaluation.to_json(), encoding='ascii')
    partial.replace(path)


if __name__ == '__main__':
    sys.exit(main())
