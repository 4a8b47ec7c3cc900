# SPDX-License-Identifier: Apache-2.0
"""Files that their library dies of, or never comes back from, are found by a process that may be lost."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from act_ros.data.child_processes import ChildDeath, ChildGivenUp, each
from act_ros.data.errors import EpisodeError
from act_ros.data.formats.collection import EpisodeRef

LIMIT_S = 60.0
"""Patience with one episode."""


def refuse_unsurvivable(refs: Sequence[EpisodeRef], limit_s: float = LIMIT_S) -> None:
    """Open every episode and a picture of each camera in a child process.

    What is wrong with an episode otherwise is not said here: who reads it says it.

    Raises:
        EpisodeError: the child died of one, or did not come back from it; the message names it.
    """
    with closing(each(_open, refs, 1, limit_s)) as outcomes:
        for outcome in outcomes:
            if isinstance(outcome.error, (ChildDeath, ChildGivenUp)):
                raise EpisodeError(
                    f'{outcome.item.path}: {outcome.error}; take it out of the dataset, and see what '
                    'check_dataset says of the others'
                )


def _open(ref: EpisodeRef) -> None:
    with ref.open() as episode:
        for name in episode.cameras:
            if len(episode.images[name]):
                episode.images[name][0]
