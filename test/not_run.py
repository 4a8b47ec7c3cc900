# SPDX-License-Identifier: Apache-2.0
"""A pytest plugin: a run says how many of its tests were not run, and fails where it leaves a process.

It says so in its last line, whatever ended the run; where even pytest is killed, its lifeline says it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lifeline
import pytest


class _Count:
    """The tests of a run, in the process that reports them: with pytest-xdist not the one that runs them."""

    def __init__(self, config: pytest.Config) -> None:
        self._config, self._line = config, lifeline.hold()
        self._collected: set[str] = set()
        self._ran: set[str] = set()
        self._left: list[str] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._add([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: Sequence[str]) -> None:
        self._add(ids)

    def _add(self, ids: Sequence[str]) -> None:
        self._collected.update(ids)
        self._line.tell(f'pytest was killed: {self._words()}')

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # The '???' is pytest-xdist's, of a test whose process crashed.
        if report.when in ('teardown', '???'):
            self._ran.add(report.nodeid)
            self._line.tell(f'pytest was killed: {self._words()}')

    def _words(self) -> str:
        collected, ran = len(self._collected), len(self._collected & self._ran)
        return f'{collected:,} collected, {ran:,} run, {collected - ran:,} NOT RUN'

    @property
    def _complete(self) -> bool:
        return self._config.option.collectonly or self._collected <= self._ran

    @pytest.hookimpl(trylast=True)  # after pytest-xdist's, which ends its processes
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            self._left = self._line.left()
        if session.exitstatus == pytest.ExitCode.OK and (self._left or not self._complete):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_unconfigure(self) -> None:
        self._line.tell('')
        out = self._config.get_terminal_writer()
        for process in self._left:
            out.line(f'left running, and ended now: {process}', red=True)
        if not self._complete:
            out.line(self._words(), red=True)


def pytest_configure(config: pytest.Config) -> None:
    """Hold what each process of the run starts; count where tests are reported."""
    lifeline.hold()
    if not hasattr(config, 'workerinput'):
        config.pluginmanager.register(_Count(config), 'not run')
