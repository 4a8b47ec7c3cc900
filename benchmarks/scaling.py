#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a chunk costs against cameras, image size and length of the chunk, and a tick against the episode: a plot.

    source setup.bash
    benchmarks/scaling.py
    benchmarks/scaling.py --engines openvino:fp32 --cameras 1 2 --sizes 120x160 --chunks 100 --ticks 100 1000

The network has the shipped policies' sizes but for what is varied, and random weights; each point is a process of its own,
as in `inference.py`. The tick is that of the temporal ensemble, beside the table of the ACT paper's code.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from ensemble import DOF, K, M, Table, chunks, timed
from findings import Findings, add_json
from inference import CAMERAS, config_of, in_a_process, write_policy
from lifeline import hold

from act_ros.control.ensemble import TemporalEnsemble
from act_ros.policy.config import PolicyConfig

LONGEST_TABLE = 2000
"""Ticks: the table's memory grows with their square, here to 0.24 GB."""

Curves = dict[str, list[tuple[float, float]]]
"""By name the (x, y) of each point."""


def variants(args: argparse.Namespace) -> dict[str, list[tuple[float, PolicyConfig]]]:
    """By what is varied, its values and the configurations."""
    base = config_of('small', 1)
    sizes = [(int(h), int(w)) for h, w in (text.split('x') for text in args.sizes)]
    return {
        'cameras': [(n, replace(base, cameras=CAMERAS[:n])) for n in args.cameras],
        'pixels of the image': [(h * w, replace(base, image_size=(h, w))) for h, w in sizes],
        'actions in the chunk': [(n, replace(base, chunk=n)) for n in args.chunks],
    }


def inference_curves(
    varied: str,
    points: list[tuple[float, PolicyConfig]],
    args: argparse.Namespace,
    found: Findings,
) -> Curves:
    """Milliseconds for a chunk, the median, with each engine."""
    curves: Curves = {engine: [] for engine in args.engines}
    with tempfile.TemporaryDirectory(prefix='act_ros_scaling_') as scratch:
        for number, (x, config) in enumerate(points):
            folder = Path(scratch) / str(number)
            write_policy(folder, config)
            for engine, curve in curves.items():
                case = {
                    'folder': str(folder),
                    'device': 'cpu',
                    'engine': engine,
                    'threads': args.threads,
                }
                told = in_a_process(case)
                what = f'{varied}: {x:g}, {engine}'
                if 'failed' in told:
                    found.not_measured(what, str(told['failed']))
                    continue
                found.figure(what, float(told['p50_ms']), 'ms')
                curve.append((x, float(told['p50_ms'])))
    return curves


def episode_curves(ticks: list[int], found: Findings) -> Curves:
    """Microseconds of a tick of the ensemble, over the whole episode."""
    pool = chunks(200)
    curves: Curves = {'this suite': [], "the paper's table": []}
    for count in ticks:
        ways = [('this suite', TemporalEnsemble(K, DOF, M))]
        if count <= LONGEST_TABLE:
            ways.append(("the paper's table", Table(count)))
        for name, way in ways:
            mean = float(np.mean(timed(way, range(count), pool)))
            found.figure(f'ticks of an episode: {count}, {name}', mean, 'µs a tick')
            curves[name].append((count, mean))
    return curves


def draw(path: Path, panels: dict[str, Curves]) -> None:
    """Write the plot."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 3.6), layout='constrained')
    for axes, (varied, curves) in zip(
        figure.subplots(1, len(panels)), panels.items(), strict=True
    ):
        for name, points in curves.items():
            if points:
                axes.plot(*zip(*sorted(points), strict=True), marker='o', markersize=4, label=name)
        ticks = varied.startswith('ticks')
        axes.set(xlabel=varied, ylabel='µs a tick' if ticks else 'ms a chunk, median')
        axes.set_xscale('log' if ticks else 'linear')
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def main() -> int:
    """Measure, draw, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--engines', nargs='+', default=['torch:fp32', 'openvino:fp32', 'openvino:bf16']
    )
    parser.add_argument('--threads', default='2')
    parser.add_argument(
        '--cameras', nargs='+', type=int, default=[1, 2, 3, 4], choices=(1, 2, 3, 4)
    )
    sizes = ['120x160', '240x320', '360x480', '480x640']
    parser.add_argument('--sizes', nargs='+', default=sizes, metavar='HEIGHTxWIDTH')
    parser.add_argument('--chunks', nargs='+', type=int, default=[25, 50, 100, 200])
    parser.add_argument(
        '--ticks', nargs='+', type=int, default=[200, 500, 1000, 2000, 10_000, 100_000]
    )
    plot = Path('outputs/bench/scaling.png')
    parser.add_argument('--plot', type=Path, default=plot, help='default: %(default)s')
    add_json(parser)
    args = parser.parse_args()
    hold()
    found = Findings()
    panels = {
        varied: inference_curves(varied, points, args, found)
        for varied, points in variants(args).items()
    }
    panels['ticks of the episode'] = episode_curves(args.ticks, found)
    draw(args.plot, panels)
    print(f'the plot is {args.plot}')
    return found.end(args.json)


if __name__ == '__main__':
    sys.exit(main())
