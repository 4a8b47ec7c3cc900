# SPDX-License-Identifier: Apache-2.0
"""The program `ros2`, and `python -m ros2_pip`."""

import signal
import sys

# First of all: until a command is ready for a Ctrl+C, it ends this without a word.
if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from .cli import main  # noqa: E402

if __name__ == '__main__':
    sys.exit(main())
