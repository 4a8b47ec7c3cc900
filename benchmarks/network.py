# SPDX-License-Identifier: Apache-2.0
"""Two hosts on one machine: network namespaces, and between them a cable or a poor radio link.

The namespaces have no names: each lives for as long as a process that does nothing, which the guardian of
`lifeline.py` ends, however a run ends. Nothing is ever changed in the machine's own namespace.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import random
import select
import shutil
import struct
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

LINK = 'link0'
TOOLS = ('unshare', 'nsenter', 'ip', 'tc')
KINDS = ('--net', '--ipc', '--uts', '--mount')
"""Of namespaces: also shared memory is each host's own."""
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_QUEUE = 1000
"""Packets that wait for a radio link before more are lost, as in the kernel's own emulation."""


def why_not() -> str:
    """What is missing for two hosts here; '' where nothing is."""
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        return f'there is no {", ".join(missing)} (packages iproute2 and util-linux)'
    done = subprocess.run(['unshare', *KINDS, 'true'], capture_output=True, text=True, check=False)
    if done.returncode:
        return f'only root may make network namespaces ({done.stderr.strip()})'
    return ''


class Host:
    """A machine of its own, as far as networks and shared memory go.

    Attributes:
        address: of its end of the link.
        pid: of the process that it lives as long as.
    """

    def __init__(self, number: int) -> None:
        """Make it.

        Raises:
            RuntimeError: it can't be made.
        """
        self.address = f'10.87.0.{number}'
        script = (
            f'mount -t tmpfs none /dev/shm && hostname host{number} && ip link set lo up && '
            'echo made && exec sleep infinity'
        )
        self._process = subprocess.Popen(
            ['unshare', *KINDS, 'sh', '-c', script], stdout=subprocess.PIPE
        )
        self.pid = self._process.pid
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            raise RuntimeError('a host cannot be made here')

    @property
    def enter(self) -> list[str]:
        """What comes before a command that runs on it."""
        return ['nsenter', '-t', str(self.pid), *KINDS]

    def run(self, command: str) -> str:
        """Run a command on it; what it says of trouble, '' where it went well."""
        done = subprocess.run(
            [*self.enter, *command.split()], capture_output=True, text=True, check=False
        )
        return done.stderr.strip() or 'it failed' if done.returncode else ''

    def must(self, *commands: str) -> None:
        """Run commands on it.

        Raises:
            RuntimeError: one fails.
        """
        for command in commands:
            if trouble := self.run(command):
                raise RuntimeError(f'{command}: {trouble}')

    def connect(self) -> None:
        """Give its end of the link an address."""
        self.must(f'ip addr add {self.address}/24 dev {LINK}', f'ip link set {LINK} up')

    def close(self) -> None:
        """End it, and with it its end of the link."""
        self._process.kill()
        self._process.wait()


def cable(one: Host, other: Host, delay_ms: float) -> str:
    """Connect two hosts at 1 Gbit/s; what it lacks, '' where nothing."""
    one.must(f'ip link add {LINK} type veth peer name {LINK} netns {other.pid}')
    lacks = ''
    for host in (one, other):
        host.connect()
        rate = f'tc qdisc add dev {LINK} root handle 1: tbf rate 1gbit burst 128kb latency 20ms'
        delay = f'tc qdisc add dev {LINK} parent 1: netem delay {delay_ms}ms limit 100000'
        host.must(rate)
        if host.run(delay):
            lacks = f'without the {delay_ms:g} ms, for which this kernel has no netem'
    return lacks


@dataclass
class Way:
    """One direction of a radio link: packets in order, each with the time at which it arrives."""

    waiting: deque[tuple[float, bytes]] = field(default_factory=deque)
    free_at: float = 0.0
    last_at: float = 0.0


@dataclass(frozen=True)
class Radio:
    """A poor link: bits a second, share of packets lost, and seconds that each takes, from and to."""

    rate: float = 20e6
    loss: float = 0.02
    delay: tuple[float, float] = (0.005, 0.055)

    def start(self, one: Host, other: Host) -> subprocess.Popen[bytes]:
        """Connect two hosts by it, for as long as the process that carries its packets runs.

        Raises:
            RuntimeError: it can't be made.
        """
        words = [str(value) for value in (one.pid, other.pid, self.rate, self.loss, *self.delay)]
        process = subprocess.Popen([sys.executable, __file__, *words], stdout=subprocess.PIPE)
        assert process.stdout is not None
        if not process.stdout.readline():
            raise RuntimeError('there is no radio link: /dev/net/tun is needed')
        for host in (one, other):
            host.connect()
        return process

    def carry(self, ends: list[int]) -> None:
        """Carry packets between two open ends, for ever."""
        ways, chance = [Way(), Way()], random.Random(0)
        while True:
            due = min((way.waiting[0][0] for way in ways if way.waiting), default=None)
            timeout = None if due is None else max(0.0, due - time.monotonic())
            readable, _, _ = select.select(ends, [], [], timeout)
            now = time.monotonic()
            for end, way in zip(ends, ways, strict=True):
                if end in readable:
                    self._take(os.read(end, 65536), way, now, chance)
            for way, end in zip(ways, reversed(ends), strict=True):
                while way.waiting and way.waiting[0][0] <= now:
                    with suppress(OSError):  # as long as that end is down
                        os.write(end, way.waiting.popleft()[1])

    def _take(self, packet: bytes, way: Way, now: float, chance: random.Random) -> None:
        """Let a packet wait, or be lost."""
        if len(way.waiting) >= _QUEUE or chance.random() < self.loss:
            return
        way.free_at = max(way.free_at, now) + 8 * len(packet) / self.rate
        way.last_at = max(way.last_at, way.free_at + chance.uniform(*self.delay))
        way.waiting.append((way.last_at, packet))


def _open(pid: int) -> int:
    """An end of a link in the network namespace of a process: what is sent there is read here."""
    libc = ctypes.CDLL(None, use_errno=True)
    space = os.open(f'/proc/{pid}/ns/net', os.O_RDONLY)
    if libc.setns(space, 0):
        raise OSError(ctypes.get_errno(), 'setns')
    os.close(space)
    end = os.open('/dev/net/tun', os.O_RDWR)
    fcntl.ioctl(end, _TUNSETIFF, struct.pack('16sH', LINK.encode(), _IFF_TUN | _IFF_NO_PI))
    return end


if __name__ == '__main__':
    _rate, _loss, *_delay = map(float, sys.argv[3:])
    _ends = [_open(int(_pid)) for _pid in sys.argv[1:3]]
    print(f'made by {Path(__file__).name}', flush=True)
    Radio(_rate, _loss, (_delay[0], _delay[1])).carry(_ends)
