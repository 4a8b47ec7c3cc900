# SPDX-License-Identifier: Apache-2.0
"""An append-only log of records: what was written before a crash can be read after it.

File: 8 bytes of magic, then records: `<II` (length, CRC-32 of the payload) and the payload. A
record that the crash cut off fails its length or its checksum, and reading stops there. Nothing is
kept in memory.
"""

from __future__ import annotations

import contextlib
import os
import struct
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAGIC = b'ACTLOG1\n'
_HEAD = struct.Struct('<II')
MAX_RECORD = 256 * 1024 * 1024
"""Longest payload, in bytes; a longer length in a file is damage, not data."""


class LogError(OSError):
    """A log that cannot be written or read; the message names the file."""


class LogWriter:
    """Appends records to a new file; every record is in the kernel when `append` returns.

    A killed process loses nothing that was appended; a power cut loses at most `sync_s` seconds.
    """

    def __init__(self, path: Path, sync_s: float = 0.5) -> None:
        """Create `path`, which must not exist; data is forced to the disk every `sync_s` seconds.

        Raises:
            FileExistsError: the file is there already: it may be the only copy of something.
        """
        self.path = Path(path)
        self._sync_s = sync_s
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.open(self.path, flags, 0o644)
        self._size = 0
        self._synced_at = time.monotonic()
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
        if time.monotonic() - self._synced_at >= self._sync_s:
            self.sync()

    def sync(self) -> None:
        """Force what was written to the disk."""
        os.fdatasync(self._file)
        self._synced_at = time.monotonic()

    def close(self) -> None:
        """Force the file to the disk and close it; closing twice does nothing."""
        if self._file < 0:
            return
        try:
            os.fsync(self._file)
        finally:
            os.close(self._file)
            self._file = -1

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


def read_log(path: Path) -> Iterator[bytes]:
    """Yield the payloads of a log up to the last whole record, one at a time.

    Raises:
        LogError: the file isn't a log.
        OSError: the file cannot be read.
    """
    with Path(path).open('rb') as file:
        magic = file.read(len(MAGIC))
        if magic != MAGIC[: len(magic)]:
            raise LogError(
                f'{path} is not an episode log: it begins with {magic!r}, expected {MAGIC!r}'
            )
        while (payload := _next(file.read(_HEAD.size), file)) is not None:
            yield payload


def _next(head: bytes, file: BinaryIO) -> bytes | None:
    if len(head) < _HEAD.size:
        return None
    length, checksum = _HEAD.unpack(head)
    if not 0 < length <= MAX_RECORD:
        return None
    payload = file.read(length)
    if len(payload) < length or zlib.crc32(payload) != checksum:
        return None
    return payload


@dataclass(frozen=True)
class Recovery:
    """What a log holds after a crash: whole records, their bytes, and the bytes behind them."""

    records: int
    whole_bytes: int
    lost_bytes: int


def recover(path: Path) -> Recovery:
    """Read a log up to its last whole record and say what is there; the file is not changed.

    Raises:
        LogError: the file isn't a log.
    """
    count, whole = 0, min(len(MAGIC), os.path.getsize(path))
    for payload in read_log(path):
        count += 1
        whole += _HEAD.size + len(payload)
    return Recovery(count, whole, os.path.getsize(path) - whole)


def sync_folder(folder: Path) -> None:
    """Force a folder's entries to the disk, so that a new or renamed file survives a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
