# SPDX-License-Identifier: Apache-2.0
"""The program `ros2`, and `python -m ros2_pip`."""

# First of all, and of the module that takes no time: until a command is ready for a Ctrl+C, that
# ends this without a word.
import _signal as signal

if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import sys  # noqa: E402

from .cli import main  # noqa: E402

if __name__ == '__main__':
    sys.exit(main())
