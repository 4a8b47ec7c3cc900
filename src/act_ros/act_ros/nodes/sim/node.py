# SPDX-License-Identifier: Apache-2.0
"""The simulated robot as a node: the interface of the arms' drivers and of the cameras, in one process.

Runs in real time where the machine can, slower where not (and says so), or in lockstep: then the world
goes on by a tick of 20 ms once all followers have had their arm and gripper commands for it.
"""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import replace
from pathlib import Path

# Mesa's software renderer would take a thread per core, from the physics and from the policy.
os.environ.setdefault('LP_NUM_THREADS', '1')

from act_msgs.msg import SimState
from act_msgs.srv import ResetSim
from rclpy.node import Node
from rosgraph_msgs.msg import Clock

from act_ros.nodes.process.node_thread import node_thread
from act_ros.nodes.process.run import Stop, run
from act_ros.nodes.shared.base import BaseNode
from act_ros.nodes.shared.camera_parameter import chosen_cameras
from act_ros.nodes.shared.diagnostics import ERROR, OK, WARN, Diagnostics, Health
from act_ros.nodes.shared.parameters import Param, Parameters
from act_ros.nodes.shared.times import stamp_of
from act_ros.nodes.shared.topics import LATCHED, robot_topic
from act_ros.nodes.sim.driver import SimDriver
from act_ros.nodes.sim.film_process import FilmProcess
from act_ros.nodes.sim.pictures import Pictures
from act_ros.robot.spec import RobotSpec
from act_ros.sim.real_time import RealTimeFactor, RealTimePace
from act_ros.sim.simulation import STEP_S, STEPS_PER_TICK, Simulation
from act_ros.sim.world import SimulationError

SLOW = 0.98
"""A real-time factor below this is warned of."""
STATE_STEPS = 10
REPEAT_S = 0.5
"""In lockstep, what is seen is published again after this time, for who came late."""

PARAMETERS = (
    Param('task', 'transfer_cube', 'What is simulated.', choices=('transfer_cube', 'insertion')),
    Param(
        'seed', 0, 'Where objects lie in the first episode; the next have the next seeds.', low=0
    ),
    Param(
        'seeds_after',
        '',
        'Folder of episodes: the first seed is 1000, or the one after the last that is there; empty: `seed`.',
    ),
    Param('episodes', 0, 'Stop after this many episodes; 0: go on until stopped.', low=0),
    Param(
        'auto_reset',
        False,
        'Begin another episode after success or the time limit; with `episodes` that is done in any case.',
    ),
    Param(
        'operator',
        'none',
        'Who moves the leader arms; scripted: a program that does the task.',
        choices=('none', 'scripted'),
    ),
    Param(
        'lockstep', False, 'Step only after each command: a seed gives the same episode always.'
    ),
    Param('image_height', 0, 'Height of the images in pixels; 0: as the real camera.', low=0),
    Param('image_width', 0, 'Width of the images in pixels; 0: as the real camera.', low=0),
    Param(
        'image_rate_hz', 50.0, 'Images per second of a camera: 100 or a whole part of it.', 1, 100
    ),
    Param('video', '', 'Path of an mp4 that the episodes are filmed into; empty: none.'),
)
CAMERAS = 'Cameras to simulate, by their names in config/aloha.yaml.'


class SimNode(BaseNode):
    """`act/sim`: publishes what the robot would, `/clock` and `act/sim_state`; serves `~/reset`."""

    def __init__(self, stop: Stop) -> None:
        """Set the world up; `stop` is set when all is done or nothing more can be.

        Raises:
            ValueError: a parameter has a value that cannot be used.
            SimulationError: the scenes cannot be loaded.
        """
        super().__init__('sim')
        values = Parameters(self, PARAMETERS).values
        self._values, self._stop, self._ended = values, stop, False
        spec = RobotSpec.load()
        cameras = [
            replace(
                camera,
                height=values['image_height'] or camera.height,
                width=values['image_width'] or camera.width,
            )
            for camera in chosen_cameras(self, spec, CAMERAS)
        ]
        self._image_steps = _steps_per_image(values['image_rate_hz'])
        self._lockstep, self._factor = bool(values['lockstep']), RealTimeFactor()
        scripted = values['operator'] == 'scripted'
        self.simulation = Simulation(
            values['task'], self._first_seed(), spec, scripted, self._lockstep
        )
        self._changed = threading.Condition()
        self._drivers = [
            SimDriver(robot_topic(self, arm), arm, self.simulation, self._changed)
            for arm in self.simulation.motors
        ]
        self._clock_topic = self.create_publisher(Clock, '/clock', 10)
        self._state = self.create_publisher(SimState, 'sim_state', LATCHED)
        self._shown: tuple[int, ...] = ()
        self.create_service(ResetSim, '~/reset', self._reset)
        self._pictures = Pictures(
            self, self.simulation, cameras, self._begin_film(values['video']), self._no_pictures
        )
        Diagnostics(self, self._health)
        self._thread = node_thread(self, self._stop, self._run, 'the simulation stopped')

    @property
    def groups(self) -> list[list[Node]]:
        """This node and the drivers', spun by one thread."""
        return [[self, *(driver.node for driver in self._drivers)]]

    def _first_seed(self) -> int:
        folder = self._values['seeds_after']
        if not folder:
            return int(self._values['seed'])
        from act_ros.data.seeds import next_seed  # with HDF5, which nothing else here needs

        return next_seed(Path(folder), self._values['task'], self.get_logger().warning)

    def start(self) -> None:
        """Let the world run."""
        self._thread.start()

    def close(self) -> None:
        """Wait for the threads to end."""
        with self._changed:
            self._changed.notify_all()
        self._thread.join()
        self._pictures.close(self._ended)

    def _begin_film(self, path: str) -> FilmProcess | None:
        if not path:
            return None
        task, episodes = self._values['task'], self._values['episodes']
        return FilmProcess(Path(path).expanduser(), task, episodes, self.get_logger())

    def _no_pictures(self, why: str) -> None:
        self.get_logger().fatal(f'the cameras cannot be simulated: {why}')
        self._stop.fail()

    def _run(self) -> None:
        """Body of the physics thread."""
        if self._lockstep:
            self._run_lockstep()
        else:
            self._run_paced()

    def _run_paced(self) -> None:
        pace, paced = RealTimePace(STEP_S), self.simulation.count
        while not self._stop.is_set():
            pace.wait()
            with self._changed:
                self._step()
            paced += 1
            while paced < self.simulation.count:  # a reset takes more time than a step
                pace.wait()
                paced += 1
            self._publish()

    def _run_lockstep(self) -> None:
        sim = self.simulation
        while not self._stop.is_set():
            self._publish()
            with self._changed:
                self._changed.wait_for(self._go_on, timeout=REPEAT_S)
                if sim.complete:
                    for _ in range(STEPS_PER_TICK):
                        self._step()
                    sim.next_tick()

    def _go_on(self) -> bool:
        """Whether lockstep has something to do: a tick, a reset, or to end."""
        sim = self.simulation
        return self._stop.is_set() or sim.complete or sim.episode != self._shown[0]

    def _step(self) -> None:
        sim = self.simulation
        for driver in self._drivers:
            driver.follow()
        sim.advance()
        goes_on = self._values['auto_reset'] or self._values['episodes']
        if sim.ended and (goes_on or sim.unstable):
            self._end_episode()

    def _end_episode(self) -> None:
        sim = self.simulation
        if sim.unstable:
            self.get_logger().error(sim.unstable)
        outcome = 'success' if sim.world.success else 'no success'
        self.get_logger().info(
            f'seed {sim.seed}: {outcome}, '
            f'reward {sim.world.max_reward} of 4, {sim.elapsed_s:.1f} s'
        )
        if sim.episode == self._values['episodes']:
            self._publish_state()
            self._ended = True
            self._stop.set()
        else:
            sim.reset(sim.seed + 1)

    def _publish(self) -> None:
        sim = self.simulation
        with self._changed:
            stamp_ns, readings = sim.stamp_ns, sim.readings()
            due = self._lockstep or sim.count % self._image_steps == 0
            state = sim.world.state() if due else None
            self._pictures.film()
        stamp = stamp_of(stamp_ns)
        self._clock_topic.publish(Clock(clock=stamp))
        for driver in self._drivers:
            driver.publish(stamp, readings[driver.arm])
        if state is not None:
            self._pictures.show(state, stamp_ns, wait=self._lockstep)
        shown = (sim.episode, sim.world.max_reward, sim.world.success, sim.step > 0)
        if shown != self._shown or sim.count % STATE_STEPS == 0:
            self._shown = shown
            self._publish_state()
        if self._factor.update(stamp_ns * 1e-9) and not self._lockstep:
            self._warn_slow(self._factor.value)

    def _warn_slow(self, factor: float) -> None:
        if factor < SLOW:
            self.get_logger().warning(
                f'slower than real time, factor {factor:.2f}: fewer or smaller images, or fewer '
                'programs beside it, would help',
                throttle_duration_sec=10.0,
            )

    def _health(self) -> list[Health]:
        sim, factor = self.simulation, self._factor.value
        slow = not self._lockstep and factor < SLOW
        why = sim.unstable or f'real-time factor {factor:.2f}'
        values = {
            'task': sim.task,
            'seed': sim.seed,
            'episode': sim.episode,
            'lockstep': self._lockstep,
        }
        return [Health('simulation', ERROR if sim.unstable else WARN if slow else OK, why, values)]

    def _publish_state(self) -> None:
        sim = self.simulation
        msg = SimState(task=sim.task, seed=sim.seed, episode=sim.episode)
        msg.header.stamp = stamp_of(sim.stamp_ns)
        msg.step, msg.length = sim.step, sim.length
        msg.reward, msg.max_reward = float(sim.world.reward), 4.0
        msg.best_reward, msg.success = float(sim.world.max_reward), sim.world.success
        msg.real_time_factor, msg.lockstep = self._factor.value, self._lockstep
        self._state.publish(msg)

    def _reset(self, request: ResetSim.Request, response: ResetSim.Response) -> ResetSim.Response:
        sim = self.simulation
        if request.seed < -1:
            response.message = f'seed is {request.seed}; expected 0 or more, or -1 for the next'
            return response
        with self._changed:
            sim.reset(sim.seed + 1 if request.seed == -1 else request.seed)
            self._changed.notify_all()
            response.ok, response.seed = True, sim.seed
            response.message = f'{sim.task} with seed {sim.seed} is episode {sim.episode}'
        self.get_logger().info(f'reset: {response.message}')
        return response


def _steps_per_image(rate_hz: float) -> int:
    steps = round(1 / (STEP_S * rate_hz))
    if abs(steps * STEP_S * rate_hz - 1) > 1e-3:
        raise ValueError(
            f'image_rate_hz is {rate_hz:g}; expected a whole part of 100: 100, 50, 25, 20, 10 ...'
        )
    return steps


def main() -> int:
    """Run the simulator until it is stopped or has done its episodes."""
    return run(SimNode, errors=(ValueError, SimulationError, OSError))


if __name__ == '__main__':
    sys.exit(main())
