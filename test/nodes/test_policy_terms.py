# SPDX-License-Identifier: Apache-2.0
"""On what terms a policy runs: joints of this robot, a rate that somebody stated, and what was assumed is said."""

from __future__ import annotations

import pytest
from act_msgs.msg import PolicyState
from fakes import SPEC, write_config
from policy_clients import keep, running, set_parameter

from act_ros.nodes.shared.topics import LATCHED

RIGHT_FIRST = SPEC.joint_names[7:] + SPEC.joint_names[:7]


def test_a_policy_of_another_joint_order_is_refused_at_the_start(policy, models):
    write_config(models / 'swapped', joint_names=RIGHT_FIRST)
    with pytest.raises(ValueError, match=r'swapped: the joints .* entry 0 is right_waist'):
        policy(checkpoint='swapped')


def test_a_policy_of_another_joint_order_is_no_swap(ros, robot, policy, models):
    write_config(models / 'swapped', joint_names=RIGHT_FIRST)
    write_config(models / 'actions', joint_names=SPEC.joint_names, action_names=RIGHT_FIRST)
    write_config(models / 'panda', joint_names=[f'panda_joint{i}_x' for i in 'abcdefghijklmn'])
    node = running(ros, policy())
    for name, reason in (
        ('swapped', 'entry 0 is right_waist (here left_waist)'),
        ('actions', 'the joints of its actions that the policy names: 14 of 14'),
        ('panda', '14 of 14 names are no joints of this robot: panda_jointa_x'),
    ):
        result = set_parameter(ros, 'checkpoint', name)
        assert not result.successful
        assert reason in result.reason and '--joint-order' in result.reason
    assert node.state == 'RUNNING' and len(node.workers) == 1


def test_a_policy_that_names_the_joints_of_this_robot_is_taken_without_a_word(
    ros, robot, policy, models
):
    states = keep(ros, PolicyState, '/act/policy_state', LATCHED)
    write_config(models / 'named', joint_names=[f'{name}.pos' for name in SPEC.joint_names])
    node = running(ros, policy())
    ros.wait_until(lambda: states)
    assert list(states[-1].notes) == [
        'it names no joints; they are taken to be in the order of this robot'
    ]
    result = set_parameter(ros, 'checkpoint', 'named')
    assert result.successful and result.reason == ''
    ros.wait_until(lambda: states[-1].checkpoint.endswith('/named'))
    assert list(states[-1].notes) == []
    node.workers[-1].runs_on = 'runs on an engine'
    ros.wait_until(lambda: list(states[-1].notes) == ['runs on an engine'])


def test_what_was_assumed_is_in_the_state_and_in_the_answer_to_a_swap(ros, robot, policy, models):
    states = keep(ros, PolicyState, '/act/policy_state', LATCHED)
    write_config(models / 'unstated', rate_assumed=True, joint_names=SPEC.joint_names)
    running(ros, policy())
    result = set_parameter(ros, 'checkpoint', 'unstated')
    assert result.successful
    assert 'nobody stated the rate that it was trained at, and 50 Hz is assumed' in result.reason
    ros.wait_until(lambda: states[-1].checkpoint.endswith('/unstated'))
    assert any('50 Hz is assumed' in note for note in states[-1].notes)


def test_what_was_assumed_is_logged_at_the_start(policy, models, capfd):
    write_config(models / 'unstated', rate_assumed=True)
    policy(checkpoint='unstated', enable=False)
    said = capfd.readouterr().err
    assert 'WARN' in said and 'unstated: nobody stated the rate' in said


@pytest.mark.parametrize(
    ('rate_hz', 'reason'),
    [
        (0.0, 'nobody stated the rate .* policy_rate_hz:=50'),
        (1000.0, 'trained at 1000 Hz; policies of 2 to 200 Hz'),
    ],
)
def test_a_rate_that_must_be_stated_stops_the_start(policy, models, rate_hz, reason):
    write_config(models / 'unstated', rate_assumed=True)
    with pytest.raises(ValueError, match=reason):
        policy(checkpoint='unstated', assume_rate=False, policy_rate_hz=rate_hz)


def test_a_rate_that_was_stated_once_lets_it_start_and_stays(ros, robot, policy, models):
    write_config(models / 'unstated', rate_assumed=True)
    node = running(ros, policy(checkpoint='unstated', assume_rate=False, policy_rate_hz=50.0))
    assert '50 Hz is what policy_rate_hz says' in node.node.loop.engine.notes[0]
    result = set_parameter(ros, 'policy_rate_hz', 1000.0)
    assert not result.successful and 'trained at 1000 Hz' in result.reason
    result = set_parameter(ros, 'policy_rate_hz', 0.0)
    assert not result.successful and 'nobody stated the rate' in result.reason
    assert node.node.parameters.values['policy_rate_hz'] == 50.0
    assert set_parameter(ros, 'policy_rate_hz', 25.0).successful
    assert node.node.loop.engine.grid.ticks == 100


def test_a_rate_that_must_be_stated_stops_a_swap_until_it_is(ros, robot, policy, models):
    write_config(models / 'unstated', rate_assumed=True)
    node = running(ros, policy(assume_rate=False))
    result = set_parameter(ros, 'checkpoint', 'unstated')
    assert not result.successful and 'policy_rate_hz' in result.reason
    assert set_parameter(ros, 'policy_rate_hz', 50.0).successful
    assert set_parameter(ros, 'checkpoint', 'unstated').successful
    assert node.node.loop.engine.folder.name == 'unstated'


def test_a_robot_is_not_run_by_what_was_learned_in_simulation(ros, robot, policy, models):
    write_config(models / 'simulated', training_seeds=[[1000, 1049]])
    with pytest.raises(
        ValueError, match=r'simulated demonstrations \(seeds 1000 to 1049\).*sim_to_real:=true'
    ):
        policy(checkpoint='simulated', sim_to_real=False)
    node = running(ros, policy(sim_to_real=False))
    result = set_parameter(ros, 'checkpoint', 'simulated')
    assert not result.successful and 'simulated demonstrations' in result.reason
    assert node.node.loop.engine.folder.name != 'simulated'


def test_a_policy_that_states_its_rate_needs_nobody_else_to(ros, robot, policy, models):
    write_config(models / 'slow', rate_hz=30.0)
    node = running(ros, policy(assume_rate=False, policy_rate_hz=50.0))
    assert set_parameter(ros, 'checkpoint', 'slow').successful
    assert any('trained at 30 Hz' in note for note in node.node.loop.engine.notes)
    assert node.node.loop.engine.grid.ticks == 84  # 50 actions last 1.67 s


@pytest.mark.parametrize('value', [8192, 1e5, True])
def test_a_name_that_yaml_took_for_something_else_is_answered_with_how_to_write_it(
    ros, robot, policy, value
):
    node = policy(enable=False)
    kinds = {int: 'integer_value', float: 'double_value', bool: 'bool_value'}
    from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
    from rcl_interfaces.srv import SetParameters

    number = {int: ParameterType.PARAMETER_INTEGER, float: ParameterType.PARAMETER_DOUBLE}
    kind = number.get(type(value), ParameterType.PARAMETER_BOOL)
    message = ParameterValue(type=kind, **{kinds[type(value)]: value})
    request = SetParameters.Request(parameters=[Parameter(name='checkpoint', value=message)])
    answer = ros.call(ros.node('digits'), SetParameters, '/act/policy/set_parameters', request)
    (result,) = answer.results
    assert not result.successful and '8192' not in result.reason
    assert """checkpoint '"NAME"'""" in result.reason
    with pytest.raises(ValueError, match='needs quotes within quotes'):
        policy(checkpoint=value)
    assert node.node.loop.engine.folder.name == 'fake'


def test_a_policy_of_very_short_chunks_is_loaded_with_a_word_on_inference(
    ros, robot, policy, models
):
    states = keep(ros, PolicyState, '/act/policy_state', LATCHED)
    write_config(models / 'short', chunk=2, joint_names=SPEC.joint_names)
    policy(checkpoint='short', enable=False)
    ros.wait_until(lambda: states)
    (note,) = states[-1].notes
    assert '2 actions last 40 ms' in note
    assert 'inference:=sync' in note[:125]  # as much as `ros2 topic echo` shows
