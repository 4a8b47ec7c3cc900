# SPDX-License-Identifier: Apache-2.0
"""One camera: its newest usable frame, in the sizes that policies want."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

from act_ros.nodes.shared.base import BaseNode
from act_ros.nodes.shared.diagnostics import Health, heard
from act_ros.nodes.shared.images import rgb
from act_ros.nodes.shared.rivals import Rivals
from act_ros.nodes.shared.times import FUTURE_S, ahead, seconds
from act_ros.nodes.shared.topics import NEWEST, robot_topic
from act_ros.robot.image import ImageError, resize
from act_ros.robot.spec import Camera
from act_ros.robot.stillness import FROZEN_S, PictureStillness
from act_ros.robot.types import Frame

_QUIET_S = 5.0
_PAUSE_S, _SMOOTH = 1.0, 0.1

Size = tuple[int, int]


@dataclass(frozen=True)
class Snapshot:
    """The newest frame: RGB by (height, width), its stamp in seconds of ROS time, and the camera's period.

    `period_s`: between its last stamps, s; 0: not known yet.
    """

    frames: Mapping[Size, Frame]
    stamp_s: float
    period_s: float = 0.0


class CameraNode(BaseNode):
    """Keeps the newest frame of a camera, small; says why a message cannot be used."""

    def __init__(
        self,
        camera: Camera,
        sizes: set[Size],
        now: Callable[[], float | None],
        arrived: Callable[[], object] = lambda: None,
        **options: Any,
    ) -> None:
        """Subscribe to the camera.

        Args:
            camera: which one.
            sizes: (height, width) of the frames that are kept; may be replaced while running.
            now: ROS time in seconds, None while it isn't known.
            arrived: called after each usable frame.
            options: of the node, such as its namespace.
        """
        # The owner knows the time (`now`); a clock of its own would cost a message per /clock.
        super().__init__(
            f'camera_{camera.name}',
            parameter_overrides=[Parameter('use_sim_time', value=False)],
            start_parameter_services=False,
            **options,
        )
        self.camera, self.sizes = camera, frozenset(sizes)
        self.topic = robot_topic(self, camera.topic)
        self.received = self.dropped = 0
        self.future_s = FUTURE_S
        self.note = ''
        self._now, self._arrived = now, arrived
        self._newest: Snapshot | None = None
        self._not_before_s = -float('inf')
        self._stampless = False
        self._rivals = Rivals(self, {'': self.topic})
        self.simulated = False
        self._stillness, self._frozen = PictureStillness(), ''
        self.create_subscription(Image, self.topic, self._on_image, NEWEST)

    @property
    def newest(self) -> Snapshot | None:
        """The newest usable frame, or None."""
        return self._newest

    @property
    def contested(self) -> str:
        """Why what comes cannot be believed: another camera sends there, too, or this one hangs; or ''."""
        return self._rivals.found.get('', '') or self._frozen

    @property
    def rivals(self) -> str:
        """Who else has published the frames for a while, or ''."""
        return self._rivals.lasting.get('', '')

    def health(self, now_s: float | None, limit_s: float) -> Health:
        """How it is at a ROS time; frames older than `limit_s` are of no use."""
        newest = self._newest
        age_s = None if newest is None or now_s is None else now_s - newest.stamp_s
        values: dict[str, object] = {
            'topic': self.topic,
            'received': self.received,
            'dropped': self.dropped,
            'rate [Hz]': 0.0 if newest is None or not newest.period_s else 1.0 / newest.period_s,
        }
        note = self.qos.why(self.topic) or self.note
        return heard(self.camera.name, age_s, limit_s, note, self.contested, values)

    def forget(self, before_s: float) -> None:
        """Drop what was seen before a ROS time: it shows another world."""
        self._not_before_s = before_s
        newest = self._newest
        if newest is not None and newest.stamp_s < before_s:
            self._newest = None

    def restart(self) -> None:
        """Drop everything: ROS time itself has changed."""
        self._not_before_s = -float('inf')
        self._newest = None

    def _on_image(self, msg: Image, info: dict[str, int | None]) -> None:
        self.received += 1
        self._rivals.heard('', info)
        try:
            self._take(msg)
        except ImageError as error:
            self.dropped += 1
            self.note = str(error)
            self.get_logger().warning(
                f'{self.topic}: {error}; {self.dropped} of {self.received} images dropped',
                throttle_duration_sec=_QUIET_S,
            )
            return
        self._arrived()

    def _take(self, msg: Image) -> None:
        stamp_s = self._stamp(msg)
        if stamp_s < self._not_before_s:
            return
        picture = rgb(msg)
        self._look_whether_it_hangs(stamp_s, picture)
        frames = {size: resize(picture, *size) for size in self.sizes}
        self._newest = Snapshot(frames, stamp_s, self._period(stamp_s))
        self.note = ''

    def _period(self, stamp_s: float) -> float:
        """The camera's period, smoothed; a pause is none."""
        last = self._newest
        step_s = stamp_s - last.stamp_s if last else 0.0
        if last is None or not 0.0 < step_s < _PAUSE_S:
            return 0.0 if last is None else last.period_s
        return step_s if not last.period_s else last.period_s + _SMOOTH * (step_s - last.period_s)

    def _look_whether_it_hangs(self, stamp_s: float, picture: Frame) -> None:
        if self.simulated:  # what stands still there looks the same, pixel by pixel
            return
        still_s = self._stillness.of(stamp_s, picture)
        hangs = still_s >= FROZEN_S
        self._frozen = (
            f'{self.topic} has sent the same picture for {still_s:.1f} s' if hangs else ''
        )

    def _stamp(self, msg: Image) -> float:
        now = self._now()
        stamp_s = seconds(msg.header.stamp)
        if stamp_s == 0.0 and now is not None:
            if not self._stampless and now > 1.0:  # the first moments of a simulation are truly 0
                self._stampless = True
                self.get_logger().warning(
                    f'{self.topic}: images have no stamp; their arrival is taken, so their age '
                    f'in transport is not seen'
                )
            return now
        if why := ahead(stamp_s, now, self.future_s):
            raise ImageError(why)
        return stamp_s
