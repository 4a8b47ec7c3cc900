# SPDX-License-Identifier: Apache-2.0
"""What a node says is printable text: answers of services and of `ros2 param set`, topics, log lines."""

from __future__ import annotations

import pytest
from act_msgs.srv import ListModels
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rcl_interfaces.msg import Log, Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import GetParameters, SetParameters
from std_srvs.srv import Trigger

from act_ros.nodes.shared.base import BaseNode, printable_message
from act_ros.nodes.shared.parameters import Param, Parameters
from act_ros.nodes.shared.topics import LATCHED
from act_ros.text import printable

NASTY = 'a\ud800b\udcff\x1b[31m\u202e\0\x9b\u2028\r\nERROR: x'
texts = st.text('\ud800\udfff\x00\x07\x1b\r\n\t\u202e\u2066\u200bab', max_size=20)


class Said(BaseNode):
    """A node that says what it was told to, everywhere."""

    def __init__(self, **options):
        super().__init__('said', namespace='/printable', **options)
        self.text = ''
        self.parameters = Parameters(
            self,
            [
                Param('name', '', 'A text.', read_only=False),
                Param('which', 'a', 'One.', choices=('a',)),
            ],
            change=self._refuse,
        )
        self.create_service(Trigger, '~/trigger', self._on_trigger)
        self.create_service(ListModels, '~/models', self._on_models)
        self.state = self.create_publisher(DiagnosticArray, '~/state', LATCHED)

    def _refuse(self, _):
        raise ValueError(f'refused: {self.text}')

    def _on_trigger(self, _, response):
        response.message = self.text
        return response

    def _on_models(self, _, response):
        response.live, response.names, response.notes = self.text, [self.text, 'x'], []
        return response


@pytest.fixture(scope='module')
def said(module_ros):
    return module_ros.add(Said(context=module_ros.context))


@pytest.fixture(scope='module')
def client(module_ros):
    return module_ros.node('client')


def fit(text: str) -> bool:
    return text.replace('\n', '').isprintable()


@settings(max_examples=15)
@given(text=texts)
@example(text=NASTY)
def test_answers_of_services_are_printable(module_ros, said, client, text):
    said.text = text
    answer = module_ros.call(client, Trigger, '/printable/said/trigger', Trigger.Request())
    assert answer.message == printable(text)
    models = module_ros.call(client, ListModels, '/printable/said/models', ListModels.Request())
    assert (models.live, models.names) == (printable(text), [printable(text), 'x'])


@settings(max_examples=15)
@given(text=texts)
@example(text=NASTY)
def test_the_answer_to_a_parameter_is_printable(module_ros, said, client, text):
    """Refused by the node, by its table, and by rclpy itself."""
    said.text = text
    # What comes over the wire has no lone surrogates and no zeros.
    given_text = text.encode('utf-8', 'replace').decode().replace('\0', '') + '\x1b'
    value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=given_text)
    for name in ('name', 'which', 'unknown\x1b\u202e'):
        request = SetParameters.Request(parameters=[Parameter(name=name, value=value)])
        answer = module_ros.call(client, SetParameters, '/printable/said/set_parameters', request)
        (result,) = answer.results
        assert not result.successful and result.reason and fit(result.reason)
        if name == 'name':
            assert result.reason == printable(f'refused: {text}')
    request = GetParameters.Request(names=['which'])
    answer = module_ros.call(client, GetParameters, '/printable/said/get_parameters', request)
    assert answer.values[0].string_value == 'a'


@settings(max_examples=15)
@given(text=texts)
@example(text=NASTY)
def test_topics_and_log_lines_are_printable(module_ros, said, client, text):
    heard, lines = [], []
    subscriptions = [
        client.create_subscription(
            DiagnosticArray, '/printable/said/state', heard.append, LATCHED
        ),
        client.create_subscription(Log, '/rosout', lines.append, 100),
    ]
    values = [KeyValue(key=text, value=text)]
    status = DiagnosticStatus(name=text, message=text, hardware_id='x', values=values)
    said.state.publish(DiagnosticArray(status=[status, status]))
    module_ros.wait_until(lambda: any(m.status[0].name == printable(text) for m in heard))
    last = heard[-1].status[1]
    assert {last.name, last.message, last.values[0].key, last.values[0].value} == {printable(text)}

    def logged() -> bool:
        said.get_logger().warning(f'it said: {text}')
        return any(line.msg == printable(f'it said: {text}') for line in lines)

    module_ros.wait_until(logged)
    for subscription in subscriptions:
        client.destroy_subscription(subscription)


def test_rclpy_still_tells_the_places_of_log_calls_apart(module_ros, said, client):
    """It keeps by place what was said once, and how often: a wrapper that were the place would mix them up."""
    lines = []
    client.create_subscription(Log, '/rosout', lines.append, 100)

    def logged() -> bool:
        said.get_logger().info('one', once=True)
        said.get_logger().error('two', throttle_duration_sec=0.05)
        return {'two'} <= {line.msg for line in lines}

    module_ros.wait_until(logged)
    places = {line.function for line in lines if line.msg == 'two'}
    assert places == {'logged'}, (
        'rclpy keeps no list of files that are no place any more: see shared/base.py'
    )


def test_a_message_without_text_is_left_as_it_is():
    message = ParameterValue(double_value=1.5, byte_array_value=[b'\x00'])
    assert printable_message(message) is message and message.double_value == 1.5
