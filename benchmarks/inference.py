#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long a policy takes from its observation to its chunk: engines, sizes, numbers of cameras and threads.

Each line is a process of its own, with a policy of random weights in a folder that no engine has seen: loaded cold (the
engine is prepared and compared), then once more, warm. `ms of processors` depends least on what else runs. For int8 the
network is quantized before, on a few invented observations (`pip install nncf`): that is for the time, and its
difference from fp32 says little; the shipped policies' is in docs/results.md. LeRobot's
`select_action` is measured at the paper's size where there is a LeRobot (`lerobot_python.py`). Source `setup.bash` first.

    benchmarks/inference.py
    LEROBOT_PYTHON=~/lerobot/bin/python benchmarks/inference.py --sizes paper
    benchmarks/inference.py --sizes paper --cameras 4 --threads 1 2 --engines openvino:bf16 torch:fp32
    benchmarks/inference.py --device cuda --threads 1
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from findings import Findings, add_json
from lerobot_python import MISSING, interpreter, lerobot_version

from act_ros.paths import share_dir
from act_ros.policy.config import PolicyConfig
from act_ros.policy.engines.choice import EngineChoice, gpu
from act_ros.policy.folder import read_config

CAMERAS = ('cam_high', 'cam_low', 'cam_left_wrist', 'cam_right_wrist')
ENGINES = {
    'cpu': ('torch:fp32', 'torch:bf16', 'openvino:fp32', 'openvino:bf16', 'openvino:int8'),
    'cuda': ('torch:fp16', 'torch:bf16', 'torch:fp32'),
}
PEER = 'lerobot:fp32'
MOST_S, MOST_RUNS = 2.5, 100
MOST_MS = {'1': 10.0, '2': 6.0}
"""Targets of the shipped size by threads; the peer's at the paper's size is below."""
MOST_GPU_MS, MOST_GPU_SPREAD = 1.5, 1.1
"""On a GPU at the paper's size with four cameras: the median, and p99 in medians."""
MOST_DIFFERENCE = 1e-2
"""Of 16 bits from fp32."""
FASTER = {'openvino:bf16': 5.0, 'torch:fp16': 5.0, 'openvino:int8': 8.0}
CALIBRATE = 10
"""Invented observations that a network is quantized on."""


def config_of(size: str, cameras: int) -> PolicyConfig:
    """That of the shipped policies, or the paper's."""
    if size == 'paper':
        return PolicyConfig(CAMERAS[:cameras])
    shipped = read_config(share_dir() / 'models' / 'aloha_sim_transfer_cube')
    return replace(shipped, cameras=CAMERAS[:cameras])


def write_policy(folder: Path, config: PolicyConfig, cvae: bool = False) -> None:
    """A policy of random weights."""
    import torch

    from act_ros.policy.checkpoint import save_checkpoint
    from act_ros.policy.network import ACT
    from act_ros.policy.normalize import KEYS

    torch.manual_seed(0)
    stats = {key: torch.full((14,), float(key.endswith('std'))) for key in KEYS}
    save_checkpoint(folder, config, ACT(config, cvae).state_dict(), stats)


def write_int8(folder: str) -> None:
    """The network of a policy in int8, beside it.

    Raises:
        EngineError: the quantizer is not installed, or cannot do it.
    """
    from act_ros.policy.checkpoint import load_checkpoint
    from act_ros.policy.engines.base import probes
    from act_ros.policy.engines.quantize import quantize

    loaded = load_checkpoint(Path(folder))
    seen = probes(loaded.config)
    quantize(loaded, lambda number: seen[number % len(seen)], CALIBRATE)


def measure(case: dict[str, str]) -> dict[str, float | str]:
    """Load and run one case in this process."""
    begin = time.perf_counter()
    engine, precision = case['engine'].split(':')
    config, threads = read_config(Path(case['folder'])), int(case['threads'])
    random = np.random.default_rng(0)
    frames = {
        name: random.integers(0, 256, (*config.image_size, 3), np.uint8) for name in config.cameras
    }
    qpos = random.standard_normal(config.state_dim).astype(np.float32)
    told: dict[str, float | str] = {}
    if engine == 'lerobot':
        import torch
        from peers import LeRobotPeer

        torch.set_num_threads(threads)
        peer = LeRobotPeer(config.cameras, config.image_size, ensemble=True, device=case['device'])
        run = partial(peer.action, qpos, frames)
    else:
        from act_ros.policy.policy import Policy, warm_up

        if precision == 'int8' and not (Path(case['folder']) / 'int8').is_dir():
            write_int8(case['folder'])
            begin = time.perf_counter()
        policy = Policy.load(
            case['folder'], threads, EngineChoice(case['device'], engine, precision)
        )
        warm_up(policy)
        entry = policy.settled.entry
        told['difference'] = 0.0 if entry is None else entry.difference
        run = partial(policy.predict, qpos, frames)
    run()
    told['load_s'] = time.perf_counter() - begin
    seconds: list[float] = []
    busy = time.process_time()
    while len(seconds) < 3 or (sum(seconds) < MOST_S and len(seconds) < MOST_RUNS):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    told['cpu_ms'] = 1e3 * (time.process_time() - busy) / len(seconds)
    told['p50_ms'], told['p99_ms'] = (1e3 * float(np.percentile(seconds, p)) for p in (50, 99))
    peak = Path('/proc/self/status').read_text(encoding='ascii').partition('VmHWM:')[2]
    told['memory_mib'] = int(peak.split()[0]) / 1024
    return told


def in_a_process(case: dict[str, str]) -> dict[str, float | str]:
    """`measure` in a process of its own; with 'failed' where it failed."""
    python, env = sys.executable, dict(os.environ)
    if case['engine'] == PEER:
        python, env = interpreter()
    command = [python, __file__, '--case', json.dumps(case)]
    env.update(OMP_NUM_THREADS=case['threads'], OMP_WAIT_POLICY='PASSIVE')
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        return {'failed': (done.stderr.strip().splitlines() or [f'status {done.returncode}'])[-1]}
    result: dict[str, float | str] = json.loads(done.stdout.splitlines()[-1])
    return result


def show(size: str, cameras: int, case: dict[str, str], found: Findings) -> float | None:
    """Measure a case cold and warm, and print its line; the median in ms, None where it failed."""
    cold = in_a_process(case)
    warm = cold if 'failed' in cold else in_a_process(case)
    head = f'{size:<6}{cameras:>2} cameras  {case["threads"]} threads  {case["engine"]:<14}'
    what = f'{size}, {cameras} cameras, {case["threads"]} threads, {case["engine"]}'
    if 'failed' in warm:
        print(f'{head}  {warm["failed"]}', flush=True)
        found.not_measured(what, str(warm['failed']))
        return None
    differs = f'{warm["difference"]:.1e}' if 'difference' in warm else '-'
    print(
        f'{head}{warm["p50_ms"]:>9.1f} ms p50{warm["p99_ms"]:>9.1f} ms p99{warm["cpu_ms"]:>9.1f} ms of '
        f'processors{warm["memory_mib"]:>7.0f} MiB{cold["load_s"]:>7.1f} s cold{warm["load_s"]:>6.1f} s warm  '
        f'{differs:>7} from fp32',
        flush=True,
    )
    median = float(warm['p50_ms'])
    p99 = float(warm['p99_ms'])
    if case['engine'] == 'torch:fp16' and (size, cameras) == ('paper', 4):
        found.figure(f'{what}, p50', median, 'ms', at_most=MOST_GPU_MS)
        found.figure(f'{what}, p99', p99, 'ms', at_most=MOST_GPU_SPREAD * median)
    else:
        target = MOST_MS.get(case['threads']) if (size, cameras) == ('small', 1) else None
        best = case['engine'] == 'openvino:bf16'
        found.figure(f'{what}, p50', median, 'ms', at_most=target if best else None)
        found.figure(f'{what}, p99', p99, 'ms')
    if case['engine'] != PEER:
        found.figure(f'{what}, live when cold', float(cold['load_s']), 's')
        found.figure(f'{what}, live when warm', float(warm['load_s']), 's')
    if 'difference' in warm:
        half = case['engine'].endswith('16')
        most = MOST_DIFFERENCE if half else None
        found.figure(f'{what}, difference from fp32', float(warm['difference']), at_most=most)
    return median


def beside_the_peer(found: Findings, what: str, medians: dict[str, float | None]) -> None:
    """Keep by how much each engine is faster than LeRobot, where both ran."""
    theirs = medians.pop(PEER, None)
    for engine, ours in medians.items():
        if theirs and ours:
            found.figure(
                f'{what}, {engine}: times as fast as LeRobot',
                theirs / ours,
                at_least=FASTER.get(engine),
            )


def lacks_gpu(device: str, found: Findings) -> bool:
    """Whether a GPU is asked for and there is none, which is then kept as the reason."""
    lacks = device == 'cuda' and not gpu()
    if lacks:
        found.not_measured('all of this', 'there is no NVIDIA GPU')
    return lacks


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--sizes', nargs='+', default=['small', 'paper'], choices=('small', 'paper')
    )
    parser.add_argument('--cameras', nargs='+', type=int, default=[1, 4], choices=(1, 2, 3, 4))
    parser.add_argument(
        '--threads', nargs='+', default=['1', '2'], help='of small; paper has the last'
    )
    parser.add_argument('--device', default='cpu', choices=list(ENGINES))
    parser.add_argument('--engines', nargs='+', help='NAME:PRECISION; default: all of the device')
    add_json(parser)
    parser.add_argument('--case', type=json.loads, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.case:
        print(json.dumps(measure(args.case)))
        return 0
    found = Findings()
    if lacks_gpu(args.device, found):
        return found.end(args.json)
    peer = bool(lerobot_version())
    if not peer and 'paper' in args.sizes:
        found.not_measured("LeRobot's select_action", MISSING)
    with tempfile.TemporaryDirectory(prefix='act_ros_inference_') as scratch:
        for size in args.sizes:
            for cameras in args.cameras:
                folder = Path(scratch) / f'{size}_{cameras}'
                write_policy(folder, config_of(size, cameras))
                engines = [
                    *(args.engines or ENGINES[args.device]),
                    *([PEER] if size == 'paper' and peer else []),
                ]
                for threads in args.threads if size == 'small' else args.threads[-1:]:
                    cases = [
                        {
                            'folder': str(folder),
                            'device': args.device,
                            'engine': engine,
                            'threads': threads,
                        }
                        for engine in engines
                    ]
                    medians = {c['engine']: show(size, cameras, c, found) for c in cases}
                    beside_the_peer(found, f'{size}, {cameras} cameras', medians)
    return found.end(args.json)


if __name__ == '__main__':
    sys.exit(main())
