# SPDX-License-Identifier: Apache-2.0
"""The policy node as a managed node: ROS 2's lifecycle, and the services beside it, are one state."""

from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path

import pytest
from act_msgs.msg import PolicyState
from fakes import FakeWorker, write_config
from interbotix_xs_msgs.msg import JointGroupCommand
from lifecycle_msgs.msg import Transition, TransitionEvent
from lifecycle_msgs.srv import ChangeState, GetAvailableStates, GetAvailableTransitions, GetState
from policy_clients import enable, keep, running, set_parameter
from std_srvs.srv import Trigger

from act_ros.nodes.shared.lifecycle_graph import LifecycleState
from act_ros.nodes.shared.topics import LATCHED


def change(ros, label='', number=0):
    request = ChangeState.Request(transition=Transition(id=number, label=label))
    return ros.call(ros.node('manager'), ChangeState, '/act/policy/change_state', request).success


def state(ros):
    asked = GetState.Request()
    return ros.call(
        ros.node('asker'), GetState, '/act/policy/get_state', asked
    ).current_state.label


def becomes(ros, label):
    ros.wait_until(lambda: state(ros) == label, what=label)


def possible(ros, service='get_available_transitions'):
    asked = GetAvailableTransitions.Request()
    node = ros.node('lister')
    answer = ros.call(node, GetAvailableTransitions, f'/act/policy/{service}', asked)
    return [
        (each.transition.id, each.transition.label, each.start_state.label, each.goal_state.label)
        for each in answer.available_transitions
    ]


class Events:
    """The transitions that were told, each as 'start label goal'."""

    def __init__(self, ros):
        self._ros = ros
        self._kept = keep(ros, TransitionEvent, '/act/policy/transition_event')

    @property
    def told(self):
        return [
            f'{each.start_state.label} {each.transition.label} {each.goal_state.label}'
            for each in list(self._kept)
        ]

    def come(self, *expected):
        """Wait until these have come since the last time, and see that there are no others."""
        self._ros.wait_until(lambda: len(self._kept) >= len(expected), what=str(expected))
        assert self.told == list(expected)
        self._kept.clear()

    def end_with(self, *expected):
        """Wait until these are the last ones, and forget what came before."""
        last = slice(-len(expected), None)
        self._ros.wait_until(lambda: self.told[last] == list(expected), what=str(expected))
        self._kept.clear()


@pytest.fixture
def events(ros):
    return Events(ros)


def heard(ros, node):
    """Wait until the events of a node have a way to who keeps them."""
    ros.wait_until(lambda: node.node.count_subscribers('/act/policy/transition_event') > 0)
    return node


LIVES = 8
CONFIGURED = (
    'unconfigured configure configuring',
    'configuring transition_success inactive',
)
ACTIVATED = ('inactive activate activating', 'activating transition_success active')
DEACTIVATED = ('active deactivate deactivating', 'deactivating transition_success inactive')
FAILED = ('active deactivate deactivating', 'deactivating transition_error errorprocessing')
MENDED = ('errorprocessing activate activating', 'activating transition_success active')


def test_a_manager_takes_the_node_through_its_life(ros, robot, policy, models, events):
    write_config(models / 'other', image_size=(36, 48))
    node = heard(ros, policy(autostart=False))
    assert state(ros) == 'unconfigured'
    assert [each[1] for each in possible(ros)] == ['configure', 'shutdown']
    ros.wait_until(lambda: node.state == 'IDLE' and node.node.loop.runtime.missing == ())
    assert 'ros2 lifecycle set /act/policy configure' in node.reason
    assert not node.workers and robot.count() == 0  # though `enable` is true
    refused = enable(ros)
    assert not refused.success and 'no policy is loaded' in refused.message
    assert not change(ros, 'activate')

    assert set_parameter(ros, 'checkpoint', 'other').successful
    assert not node.workers  # known, and not loaded
    assert change(ros, 'configure')
    events.come(*CONFIGURED)
    assert [worker.folder.name for worker in node.workers] == ['other']
    assert state(ros) == 'inactive' and robot.count() == 0

    assert change(ros, number=Transition.TRANSITION_ACTIVATE)
    running(ros, node)
    assert node.worker.seen[-1][1].images['cam_high'].shape == (36, 48, 3)
    assert not change(ros, 'cleanup')  # not from there
    assert change(ros, 'deactivate')
    assert node.state == 'IDLE'
    assert change(ros, 'cleanup')
    assert node.worker.closed and state(ros) == 'unconfigured'
    events.come(
        *ACTIVATED, *DEACTIVATED,
        'inactive cleanup cleaningup', 'cleaningup transition_success unconfigured',
    )  # fmt: skip

    assert change(ros, 'configure') and change(ros, 'activate')
    running(ros, node)
    assert len(node.workers) == 2
    assert change(ros, 'shutdown')
    assert node.stop.is_set() and node.stop.code == 0
    events.come(
        *CONFIGURED, *ACTIVATED,
        'active shutdown shuttingdown', 'shuttingdown transition_success finalized',
    )  # fmt: skip


def test_the_services_and_the_lifecycle_are_one_state(ros, robot, policy, events):
    node = heard(ros, policy(enable=False))
    becomes(ros, 'inactive')
    assert enable(ros).success
    assert state(ros) == 'active'
    running(ros, node)
    assert change(ros, 'deactivate')
    assert node.state == 'IDLE'
    assert change(ros, 'activate')
    assert enable(ros, on=False).success
    assert state(ros) == 'inactive'
    events.end_with(*ACTIVATED, *DEACTIVATED, *ACTIVATED, *DEACTIVATED)


def test_the_node_begins_by_itself_where_it_is_told_to(ros, robot, policy):
    running(ros, policy())
    becomes(ros, 'active')


def test_what_cannot_be_done_is_refused_and_leaves_the_node_as_it_was(ros, robot, policy, events):
    node = heard(ros, policy(autostart=False))
    make = node.node.spawner.make_worker

    def broken(folder):
        worker = make(folder)
        worker.ready, worker.error = False, 'the inference process ended with status 1'
        return worker

    node.node.spawner.make_worker = broken
    assert not change(ros, 'configure')
    failed = 'configuring transition_failure unconfigured'
    events.come('unconfigured configure configuring', failed)
    assert node.worker.closed and node.node.loop.inference.unloaded

    node.node.spawner.make_worker = make
    assert change(ros, 'configure')
    events.come(*CONFIGURED)
    rival = ros.node('rival')
    topic = '/follower_left/commands/joint_group'
    rival.create_publisher(JointGroupCommand, topic, 10)
    ros.wait_until(lambda: node.node.count_publishers(topic) == 2)
    assert not change(ros, 'activate')
    events.come('inactive activate activating', 'activating transition_failure inactive')
    assert state(ros) == 'inactive' and node.state == 'IDLE' and robot.count() == 0
    for label, number in (('fly', 0), ('', 97), ('', 30), ('transition_success', 0)):
        assert not change(ros, label, number)
    assert state(ros) == 'inactive'


def test_a_fault_is_an_error_that_a_person_leaves(ros, robot, policy, events):
    node = heard(ros, policy(enable=False))
    becomes(ros, 'inactive')
    assert change(ros, 'activate')
    running(ros, node)
    events.end_with(*ACTIVATED)
    for leave in (
        lambda: ros.call(ros.node('r'), Trigger, '/act/policy/reset', Trigger.Request()).success,
        lambda: enable(ros).success,
        lambda: change(ros, 'activate'),
    ):
        with node.node.loop.lock:
            node.node.loop.runtime.fail('an arm does not follow')
        events.come(*FAILED)
        assert state(ros) == 'errorprocessing'
        assert [each[1] for each in possible(ros)] == ['activate', 'deactivate', 'shutdown']
        assert leave()
        events.come(*MENDED)
        assert state(ros) == 'active'
    with node.node.loop.lock:
        node.node.loop.runtime.fail('an arm does not follow')
    becomes(ros, 'errorprocessing')
    assert change(ros, 'deactivate')
    assert state(ros) == 'inactive' and node.state == 'IDLE'


def test_a_stop_is_an_error_until_it_is_reset(ros, robot, policy):
    states = keep(ros, PolicyState, '/act/policy_state', LATCHED)
    running(ros, policy())
    becomes(ros, 'active')
    caller = ros.node('caller')
    assert ros.call(caller, Trigger, '/act/policy/stop', Trigger.Request()).success
    becomes(ros, 'errorprocessing')
    assert not change(ros, 'activate')
    assert state(ros) == 'errorprocessing'
    assert ros.call(caller, Trigger, '/act/policy/stop_reset', Trigger.Request()).success
    assert state(ros) == 'inactive'
    ros.wait_until(lambda: states[-1].state == PolicyState.IDLE)


def test_the_node_answers_and_can_be_ended_while_it_is_configured(ros, robot, policy):
    node = policy(autostart=False)

    class Slow(FakeWorker):
        def __init__(self, folder):
            super().__init__(folder)
            self.ready = False
            slow.append(self)

    slow = []
    node.node.spawner.make_worker = Slow
    client = ros.node('manager').create_client(ChangeState, '/act/policy/change_state')
    ros.wait_until(client.service_is_ready)
    request = ChangeState.Request(transition=Transition(label='configure'))
    answer = client.call_async(request)
    ros.wait_until(lambda: slow)
    assert state(ros) == 'configuring' and possible(ros) == []
    states = GetAvailableStates.Request()
    there = ros.call(ros.node('a'), GetAvailableStates, '/act/policy/get_available_states', states)
    assert len(there.available_states) == len(LifecycleState)
    assert len(possible(ros, 'get_transition_graph')) == 28
    assert not enable(ros).success
    node.stop.set()
    ros.wait_until(answer.done)
    assert not answer.result().success and slow[0].closed


def test_many_lives_leave_nothing_behind(ros, robot, policy):
    node = policy(autostart=False)
    made = weakref.WeakSet()

    def make(folder):
        worker = FakeWorker(folder)
        made.add(worker)
        return worker

    node.node.spawner.make_worker = make
    client = ros.node('manager').create_client(ChangeState, '/act/policy/change_state')
    ros.wait_until(client.service_is_ready)
    left = []
    for _ in range(LIVES):
        for label in ('configure', 'activate', 'deactivate', 'cleanup'):
            answer = client.call_async(ChangeState.Request(transition=Transition(label=label)))
            ros.wait_until(answer.done)
            assert answer.result().success, label
            if label == 'activate':
                count = robot.count()
                ros.wait_until(lambda count=count: robot.count() > count)
        gc.collect()
        left.append((threading.active_count(), len(list(Path('/proc/self/fd').iterdir()))))
    assert len(made) <= 1  # of the last life, where a thread may still look at it
    assert left[-1] == left[1]
