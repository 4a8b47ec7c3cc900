# SPDX-License-Identifier: Apache-2.0
"""What tests ask of a policy node, and hear of it."""

from __future__ import annotations

from rcl_interfaces.msg import Parameter as ParameterMsg
from rcl_interfaces.msg import ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from std_srvs.srv import SetBool


def keep(ros, kind, topic, qos=10):
    """A list that grows with what is published."""
    got = []
    ros.node(f'keeper_{topic.replace("/", "_")}').create_subscription(kind, topic, got.append, qos)
    return got


def set_parameter(ros, name, value):
    kinds = {
        str: (ParameterType.PARAMETER_STRING, 'string_value'),
        float: (ParameterType.PARAMETER_DOUBLE, 'double_value'),
        int: (ParameterType.PARAMETER_INTEGER, 'integer_value'),
    }
    kind, field = kinds[type(value)]
    message = ParameterMsg(name=name, value=ParameterValue(type=kind, **{field: value}))
    request = SetParameters.Request(parameters=[message])
    answer = ros.call(ros.node('setter'), SetParameters, '/act/policy/set_parameters', request, 60)
    return answer.results[0]


def enable(ros, on=True):
    return ros.call(ros.node('enabler'), SetBool, '/act/policy/enable', SetBool.Request(data=on))


def running(ros, policy):
    ros.wait_until(lambda: policy.state == 'RUNNING', what='RUNNING')
    return policy
