# SPDX-License-Identifier: Apache-2.0
"""States and transitions of ROS 2's managed nodes, with the numbers and names of its own state machine.

Beside those: a node that is in error holds its arms, and a person can activate or deactivate it from there.
"""

from __future__ import annotations

import enum
from collections import deque
from dataclasses import dataclass

from lifecycle_msgs.msg import State, Transition, TransitionDescription


class LifecycleState(enum.IntEnum):
    """The states, in the order of ROS 2's own."""

    UNKNOWN = State.PRIMARY_STATE_UNKNOWN
    UNCONFIGURED = State.PRIMARY_STATE_UNCONFIGURED
    INACTIVE = State.PRIMARY_STATE_INACTIVE
    ACTIVE = State.PRIMARY_STATE_ACTIVE
    FINALIZED = State.PRIMARY_STATE_FINALIZED
    CONFIGURING = State.TRANSITION_STATE_CONFIGURING
    CLEANINGUP = State.TRANSITION_STATE_CLEANINGUP
    SHUTTINGDOWN = State.TRANSITION_STATE_SHUTTINGDOWN
    ACTIVATING = State.TRANSITION_STATE_ACTIVATING
    DEACTIVATING = State.TRANSITION_STATE_DEACTIVATING
    ERRORPROCESSING = State.TRANSITION_STATE_ERRORPROCESSING

    @property
    def label(self) -> str:
        """Its name on the wire."""
        return self.name.lower()

    def message(self) -> State:
        """It as a message."""
        return State(id=int(self), label=self.label)


_S = LifecycleState


@dataclass(frozen=True)
class Edge:
    """A transition from one state to another."""

    number: int
    label: str
    start: LifecycleState
    goal: LifecycleState

    def transition(self) -> Transition:
        """What happens, as a message."""
        return Transition(id=self.number, label=self.label)

    def message(self) -> TransitionDescription:
        """All of it as a message."""
        start, goal = self.start.message(), self.goal.message()
        return TransitionDescription(
            transition=self.transition(), start_state=start, goal_state=goal
        )


# In the order in which `path` prefers them.
ASKED = (
    Edge(Transition.TRANSITION_CONFIGURE, 'configure', _S.UNCONFIGURED, _S.CONFIGURING),
    Edge(Transition.TRANSITION_ACTIVATE, 'activate', _S.INACTIVE, _S.ACTIVATING),
    Edge(Transition.TRANSITION_DEACTIVATE, 'deactivate', _S.ACTIVE, _S.DEACTIVATING),
    Edge(Transition.TRANSITION_CLEANUP, 'cleanup', _S.INACTIVE, _S.CLEANINGUP),
    Edge(Transition.TRANSITION_UNCONFIGURED_SHUTDOWN, 'shutdown', _S.UNCONFIGURED, _S.SHUTTINGDOWN),
    Edge(Transition.TRANSITION_INACTIVE_SHUTDOWN, 'shutdown', _S.INACTIVE, _S.SHUTTINGDOWN),
    Edge(Transition.TRANSITION_ACTIVE_SHUTDOWN, 'shutdown', _S.ACTIVE, _S.SHUTTINGDOWN),
)  # fmt: skip
"""What can be asked for in ROS 2's own state machine."""
ASKED_IN_ERROR = (
    Edge(Transition.TRANSITION_ACTIVATE, 'activate', _S.ERRORPROCESSING, _S.ACTIVATING),
    Edge(Transition.TRANSITION_DEACTIVATE, 'deactivate', _S.ERRORPROCESSING, _S.DEACTIVATING),
    Edge(Transition.TRANSITION_ACTIVE_SHUTDOWN, 'shutdown', _S.ERRORPROCESSING, _S.SHUTTINGDOWN),
)
"""What can be asked for besides, where that one would leave an error by itself."""
_OUTCOMES = (
    # The number of the first of three, the state, and where success, failure and error lead.
    (Transition.TRANSITION_ON_CONFIGURE_SUCCESS, _S.CONFIGURING, _S.INACTIVE, _S.UNCONFIGURED),
    (Transition.TRANSITION_ON_CLEANUP_SUCCESS, _S.CLEANINGUP, _S.UNCONFIGURED, _S.INACTIVE),
    (Transition.TRANSITION_ON_ACTIVATE_SUCCESS, _S.ACTIVATING, _S.ACTIVE, _S.INACTIVE),
    (Transition.TRANSITION_ON_DEACTIVATE_SUCCESS, _S.DEACTIVATING, _S.INACTIVE, _S.ACTIVE),
    (Transition.TRANSITION_ON_SHUTDOWN_SUCCESS, _S.SHUTTINGDOWN, _S.FINALIZED, _S.FINALIZED),
    (Transition.TRANSITION_ON_ERROR_SUCCESS, _S.ERRORPROCESSING, _S.UNCONFIGURED, _S.FINALIZED),
)


def _outcomes(first: int, start: LifecycleState, *goals: LifecycleState) -> list[Edge]:
    error = _S.FINALIZED if start is _S.ERRORPROCESSING else _S.ERRORPROCESSING
    names = ('transition_success', 'transition_failure', 'transition_error')
    ends = zip(names, (*goals, error), strict=True)
    return [Edge(first + i, name, start, goal) for i, (name, goal) in enumerate(ends)]


OUTCOMES = tuple(edge for row in _OUTCOMES for edge in _outcomes(*row))
"""What comes of what was asked for."""
EDGES = (*ASKED, *ASKED_IN_ERROR, *OUTCOMES)


def path(start: LifecycleState, goal: LifecycleState) -> list[Edge]:
    """The shortest way between two states; empty where there is none, or nowhere to go."""
    ways: dict[LifecycleState, list[Edge]] = {start: []}
    ahead = deque([start])
    while ahead and goal not in ways:
        here = ahead.popleft()
        for edge in EDGES:
            if edge.start is here and edge.goal not in ways:
                ways[edge.goal] = [*ways[here], edge]
                ahead.append(edge.goal)
    return ways.get(goal, [])
