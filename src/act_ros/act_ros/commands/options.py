# SPDX-License-Identifier: Apache-2.0
"""What the commands on datasets have in common: their source, and how they fail."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """A command line whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """End with status 2."""
        self.exit(2, f'{self.prog}: {message}; --help tells what there is\n')


def whole(least: int) -> Callable[[str], int]:
    """The type of an argument that is a whole number from `least` on."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if not least <= value < 2**63:
            raise argparse.ArgumentTypeError(f"'{text}' is no whole number of at least {least}")
        return value

    return read


def number(least: float, at_least: bool = True) -> Callable[[str], float]:
    """The type of an argument that is a finite number from `least` on, or above it."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and (value > least or (at_least and value == least))):
            raise argparse.ArgumentTypeError(
                f"'{text}' is no number {'of at least' if at_least else 'above'} {least:g}"
            )
        return value

    return read


def add_source(p: argparse.ArgumentParser) -> None:
    """Add the arguments that name episodes: the place, which of them, the channels of JPEGs."""
    p.add_argument(
        'source',
        type=Path,
        metavar='SOURCE',
        help="a folder of ALOHA's HDF5 in any dialect, one such file, or a LeRobot dataset (v2.1, v3.0)",
    )
    p.add_argument('--episodes', metavar='LIST', help='e.g. 3, 0-9 or 1,4,7-9; default: all')
    p.add_argument(
        '--jpeg-channels',
        choices=('rgb', 'bgr'),
        help='channels that cv2 decodes from the JPEGs of files that do not say (ours do): rgb for '
        'Interbotix and mobile ALOHA, bgr for recorders that hand BGR to cv2',
    )


def fail_in_one_line(name: str, run: Callable[[], int], interrupted: str = '') -> int:
    """Run a command; its errors become one line and status 1, Ctrl+C status 130."""
    from act_ros.data.rows import EpisodeError

    try:
        return run()
    except EpisodeError as error:
        print(f'{name}: {error}', file=sys.stderr)
    except OSError as error:
        where = f': {error.filename}' if error.filename else ''
        print(f'{name}: {error.strerror or error}{where}', file=sys.stderr)
    except KeyboardInterrupt:
        print(f'{name}: interrupted{"; " + interrupted if interrupted else ""}', file=sys.stderr)
        return 130
    return 1
