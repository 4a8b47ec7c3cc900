# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: F401  -- what is imported here is what this module offers
"""A stand-in for ROS 2's launch_ros, for where ROS 2 is from PyPI; see `launch`."""

from launch._standin import lacking

from . import actions, parameter_descriptions, substitutions

__getattr__ = lacking(__name__)
