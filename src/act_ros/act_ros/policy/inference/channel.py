# SPDX-License-Identifier: Apache-2.0
"""What the control process and the inference process say to each other.

Observations lie in memory that both have mapped: `SLOTS` places, used in turn. A datagram tells which
place holds which observation; the receiver takes the newest and skips the others. Chunks and news come
back as datagrams. Neither the sender of observations nor `Answers` ever waits.
"""

from __future__ import annotations

import json
import mmap
import os
import select
import socket
import struct
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from act_ros.policy.config import PolicyConfig
from act_ros.policy.engines.choice import EngineChoice
from act_ros.robot.types import Floats, Frame

SLOTS = 4
_NOTE = struct.Struct('=qq')  # tick, number of the observation
_CHUNK = struct.Struct('=qd')  # tick, seconds of inference
_SECONDS = struct.Struct('=d')
_MAX_MESSAGE = 1 << 20

READY, FAILED, CHUNK, NON_FINITE = b'R', b'F', b'C', b'N'


class ObservationMemory:
    """The places of observations in shared memory: a number, qpos, and the frames of all cameras."""

    def __init__(self, config: PolicyConfig, fd: int | None = None) -> None:
        """Map the memory behind `fd`, or new memory, which vanishes with the last process that has it."""
        slot = np.dtype(
            [
                ('number', np.int64),
                ('qpos', np.float32, (config.state_dim,)),
                ('frames', np.uint8, (len(config.cameras), *config.image_size, 3)),
            ],
            align=True,
        )
        size = SLOTS * slot.itemsize
        if fd is None:
            fd = os.memfd_create('act_ros observations')
            os.ftruncate(fd, size)
        self.fd = fd
        self._cameras = config.cameras
        self._slots = np.frombuffer(mmap.mmap(fd, size), slot)

    def write(self, number: int, qpos: Floats, frames: Mapping[str, Frame]) -> None:
        """Put observation `number` (from 1) into its place, over that of `number - SLOTS`."""
        slot = self._slots[number % SLOTS : number % SLOTS + 1]
        slot['number'] = 0  # whoever reads it now finds out
        slot['qpos'] = qpos
        for i, name in enumerate(self._cameras):
            slot['frames'][0, i] = frames[name]
        slot['number'] = number

    def read(self, number: int) -> tuple[Floats, dict[str, Frame]] | None:
        """Copies of an observation's qpos and frames; None if a newer one has taken its place."""
        slot = self._slots[number % SLOTS : number % SLOTS + 1]
        if slot['number'][0] != number:
            return None
        qpos = slot['qpos'][0].copy()
        frames = {name: slot['frames'][0, i].copy() for i, name in enumerate(self._cameras)}
        return (qpos, frames) if slot['number'][0] == number else None


@dataclass(frozen=True)
class Job:
    """What an inference process is to load: `config` is the policy's configuration as the caller has read it."""

    folder: Path
    config: str
    threads: int
    choice: EngineChoice


@dataclass(frozen=True)
class Answer:
    """News of the inference process: `kind` is one of READY, FAILED, CHUNK, NON_FINITE."""

    kind: bytes
    tick: int = 0
    seconds: float = 0.0
    actions: Floats | None = None
    text: str = ''


class Caller:
    """The control process's end. Nothing here but `wait` waits.

    `closed`: the other side has closed its end, as the system does for a process that has ended, and all it said is read.
    """

    def __init__(self, end: socket.socket) -> None:
        """Take one end of a SOCK_SEQPACKET pair."""
        self._socket, self.closed = end, False
        end.setblocking(False)

    def tell(self, job: Job, memory_fd: int) -> None:
        """Say what to load, and where the observations will lie.

        Raises:
            OSError: the other side is gone.
        """
        words = [os.fspath(job.folder), job.config, job.threads, *astuple(job.choice)]
        socket.send_fds(self._socket, [json.dumps(words).encode()], [memory_fd])

    def announce(self, tick: int, number: int) -> bool:
        """Tell of an observation; False when the other side is gone."""
        try:
            self._socket.send(_NOTE.pack(tick, number))
        except BlockingIOError:
            pass  # so many are unread that it will find a newer one when it looks
        except OSError:
            return False
        return True

    def receive(self, action_dim: int) -> Answer | None:
        """The next answer, or None if there is none."""
        try:
            message = self._socket.recv(_MAX_MESSAGE)
        except BlockingIOError:
            return None
        except OSError:
            message = b''
        if not message:
            self.closed = True
            return None
        kind, body = message[:1], message[1:]
        if kind == READY:
            seconds = _SECONDS.unpack(body[: _SECONDS.size])[0]
            return Answer(kind, seconds=seconds, text=body[_SECONDS.size :].decode())
        if kind == FAILED:
            return Answer(kind, text=body.decode())
        if kind == NON_FINITE:
            return Answer(kind, tick=_CHUNK.unpack(body)[0])
        if kind == CHUNK:
            tick, seconds = _CHUNK.unpack(body[: _CHUNK.size])
            actions = np.frombuffer(body[_CHUNK.size :], np.float32).reshape(-1, action_dim)
            return Answer(kind, tick, seconds, actions)
        return None

    def wait(self, timeout_s: float) -> None:
        """Wait for an answer, or until the other side is gone; the only thing here that waits."""
        select.select([self._socket], [], [], timeout_s)

    def close(self) -> None:
        """Close this end: the other process sees it and ends."""
        self._socket.close()


class Answerer:
    """The inference process's end."""

    def __init__(self, end: socket.socket) -> None:
        """Take one end of a SOCK_SEQPACKET pair."""
        self._socket = end

    def job(self) -> tuple[Job, int] | None:
        """Wait to be told what to load: that, and the file of the observations' memory; None when the caller is gone."""
        message, fds, _, _ = socket.recv_fds(self._socket, _MAX_MESSAGE, 1)
        if not message:
            return None
        folder, config, threads, *choice = json.loads(message)
        return Job(Path(folder), config, threads, EngineChoice(*choice)), fds[0]

    def newest(self) -> tuple[int, int] | None:
        """Wait for an observation: (tick, number) of the newest; None when the caller is gone."""
        message = self._receive()
        while message and select.select([self._socket], [], [], 0)[0]:
            message = self._receive()
        if not message:
            return None
        tick, number = _NOTE.unpack(message)
        return tick, number

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(_NOTE.size)
        except OSError:
            return b''

    def ready(self, pass_s: float = 0.0, runs_on: str = '') -> None:
        """Say that the policy is loaded and warm, how long a pass takes, and what runs it."""
        self._socket.send(READY + _SECONDS.pack(pass_s) + runs_on.encode())

    def failed(self, reason: str) -> None:
        """Say why there will be no more chunks."""
        self._socket.send(FAILED + reason.encode())

    def chunk(self, tick: int, seconds: float, actions: Floats) -> None:
        """Hand over a prediction."""
        self._socket.send(
            CHUNK + _CHUNK.pack(tick, seconds) + actions.astype(np.float32).tobytes()
        )

    def non_finite(self, tick: int) -> None:
        """Say that the prediction for an observation wasn't finite."""
        self._socket.send(NON_FINITE + _CHUNK.pack(tick, 0.0))
