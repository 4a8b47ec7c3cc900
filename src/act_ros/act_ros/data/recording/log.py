# SPDX-License-Identifier: Apache-2.0
"""An append-only log of records: what was written before a crash can be read after it.

File: 8 bytes of magic, then records: `<II` (length, CRC-32 of the payload) and the payload. A
record that the crash cut off fails its length or its checksum, and reading stops there. Nothing is
kept in memory.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from act_ros.text import PrintableError

MAGIC = b'ACTLOG1\n'
_HEAD = struct.Struct('<II')
MAX_RECORD = 256 * 1024 * 1024
"""Longest payload, in bytes; a longer length in a file is damage, not data."""


class LogError(PrintableError, OSError):
    """A log that cannot be written or read; the message names the file."""


class BusyError(LogError):
    """A log that another process reads."""


class LogWriter:
    """Appends records to a new file; every record is in the kernel when `append` returns.

    A killed process loses nothing that was appended; a power cut loses at most `sync_s` seconds, if
    `sync` is called when nothing is appended.
    """

    def __init__(self, path: Path, sync_s: float = 0.25) -> None:
        """Create `path`, which must not exist; data is forced to the disk every `sync_s` seconds.

        Raises:
            FileExistsError: the file is there already: it may be the only copy of something.
        """
        self.path = Path(path)
        self._sync_s = sync_s
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.open(self.path, flags, 0o644)
        self._size = 0
        self._synced_at = time.monotonic()
        self._dirty = False
        self._write(MAGIC)
        sync_folder(self.path.parent)

    @property
    def size(self) -> int:
        """Bytes in the file, all of them whole records."""
        return self._size

    def append(self, payload: bytes) -> None:
        """Write one record.

        Raises:
            LogError: the payload is empty or too long, or the log is closed.
            OSError: the disk is full or gone; the file still ends with a whole record.
        """
        if not 0 < len(payload) <= MAX_RECORD:
            raise LogError(
                f'{self.path}: record of {len(payload)} bytes; expected 1 to {MAX_RECORD}'
            )
        self._write(_HEAD.pack(len(payload), zlib.crc32(payload)) + payload)
        self.sync()

    def sync(self) -> None:
        """Force what was written to the disk, if `sync_s` have passed since the last time."""
        if self._dirty and time.monotonic() - self._synced_at >= self._sync_s:
            os.fdatasync(self._file)
            self._synced_at, self._dirty = time.monotonic(), False

    @property
    def removed(self) -> bool:
        """Whether somebody has deleted the file, or its folder, under the writer."""
        return self._file >= 0 and os.fstat(self._file).st_nlink == 0

    def restore(self) -> None:
        """Put a deleted file back where it was, with all that it holds; does nothing where it is there.

        Raises:
            OSError: it cannot be written there.
        """
        if not self.removed:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        copy = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            at = 0
            while at < self._size:
                at += os.sendfile(copy, self._file, at, self._size - at)
        except OSError:
            os.close(copy)
            self.path.unlink()
            raise
        os.close(self._file)
        self._file, self._dirty = copy, True

    def close(self) -> None:
        """Force the file to the disk and close it; closing twice does nothing."""
        if self._file < 0:
            return
        try:
            os.fsync(self._file)
        finally:
            os.close(self._file)
            self._file = -1

    def delete(self) -> None:
        """Close the log and delete it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self.path.unlink()

    def _write(self, data: bytes) -> None:
        if self._file < 0:
            raise LogError(f'{self.path}: the log is closed')
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError:
            # Leave no torn record: a log that ends cleanly can still be finished.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._size)
                os.lseek(self._file, self._size, os.SEEK_SET)
            raise
        self._size += len(data)
        self._dirty = True


class LogReader:
    """Reads a log from its beginning, also one that is still written: `records` goes on where it ended.

    One process reads a log at a time, so that two never make the same file of it.
    """

    def __init__(self, path: Path, wait_s: float = 0.0) -> None:
        """Open `path` and take it, waiting up to `wait_s` for another process that reads it.

        Raises:
            BusyError: another process doesn't let go of it.
            LogError: the file isn't a log.
            OSError: the file cannot be read.
        """
        self.path = Path(path)
        self._at = len(MAGIC)
        self._file = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            self._take(wait_s)
            magic = os.pread(self._file, len(MAGIC), 0)
            if magic != MAGIC[: len(magic)]:
                raise LogError(
                    f'{path} is not an episode log: it begins with {magic!r}, expected {MAGIC!r}'
                )
        except BaseException:
            self.close()
            raise

    @property
    def left(self) -> int:
        """Bytes that `records` has not read: after a crash those behind the last whole record."""
        return max(0, os.fstat(self._file).st_size - self._at)

    @property
    def removed(self) -> bool:
        """Whether the file has been deleted since it was opened."""
        return os.fstat(self._file).st_nlink == 0

    def records(self) -> Iterator[bytes]:
        """Yield the payloads that follow, up to the last one that is whole by now."""
        while (payload := self._next()) is not None:
            self._at += _HEAD.size + len(payload)
            yield payload

    def rewind(self) -> None:
        """Let `records` begin anew."""
        self._at = len(MAGIC)

    def close(self) -> None:
        """Let go of the log; closing twice does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _next(self) -> bytes | None:
        head = os.pread(self._file, _HEAD.size, self._at)
        if len(head) < _HEAD.size:
            return None
        length, checksum = _HEAD.unpack(head)
        if not 0 < length <= MAX_RECORD:
            return None
        payload = os.pread(self._file, length, self._at + _HEAD.size)
        if len(payload) < length or zlib.crc32(payload) != checksum:
            return None
        return payload

    def _take(self, wait_s: float) -> None:
        end = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > end:
                    raise BusyError(f'{self.path} is being read by another process') from error
                time.sleep(0.05)
            else:
                return


def sync_folder(folder: Path) -> None:
    """Force a folder's entries to the disk, so that a new or renamed file survives a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
