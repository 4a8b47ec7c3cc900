# SPDX-License-Identifier: Apache-2.0
"""The temporal ensemble against the plain formula, and execution without it."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from act_ros.control.ensemble import OpenLoop, TemporalEnsemble, make_execution
from act_ros.robot.types import Chunk

K, DOF = 7, 3


def chunk_of(tick, seed=0, k=K, dof=DOF):
    """A chunk whose values depend on its tick and seed only; some entries are exactly zero."""
    rng = np.random.default_rng((tick + 1000, seed))
    actions = rng.normal(size=(k, dof)).astype(np.float32)
    actions[rng.random((k, dof)) < 0.2] = 0.0
    return Chunk(tick, actions)


def plain_formula(chunks, tick, m, order, k=K):
    """The paper's table, written out: the predictions for a tick by age, weighted exp(-m * i)."""
    latest = {}
    for chunk in chunks:  # of two with the same tick, the later arrival counts
        latest[chunk.tick] = chunk
    rows = [latest[t].actions[tick - t] for t in range(tick - k + 1, tick + 1) if t in latest]
    if not rows:
        return None
    if order == 'newest':
        rows.reverse()
    weights = np.array([math.exp(-m * i) for i in range(len(rows))])
    return (weights / weights.sum()) @ np.asarray(rows, dtype=np.float64)


@st.composite
def arrivals(draw):
    """Per tick, the chunks (tick, seed) that arrive then: late, missing, out of order, twice."""
    ticks = draw(st.integers(min_value=1, max_value=4 * K))
    start = draw(st.integers(min_value=-3, max_value=2**40))
    events = {start + t: [] for t in range(ticks)}
    for t in range(ticks):
        for seed in range(draw(st.sampled_from([0, 1, 1, 1, 2]))):
            delay = draw(st.integers(min_value=0, max_value=K + 2))
            if t + delay < ticks:
                events[start + t + delay].append((start + t, seed))
    return {tick: draw(st.permutations(chunks)) for tick, chunks in events.items()}


@settings(max_examples=150)
@given(
    events=arrivals(),
    m=st.sampled_from([0.01, 0.0, 0.5, -0.1, 3.0, -800.0]),
    order=st.sampled_from(['oldest', 'newest']),
)
def test_ensemble_is_the_plain_formula_for_late_missing_and_disordered_chunks(events, m, order):
    # The plain formula overflows far out; there the weight of one end is all there is.
    m_plain = math.copysign(90.0, m) if abs(m) > 700 else m
    ensemble = TemporalEnsemble(K, DOF, m, order)
    seen = []
    for tick, chunks in events.items():
        for chunk in itertools.starmap(chunk_of, chunks):
            ensemble.add(chunk)
            seen.append(chunk)
        expected = plain_formula(seen, tick, m_plain, order)
        got = ensemble.action(tick)
        if expected is None:
            assert got is None
        else:
            assert got is not None
            np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-7)


def test_oldest_prediction_weighs_most_by_default():
    ensemble = TemporalEnsemble(2, 1, m=1.0)
    ensemble.add(Chunk(0, np.array([[0.0], [1.0]], dtype=np.float32)))
    ensemble.add(Chunk(1, np.array([[0.0], [0.0]], dtype=np.float32)))
    assert ensemble.action(1)[0] == pytest.approx(1 / (1 + math.exp(-1)))


def test_newest_order_turns_the_weights_round():
    ensemble = TemporalEnsemble(2, 1, m=1.0, order='newest')
    ensemble.add(Chunk(0, np.array([[0.0], [1.0]], dtype=np.float32)))
    ensemble.add(Chunk(1, np.array([[0.0], [0.0]], dtype=np.float32)))
    assert ensemble.action(1)[0] == pytest.approx(math.exp(-1) / (1 + math.exp(-1)))


def test_a_prediction_of_exact_zeros_counts():
    ensemble = TemporalEnsemble(K, DOF)
    ensemble.add(Chunk(0, np.zeros((K, DOF), dtype=np.float32)))
    assert ensemble.action(3) is not None
    assert ensemble.count(3) == 1


def test_a_late_chunk_enters_with_its_past_rows_skipped():
    ensemble = TemporalEnsemble(K, DOF)
    late = chunk_of(10)
    ensemble.add(late)
    np.testing.assert_allclose(ensemble.action(14), late.actions[4], rtol=1e-6)
    assert ensemble.action(10 + K) is None


def test_a_chunk_of_the_future_is_not_used_before_its_time():
    ensemble = TemporalEnsemble(K, DOF)
    ensemble.add(chunk_of(10))
    assert ensemble.action(9) is None


def test_a_chunk_older_than_the_one_in_its_slot_is_refused():
    ensemble = TemporalEnsemble(K, DOF)
    assert ensemble.add(chunk_of(10 + K))
    assert not ensemble.add(chunk_of(10))
    assert ensemble.count(10 + K) == 1


def test_reset_forgets_everything():
    ensemble = TemporalEnsemble(K, DOF)
    ensemble.add(chunk_of(0))
    ensemble.reset()
    assert ensemble.action(0) is None
    assert ensemble.add(chunk_of(-K))  # also what was once too old


@pytest.mark.parametrize('execution', [TemporalEnsemble(K, DOF), OpenLoop(K, DOF, 3)])
@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_a_chunk_that_is_not_finite_never_enters(execution, bad):
    execution.reset()
    good, wrong = chunk_of(0), chunk_of(1)
    wrong.actions[4, 1] = bad
    execution.add(good)
    before = execution.action(1)
    with pytest.raises(ValueError, match=r'chunk of tick 1 has 1 of 21 values not finite.*row 4'):
        execution.add(wrong)
    np.testing.assert_array_equal(execution.action(1), before)


@pytest.mark.parametrize('execution', [TemporalEnsemble(K, DOF), OpenLoop(K, DOF, 3)])
def test_a_chunk_of_another_shape_is_refused_with_both_shapes(execution):
    with pytest.raises(ValueError, match=r'\(7, 4\), expected \(7, 3\)'):
        execution.add(Chunk(0, np.zeros((K, 4), dtype=np.float32)))


def test_open_loop_executes_n_actions_then_the_newest_chunk():
    loop = OpenLoop(K, DOF, 3)
    chunks = {t: chunk_of(t) for t in range(8)}
    got = []
    for tick in range(8):
        loop.add(chunks[tick])
        got.append(loop.action(tick))
    used = [0, 0, 0, 3, 3, 3, 6, 6]
    for tick, source in enumerate(used):
        np.testing.assert_array_equal(got[tick], chunks[source].actions[tick - source])


def test_open_loop_asks_for_a_chunk_only_when_its_actions_are_done():
    loop = OpenLoop(K, DOF, 3)
    asked = []
    for tick in range(9):
        if loop.due(tick):
            asked.append(tick)
            loop.add(chunk_of(tick))
        loop.action(tick)
    assert asked == [0, 3, 6]


def test_open_loop_bridges_a_late_chunk_and_then_has_nothing():
    loop = OpenLoop(K, DOF, 3)
    first = chunk_of(0)
    loop.add(first)
    for tick in range(K):
        np.testing.assert_array_equal(loop.action(tick), first.actions[tick])
    assert loop.action(K) is None
    late = chunk_of(5)
    loop.add(late)
    np.testing.assert_array_equal(loop.action(K), late.actions[K - 5])


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'ensemble': 'best'}, 'oldest, newest, none'),
        ({'ensemble': 'none', 'execute': K + 1}, 'chunk length 7, got 8'),
        ({'m': math.nan}, 'must be finite'),
        ({'chunk': 0}, 'at least 1'),
    ],
)
def test_options_out_of_range_are_refused_with_the_range(options, message):
    with pytest.raises(ValueError, match=message):
        make_execution(**{'chunk': K, 'dof': DOF, **options})


def test_memory_is_constant_over_20_000_ticks():
    import tracemalloc

    ensemble = TemporalEnsemble(10, 14)
    actions = np.ones((10, 14), dtype=np.float32)

    def run(ticks):
        for tick in ticks:
            ensemble.add(Chunk(tick, actions))
            ensemble.action(tick)

    run(range(2000))
    tracemalloc.start()
    run(range(2000, 4000))
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    run(range(4000, 20_000))
    tracemalloc.start()
    run(range(20_000, 22_000))
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after <= before + 4096
    assert peak < 100_000
