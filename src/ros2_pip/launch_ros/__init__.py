# SPDX-License-Identifier: Apache-2.0
"""
A stand-in for ROS 2's launch_ros, for machines where ROS 2 comes from PyPI, which lacks it.

Names and behaviour are those of ROS 2 Jazzy's launch_ros; what is missing says so.
"""

from launch._standin import lacking

from . import actions, parameter_descriptions, substitutions

__all__ = ['actions', 'parameter_descriptions', 'substitutions']

__getattr__ = lacking(__name__)
