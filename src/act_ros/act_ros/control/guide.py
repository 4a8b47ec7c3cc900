# SPDX-License-Identifier: Apache-2.0
"""What every command to an arm passes, whoever makes it: an anchor that can be, the limits, and a look at what follows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from act_ros.control.limiter import Limiter, Reason
from act_ros.control.plausible import doubt_of
from act_ros.control.tracking import Tracking
from act_ros.robot.types import Floats

REANCHOR_S = 1.0
"""Arms that were not heard for longer may have been moved meanwhile: what comes next begins where they are."""


class Guide:
    """A limiter with what it has to know of the arms. At each tick: `see`, then `follow` or `hold`.

    Attributes:
        doubt: why what is measured at this tick cannot be believed; ''.
        fault: which arm does not follow; then its command is where it is, and all hold until `release`.
        limited: what the limiter did to the last target.
    """

    def __init__(self, limiter: Limiter) -> None:
        """Pass everything through `limiter`."""
        self.limiter = limiter
        self._tracking = Tracking(limiter.spec)
        self._patience = round(REANCHOR_S * limiter.spec.rate_hz)
        self._unheard = 0
        self.anchored = False
        self.doubt = self.fault = ''
        self.limited: tuple[Reason, ...] = ()

    def release(self) -> None:
        """Forget the fault and where the arms are: what comes next is a new start from where they are measured."""
        self.anchored, self.doubt, self.fault, self._unheard = False, '', '', 0

    def see(self, measured: Floats | None) -> bool:
        """Take in where the arms are (dof,) at a tick, None if unknown; whether they can be led from there."""
        self.doubt = '' if measured is None else doubt_of(self.limiter.spec, measured)
        if measured is None or self.doubt:
            self._unheard += 1
            return False
        if self._unheard > self._patience and not self.fault:
            self.anchored = False
        self._unheard = 0
        last = self.limiter.last
        if self.anchored and not self.fault and last is not None:
            self.fault = self._tracking.look(last, measured)
            if self.fault:
                self.limiter.yield_to(self._tracking.lost, measured)
        return True

    def anchor(self, measured: Floats) -> None:
        """Begin at a pose (dof,) that `see` has found good, if there was no beginning yet."""
        if not self.anchored:
            self.limiter.reset(measured)
            self._tracking.clear()
            self.anchored = True

    def follow(self, target: NDArray[np.floating], share: float = 1.0) -> Floats:
        """The command (dof,) toward a target; see `Limiter.apply`. In a fault the last one is held."""
        if self.fault:
            return self.hold()
        command, self.limited = self.limiter.apply(target, share)
        return command

    def hold(self) -> Floats:
        """The last command once more."""
        self.limited = ()
        return self.limiter.hold()


class Guided:
    """A motion whose commands pass a guide."""

    def __init__(self, limiter: Limiter) -> None:
        """Guide it by `limiter`, which begins at the measured pose."""
        self._guide = Guide(limiter)

    @property
    def doubt(self) -> str:
        """Why where the arms are measured cannot be believed; ''."""
        return self._guide.doubt

    @property
    def fault(self) -> str:
        """Which arm does not follow; then all hold until there is a new start. '' if all is well."""
        return self._guide.fault
