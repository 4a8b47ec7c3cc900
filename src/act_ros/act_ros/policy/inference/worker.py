# SPDX-License-Identifier: Apache-2.0
"""Inference in a process of its own, so that the 50 Hz loop shares neither its interpreter nor its threads.

Imports no PyTorch: only the process does.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections import deque
from pathlib import Path

from act_ros.policy.config import PolicyConfig
from act_ros.policy.engines.choice import REFERENCE, EngineChoice
from act_ros.policy.errors import PolicyError
from act_ros.policy.folder import read_config
from act_ros.policy.inference.channel import (
    CHUNK,
    FAILED,
    NON_FINITE,
    READY,
    Caller,
    ObservationMemory,
)
from act_ros.policy.inference.input_checks import checked_frames, checked_qpos
from act_ros.python_process import child_environment, python_command
from act_ros.robot.types import Chunk, Observation

PROCESS = 'act_ros.policy.inference.worker_process'


class InferenceWorker:
    """A policy in a process of its own. Nothing but `wait` and `close` waits.

    Attributes:
        checkpoint: the policy's folder.
        non_finite: predictions that were thrown away because they held NaN or infinity.
        runs_on: the engine, why that one, and how fast it is; empty until the policy is ready.
        pass_s: seconds of a pass, as `warm_up` measured them when it was loaded.
    """

    def __init__(
        self,
        checkpoint: Path,
        threads: int = 1,
        choice: EngineChoice = REFERENCE,
    ) -> None:
        """Prepare; `start` starts the process.

        Args:
            checkpoint: the policy's folder.
            threads: CPU threads of the network.
            choice: as in `Policy.load`.
        """
        self.checkpoint = Path(checkpoint)
        self.non_finite, self.runs_on, self.pass_s = 0, '', 0.0
        self._arguments = [str(threads), choice.device, choice.engine, choice.precision]
        self._config: PolicyConfig | None = None
        self._memory: ObservationMemory | None = None
        self._caller: Caller | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._error: str | None = None
        self._number = 0
        self._chunks: deque[Chunk] = deque()

    def start(self) -> None:
        """Start the process and return; it is `ready`, or has an `error`, some seconds later.

        A checkpoint without a readable configuration is an `error` at once.
        """
        if self._process is not None:
            raise RuntimeError('the inference process was started already')
        try:
            self._config = read_config(self.checkpoint)
        except PolicyError as error:
            self._error = str(error)
            return
        self._memory = ObservationMemory(self._config)
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._caller = Caller(mine)
        fds = (theirs.fileno(), self._memory.fd)
        command = python_command(
            PROCESS, os.getpid(), self.checkpoint, self._config.to_json(), *fds
        )
        # Ctrl+C goes to every process of the terminal: this one is ended by its owner, not by that. A
        # blocked signal stays blocked from the child's first moment on; a handler would come too late.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
        try:
            self._process = subprocess.Popen(
                _at_ordinary_priority() + command + self._arguments,
                stdin=subprocess.DEVNULL,
                pass_fds=fds,
                env=_environment(self._arguments[0]),
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            theirs.close()
            os.close(self._memory.fd)

    @property
    def info(self) -> PolicyConfig | None:
        """The policy's configuration, once it is ready."""
        return self._config if self.ready else None

    @property
    def pid(self) -> int | None:
        """Number of the process, once started."""
        return None if self._process is None else self._process.pid

    @property
    def ready(self) -> bool:
        """Whether the policy is loaded, warm, and still running."""
        self._listen()
        return self._ready and self._error is None

    @property
    def error(self) -> str | None:
        """Why the policy doesn't run any more, or can't be loaded; None while all is well."""
        self._listen()
        return self._error

    def submit(self, tick: int, observation: Observation) -> None:
        """Hand in an observation; it replaces one that the network hasn't begun with. Never waits.

        Args:
            tick: absolute control tick of the observation.
            observation: qpos and images are used; frames are resized where they have another size.

        Raises:
            PolicyError: a camera is missing, or an input has the wrong shape; nothing is handed in.
        """
        if self._config is None or self._memory is None or self._caller is None or self._error:
            return
        qpos = checked_qpos(self._config, observation.qpos)
        frames = checked_frames(self._config, observation.images)
        self._number += 1
        self._memory.write(self._number, qpos, frames)
        self._caller.announce(tick, self._number)

    def poll(self) -> Chunk | None:
        """The next chunk that has come, oldest first; None if there is none. Never waits."""
        self._listen()
        return self._chunks.popleft() if self._chunks else None

    def wait(self, timeout_s: float) -> None:
        """Wait until the process says something, or is gone; at most so long."""
        if self._caller is not None and not self._chunks:
            self._caller.wait(timeout_s)

    def close(self, timeout_s: float = 2.0) -> None:
        """End the process and wait for it: `timeout_s` in good faith, then by force. May be called twice."""
        if self._caller is not None:
            self._caller.close()
        if self._process is not None and self._process.poll() is None:
            try:
                self._process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._ready = False
        self._error = self._error or 'the inference process was closed'

    def _listen(self) -> None:
        """Take in all that the process has said, and notice when it is gone."""
        if self._caller is None or self._config is None or self._process is None:
            return
        status = (
            self._process.poll() if self._error is None else None
        )  # before reading: its last words count
        while answer := self._caller.receive(self._config.action_dim):
            if answer.kind == READY:
                self._ready, self.runs_on, self.pass_s = True, answer.text, answer.seconds
            elif answer.kind == FAILED:
                self._error = answer.text
            elif answer.kind == NON_FINITE:
                self.non_finite += 1
            elif answer.kind == CHUNK and answer.actions is not None:
                self._chunks.append(Chunk(answer.tick, answer.actions, answer.seconds))
        if status is not None and self._error is None:
            self._error = _ending(status)


def _ending(status: int) -> str:
    """What an exit status says, in words."""
    if status < 0:
        name = signal.Signals(-status).name
        hint = ' (out of memory?)' if name == 'SIGKILL' else ''
        return f'the inference process was ended by {name}{hint}'
    return f'the inference process ended with status {status}; its output says why'


def _at_ordinary_priority() -> list[str]:
    """What stands before a command so that it doesn't begin with this process's real-time priority.

    The time that Python takes to begin would be the control loop's: of two processes of one real-time
    priority on a processor, the one waits up to 100 ms for the other.
    """
    chrt = shutil.which('chrt')  # of util-linux; the process itself gives the priority up later
    return [chrt, '--other', '0'] if chrt else []


def _environment(threads: str) -> dict[str, str]:
    """A child's environment, with a budget of threads."""
    # Threads that wait for each other must leave the cores to the control loop and the cameras.
    return {**child_environment(), 'OMP_NUM_THREADS': threads, 'OMP_WAIT_POLICY': 'PASSIVE'}
