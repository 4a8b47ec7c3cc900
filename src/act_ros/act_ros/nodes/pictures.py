# SPDX-License-Identifier: Apache-2.0
"""The simulated cameras: what is rendered for whom, as images on the real cameras' topics and as film."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

from act_ros.nodes.film import Film
from act_ros.nodes.render import RenderThread, View
from act_ros.nodes.simulation import Simulation
from act_ros.nodes.times import stamp_of
from act_ros.nodes.topics import robot_topic
from act_ros.robot.spec import Camera
from act_ros.robot.types import Frame
from act_ros.sim.world import WorldState

FILM_CAMERA, FILM_SIZE = 'angle', (480, 640)


class Pictures:
    """Publishes the cameras and makes the film, both from one thread; may have nothing to do."""

    def __init__(
        self,
        node: Node,
        simulation: Simulation,
        cameras: Sequence[Camera],
        path: str,
        failed: Callable[[str], None],
    ) -> None:
        """Render `cameras`, and film the task into `path` unless that is empty.

        `failed` is called from another thread, with the reason, when pictures come to an end.

        Raises:
            OSError: the film's folder cannot be made.
        """
        self._node, self._simulation = node, simulation
        views = [self._view(camera) for camera in cameras]
        self._film = Film(Path(path).expanduser(), *FILM_SIZE) if path else None
        if self._film:
            views.append(View(FILM_CAMERA, *FILM_SIZE, self._filmed, self._film.due))
        self._thread = RenderThread(simulation.world, views, failed) if views else None

    def show(self, state: WorldState, stamp_ns: int, wait: bool) -> None:
        """Have a state of the world rendered; `wait` until that is published."""
        if self._thread:
            self._thread.submit(state, stamp_ns)
            if wait:
                self._thread.wait()

    def close(self) -> None:
        """Stop rendering and end the film."""
        if self._thread:
            self._thread.close()
        if self._film:
            self._film.close()

    def _view(self, camera: Camera) -> View:
        # Reliable, as realsense2_camera's: who can do without some subscribes as to sensor data.
        topic = robot_topic(self._node, camera.topic)
        publisher = self._node.create_publisher(Image, topic, QoSProfile(depth=10))
        return View(camera.sim, camera.height, camera.width, partial(_publish, publisher, camera))

    def _filmed(self, frame: Frame, stamp_ns: int) -> None:
        assert self._film is not None
        sim = self._simulation
        done = 'SUCCESS' if sim.world.success else f'stage {sim.world.max_reward}/4'
        caption = (
            f'{sim.task}  seed {sim.seed}  episode {sim.episode}  {sim.elapsed_s:4.1f} s  {done}'
        )
        try:
            self._film.add(frame, stamp_ns, caption)
        except OSError as error:
            self._node.get_logger().error(f'the film {self._film.path} ends here: {error}')
            self._film.close()


def _publish(publisher: Any, camera: Camera, frame: Frame, stamp_ns: int) -> None:
    height, width = frame.shape[:2]
    msg = Image(height=height, width=width, encoding='rgb8', step=3 * width)
    msg.header.stamp = stamp_of(stamp_ns)
    msg.header.frame_id = f'{camera.name}_color_optical_frame'
    # Only an array('B') passes the message's check without a look at each byte.
    msg.data = array('B', frame.tobytes())
    publisher.publish(msg)
