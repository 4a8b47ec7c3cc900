# SPDX-License-Identifier: Apache-2.0
"""The ACT network, its checkpoints, its training and its inference process (PyTorch, no ROS)."""
