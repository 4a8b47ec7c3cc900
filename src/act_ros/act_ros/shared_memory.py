# SPDX-License-Identifier: Apache-2.0
"""Shared memory that killed processes have left: Fast DDS takes it away at its end, which `kill -9` leaves out.

Each process of nodes has a segment in /dev/shm, of 67 MB where images are sent, and a file beside it that it keeps
locked (flock) while it lives. What is locked is in use, and so is what any process that this user may look into has
open or mapped. Files of other users are not touched.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path('/dev/shm')  # noqa: S108 - where POSIX has it, and Fast DDS
YOUNG_S = 2.0
"""Files younger than this are left alone: their process may be about to lock them."""
BATCH = 100
"""So many are locked at a time: each takes a file handle or two."""
_NAME = re.compile(
    r'(?:sem\.)?(fast(?:rtps|dds)_(?:[0-9a-f]{16}|port[0-9]{1,5}))(_el|_sl|_mutex)?'
)
_KIND = re.compile(rb'fast(rtps|dds)_')

FileId = tuple[int, int]


@dataclass(frozen=True)
class Leftover:
    """What a process has left under one name: its files, the bytes that they take, and when the first was made."""

    paths: tuple[Path, ...]
    size: int
    ids: frozenset[FileId]
    made_s: float = 0.0


def find_leftovers(folder: Path = FOLDER) -> list[Leftover]:
    """What this user's processes have left and nobody uses; nothing is changed."""
    return list(_leftovers(folder))


def remove_leftovers(folder: Path = FOLDER, since_s: float = 0.0) -> int:
    """Take away what `find_leftovers` finds, if it was made since a time (of the system's clock).

    Returns:
        The bytes that are free now.
    """
    freed = 0
    for left in _leftovers(folder):
        if left.made_s < since_s:
            continue
        for path in left.paths:
            with contextlib.suppress(OSError):
                path.unlink()
        freed += left.size
    return freed


def _leftovers(folder: Path) -> Iterator[Leftover]:
    """Each is locked while it is handed out: who wants its name meanwhile takes it for one in use."""
    old = _own_and_old(folder)
    for start in range(0, len(old), BATCH):
        with contextlib.ExitStack() as locks:
            locked = [left for left in old[start : start + BATCH] if _lock(left, locks)]
            in_use = _in_use() if locked else frozenset()
            yield from (left for left in locked if not left.ids & in_use)


def _own_and_old(folder: Path) -> list[Leftover]:
    named: dict[str, dict[Path, os.stat_result]] = defaultdict(dict)
    for entry in _entries(folder):
        if match := _NAME.fullmatch(entry.name):
            with contextlib.suppress(OSError):
                named[match[1]][entry] = entry.lstat()
    return [
        Leftover(
            tuple(files),
            sum(512 * info.st_blocks for info in files.values()),
            frozenset((info.st_dev, info.st_ino) for info in files.values()),
            min(info.st_ctime for info in files.values()),
        )
        for files in named.values()
        if all(map(_is_own_and_old, files.values()))
    ]


def _is_own_and_old(info: os.stat_result) -> bool:
    age_s = time.time() - max(info.st_mtime, info.st_ctime)
    return stat.S_ISREG(info.st_mode) and info.st_uid == os.geteuid() and age_s > YOUNG_S


def _lock(left: Leftover, locks: contextlib.ExitStack) -> bool:
    """Take the locks of a name, kept in `locks`; False where a process holds one, or there is none to tell by."""
    told_by = [path for path in left.paths if path.name.endswith(('_el', '_sl'))]
    with contextlib.ExitStack() as own:
        for path in told_by:
            try:
                file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                own.callback(os.close, file)
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
            info = os.fstat(file)
            if (info.st_dev, info.st_ino) not in left.ids:  # it is another one since
                return False
        locks.push(own.pop_all())
    return bool(told_by)


def _in_use() -> frozenset[FileId]:
    """Device and inode of the files of this kind that a process has open or mapped, where this user may see it."""
    found: set[FileId] = set()
    for process in _entries(Path('/proc')):
        if process.name.isdecimal():
            # One that ends meanwhile, or belongs to another user, cannot be looked into.
            with contextlib.suppress(OSError):
                found |= _mapped((process / 'maps').read_bytes())
            if int(process.name) != os.getpid():  # which has opened what it has locked
                found |= _opened(process / 'fd')
    return frozenset(found)


def _mapped(maps: bytes) -> set[FileId]:
    """Of lines `address permissions offset major:minor inode path`."""
    found = set()
    for line in maps.splitlines() if _KIND.search(maps) else ():
        if _KIND.search(line):
            _, _, _, device, inode, *_ = line.split()
            major, minor = (int(part, 16) for part in device.split(b':'))
            found.add((os.makedev(major, minor), int(inode)))
    return found


def _opened(folder: Path) -> set[FileId]:
    found = set()
    for link in _entries(folder):
        with contextlib.suppress(OSError):
            if _KIND.search(os.fsencode(link.readlink())):
                info = link.stat()
                found.add((info.st_dev, info.st_ino))
    return found


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
