# SPDX-License-Identifier: Apache-2.0
"""What the 50 Hz loop knows of the robot at a tick, and whether that may be used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from act_ros.robot.types import Floats

JOINTS = 'joint states'
"""What the joint states are called in reasons and in `TickInputs.notes`."""


@dataclass(frozen=True)
class TickInputs:
    """The newest inputs at a tick.

    Attributes:
        qpos: (dof,) measured positions, or None if there are none yet.
        stamp_s: ROS time of `qpos`.
        image_stamps_s: ROS time of the newest frame of each camera that delivered one.
        notes: by input ('joint states' or a camera's name), why its newest message could not be
            used.
        contested: by input, why what comes from it cannot be believed, however new it is.
        rivals: by input, who has published it besides for so long that it does not end by itself.
    """

    qpos: Floats | None = None
    stamp_s: float = 0.0
    image_stamps_s: Mapping[str, float] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    contested: Mapping[str, str] = field(default_factory=dict)
    rivals: Mapping[str, str] = field(default_factory=dict)

    def rivalry(self, cameras: Iterable[str]) -> str:
        """Who publishes the joint states, or one of these cameras, besides; or ''."""
        return '; '.join(self.rivals[name] for name in (JOINTS, *cameras) if name in self.rivals)


@dataclass(frozen=True)
class Freshness:
    """How old inputs may be, and how long the arms may hold for one, in seconds of ROS time."""

    joints_s: float = 0.1
    images_s: float = 0.2
    future_s: float = 0.1
    max_hold_s: float = 0.0  # then a hold is a fault; 0: never

    def complaints(
        self, now_s: float, inputs: TickInputs, cameras: Iterable[str]
    ) -> dict[str, str]:
        """Of the joint states and these cameras, what cannot be used, with the reason."""
        stamp_s = inputs.stamp_s if inputs.qpos is not None else None
        found = {JOINTS: self._complaint(JOINTS, stamp_s, now_s, self.joints_s, inputs)}
        for name in cameras:
            stamp_s = inputs.image_stamps_s.get(name)
            found[name] = self._complaint(name, stamp_s, now_s, self.images_s, inputs)
        return {name: line for name, line in found.items() if line}

    def _complaint(
        self, name: str, stamp_s: float | None, now_s: float, limit_s: float, inputs: TickInputs
    ) -> str:
        if name in inputs.contested:
            return f'{name}: {inputs.contested[name]}'
        if stamp_s is not None and -self.future_s <= now_s - stamp_s <= limit_s:
            return ''
        note = f' ({inputs.notes[name]})' if name in inputs.notes else ''
        if stamp_s is None:
            return f'nothing usable from {name} yet{note}'
        age_s = now_s - stamp_s
        if age_s < 0:
            return f'{name}: stamped {-age_s:.2f} s in the future; are the clocks in step?{note}'
        return f'{name}: the newest is {age_s:.2f} s old, at most {limit_s:g} s is used{note}'
