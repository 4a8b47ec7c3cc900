# SPDX-License-Identifier: Apache-2.0
"""Inference in a process of its own, so that the 50 Hz loop shares neither its interpreter nor its threads.

Imports no PyTorch: only the process does.
"""

from __future__ import annotations

import os
import signal
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
    Job,
    ObservationMemory,
)
from act_ros.policy.inference.input_checks import checked_frames, checked_qpos
from act_ros.policy.inference.process import InferenceProcess, Spare
from act_ros.robot.types import Chunk, Observation


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
        spare: Spare | None = None,
    ) -> None:
        """Prepare; `start` starts the process.

        Args:
            checkpoint: the policy's folder.
            threads: CPU threads of the network.
            choice: as in `Policy.load`.
            spare: where a process may have begun already.
        """
        self.checkpoint = Path(checkpoint)
        self.non_finite, self.runs_on, self.pass_s = 0, '', 0.0
        self._threads, self._choice, self._spare = threads, choice, spare or Spare()
        self._config: PolicyConfig | None = None
        self._memory: ObservationMemory | None = None
        self._process: InferenceProcess | None = None
        self._ready = False
        self._error: str | None = None
        self._number = 0
        self._chunks: deque[Chunk] = deque()

    def start(self) -> None:
        """Start the process, or take one that has begun, and return; it is `ready`, or has an `error`, a while later.

        A checkpoint without a readable configuration is an `error` at once.

        Raises:
            OSError: the system gives no process.
        """
        if self._process is not None:
            raise RuntimeError('the inference process was started already')
        try:
            self._config = read_config(self.checkpoint)
        except PolicyError as error:
            self._error = str(error)
            return
        self._memory = ObservationMemory(self._config)
        job = Job(self.checkpoint, self._config.to_json(), self._threads, self._choice)
        try:
            self._process = self._spare.take(self._threads, self._choice)
            self._process.caller.tell(job, self._memory.fd)
        finally:
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
        if self._config is None or self._memory is None or self._process is None or self._error:
            return
        qpos = checked_qpos(self._config, observation.qpos)
        frames = checked_frames(self._config, observation.images)
        self._number += 1
        self._memory.write(self._number, qpos, frames)
        self._process.caller.announce(tick, self._number)

    def poll(self) -> Chunk | None:
        """The next chunk that has come, oldest first; None if there is none. Never waits."""
        self._listen()
        return self._chunks.popleft() if self._chunks else None

    def wait(self, timeout_s: float) -> None:
        """Wait until the process says something, or is gone; at most so long."""
        if self._process is not None and not self._chunks:
            self._process.caller.wait(timeout_s)

    def close(self, timeout_s: float = 2.0) -> None:
        """End the process and wait for it: `timeout_s` in good faith, then by force. May be called twice."""
        if self._process is not None:
            self._process.close(timeout_s)
        self._ready = False
        self._error = self._error or 'the inference process was closed'

    def _listen(self) -> None:
        """Take in all that the process has said, and notice when it is gone."""
        if self._config is None or self._process is None:
            return
        while answer := self._process.caller.receive(self._config.action_dim):
            if answer.kind == READY:
                self._ready, self.runs_on, self.pass_s = True, answer.text, answer.seconds
            elif answer.kind == FAILED:
                self._error = answer.text
            elif answer.kind == NON_FINITE:
                self.non_finite += 1
            elif answer.kind == CHUNK and answer.actions is not None:
                self._chunks.append(Chunk(answer.tick, answer.actions, answer.seconds))
        # Looked at only then: each question to the system is a chance for other threads to keep the loop's waiting.
        if self._process.caller.closed and self._error is None:
            status = self._process.status
            if status is not None:
                self._error = _ending(status)


def _ending(status: int) -> str:
    """What an exit status says, in words."""
    if status < 0:
        name = signal.Signals(-status).name
        hint = ' (out of memory?)' if name == 'SIGKILL' else ''
        return f'the inference process was ended by {name}{hint}'
    return f'the inference process ended with status {status}; its output says why'
