# SPDX-License-Identifier: Apache-2.0
"""ROS 2 nodes: thin carriers of messages to and from the stage code."""
