# SPDX-License-Identifier: Apache-2.0
"""Inference in a process of its own, and what goes back and forth."""
