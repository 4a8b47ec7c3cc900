# SPDX-License-Identifier: Apache-2.0
"""Where `info.json` says that files are: a text with some numbers to be put in, and no program."""

from __future__ import annotations

import re
import string

from act_ros.data.lerobot.tables import LayoutError

_MOST_TEMPLATE, _WIDEST = 500, 20
_NUMBER = re.compile(r'0?(\d{0,2})d?')


def place_of(template: object, **values: int | str) -> str:
    """The path that a template means.

    `str.format` would read attributes of what is put in, and fill up to as many digits as it is told to:
    3,000,000,000 of them take as many bytes.

    Args:
        template: as of `data_path`: 'data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet'.
        values: by name what is put in.

    Raises:
        LayoutError: it is no text, or holds anything but these names and widths.
    """
    if not isinstance(template, str) or len(template) > _MOST_TEMPLATE:
        raise LayoutError(f'a path in info.json is {str(template)[:60]!r}; expected a short text')
    parts = []
    try:
        for text, name, form, conversion in string.Formatter().parse(template):
            parts.append(text)
            if name is not None:
                parts.append(_filled(values[name], form or '', conversion))
    except (KeyError, ValueError) as error:
        known = ', '.join('{' + name + '}' for name in values)
        raise LayoutError(
            f'the path {template[:100]!r} in info.json cannot be used ({error}); known are {known}, numbers with '
            'a width as in :03d'
        ) from error
    return ''.join(parts)


def _filled(value: int | str, form: str, conversion: str | None) -> str:
    if conversion or (isinstance(value, str) and form):
        raise ValueError(f'{form or conversion!r} is no way to write it')
    if isinstance(value, str):
        return value
    match = _NUMBER.fullmatch(form)
    if not match or int(match[1] or 0) > _WIDEST:
        raise ValueError(f'{form[:40]!r} is no way to write a number')
    return format(value, form)
