# SPDX-License-Identifier: Apache-2.0
"""The policy node: cameras and joint states in, commands to the drivers out, 50 times a second.

One process: camera nodes, joint-state node and policy node, the control loop in a thread of its
own, and the network in a process of its own beside it.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
from act_msgs.msg import SimState
from act_msgs.srv import ListModels
from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from std_srvs.srv import Trigger

from act_ros.control.ensemble import Execution, make_execution
from act_ros.control.inference_mode import InferenceMode
from act_ros.control.limiter import Limiter
from act_ros.control.runtime import Runtime
from act_ros.control.tick_inputs import Freshness
from act_ros.control.ticker import SimTime, SystemTime, Ticker
from act_ros.nodes.policy.engine import (
    Engine,
    MakeWorker,
    Spawner,
    Unloaded,
    Worker,
    library_of,
    look_at,
    make_engine,
)
from act_ros.nodes.policy.loop import ControlLoop
from act_ros.nodes.policy.managed import Managed
from act_ros.nodes.policy.observer import Observer
from act_ros.nodes.policy.parameters import COMPUTED_BY, PARAMETERS, check_safety
from act_ros.nodes.policy.statistics import Statistics
from act_ros.nodes.policy.status import Status
from act_ros.nodes.policy.supervisor import Supervisor, again
from act_ros.nodes.policy.swap import Swap
from act_ros.nodes.process.run import Stop, run
from act_ros.nodes.shared.base import BaseNode
from act_ros.nodes.shared.commands import CommandOutput
from act_ros.nodes.shared.gate_keeper import GateKeeper
from act_ros.nodes.shared.parameters import Parameters
from act_ros.nodes.shared.times import FUTURE_S, SIM_FUTURE_S
from act_ros.nodes.shared.topics import LATCHED, SENSOR
from act_ros.policy.robot_fit import Terms
from act_ros.robot.spec import RobotSpec

NOTHING: Mapping[str, Any] = {}


class PolicyNode(BaseNode):
    """`act/policy`: composes the loop; serves `~/reset`, `~/list_models` and the parameters."""

    def __init__(self, stop: Stop, make_worker: MakeWorker | None = None, **options: Any) -> None:
        """Read the parameters, load the policy, subscribe and advertise.

        Args:
            stop: ends the process.
            make_worker: makes the inference process of a checkpoint folder; by default the suite's
                own.
            options: of the node, such as its namespace.

        Raises:
            ValueError: a parameter, the robot's configuration or the checkpoint cannot be used.
        """
        super().__init__('policy', **options)
        self.spec = RobotSpec.load()
        self.parameters = Parameters(self, PARAMETERS, self._change)
        values = self.parameters.values
        self.spawner = Spawner(make_worker)
        self.library = library_of(values)
        simulated = bool(self.get_parameter('use_sim_time').value)
        engine = self._engine(values['checkpoint'], loaded=values['autostart'])
        self.timebase = SimTime() if simulated else SystemTime()
        self._future_s = SIM_FUTURE_S if simulated else FUTURE_S
        self.observer = Observer(self, self.spec, self._now, self._future_s, simulated)
        self.output = CommandOutput(self, self.spec)
        runtime = Runtime(
            self._execution(engine), Limiter(self.spec), engine.config.cameras, self._freshness({})
        )
        self.loop = ControlLoop(
            runtime,
            engine,
            Ticker(self.spec.rate_hz, self.timebase),
            self.observer,
            self.output,
            Statistics(1.0 / self.spec.rate_hz),
            InferenceMode(values['inference'], self.spec.rate_hz),
            crashed=stop.fail,
        )
        self.loop.inference.timeout_s = values['inference_timeout_s']
        self.supervisor = Supervisor(
            self.loop, again(self._make), self._prepare, self.get_logger()
        )
        self._swap = Swap(self, self.loop, self.observer, self.supervisor, stop.is_set)
        self.status = Status(self, self.loop, self.observer, self._look_after, self._now)
        cameras = self.observer.watch(engine.config.cameras, engine.config.image_size)
        # What may not wait is served by a node of the inputs, in another thread: setting a checkpoint takes seconds
        # here. (rclpy's executor of many threads would do it in one node, but keeps a processor busy with spinning.)
        inputs = self.observer.joints
        self.managed = Managed(
            self, inputs, self.loop, self.output, self.supervisor, self._load, stop
        )
        keeper = GateKeeper(self, self.output, self.managed.disarm, self.loop.state_changed.set)
        self.groups: Sequence[Sequence[Node]] = [
            [inputs, *cameras], [keeper], [self.managed.lifecycle], [self]
        ]  # fmt: skip
        self._episode: int | None = None
        if simulated:
            inputs.create_subscription(Clock, '/clock', self._on_clock, SENSOR)
            inputs.create_subscription(SimState, 'sim_state', self._on_sim, LATCHED)
        inputs.create_service(Trigger, f'{self.get_name()}/reset', self._on_reset)
        self.create_service(ListModels, '~/list_models', self._on_list_models)

    def start(self) -> None:
        """Begin to tick and to report."""
        gc.collect()
        gc.freeze()  # what is there now stays, so later collections need not look at it
        if not self.loop.inference.unloaded:
            self.get_logger().info(f'policy {self.loop.engine.folder} is loading')
        self.loop.start()
        self.status.start()

    def close(self) -> None:
        """Stop; the last command is the pose that is held."""
        self.loop.close()
        self.status.close()
        self.supervisor.close()
        for engine in (self.loop.engine, self.loop.inference.candidate):
            if engine is not None:
                engine.worker.close(1.0)

    def set_parameters_atomically(self, parameter_list: list[Parameter]) -> SetParametersResult:
        """As rclpy does, which answers nothing to what is set: with what was assumed of a policy."""
        result = self.parameters.mistyped(parameter_list) or super().set_parameters_atomically(
            parameter_list
        )
        if result.successful and any(p.name == 'checkpoint' for p in parameter_list):
            result.reason = '; '.join(self.loop.engine.notes)
        return result

    def _terms(self, changed: Mapping[str, Any] = NOTHING) -> Terms:
        values = {**self.parameters.values, **changed}
        return Terms(values['policy_rate_hz'], values['assume_rate'], values['sim_to_real'])

    def _engine(
        self, checkpoint: str, changed: Mapping[str, Any] = NOTHING, loaded: bool = True
    ) -> Engine:
        make = partial(self._make, changed=changed) if loaded else Unloaded
        engine = make_engine(checkpoint, self.library, self.spec, make, self._terms(changed))
        for note in engine.notes:
            self.get_logger().warning(f'{engine.folder.name}: {note}')
        trained, task = engine.config.task, self.parameters.values['task']
        if task and trained and trained != task:
            self.get_logger().warning(
                f'{engine.folder.name} was trained for {trained}, and the task here is {task}'
            )
        return engine

    def _make(self, folder: Path, changed: Mapping[str, Any] = NOTHING) -> Worker:
        return self.spawner.spawn({**self.parameters.values, **changed}, folder)

    def _prepare(self, soon: bool) -> None:
        self.spawner.prepare(self.parameters.values, soon)

    def _execution(self, engine: Engine, changed: Mapping[str, Any] = NOTHING) -> Execution:
        values = {**self.parameters.values, **changed}
        return make_execution(
            engine.grid.ticks,
            self.spec.dof,
            values['ensemble'],
            values['ensemble_m'],
            engine.grid.ticks_of(values['execute']),
        )

    def _freshness(self, changed: Mapping[str, Any]) -> Freshness:
        values = {**self.parameters.values, **changed}
        return Freshness(
            joints_s=values['max_joint_age_s'],
            images_s=values['max_image_age_s'],
            future_s=self._future_s,
            max_hold_s=values['max_hold_s'],
        )

    def _now(self) -> float | None:
        """ROS time in seconds, None while it isn't known; the node's own clock stands in a swap."""
        return self.timebase.ros_at(time.monotonic())

    def _on_clock(self, msg: Clock, info: Mapping[str, Any]) -> None:
        assert isinstance(self.timebase, SimTime)
        arrived = time.monotonic()
        received = info.get('received_timestamp', 0) * 1e-9
        if received:  # when it came in; this callback may have had to wait for its turn
            arrived -= min(max(time.time() - received, 0.0), 1.0)
        self.timebase.observe(msg.clock.sec + msg.clock.nanosec * 1e-9, arrived)

    def _on_sim(self, msg: SimState) -> None:
        self.loop.lockstep = msg.lockstep
        # In lockstep the tick that is left out says it, at its moment; what comes on a topic may be some
        # ticks late, and would make the episode another one.
        if self._episode not in (None, msg.episode) and not msg.lockstep:
            self.loop.new_world(msg.header.stamp.sec + msg.header.stamp.nanosec * 1e-9)
        self._episode = msg.episode

    def _look_after(self) -> None:
        """See to the network, and enable as soon as that is possible, if it was asked for at the start."""
        self.supervisor.look()
        self.managed.look(self.observer.joints.newest is not None)

    def _load(self) -> None:
        """Load the policy that is set; ValueError where that cannot be."""
        self._swap.begin(
            lambda: self._engine(self.parameters.values['checkpoint']), self._execution
        )

    def _set_policy(self, checkpoint: str, changed: Mapping[str, Any]) -> None:
        with self.supervisor.busy:
            loaded = not self.loop.inference.unloaded
            go = self._swap.to if loaded else self._swap.begin
            go(
                lambda: self._engine(checkpoint, changed, loaded),
                lambda engine: self._execution(engine, changed),
            )

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Forget what was planned and clear a fault."""
        now = self._now()
        if now is None:
            response.message = 'ROS time is not known yet: nothing comes on /clock'
            return response
        self.loop.new_world(now, moved=False)
        response.success, response.message = True, 'everything planned is forgotten'
        return response

    def _on_list_models(
        self, _: ListModels.Request, response: ListModels.Response
    ) -> ListModels.Response:
        """Say which policies there are, and which of them this robot can run."""
        response.live = str(self.loop.engine.folder)
        response.folders = [str(folder) for folder in self.library.folders]
        for name, path in self.library.policies().items():
            fits, note = look_at(path, self.spec)
            response.names.append(name)
            response.paths.append(str(path))
            response.compatible.append(fits)
            response.notes.append(note)
        return response

    def _change(self, changed: Mapping[str, Any]) -> None:
        """Put new parameter values into effect; raises ValueError where they are refused."""
        if self.loop.runtime.enabled:
            check_safety(self.get_fully_qualified_name(), self.parameters.values, changed)
        retuned = not changed.keys().isdisjoint(('ensemble', 'ensemble_m', 'execute'))
        values = {**self.parameters.values, **changed}
        restated = 'policy_rate_hz' in changed and self.loop.engine.config.rate_assumed
        if restated or not changed.keys().isdisjoint(('checkpoint', *COMPUTED_BY)):
            self._set_policy(values['checkpoint'], changed)
        elif retuned:
            self.loop.retune(self._execution(self.loop.engine, changed))
        with self.loop.lock:
            self.loop.runtime.freshness = self._freshness(changed)
            self.loop.mode.ask(values['inference'])
            self.loop.inference.timeout_s = values['inference_timeout_s']


def main() -> int:
    """Run the policy node until it is stopped."""
    cv2.setNumThreads(1)
    # A thread that waits for the interpreter gets it after 0.5 ms instead of 5.
    sys.setswitchinterval(0.0005)
    return run(PolicyNode, real_time=True)


if __name__ == '__main__':
    sys.exit(main())
