#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The whole suite at work for an hour in simulation, and every 30 s something is killed, frozen, or lies.

Starts `ros2 launch act_ros aloha.launch.py record:=…` (simulator, policy, inference, recorder) as a user does, and
strikes it at random. What has to hold: after each blow the policy runs again (a launch that has ended is started
anew); each death and each lie is said in a line; neither memory nor open files nor shared memory grow; the commands
keep their rate; every episode can be read, and is marked where it has to be. Source `setup.bash` first.

    benchmarks/endurance.py --minutes 60 --seed 1
    benchmarks/endurance.py --minutes 5 --only inference --keep outputs/endurance

Ctrl+C ends it early, with the table.
Exit status 0 if all of it holds, 1 if not.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rclpy
import ros_domain
from endurance_faults import Blow, blows
from endurance_scene import END_S, ROLES, START_S, Launched, Sample
from lifeline import hold
from rclpy.signals import SignalHandlerOptions

from act_ros.data.check import check_episode
from act_ros.data.formats.collection import EpisodeRef
from act_ros.data.spoilt import DOUBTED, spoilt
from act_ros.paths import share_dir
from act_ros.policy.folder import read_config
from act_ros.robot.spec import RobotSpec
from act_ros.shared_memory import find_leftovers, remove_leftovers

EVERY_S, SAY_S, BACK_S, AGAIN_S = 30.0, 15.0, 60.0, 3.0
GROWTH_MIB, GROWTH_FILES, LEAST_SHARE = 60.0, 20, 0.98
STEADY_S = 4.0
"""It runs again when it has run for so long: the last chunk of a network that was killed lasts for 2 s."""
NOTICED_S = 0.5
"""In which a recorder notices that what it hears is not to be believed."""
SIZE = {'image_height': 120, 'image_width': 160}
"""Of the pictures: what is drawn by the processor alone shall leave it time for the rest."""
OLD_S = 15.0
"""Processes younger than this still load; they are not compared."""


@dataclass
class Row:
    """What came of a blow."""

    blow: str
    said: str
    times: int
    back_s: float
    wrong: str


def strike(scene: Launched, blow: Blow) -> Row:
    """Let it happen, and wait until all is as before."""
    since, wrong = scene.log.stat().st_size, []
    recorded = scene.recorder.episode if scene.recorder.open and scene.recorder.rows else None
    scene.calm = False
    if recorded is not None:
        scene.may.add(recorded)
    blow.begin(scene)
    begin = time.monotonic()
    if blow.marks and recorded is not None and (blow.ends or goes_on(scene, recorded)):
        scene.must[recorded] = not blow.ends
    if blow.says and not scene.until(lambda: lines(scene, since, blow.says), SAY_S):
        wrong.append(f'nobody says "{blow.says}"')
    time.sleep(max(0.0, begin + blow.lasts_s - time.monotonic()))
    blow.heal(scene)
    healed = time.monotonic()
    if blow.ends:
        if not scene.until(lambda: scene.state == 'ENDED', END_S):
            wrong.append('the launch does not end')
        scene.end()
        scene.start()
    if not back(scene):
        wrong.append(f'not RUNNING again: {scene.state}')
        scene.end()
        scene.start()
        back(scene)
    took = time.monotonic() - healed - STEADY_S
    said = lines(scene, since, blow.says) if blow.says else []
    if any('Traceback' in line for line in scene.said(since)):
        wrong.append('a traceback')
    scene.calm = True
    return Row(blow.name, said[0] if said else '', len(said), took, '; '.join(wrong))


def goes_on(scene: Launched, episode: int) -> bool:
    """Whether an episode is still recorded in a moment: what comes at its very end need not be noticed in it."""
    return not scene.until(
        lambda: not scene.recorder.open or scene.recorder.episode != episode, NOTICED_S
    )


def lines(scene: Launched, since: int, words: str) -> list[str]:
    """The lines that say something."""
    return [line for line in scene.said(since) if words in line]


def back(scene: Launched) -> bool:
    """Whether the policy runs again; a person enables it where it is in FAULT."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        there = scene.until(lambda: scene.state in ('RUNNING', 'ENDED'), AGAIN_S)
        if there and not scene.until(lambda: scene.state not in ('RUNNING', 'ENDED'), STEADY_S):
            return scene.state == 'RUNNING'
        if scene.state in ('FAULT', 'IDLE'):
            scene.enable()
    return False


def growth(samples: Sequence[Sample]) -> dict[str, tuple[float, float, float, float]]:
    """By role the memory (MiB) and open files of the first and of the last fifth of the time."""
    found = {}
    for role in ROLES:
        old = [s for s in samples if s.role == role and s.age_s >= OLD_S]
        if len(old) < 5:
            continue
        begin, end = old[0].at, old[-1].at
        first = [s for s in old if s.at <= begin + (end - begin) / 5]
        last = [s for s in old if s.at >= end - (end - begin) / 5]
        memory = [float(np.median([s.memory for s in part])) for part in (first, last)]
        files = [float(np.median([s.files for s in part])) for part in (first, last)]
        found[role] = (memory[0], memory[1], files[0], files[1])
    return found


def episodes(scene: Launched) -> tuple[Counter[str], list[str]]:
    """How many episodes there are of each mark, and what is wrong with them."""
    counts: Counter[str] = Counter()
    wrong, spec = [], RobotSpec.load()
    folder = scene.dataset
    for path in [*folder.glob('*.hdf5'), *folder.glob('interrupted/*.hdf5')]:
        ref = EpisodeRef(path)
        report = check_episode(ref, spec, pixels=True)
        if not report.ticks:
            wrong.append(f'{path.name} cannot be read: {"; ".join(report.bad)}')
            continue
        with ref.open() as episode:
            marks = spoilt(episode.attrs, len(episode), episode.rate_hz)
            done = bool(episode.attrs.get('success'))
        aside = path.parent.name == 'interrupted'
        kind = 'set aside' if aside else 'marked' if marks else 'unmarked'
        counts[kind] += 1
        number = int(path.stem.rpartition('_')[2])
        # One that was done before it was cut off is whole.
        if number in scene.must and kind == 'unmarked' and (scene.must[number] or not done):
            wrong.append(f'{path.name} has to be marked, and is not')
        if number not in scene.may and any(DOUBTED in mark for mark in marks):
            wrong.append(f'{path.name} is marked for nothing: {"; ".join(marks)}')
        others = [text for text in report.bad if text not in marks]
        if others and not aside and not marks:
            wrong.append(f'{path.name}: {"; ".join(others)}')
    wrong += [
        f'{path.name} is left' for path in folder.rglob('*') if path.suffix in ('.log', '.partial')
    ]
    return counts, wrong


def show(scene: Launched, rows: Sequence[Row], temporary: Path) -> list[str]:
    """Print the tables; what is wrong."""
    wrong = [f'{row.blow}: {row.wrong}' for row in rows if row.wrong]
    print('\n| blow | times | longest until RUNNING (s) | lines | the first of them | wrong |')
    print('|---|---|---|---|---|---|')
    for name in dict.fromkeys(row.blow for row in rows):
        of = [row for row in rows if row.blow == name]
        line = next((row.said for row in of if row.said), '').replace('|', '/')
        longest = max(row.back_s for row in of)
        print(
            f'| {name} | {len(of)} | {longest:.1f} | {line} | {sum(bool(r.wrong) for r in of)} |'
        )
    print(
        '\n| process | memory at first (MiB) | at last | open files at first | at last |\n|---|---|---|---|---|'
    )
    for role, (before, after, files, later) in growth(scene.samples).items():
        print(f'| {role} | {before:.0f} | {after:.0f} | {files:.0f} | {later:.0f} |')
        if after - before > GROWTH_MIB or later - files > GROWTH_FILES:
            wrong.append(f'{role} grows')
    rates, shares = np.array(scene.rates or [(0.0, 0.0)]).T
    print(f'\ncommands in {len(scene.rates)} calm seconds: median {np.median(rates):.2f} Hz, 1 % below '
          f'{np.percentile(rates, 1):.2f} Hz; {100 * np.median(shares):.1f} % of the ticks, which a slow simulator makes '
          'longer')  # fmt: skip
    if np.median(shares) < LEAST_SHARE:
        wrong.append('ticks are without a command')
    counts, bad = episodes(scene)
    print(f'episodes: {dict(counts)}')
    left = sorted(path.name for path in temporary.iterdir())
    print(f'temporary files left: {len(left)} {left[:5]}')
    return wrong + bad


def run(scene: Launched, args: argparse.Namespace, camera: str, rows: list[Row]) -> None:
    """Strike it every 30 s until the time is over; what comes of each blow is added to `rows`."""
    drawn = random.Random(args.seed)
    chosen = [b for b in blows(camera) if any(word in b.name for word in args.only)]
    if not back(scene):
        raise SystemExit(
            f'the policy was not RUNNING within {START_S:g} s; see {scene.log} (--keep)'
        )
    scene.calm, end = True, time.monotonic() + 60.0 * args.minutes
    bag: list[Blow] = []
    while time.monotonic() + EVERY_S < end:
        time.sleep(EVERY_S * drawn.uniform(0.5, 1.0))
        if scene.process.poll() is not None:
            rows.append(
                Row('none', '', 0, 0.0, f'the launch ended with {scene.process.returncode}')
            )
            scene.start()
            back(scene)
            continue
        if not bag:  # each as often as it shall be, in an order that is drawn
            bag = [blow for blow in chosen for _ in range(blow.often)]
            drawn.shuffle(bag)
        rows.append(strike(scene, bag.pop()))
        row = rows[-1]
        print(f'{60 * args.minutes - (end - time.monotonic()):6.0f} s  {row.blow}: RUNNING after {row.back_s:.1f} s, '
              f'{row.times} lines: {row.said[:150]} {row.wrong}', flush=True)  # fmt: skip


def main() -> int:
    """Run it, and judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').split('\n\n')[0])
    parser.add_argument('--minutes', type=float, default=60.0, help='how long')
    parser.add_argument('--seed', type=int, default=0, help='of what happens when')
    parser.add_argument('--only', nargs='+', default=[''], help='words of the names of blows')
    parser.add_argument('--policy', default='aloha_sim_transfer_cube', help='in models/')
    parser.add_argument('--keep', type=Path, help='folder for the episodes and the log, kept')
    parser.add_argument('arguments', nargs='*', metavar='name:=value', help='for the launch file')
    args = parser.parse_args()
    hold()
    ros_domain.leave()
    config = read_config(share_dir() / 'models' / args.policy)
    with tempfile.TemporaryDirectory(prefix='act_ros_endurance_') as scratch:
        folder = args.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        temporary = Path(scratch) / 'tmp'
        temporary.mkdir()
        given = [f'checkpoint:={args.policy}', f'cameras:={",".join(config.cameras)}']
        asked = [argument.partition(':=')[0] for argument in args.arguments]
        given += [f'{name}:={size}' for name, size in SIZE.items() if name not in asked]
        freed = remove_leftovers()
        print(f'shared memory that was left by others: {freed / 2**20:.0f} MiB, freed', flush=True)
        # Else Ctrl+C would take ROS away from this program as well, before the table is made.
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        scene = Launched(folder / 'episodes', folder / 'log', temporary, [*given, *args.arguments])
        rows: list[Row] = []
        try:
            run(scene, args, config.cameras[0], rows)
        except KeyboardInterrupt:
            print('interrupted; what was seen till then:', flush=True)
        finally:
            ended = scene.end()
            scene.close()
            rclpy.try_shutdown()
        wrong = show(scene, rows, temporary)
        left = sum(leftover.size for leftover in find_leftovers())
        print(f'shared memory left: {left / 2**20:.0f} MiB')
        wrong += [f'Ctrl+C ended with {ended}'] * (ended not in (0, 130))
        wrong += ['shared memory is left'] * (left > 0)
    verdict = f'{len(wrong)} things are WRONG' if wrong else 'all as it should be'
    print('\n'.join(['', *wrong, f'{len(rows)} blows; {verdict}']))
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
