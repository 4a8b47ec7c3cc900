# SPDX-License-Identifier: Apache-2.0
"""`benchmarks/faults.py` still knows what a policy node asks of a robot: one of its faults is made and met."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import lifeline

from synthetic import tiny_config, write_policy

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 300.0


def test_its_robot_is_believed_and_a_lie_of_it_is_not(tmp_path: Path) -> None:
    write_policy(policy := tmp_path / 'tiny', tiny_config(chunk=100))
    mark, env = lifeline.tie(dict(os.environ))
    found = tmp_path / 'found.json'
    program = [sys.executable, ROOT / 'benchmarks' / 'faults.py']
    try:
        done = subprocess.run(
            [*program, '--policy', policy, '--only', 'a joint is not a number', '--json', found],
            env=env, capture_output=True, text=True, timeout=DEADLINE_S,
        )  # fmt: skip
    finally:
        lifeline.end(mark)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '1 of 1 right' in done.stdout, done.stdout
    assert json.loads(found.read_text(encoding='utf-8'))
