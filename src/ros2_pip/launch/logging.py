# SPDX-License-Identifier: Apache-2.0
"""
Where a launch writes to: the screen, and files in a folder of its own.

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

from ._standin import lacking

__getattr__ = lacking(__name__)

_SCREEN = '[{levelname}] [{name}]: {message}'
_FILE = '{created:.7f} [{levelname}] [{name}]: {message}'
_SCREEN_LINE = '{message}'
_FILE_LINE = '{created:.7f} {message}'

# What the names of outputs stand for: where both streams of a process go, its output, its errors.
_OUTPUTS: dict[str, dict[str, set[str]]] = {
    'screen': {'both': {'screen'}},
    'log': {'both': {'log'}, 'stderr': {'screen'}},
    'both': {'both': {'screen', 'log'}},
    'own_log': {'both': {'own_log'}, 'stdout': {'own_log'}, 'stderr': {'own_log'}},
    'full': {'both': {'screen', 'log', 'own_log'}, 'stdout': {'own_log'}, 'stderr': {'own_log'}},
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
def _file(path: str, form: str) -> logging.Handler:
    handler = logging.FileHandler(path, encoding='utf-8')
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
    _root.addHandler(_file(str(Path(launch_config.log_dir, 'launch.log')), _FILE))
    logger = get_logger('launch')
    logger.info('All log files can be found below %s', launch_config.log_dir)
    level = logging.getLevelName(launch_config.level)
    logger.info('Default logging verbosity is set to %s', level)


def get_output_loggers(
    process_name: str, output_config: str | Mapping[str, Any]
) -> tuple[logging.Logger, logging.Logger]:
    """
    Return the loggers of what a process writes to its output and to its error output.

    :param output_config: 'screen', 'log' (errors go to the screen, too), 'both', 'own_log', 'full';
        or a mapping of 'stdout', 'stderr', 'both' to one or more of 'screen', 'log', 'own_log'
    :raises ValueError: for anything else
    """
    chosen = _chosen(output_config)
    return (
        _output_logger(process_name, 'stdout', chosen),
        _output_logger(process_name, 'stderr', chosen),
    )


def _chosen(output: str | Mapping[str, Any]) -> dict[str, set[str]]:
    if isinstance(output, str):
        if output not in _OUTPUTS:
            raise ValueError(f"output '{output}' is none of {', '.join(_OUTPUTS)}")
        return _OUTPUTS[output]
    chosen = {
        stream: {places} if isinstance(places, str) else set(places)
        for stream, places in output.items()
    }
    wrong = set(chosen) - {'stdout', 'stderr', 'both'}
    wrong |= set().union(*chosen.values()) - {'screen', 'log', 'own_log'}
    if wrong:
        raise ValueError(
            f'output {output}: {sorted(wrong)} is not known; a mapping is like '
            "{'stdout': 'screen', 'stderr': {'screen', 'log', 'own_log'}}"
        )
    return chosen


def _output_logger(name: str, stream: str, chosen: dict[str, set[str]]) -> logging.Logger:
    both, own = chosen.get('both', set()), chosen.get(stream, set())
    logger = _loggers.getLogger(f'{name}-{stream}')
    logger.propagate = False
    logger.handlers.clear()
    if 'screen' in both | own:
        logger.addHandler(_screen(_SCREEN_LINE))
    files = ['launch.log'] if 'log' in both | own else []
    files += [f'{name}-{stream}.log'] if 'own_log' in own else []
    files += [f'{name}.log'] if 'own_log' in both else []
    for file in files:
        form = _FILE_LINE if file == 'launch.log' else _SCREEN_LINE
        logger.addHandler(_file(str(Path(launch_config.log_dir, file)), form))
    return logger
