# SPDX-License-Identifier: Apache-2.0
"""What lies in the place of a large file where a repository was cloned without Git LFS: three lines of text."""

from __future__ import annotations

from pathlib import Path

_START = b'version https://git-lfs'
_MOST_BYTES = 1024


def pointer_said(path: Path, otherwise: object = '') -> str:
    """What is wrong with a file that cannot be read: that it is a pointer, or `otherwise`, in one line."""
    try:
        if path.is_file() and path.stat().st_size <= _MOST_BYTES:
            with path.open('rb') as file:
                if file.read(len(_START)) == _START:
                    return 'it is a Git LFS pointer, not the file itself: run git lfs pull'
    except (OSError, ValueError):
        pass  # what cannot be opened is said by who reads it
    return ' '.join(str(otherwise).split())
