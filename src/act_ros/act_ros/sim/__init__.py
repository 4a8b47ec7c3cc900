# SPDX-License-Identifier: Apache-2.0
"""The simulated ALOHA: MuJoCo world, cameras and the scripted operator (no ROS)."""
