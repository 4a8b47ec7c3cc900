#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Samples a second and memory of `train`, beside LeRobot's trainer: same data, network, batch and machine.

    source setup.bash
    LEROBOT_PYTHON=~/lerobot/bin/python benchmarks/training.py
    LEROBOT_PYTHON=~/lerobot/bin/python benchmarks/training.py --size 120x160 --batch 4 --steps 8 --precisions bf16
    benchmarks/training.py --device cuda --size 480x640 --cameras cam_high cam_low cam_left_wrist cam_right_wrist --steps 300
    benchmarks/training.py --device cuda --network small_gpu --size 120x160 --batch 64 --steps 300

Both read the same files, the dataset that `export_lerobot` makes of simulated demonstrations. Both train the paper's
network from random weights with the paper's numbers, by their own commands, as long as `--steps`; the first steps don't
count. bf16 is LeRobot's by ACCELERATE_MIXED_PRECISION. Where other work has the processors, too, seconds of processors
for a sample say more than samples a second: those depend on who gets how much.
docs/results.md tells how an environment for LeRobot is made. torchcodec reads the videos there, with the FFmpeg that PyAV
brings; where it doesn't load, torchvision must have VideoReader (before 0.26).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from findings import Findings, add_json
from inference import lacks_gpu, write_policy
from lerobot_python import MISSING, interpreter, lend_ffmpeg, lerobot_version
from lifeline import hold
from process_memory import watched

from act_ros.paths import share_dir
from act_ros.policy.config import PolicyConfig
from act_ros.policy.training.recipe import Recipe, load_recipe

FASTER = 1.5
WARM_UP = 3
MOST_STEP_MS = {('paper', 8, 4): 20.0, ('small_gpu', 64, 1): 12.0}
"""Targets on a GPU in bf16, by network, batch and cameras."""
EPISODES, TICKS = 4, 200
_LEROBOT = """
import runpy
from act_ros.policy.vision import _import_torchvision
_import_torchvision()  # also beside a PyTorch that its wheel is not built for
runpy.run_module('lerobot.scripts.lerobot_train', run_name='__main__', alter_sys=True)
"""


@dataclass(frozen=True)
class Task:
    """What is trained: camera names, (height, width), batch, steps, threads, and workers of LeRobot's loader."""

    folder: Path
    cameras: tuple[str, ...]
    size: tuple[int, int]
    batch: int
    steps: int
    threads: int
    workers: int
    device: str = 'cpu'
    network: str = 'paper'


@dataclass(frozen=True)
class Pace:
    """Samples a second after the first steps, seconds of processors for each, seconds to the first step, MiB at most."""

    samples_s: float
    processor_s: float
    first_s: float
    memory_mib: float


def prepare(task: Task) -> None:
    """Make the data, a policy of random weights to start from, and the configuration.

    Raises:
        subprocess.CalledProcessError: one of the commands failed; it has said why.
    """
    height, width = task.size
    run = [sys.executable, '-m']
    subprocess.run(
        [*run, 'act_ros.commands.demonstrate', '--episodes', str(EPISODES), '--ticks', str(TICKS),
         '--size', f'{height}x{width}', '--cameras', *task.cameras, '--keep-failures',
         '--output', task.folder / 'episodes'], check=True,
    )  # fmt: skip
    subprocess.run(
        [*run, 'act_ros.commands.export_lerobot', task.folder / 'episodes', '--output',
         task.folder / 'lerobot'], check=True,
    )  # fmt: skip
    write_policy(task.folder / 'start', network(task), cvae=True)


def network(task: Task) -> PolicyConfig:
    """Of the configuration that is named, for the task's pictures."""
    entries, _ = load_recipe(share_dir() / 'config' / 'training.yaml', task.network)
    return PolicyConfig.from_dict({**entries, 'cameras': task.cameras, 'image_size': task.size})


def ours(task: Task, precision: str) -> tuple[list[str], dict[str, str]]:
    """The command of act_ros, and what it needs in the environment."""
    # No weights are held out, averaged or augmented, since LeRobot does none of that; it limits the gradient.
    recipe = Recipe(
        batch=task.batch, steps=task.steps, precision=precision, grad_clip=10.0, validation=0.0,
        checkpoint_every=task.steps, log_every=1, pretrained=False,
    )  # fmt: skip
    file = task.folder / f'{precision}.json'  # YAML reads it
    policy = {'image_size': list(task.size)}
    file.write_text(json.dumps({'paper': {'policy': policy, 'training': asdict(recipe)}}))
    return [
        sys.executable, '-m', 'act_ros.commands.train', '--data', str(task.folder / 'lerobot'),
        '--cache', str(task.folder / f'frames_{precision}'),
        '--output', str(task.folder / f'ours_{precision}'), '--from', str(task.folder / 'start'),
        '--config-file', str(file), '--threads', str(task.threads), '--device', task.device,
    ], {}  # fmt: skip


def theirs(task: Task, precision: str) -> tuple[list[str], dict[str, str]]:
    """The command of LeRobot, and its environment."""
    python, env = interpreter()
    env.update(HF_HUB_OFFLINE='1', OMP_NUM_THREADS=str(task.threads))
    lend_ffmpeg(python, env, task.folder / f'ffmpeg_{precision}')
    # LeRobot takes torchcodec wherever it is installed, also where its libraries do not load.
    codec = subprocess.run([python, '-c', 'import torchcodec'], env=env, capture_output=True)
    backend = 'pyav' if codec.returncode else 'torchcodec'
    if precision == 'bf16':
        env['ACCELERATE_MIXED_PRECISION'] = 'bf16'
    return [
        python, '-c', _LEROBOT, '--dataset.repo_id=local/benchmark',
        f'--dataset.root={task.folder / "lerobot"}', '--policy.type=act', f'--policy.device={task.device}',
        f'--dataset.video_backend={backend}', '--policy.push_to_hub=false', '--policy.pretrained_backbone_weights=null',
        f'--batch_size={task.batch}', f'--steps={task.steps}', '--log_freq=1',
        '--save_checkpoint=false', '--eval_freq=0', f'--num_workers={task.workers}',
        f'--output_dir={task.folder / f"theirs_{precision}"}', '--wandb.enable=false',
    ], env  # fmt: skip


def our_times(task: Task, precision: str, said: list[tuple[float, str]]) -> list[float]:
    """When each step was over, by what TensorBoard gets."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(task.folder / f'ours_{precision}' / 'log'))
    events.Reload()
    return [event.wall_time for event in events.Scalars('loss')]


def their_times(task: Task, precision: str, said: list[tuple[float, str]]) -> list[float]:
    """When each step was over, by what LeRobot says."""
    return [at for at, line in said if ' step:' in line and ' loss:' in line]


def measure(
    command: tuple[list[str], dict[str, str]],
    times: Callable[[list[tuple[float, str]]], list[float]],
    task: Task,
) -> Pace:
    """Train once.

    Raises:
        RuntimeError: it failed, or said too little.
    """
    done = watched(*command)
    if done.status:
        lines = [line for _, line in done.said if line]
        why = next((line for line in reversed(lines) if 'Error' in line), ''.join(lines[-1:]))
        raise RuntimeError(f'status {done.status}: {why}')
    at = np.array(times(done.said))
    if len(at) != task.steps:
        raise RuntimeError(f'{len(at)} of {task.steps} steps were seen')
    begin, end = at[WARM_UP - 1], at[-1]
    samples = task.batch * (task.steps - WARM_UP)
    taken = np.diff(np.interp([begin, end], *zip(*done.processor, strict=True))).item()
    return Pace(samples / (end - begin), taken / samples, at[0] - done.begun, done.memory_mib)


def compare(task: Task, precision: str, peer: bool, found: Findings) -> None:
    """Train both ways in one precision."""
    ways = {'train': (ours, our_times), **({'LeRobot': (theirs, their_times)} if peer else {})}
    paces = {}
    for name, (command, times) in ways.items():
        what = f'{name}, {precision}'
        try:
            pace = measure(
                command(task, precision), lambda said, t=times: t(task, precision, said), task
            )
        except RuntimeError as error:
            found.not_measured(what, str(error))
            continue
        paces[name] = pace
        found.figure(what, pace.samples_s, 'samples/s')
        most = MOST_STEP_MS.get((task.network, task.batch, len(task.cameras)))
        target = (
            most if name == 'train' and task.device == 'cuda' and precision == 'bf16' else None
        )
        found.figure(f'{what}: a step', 1e3 * task.batch / pace.samples_s, 'ms', at_most=target)
        found.figure(f'{what}: processors', pace.processor_s, 's a sample')
        found.figure(f'{what}: memory', pace.memory_mib, 'MiB')
        found.figure(f'{what}: until the first step is over', pace.first_s, 's')
    if len(paces) == 2:
        ratio = paces['train'].samples_s / paces['LeRobot'].samples_s
        found.figure(f"{precision}: times LeRobot's samples/s", ratio, at_least=FASTER)


def main() -> int:
    """Measure and print; 1 where LeRobot is nearer than the target."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--size', default='240x320', metavar='HEIGHTxWIDTH', help='of the images')
    parser.add_argument('--cameras', nargs='+', default=['cam_high'])
    parser.add_argument('--batch', type=int, default=8)
    parser.add_argument('--steps', type=int, default=40, help='of each run')
    parser.add_argument('--threads', type=int, default=2, help='of PyTorch, both')
    parser.add_argument(
        '--workers', type=int, default=4, help="of LeRobot's loader; 4 is its default"
    )
    parser.add_argument(
        '--precisions', nargs='+', default=['fp32', 'bf16'], choices=('fp32', 'bf16')
    )
    parser.add_argument('--device', default='cpu', choices=('cpu', 'cuda'))
    parser.add_argument(
        '--network',
        default='paper',
        choices=('paper', 'small_gpu'),
        help="LeRobot has the paper's only",
    )
    add_json(parser)
    args = parser.parse_args()
    hold()
    found = Findings()
    if lacks_gpu(args.device, found):
        return found.end(args.json)
    peer = lerobot_version() is not None and args.network == 'paper'
    if args.network == 'paper' and not peer:
        found.not_measured("LeRobot's trainer", MISSING)
    with tempfile.TemporaryDirectory(prefix='act_ros_training_') as folder:
        height, width = map(int, args.size.split('x'))
        task = Task(
            Path(folder), tuple(args.cameras), (height, width), args.batch, args.steps,
            args.threads, args.workers, args.device, args.network,
        )  # fmt: skip
        prepare(task)
        for precision in args.precisions:
            compare(task, precision, peer, found)
    return found.end(args.json)


if __name__ == '__main__':
    sys.exit(main())
