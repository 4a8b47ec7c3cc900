# SPDX-License-Identifier: Apache-2.0
"""What was prepared and compared once, kept beside the policy or in the user's cache.

An entry is a folder that appears whole: the engine's files and a record of them. The record is sealed with a secret of
this user, so that a folder that came from elsewhere, a stranger's policy say, brings no engine that nobody compared.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from act_ros.policy.engines import quantized
from act_ros.policy.engines.choice import EngineChoice, gpu, release
from act_ros.policy.engines.fingerprint import digest_of, weights_of
from act_ros.policy.formats.source import Source

BESIDE = '.engines'
MOST_BESIDE, MOST_OF_USER = 6, 40
"""Entries that are kept beside a policy, and in the user's folder: those that were used last."""
_ENTRY = re.compile(r'[a-z0-9]+-[a-z0-9]+-[0-9a-f]{16}(\.partial)?')
RECORD = 'record.json'
EXPORT = 1
"""Version of what is exported and of how it is compared; raised when either would come out otherwise."""


@dataclass(frozen=True)
class Entry:
    """An engine that was compared: where its files are, and its difference from PyTorch in fp32, or why not to use it."""

    folder: Path
    difference: float = 0.0
    refused: str = ''


def user_cache() -> Path:
    """This user's folder for engines; may not be there.

    Raises:
        OSError: this user has no home.
    """
    try:
        base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    except RuntimeError as error:
        raise OSError(errno.ENOENT, 'this user has no home; set XDG_CACHE_HOME') from error
    return Path(base) / 'act_ros' / 'engines'


def places(source: Source) -> list[Path]:
    """Where entries of a policy may be, the best first."""
    beside = source.path if source.path.is_dir() else source.path.parent
    found = [beside / BESIDE]
    with suppress(OSError):
        found.append(user_cache())
    return found


def key_of(source: Source, choice: EngineChoice, threads: int | None) -> str:
    """What an entry is for: any of this that changes means another one.

    Raises:
        EngineError: int8 is chosen, and the policy has no network in int8.
        OSError: the weights can't be read.
    """
    weights = weights_of(source)
    said = {
        'weights': weights,
        'export': EXPORT,
        'package': release(choice.engine),
        'choice': str(choice),
        'quantized': quantized.digest(source, weights) if choice.precision == 'int8' else '',
        'threads': threads,
        'machine': _machine() + (gpu() if choice.device == 'cuda' else ''),
    }
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def find(place: Path, key: str, name: str) -> Entry | None:
    """The entry of a key in a place; None where there is none.

    Raises:
        ValueError: it is damaged, or not of this user; says how.
    """
    folder = place / _named(name, key)
    try:
        record = json.loads((folder / RECORD).read_bytes())
        sealed = hmac.compare_digest(str(record.pop('seal')), _seal(key, record, make=False))
        if not sealed:
            raise ValueError('was not made by this user')
        for file, digest in record['files'].items():
            if digest_of(folder / file) != digest:
                raise ValueError(f'has a damaged {file}')
        with suppress(OSError):  # a place that cannot be written forgets nothing
            os.utime(folder / RECORD)
        return Entry(folder, float(record['difference']), str(record['refused']))
    except FileNotFoundError:
        if folder.exists():
            raise ValueError('is not whole') from None
        return None
    except (OSError, KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(f'cannot be read ({type(error).__name__})') from error


def remove(place: Path, key: str, name: str) -> None:
    """Remove an entry, whatever is left of it."""
    shutil.rmtree(place / _named(name, key), ignore_errors=True)


@contextmanager
def new_entry(place: Path, key: str, name: str) -> Generator[Path, None, None]:
    """An empty folder to prepare an entry in; one at a time in a place. What is left in it is removed.

    Raises:
        OSError: the place cannot be written.
    """
    place.mkdir(parents=True, exist_ok=True)
    with (place / '.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in place.glob('*.partial'):
            shutil.rmtree(left, ignore_errors=True)  # of a process that was killed
        partial = place / f'{_named(name, key)}.partial'
        partial.mkdir()
        try:
            yield partial
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def keep(partial: Path, key: str, difference: float, refused: str = '') -> Entry:
    """Seal what is in a folder of `new_entry` and let it appear.

    Raises:
        OSError: the disk is full.
    """
    files = {file.name: digest_of(file) for file in sorted(partial.iterdir())}
    record: dict[str, Any] = {'files': files, 'difference': difference, 'refused': refused}
    text = json.dumps({**record, 'seal': _seal(key, record, make=True)})
    with (partial / RECORD).open('w', encoding='ascii') as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    folder = partial.with_suffix('')
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    _forget_oldest(folder.parent)
    return Entry(folder, difference, refused)


def forget(policy: Path) -> None:
    """Remove what is kept beside a policy; what else lies there stays."""
    place = policy / BESIDE
    for folder in _entries(place):
        shutil.rmtree(folder, ignore_errors=True)
    (place / '.lock').unlink(missing_ok=True)
    with suppress(OSError):
        place.rmdir()


def _forget_oldest(place: Path) -> None:
    """Remove what was used least lately. A process that has an entry loaded keeps it."""
    most = MOST_BESIDE if place.name == BESIDE else MOST_OF_USER
    with suppress(OSError):  # another process removes one at the same time
        for folder in sorted(_entries(place), key=lambda f: (f / RECORD).stat().st_mtime)[:-most]:
            shutil.rmtree(folder, ignore_errors=True)


def _entries(place: Path) -> list[Path]:
    return [
        f
        for f in place.glob('*-*-*')
        if _ENTRY.fullmatch(f.name) and f.is_dir() and not f.is_symlink()
    ]


def _named(name: str, key: str) -> str:
    return f'{name}-{key[:16]}'


def _machine() -> str:
    """What the processor is: on another one the same engine may compute otherwise."""
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    except OSError:
        lines = []
    said = {line.partition(':')[0].strip(): line for line in reversed(lines)}
    known = ('model name', 'flags', 'CPU part', 'Features')
    return '\n'.join(said[name] for name in known if name in said)


def _seal(key: str, record: Mapping[str, Any], make: bool) -> str:
    text = json.dumps([key, record], sort_keys=True)
    return hmac.new(_secret(make), text.encode(), 'sha256').hexdigest()


def _secret(make: bool) -> bytes:
    """This user's secret; made where there is none.

    Raises:
        OSError: there is none, and none can be made.
    """
    path = user_cache() / 'seal'
    if make and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f'seal.{os.getpid()}')
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'wb') as file:
            file.write(secrets.token_bytes(32))
        try:
            os.link(fresh, path)  # of two processes that make one, the first has made it
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_bytes()
