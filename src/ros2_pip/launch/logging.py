# SPDX-License-Identifier: Apache-2.0
"""
Logging of a launch: to the screen, and to ``launch.log`` in a folder of its own.

The folder is made below ROS_LOG_DIR, else ROS_HOME/log, else ~/.ros/log, when it is first needed.
"""

from __future__ import annotations

import codecs
import contextlib
import datetime
import logging
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ._standin import lacking

__getattr__ = lacking(__name__)

_DESTINATIONS = ('screen', 'log', 'own_log')
_SOURCES = ('stdout', 'stderr', 'both')
_NAMED_OUTPUTS: dict[str, dict[str, set[str]]] = {
    'screen': {'both': {'screen'}},
    'log': {'both': {'log'}, 'stderr': {'screen'}},
    'both': {'both': {'screen', 'log'}},
    'own_log': {'both': {'own_log'}, 'stdout': {'own_log'}, 'stderr': {'own_log'}},
    'full': {'both': {'screen', 'log', 'own_log'}, 'stdout': {'own_log'}, 'stderr': {'own_log'}},
}


class _Formatter(logging.Formatter):
    """Formats messages of the launch; lines of a process pass with no more than a time."""

    def __init__(self, of_launch: str, of_process: str) -> None:
        super().__init__(of_launch, style='{')
        self.__of_process = logging.Formatter(of_process, style='{')

    def format(self, record: logging.LogRecord) -> str:
        if getattr(record, 'of_process', False):
            return self.__of_process.format(record)
        return super().format(record)


class _ScreenHandler(logging.StreamHandler[Any]):
    """Writes to the output of the moment; what its encoding lacks is replaced."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stdout
        super().emit(record)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        encoding = getattr(sys.stdout, 'encoding', None) or 'utf-8'
        if codecs.lookup(encoding).name == 'utf-8':
            return text
        return text.encode(encoding, 'replace').decode(encoding)


def _base_directory() -> Path:
    path = os.environ.get('ROS_LOG_DIR')
    if not path:
        path = str(Path(os.environ.get('ROS_HOME') or '~/.ros') / 'log')
    return Path(path).expanduser()


def _new_directory(base: Path) -> Path:
    """Make a folder named for this moment, host and process; point 'latest' at it."""
    while True:
        now = datetime.datetime.now().strftime('%Y-%m-%d-%H-%M-%S-%f')
        folder = base / f'{now}-{socket.gethostname()}-{os.getpid()}'
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
            break
    latest = base / 'latest'
    # 'latest' is a convenience: two launches may race for it, and the loser goes without.
    with contextlib.suppress(OSError):
        if latest.is_symlink():
            latest.unlink()
        latest.symlink_to(folder, target_is_directory=True)
    return folder


class LaunchConfig:
    """Level, folder and handlers of all loggers of this process's launches."""

    def __init__(self) -> None:
        """Start with the level INFO; nothing is opened yet."""
        self.__log_dir: str | None = None
        self.__screen: _ScreenHandler | None = None
        self.__files: dict[str, logging.Handler] = {}
        self.__level = logging.INFO

    @property
    def level(self) -> int:
        """The lowest level that is logged."""
        return self.__level

    @level.setter
    def level(self, new_level: int | str) -> None:
        self.__level = logging.getLevelName(new_level) if isinstance(new_level, str) else new_level
        for name in logging.root.manager.loggerDict:
            if name.startswith(_PREFIX):
                logging.getLogger(name).setLevel(self.__level)

    @property
    def log_dir(self) -> str:
        """The folder of this launch's logs."""
        if self.__log_dir is None:
            self.__log_dir = str(_new_directory(_base_directory()))
        return self.__log_dir

    @log_dir.setter
    def log_dir(self, new_log_dir: str) -> None:
        if not Path(new_log_dir).is_dir():
            raise ValueError(f'{new_log_dir} is not a directory')
        self.__log_dir = new_log_dir

    def get_log_file_path(self, file_name: str = 'launch.log') -> str:
        """Return the path of a file in the folder."""
        return str(Path(self.log_dir) / file_name)

    def get_screen_handler(self) -> logging.Handler:
        """Return the handler for the screen."""
        if self.__screen is None:
            self.__screen = _ScreenHandler()
            form = (
                os.environ.get('OVERRIDE_LAUNCH_SCREEN_FORMAT') or '[{levelname}] [{name}]: {msg}'
            )
            self.__screen.setFormatter(_Formatter(_unprefixed(form), '{message}'))
        return self.__screen

    def get_log_file_handler(self, file_name: str = 'launch.log') -> logging.Handler:
        """Return the handler for a file of the folder."""
        if file_name not in self.__files:
            handler = logging.FileHandler(self.get_log_file_path(file_name), encoding='utf-8')
            form = (
                os.environ.get('OVERRIDE_LAUNCH_LOG_FORMAT')
                or '{created:.7f} [{levelname}] [{name}]: {msg}'
            )
            plain = '{created:.7f} {message}' if file_name == 'launch.log' else '{message}'
            handler.setFormatter(_Formatter(_unprefixed(form), plain))
            self.__files[file_name] = handler
        return self.__files[file_name]


# Loggers live below a name of their own, so that those of the nodes' libraries are left alone.
_PREFIX = 'ros2_launch.'

launch_config = LaunchConfig()


def _unprefixed(form: str) -> str:
    """Make a format show a logger's name without the prefix; it may hold escapes such as \\n."""
    form = form.encode('latin1', 'replace').decode('unicode_escape')
    for short, name in (
        ('{time}', '{created:.7f}'),
        ('{msg}', '{message}'),
        ('{name}', '{shown}'),
    ):
        form = form.replace(short, name)
    return form


class _Named(logging.Filter):
    """Gives records the name to show, and marks the lines of processes."""

    def __init__(self, shown: str, of_process: bool) -> None:
        super().__init__()
        self.__shown = shown
        self.__of_process = of_process

    def filter(self, record: logging.LogRecord) -> bool:
        record.shown = self.__shown
        record.of_process = self.__of_process
        return True


def _logger(name: str, of_process: bool = False) -> logging.Logger:
    logger = logging.getLogger(_PREFIX + name)
    if not logger.filters:
        logger.addFilter(_Named(name, of_process))
        logger.propagate = False
        logger.setLevel(launch_config.level)
    return logger


def get_logger(name: str | None = None) -> logging.Logger:
    """Return a logger that writes to the screen and to ``launch.log``."""
    logger = _logger(name or 'root')
    for handler in (launch_config.get_screen_handler(), launch_config.get_log_file_handler()):
        if handler not in logger.handlers:
            logger.addHandler(handler)
    return logger


def _destinations(output: str | Mapping[str, Any]) -> dict[str, set[str]]:
    if isinstance(output, str):
        if output not in _NAMED_OUTPUTS:
            raise ValueError(
                f'{output} is not a valid standard output config i.e. "screen", "log" or "both"'
            )
        return _NAMED_OUTPUTS[output]
    chosen: dict[str, set[str]] = {}
    for source, wanted in output.items():
        if source not in _SOURCES:
            raise ValueError(
                f'{source} is not a valid output source i.e. "stdout", "stderr" or "both"'
            )
        chosen[source] = {wanted} if isinstance(wanted, str) else set(wanted)
        for destination in chosen[source] - set(_DESTINATIONS):
            raise ValueError(
                f'{destination} is not a valid output destination '
                'i.e. "screen", "log" or "own_log"'
            )
    return chosen


def get_output_loggers(
    process_name: str,
    output_config: str | Mapping[str, Any],
) -> tuple[logging.Logger, logging.Logger]:
    """
    Return the loggers of a process's output and error output.

    :param output_config: 'screen', 'log' (errors also go to the screen), 'both', 'own_log', 'full',
        or a mapping of 'stdout', 'stderr' or 'both' to 'screen', 'log', 'own_log' or a set of them
    :raises ValueError: for anything else
    """
    chosen = _destinations(output_config)
    both = chosen.get('both', set())
    loggers = []
    for source in ('stdout', 'stderr'):
        logger = _logger(f'{process_name}-{source}', of_process=True)
        own = chosen.get(source, set())
        handlers = []
        if 'screen' in both | own:
            handlers.append(launch_config.get_screen_handler())
        if 'log' in both | own:
            handlers.append(launch_config.get_log_file_handler())
        if 'own_log' in own:
            handlers.append(launch_config.get_log_file_handler(f'{process_name}-{source}.log'))
        if 'own_log' in both:
            handlers.append(launch_config.get_log_file_handler(f'{process_name}.log'))
        for handler in handlers:
            if handler not in logger.handlers:
                logger.addHandler(handler)
        loggers.append(logger)
    return loggers[0], loggers[1]


def log_launch_config(*, logger: logging.Logger) -> None:
    """Say where the logs are, and from which level on something is logged."""
    logger.info('All log files can be found below %s', launch_config.log_dir)
    logger.info(
        'Default logging verbosity is set to %s', logging.getLevelName(launch_config.level)
    )
