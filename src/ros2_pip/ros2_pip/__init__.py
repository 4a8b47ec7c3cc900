# SPDX-License-Identifier: Apache-2.0
"""The part of ROS 2's `ros2` command that this stand-in has."""
