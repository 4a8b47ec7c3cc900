# SPDX-License-Identifier: Apache-2.0
"""What commands have in common: the source of those on datasets, numbers, and how they fail."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from act_ros.robot.joint_names import CHOICES


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
    add_joint_order(p)


def add_joint_order(p: argparse.ArgumentParser) -> None:
    """Add the answer to joints that a source names in another order than this robot's."""
    p.add_argument(
        '--joint-order',
        choices=CHOICES,
        help='where the source names its joints in another order than this robot: as-stated puts them into the '
        'order of this robot; ours: its names are wrong, and the values are in the order of this robot',
    )


def fail_in_one_line(name: str, run: Callable[[], int], interrupted: str = '') -> int:
    """Run a command; its errors become one line and status 1, Ctrl+C status 130."""
    from act_ros.data.errors import EpisodeError

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


class OneLineParser(argparse.ArgumentParser):
    """A command line of which what is wrong is said in one line, with status 2."""

    def error(self, message: str) -> NoReturn:
        """Say it and end the process."""
        line = ' '.join(message.split())
        shown = ''.join(c if c.isprintable() else '?' for c in line)
        self.exit(2, f'{self.prog}: {shown}\n')


def whole(least: int, most: int = 2**63 - 1) -> Callable[[str], int]:
    """The type of an option that takes a whole number between two."""

    def convert(text: str) -> int:
        if re.fullmatch(r'[+-]?[0-9]{1,19}', text) and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(
            f"must be a whole number {_range(least, most, 2**63 - 1)}, got '{text}'"
        )

    return convert


def number(least: float, most: float = math.inf, above: bool = False) -> Callable[[str], float]:
    """The type of an option that takes a finite number between two; `above`: not the least itself."""

    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or not least <= value <= most or (above and value == least):
            what = f'above {least:g}' if above else _range(least, most, math.inf)
            raise argparse.ArgumentTypeError(f"must be a number {what}, got '{text}'")
        return value

    return convert


def _range(least: float, most: float, no_limit: float) -> str:
    return f'of at least {least:g}' if most == no_limit else f'from {least:g} to {most:g}'
