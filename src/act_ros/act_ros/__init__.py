# SPDX-License-Identifier: Apache-2.0
"""Run, record and train ACT (Action Chunking with Transformers) on an ALOHA robot under ROS 2."""

__version__ = '0.1.0'
