# SPDX-License-Identifier: Apache-2.0
"""How the recorder is, for `/diagnostics`: its episodes, the disk, and each source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from act_msgs.msg import RecorderState

from act_ros.control.cadence import Cadence
from act_ros.data.recording.grid import MAX_AGE_S
from act_ros.data.recording.source_watch import Wrong
from act_ros.data.times import STALE_S
from act_ros.nodes.recorder.inputs import RecorderInputs
from act_ros.nodes.recorder.state_message import Ill
from act_ros.nodes.shared.diagnostics import ERROR, OK, WARN, Health, figures, heard
from act_ros.nodes.shared.times import seconds

SCARCE = 10
"""Times the space that an episode cannot begin without: less is warned of."""


def health(
    state: RecorderState,
    ills: Sequence[Ill],
    inputs: RecorderInputs,
    cadence: Cadence,
    min_free: int,
) -> Iterator[Health]:
    """Of everything, as `state` and `ills` have it. `min_free`: bytes that no episode begins without."""
    yield _episodes(state, cadence)
    yield disk(state.dataset, state.free_bytes, min_free)
    for source, (age_s, values) in inputs.counts(seconds(state.header.stamp)).items():
        wrong = {ill.how: ill.about for ill in ills if ill.source == source}
        frozen = 'it sends the same picture over and over' if Wrong.FROZEN in wrong else ''
        contested = wrong.get(Wrong.CONTESTED) or frozen
        old = wrong.get(Wrong.OLD) and f'older than {STALE_S:g} s: its rows are marked'
        yield heard(source, age_s, MAX_AGE_S, inputs.note(source) or old or '', contested, values)


def _episodes(state: RecorderState, cadence: Cadence) -> Health:
    waits = WARN if state.state == RecorderState.WAITING else OK
    level = ERROR if state.state == RecorderState.FAULT else waits
    names = ('IDLE', 'WAITING', 'RECORDING', 'FINISHING', 'FAULT')
    name = next(name for name in names if getattr(RecorderState, name) == state.state)
    values = {
        **figures(cadence),
        'episode': state.episode,
        'rows': state.rows,
        'rows.dropped': state.dropped,
        'rows.stale': state.stale,
        'rows.frozen': state.frozen,
        'queue': state.queue,
        'kept': state.kept,
        'faults': state.faults,
    }
    message = f'{name}: {state.reason}' if state.reason else name
    return Health('recording', level, message, values)


def disk(folder: str, free: int, min_free: int) -> Health:
    """How much room there is, in bytes, where no episode begins with less than `min_free`."""
    level = ERROR if free < min_free else WARN if free < SCARCE * min_free else OK
    return Health('disk', level, f'{free / 1e9:.1f} GB free in {folder}', {'free [bytes]': free})
