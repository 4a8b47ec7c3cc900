#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What recording costs: the recorder node on four cameras at 50 Hz, beside the way of the ALOHA code bases.

    source setup.bash
    benchmarks/recorder.py                          # 2 minutes of 4 cameras, then 20 s the peers' way
    benchmarks/recorder.py --seconds 20 --peer-seconds 0

Everything is real: a process that publishes pictures (the simulator's with a sensor's noise), joint states
and commands over DDS, the recorder as a process, files on the disk. Exit code 0 if no row was lost, memory
stayed flat and below its limit, and the episode was finished in time; 1 if not.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import rclpy
import ros_domain
from act_msgs.msg import RecorderState
from act_msgs.srv import StartEpisode, StopEpisode
from findings import Findings, add_json
from lifeline import hold
from recording import CAMERAS, ENV, RATE_HZ, Recorder, Robot, Sampler, Usage

from act_ros.nodes.shared.topics import LATCHED

MOST_MB, MOST_GROWTH_MB, MOST_PAUSE_S, MOST_LOST_S = 600.0, 30.0, 2.0, 1.0


class Operator:
    """Who starts and stops episodes, and reads what the recorder says."""

    def __init__(self) -> None:
        """Join the ROS domain of this process."""
        rclpy.init()
        self.node = rclpy.create_node('recorder_benchmark')
        self.states: list[RecorderState] = []
        self.node.create_subscription(
            RecorderState, '/act/recorder_state', self.states.append, LATCHED
        )
        self._clients: dict[str, Any] = {}

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            rclpy.spin_once(self.node, timeout_sec=0.1)

    def wait_for(self, ready: Any, timeout_s: float = 30.0) -> None:
        """Wait for a state.

        Raises:
            SystemExit: it does not come.
        """
        end = time.monotonic() + timeout_s
        while not (self.states and ready(self.states[-1])):
            if time.monotonic() > end:
                raise SystemExit(f'not ready after {timeout_s:g} s: {self.states[-1:]}')
            rclpy.spin_once(self.node, timeout_sec=0.1)

    def ask(self, kind: Any, name: str, request: Any) -> Any:
        """Call a service of the recorder; the future of its answer."""
        client = self._clients.setdefault(
            name, self.node.create_client(kind, f'/act/recorder/{name}')
        )
        client.wait_for_service()
        return client.call_async(request)

    def start(self) -> None:
        """Begin an episode, and wait for its first row."""
        request = StartEpisode.Request(task='benchmark', seed=-1)
        answer = self.answer(self.ask(StartEpisode, 'start', request))
        if not answer.success:
            raise SystemExit(answer.message)
        self.wait_for(lambda state: state.rows > 0)

    def ask_to_stop(self) -> Any:
        """Ask for the end of the episode; the future of the answer."""
        return self.ask(StopEpisode, 'stop', StopEpisode.Request(keep=True, success=True))

    def answer(self, future: Any) -> Any:
        """Wait for an answer."""
        rclpy.spin_until_future_complete(self.node, future, timeout_sec=180)
        return future.result()

    def stop(self) -> tuple[Any, float]:
        """End the episode; the answer, and how long it took to come."""
        begun = time.monotonic()
        return self.answer(self.ask_to_stop()), time.monotonic() - begun


def measure(
    operator: Operator, folder: Path, args: argparse.Namespace, found: Findings
) -> list[str]:
    """Record one episode with the node; lines on it.

    Raises:
        SystemExit: the recorder made no episode.
    """
    recorder = Recorder(
        folder, folder.with_suffix('.log'), args.cameras, jpeg_quality=args.quality
    )
    try:
        operator.wait_for(lambda state: state.free_bytes and not state.reason)
        operator.wait(3.0)
        sampler, before = Sampler(recorder.pid), _processor()
        operator.start()
        operator.wait(args.seconds)
        usage = sampler.end()
        busy = _processor() - before
        answer, pause_s = operator.stop()
        recorder.stop()
    finally:
        if recorder.process.poll() is None:
            recorder.kill()
    if not answer.ok:
        raise SystemExit(f'{answer.message}\n{recorder.log.read_text()}')
    with h5py.File(answer.message) as file:
        steps = np.diff(file['observations/stamp'][()])
        ages = np.concatenate(
            [file[f'observations/image_age/{name}'][()] for name in args.cameras]
        )
        overflow, stale = int(file.attrs['overflow_rows']), int(file.attrs['stale_rows'])
    lost = int(answer.dropped) + round(float((steps * RATE_HZ - 1).sum()))
    size_mb = Path(answer.message).stat().st_size / 1e6
    seconds = answer.rows / RATE_HZ
    peak, growth = max(usage.resident_mb), _growth(usage)
    table = {
        'rows': f'{answer.rows} in {seconds:.1f} s, {lost} lost ({overflow} for want of speed), '
        f'{stale} with data older than 0.1 s',
        'age of frames': f'p50 {1e3 * np.median(ages):.0f} ms, p99 {1e3 * np.quantile(ages, 0.99):.0f} '
        f'ms, max {1e3 * ages.max():.0f} ms',
        'memory of the node': f'{peak:.0f} MB resident at most, {growth:+.1f} MB from the first '
        f'quarter to the last; over time {_course(usage)}',
        'memory of the process that makes the file': f'{max(usage.helper_mb):.0f} MB at most',
        'processors': f'node {usage.cpu_s / usage.seconds:.2f}, file '
        f'{usage.helper_cpu_s / usage.seconds:.2f}, machine {busy / usage.seconds:.2f} of {os.cpu_count()}',
        'disk': f'{usage.written_mb / usage.seconds:.1f} MB/s written, file of {size_mb:.0f} MB = '
        f'{size_mb / seconds:.1f} MB/s',
        'pause at the end': f'{pause_s:.2f} s from the request to the finished, verified, synced file',
    }
    found.figure('rows lost', lost, f'of {answer.rows}', at_most=0)
    found.figure('memory of the node', peak, 'MB', at_most=MOST_MB)
    found.figure('from the first quarter to the last', growth, 'MB', at_most=MOST_GROWTH_MB)
    found.figure('processors, with the file', (usage.cpu_s + usage.helper_cpu_s) / usage.seconds)
    found.figure('written', usage.written_mb / usage.seconds, 'MB/s')
    found.figure('from the end to the finished file', pause_s, 's', at_most=MOST_PAUSE_S)
    return [f'| {name} | {text} |' for name, text in table.items()]


def kill(operator: Operator, folder: Path, args: argparse.Namespace, found: Findings) -> str:
    """Kill the node after some seconds of recording; what the next start makes of it."""
    recorder = Recorder(
        folder, folder.with_suffix('.log'), args.cameras, jpeg_quality=args.quality
    )
    operator.states.clear()
    operator.wait_for(lambda state: state.free_bytes and not state.reason)
    operator.start()
    begun = time.time()
    operator.wait(args.kill_after)
    killed = time.time()
    recorder.kill()
    operator.states.clear()
    again = Recorder(folder, folder.with_suffix('.again.log'), args.cameras)
    operator.wait_for(lambda state: state.message.startswith('recording into'))
    again.stop()
    with h5py.File(folder / 'interrupted' / 'episode_0.hdf5') as file:
        stamp = file['observations/stamp'][()]
    found.figure('lost to a kill -9', killed - stamp[-1], 's', at_most=MOST_LOST_S)
    return f'{len(stamp)} rows of {killed - begun:.1f} s, the last {killed - stamp[-1]:.2f} s before the kill'


def peer(
    folder: Path, seconds: float, args: argparse.Namespace, found: Findings, killed: bool = False
) -> list[str]:
    """Record one episode the peers' way; lines on it."""
    folder.mkdir()
    path = folder / 'episode_0.hdf5'
    script = Path(__file__).with_name('recorder_peer.py')
    command = [sys.executable, str(script), str(path), str(seconds), '50', ','.join(args.cameras)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        sampler = Sampler(process.pid)
        if killed:
            time.sleep(args.kill_after)
            process.kill()
            return [f'{sum(1 for _ in folder.iterdir())} files']
        process.stdout.readline()
        rows, pause = process.stdout.readline().split()
    usage = sampler.end()
    grown = (max(usage.resident_mb) - usage.resident_mb[0]) / seconds
    found.figure("memory of the peers' way", max(usage.resident_mb), 'MB')
    found.figure("from the end to the file, the peers' way", float(pause), 's')
    return [
        f'| rows | {rows} in {seconds:g} s; what was lost or old is not known |',
        f'| memory | {max(usage.resident_mb):.0f} MB resident at most, growing by {grown:.0f} MB/s |',
        f'| pause at the end | {float(pause):.1f} s (JPEG quality 50; no sync, no verification) |',
    ]


def _growth(usage: Usage) -> float:
    quarter = max(1, len(usage.resident_mb) // 4)
    first, last = usage.resident_mb[:quarter], usage.resident_mb[-quarter:]
    return float(np.median(last) - np.median(first))


def _course(usage: Usage) -> str:
    at = np.linspace(0, len(usage.resident_mb) - 1, 7).astype(int)
    return ', '.join(f'{usage.resident_mb[i]:.0f}' for i in at)


def _processor() -> float:
    """Seconds of processor time that the machine has spent on work."""
    fields = [int(f) for f in Path('/proc/stat').read_text().splitlines()[0].split()[1:]]
    return (sum(fields[:8]) - fields[3] - fields[4]) / os.sysconf('SC_CLK_TCK')


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument('--seconds', type=float, default=120.0, help='length of the episode')
    parser.add_argument(
        '--peer-seconds', type=float, default=20.0, help="of the peers' way; 0: not"
    )
    parser.add_argument(
        '--kill-after', type=float, default=5.0, help='seconds until a kill -9; 0: not'
    )
    parser.add_argument('--count', type=int, default=4, help='cameras')
    parser.add_argument('--height', type=int, default=480, help='pixels')
    parser.add_argument('--width', type=int, default=640, help='pixels')
    parser.add_argument('--quality', type=int, default=95, help='of the JPEGs')
    parser.add_argument(
        '--folder', type=Path, default=Path(), help='where to write, and delete again'
    )
    add_json(parser)
    args = parser.parse_args()
    hold()
    args.cameras = CAMERAS[: args.count]
    os.environ.update(ENV)
    ros_domain.leave()
    print(
        f'{args.count} cameras x {args.height}x{args.width} x 50 Hz, {os.cpu_count()} cores',
        flush=True,
    )
    robot = Robot(args.cameras, (args.height, args.width))
    operator = Operator()
    with tempfile.TemporaryDirectory(dir=args.folder, prefix='recorder_benchmark_') as scratch:
        folder = Path(scratch)
        found = Findings()
        lines = measure(operator, folder / 'ours', args, found)
        print(
            '', f'| recorder node, JPEG quality {args.quality} | |', '|---|---|', *lines, sep='\n'
        )
        if args.kill_after:
            print(
                f'| kill -9 while recording | {kill(operator, folder / "killed", args, found)} |',
                flush=True,
            )
        if args.peer_seconds:
            print('', "| the peers' way | |", '|---|---|', sep='\n')
            print(*peer(folder / 'peer', args.peer_seconds, args, found), sep='\n', flush=True)
            left = peer(folder / 'peer_killed', 2 * args.kill_after, args, found, killed=True)
            print(f'| kill -9 while recording | {left[0]} |')
    share, late = robot.close()
    print(
        f'\nthe publisher took {share:.2f} of a processor and was {1e3 * late:.0f} ms late at worst'
    )
    return found.end(args.json)


if __name__ == '__main__':
    sys.exit(main())
