# SPDX-License-Identifier: Apache-2.0
"""The inference process as its owner has it: begun, told its policy, ended; and one that is begun ahead of time."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess

from act_ros.policy.engines.choice import EngineChoice, EngineError, candidates
from act_ros.policy.inference.channel import Caller
from act_ros.python_process import child_environment, python_command

PROCESS = 'act_ros.policy.inference.worker_process'
BUSY = 'inference'
"""The process's name, in `top` and in /proc/PID/comm, from when it was told a policy on."""


class InferenceProcess:
    """A process that has begun, and waits until its `caller` tells it a policy.

    Attributes:
        threads: CPU threads that it gives a network.
        engine: whose libraries it loads already.
        caller: what is said to it, and what it says.
    """

    def __init__(self, threads: int, engine: str) -> None:
        """Begin it.

        Raises:
            OSError: the system gives no process.
        """
        self.threads, self.engine = threads, engine
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.caller = Caller(mine)
        command = python_command(PROCESS, os.getpid(), theirs.fileno(), engine)
        # Ctrl+C goes to every process of the terminal: this one is ended by its owner, not by that. A
        # blocked signal stays blocked from the child's first moment on; a handler would come too late.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
        try:
            self._process = subprocess.Popen(
                _at_ordinary_priority() + command,
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=_environment(threads),
            )
        except OSError:
            self.caller.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            theirs.close()

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """How it ended, negative for a signal; None while it runs."""
        return self._process.poll()

    def close(self, timeout_s: float) -> None:
        """End it and wait for it: `timeout_s` in good faith, then by force. May be called twice."""
        self.caller.close()
        if self.status is None:
            try:
                self._process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


class Spare:
    """At most one process that waits: who takes it need not wait for Python and an engine's libraries to begin.

    Used by one thread at a time.
    """

    def __init__(self) -> None:
        """None waits."""
        self._waiting: InferenceProcess | None = None
        self._for: tuple[int, EngineChoice] | None = None

    @property
    def pid(self) -> int | None:
        """Number of the one that waits; None if none does."""
        return self._waiting.pid if self._waiting and self._waiting.status is None else None

    def prepare(self, threads: int, choice: EngineChoice) -> None:
        """Begin one, where none was begun for such a policy since the last `take`; returns at once.

        One that ended by itself, or cannot be had, is not begun again and again: what is taken then begins anew.
        """
        if self._for == (threads, choice):
            return
        self.close()
        self._for = threads, choice
        try:
            self._waiting = InferenceProcess(threads, _first(choice))
        except OSError:
            self._waiting = None

    def take(self, threads: int, choice: EngineChoice) -> InferenceProcess:
        """The one that waits, if it is of use for such a policy, or one that begins now; it is the caller's then.

        Raises:
            OSError: the system gives no process.
        """
        waiting, engine = self._waiting, _first(choice)
        self._waiting = self._for = None
        if waiting is not None:
            if waiting.status is None and (waiting.threads, waiting.engine) == (threads, engine):
                return waiting
            waiting.close(0.0)
        return InferenceProcess(threads, engine)

    def close(self) -> None:
        """End the one that waits."""
        if self._waiting is not None:
            self._waiting.close(0.0)
        self._waiting = self._for = None


def _first(choice: EngineChoice) -> str:
    """The engine that is tried first for a choice; '' where there is none, which is said when it is loaded."""
    try:
        return candidates(choice)[0].engine
    except EngineError:
        return ''


def _at_ordinary_priority() -> list[str]:
    """What stands before a command so that it doesn't begin with this process's real-time priority.

    The time that Python takes to begin would be the control loop's: of two processes of one real-time
    priority on a processor, the one waits up to 100 ms for the other.
    """
    chrt = shutil.which('chrt')  # of util-linux; the process itself gives the priority up later
    return [chrt, '--other', '0'] if chrt else []


def _environment(threads: int) -> dict[str, str]:
    """A child's environment, with a budget of threads."""
    # Threads that wait for each other must leave the cores to the control loop and the cameras.
    return {**child_environment(), 'OMP_NUM_THREADS': str(threads), 'OMP_WAIT_POLICY': 'PASSIVE'}
