# SPDX-License-Identifier: Apache-2.0
"""The simulator node: four drivers and the cameras, as the real ones' topics and services."""
