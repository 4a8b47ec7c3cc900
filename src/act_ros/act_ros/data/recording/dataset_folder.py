# SPDX-License-Identifier: Apache-2.0
"""The folder of a dataset: one recorder at a time, and what an interrupted one left behind."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from act_ros.data.errors import EpisodeError


class FolderLock:
    """Holds a dataset's folder for this process; the lock ends with the process, in any case."""

    def __init__(self, folder: Path) -> None:
        """Make `folder` where it is missing, and take it.

        Raises:
            EpisodeError: another recorder has it; the message names its process.
            OSError: the folder cannot be made or written.
        """
        self._folder, self._path, self._file = folder, folder / '.recorder.lock', -1
        folder.mkdir(parents=True, exist_ok=True)
        self._take()
        if not os.access(folder, os.W_OK):
            self.release()
            raise PermissionError(errno.EACCES, 'the folder cannot be written', str(folder))

    def hold(self) -> None:
        """Take the folder again where it was deleted, and made again, since it was taken.

        Raises:
            EpisodeError, OSError: as at first, but the folder is not made.
        """
        try:
            if self._file >= 0 and os.path.samestat(os.fstat(self._file), self._path.stat()):
                return
        except FileNotFoundError:
            pass
        self.release()
        self._take()

    def _take(self) -> None:
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._file, 32).decode(errors='replace').strip() or 'unknown'
            self.release()
            if not isinstance(error, BlockingIOError):  # a network folder without locks, say
                raise
            raise EpisodeError(
                f'another recorder (process {holder}) is at work in {self._folder}; '
                'stop it, or record into another folder'
            ) from error
        os.ftruncate(self._file, 0)
        os.write(self._file, str(os.getpid()).encode())

    def release(self) -> None:
        """Give the folder back; releasing twice does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def unfinished(folder: Path) -> list[Path]:
    """What a recorder left behind in `folder`, oldest episode first: logs, and files without theirs.

    Hold the lock.
    """
    logs = folder.glob('episode_*.hdf5.log')
    lone = [p for p in folder.glob('episode_*.hdf5.partial') if not p.with_suffix('.log').exists()]
    return sorted([*logs, *lone], key=lambda path: (len(path.stem), path.name))
