# SPDX-License-Identifier: Apache-2.0
"""Episodes: the append-only log, ALOHA HDF5, and the training set read from them (no ROS)."""
