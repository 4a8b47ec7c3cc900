# SPDX-License-Identifier: Apache-2.0
"""ROS 2 nodes: thin carriers of messages to and from the stage code."""

from __future__ import annotations

import os
import signal
import sys

if sys.argv[0].endswith(f'/lib/act_ros/{os.path.basename(sys.argv[0])}'):  # noqa: PTH119 - pathlib takes its time
    # A program of ours begins. What it imports takes seconds, and until it is ready for a Ctrl+C that ends it without
    # a word: nothing runs yet, and no arm was moved.
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
