# SPDX-License-Identifier: Apache-2.0
"""Motions through the limiter that no policy makes: followed leaders, poses, a replay."""
