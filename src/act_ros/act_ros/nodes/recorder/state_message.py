# SPDX-License-Identifier: Apache-2.0
"""What the recorder says of itself, as `RecorderState`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from act_msgs.msg import RecorderState, SourceFault

from act_ros.data.recording.source_watch import Wrong, in_words
from act_ros.data.spoilt import SLOW
from act_ros.nodes.recorder.episodes import Episodes
from act_ros.nodes.shared.times import stamp_of


class Ill(NamedTuple):
    """A source that is not as it should be: how, its name, and what a person is told of it."""

    how: Wrong
    source: str
    about: str


def why_ill(sources: Sequence[Ill]) -> str:
    """What is wrong with the sources, for a person; '' if nothing is."""
    return in_words((ill.how, ill.about) for ill in sources)


def recorder_state(episodes: Episodes, sources: Sequence[Ill], stamp_s: float) -> RecorderState:
    """The state now. `sources`: those that are not as they should be."""
    episode, fault, why = episodes.open, episodes.fault, why_ill(sources)
    msg = RecorderState(dataset=str(episodes.archive.folder), open=episode is not None)
    msg.header.stamp = stamp_of(round(stamp_s * 1e9))
    msg.sources = [
        SourceFault(fault=getattr(SourceFault, how.name), source=source, about=about)
        for how, source, about in sources
    ]
    if episode:
        fault = SLOW if episodes.losing else ''
        going = msg.FAULT if fault or why else msg.RECORDING
        msg.state, msg.reason = going if episode.rows else msg.WAITING, why or fault
        msg.episode, msg.rows, msg.dropped = episode.number, episode.rows, episode.dropped
        msg.overflow, msg.stale, msg.frozen = episode.overflow, episode.stale, episode.frozen
        msg.faults = len(episode.faults)
    else:
        still = msg.FINISHING if episodes.finishing else msg.IDLE
        msg.state, msg.reason = msg.FAULT if fault else still, fault or why
        msg.episode = episodes.archive.next_number
    msg.fault = fault
    msg.queue, msg.free_bytes = episodes.archive.waiting, episodes.archive.free
    msg.kept, msg.failed = len(episodes.kept), episodes.failed
    msg.message = episodes.message
    msg.last_kept, msg.last_success = episodes.kept.last
    return msg
