# SPDX-License-Identifier: Apache-2.0
"""What an episode is to its readers, whatever file it lies in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from act_ros.data.errors import EpisodeError
from act_ros.data.formats.pixels import names_depth
from act_ros.data.times import Findings, stamp_findings
from act_ros.robot.joint_names import names_in
from act_ros.robot.types import Floats, Frame


class Frames(ABC):
    """The frames of one camera: `frames[t]`, or one after the other; each (H, W, 3) uint8, RGB."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __getitem__(self, index: int) -> Frame:
        """Decode one frame.

        Raises:
            EpisodeError: it cannot be decoded; the message names the file and the frame.
        """

    def __iter__(self) -> Iterator[Frame]:
        return (self[t] for t in range(len(self)))


class Episode(ABC):
    """An episode on disk: vectors in memory, frames read when asked for. Close it after use.

    Attributes:
        path: the file, or the dataset's folder with the episode's name.
        kind: the dialect: 'act_ros', 'original ALOHA', 'Interbotix ALOHA', 'LeRobot v3.0', ...
        qpos, action: (T, dof) float32.
        qvel, effort: the same, or None where the file has none. base_action: (T, 2) or None.
        stamp: (T,) float64 seconds, or None. image_age: by camera (T,) float32 seconds (ours).
        images: by camera its `Frames`.
        attrs: what the file says about itself, as Python values.
        left_out: by name what lies there and is not read, with the reason, for people.
    """

    path: Path
    kind: str
    qpos: Floats
    action: Floats
    qvel: Floats | None
    effort: Floats | None
    base_action: Floats | None
    stamp: NDArray[np.float64] | None
    image_age: dict[str, Floats]
    images: Mapping[str, Frames]
    attrs: dict[str, Any]
    left_out: dict[str, str]

    REMEDY: ClassVar[str] = 'repair the file, or take it out of the folder'
    """What to do with one whose parts do not go together."""

    def __len__(self) -> int:
        return len(self.action)

    def __enter__(self) -> Episode:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Release the files; frames can't be read any more."""

    @property
    def rate_hz(self) -> float | None:
        """The nominal control rate that the file states, or None."""
        value = self.attrs.get('rate_hz')
        if isinstance(value, int | float) and np.isfinite(value) and value > 0:
            return float(value)
        return None

    @property
    def cameras(self) -> tuple[str, ...]:
        """Names of the cameras that are taken where nobody names some: in the order the file states, else sorted.

        One whose name tells of depth is taken only where the file states it, or somebody names it.
        """
        usual = [name for name in self.images if not names_depth(name)]
        order = self.attrs.get('cameras')
        if isinstance(order, list):
            stated = tuple(map(str, order))
            if sorted(stated) in (sorted(self.images), sorted(usual)):
                return stated
        return tuple(sorted(usual))

    def unasked(self) -> dict[str, str]:
        """What lies there and is not taken where nobody names it, with the reason, for people."""
        named = {name: 'named as depth' for name in self.images if name not in self.cameras}
        return {**self.left_out, **named}

    def faults(
        self, cameras: Iterable[str] | None = None, rate_hz: float | None = None
    ) -> Findings:
        """What does not go together in it: rows, rates, tables, videos; nothing is decoded.

        Args:
            cameras: whose pictures are looked at; by default all of `cameras`.
            rate_hz: of the rows, where a person says it; by default what the file states.
        """
        return stamp_findings(self.stamp, len(self), rate_hz or self.rate_hz)

    def refuse_faults(
        self,
        cameras: Iterable[str] | None = None,
        rate_hz: float | None = None,
        gaps: bool = False,
    ) -> None:
        """Refuse an episode whose parts do not go together; see `faults`; with `gaps` not for rows that are missing.

        Raises:
            EpisodeError: what is wrong, with the numbers, and what to do.
        """
        found = self.faults(cameras, rate_hz)
        bad = [text for text in found.bad if not (gaps and text in found.gaps)]
        if bad:
            more = f' (and {len(bad) - 1} more: see check_dataset)' if len(bad) > 1 else ''
            raise EpisodeError(f'{self.path}: {bad[0]}{more}; {self.REMEDY}')

    @property
    def joint_names(self) -> tuple[str, ...] | None:
        """Names of the entries of action, or None where the file has none that fit."""
        names = self.action_names
        return names if self.action.ndim == 2 and len(names) == self.action.shape[1] else None

    @property
    def state_names(self) -> tuple[str, ...]:
        """Names that the file states for the entries of qpos, whether they fit or not; () where there are none."""
        return names_in(self.attrs.get('joint_names'))

    @property
    def action_names(self) -> tuple[str, ...]:
        """The same for the entries of action."""
        return names_in(self.attrs.get('action_names')) or self.state_names

    def missing(self) -> list[str]:
        """What this file lacks of what ours have, for people: ['effort', 'stamp', 'image_age', ...]."""
        lacks = [n for n in ('qvel', 'effort', 'stamp') if getattr(self, n) is None]
        if not set(self.cameras) <= set(self.image_age):
            lacks.append('image_age')
        lacks += [n for n in ('rate_hz', 'task', 'success') if self.attrs.get(n) is None]
        lacks += [] if self.action_names else ['joint_names']
        return lacks
