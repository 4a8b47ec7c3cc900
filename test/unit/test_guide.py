# SPDX-License-Identifier: Apache-2.0
"""Whatever readings, silences, resets and actions come in which order: what is commanded is safe.

A sequence of events drives an arm with its driver (`Arms`) and one of those that command it, as the nodes do it.
More and other sequences: `pytest test/unit/test_guide.py --fuzz MINUTES`, which says how many it has drawn.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from act_ros.control.ensemble import make_execution
from act_ros.control.limiter import EASE_S, SOFT, Limiter
from act_ros.control.motion.pose_motion import PoseMotion
from act_ros.control.motion.replay_motion import ReplayMotion
from act_ros.control.motion.teleoperation import Teleoperation
from act_ros.control.runtime import Runtime, State
from act_ros.control.tick_inputs import Freshness, TickInputs
from act_ros.robot.jumps import JumpWatch
from act_ros.robot.spec import RobotSpec
from act_ros.robot.types import Chunk, Floats

SPEC = RobotSpec.load()
RATE, DOF, K = SPEC.rate_hz, SPEC.dof, 20
STEP, GAIN = SPEC.velocity / RATE, SPEC.acceleration / RATE**2
RANGE = SPEC.upper - SPEC.lower
START, REST = SPEC.start.astype(np.float32), SPEC.rest.astype(np.float32)
MAX_AGE_S = 0.1
FAR = 2.2
"""A glitch is at least so far (rad) from the truth: further than an arm gets while it is not heard for a moment."""


class Arms:
    """Two followers that go where they are commanded, and what is believed of what their drivers say."""

    def __init__(self) -> None:
        self.true = SPEC.start.copy()
        self.deaf = self.silent = False
        self.says: np.ndarray | None = None  # in the place of the truth
        self.off = np.zeros(DOF)
        self.ahead_s = 0.0
        self.heard_s = -1.0
        slices = [SPEC.arm_entries(i) for i in range(len(SPEC.arms))]
        self._watches = [
            (part, JumpWatch(SPEC.joint_names[part], SPEC.velocity[part], True)) for part in slices
        ]
        self._known: dict[int, tuple[float, Floats]] = {}

    def report(self, now_s: float) -> None:
        if self.silent:
            return
        self.heard_s = now_s
        said = (self.true + self.off if self.says is None else self.says).astype(np.float32)
        for index, (part, watch) in enumerate(self._watches):
            if np.isfinite(said[part]).all() and self.ahead_s <= 0.1:  # as the nodes refuse it
                stamp_s = now_s + self.ahead_s
                if not watch.jump(stamp_s, said[part]):
                    self._known[index] = stamp_s, said[part]

    def pose(self, now_s: float) -> tuple[float, Floats] | None:
        known = [self._known.get(index) for index in range(len(self._watches))]
        stamps = [stamp_s for stamp_s, _ in filter(None, known)]
        if len(stamps) < len(known) or min(stamps) < now_s - MAX_AGE_S - 1e-9:
            return None
        return min(stamps), np.concatenate([pose for _, pose in filter(None, known)])

    def obey(self, command: Floats | None) -> None:
        if command is not None and not self.deaf:
            self.true += np.clip(command - self.true, -STEP, STEP)


class Judge:
    """Knows nothing of how commands come to be; only what they may be."""

    def __init__(self) -> None:
        self.last: np.ndarray | None = None
        self.moved = np.zeros(DOF)
        self.since_start = np.zeros(DOF)

    def look(self, command: Floats | None, believed: Floats | None, true: np.ndarray) -> None:
        if command is None:
            self.last = None
            return
        sent = command.astype(np.float64)
        assert command.dtype == np.float32 and np.isfinite(sent).all()
        outside = beyond(sent)
        goes_on, allowed = np.zeros(DOF, bool), np.zeros(DOF)
        if self.last is not None:
            moved = sent - self.last
            share = np.minimum(SOFT + (1 - SOFT) * self.since_start / (EASE_S * RATE), 1.0)
            goes_on = (
                (np.abs(moved) <= share * STEP + 1e-12)
                & (moved <= self.moved.clip(0) + GAIN)
                & (moved >= self.moved.clip(None, 0) - GAIN)
            )
            allowed = beyond(self.last)
        starts = np.zeros(DOF, bool)
        if believed is not None:
            starts = np.abs(sent - believed) <= np.minimum(SOFT * STEP, GAIN) + 1e-6
            allowed = np.where(goes_on, allowed, beyond(believed.astype(np.float64)))
        assert (goes_on | starts).all(), (
            'a command that neither goes on nor starts where the arm is'
        )
        assert (outside <= allowed).all() and (outside <= SPEC.margin).all()
        begun = ~goes_on
        assert (np.abs(sent - true) <= 0.3 * SPEC.velocity + 0.01)[begun].all(), 'where no arm is'
        moved = sent - (sent if self.last is None else self.last)
        self.moved = np.where(begun, sent - (sent if believed is None else believed), moved)
        self.since_start = np.where(begun, 1, self.since_start + 1)
        self.last = sent


def beyond(pose: np.ndarray) -> np.ndarray:
    return np.maximum(np.maximum(SPEC.lower - pose, pose - SPEC.upper), 0.0)


def at(share: float) -> np.ndarray:
    """A pose inside the limits, the joints not all alike."""
    return SPEC.lower + RANGE * np.clip(share * np.linspace(0.5, 1.0, DOF), 0.0, 1.0)


class Policy:
    """The runtime with a policy whose actions a sequence chooses."""

    def __init__(self) -> None:
        self.runtime = Runtime(
            make_execution(K, DOF), Limiter(SPEC), ['cam'], Freshness(max_hold_s=2.0)
        )
        self.runtime.enable()
        self.target, self.camera_s, self.tick = START.astype(np.float64), 0.0, 0
        self.next: int | None = None

    def event(self, kind: str, value: float) -> None:
        runtime = self.runtime
        if kind == 'reset':
            runtime.reset(self.tick)
        elif kind == 'enable':
            runtime.enable()
        elif kind == 'disable':
            runtime.disable()
        elif kind == 'swap':
            runtime.replace(make_execution(K, DOF), ['cam'], own=True)
        elif kind == 'trouble':
            runtime.trouble = 'the network is away' if value > 0.5 else ''
        elif kind == 'wild':
            self.target = np.full(
                DOF, np.nan if value < 0.1 else (value - 0.5) * 10 ** (9 * value)
            )
        elif kind == 'go':
            self.target = at(value)

    def command(self, tick: int, sees: bool, found: tuple[float, Floats] | None) -> Floats | None:
        now_s, self.tick = tick / RATE, tick
        self.camera_s = now_s if sees else self.camera_s
        with np.errstate(over='ignore', invalid='ignore'):
            actions = np.tile(self.target, (K, 1)).astype(np.float32)
        self.runtime.accept(Chunk(tick, actions), tick)
        stamp_s, qpos = found or (0.0, None)
        command = self.runtime.step(tick, now_s, TickInputs(qpos, stamp_s, {'cam': self.camera_s}))
        if self.runtime.state is State.RUNNING:
            assert qpos is not None and (beyond(qpos) <= SPEC.margin).all()
        return command


class Teleoperated:
    """Followers of leaders that a sequence moves, as fast as it likes."""

    def __init__(self) -> None:
        self.motion, self.leaders = Teleoperation(Limiter(SPEC)), START

    def event(self, kind: str, value: float) -> None:
        if kind in ('reset', 'enable'):
            self.motion.release()
        elif kind in ('go', 'wild'):
            self.leaders = (at(value) * (3.0 if kind == 'wild' else 1.0)).astype(np.float32)

    def command(self, tick: int, sees: bool, found: tuple[float, Floats] | None) -> Floats | None:
        return self.motion.tick(self.leaders if sees else None, found[1] if found else None)


class Led:
    """A replay of anything, or arms that are led to poses."""

    def __init__(self, replay: bool) -> None:
        self.replay = replay
        self.begin(0.5)

    def begin(self, value: float) -> None:
        if self.replay:
            actions = np.array([at(value * i / 30 % 1.3) for i in range(90)], np.float32)
            actions[40:] *= 1.5  # a jump in the file, and values outside the limits
            self.motion: ReplayMotion | PoseMotion = ReplayMotion(Limiter(SPEC), actions, REST)
        else:
            self.motion = PoseMotion(Limiter(SPEC), [at(value).astype(np.float32), START, REST])

    def event(self, kind: str, value: float) -> None:
        if kind in ('reset', 'go', 'wild'):
            self.begin(value)
        elif kind == 'enable' and isinstance(self.motion, ReplayMotion):
            self.motion.stop()

    def command(self, tick: int, sees: bool, found: tuple[float, Floats] | None) -> Floats | None:
        return self.motion.tick(found[1] if found else None)


MAKERS: dict[str, Callable[[], Policy | Teleoperated | Led]] = {
    'policy': Policy,
    'teleop': Teleoperated,
    'replay': lambda: Led(True),
    'rest': lambda: Led(False),
}
LEADING = ('go', 'go', 'wild', 'reset', 'reset', 'enable', 'disable', 'swap', 'trouble', '')
FAULTS = ('', '', 'glitch', 'glitch', 'zeros', 'nan', 'silent', 'moved', 'deaf', 'ahead', 'blind')
events = st.lists(
    st.tuples(
        st.sampled_from(LEADING), st.sampled_from(FAULTS), st.floats(0, 1), st.integers(1, 45)
    ),
    min_size=1,
    max_size=12,
)


def broken(arms: Arms, kind: str, value: float) -> None:
    """Begin a fault of the arms."""
    entry = int(value * DOF) % DOF
    if kind == 'glitch':
        # Inside the limits, or far outside.
        arms.off[entry] = FAR if value < 0.5 else 50.0 * value
    elif kind == 'zeros':
        arms.says = np.zeros(DOF)
        arms.says[list(SPEC.grippers)] = SPEC.follower_gripper.finger_to_unit(0.0)
    elif kind == 'nan':
        arms.says = np.full(DOF, np.nan)
    elif kind in ('silent', 'moved'):
        arms.silent = True
    elif kind == 'deaf':
        arms.deaf = True
    elif kind == 'ahead':
        arms.ahead_s = 1.0 + value


@pytest.mark.parametrize('leading', MAKERS)
@settings(max_examples=20)
@given(sequence=events)
def test_no_sequence_of_faults_makes_a_command_that_is_unsafe(
    leading: str, sequence: list[tuple[str, str, float, int]]
) -> None:
    arms, leads, judge = Arms(), MAKERS[leading](), Judge()
    tick = 100

    def go_on(ticks: int, sees: bool = True) -> None:
        nonlocal tick
        for _ in range(ticks):
            arms.report(tick / RATE)
            found = arms.pose(tick / RATE)
            command = leads.command(tick, sees, found)
            judge.look(command, found[1] if found else None, arms.true)
            arms.obey(command)
            tick += 1

    go_on(15)
    for lead, fault, value, ticks in sequence:
        broken(arms, fault, value)
        if fault in ('silent', 'moved') or (fault == 'glitch' and value >= 0.5):
            ticks = 2 * ticks
        go_on(ticks // 2, sees=fault != 'blind')
        leads.event(lead, value)
        go_on(ticks - ticks // 2, sees=fault != 'blind')
        if fault == 'moved' and ticks > 40:
            arms.true = np.clip(at(value) - 0.2 * (value > 0.8), SPEC.lower - 0.2, SPEC.upper)
        arms.says, arms.silent, arms.deaf, arms.ahead_s = None, False, False, 0.0
        arms.off.fill(0.0)
        # Honest readings after a glitch; after a silence the next one may come at once.
        go_on(15 if arms.heard_s > tick / RATE - 0.1 else 0)
