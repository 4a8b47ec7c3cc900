# SPDX-License-Identifier: Apache-2.0
"""A pytest plugin for tests that draw their examples: the same ones in every run, or new ones for as long as asked.

A run that judges a change draws the same examples every time. `pytest --fuzz MINUTES` (`make fuzz`) draws new
ones, all the time, and writes an example that fails to test/data/found. What lies there is tried first in every
run from then on, so commit it with the change that mends what it shows.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, is_hypothesis_test, settings

ROOT = Path(__file__).resolve().parents[1]
FOUND = ROOT / 'test/data/found'

# Nothing in these looks at the time that an example or its drawing takes: machines are busy.
_CALM = settings(
    database=None,
    deadline=None,
    print_blob=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile('same', _CALM, derandomize=True)
# Said outright: under a CI, Hypothesis' own defaults draw the same examples every time.
settings.register_profile('new', _CALM, derandomize=False)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --fuzz."""
    parser.addoption(
        '--fuzz',
        type=float,
        metavar='MINUTES',
        help='draw new examples for so long, and keep what fails',
    )


def pytest_configure(config: pytest.Config) -> None:
    """Choose how examples are drawn, before a test is read."""
    settings.load_profile('new' if config.option.fuzz else 'same')


class _Watched:
    """A test whose examples are counted, and of which the last one that failed is known."""

    def __init__(self, item: pytest.Function) -> None:
        self._where = item.location[0], item.originalname
        self._others = set(inspect.signature(item.obj).parameters)  # fixtures, parameters
        self.examples = 0
        self.failed: dict[str, Any] | None = None
        test = item.obj.hypothesis.inner_test

        @functools.wraps(test)
        def watched(*args: Any, **kwargs: Any) -> None:
            self.examples += 1
            try:
                test(*args, **kwargs)
            except (Exception, pytest.fail.Exception):
                self.failed = {k: v for k, v in kwargs.items() if k not in self._others}
                raise

        item.obj.hypothesis.inner_test = watched

    def keep(self) -> Path:
        """Write down the last example that failed: the one that Hypothesis made as small as it could."""
        test = '::'.join(self._where)
        drawn = {name: _pack(value) for name, value in (self.failed or {}).items()}
        text = json.dumps({'test': test, 'drawn': drawn}, indent=1) + '\n'
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        path = FOUND / f'{self._where[1].removeprefix("test_")}-{digest}.json'
        FOUND.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


_watched: dict[Any, _Watched] = {}
"""By test; one with parameters is one."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give the tests the examples that were found; with --fuzz leave only those that draw."""
    drawing = [i for i in items if isinstance(i, pytest.Function) and is_hypothesis_test(i.obj)]
    for function in {item.obj: item for item in drawing}.values():
        for drawn in found(f'{function.location[0]}::{function.originalname}'):
            example(**drawn)(function.obj)
    if not config.option.fuzz:
        return
    config.hook.pytest_deselected(items=[item for item in items if item not in drawing])
    items[:] = drawing
    for item in drawing:
        if item.obj not in _watched:
            _watched[item.obj] = _Watched(item)
        # Longer than its share of the time: an example that hangs is an error, too.
        item.add_marker(pytest.mark.timeout(_share_s(item) + 300))


def _share_s(item: pytest.Item) -> float:
    """The seconds for which one test draws."""
    workers = getattr(item.config, 'workerinput', {}).get('workercount', 1)
    return float(60 * item.config.option.fuzz * workers / len(item.session.items or [item]))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """With --fuzz, run a test again and again until its time is over."""
    if not pyfuncitem.config.option.fuzz:
        return None
    end = time.monotonic() + _share_s(pyfuncitem)
    watched = _watched[pyfuncitem.obj]
    before = watched.examples
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    try:
        while time.monotonic() < end:
            pyfuncitem.obj(**arguments)
    except BaseException:
        if watched.failed is not None:
            pyfuncitem.user_properties.append(('found', str(watched.keep().relative_to(ROOT))))
        raise
    finally:
        pyfuncitem.user_properties.append(('examples', watched.examples - before))
    return True


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what was drawn and what was found."""
    if not config.option.fuzz:
        return
    reports = [
        r for rs in terminalreporter.stats.values() for r in rs if getattr(r, 'when', '') == 'call'
    ]
    told = [pair for report in reports for pair in report.user_properties]
    total = sum(value for key, value in told if key == 'examples')
    files = [value for key, value in told if key == 'found']
    terminalreporter.write_line(f'{total:,} examples of {len(reports)} tests, {len(files)} failed')
    for file in files:
        terminalreporter.write_line(f'found: {file}')


def found(test: str) -> list[dict[str, Any]]:
    """What was found for a test, 'test/unit/test_x.py::test_name'."""
    data = [json.loads(path.read_text()) for path in sorted(FOUND.glob('*.json'))]
    drawn = [entry['drawn'] for entry in data if entry['test'] == test]
    return [{name: _unpack(value) for name, value in each.items()} for each in drawn]


def _pack(value: Any) -> Any:
    """What a test draws, as JSON: only lists and plain values stand for themselves."""
    if isinstance(value, np.ndarray):
        return {'array': value.tolist(), 'type': value.dtype.str}
    if isinstance(value, bytes):
        return {'bytes': value.hex()}
    if isinstance(value, tuple):
        return {'tuple': [_pack(each) for each in value]}
    if isinstance(value, dict):
        return {'dict': [[_pack(key), _pack(each)] for key, each in value.items()]}
    if isinstance(value, list):
        return [_pack(each) for each in value]
    if value is not None and not isinstance(value, (bool, int, float, str)):
        raise TypeError(
            f'{type(value).__name__} {value!r} cannot be kept: let the test draw plain values'
        )
    return value


_KINDS: dict[str, Callable[[Any], Any]] = {
    'array': lambda entry: np.array(entry['array'], entry['type']),
    'bytes': lambda entry: bytes.fromhex(entry['bytes']),
    'tuple': lambda entry: tuple(map(_unpack, entry['tuple'])),
    'dict': lambda entry: {_unpack(key): _unpack(each) for key, each in entry['dict']},
}


def _unpack(value: Any) -> Any:
    if isinstance(value, list):
        return [_unpack(each) for each in value]
    if isinstance(value, dict):
        return _KINDS[next(iter(value))](value)
    return value
