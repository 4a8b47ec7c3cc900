# SPDX-License-Identifier: Apache-2.0
"""Print the pins of requirement files, as they apply to the environment this runs in.

In an environment of its own (ROS 2 from PyPI) that is the files as they are. In one that sees the
packages of an installed ROS 2 (--system-site-packages), what apt has installed is kept: its NumPy
is the one that cv_bridge and others were compiled against. Such packages are pinned to what they
are, and the others may be older than their pin where that is needed to go with them.

Usage: python scripts/pins.py requirements.txt ...
"""

from __future__ import annotations

import re
import site
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path

# Debian's OpenCV is a module without the record of a distribution.
_MODULES = {'opencv-python-headless': 'cv2'}

# Never another than pinned: checkpoints are made with this PyTorch, episodes repeat bit for bit with
# this MuJoCo, and a later setuptools links nothing into place.
_EXACT = {'torch', 'mujoco', 'setuptools'}


def normalized(name: str) -> str:
    """Name of a distribution as PEP 503 compares it."""
    return re.sub(r'[-_.]+', '-', name).lower()


def pins_for(lines: Iterable[str], system: Mapping[str, str] | None) -> list[str]:
    """Return the requirement lines to install, without comments.

    Args:
        lines: 'NAME==VERSION' with an optional '; MARKER', comments and empty lines.
        system: version of every distribution that the environment sees from outside (empty
            version: present, version unknown), or None for an environment of its own.

    Raises:
        ValueError: a line that is not pinned.
    """
    result = []
    for line in lines:
        text = line.split('#')[0].strip()
        if not text:
            continue
        match = re.fullmatch(r'([\w.-]+)==([\w.+!]+)(\s*;.*)?', text)
        if not match:
            raise ValueError(f"'{text}' is not NAME==VERSION [; MARKER]")
        name, version, marker = match.group(1), match.group(2), match.group(3) or ''
        if system is None or normalized(name) in _EXACT:
            result.append(text)
        elif (installed := system.get(normalized(name))) is None:
            result.append(f'{name}<={version}{marker}')
        elif installed:
            result.append(f'{name}=={installed}')
    return list(dict.fromkeys(result))


def system_distributions() -> dict[str, str] | None:
    """Versions of what this environment sees from outside; None when it sees nothing of it."""
    config = Path(sys.prefix, 'pyvenv.cfg').read_text()
    if not re.search(r'^include-system-site-packages\s*=\s*true', config, re.MULTILINE):
        return None
    own = tuple(site.getsitepackages([sys.prefix]))
    paths = [path for path in sys.path if path and not path.startswith(own)]
    found = {normalized(d.metadata['Name']): d.version for d in metadata.distributions(path=paths)}
    for name, module in _MODULES.items():
        if name not in found and PathFinder.find_spec(module, paths):
            found[name] = ''
    return found


def main(files: list[str]) -> int:
    """Print the pins of the files."""
    system = system_distributions()
    for file in files:
        try:
            pins = pins_for(Path(file).read_text().splitlines(), system)
        except (OSError, ValueError) as error:
            print(f'{file}: {error}', file=sys.stderr)
            return 1
        print('\n'.join(pins))
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
