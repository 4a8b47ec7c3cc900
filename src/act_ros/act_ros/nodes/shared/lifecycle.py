# SPDX-License-Identifier: Apache-2.0
"""ROS 2's interface of a managed node, for a node that knows by itself how it is: `ros2 lifecycle`, Nav2's managers.

It is no state machine beside the node's: the node's own state is asked for, and what has become of it is told, by
whatever way it came. rclpy's LifecycleNode keeps a state of its own; and a transition that is not possible at the
moment raises in it, which would end the process that commands the arms.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from lifecycle_msgs.msg import Transition, TransitionEvent
from lifecycle_msgs.srv import (
    ChangeState,
    GetAvailableStates,
    GetAvailableTransitions,
    GetState,
)
from rclpy.node import Node

from act_ros.nodes.shared.base import BaseNode
from act_ros.nodes.shared.lifecycle_graph import (
    ASKED,
    ASKED_IN_ERROR,
    EDGES,
    Edge,
    LifecycleState,
    path,
)
from act_ros.nodes.shared.refused import Refused

_DEPTH = 10  # of the events' queue, as in rcl


class Lifecycle(BaseNode):
    """`NODE_lifecycle`: serves `NODE/change_state`, which may take long; `quick` serves the rest, which may not."""

    def __init__(
        self,
        owner: Node,
        quick: Node,
        state_of_node: Callable[[], LifecycleState],
        acts: Mapping[str, Callable[[], object]],
    ) -> None:
        """Serve.

        Args:
            owner: the node that is managed.
            quick: a node of the same namespace whose callbacks never take long.
            state_of_node: how the node is, for any thread.
            acts: what does each transition, by its name; raises Refused where it is not done.
        """
        super().__init__(
            f'{owner.get_name()}_lifecycle',
            namespace=owner.get_namespace(),
            context=owner.context,
            use_global_arguments=False,
            start_parameter_services=False,
        )
        self._owner, self._state_of_node, self._acts = owner, state_of_node, acts
        self._lock = threading.Lock()
        self._under_way: LifecycleState | None = None
        self._told = state_of_node()
        name = owner.get_name()
        event = f'{name}/transition_event'
        self._event = quick.create_publisher(TransitionEvent, event, _DEPTH)
        quick.create_service(GetState, f'{name}/get_state', self._on_state)
        quick.create_service(GetAvailableStates, f'{name}/get_available_states', self._on_states)
        for ending, edges in (
            ('get_available_transitions', self._possible),
            ('get_transition_graph', lambda: EDGES),
        ):
            quick.create_service(GetAvailableTransitions, f'{name}/{ending}', _answer(edges))
        self.create_service(ChangeState, f'{name}/change_state', self._on_change)

    @property
    def state(self) -> LifecycleState:
        """How the node is, or what it is becoming."""
        return self._under_way or self._state_of_node()

    def tell(self) -> None:
        """Publish what has become of the node since the last time."""
        with self._lock:
            self._go(self.state)

    def _go(self, goal: LifecycleState) -> None:
        """Tell every step of the way there. Hold the lock."""
        for edge in path(self._told, goal):
            step = edge.message()
            self._event.publish(
                TransitionEvent(
                    timestamp=time.time_ns(),
                    transition=step.transition,
                    start_state=step.start_state,
                    goal_state=step.goal_state,
                )
            )
        self._told = goal

    def _possible(self) -> list[Edge]:
        """What can be asked for now."""
        state = self.state
        return [edge for edge in (*ASKED, *ASKED_IN_ERROR) if edge.start is state]

    def _on_state(self, _: Any, response: Any) -> Any:
        response.current_state = self.state.message()
        return response

    def _on_states(self, _: Any, response: Any) -> Any:
        response.available_states = [state.message() for state in LifecycleState]
        return response

    def _on_change(self, request: Any, response: Any) -> Any:
        response.success = self._change(request.transition)
        return response

    def _change(self, wanted: Transition) -> bool:
        """Do a transition, named or numbered; where it cannot be done, the log says why."""
        log = self._owner.get_logger()
        with self._lock:
            edge = next((edge for edge in self._possible() if _is(edge, wanted)), None)
            if edge is None:
                now = ', '.join(each.label for each in self._possible()) or 'nothing'
                log.error(
                    f"'{wanted.label or wanted.id}' cannot be done in the state {self.state.label}, only: {now}"
                )
                return False
            self._go(edge.start)
            self._under_way = edge.goal
            self._go(edge.goal)
        refused = ''
        try:
            self._acts[edge.label]()
        except Refused as error:
            refused = str(error)
        except Exception as error:  # of this program; it must not end what commands the arms
            refused = f'this failed: {type(error).__name__}: {error}'
        with self._lock:
            self._under_way = None
            self._go(self.state)
        if refused:
            log.error(f'{edge.label} failed: {refused}')
        return not refused


def _is(edge: Edge, wanted: Transition) -> bool:
    """Whether a transition is the one that is asked for; a name goes before a number, as in rcl."""
    return edge.label == wanted.label if wanted.label else edge.number == wanted.id


def _answer(edges: Callable[[], Any]) -> Callable[[Any, Any], Any]:
    """A service that lists transitions."""

    def answer(_: Any, response: Any) -> Any:
        response.available_transitions = [edge.message() for edge in edges()]
        return response

    return answer
