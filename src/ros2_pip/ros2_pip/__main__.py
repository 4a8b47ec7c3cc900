# SPDX-License-Identifier: Apache-2.0
"""``python -m ros2_pip`` is ``ros2``."""

import sys

from .cli import main

sys.exit(main())
