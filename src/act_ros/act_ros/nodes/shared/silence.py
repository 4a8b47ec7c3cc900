# SPDX-License-Identifier: Apache-2.0
"""Which arms say nothing, for nodes that hold the others meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from act_ros.nodes.shared.arm_poses import ArmPoses

LASTING_TICKS = 50
"""An arm that is silent for so long is warned of."""


class Silence:
    """Which arms say nothing, tick by tick. `arms`: those that are silent now."""

    def __init__(self, poses: ArmPoses, watched: Sequence[str]) -> None:
        """Watch these arms."""
        self.watched, self.arms = list(watched), list[str]()
        self._poses, self._ticks = poses, 0

    def look(self, oldest_s: float) -> str:
        """Names of the arms that have said nothing since `oldest_s`, and had at the tick before; ''."""
        known, self.arms = self.arms, self._poses.silent(self.watched, oldest_s)
        self._ticks = self._ticks + 1 if self.arms else 0
        return ', '.join(arm for arm in self.arms if arm not in known)

    def why(self, arms: Sequence[str]) -> str:
        """Which of these are silent, and have been for a while, as a sentence; ''.

        At the start all are, for a moment.
        """
        silent = [arm for arm in self.arms if arm in arms and self._ticks >= LASTING_TICKS]
        return f'{self._poses.why(silent)}: an arm does not report its joints' if silent else ''

    @property
    def names(self) -> str:
        """Which arms are silent now, with what is wrong with what they send, as far as that is known; ''."""
        return self._poses.why(self.arms)

    @property
    def unheard(self) -> list[str]:
        """Arms that have never said anything."""
        return self._poses.silent(self.watched)
