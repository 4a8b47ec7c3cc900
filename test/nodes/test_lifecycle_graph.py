# SPDX-License-Identifier: Apache-2.0
"""The states of a managed node and the ways between them are ROS 2's own."""

from __future__ import annotations

from itertools import product

from act_ros.nodes.shared.lifecycle_graph import ASKED, OUTCOMES, LifecycleState, path


def test_states_and_transitions_are_those_of_rcl(ros):
    from rclpy.impl.implementation_singleton import rclpy_implementation

    machine = rclpy_implementation.LifecycleStateMachine(ros.node('rcl').handle, False)
    assert [(int(each), each.label) for each in LifecycleState] == list(machine.available_states)
    ours = {
        (e.number, e.label, int(e.start), e.start.label, int(e.goal), e.goal.label)
        for e in (*ASKED, *OUTCOMES)
    }
    assert ours == set(machine.transition_graph)


def test_whatever_becomes_of_a_node_is_told_without_passing_its_end():
    S = LifecycleState
    end = {S.SHUTTINGDOWN, S.FINALIZED}
    goals = (S.UNCONFIGURED, S.INACTIVE, S.ACTIVE, S.ERRORPROCESSING)
    for start, goal in product({*S} - end - {S.UNKNOWN}, goals):
        way = path(start, goal)
        assert (way[-1].goal if way else start) is goal
        assert not {edge.goal for edge in way} & end
    assert [edge.label for edge in path(S.ACTIVE, S.FINALIZED)] == [
        'shutdown',
        'transition_success',
    ]
