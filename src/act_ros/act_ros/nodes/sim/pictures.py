# SPDX-License-Identifier: Apache-2.0
"""The simulated cameras: what is rendered for whom, as images on the real cameras' topics and as film."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image

from act_ros.nodes.shared.times import stamp_of
from act_ros.nodes.shared.topics import robot_topic
from act_ros.nodes.sim.film_process import FilmProcess
from act_ros.robot.spec import Camera
from act_ros.robot.types import Frame
from act_ros.sim.film.shot import TICKS_PER_FRAME, Shot
from act_ros.sim.render_thread import CameraView, RenderThread
from act_ros.sim.simulation import Simulation
from act_ros.sim.world import WorldState


class Pictures:
    """Publishes the cameras from a thread, and has a process make the film; may have nothing to do."""

    def __init__(
        self,
        node: Node,
        simulation: Simulation,
        cameras: Sequence[Camera],
        film: FilmProcess | None,
        failed: Callable[[str], None],
    ) -> None:
        """Render `cameras`, and hand to `film` what it is to show.

        `failed` is called from another thread, with the reason, when pictures come to an end.
        """
        self._node, self._simulation = node, simulation
        views = [self._view(camera) for camera in cameras]
        self._film, self._filmed = film, (0, 0)
        self._thread = RenderThread(simulation.world, views, failed) if views else None

    def show(self, state: WorldState, stamp_ns: int, wait: bool) -> None:
        """Have a state of the world rendered; `wait` until that is published."""
        if self._thread:
            self._thread.submit(state, stamp_ns)
            if wait:
                self._thread.wait()

    def film(self) -> None:
        """Film the present moment, once every second tick; returns at once. The world must stand still."""
        sim = self._simulation
        frame = sim.episode, sim.step // TICKS_PER_FRAME
        if self._film and frame != self._filmed:
            self._filmed = frame
            state = sim.world.state()
            self._film.add(
                Shot(sim.episode, sim.seed, state.max_reward, sim.elapsed_s, state.physics)
            )

    def close(self, ended: bool) -> None:
        """Stop rendering and end the film; with all that was filmed if the episodes `ended`."""
        if self._thread:
            self._thread.close()
        if self._film:
            self._film.close(ended)

    def _view(self, camera: Camera) -> CameraView:
        # Reliable, as realsense2_camera's: who can do without some subscribes as to sensor data.
        topic = robot_topic(self._node, camera.topic)
        publisher = self._node.create_publisher(Image, topic, QoSProfile(depth=10))
        return CameraView(
            camera.sim, camera.height, camera.width, partial(_publish, publisher, camera)
        )


def _publish(publisher: Any, camera: Camera, frame: Frame, stamp_ns: int) -> None:
    height, width = frame.shape[:2]
    msg = Image(height=height, width=width, encoding='rgb8', step=3 * width)
    msg.header.stamp = stamp_of(stamp_ns)
    msg.header.frame_id = f'{camera.name}_color_optical_frame'
    # Only an array('B') passes the message's check without a look at each byte.
    msg.data = array('B', frame.tobytes())
    publisher.publish(msg)
