#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Swap policies under load: 100 changes in a row at 50 Hz in simulation, some of them to bad files.

Starts `ros2 launch act_ros aloha.launch.py` (simulator, policy, everything), sets the parameter
`checkpoint` of the running node again and again as `ros2 param set` does, and watches from a
process of its own: the commands, by the stamps the middleware puts on them, the answers, the
memory. Source `setup.bash` first.

    benchmarks/swap.py                     # 100 changes, 30 of them bad
    benchmarks/swap.py --swaps 20 --bad 6 --json outputs/swap.json

Exit code 0 if every target is met, 1 if not, 2 if there was nothing to measure.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rclpy
from act_msgs.msg import Command, PolicyState
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from safetensors.numpy import load_file, save_file

from act_ros.paths import share_dir
from act_ros.robot.spec import RobotSpec

GAP_MS = 40.0
GROWTH_MIB = 60
START_S, ANSWER_S = 120.0, 120.0


@dataclass(frozen=True)
class Attempt:
    """One setting of the parameter: to what, whether it should be accepted, what came of it."""

    kind: str
    good: bool
    accepted: bool
    right: bool
    reason: str
    seconds: float


class Policies:
    """A folder of models: two good ones, and bad ones made on demand."""

    def __init__(self, folder: Path, source: Path, random_: random.Random) -> None:
        """Make two good policies: the one given, and one that reaches 0.05 rad further."""
        self.folder, self._source, self._random = folder, source, random_
        self._elsewhere = folder.parent / 'elsewhere'
        self.witness = folder / 'code_was_executed'
        self._count = 0
        shutil.copytree(source, folder / 'a')  # not the suite's own: b shall lie beside it
        self._with_tensors('b', self._shift)
        self.kinds: dict[str, tuple[Callable[[str], object], str]] = {
            'missing': (lambda name: None, 'there is no policy'),
            'truncated': (self._truncated, 'model.safetensors'),
            'wrong shapes': (lambda name: self._with_tensors(name, self._reshape), 'does not fit'),
            'wrong cameras': (
                lambda name: self._with_config(name, cameras=['cam_nose']),
                'camera cam_nose',
            ),
            'hostile pickle': (self._hostile, 'ckpt'),
            'wrong rate': (lambda name: self._with_config(name, rate_hz=30.0), '30 Hz'),
            'camera off': (lambda name: self._with_config(name, cameras=['cam_low']), 'cam_low'),
            'not a number': (lambda name: self._with_tensors(name, self._spoil), 'not finite'),
            'no JSON': (self._no_json, 'config.json'),
            'outside': (self._outside, 'allow_any_path'),
        }

    def bad(self, kind: str) -> tuple[str, str]:
        """A new bad policy: what to set the parameter to, and what the refusal must speak of."""
        make, reason = self.kinds[kind]
        name = f'bad_{self._count}'
        self._count += 1
        make(name)
        return (str(self._elsewhere / name) if kind == 'outside' else name), reason

    def remove(self, kind: str, text: str) -> None:
        """Remove a bad policy that `bad` has made. Nothing but what lies in this benchmark's own folders."""
        folder = (self._elsewhere if kind == 'outside' else self.folder) / Path(text).name
        assert folder.parent in (self.folder, self._elsewhere)
        shutil.rmtree(folder, ignore_errors=True)

    def _outside(self, name: str) -> None:
        shutil.copytree(self._source, self._elsewhere / name)

    def _copy(self, name: str) -> Path:
        shutil.copytree(self._source, self.folder / name)
        return self.folder / name

    def _with_config(self, name: str, **changes: object) -> None:
        path = self._copy(name) / 'config.json'
        config = json.loads(path.read_text(encoding='utf-8'))
        path.write_text(json.dumps({**config, **changes}), encoding='utf-8')

    def _with_tensors(self, name: str, change: Callable[[dict[str, np.ndarray]], None]) -> None:
        path = self._copy(name) / 'model.safetensors'
        tensors = load_file(path)
        change(tensors)
        save_file(tensors, path)

    def _shift(self, tensors: dict[str, np.ndarray]) -> None:
        tensors['stats.action.mean'] = tensors['stats.action.mean'] + np.float32(0.05)

    def _reshape(self, tensors: dict[str, np.ndarray]) -> None:
        # Those of the CVAE are used in training only, and not looked at here.
        used = (k for k, v in tensors.items() if v.ndim > 1 and 'vae' not in k)
        name = self._random.choice(sorted(used))
        tensors[name] = np.ascontiguousarray(tensors[name][:-1])

    def _spoil(self, tensors: dict[str, np.ndarray]) -> None:
        weights = sorted(k for k, v in tensors.items() if v.ndim > 1 and not k.startswith('stats'))
        for name in weights:
            tensors[name] = np.full_like(tensors[name], np.nan)

    def _truncated(self, name: str) -> None:
        path = self._copy(name) / 'model.safetensors'
        os.truncate(path, self._random.randrange(path.stat().st_size))

    def _no_json(self, name: str) -> None:
        (self._copy(name) / 'config.json').write_text('{"format": 1, ', encoding='utf-8')

    def _hostile(self, name: str) -> None:
        """A checkpoint of tonyzhaozh/act's kind that runs a command where it is unpickled."""
        folder = self.folder / name
        folder.mkdir()
        command = f'touch {self.witness}'.encode()
        evil = b'cposix\nsystem\n(X' + struct.pack('<I', len(command)) + command + b'tR.'
        with zipfile.ZipFile(folder / 'policy_best.ckpt', 'w') as archive:
            archive.writestr('archive/data.pkl', evil)
            archive.writestr('archive/version', '3\n')
        (folder / 'dataset_stats.pkl').write_bytes(evil)


class Watcher(Node):
    """Keeps every command with its stamp, and the states of the policy node."""

    def __init__(self, namespace: str) -> None:
        super().__init__('swap_benchmark')
        self._prefix = f'/{namespace.strip("/")}'.rstrip('/')
        self.commands: list[tuple[int, int, np.ndarray]] = []  # sent (ns), tick, action
        self.states: list[PolicyState] = []
        self.create_subscription(Command, f'{self._prefix}/act/command', self._on_command, 100)
        latched = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.create_subscription(
            PolicyState, f'{self._prefix}/act/policy_state', self.states.append, latched
        )
        self.client = self.create_client(
            SetParameters, f'{self._prefix}/act/policy/set_parameters'
        )

    def _on_command(self, msg: Command, info: dict[str, int]) -> None:
        action = np.array(msg.action, dtype=np.float64)
        self.commands.append((info['source_timestamp'], msg.tick, action))

    def running(self) -> bool:
        """Whether the policy commands the arms."""
        return bool(self.states) and self.states[-1].state == PolicyState.RUNNING

    def set_checkpoint(self, text: str) -> object:
        """Begin to set the parameter; returns the future of the answer."""
        value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=text)
        request = SetParameters.Request(parameters=[Parameter(name='checkpoint', value=value)])
        return self.client.call_async(request)


def processes(below: int) -> list[int]:
    """A process and all that it has started."""
    children: dict[int, list[int]] = {}
    for entry in Path('/proc').iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / 'stat').read_text().rpartition(')')[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found = [below]
    for pid in found:
        found += children.get(pid, [])
    return found


def memory(launch: int) -> tuple[float, int]:
    """MiB of main memory (proportional share) and number of the policy's processes."""
    total, count = 0, 0
    for pid in processes(launch):
        try:
            words = (Path('/proc') / str(pid) / 'cmdline').read_bytes()
            if b'act_ros/policy' not in words and b'worker_process' not in words:
                continue
            rollup = (Path('/proc') / str(pid) / 'smaps_rollup').read_text()
        except OSError:
            continue
        total += int(rollup.partition('\nPss:')[2].split()[0])
        count += 1
    return total / 1024, count


def spin_until(
    spin: SingleThreadedExecutor, condition: Callable[[], object], seconds: float
) -> bool:
    """Take messages until something holds; False if it did not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        spin.spin_once(timeout_sec=0.1)
    return True


def plan(swaps: int, bad: int, kinds: list[str], random_: random.Random) -> list[str]:
    """'good' or a kind of bad policy for each change, mixed."""
    steps = [kinds[i % len(kinds)] for i in range(bad)] + ['good'] * (swaps - bad)
    random_.shuffle(steps)
    return steps


def attempt(
    watcher: Watcher, spin: SingleThreadedExecutor, policies: Policies, kind: str, live: str
) -> Attempt:
    """Set the parameter once, and judge the answer."""
    good = kind == 'good'
    text, wanted = (('b' if live == 'a' else 'a'), '') if good else policies.bad(kind)
    begin = time.monotonic()
    future = watcher.set_checkpoint(text)
    if not spin_until(spin, future.done, ANSWER_S):
        return Attempt(kind, good, False, False, f'no answer within {ANSWER_S:g} s', ANSWER_S)
    seconds = time.monotonic() - begin
    result = future.result().results[0]
    # The state that counts is one from after the answer.
    watcher.states.clear()
    spin_until(spin, lambda: watcher.states, 10)
    now = Path(watcher.states[-1].checkpoint).name if watcher.states else '?'
    right = result.successful == good and now == (text if good else live)
    right = right and (good or wanted in result.reason) and not policies.witness.exists()
    if not good:
        policies.remove(kind, text)
    return Attempt(kind, good, result.successful, right, result.reason, seconds)


def verdicts(watcher: Watcher, attempts: list[Attempt], sizes: list[float]) -> dict[str, object]:
    """All figures, and whether each target is met."""
    spec = RobotSpec.load()
    limit = spec.velocity / spec.rate_hz
    stamps = np.array([stamp for stamp, _, _ in watcher.commands])
    ticks = np.array([tick for _, tick, _ in watcher.commands])
    steps = np.abs(np.diff([action for _, _, action in watcher.commands], axis=0))
    gaps = np.diff(stamps) * 1e-6
    third = max(len(sizes) // 3, 1)
    growth = float(np.median(sizes[-third:]) - np.median(sizes[:third]))
    live = [a.seconds for a in attempts if a.good and a.accepted]
    refused = [a.seconds for a in attempts if not a.good and not a.accepted]
    return {
        'commands': len(stamps),
        'longest gap ms': float(gaps.max()),
        'gaps over 40 ms': int((gaps > GAP_MS).sum()),
        'ticks lost': int((np.diff(ticks) - 1).clip(min=0).sum()),
        'largest step of the limit': float((steps / limit).max()),
        'right answers': sum(a.right for a in attempts),
        'attempts': len(attempts),
        'time to live s median': float(np.median(live)) if live else None,
        'time to live s longest': max(live, default=None),
        'refusal s median': float(np.median(refused)) if refused else None,
        'refusal s longest': max(refused, default=None),
        'memory MiB first third': float(np.median(sizes[:third])),
        'memory MiB last third': float(np.median(sizes[-third:])),
        'memory growth MiB': growth,
        'met': bool(
            gaps.max() <= GAP_MS
            and (steps <= limit + 1e-6).all()
            and all(a.right for a in attempts)
            and growth < GROWTH_MIB
        ),
    }


def run(args: argparse.Namespace, policies: Policies, launch: int) -> int:
    """Wait for the policy, change it again and again, print; returns the exit code."""
    random_ = random.Random(args.seed)
    rclpy.init()
    watcher = Watcher(args.namespace)
    spin = SingleThreadedExecutor()
    spin.add_node(watcher)
    if not spin_until(spin, watcher.running, START_S) or not watcher.client.service_is_ready():
        print('the policy was not RUNNING in time', file=sys.stderr)
        return 2
    spin_until(spin, lambda: False, 3.0)
    held = watcher.states[-1].held_ticks
    watcher.commands.clear()
    live, attempts, sizes = 'a', [], []
    for number, kind in enumerate(plan(args.swaps, args.bad, list(policies.kinds), random_), 1):
        done = attempt(watcher, spin, policies, kind, live)
        live = ('b' if live == 'a' else 'a') if done.good and done.accepted else live
        attempts.append(done)
        size, count = memory(launch)
        sizes.append(size)
        print(
            f'{number:>3} {kind:<15} {"live" if done.accepted else "refused":<8}'
            f'{done.seconds:>6.2f} s {size:>6.0f} MiB in {count} {"" if done.right else "WRONG "}'
            f'{done.reason[:110]}',
            flush=True,
        )
    figures = verdicts(watcher, attempts, sizes)
    figures['ticks held'] = int(watcher.states[-1].held_ticks - held)
    for name, value in figures.items():
        print(f'  {name}: {value:.3f}' if isinstance(value, float) else f'  {name}: {value}')
    print(
        f'targets (no gap over {GAP_MS:g} ms, no step over the limit, every answer right, memory '
        f'within {GROWTH_MIB} MiB): {"met" if figures["met"] else "NOT met"}'
    )
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + '\n', encoding='utf-8')
    return 0 if figures['met'] else 1


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--swaps', type=int, default=100, help='changes in a row')
    parser.add_argument('--bad', type=int, default=30, help='of them to policies that are refused')
    parser.add_argument('--seed', type=int, default=0, help='of the order and of the damage')
    parser.add_argument('--checkpoint', default='aloha_sim_transfer_cube', help='in models/')
    parser.add_argument('--namespace', default='', help='of the robot')
    parser.add_argument('--json', type=Path, help='also write the figures to this file')
    parser.add_argument('arguments', nargs='*', metavar='name:=value', help='for the launch file')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix='act_ros_swap_') as folder:
        source = (share_dir() / 'models' / args.checkpoint).resolve()
        policies = Policies(Path(folder) / 'models', source, random.Random(args.seed))
        # One endless episode: at a reset of the world the arms are elsewhere, and commands begin there.
        endless = Path(folder) / 'endless.yaml'
        endless.write_text('/**:\n  ros__parameters:\n    auto_reset: false\n', encoding='utf-8')
        command = ['ros2', 'launch', 'act_ros', 'aloha.launch.py', 'checkpoint:=a']
        command += [f'params_file:={endless}']
        command += [f'models_dir:={policies.folder}', *args.arguments]
        print(' '.join(command), flush=True)
        launch = subprocess.Popen(command, stdout=sys.stderr, start_new_session=True)
        try:
            return run(args, policies, launch.pid)
        finally:
            launch.send_signal(signal.SIGINT)
            try:
                launch.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(launch.pid, signal.SIGKILL)
            rclpy.try_shutdown()


if __name__ == '__main__':
    sys.exit(main())
