# SPDX-License-Identifier: Apache-2.0
"""Names out of the files of strangers that become names of files: of a camera, and so of its video."""

from __future__ import annotations

from pathlib import Path

from act_ros.data.errors import EpisodeError
from act_ros.text import shown

_MOST_BYTES = 150
"""A file's name has at most 255, and more is put before and after it."""


def unfit_name(name: object) -> str | None:
    """Why a camera cannot have a name, for people; None: it can.

    With a '/' or as '..' it would lead out of the folder into which its pictures are written.
    """
    if not isinstance(name, str):
        return f'{shown(name)} is no text; expected a name as cam_high'
    if name in ('', '.', '..') or '/' in name or not name.isprintable():
        return f'{shown(name)} cannot be the name of a file; expected one as cam_high, without /'
    if len(name.encode()) > _MOST_BYTES:
        return f'the name {shown(name, 40)} has more than {_MOST_BYTES} bytes; expected one as cam_high'
    return None


def path_inside(folder: Path, relative: str) -> Path:
    """A path that is written to, made of names; the last look before that.

    Raises:
        EpisodeError: it leads out of the folder.
    """
    path = folder / relative
    # Links are followed: who made them in his folder wants his files there.
    if '..' in Path(relative).parts or not path.is_relative_to(folder):
        raise EpisodeError(f'{shown(relative)} leads out of {folder}; nothing is written there')
    return path
