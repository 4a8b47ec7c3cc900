# SPDX-License-Identifier: Apache-2.0
"""Whether the policy is loaded, and whether the arms may move: one state, whoever asks for it.

`~/enable`, ROS 2's lifecycle (`ros2 lifecycle set`) and the parameters `autostart` and `enable` all come here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from std_srvs.srv import SetBool

from act_ros.control.runtime import BEGINNING, DISABLED
from act_ros.nodes.policy.loop import ControlLoop
from act_ros.nodes.policy.supervisor import Supervisor
from act_ros.nodes.process.run import Stop
from act_ros.nodes.shared.commands import CommandOutput
from act_ros.nodes.shared.lifecycle import Lifecycle
from act_ros.nodes.shared.lifecycle_graph import LifecycleState
from act_ros.nodes.shared.refused import Refused, answer

HANGS = 'the control loop hangs: call ~/stop'


class Managed:
    """Serves `~/enable` and the lifecycle of the policy node; says how it is by what its loop does."""

    def __init__(
        self,
        node: Node,
        quick: Node,
        loop: ControlLoop,
        output: CommandOutput,
        supervisor: Supervisor,
        load: Callable[[], None],
        stop: Stop,
    ) -> None:
        """Serve.

        Args:
            node: the policy node; its parameters say what it begins with.
            quick: a node of the same namespace whose callbacks never take long.
            loop: what commands the arms.
            output: knows what speaks against enabling.
            supervisor: of the loop.
            load: loads the policy, with the supervisor's `busy` held; ValueError where it cannot.
            stop: ends the process.
        """
        self._node, self._loop, self._output = node, loop, output
        self._supervisor, self._load, self._stop = supervisor, load, stop
        self._finalized = False
        name = node.get_fully_qualified_name()
        self._unloaded = f'no policy is loaded; first: ros2 lifecycle set {name} configure'
        unloaded = loop.inference.unloaded
        self._wanted = bool(node.get_parameter('enable').value) and not unloaded
        self._say_why_idle()
        loop.runtime.reason = loop.runtime.idle_reason
        acts = {
            'configure': self._configure,
            'activate': self.enable,
            'deactivate': self._deactivate,
            'cleanup': self._clean_up,
            'shutdown': self._shut_down,
        }
        self.lifecycle = Lifecycle(node, quick, self._state, acts)
        quick.create_service(SetBool, f'{node.get_name()}/enable', self._on_enable)

    def look(self, heard: bool) -> None:
        """Enable, if that was asked for at the start and the arms are `heard`; tell what has changed."""
        if self._wanted and heard:
            try:
                self.enable()
            except Refused as error:
                self._wanted = False
                self._say_why_idle()
                self._node.get_logger().error(f'not enabled: {error}, then call ~/enable')
        self.lifecycle.tell()

    def enable(self) -> None:
        """Let the arms move; raises Refused where they must not."""
        self.lifecycle.tell()  # a fault that this clears
        self._output.check_enabling()
        if not self._loop.enable():
            raise Refused(self._unloaded)
        self._wanted = False
        self.lifecycle.tell()

    def disarm(self) -> bool:
        """Let the arms hold until they are enabled again; False: the thread that commands hangs."""
        self._wanted = False
        done = self._loop.disarm()
        self._say_why_idle()
        self.lifecycle.tell()
        return done

    def _state(self) -> LifecycleState:
        """How the node is."""
        inference, runtime = self._loop.inference, self._loop.runtime
        if self._finalized:
            return LifecycleState.FINALIZED
        if runtime.enabled and (runtime.faulty or self._loop.shut):
            return LifecycleState.ERRORPROCESSING
        if not inference.loaded:
            given_up = inference.unloaded or inference.broken
            return LifecycleState.UNCONFIGURED if given_up else LifecycleState.CONFIGURING
        return LifecycleState.ACTIVE if runtime.enabled else LifecycleState.INACTIVE

    def _say_why_idle(self) -> None:
        """What is shown while nothing is commanded."""
        why = BEGINNING if self._wanted else DISABLED
        self._loop.runtime.idle_reason = self._unloaded if self._loop.inference.unloaded else why

    def _configure(self) -> None:
        try:
            with self._supervisor.busy:
                self._load()
        except ValueError as error:
            raise Refused(str(error)) from error
        self._say_why_idle()

    def _deactivate(self) -> None:
        if not self.disarm():
            raise Refused(HANGS)

    def _clean_up(self) -> None:
        with self._supervisor.busy:
            was = self._loop.unload()
            if was is None:
                raise Refused('the arms have been enabled meanwhile; deactivate first')
            self._supervisor.close()
            self._supervisor.forget()
            was.worker.close(1.0)
        self._say_why_idle()

    def _shut_down(self) -> None:
        """End the node, as a signal does: the arms hold at the last command."""
        self._finalized = True
        self._stop.set()

    def _on_enable(self, request: Any, response: Any) -> Any:
        if request.data:
            done = 'enabled; arms that stand begin slowly, from where they are'
            return answer(response, self.enable, done)
        return answer(response, self._deactivate, 'not enabled any more; the arms hold')
