# SPDX-License-Identifier: Apache-2.0
"""Commands run with `ros2 run act_ros NAME`."""
