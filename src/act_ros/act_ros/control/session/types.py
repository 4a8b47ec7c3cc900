# SPDX-License-Identifier: Apache-2.0
"""What a recording session consists of: its phases, what it shows, and what it needs of arms and recorder."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from act_ros.robot.types import Floats
from act_ros.text import PrintableError


class Phase(Enum):
    """What the session does."""

    ARMS_OFF = 'arms off'
    CHECKING = 'checking'
    MOVING = 'moving'
    RESET = 'reset'
    WAITING = 'waiting'
    PAUSED = 'paused'
    STARTING = 'starting'
    RECORDING = 'recording'
    SAVING = 'saving'
    RESTING = 'resting'
    DONE = 'done'


class Sound(Enum):
    """What the operator hears."""

    START = 'start'
    STOP = 'stop'
    FAULT = 'fault'
    ATTENTION = 'attention'


class Ask(Enum):
    """What may be asked for besides by gesture."""

    GO = 'go'
    SUCCESS = 'success'
    FAILURE = 'failure'
    DISCARD = 'discard'
    PAUSE = 'pause'
    RESUME = 'resume'
    END = 'end'
    LET_GO = 'let go'


@dataclass(frozen=True)
class RecorderStatus:
    """What the recorder says: whether an episode is `open`, and whether it is `ready`: all sources are well.

    `reason` says for a person what is wrong now, `message` what happened last.
    """

    open: bool = False
    ready: bool = True
    rows: int = 0
    dropped: int = 0
    kept: int = 0
    failed: int = 0
    last: int = -1
    success: bool = False
    reason: str = ''
    message: str = ''
    fault: bool = False


@dataclass(frozen=True)
class SessionView:
    """What is shown: see `act_ros.control.session.text`."""

    phase: Phase = Phase.ARMS_OFF
    kept: int = 0
    wanted: int = 0
    left_s: float = 0.0
    stop_in_s: float = 0.0
    fault: str = ''
    note: str = ''
    last: int = -1
    success: bool = False
    grippers: int = 2


class SessionError(PrintableError, RuntimeError):
    """Something that the operator has to see to; the session waits where it was."""


class Robot(Protocol):
    """The arms. Each method blocks until it is done, and raises SessionError where it can't."""

    def check(self) -> None:
        """Find all drivers, set modes, currents and torque; nothing moves."""

    def falls(self) -> bool:
        """Whether an arm falls that loses its torque: not in simulation."""

    def home(self) -> None:
        """Begin to lead all arms slowly to the start."""

    def arrived(self) -> bool:
        """Whether they are there; raises SessionError where one went astray."""

    def ready(self) -> None:
        """At the start: let the leaders' grippers be squeezed."""

    def follow(self) -> None:
        """Let the operator lead the leaders, and the followers follow, softly at first."""

    def following(self) -> bool:
        """Whether the followers are where the leaders are."""

    def hold(self) -> None:
        """All arms hold where they are."""

    def new_scene(self) -> None:
        """Have the scene set up anew, where nobody does it by hand (simulation)."""

    def leaders(self) -> Floats | None:
        """The leaders' pose (dof,), None if it isn't known."""

    def trouble(self) -> str:
        """What is wrong with the arms now, '' if nothing is."""

    def rest(self) -> None:
        """Begin to lead all arms slowly to where torque may be taken."""


class Recorder(Protocol):
    """The recorder. A request that cannot be done raises SessionError; what became of an episode is in `view`."""

    def view(self) -> RecorderStatus:
        """What it says now."""

    def start(self) -> None:
        """Open an episode."""

    def stop(self, success: bool, keep_rows: int) -> None:
        """Keep the open episode, or its first `keep_rows` rows (0: all)."""

    def discard(self) -> None:
        """Throw the open episode away."""

    def discard_last(self) -> None:
        """Move the last kept episode out of the dataset."""

    def mark_last(self, success: bool) -> None:
        """Give the last kept episode another verdict."""


def check_ask(ask: Ask, phase: Phase, last: int, paused: bool, stuck: bool) -> None:
    """Whether something can be asked for in a phase; `stuck`: the arms could not be brought to rest.

    Raises:
        SessionError: it cannot, and why.
    """
    recording = phase is Phase.RECORDING
    waiting = phase in (Phase.RESET, Phase.WAITING, Phase.PAUSED)
    if stuck and ask in (Ask.GO, Ask.LET_GO):
        return
    if phase in (Phase.RESTING, Phase.DONE):
        raise SessionError('the session is ending')
    if ask is Ask.GO and paused:
        raise SessionError('the session is paused; resume it first')
    of_an_episode = ask in (Ask.SUCCESS, Ask.FAILURE, Ask.DISCARD)
    if of_an_episode and waiting and last < 0:
        raise SessionError('this session has no episode yet')
    may_go = recording or waiting or phase in (Phase.ARMS_OFF, Phase.MOVING)
    if not (
        ask is Ask.END
        or (ask is Ask.GO and may_go)
        or (ask in (Ask.PAUSE, Ask.RESUME) and waiting)
        or (of_an_episode and (recording or waiting))
    ):
        raise SessionError(f'not now: the session is {phase.value}')
