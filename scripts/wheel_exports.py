# SPDX-License-Identifier: Apache-2.0
"""Make the CMake exports of the ROS 2 wheels usable on this machine.

The wheels from PyPI were built in a container, and two of its folders are written into the CMake
targets they export: the one of Python.h and the one of NumPy's headers. An interface package that
links against such a target would look for both in places that do not exist here. This rewrites
them, inside one virtual environment, to where this interpreter and this NumPy have them.

Usage: python scripts/wheel_exports.py        (with the virtual environment's own python)
"""

from __future__ import annotations

import re
import sys
import sysconfig
from pathlib import Path

# /opt/python/cp311-cp311 is where the manylinux images keep CPython 3.11.
_PYTHON = re.compile(r'/opt/python/cp\d+-cp\d+t?/include/python3\.\d+t?')
_NUMPY = re.compile(
    r'/opt/python/cp\d+-cp\d+t?/lib/python3\.\d+t?/site-packages/numpy/(?:_core|core)/include'
)


def rewrite(text: str, python_include: str, numpy_include: str) -> str:
    """Return the CMake text with both folders of the build machine replaced.

    Raises:
        ValueError: a path of the build machine is left that this does not know.
    """
    # A function as replacement: a path may contain backslashes or \1, which mean something to re.
    text = _NUMPY.sub(lambda _: numpy_include, text)
    text = _PYTHON.sub(lambda _: python_include, text)
    if left := re.search(r'/opt/python/[^;"\s]*', text):
        raise ValueError(f'unknown path of the build machine: {left.group()}')
    return text


def rewrite_tree(prefix: Path, python_include: str, numpy_include: str) -> int:
    """Rewrite every CMake file under prefix/share/*/cmake; return how many files changed."""
    changed = 0
    for path in sorted(prefix.glob('share/*/cmake/*.cmake')):
        before = path.read_text()
        try:
            after = rewrite(before, python_include, numpy_include)
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from None
        if after != before:
            path.write_text(after)
            changed += 1
    return changed


def main() -> int:
    """Rewrite the exports of the environment this interpreter belongs to."""
    if sys.prefix == sys.base_prefix:
        print('wheel_exports.py: run it with the python of a virtual environment', file=sys.stderr)
        return 1
    import numpy

    python_include = sysconfig.get_path('include')
    if not Path(python_include, 'Python.h').is_file():
        print(
            f'{python_include}/Python.h is missing: install the headers of this Python '
            f'(Debian, Ubuntu: apt-get install python3-dev)',
            file=sys.stderr,
        )
        return 1
    try:
        rewrite_tree(Path(sys.prefix), python_include, numpy.get_include())
    except (OSError, ValueError) as error:
        print(f'wheel_exports.py: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
