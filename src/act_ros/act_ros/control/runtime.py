# SPDX-License-Identifier: Apache-2.0
"""What the 50 Hz loop decides at each tick: which state it is in, why, and what is commanded.

Pure logic without clocks, threads or ROS: the node hands in what is known at a tick, and publishes
what comes back.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

from act_ros.control.blend import Blend
from act_ros.control.ensemble import Execution
from act_ros.control.guide import Guide
from act_ros.control.holding import Holding
from act_ros.control.limiter import Limiter, Reason
from act_ros.control.short_chunks import ShortChunks
from act_ros.control.standing import STOOD_S, Standing
from act_ros.control.tick_inputs import JOINTS, Freshness, TickInputs
from act_ros.robot.spec import Vector
from act_ros.robot.types import Chunk, Floats


class State(enum.Enum):
    """States of the runtime; the names go out in `act/policy_state`."""

    IDLE = 'IDLE'  # not enabled: nothing is commanded
    WAITING = 'WAITING'  # enabled, but an input or the first chunk is missing: the same
    RUNNING = 'RUNNING'  # the policy's actions are commanded
    HOLDING = 'HOLDING'  # the last command is repeated; goes on by itself when the cause is gone
    FAULT = 'FAULT'  # the last command is repeated until somebody enables or resets


DISABLED = 'not enabled; call the enable service to let the arms move'
BEGINNING = 'begins by itself as soon as the arms are heard'


class Runtime:
    """State machine and command of each tick. Not thread-safe: the node holds a lock around it."""

    def __init__(
        self,
        execution: Execution,
        limiter: Limiter,
        cameras: Iterable[str],
        freshness: Freshness | None = None,
    ) -> None:
        """Run `execution` under `limiter` for a policy that needs these cameras."""
        self.execution = execution
        self._guide = Guide(limiter)
        self.cameras = tuple(cameras)
        self.freshness = freshness or Freshness()
        self.state = State.IDLE
        self.reason = self.idle_reason = DISABLED
        self.missing: tuple[str, ...] = ()  # inputs that are missing or too old, by name
        self.rejected = 0  # chunks that were not taken in
        self._rejection = ''
        self._enabled = False
        self._fault = ''
        self.trouble = ''  # why there are no chunks at present; set by who knows the network
        self._next: tuple[Execution, tuple[str, ...]] | None = None
        self._own = False  # whether the present policy's chunks are those of `_next`, too
        self._blend: Blend | None = None
        self._command: Floats | None = None
        self._holding = Holding(limiter.spec.rate_hz)
        # Between a reset while commands were going out and the first action after it.
        self.bridging = False
        self._first_tick = 0  # chunks of ticks before this are of another time
        self._standing = Standing(limiter.spec.rate_hz)
        self._tick = 0
        self._short = ShortChunks()

    @property
    def limiter(self) -> Limiter:
        """What the actions go through."""
        return self._guide.limiter

    @property
    def limited(self) -> tuple[Reason, ...]:
        """What the limiter did to the action of the last tick."""
        return self._guide.limited

    @property
    def shortfall(self) -> str:
        """Why ticks of the last seconds had no action, where chunks come and are too short; '' else."""
        return self._short.lately(self._tick)

    @property
    def command(self) -> Floats | None:
        """The last command since `enable` or `reset`, or None."""
        return self._command

    @property
    def enabled(self) -> bool:
        """Whether commands may go out."""
        return self._enabled

    @property
    def faulty(self) -> bool:
        """Whether it holds until somebody enables or resets."""
        return bool(self._fault)

    @property
    def held_s(self) -> float:
        """For how many seconds of the ticks' clock a command has been repeated; 0 while none is."""
        return self._holding.seconds

    def enable(self, anew: bool = False) -> bool:
        """Let commands go out; the first starts at the measured pose. Clears a fault. Returns whether it begins anew.

        Arms that move lag behind their command, and to begin where they are were a step back: they go on. `anew`: they
        don't move, as nothing was sent.
        """
        moving = self._command is not None and self.held_s < STOOD_S and not self._fault
        if self._enabled and moving and not anew:
            return False
        self._enabled, self._fault, self.bridging = True, '', False
        self._forget_command()
        return True

    def disable(self) -> None:
        """Stop commanding; a position-controlled arm stays at the last command."""
        self._enabled = False
        self._forget_plan()
        self._standing.begin()
        self._forget_command()
        self.idle_reason = DISABLED
        self._become(State.IDLE, DISABLED)

    def fail(self, reason: str) -> None:
        """Hold until `enable` or `reset`: something broke that does not mend itself."""
        self._fault = reason

    def reset(self, tick: int, moved: bool = True, pardon: bool = True) -> None:
        """Start anew: forget chunks from before this tick. Where commands were going out, they go on.

        Args:
            tick: chunks from before it are void; the ticks' clock may have jumped to it.
            moved: the arms may be elsewhere: it goes on at the measured pose, and not at the last command.
            pardon: forget a fault, too, after which it goes on at the measured pose; else the fault lasts.
        """
        self.bridging = self.bridging or self._command is not None
        moved = moved or (pardon and bool(self._fault))
        self._rejection, self._blend, self._first_tick = '', None, tick
        if pardon:
            self._holding.end()
        self._fault = '' if pardon else self._fault
        self._forget_plan()
        self._standing.begin()
        if moved:
            self._forget_command()

    def replace(self, execution: Execution, cameras: Iterable[str], own: bool = False) -> None:
        """Change to another execution at the first tick that has an action from it.

        Args:
            execution: that of another policy, or another way to execute the present one.
            cameras: that the policy needs.
            own: whether it is the present policy's, so that its chunks serve both.
        """
        self._next, self._own = (execution, tuple(cameras)), own

    @property
    def replacing(self) -> bool:
        """Whether an execution waits for its first chunk."""
        return self._next is not None

    def keep(self) -> None:
        """Take a `replace` back that has not come to pass."""
        self._next = None

    def accept(self, chunk: Chunk, tick: int, replacement: bool = False) -> bool:
        """Take a chunk in (of the replacing policy, if so); False if it was too old or bad."""
        if not self._first_tick <= chunk.tick <= tick:
            return False
        self._look_whether_standing(tick)
        target = self._next[0] if replacement and self._next is not None else self.execution
        try:
            taken = self._standing.add(target, chunk)
            if self._next is not None and self._own and not replacement:
                self._standing.add(self._next[0], chunk)
        except ValueError as error:
            self.reject(1, str(error))
            return False
        self._rejection = ''
        if not replacement:
            self._short.came(chunk, tick)
        return taken

    def reject(self, count: int, reason: str) -> None:
        """Count chunks that are not taken in; if the arms have to hold for it, that is why."""
        self.rejected += count
        self._rejection = reason

    def step(self, tick: int, now_s: float, inputs: TickInputs) -> Floats | None:
        """The command (dof,) of a tick, or None if none may be sent; sets `state` and `reason`."""
        self._tick, self._guide.limited = tick, ()
        self._take_over(tick)
        self._look_whether_standing(tick)
        complaints = self._judge(now_s, inputs)
        self.missing = tuple(complaints)
        wanting = '; '.join(complaints.values())
        if not self._enabled:
            self._become(
                State.IDLE,
                f'{self.idle_reason} (still wanting: {wanting})' if wanting else self.idle_reason,
            )
            return None
        if self._fault:
            return self._hold(State.FAULT, self._fault)
        here = None if JOINTS in complaints else inputs.qpos
        if wanting or self.trouble:
            return self._wait(wanting or self.trouble, here)
        action = self.execution.action(tick)
        if action is not None and self._blend is not None:
            action = self._blend.mix(tick, action)
            self._blend = None if self._blend.over else self._blend
        if action is None:
            self._short.gap(tick)
            return self._wait(self._rejection or self._no_chunk(), here)
        self._follow(action, inputs.qpos)
        self._standing.acted(tick)
        self.bridging = False
        self._become(State.RUNNING, '')
        return self._command

    def _look_whether_standing(self, tick: int) -> None:
        if self._standing.come_to_stand(tick, self.execution):
            self._blend = None
            self._forget_plan()

    def _forget_plan(self) -> None:
        self.execution.reset()
        if self._next is not None:
            self._next[0].reset()

    def _take_over(self, tick: int) -> None:
        """Go over to the next execution as soon as it has an action; at once if nothing is commanded."""
        if self._next is None or not (self._command is None or self._next[0].count(tick)):
            return
        old, blend = self.execution, self._blend
        self._short = ShortChunks()
        (self.execution, self.cameras), self._next = self._next, None
        if self._command is not None:
            self._blend = Blend(old.action if blend is None else blend.of(old), self._command)

    def _follow(self, target: Floats | Vector | None, measured: Floats | None) -> None:
        """Command a target, from the measured pose if this is the first."""
        assert target is not None  # what is missing has been seen before
        assert measured is not None
        self._guide.anchor(measured)
        self._command = self._guide.follow(target)

    def _judge(self, now_s: float, inputs: TickInputs) -> dict[str, str]:
        """The inputs that cannot be used, with a sentence each; empty if all is well. Sees whether the arms follow."""
        complaints = self.freshness.complaints(now_s, inputs, self.cameras)
        self._guide.see(inputs.qpos if JOINTS not in complaints else None)
        if self._guide.doubt:
            complaints = {JOINTS: f'{JOINTS}: {self._guide.doubt}', **complaints}
        rivalry = '' if self._command is None else inputs.rivalry(self.cameras)
        if (why := self._guide.fault or rivalry) and not self._fault:
            self.fail(f'{why}; then enable')
        return complaints

    def _wait(self, reason: str, measured: Floats | None) -> Floats | None:
        """Hold; where commands went out before a reset, at the measured pose."""
        if self.bridging and self._command is None and measured is not None:
            self._follow(measured, measured)
        return self._hold(State.HOLDING, reason)

    def _hold(self, state: State, reason: str) -> Floats | None:
        """Repeat the last command; without one there is nothing to hold and the runtime waits."""
        if self._command is None:
            self._become(State.WAITING if state is State.HOLDING else state, reason)
            return None
        over = self._holding.tick(self.freshness.max_hold_s)
        if state is State.HOLDING and over:
            state, reason = State.FAULT, f'{over} ({reason}): see to that, then enable'
            self.fail(reason)
        self.state, self.reason = state, reason
        self._command = self._guide.hold()
        return self._command

    def _no_chunk(self) -> str:
        if self._short.why:
            return self._short.why
        if self._standing.void:
            return 'the arms stood, so what was planned before is void: waiting for a chunk of now'
        if self._command is None:
            return 'waiting for the first chunk of actions from the policy'
        return 'the chunks are used up; inference is slower than a chunk is long'

    def _forget_command(self) -> None:
        self._command, self._blend = None, None
        self._guide.release()

    def _become(self, state: State, reason: str) -> None:
        self.state, self.reason = state, reason
        self._holding.end()
