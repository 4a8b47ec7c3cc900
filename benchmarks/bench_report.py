# SPDX-License-Identifier: Apache-2.0
"""What `bench.py` writes: RESULTS.md, with the machine, versions and date."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from lerobot_python import lerobot_version

if TYPE_CHECKING:
    from bench import Outcome

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    'act_ros',
    'torch',
    'openvino',
    'onnxruntime',
    'numpy',
    'mujoco',
    'opencv-python-headless',
)
VERDICTS = {True: 'met', False: '**missed**', None: ''}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ['---'] * len(head), *rows]
    return ''.join(
        f'| {" | ".join(cell.replace("|", chr(92) + "|") for cell in line)} |\n' for line in lines
    )


def _read(path: str, key: str) -> str:
    """What stands behind a key of a file of /proc."""
    for line in Path(path).read_text(encoding='utf-8').splitlines():
        name, _, text = line.partition(':')
        if name.strip() == key:
            return text.strip()
    return 'not known'


def _said(*command: str) -> str:
    """What a program prints; '' where there is no such program, or it fails."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return ''
    return done.stdout.strip() if done.returncode == 0 else ''


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return 'not installed'


def machine() -> dict[str, str]:
    """On what, and of what, the figures are."""
    system = platform.freedesktop_os_release().get('PRETTY_NAME', platform.system())
    changed = ', with changes' if _said('git', 'status', '--porcelain') else ''
    memory = int(_read('/proc/meminfo', 'MemTotal').split()[0]) / 2**20
    return {
        'processor': f'{_read("/proc/cpuinfo", "model name")}, {len(os.sched_getaffinity(0))} to run on',
        'memory': f'{memory:.0f} GiB',
        'GPU': _said('nvidia-smi', '--query-gpu=name', '--format=csv,noheader') or 'none',
        'system': f'{system}, Linux {platform.release()}',
        'ROS': f'{os.environ.get("ROS_DISTRO", "not set up")}, Python {platform.python_version()}',
        'commit': f'{_said("git", "rev-parse", "--short", "HEAD") or "not known"}{changed}',
        **{name: _version(name) for name in PACKAGES},
        'LeRobot': lerobot_version() or 'not there',
    }


def _section(outcome: Outcome, path: Path) -> str:
    text = (
        f'## {outcome.about}\n\n```bash\n{outcome.command}\n```\n\n{outcome.seconds:.0f} s; load before it '
        f'{outcome.load:.1f}.\n\n'
    )
    if outcome.wrong:
        return f'{text}**Not measured**: {outcome.wrong}\n\n'
    rows = [
        (f['what'], f'{f["value"]:.4g} {f["unit"]}'.strip(), f['target'], VERDICTS[f['met']])
        for f in outcome.found['figures']
    ]
    if rows:
        text += _table(('what', 'figure', 'target', ''), rows) + '\n'
    if (path.parent / f'{outcome.name}.png').exists():
        text += f'![]({outcome.name}.png)\n\n'
    for what, why in outcome.found['missing']:
        text += f'Not measured: {what}: {why}\n\n'
    return text


def write_report(path: Path, outcomes: Sequence[Outcome], quick: bool) -> None:
    """Write RESULTS.md."""
    targets = [met for outcome in outcomes for met in outcome.targets]
    missed = [
        (outcome.name, f['what'], f'{f["value"]:.4g} {f["unit"]}'.strip(), f['target'])
        for outcome in outcomes
        for f in outcome.found.get('figures', ())
        if f['met'] is False
    ]
    failed = [outcome.name for outcome in outcomes if outcome.wrong]
    begun = datetime.now(timezone.utc).strftime('%Y-%m-%d %H:%M UTC')
    text = (
        f'# Results of `make bench`\n\n<!-- Written by benchmarks/bench.py; do not edit. -->\n\n'
        f'{begun}. {"A short run: the figures are less sure. " if quick else ""}'
        f'Targets met: {sum(targets)} of {len(targets)}. '
        f'Programs without figures: {", ".join(failed) or "none"}.\n\n'
        + _table(('', ''), machine().items())
        + '\n'
    )
    if missed:
        text += '## Missed\n\n' + _table(('program', 'what', 'figure', 'target'), missed) + '\n'
    text += ''.join(_section(outcome, path) for outcome in outcomes)
    path.write_text(text.rstrip() + '\n', encoding='utf-8')
