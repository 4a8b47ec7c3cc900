# SPDX-License-Identifier: Apache-2.0
"""The simulated ALOHA as a node: the interface of four drivers and of the cameras, in one process.

Runs in real time where the machine can, slower where not (and says so), or in lockstep: then the world
goes on by a tick of 20 ms once both followers have had their arm and gripper commands for it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from array import array
from functools import partial
from pathlib import Path
from typing import Any

# Mesa's software renderer would take a thread per core, from the physics and from the policy.
os.environ.setdefault('LP_NUM_THREADS', '1')

import rclpy
from act_msgs.msg import SimState
from act_msgs.srv import ResetSim
from builtin_interfaces.msg import Time
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.signals import SignalHandlerOptions
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image

from act_ros.nodes.driver import SimDriver
from act_ros.nodes.film import Film
from act_ros.nodes.pace import Pace, RealTimeFactor
from act_ros.nodes.render import RenderThread, View
from act_ros.nodes.simulation import STEP_S, STEPS_PER_TICK, Simulation
from act_ros.robot.spec import Camera, RobotSpec
from act_ros.robot.types import Frame
from act_ros.sim.world import SimulationError

FILM_CAMERA, FILM_SIZE = 'angle', (480, 640)
SLOW = 0.98
"""A real-time factor below this is warned of."""
STATE_STEPS = 10

PARAMETERS: dict[str, tuple[Any, str]] = {
    'task': ('transfer_cube', "What is simulated: 'transfer_cube' or 'insertion'."),
    'seed': (0, 'Seed of the first episode: where the objects lie. The next have the next seeds.'),
    'episodes': (0, 'Stop after this many episodes; 0: go on until stopped.'),
    'auto_reset': (True, 'Begin another episode after success or the time limit.'),
    'operator': ('none', "Who moves the leader arms: 'none', or 'scripted': a program that does the task."),
    'lockstep': (False, 'Step only after each command, so that a seed gives the same episode every time.'),
    'cameras': (['cam_high'], 'Cameras to simulate, by their names in config/aloha.yaml.'),
    'image_height': (0, 'Height of the images in pixels; 0: as the real camera.'),
    'image_width': (0, 'Width of the images in pixels; 0: as the real camera.'),
    'image_rate_hz': (50.0, 'Images per second of each camera, at most 100.'),
    'video': ('', 'Path of an mp4 that the episodes are filmed into; empty: none.'),
}  # fmt: skip


class SimNode(Node):
    """`act/sim`: publishes what the robot would, and `/clock`, `act/sim_state`; serves `~/reset`."""

    def __init__(self) -> None:
        """Set the world up.

        Raises:
            ValueError: a parameter has a value that cannot be used.
            SimulationError: the scenes cannot be loaded.
        """
        super().__init__('sim')
        for name, (default, text) in PARAMETERS.items():
            self.declare_parameter(
                name, default, ParameterDescriptor(description=text, read_only=True)
            )
        self.spec = RobotSpec.load()
        self._lockstep = bool(self._value('lockstep'))
        self._seed_check()
        self.simulation = Simulation(
            self._value('task'),
            self._value('seed'),
            self.spec,
            scripted=self._operator(),
            lockstep=self._lockstep,
        )
        self.exit_code: int | None = None
        self._changed = threading.Condition()
        self._factor = RealTimeFactor()
        self._image_steps = self._steps_per_image()
        namespace = self.get_namespace().rpartition('/')[0]
        self.drivers = [
            SimDriver(namespace, name, self.simulation, self._changed)
            for name in self.simulation.motors
        ]
        self._clock = self.create_publisher(Clock, '/clock', 10)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._state = self.create_publisher(SimState, 'sim_state', latched)
        self._shown: tuple[int, ...] = ()
        self.create_service(ResetSim, '~/reset', self._reset)
        self._film = self._begin_film()
        self._render = self._begin_render(namespace)
        self._thread = threading.Thread(target=self._run, name='physics', daemon=True)
        self._thread.start()

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value

    def _seed_check(self) -> None:
        if self._value('seed') < 0 or self._value('episodes') < 0:
            raise ValueError('seed and episodes must be 0 or more')

    def _operator(self) -> bool:
        operator = self._value('operator')
        if operator not in ('none', 'scripted'):
            raise ValueError(f"operator is '{operator}'; expected 'none' or 'scripted'")
        return bool(operator == 'scripted')

    def _steps_per_image(self) -> int:
        rate = self._value('image_rate_hz')
        steps = round(1 / (STEP_S * rate)) if rate > 0 else 0
        if steps < 1 or abs(steps * STEP_S * rate - 1) > 1e-3:
            raise ValueError(
                f'image_rate_hz is {rate}; expected 100 divided by a whole number: 100, 50, 25, 20, 10 ...'
            )
        return STEPS_PER_TICK if self._lockstep else steps

    def _begin_film(self) -> Film | None:
        path = self._value('video')
        return Film(Path(path).expanduser(), *FILM_SIZE) if path else None

    def _begin_render(self, namespace: str) -> RenderThread | None:
        views = [self._view(namespace, name) for name in self._value('cameras') if name]
        if self._film:
            views.append(View(FILM_CAMERA, *FILM_SIZE, self._filmed, self._film.due))
        return RenderThread(self.simulation.world, views, self._no_pictures) if views else None

    def _view(self, namespace: str, name: str) -> View:
        camera = self.spec.cameras.get(name)
        if camera is None:
            raise ValueError(
                f"there is no camera '{name}'; there are {', '.join(self.spec.cameras)}"
            )
        height = self._value('image_height') or camera.height
        width = self._value('image_width') or camera.width
        # Reliable, as realsense2_camera's: who wants to lose frames subscribes as sensor data.
        publisher = self.create_publisher(
            Image, f'{namespace}/{camera.topic}', QoSProfile(depth=10)
        )
        return View(camera.sim, height, width, partial(self._publish_image, publisher, camera))

    def _publish_image(self, publisher: Any, camera: Camera, frame: Frame, stamp_ns: int) -> None:
        height, width = frame.shape[:2]
        msg = Image(height=height, width=width, encoding='rgb8', step=3 * width)
        msg.header.stamp = _time(stamp_ns)
        msg.header.frame_id = f'{camera.name}_color_optical_frame'
        # Only an array('B') passes the message's check without a look at each byte.
        msg.data = array('B', frame.tobytes())
        publisher.publish(msg)

    def _filmed(self, frame: Frame, stamp_ns: int) -> None:
        assert self._film is not None
        sim = self.simulation
        done = '  SUCCESS' if sim.world.success else f'  stage {sim.world.max_reward}/4'
        caption = (
            f'{sim.task}  seed {sim.seed}  episode {sim.episode}  {sim.elapsed_s:4.1f} s{done}'
        )
        try:
            self._film.add(frame, stamp_ns, caption)
        except OSError as error:
            self.get_logger().error(f'the film {self._film.path} ends here: {error}')
            self._film.close()

    def _no_pictures(self, why: str) -> None:
        self.get_logger().fatal(f'the cameras cannot be simulated: {why}')
        self.stop(1)

    def stop(self, code: int) -> None:
        """Let the simulation end with this exit code; the first one counts."""
        with self._changed:
            if self.exit_code is None:
                self.exit_code = code
            self._changed.notify_all()

    def close(self) -> None:
        """Wait for the threads and free everything."""
        self.stop(0)
        self._thread.join()
        if self._render:
            self._render.close()
        if self._film:
            self._film.close()
        for driver in self.drivers:
            driver.node.destroy_node()
        self.destroy_node()

    def _run(self) -> None:
        """Body of the physics thread."""
        try:
            if self._lockstep:
                self._run_lockstep()
            else:
                self._run_paced()
        except Exception as error:  # a thread that dies must not leave the node looking alive
            self.get_logger().fatal(f'the simulation stopped: {type(error).__name__}: {error}')
            self.stop(1)

    def _run_paced(self) -> None:
        pace = Pace(STEP_S)
        while self.exit_code is None:
            pace.wait()
            with self._changed:
                self._step()
            self._publish()

    def _run_lockstep(self) -> None:
        while self.exit_code is None:
            self._publish()
            with self._changed:
                seen = self.simulation.count
                went = self._changed.wait_for(
                    lambda: (
                        self.exit_code is not None
                        or self.simulation.complete
                        or seen != self.simulation.count
                    ),
                    timeout=0.5,  # then what is seen is published again, for who came late
                )
                if went and self.simulation.complete:
                    for _ in range(STEPS_PER_TICK):
                        self._step()
                    self.simulation.next_tick()

    def _step(self) -> None:
        sim = self.simulation
        for driver in self.drivers:
            driver.follow()
        sim.advance()
        if sim.ended and (self._value('auto_reset') or sim.unstable):
            self._end_episode()

    def _end_episode(self) -> None:
        sim = self.simulation
        if sim.unstable:
            self.get_logger().error(sim.unstable)
        outcome = 'success' if sim.world.success else 'no success'
        self.get_logger().info(
            f'episode {sim.episode}: seed {sim.seed}, {outcome}, reward {sim.world.max_reward} of 4, {sim.elapsed_s:.1f} s'
        )
        if sim.episode == self._value('episodes'):
            self._publish_state()
            self.stop(0)
        else:
            sim.reset(sim.seed + 1)

    def _publish(self) -> None:
        sim = self.simulation
        with self._changed:
            stamp_ns, readings = sim.stamp_ns, sim.readings()
            due = self._lockstep or sim.count % self._image_steps == 0
            state = sim.world.state() if self._render and due else None
        stamp = _time(stamp_ns)
        self._clock.publish(Clock(clock=stamp))
        for driver in self.drivers:
            driver.publish(stamp, readings[driver.arm])
        if self._render and state is not None:
            self._render.submit(state, stamp_ns)
            if self._lockstep:
                self._render.wait()
        shown = (sim.episode, sim.world.max_reward, sim.world.success, sim.step > 0)
        if shown != self._shown or sim.count % STATE_STEPS == 0:
            self._shown = shown
            self._publish_state()
        if (
            self._factor.update(stamp_ns * 1e-9)
            and self._factor.value < SLOW
            and not self._lockstep
        ):
            self.get_logger().warning(
                f'slower than real time: factor {self._factor.value:.2f}; '
                'fewer or smaller images, or fewer programs beside it, would help',
                throttle_duration_sec=10.0,
            )

    def _publish_state(self) -> None:
        sim = self.simulation
        msg = SimState(task=sim.task, seed=sim.seed, episode=sim.episode, step=sim.step)
        msg.header.stamp = _time(sim.stamp_ns)
        msg.reward, msg.max_reward = float(sim.world.reward), 4.0
        msg.best_reward, msg.success = float(sim.world.max_reward), sim.world.success
        msg.real_time_factor, msg.lockstep = self._factor.value, self._lockstep
        self._state.publish(msg)

    def _reset(self, request: ResetSim.Request, response: ResetSim.Response) -> ResetSim.Response:
        with self._changed:
            sim = self.simulation
            if request.seed < -1:
                response.message = (
                    f'seed is {request.seed}; expected 0 or more, or -1 for the next'
                )
                return response
            seed = sim.seed + 1 if request.seed == -1 else request.seed
            sim.reset(seed)
            self._changed.notify_all()
        response.ok, response.seed = True, seed
        response.message = f'{sim.task} is set up with seed {seed}, episode {sim.episode}'
        self.get_logger().info(response.message)
        return response


def _time(stamp_ns: int) -> Time:
    return Time(sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)


def main() -> int:
    """Run the simulator until it is stopped or has done its episodes."""
    # Not rclpy's own handlers: they would end the context under the threads that publish.
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = SimNode()
    except (SimulationError, ValueError, OSError) as error:
        print(f'sim: {error}', file=sys.stderr)
        rclpy.try_shutdown()
        return 1
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: setattr(node, 'exit_code', node.exit_code or 0))
    executor = SingleThreadedExecutor()
    for each in (node, *(driver.node for driver in node.drivers)):
        executor.add_node(each)
    while node.exit_code is None:
        executor.spin_once(timeout_sec=0.1)
    executor.shutdown()
    node.close()
    rclpy.try_shutdown()
    return node.exit_code


if __name__ == '__main__':
    sys.exit(main())
