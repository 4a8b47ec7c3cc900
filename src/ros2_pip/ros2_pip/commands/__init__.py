# SPDX-License-Identifier: Apache-2.0
"""The commands, one module each: see `ros2_pip.cli`."""
