# SPDX-License-Identifier: Apache-2.0
"""Whether ticks wait for their inference: as asked, as the engine allows, and what is said of it."""

from __future__ import annotations

from math import inf

import pytest

from act_ros.control.inference_mode import LATE, MODES, OF, InferenceMode

QUICK_S, SLOW_S = 0.006, 0.03


def loaded(asked: str, pass_s: float = QUICK_S) -> InferenceMode:
    mode = InferenceMode(asked, 50.0)
    mode.load(pass_s)
    return mode


def count(mode: InferenceMode, late: int, of: int) -> None:
    for index in range(of):
        mode.count(index < late)


@pytest.mark.parametrize(
    ('pass_s', 'sync'), [(0.001, True), (0.01, True), (0.0101, False), (0.2, False)]
)
def test_auto_takes_sync_where_a_pass_takes_at_most_half_a_tick(pass_s: float, sync: bool) -> None:
    mode = InferenceMode('auto', 50.0)
    assert (mode.sync, mode.line) == (False, '')  # nothing is loaded yet
    mode.load(pass_s)
    assert mode.sync == sync
    assert mode.line.startswith(f'inference: {"sync" if sync else "async"}; ')
    assert f'{1e3 * pass_s:.1f} ms' in mode.line and 'up to 10 ms' in mode.line
    mode.load(SLOW_S if sync else QUICK_S)  # a swap
    assert mode.sync != sync
    mode.load(inf)  # and unloaded
    assert (mode.sync, mode.line) == (False, '')


@pytest.mark.parametrize('pass_s', [QUICK_S, SLOW_S])
def test_what_is_asked_for_is_done_whatever_the_engine(pass_s: float) -> None:
    for asked in ('async', 'sync'):
        mode = loaded(asked, pass_s)
        assert (mode.sync, mode.line) == (asked == 'sync', '')


def test_auto_that_does_not_keep_up_goes_over_to_async_once_and_for_all() -> None:
    mode = loaded('auto')
    count(mode, LATE - 1, OF)
    count(mode, LATE - 1, OF)
    assert mode.sync and not mode.warns
    count(mode, LATE, LATE)
    assert not mode.sync and mode.warns
    assert 'async from now on' in mode.line and '6.0 ms' in mode.line
    said = mode.line
    mode.ask('auto')  # another parameter was set
    count(mode, 0, 10 * OF)
    assert (mode.sync, mode.line) == (False, said)
    mode.load(QUICK_S)
    assert mode.sync and not mode.warns
    count(mode, LATE - 1, LATE - 1)  # what was before is forgotten
    assert mode.sync


def test_sync_that_was_asked_for_stays_and_says_for_how_long_it_is_behind() -> None:
    mode = loaded('sync', SLOW_S)
    count(mode, LATE, LATE)
    assert mode.sync and mode.behind
    assert 'does not keep up' in mode.line and '30.0 ms' in mode.line and 'async' in mode.line
    count(mode, 0, OF)
    assert mode.sync and not mode.behind and mode.line == ''


def test_auto_waits_no_longer_than_a_tick_lasts() -> None:
    patience = {asked: loaded(asked).patience_s for asked in MODES}
    assert patience['auto'] == 0.02 < patience['sync']
