# SPDX-License-Identifier: Apache-2.0
"""`make bench`: what programs find reaches RESULTS.md, and one that cannot run is listed with the reason."""

from __future__ import annotations

import math
import random
from pathlib import Path

import bench
import pytest
from bench_programs import PROGRAMS, Program
from bench_report import write_report
from findings import Findings
from network import Radio, Way

from act_ros.policy.engines.choice import gpu

BENCHMARKS = Path(__file__).resolve().parents[2] / 'benchmarks'
GOOD = """
found.figure('period', 20.04, 'ms', at_least=19.9, at_most=20.1)
found.figure('gap', 41.0, 'ms', at_most=40.0)
found.not_measured("the peer's", 'it is not | there')
"""
PROGRAM = """
import argparse, sys
sys.path.insert(0, {folder!r})
from findings import Findings, add_json
parser = argparse.ArgumentParser()
parser.add_argument('--seconds', type=float)
add_json(parser)
args = parser.parse_args()
found = Findings()
{body}
sys.exit(found.end(args.json))
"""


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / 'benchmarks').mkdir()
    for name, body in {
        'good': GOOD,
        'broken': "raise RuntimeError('no robot')",
        'elsewhere': "found.not_measured('two hosts', 'only root may')",
        'endless': 'import time; time.sleep(600)',
    }.items():
        text = PROGRAM.format(folder=str(BENCHMARKS), body=body)
        (tmp_path / 'benchmarks' / f'{name}.py').write_text(text)
    monkeypatch.setattr(bench, 'ROOT', tmp_path)
    monkeypatch.setattr(bench, 'OUTPUT', tmp_path)
    return tmp_path


def test_what_was_found_missed_and_could_not_run_is_all_in_the_results(room: Path) -> None:
    programs = [
        Program(name, f'About {name}', ('--seconds', '60'), ('--seconds', '1'))
        for name in ('broken', 'elsewhere', 'good')
    ]
    outcomes = [bench.run(program, quick=True) for program in programs]
    assert [outcome.status for outcome in outcomes] == [1, 2, 1]
    assert [outcome.wrong for outcome in outcomes] == ['RuntimeError: no robot', '', '']
    write_report(room / 'RESULTS.md', outcomes, quick=True)
    text = (room / 'RESULTS.md').read_text()
    assert 'Targets met: 1 of 2. Programs without figures: broken.' in text
    assert '| good | gap | 41 ms | at most 40 |' in text
    assert '| period | 20.04 ms | at least 19.9, at most 20.1 | met |' in text
    assert '**Not measured**: RuntimeError: no robot' in text
    assert 'Not measured: two hosts: only root may' in text
    assert 'benchmarks/good.py --seconds 1\n' in text


def test_a_program_that_does_not_end_is_ended_and_is_no_result(room: Path) -> None:
    outcome = bench.run(Program('endless', '', at_most_min=0.05), quick=False)
    assert outcome.status is None
    assert 'not over' in outcome.wrong
    assert outcome.targets == []


def test_a_value_that_is_no_number_meets_no_target_and_a_bound_belongs_to_it() -> None:
    found = Findings()
    found.figure('nothing', math.nan, at_most=1.0)
    found.figure('edge', 1.0, at_most=1.0, at_least=1.0)
    found.figure('told only', 5.0)
    assert [figure.met for figure in found.figures] == [False, True, None]
    assert found.end(None) == 1
    assert Findings().end(None) == 2


def test_every_program_of_the_list_is_there() -> None:
    for program in PROGRAMS:
        assert (BENCHMARKS / f'{program.file or program.name}.py').exists()
    names = [program.name for program in PROGRAMS]
    assert len(names) == len(set(names)), 'one would overwrite the figures of the other'


@pytest.mark.skipif(bool(gpu()), reason='here is one')
def test_what_needs_a_gpu_says_so_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, 'OUTPUT', tmp_path)
    outcomes = [bench.run(p, quick=True) for p in PROGRAMS if p.name.startswith('gpu_')]
    assert len(outcomes) == 3
    for outcome in outcomes:
        assert (outcome.status, outcome.wrong, outcome.targets) == (2, '', [])
        assert 'no NVIDIA GPU' in str(outcome.found['missing'])


def test_a_radio_link_keeps_order_loses_its_share_and_carries_its_rate() -> None:
    radio, way, chance = Radio(rate=1e6, loss=0.1, delay=(0.0, 0.05)), Way(), random.Random(0)
    for _ in range(900):
        radio._take(bytes(125), way, 0.0, chance)  # 1 ms each
    times = [at for at, _ in way.waiting]
    assert 770 < len(times) < 850
    assert times == sorted(times)
    assert len(times) * 0.001 <= times[-1] <= len(times) * 0.001 + 0.05
    for _ in range(900):
        radio._take(bytes(125), way, 0.0, chance)
    assert len(way.waiting) == 1000, 'what comes when the queue is full is lost'
