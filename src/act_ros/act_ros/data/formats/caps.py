# SPDX-License-Identifier: Apache-2.0
"""How much a file of strangers may make its reader take: looked at before anything is allocated, by all readers.

What a file says of its sizes costs it some bytes; whoever believes it pays with memory. Each number here is
far above what a recording needs, and far below what a machine has.
"""

from __future__ import annotations

import stat
from pathlib import Path

from act_ros.data.errors import EpisodeError

MOST_VALUES = 64_000_000
"""Numbers in one table of an episode: a day at 50 Hz of 14 joints has 60.5 million."""
MOST_GROUP = 1 << 30
"""Bytes of a group of rows of Parquet, which is read as a whole: 7 million rows of 14 joints; writers make a million."""
MOST_ROWS = 4_320_000
"""Rows of an episode: a day at 50 Hz."""
MOST_EPISODES = 1_000_000
"""Episodes of a dataset; the largest published has a tenth of that."""
MOST_PIXELS = 1 << 25
"""Pixels of a picture: 8K (7680x4320) has 33.2 million."""
MOST_FRAME = 3 * MOST_PIXELS
"""Bytes of a picture, however it is stored."""
MOST_BLOCK = 512 << 20
"""Bytes of a chunk of HDF5, which is read as a whole: 580 pictures of 640x480."""
MOST_PICTURES = 5_184_000
"""Pictures of a video: a day at 60 Hz."""
MOST_INDEX = 256 << 20
"""Bytes of a video's own table: of a day of pictures it has a third of that."""
MOST_NOTE = 16 << 20
"""Bytes of a table in JSON that is read as a whole (`info.json`), or of one line of another."""
MOST_TABLE = 1 << 30
"""Bytes of a table in JSON that is read by lines; of a million episodes it has a quarter of that."""
MOST_ATTRIBUTE = 1 << 20
"""Bytes that an attribute of HDF5 has in its file; the longest of ours has some thousand."""
MOST_TEXTS = 1000
"""Texts in such an attribute, each of which may be as long as the file."""
MOST_NUMBER = 2**53
"""A whole number in a table of JSON or Parquet: beyond it a float64 is not one any more."""


def regular_file(path: Path, most: int | None = None) -> int:
    """Size of a file in bytes.

    Raises:
        EpisodeError: it isn't a regular one (a pipe or a device would never end), or is larger than `most`.
        OSError: it isn't there.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise EpisodeError(f'{path} cannot be read: it is not a regular file')
    if most is not None and status.st_size > most:
        raise EpisodeError(
            f'{path} cannot be read: it has {status.st_size} bytes, and at most {most} are read; is it what its '
            'name says?'
        )
    return status.st_size


def too_many_pixels(width: int, height: int) -> str | None:
    """Why a picture of that size is not decoded, for people; None: it may be."""
    if width * height <= MOST_PIXELS:
        return None
    return f'is a picture of {width}x{height}; at most {MOST_PIXELS} pixels are decoded (8K)'
