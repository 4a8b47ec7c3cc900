# SPDX-License-Identifier: Apache-2.0
"""Turns an episode's log into its HDF5 file: written aside, verified, named only when it is whole.

In a process of its own, because HDF5's library may crash when the disk is full:
`python -m act_ros.data.recording.log_to_hdf5 LOG` does it once; with `--follow` while the log is still written, so
that an episode's file is there moments after its last row, however long it is.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from act_ros.data.errors import EpisodeError
from act_ros.data.formats.hdf5_members import member, read_numbers
from act_ros.data.recording.episode_file import EpisodeFile, TooNarrow
from act_ros.data.recording.episode_log import EpisodeLog
from act_ros.data.recording.log import BusyError, LogError, sync_folder
from act_ros.text import printable

INTERRUPTED = 'interrupted'
"""Folder, in the dataset's, for what an interrupted recorder left."""
WAIT_S = 10.0
"""Patience with another process that makes the same episode, as one whose recorder was killed."""
POLL_S = 0.05


def log_path(episode: Path) -> Path:
    """Where the log of an episode is while it is recorded: 'episode_7.hdf5.log'."""
    return episode.with_name(episode.name + '.log')


def finish_log(log: str | Path, into: Path | None = None) -> Path:
    """Make the episode of a log, sealed or cut off, delete the log, return the episode's path.

    A log without its end (the recorder was killed) gives an episode with attributes `complete` and
    `success` false.

    Args:
        log: '.../episode_7.hdf5.log'.
        into: folder of the episode, on the same disk as the log; by default the log's.

    Raises:
        EpisodeError: the log holds no row, or the file didn't verify; the log is kept.
        FileExistsError: another recording has the episode's name; the log is kept.
        OSError: the disk is full or gone; the log is kept.
    """
    with contextlib.closing(EpisodeLog(Path(log), WAIT_S)) as source:
        folder = into or source.path.parent
        episode = folder / source.path.name.removesuffix('.log')
        if not (episode.exists() and _holds(episode, source)):
            _make(source, folder)
        source.path.unlink()
        return episode


def follow_log(log: Path, more: Callable[[], bool]) -> Path | None:
    """Make the episode of a log while it is written; the log is left to the caller.

    Args:
        log: '.../episode_7.hdf5.log', with its header.
        more: asked when all is read; waits a little, and says whether there may be more.

    Returns:
        The episode's path; None where `more` ended before the log had its end.

    Raises: as `finish_log`.
    """
    with contextlib.closing(EpisodeLog(log, WAIT_S)) as source, contextlib.suppress(_GivenUp):
        return _make(source, log.parent, more, cut_off=False)
    return None


def recover_log(log: Path) -> str:
    """Save what an interrupted recorder left in a log; a line on it for a person.

    Sealed logs become the episodes that they were to be, cut off ones go to `INTERRUPTED`, and so do
    logs without a row. Nothing is overwritten.

    Raises:
        EpisodeError, OSError: it cannot be saved now; the log stays.
    """
    aside = log.parent / INTERRUPTED
    if log.suffix == '.partial':
        return (
            f'a file that was not finished, without its log, was set aside as {_aside(log, aside)}'
        )
    try:
        source = EpisodeLog(log, WAIT_S)
    except FileNotFoundError:
        return f'{log} was finished by the process that had begun to'
    except BusyError:
        raise
    except (EpisodeError, LogError):
        return f'an interrupted recording without a row was set aside as {_aside(log, aside)}'
    with contextlib.closing(source):
        if source.removed:
            return f'{log} was finished by the process that had begun to'
        return _recover(source, aside)


def _recover(source: EpisodeLog, aside: Path) -> str:
    log = source.path
    rows = sum(1 for _ in source.rows())
    left, sealed = source.left, source.end is not None
    source.again()
    episode = log.with_name(log.name.removesuffix('.log'))
    _partial(episode).unlink(missing_ok=True)
    if not rows:
        return f'an interrupted recording without a row was set aside as {_aside(log, aside)}'
    if episode.exists() and _holds(episode, source):
        log.unlink()
        return f'{episode} was whole; only its log was left, and is deleted'
    if sealed and not episode.exists():
        path = _make(source, log.parent)
        log.unlink()
        return f'a recording that had ended was finished as {path}, {rows} rows'
    aside.mkdir(exist_ok=True)
    if (aside / episode.name).exists():
        return (
            f'{log} is a second recording of its number; it was set aside as {_aside(log, aside)}'
        )
    path = _make(source, aside)
    text = f'an interrupted recording was finished and set aside as {path}, {rows} rows'
    row_bytes = (log.stat().st_size - left) / rows
    if left > 50 * row_bytes:  # more than the second that a power cut may cost
        kept = _aside(log, aside)
        return f'{text}; {left} bytes behind them are damaged, and are kept in {kept}'
    log.unlink()
    return text


def _holds(episode: Path, source: EpisodeLog) -> bool:
    """Whether a file is the one that was made of a log, by a process that was killed just then."""
    stamps = [row.stamp_s for row in source.rows()]
    end = source.end or {}
    source.again()
    kept = stamps[: max(1, len(stamps) - int(end.get('cut_rows', 0)))]
    try:  # files get their name only when they were verified
        with h5py.File(episode, 'r') as file:
            stamp = read_numbers(member(file, 'observations/stamp'))
            return bool(end) and np.array_equal(stamp, kept)
    except (OSError, KeyError, RuntimeError, AttributeError, EpisodeError):
        return False


def _aside(path: Path, folder: Path) -> Path:
    """Move a file to `folder` under a name that is free."""
    folder.mkdir(exist_ok=True)
    free = (folder / f'{path.name}{suffix}' for suffix in ('', *(f'.{i}' for i in range(1, 1000))))
    target = next(name for name in free if not name.exists())
    path.rename(target)
    return target


def _partial(episode: Path) -> Path:
    return episode.with_name(episode.name + '.partial')


class _GivenUp(Exception):
    """The recorder does not want the episode, or is gone."""


def _make(
    source: EpisodeLog,
    folder: Path,
    more: Callable[[], bool] = lambda: False,
    cut_off: bool = True,
) -> Path:
    """Make the episode of a log in `folder`; `cut_off`: also without the log's end."""
    episode = folder / source.path.name.removesuffix('.log')
    partial, width = _partial(episode), 0
    try:
        while True:
            partial.unlink(missing_ok=True)  # not opened: it may be another name of the episode
            try:
                _build(source, EpisodeFile(partial, source.header, width), more, cut_off)
            except TooNarrow as error:
                width = error.width
                source.again()
            else:
                break
        _name(partial, episode)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(folder)
    return episode


def _build(source: EpisodeLog, file: EpisodeFile, more: Callable[[], bool], cut_off: bool) -> None:
    """Fill and close the file."""
    with contextlib.closing(file):
        going = True
        while source.end is None:
            for row in source.rows():
                file.add(row)
            if source.end is None and not going:
                if not cut_off:
                    raise _GivenUp
                break
            # Once more after the last time: the end may have come just before the recorder left.
            going = going and source.end is None and more()
        if not len(file):
            raise EpisodeError(f'{source.path} holds no row; delete it, nothing was recorded')
        file.finish(source.end)


def _name(partial: Path, episode: Path) -> None:
    """Give the file its name, never over another: a link fails where the name is taken."""
    try:
        os.link(partial, episode)
        return
    except OSError as error:
        # No hard links on this disk (FAT, some network folders).
        none = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
        if error.errno not in none:
            raise
    if episode.exists():  # only one recorder has the folder, so none comes in between
        raise FileExistsError(errno.EEXIST, 'exists already', str(episode))
    partial.rename(episode)


def _wait() -> bool:
    """Wait a little for more of a log; False when the recorder, at the other end of stdin, is gone."""
    return not select.select([sys.stdin], [], [], POLL_S)[0]


def main() -> int:
    """Finish LOG, into FOLDER if given, and print the episode's path; see `follow_log`, `recover_log`."""
    option = next((a for a in sys.argv[1:2] if a.startswith('--')), '')
    arguments = sys.argv[2 if option else 1 :]
    if option not in ('', '--recover', '--follow') or len(arguments) not in (
        (1,) if option else (1, 2)
    ):
        sys.stderr.write(
            'usage: python -m act_ros.data.recording.log_to_hdf5 LOG [FOLDER] | --recover LOG | --follow LOG\n'
        )
        return 2
    log = Path(arguments[0])
    try:
        if option == '--recover':
            sys.stdout.write(f'{recover_log(log)}\n')
        elif option == '--follow':
            os.nice(5)  # the recorder's own threads go first
            episode = follow_log(log, _wait)
            sys.stdout.write(f'{episode}\n' if episode else '')
        else:
            into = Path(arguments[1]) if len(arguments) == 2 else None
            sys.stdout.write(f'{finish_log(log, into)}\n')
    except (EpisodeError, OSError, RuntimeError) as error:
        sys.stderr.write(f'{printable(error)}\n')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
