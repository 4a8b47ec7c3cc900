# SPDX-License-Identifier: Apache-2.0
"""Ticks are even on a clock that comes in jumps, stretch with a slow simulator, and never burst."""

import numpy as np
import pytest

from act_ros.control.ticker import SimTime, SystemTime, Ticker, tick_of


class Steady:
    """A steady clock that sleeping moves; with noise, sleeps take longer than asked."""

    def __init__(self, events=(), noise=lambda: 0.0):
        self.now = 1000.0
        self.events = sorted(events, key=lambda e: e[0])
        self.noise = noise

    def time(self):
        return self.now

    def sleep(self, seconds):
        assert seconds > 0
        self.to(self.now + seconds + self.noise())

    def to(self, when):
        """Move on; what happens on the way happens at its time."""
        while self.events and self.events[0][0] <= when:
            at, action = self.events.pop(0)
            self.now = max(self.now, at)
            action(at)
        self.now = when


def clock_messages(sim, count, factor=1.0, period=0.01, jitter=None, start=0.0):
    """Events of a /clock at 100 Hz of simulated time, `factor` as fast as the steady clock."""
    rng = np.random.default_rng(0)
    events = []
    at = 0.0
    for i in range(count):
        delay = jitter(rng) if jitter else 0.0
        at = max(at, 1000.0 + i * period / factor + delay)
        stamp = start + i * period
        events.append((at, lambda arrival, stamp=stamp: sim.observe(stamp, arrival)))
    return events


def run(sim, steady, ticks, rate=50.0, work=lambda tick: 0.0):
    ticker = Ticker(rate, sim, steady.time, steady.sleep)
    beats = []
    while len(beats) < ticks:
        beat = ticker.wait(1.0)
        if beat is None:
            break
        beats.append((beat, steady.now))
        steady.now += work(beat.tick)
    return beats


def test_ticks_are_even_although_clock_messages_are_not():
    sim = SimTime()
    steady = Steady(clock_messages(sim, 1000, jitter=lambda rng: rng.exponential(0.004)))
    beats = run(sim, steady, 450)
    at = np.array([when for _, when in beats])[50:]
    assert [b.tick for b, _ in beats] == list(range(beats[0][0].tick, beats[0][0].tick + 450))
    assert np.abs(np.diff(at) - 0.02).max() < 0.0015
    assert (at[-1] - at[0]) / (len(at) - 1) == pytest.approx(0.02, abs=1e-4)


def test_ticks_bridge_a_hiccup_of_the_simulator():
    sim = SimTime()
    events = clock_messages(sim, 600)
    hiccup = [(1003.04 if 1003.0 < at < 1003.04 else at, act) for at, act in events]
    steady = Steady(hiccup)
    beats = run(sim, steady, 280)
    assert not any(beat.jumped for beat, _ in beats[1:])
    at = np.array([when for _, when in beats])[50:]
    assert np.abs(np.diff(at) - 0.02).max() < 0.002


@pytest.mark.parametrize('lost_s', [0.04, 0.08, 0.12, 0.3])
def test_where_the_simulator_has_lost_time_for_good_what_it_sends_is_soon_new_again(lost_s):
    sim = SimTime()
    whole = clock_messages(sim, 600, jitter=lambda rng: rng.exponential(0.002))
    steady = Steady([(at + lost_s * (at > 1003.0), act) for at, act in whole])
    beats = run(sim, steady, 280)
    when = np.array([when for _, when in beats])
    # What is published with /clock is as old as the tick is ahead of the simulator; arms hold at 0.1 s.
    sent = np.floor((when - 1000.0 - lost_s * (when > 1003.0 + lost_s)) * 100) / 100
    age = np.array([beat.now_s for beat, _ in beats]) - sent
    assert age[when > 1003.0].max() < SimTime.AHEAD_S + 0.02
    assert age[when > 1003.0 + lost_s + 1.0].max() < 0.035


@pytest.mark.parametrize('factor', [0.2, 0.5, 0.8])
def test_ticks_stretch_with_a_slow_simulator(factor):
    sim = SimTime()
    steady = Steady(clock_messages(sim, 400, factor=factor))
    beats = run(sim, steady, 150)
    at = np.array([when for _, when in beats])[50:]
    assert (at[-1] - at[0]) / (len(at) - 1) == pytest.approx(0.02 / factor, rel=0.02)
    assert sum(b.missed for b, _ in beats) == 0
    ahead = [b.now_s - (when - 1000.0) * factor for b, when in beats[50:]]
    assert max(ahead) < 0.021  # the loop does not run ahead of the simulated time


def test_where_the_clock_stops_there_are_no_ticks():
    sim = SimTime()
    steady = Steady(clock_messages(sim, 200))
    beats = run(sim, steady, 200)
    assert len(beats) < 100 + 2 + round(50 * SimTime.AHEAD_S)
    assert beats[-1][0].now_s < 2.0 + SimTime.AHEAD_S


def test_before_the_first_clock_message_there_is_no_tick():
    steady = Steady()
    ticker = Ticker(50.0, SimTime(), steady.time, steady.sleep)
    assert ticker.wait(0.5) is None


def test_after_an_overrun_the_next_tick_is_the_present_one():
    steady = Steady()
    time = SystemTime(steady.time, lambda: steady.now + 1e6)
    ticker = Ticker(50.0, time, steady.time, steady.sleep)
    first = ticker.wait()
    steady.now += 0.13
    late = ticker.wait()
    after = ticker.wait()
    assert late.tick == first.tick + 6
    assert late.missed == 5
    assert after.tick == late.tick + 1
    assert after.missed == 0


def test_deadlines_do_not_drift():
    steady = Steady(noise=lambda: 0.003)
    time = SystemTime(steady.time, lambda: steady.now + 1e6)
    beats = run(time, steady, 500)
    assert beats[-1][0].tick - beats[0][0].tick == 499
    assert beats[-1][1] - beats[0][1] == pytest.approx(499 * 0.02, abs=0.02)


def test_time_that_jumps_back_is_said_and_not_waited_for():
    sim = SimTime()
    steady = Steady()
    for i in range(100):
        sim.observe(50.0 + i * 0.01, steady.now - 1.0 + i * 0.01)
    ticker = Ticker(50.0, sim, steady.time, steady.sleep)
    assert ticker.wait().jumped
    sim.observe(0.0, steady.now)
    beat = ticker.wait()
    assert beat.jumped
    assert beat.tick == 0
    assert beat.missed == 0


def test_time_that_jumps_forward_is_said_and_not_counted_as_missed():
    sim = SimTime()
    steady = Steady()
    sim.observe(1.0, steady.now)
    ticker = Ticker(50.0, sim, steady.time, steady.sleep)
    ticker.wait()
    sim.observe(500.0, steady.now)
    beat = ticker.wait()
    assert (beat.jumped, beat.missed, beat.tick) == (True, 0, 25_000)


def test_a_stamp_that_was_rounded_down_belongs_to_its_tick():
    for tick in (0, 1, 3, 7, 12_345, 2**31):
        stamp_ns = round(tick / 50.0 * 1e9)
        assert tick_of(stamp_ns * 1e-9, 50.0) == tick


def test_a_rate_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match='rate_hz must be positive, got 0'):
        Ticker(0.0, SimTime())


def test_a_tick_is_held_until_its_moment_however_long_its_work_took():
    steady = Steady()
    ticker = Ticker(50.0, SystemTime(steady.time, steady.time), steady.time, steady.sleep)
    moments = []
    for work in (0.0, 0.003, 0.0099, 0.012):
        beat = ticker.wait()
        steady.now += work
        ticker.hold(beat.tick, 0.5)
        moments.append(ticker.into(beat.tick))
    assert moments == pytest.approx([0.5, 0.5, 0.5, 0.6])


def test_a_clock_that_jumps_back_holds_a_tick_no_longer_than_any():
    steady, ahead = Steady(), [0.0]
    system = SystemTime(steady.time, lambda: steady.now + ahead[0])
    ticker = Ticker(50.0, system, steady.time, steady.sleep)
    beat = ticker.wait()
    ahead[0], before = -100.0, steady.now
    ticker.hold(beat.tick, 0.5)
    assert steady.now - before == pytest.approx(0.01)
