# SPDX-License-Identifier: Apache-2.0
"""The Python that has LeRobot, with its own versions of all that it needs: another environment than act_ros's, mostly.

It is the one that the environment variable LEROBOT_PYTHON names, e.g. ~/lerobot/bin/python, or else the one that runs this.
Code of act_ros without ROS runs there, too.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VARIABLE = 'LEROBOT_PYTHON'
MISSING = f'no LeRobot; install it into an environment, and name its Python in {VARIABLE}'
_ASK = 'import importlib.metadata as m; print(m.version("lerobot"))'
_WHERE_AV = 'import importlib.util as u; print(u.find_spec("av").origin)'


def interpreter() -> tuple[str, dict[str, str]]:
    """Its path, and the environment for it."""
    named = os.environ.get(VARIABLE)
    if not named:
        return sys.executable, dict(os.environ)
    paths = f'{HERE.parent / "src" / "act_ros"}:{HERE}'
    return str(Path(named).expanduser()), {**os.environ, 'PYTHONPATH': paths}


def lerobot_version() -> str | None:
    """Of the LeRobot that is there; None: there is none."""
    python, env = interpreter()
    try:
        done = subprocess.run(
            [python, '-c', _ASK], env=env, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise SystemExit(
            f'{VARIABLE}={python}: {error.strerror}; give the path of a Python'
        ) from error
    return done.stdout.strip() or None


def lend_ffmpeg(python: str, env: dict[str, str], folder: Path) -> None:
    """Let torchcodec find the FFmpeg that PyAV's wheel brings, which LeRobot has anyway, under the names that it asks for.

    Args:
        python: LeRobot's.
        env: its environment, which this changes.
        folder: is made, with a link to each library.
    """
    done = subprocess.run(
        [python, '-c', _WHERE_AV], env=env, capture_output=True, text=True, check=True
    )
    libraries = Path(done.stdout.strip()).parent.with_name('av.libs')
    folder.mkdir()
    for library in libraries.glob('*'):
        if name := re.fullmatch(r'(lib(?:av|sw)\w+)-[0-9a-f]+(\.so\.\d+)[.\d]*', library.name):
            (folder / (name[1] + name[2])).symlink_to(library)
    paths = [str(folder), str(libraries), env.get('LD_LIBRARY_PATH', '')]
    env['LD_LIBRARY_PATH'] = ':'.join(path for path in paths if path)
