# SPDX-License-Identifier: Apache-2.0
"""A file of the repository that a program writes from the code: for scripts/reference.py and scripts/security_policy.py."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def write_or_check(about: str, path: Path, make: Callable[[], str]) -> int:
    """The whole program: write the file, or with --check end with 1 where it is not what would be written."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument('--check', action='store_true', help='write nothing; 1 where it is old')
    args = parser.parse_args()
    text = make()
    if not args.check:
        path.write_text(text, encoding='utf-8')
    elif not path.exists() or path.read_text(encoding='utf-8') != text:
        print(f'{path.relative_to(ROOT)} is old; write it anew with scripts/{parser.prog}')
        return 1
    return 0
