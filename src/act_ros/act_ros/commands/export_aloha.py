# SPDX-License-Identifier: Apache-2.0
"""`ros2 run act_ros export_aloha`: episodes of any kind to the original's HDF5, with raw frames."""

from __future__ import annotations

import sys

from act_ros.commands.import_lerobot import export_aloha as main

__all__ = ['main']

if __name__ == '__main__':
    sys.exit(main())
