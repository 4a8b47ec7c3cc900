# SPDX-License-Identifier: Apache-2.0
"""`python run_module.py MODULE ARGUMENTS`: as `python -m`, but Python's own modules are Python's own.

`python -m` and `python -c` look for every module in the working folder first, and in PYTHONPATH second: a
random.py or queue.py that a person keeps there is then taken for Python's. This file lies in a folder of its own
because Python looks for modules beside the file that it runs. `-P` would do half of it, from Python 3.11 on.
"""

import os
import sys

_PYTHON = os.path.dirname(os.__file__)  # noqa: PTH120 - nothing more may be imported yet


def _is_pythons(folder: str) -> bool:
    return folder in (_PYTHON, os.path.join(_PYTHON, 'lib-dynload')) or folder.endswith('.zip')  # noqa: PTH118


def order(path: list[str]) -> list[str]:
    """Where modules are looked for: what is Python's own first, the rest as it was; never the working folder."""
    return sorted(
        (folder for folder in path if folder), key=lambda folder: not _is_pythons(folder)
    )


if __name__ == '__main__':
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    sys.path[:] = order([folder for folder in sys.path if folder != here])
    del sys.argv[0]
    import runpy

    runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)
