# SPDX-License-Identifier: Apache-2.0
"""Damage of a file, as property tests draw it: bytes that are others, and the end cut off."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st


def changes(most: int) -> st.SearchStrategy[list[tuple[float, int]]]:
    """Up to so many changes of a byte: where, from 0 to 1, and to which value."""
    return st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=most)


def damaged(
    whole: bytes, changes: Sequence[tuple[float, int]], share: float, most: int | None = None
) -> bytes:
    """A file with changes in its first `most` bytes, of which only a share is there."""
    raw = bytearray(whole)
    last = min(len(raw), most or len(raw)) - 1
    for place, value in changes:
        raw[round(place * last)] = value
    return bytes(raw[: round(share * len(raw))])
