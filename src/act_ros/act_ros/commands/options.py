# SPDX-License-Identifier: Apache-2.0
"""What the commands have in common: their parser, the types of their options, and how they fail."""

from __future__ import annotations

import argparse
import math
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from act_ros.number_list import numbers_text, parse_numbers, parse_runs
from act_ros.policy.engines.choice import AUTO, DEVICES, ENGINES, PRECISIONS, EngineChoice
from act_ros.robot.joint_names import CHOICES
from act_ros.text import nobody_reads, shown
from act_ros.version import own_version

if TYPE_CHECKING:
    from act_ros.data.formats.collection import EpisodeRef

MOST_WORKERS = 256


class OneLineParser(argparse.ArgumentParser):
    """A command line of which what is wrong is said in one line, with status 2."""

    def __init__(self, **options: Any) -> None:
        """As argparse's own; the text at the end of the help keeps its lines, and there is --version."""
        options.setdefault('formatter_class', argparse.RawDescriptionHelpFormatter)
        super().__init__(**options)
        self.add_argument(
            '--version', action='version', version=f'{self.prog} of act_ros {own_version()}'
        )

    def error(self, message: str) -> NoReturn:
        """Say it and end the process."""
        line = ' '.join(message.split())
        text = ''.join(c if c.isprintable() else '?' for c in line)
        self.exit(2, f'{self.prog}: {text}\n')


def add_source(p: argparse.ArgumentParser) -> None:
    """Add the arguments that name episodes: the place, which of them, the channels of JPEGs."""
    p.add_argument(
        'source',
        type=existing_path,
        metavar='SOURCE',
        help="a folder of ALOHA's HDF5 in any dialect, one such file, or a LeRobot dataset (v2.0, v2.1, v3.0)",
    )
    p.add_argument(
        '--episodes',
        type=episode_list,
        metavar='LIST',
        help='e.g. 3, 0-9 or 1,4,7-9; default: all',
    )
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


def add_workers(p: argparse.ArgumentParser, default: int | None, what: str) -> None:
    """Add --workers; `what` says what they do, and how many there are by default."""
    p.add_argument(
        '--workers', type=whole(1, MOST_WORKERS), default=default, metavar='N', help=what
    )


def add_engine(p: argparse.ArgumentParser) -> None:
    """Add --device, --engine and --precision: what runs a policy's network."""
    group = p.add_argument_group('what runs the network')
    for name, choices, what in (
        (
            'device',
            DEVICES,
            'auto: an NVIDIA GPU where there is one that works, else the processor',
        ),
        ('engine', ENGINES, 'auto: the fastest that is installed and agrees with PyTorch in fp32'),
        ('precision', PRECISIONS, 'auto: fp32 on the processor, fp16 on a GPU'),
    ):
        group.add_argument(f'--{name}', choices=choices, default=AUTO, help=f'default: {what}')


def chosen_engine(args: argparse.Namespace) -> EngineChoice:
    """What the arguments of `add_engine` ask for."""
    return EngineChoice(args.device, args.engine, args.precision)


def chosen_episodes(args: argparse.Namespace) -> list[EpisodeRef]:
    """The episodes that the arguments of `add_source` name; says which of a range there are not.

    Raises:
        SourceError: there are none, or one that is named is not there.
    """
    from act_ros.data.formats.collection import absent, choose, find_episodes

    refs = find_episodes(args.source, args.jpeg_channels, args.joint_order)
    taken = choose(refs, args.episodes)
    if missing := absent(refs, args.episodes):
        print(f'{args.source} has no episode {numbers_text(missing)}', file=sys.stderr)
    return taken


def fail_in_one_line(name: str, run: Callable[[], int], interrupted: str = '') -> int:
    """Run a command; its errors become one line: status 2 where the arguments name nothing of use, else 1.

    Ctrl+C gives status 130.
    """
    from act_ros.data.errors import EpisodeError, SourceError

    status = 1
    try:
        return run()
    except SourceError as error:
        print(f'{name}: {error}', file=sys.stderr)
        status = 2
    except EpisodeError as error:
        print(f'{name}: {error}', file=sys.stderr)
    except OSError as error:
        if isinstance(error, BrokenPipeError) and nobody_reads():
            return 128 + signal.SIGPIPE
        where = f': {error.filename}' if error.filename else ''
        print(f'{name}: {error.strerror or error}{where}', file=sys.stderr)
    except KeyboardInterrupt:
        print(f'{name}: interrupted{"; " + interrupted if interrupted else ""}', file=sys.stderr)
        return 130
    return status


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
            value = float(text) if re.fullmatch(r'[-+.0-9eE]+', text) else math.nan
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or not least <= value <= most or (above and value == least):
            what = f'above {least:g}' if above else _range(least, most, math.inf)
            raise argparse.ArgumentTypeError(f"must be a number {what}, got '{text}'")
        return value

    return convert


def _range(least: float, most: float, no_limit: float) -> str:
    return f'of at least {least:g}' if most == no_limit else f'from {least:g} to {most:g}'


def seed_list(text: str) -> tuple[int, ...]:
    """The type of an option that takes seeds: '0-49'."""
    try:
        return parse_numbers(text, 'seeds')
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def episode_list(text: str) -> str:
    """The type of an option that takes numbers of episodes, as `choose` reads them."""
    try:
        parse_runs(text, 'episodes')
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def words(text: str) -> str:
    """The type of an option that takes a name or a sentence: anything but nothing."""
    if not text.strip():
        raise argparse.ArgumentTypeError('is empty')
    return text


def size(text: str) -> tuple[int, int]:
    """The type of an option that takes the size of pictures, HEIGHTxWIDTH."""
    match = re.fullmatch(r'([0-9]{1,5})x([0-9]{1,5})', text)
    if not match or not all(16 <= int(side) <= 4096 for side in match.groups()):
        raise argparse.ArgumentTypeError(
            f"must be HEIGHTxWIDTH, such as 480x640, 16 to 4096 each, got '{text}'"
        )
    return int(match[1]), int(match[2])


def existing_path(text: str) -> Path:
    """The type of an argument that names a file or folder to read."""
    path = _path(text)
    if not _kind(path):
        raise argparse.ArgumentTypeError(f'there is no {shown(text)}')
    return path


def existing_file(text: str) -> Path:
    """The type of an option that names a file to read."""
    path = existing_path(text)
    if _kind(path) == 'folder':
        raise argparse.ArgumentTypeError(f'{shown(text)} is a folder; name a file')
    return path


def folder_to_write(text: str) -> Path:
    """The type of an option that names a folder to write into, which need not be there yet."""
    path = _path(text)
    for part in (path, *path.parents):
        kind = _kind(part)
        if kind == 'file':
            raise argparse.ArgumentTypeError(f'{shown(str(part))} is no folder; name a folder')
        if kind:
            break
    return path


def file_to_write(text: str) -> Path:
    """The type of an option that names a file to write, in a folder that is there."""
    path = _path(text)
    if _kind(path) == 'folder':
        raise argparse.ArgumentTypeError(f'{shown(text)} is a folder; name a file')
    if _kind(path.parent) != 'folder':
        raise argparse.ArgumentTypeError(f'there is no folder {shown(str(path.parent))}')
    return path


def _path(text: str) -> Path:
    if not text.strip() or '\0' in text:
        raise argparse.ArgumentTypeError('is empty' if not text.strip() else 'is no path')
    try:
        return Path(text).expanduser()  # a shell leaves the ~ of --output=~/run as it is
    except RuntimeError as error:
        raise argparse.ArgumentTypeError(
            f'is {shown(text)}; no user of this name has a home'
        ) from error


def _kind(path: Path) -> str:
    """'folder', 'file', or '' where nothing is."""
    try:
        return 'folder' if path.is_dir() else 'file' if os.path.lexists(path) else ''
    except OSError as error:  # a name that is too long, say
        raise argparse.ArgumentTypeError(f'{error.strerror}: {shown(str(path))}') from error
