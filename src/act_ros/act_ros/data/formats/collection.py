# SPDX-License-Identifier: Apache-2.0
"""A set of episodes, whatever it lies in: a folder of HDF5, one HDF5 file, or a LeRobot dataset."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from act_ros.data.errors import EpisodeError, SourceError
from act_ros.data.formats.aloha import read_episode
from act_ros.data.formats.base import Episode
from act_ros.data.joint_names import arrange, this_robot
from act_ros.number_list import parse_runs
from act_ros.text import listed

if TYPE_CHECKING:
    from act_ros.data.lerobot.layout import EpisodeEntry, Layout


PAIRING = 2
"""How rows and pictures are paired: 1 counted, 2 goes by their times. What was cached by another is not used."""


SUFFIXES = ('.hdf5', '.h5')
"""What the names of episodes end in: of a folder those of the first that there is."""


@dataclass(frozen=True)
class EpisodeRef:
    """How to open one episode; can be sent to another process.

    Attributes:
        path: the HDF5 file, or for LeRobot the dataset's folder with the episode's name.
        jpeg_channels: see `read_episode`.
        index: its number in a LeRobot dataset, None for HDF5.
        joint_order: what was answered to names of joints in another order; see `arrange`.
    """

    path: Path
    jpeg_channels: str | None = None
    index: int | None = None
    joint_order: str | None = None

    @property
    def name(self) -> str:
        """'episode_7.hdf5', or 'episode_7' of a LeRobot dataset."""
        return self.path.name

    @property
    def stem(self) -> str:
        """The name without its ending: 'episode_7'."""
        return _stem(self.path.name)

    def open(self) -> Episode:
        """Open it; close it after use.

        Raises:
            EpisodeError: it cannot be read; the message names it.
        """
        episode = self._open()
        if self.joint_order is not None:
            try:
                arrange(episode, self.joint_order, this_robot())
            except EpisodeError:
                episode.close()
                raise
        return episode

    def _open(self) -> Episode:
        if self.index is None:
            return read_episode(self.path, self.jpeg_channels)
        from act_ros.data.lerobot.read import LeRobotEpisode

        layout = _layout(self.path.parent)
        return LeRobotEpisode(layout, _entry(layout, self.index))

    def fingerprint(self) -> list[Any]:
        """What changes when the episode does: names, sizes and times of change of its files, and its tables."""
        tables: list[Any] = []
        if self.index is None:
            files = [self.path]
        else:
            from act_ros.data.lerobot.rows import row_files

            layout = _layout(self.path.parent)
            entry = _entry(layout, self.index)
            videos = sorted(entry.videos.items())
            files = [*row_files(layout, entry), *(path for _, (path, _) in videos)]
            windows = [[key, str(window)] for key, (_, window) in videos]
            names = [str(file.relative_to(layout.root)) for file in files]
            tables = [PAIRING, layout.version, layout.fps, entry.length, windows, names]
        marks: list[Any] = [self.name, *tables]
        for file in files:
            try:
                stat = file.stat()
            except OSError as error:
                if self.index is None:
                    raise EpisodeError(f'{self.path}: {error.strerror}') from error
                marks += [None]  # perhaps of a camera that nobody asks for; said when it is read
            else:
                marks += [stat.st_size, stat.st_mtime_ns]
        # HDF5 without a choice keeps the marks it always had: caches of frames stay valid.
        return [*marks, self.jpeg_channels] if self.jpeg_channels else marks


def find_episodes(
    place: Path, jpeg_channels: str | None = None, joint_order: str | None = None
) -> list[EpisodeRef]:
    """The episodes of a folder of HDF5 files, of one such file, or of a LeRobot dataset, by number.

    Raises:
        SourceError: there is no such place, or no episode in it.
    """
    if place.is_file():
        if place.suffix not in SUFFIXES:
            raise SourceError(
                f'{place} is no .hdf5 episode; name one, a folder of them, or a LeRobot dataset'
            )
        return [EpisodeRef(place, jpeg_channels, joint_order=joint_order)]
    if not place.is_dir():
        raise SourceError(
            f'there is no folder {place}; name the one that holds episode_0.hdf5, episode_1.hdf5, …'
        )
    from act_ros.data.lerobot.layout import is_lerobot_dataset

    if is_lerobot_dataset(place):
        entries = sorted(_layout(place).entries, key=lambda entry: entry.index)
        return [
            EpisodeRef(place / f'episode_{e.index}', None, e.index, joint_order) for e in entries
        ]
    # Hidden ones are no episodes: macOS puts a ._episode_0.hdf5 beside each file on a foreign disk.
    for suffix in SUFFIXES:  # a .h5 among .hdf5 is something else
        paths = sorted(
            (p for p in place.glob(f'*{suffix}') if not p.name.startswith('.')), key=_number
        )
        if paths:
            break
    else:
        raise SourceError(
            f'{place} holds no .hdf5 episode and no LeRobot dataset; {_where_else(place)}'
        )
    return [EpisodeRef(path, jpeg_channels, joint_order=joint_order) for path in paths]


def choose(refs: Sequence[EpisodeRef], wanted: str | None) -> list[EpisodeRef]:
    """The episodes that a person names: '3', '0-9', '1,4,7-9' (numbers in names); all by default.

    Of a range those are taken that are there; `absent` names the others.

    Raises:
        SourceError: it isn't such a list, or names an episode or a range that isn't there.
    """
    if wanted is None:
        return list(refs)
    by_number: dict[int | None, EpisodeRef] = {}
    twice: dict[int | None, str] = {}
    for ref in refs:
        number = episode_number(ref)
        if number in by_number:
            twice[number] = f'{by_number[number].name} and {ref.name}'
        by_number[number] = ref
    taken: set[int] = set()
    for first, last in _runs(wanted):
        found = {n for n in by_number if n is not None and first <= n <= last}
        if not found:
            raise SourceError(
                f'there is no episode {first if first == last else f"{first}-{last}"}; there are {len(refs)}, '
                f'from {refs[0].name} to {refs[-1].name}'
            )
        if both := sorted(n for n in found if n in twice):
            raise SourceError(
                f'{both[0]} is the number of two episodes, {twice[both[0]]}; rename one'
            )
        taken |= found
    return [by_number[n] for n in sorted(taken)]


def absent(refs: Sequence[EpisodeRef], wanted: str | None) -> list[int]:
    """The numbers that a range of `wanted` names and no episode has."""
    numbers = {episode_number(ref) for ref in refs}
    named = (
        {n for first, last in _runs(wanted) for n in range(first, last + 1)} if wanted else set()
    )
    return sorted(named - numbers)


def episode_number(ref: EpisodeRef) -> int | None:
    """The number in an episode's name: the last one, where there are several."""
    return number_in(ref.name)


def number_in(name: str) -> int | None:
    """The same, of a name."""
    numbers = _number(Path(name))[0]
    return numbers[-1] if numbers else None


def _runs(wanted: str) -> list[tuple[int, int]]:
    try:
        return parse_runs(wanted, 'episodes')
    except ValueError as error:
        raise SourceError(str(error)) from error


@lru_cache(4)
def _read_layout(root: Path, marks: tuple[tuple[str, int, int], ...]) -> Layout:
    from act_ros.data.lerobot.layout import read_layout

    return read_layout(root)


def _layout(root: Path) -> Layout:
    """The tables of a dataset, read once while their files stay as they are."""
    meta = root / 'meta'
    tables = [*meta.glob('*.json*'), *meta.glob('*.parquet'), *meta.glob('episodes/*/*.parquet')]
    stats = [(str(path), path.stat()) for path in sorted(tables) if path.is_file()]
    return _read_layout(root, tuple((name, s.st_size, s.st_mtime_ns) for name, s in stats))


def _entry(layout: Layout, index: int) -> EpisodeEntry:
    if index not in layout.by_index:
        raise EpisodeError(f'{layout.root} has no episode {index}')
    return layout.by_index[index]


def _where_else(place: Path) -> str:
    """What to do about a folder without episodes: those of several tasks or days lie in one each."""
    inner = sorted({path.parent.name for end in SUFFIXES for path in place.glob(f'*/*{end}')})
    if not inner:
        return 'record some with record.launch.py, or name another folder'
    return f'its folders do: name one of {listed(inner)}'


def _number(path: Path) -> tuple[list[int], str]:
    return [int(n) for n in re.findall(r'\d+', _stem(path.name))], path.name


def _stem(name: str) -> str:
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name
