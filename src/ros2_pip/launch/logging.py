# SPDX-License-Identifier: Apache-2.0
"""
Where a launch writes to: the screen, and `launch.log` in a folder of its own.

The folder is made below ROS_LOG_DIR, else ROS_HOME/log, else ~/.ros/log, when a launch starts.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import logging
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ._standin import lacking, missing

__getattr__ = lacking(__name__)

_SCREEN = '[{levelname}] [{name}]: {message}'
_FILE = '{created:.7f} [{levelname}] [{name}]: {message}'
_SCREEN_LINE = '{message}'
_FILE_LINE = '{created:.7f} {message}'

# Where each kind of output sends what a process writes to its output, and to its error output.
_OUTPUTS = {
    'screen': ({'screen'}, {'screen'}),
    'log': ({'log'}, {'log', 'screen'}),
    'both': ({'screen', 'log'}, {'screen', 'log'}),
}

# A tree of loggers apart from Python's: what nodes' libraries log in this process stays theirs.
_root = logging.RootLogger(logging.INFO)
_root.manager = _loggers = logging.Manager(_root)


class _Screen(logging.StreamHandler[Any]):
    """Writes to what is the standard output at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stdout
        super().emit(record)


@functools.cache
def _screen(form: str) -> logging.Handler:
    handler = _Screen(sys.stdout)
    handler.setFormatter(logging.Formatter(form, style='{'))
    return handler


@functools.cache
def _file(form: str) -> logging.Handler:
    handler = logging.FileHandler(f'{launch_config.log_dir}/launch.log', encoding='utf-8')
    handler.setFormatter(logging.Formatter(form, style='{'))
    return handler


_root.addHandler(_screen(_SCREEN))


def _new_folder() -> Path:
    home = os.environ.get('ROS_HOME') or '~/.ros'
    base = Path(os.environ.get('ROS_LOG_DIR') or Path(home, 'log')).expanduser()
    now = datetime.datetime.now().strftime('%Y-%m-%d-%H-%M-%S-%f')
    folder = base / f'{now}-{socket.gethostname()}-{os.getpid()}'
    folder.mkdir(parents=True, exist_ok=True)
    latest = base / 'latest'
    # A convenience that two launches may fight for: the loser goes without.
    with contextlib.suppress(OSError):
        if latest.is_symlink():
            latest.unlink()
        latest.symlink_to(folder, target_is_directory=True)
    return folder


class _Configuration:
    """Level and folder of this process's launches."""

    @property
    def level(self) -> int:
        """The least level that is logged."""
        return _root.level

    @level.setter
    def level(self, level: int | str) -> None:
        _root.setLevel(level)

    @functools.cached_property
    def log_dir(self) -> str:
        """The folder; it is made when it is asked for."""
        return str(_new_folder())


launch_config = _Configuration()


def get_logger(name: str | None = None) -> logging.Logger:
    """Return a logger for the screen and `launch.log`."""
    return _loggers.getLogger(name) if name else _root


def announce() -> None:
    """Open `launch.log`, and say where it is."""
    _root.addHandler(_file(_FILE))
    get_logger('launch').info('All log files can be found below %s', launch_config.log_dir)


def get_output_loggers(
    process_name: str, output_config: str | Mapping[str, Any]
) -> tuple[logging.Logger, logging.Logger]:
    """
    Return the loggers of what a process writes to its output and to its error output.

    :param output_config: 'screen', 'log' (errors go to the screen, too) or 'both'; or a mapping of
        'stdout', 'stderr' or 'both' to 'screen', 'log' or a set of them
    :raises ValueError: for anything else
    """
    if isinstance(output_config, str):
        places = _OUTPUTS.get(output_config)
    else:
        chosen = {
            stream: {place} if isinstance(place, str) else set(place)
            for stream, place in output_config.items()
        }
        both = chosen.pop('both', set())
        places = chosen.pop('stdout', set()) | both, chosen.pop('stderr', set()) | both
        if chosen or not places[0] | places[1] <= {'screen', 'log'}:
            places = None
    if places is None:
        raise ValueError(missing('launch', f'output={output_config!r}'))
    return (
        _output_logger(f'{process_name}-stdout', places[0]),
        _output_logger(f'{process_name}-stderr', places[1]),
    )


def _output_logger(name: str, places: set[str]) -> logging.Logger:
    logger = _loggers.getLogger(name)
    logger.propagate = False
    logger.handlers.clear()
    if 'screen' in places:
        logger.addHandler(_screen(_SCREEN_LINE))
    if 'log' in places:
        logger.addHandler(_file(_FILE_LINE))
    return logger
