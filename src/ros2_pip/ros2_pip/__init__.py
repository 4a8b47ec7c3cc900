# SPDX-License-Identifier: Apache-2.0
"""The ros2 command of the stand-in: what a user of ROS 2 Jazzy's ros2cli expects of it."""
