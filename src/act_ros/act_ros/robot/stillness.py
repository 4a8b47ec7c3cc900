# SPDX-License-Identifier: Apache-2.0
"""Cameras that hang: they go on sending the same picture, with ever new stamps."""

from __future__ import annotations

from act_ros.robot.types import Frame

FROZEN_S = 0.5
"""A camera that sends the same picture for longer hangs: no sensor is without noise."""


class PictureStillness:
    """How long a camera has been sending the same picture, with ever new stamps."""

    def __init__(self) -> None:
        """Nothing was seen."""
        self._seen, self._since = b'', 0.0

    def of(self, stamp_s: float, frame: Frame) -> float:
        """Seconds for which the pictures have been the same, this one included."""
        # Some hundred pixels: where there is noise, one of them changes.
        seen = frame[7::24, 11::32].tobytes()
        if seen != self._seen or stamp_s < self._since:
            self._seen, self._since = seen, stamp_s
        return stamp_s - self._since
