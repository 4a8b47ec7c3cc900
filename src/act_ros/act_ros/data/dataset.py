# SPDX-License-Identifier: Apache-2.0
"""Episodes of any readable kind as a training set: observations, and the actions that followed them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from act_ros.data.decode import Sources
from act_ros.data.errors import EpisodeError
from act_ros.data.formats.base import Episode
from act_ros.data.formats.collection import EpisodeRef, find_episodes
from act_ros.data.frame_store import CACHE, DecodedFrames, open_frames, room
from act_ros.data.joint_names import UNNAMED, check_order, named, this_robot
from act_ros.data.spoilt import spoilt
from act_ros.data.times import ALOHA_RATE_HZ
from act_ros.robot.types import Floats

MIN_STD = 1e-2
"""Smallest standard deviation, as in the original code: joints that hardly move aren't blown up."""


MOST_LISTED = 10
"""Episodes that are named where some are left out."""


class Dataset:
    """Every tick of a set of episodes, one after the other.

    Attributes:
        paths: the episodes, ordered by number (LeRobot's: the dataset's folder and a name).
        notes: what the files lack and what was taken instead, for people.
        cameras: the cameras of a sample, in order.
        starts: (episodes + 1,) first tick of each episode, and the number of all ticks.
        qpos, actions: (ticks, dim) float32.
        end: (ticks,) int64, for each tick the first one after its episode.
        frames: (ticks, cameras, h, w, 3) uint8, wherever they are.
        rate_hz: control rate of the recordings.
        tasks: what the episodes show, as they state it, each once; '' for those that don't.
        seeds: of the simulated episodes, sorted, each once.
        joint_order: as given.
        joint_names: of the entries of qpos and actions, this robot's; () where no file names any.
        rate_stated: whether the files state `rate_hz`.
    """

    def __init__(
        self,
        folder: Path,
        image_size: tuple[int, int],
        chunk: int,
        cameras: Sequence[str] | None = None,
        cache: Path | None = None,
        jpeg_channels: str | None = None,
        cache_gb: float | None = None,
        joint_order: str | None = None,
        keep_faulty: bool = False,
    ) -> None:
        """Read all episodes of a folder.

        Args:
            folder: of `.hdf5` files in any of ALOHA's dialects, or a LeRobot dataset.
            image_size: (height, width) that frames are resized to.
            chunk: actions in a sample.
            cameras: names of the cameras, in order; by default all of the first episode.
            cache: folder for the decoded frames; by default `.frames` in `folder`.
            jpeg_channels: 'rgb' or 'bgr', for files of JPEGs that don't say; see `read_episode`.
            cache_gb: room for the decoded frames; see `open_frames`.
            joint_order: the answer to joints that are stated in another order; see `arrange`.
            keep_faulty: take episodes, too, that their recorder marked as spoilt; see `spoilt`.

        Raises:
            EpisodeError: no episodes, or one that doesn't fit the others; the message names it.
        """
        self.chunk, self.joint_order = chunk, joint_order
        found = find_episodes(folder, jpeg_channels, joint_order)
        refs, read, left_out = _read(found, cameras, keep_faulty)
        self.paths = [ref.path for ref in refs]
        first = read[0]
        for vectors in read:
            vectors.check_like(first)
        self.cameras = first.cameras
        self.rate_hz, self.rate_stated = first.rate_hz or ALOHA_RATE_HZ, first.rate_hz is not None
        some = any(v.named for v in read)
        self.joint_names = this_robot().joint_names if some else ()
        self.tasks = sorted({v.task for v in read})
        self.seeds = sorted({v.seed for v in read if v.seed is not None})
        self.notes = _notes(read, left_out)
        self.qpos = np.concatenate([v.qpos for v in read])
        self.actions = np.concatenate([v.action for v in read])
        lengths = [len(v.qpos) for v in read]
        self.starts = np.concatenate([[0], np.cumsum(lengths)])
        sources = Sources(refs, lengths, self.cameras, image_size)
        place = cache or (folder if folder.is_dir() else folder.parent) / CACHE
        self.frames = open_frames(sources, place, cache_gb)
        self.notes += self.frames.notes
        if isinstance(self.frames, DecodedFrames):
            may = room(place, cache_gb) / 1e9
            self.notes.append(
                f'decoded, the frames are {sources.nbytes / 1e9:.1f} GB, and {may:.1f} GB may be taken in '
                f'{place}; they are decoded as they are needed, which is slower (--cache names another '
                f'place, --cache-gb another limit)'
            )
        self.end = np.repeat(self.starts[1:], lengths)

    def __len__(self) -> int:
        return len(self.qpos)

    def stats(self) -> dict[str, Floats]:
        """Over all ticks: 'qpos.mean', 'qpos.std', 'action.mean', 'action.std', each (dim,) float32.

        A standard deviation is at least `MIN_STD`.
        """
        found = {}
        for name, values in (('qpos', self.qpos), ('action', self.actions)):
            found[f'{name}.mean'] = values.mean(axis=0, dtype=np.float64).astype(np.float32)
            deviation = values.std(axis=0, dtype=np.float64)
            found[f'{name}.std'] = np.maximum(deviation, MIN_STD).astype(np.float32)
        return found

    def split(self, fraction: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ticks for training and for validation: whole episodes, `fraction` of them drawn for validation.

        At least one episode stays for training, and with a fraction above 0 and more than one episode at
        least one is for validation.
        """
        count = len(self.paths)
        wanted = max(round(fraction * count), 1 if fraction > 0 else 0)
        held_out = set(
            np.random.default_rng(seed).permutation(count)[: min(wanted, count - 1)].tolist()
        )
        ticks = [np.arange(self.starts[i], self.starts[i + 1]) for i in range(count)]
        none = [np.empty(0, np.int64)]
        train = np.concatenate([t for i, t in enumerate(ticks) if i not in held_out] or none)
        validation = np.concatenate([t for i, t in enumerate(ticks) if i in held_out] or none)
        return train, validation


def _read(
    refs: Sequence[EpisodeRef], cameras: Sequence[str] | None, keep_faulty: bool
) -> tuple[list[EpisodeRef], list[_Vectors], dict[str, list[str]]]:
    """The episodes that are taken, what is read of each, and by name why others are left out: never all."""
    taken, read, left_out = [], [], {}
    for ref in refs:
        vectors = _Vectors.read(ref, cameras, keep_faulty)
        if isinstance(vectors, _Vectors):
            taken.append(ref)
            read.append(vectors)
        else:
            left_out[ref.name] = vectors
    if not read:
        raise EpisodeError(
            f'{refs[0].path.parent}: its recorder marked every episode as faulty: {_listed(left_out)}; record them '
            'anew, or say --keep-faulty to train on them all the same'
        )
    return taken, read, left_out


def _listed(reasons: Mapping[str, Sequence[str]]) -> str:
    """Episodes with the first reason of each."""
    some = [f'{name} ({why[0]})' for name, why in list(reasons.items())[:MOST_LISTED]]
    return ', '.join(some) + (', …' if len(reasons) > MOST_LISTED else '')


def _notes(read: Sequence[_Vectors], faulty_ones: Mapping[str, Sequence[str]]) -> list[str]:
    """What is not as in a file of ours, once for all episodes."""
    notes = []
    if faulty_ones:
        notes.append(
            f'{len(faulty_ones)} of {len(faulty_ones) + len(read)} episodes are left out, their recorder marked '
            f'them as faulty (--keep-faulty takes them, too): {_listed(faulty_ones)}'
        )
    if read[0].rate_hz is None:
        notes.append(
            f'the files state no rate; {ALOHA_RATE_HZ:g} Hz is taken, as in ALOHA (DT = 0.02)'
        )
    unnamed = sum(not v.named for v in read)
    if unnamed:
        some = '' if unnamed == len(read) else f' ({unnamed} of {len(read)})'
        notes.append(UNNAMED + some)
    if any(v.base for v in read):
        notes.append(
            'base_action is in the files and is not trained on: the policy moves the arms'
        )
    left_out = {name: why for v in read for name, why in v.left_out.items()}
    if left_out:
        listed = ', '.join(f'{name} ({why})' for name, why in left_out.items())
        notes.append(f'in the files, and not trained on: {listed}')
    faulty = {v.path.name: v.faulty for v in read if v.faulty}
    if faulty:
        notes.append(f'trained on, though their recorder marked them as faulty: {_listed(faulty)}')
    unfinished = [v.path.name for v in read if v.unfinished]
    if unfinished:
        notes.append(f'cut off while recording, trained on all the same: {", ".join(unfinished)}')
    return notes


@dataclass(frozen=True)
class _Vectors:
    """What is read of an episode at once: its vectors and what must agree with the other episodes."""

    path: Path
    qpos: Floats
    action: Floats
    cameras: tuple[str, ...]
    rate_hz: float | None
    base: bool
    unfinished: bool
    named: bool
    task: str
    seed: int | None
    left_out: dict[str, str]
    faulty: list[str]

    @classmethod
    def read(
        cls, ref: EpisodeRef, cameras: Sequence[str] | None, keep_faulty: bool
    ) -> _Vectors | list[str]:
        """What is read, or why the episode is left out."""
        with ref.open() as episode:
            faulty = spoilt(episode.attrs, len(episode), episode.rate_hz)
            if faulty and not keep_faulty:
                return faulty
            return cls._checked(ref.path, episode, cameras, faulty)

    @classmethod
    def _checked(
        cls, path: Path, episode: Episode, cameras: Sequence[str] | None, faulty: list[str]
    ) -> _Vectors:
        for name, values in (('qpos', episode.qpos), ('action', episode.action)):
            if len(values) == 0:
                raise EpisodeError(
                    f'{path} has no tick: it was stopped at once; take it out of the dataset'
                )
            if values.ndim != 2:
                raise EpisodeError(
                    f'{path}: {name} has shape {values.shape}; expected (ticks, joints)'
                )
            bad = np.argwhere(~np.isfinite(values))
            if len(bad):
                raise EpisodeError(
                    f'{path}: {name} at tick {bad[0][0]}, entry {bad[0][1]} is {values[tuple(bad[0])]}; '
                    f'remove the episode or repair it'
                )
        check_order(episode, this_robot())
        names = tuple(cameras) if cameras else episode.cameras
        missing = [name for name in names if name not in episode.images]
        unasked = episode.unasked()
        if missing or not names:
            why = [f'{name}: {unasked[name]}' for name in missing or unasked if name in unasked]
            raise EpisodeError(
                f'{path} has no camera {", ".join(missing) or "at all"}; it has '
                f'{", ".join(sorted(episode.images))}{"; " * bool(why)}{", ".join(why)}'
            )
        lengths = {'qpos': len(episode.qpos), 'action': len(episode.action)}
        lengths.update({name: len(episode.images[name]) for name in names})
        if len(set(lengths.values())) > 1:
            raise EpisodeError(
                f'{path}: the lengths differ: {", ".join(f"{k} {v}" for k, v in lengths.items())}'
            )
        episode.refuse_faults(names, gaps=bool(faulty))
        return cls(
            path,
            episode.qpos,
            episode.action,
            names,
            episode.rate_hz,
            episode.base_action is not None,
            episode.attrs.get('complete') is False,
            named(episode, this_robot()),
            str(episode.attrs.get('task') or ''),
            _seed(episode),
            {} if cameras else unasked,
            faulty,
        )

    def check_like(self, first: _Vectors) -> None:
        """Refuse an episode whose vectors, cameras or rate differ from those of the first."""
        for what, mine, theirs in (
            ('entries of qpos', self.qpos.shape[1], first.qpos.shape[1]),
            ('entries of action', self.action.shape[1], first.action.shape[1]),
            ('cameras', ', '.join(self.cameras), ', '.join(first.cameras)),
            ('rate_hz', self.rate_hz, first.rate_hz),
        ):
            if mine != theirs:
                raise EpisodeError(
                    f'{self.path}: {what}: {mine}, but {first.path.name} has {theirs}; keep them in different folders'
                )


def _seed(episode: Episode) -> int | None:
    """What a simulated episode was made from; None where it isn't simulated, or doesn't say."""
    seed = episode.attrs.get('seed')
    if not episode.attrs.get('sim') or type(seed) is not int or not 0 <= seed < 2**63:
        return None
    return seed
