# SPDX-License-Identifier: Apache-2.0
"""What the README points at is there, and the programs it names can be run as written."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / 'README.md').read_text(encoding='utf-8')
PROGRAMS = sorted(set(re.findall(r'\b(?:benchmarks|scripts)/\w+\.(?:py|sh)', README)))
LINKS = sorted(set(re.findall(r'\]\(([^)#:]+)', README)))


@pytest.mark.parametrize('program', PROGRAMS)
def test_a_program_of_the_readme_can_be_run_as_written(program):
    path = ROOT / program
    assert os.access(path, os.X_OK), f'chmod +x {program}'
    assert path.read_text(encoding='utf-8').startswith('#!/usr/bin/env ')


@pytest.mark.parametrize('link', LINKS)
def test_a_link_of_the_readme_leads_somewhere(link):
    assert (ROOT / link).exists()
