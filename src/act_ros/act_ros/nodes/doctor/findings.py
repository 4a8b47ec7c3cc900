# SPDX-License-Identifier: Apache-2.0
"""What the doctor finds: a line each, with a verdict, and what to do where it is not well."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple

from act_ros.exit_status import UNSAFE
from act_ros.text import printable


class Verdict(Enum):
    """How something is."""

    OK = 'OK'
    WARNING = 'warning'
    PROBLEM = 'PROBLEM'
    UNSAFE = 'UNSAFE'


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes:
        about: what it is.
        verdict: how it is.
        found: what was seen.
        do: the next step, where it is not well.
    """

    about: str
    verdict: Verdict
    found: str
    do: str = ''


def well(about: str, found: str) -> Finding:
    """Something that is as it should be."""
    return Finding(about, Verdict.OK, found)


def warning(about: str, found: str, do: str) -> Finding:
    """Something that one should know, and that stops nothing."""
    return Finding(about, Verdict.WARNING, found, do)


def problem(about: str, found: str, do: str) -> Finding:
    """Something that has to be seen to before the robot is used."""
    return Finding(about, Verdict.PROBLEM, found, do)


def unsafe(about: str, found: str, do: str) -> Finding:
    """A problem with which the arms must not be moved at all."""
    return Finding(about, Verdict.UNSAFE, found, do)


def status(findings: Iterable[Finding]) -> int:
    """The exit status: 3 where something is unsafe, 1 where there is another problem, else 0."""
    verdicts = {finding.verdict for finding in findings}
    return UNSAFE if Verdict.UNSAFE in verdicts else int(Verdict.PROBLEM in verdicts)


def table(findings: Sequence[Finding]) -> str:
    """For a person: a line each, and what to do below those that are not well; then how many there are."""
    width = max((len(finding.about) for finding in findings), default=0)
    lines = []
    for about, verdict, found, do in findings:
        lines.append(f'{verdict.value:<8} {about:<{width}}  {printable(found, keep="")}')
        lines += [f'{"":<8} {"":<{width}}  -> {printable(do, keep="")}'] if do else []
    return '\n'.join([*lines, _sum(findings)])


def _sum(findings: Iterable[Finding]) -> str:
    verdicts = [finding.verdict for finding in findings]
    warnings = verdicts.count(Verdict.WARNING)
    problems = verdicts.count(Verdict.PROBLEM) + verdicts.count(Verdict.UNSAFE)
    return f'{_many(problems, "problem")}, {_many(warnings, "warning")}, {len(verdicts)} checks'


def _many(count: int, what: str) -> str:
    return f'{count or "no"} {what}{"" if count == 1 else "s"}'


def as_json(findings: Sequence[Finding]) -> str:
    """For a program: a list of objects with `about`, `verdict`, `found` and `do`."""
    rows = [{**finding._asdict(), 'verdict': finding.verdict.value} for finding in findings]
    return json.dumps(rows, indent=1)
