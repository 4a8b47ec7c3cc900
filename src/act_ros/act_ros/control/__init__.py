# SPDX-License-Identifier: Apache-2.0
"""Control: temporal ensemble, limiter and the 50 Hz runtime (NumPy, no ROS)."""
