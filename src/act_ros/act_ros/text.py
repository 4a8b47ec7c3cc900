# SPDX-License-Identifier: Apache-2.0
"""What may be shown: nothing from outside reaches a person, a message or a file unless it is printable text.

From outside come files and their names, parameters, topics, messages, and the errors of libraries. A lone
surrogate cannot be encoded, so that a log line about it would end the process; a control character or an
override of the writing direction makes a terminal show something else than what is there.

It is held where such text passes: `PrintableError` for errors, `printable_output` for what commands print,
`act_ros.nodes.shared.base` for log lines, services and topics, `printable_data` for JSON and attributes of HDF5.
"""

from __future__ import annotations

import os
import reprlib
import select
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO, cast

MOST = 4000
"""Characters of a message; what is longer ends in '…'."""


def printable(text: object, most: int | None = MOST, keep: str = '\n') -> str:
    r"""Text as it may be shown: what is not printable stands as its escape, as `\x1b` or `\ud800`.

    Args:
        text: anything; `str` of it is shown.
        most: its greatest length in characters; None: any.
        keep: control characters that stay, for texts that have lines on purpose.
    """
    text = str(text)
    if not text.isprintable():
        text = text.replace('\t', '    ')
        start = text if most is None else text[: most + 1]
        text = ''.join(c if c in keep or c.isprintable() else ascii(c)[1:-1] for c in start)
    return text if most is None or len(text) <= most else text[: most - 1] + '…'


def printable_data(value: Any) -> Any:
    """Plain data (JSON's types) with every text in it `printable`, none cut; keys, too."""
    if isinstance(value, str):
        return printable(value, None)
    if isinstance(value, Mapping):
        return {printable_data(key): printable_data(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [printable_data(entry) for entry in value]
    return value


def shown(value: object, most: int = 120) -> str:
    """A value out of a file as an error shows it: printable, not long, and never the whole of a large one.

    In a pickle a few lists that hold each other many times have a `repr` longer than any memory.
    """
    try:
        text = _repr.repr(value)
    except (RecursionError, ValueError):
        return f'a {type(value).__name__} that cannot be shown'
    return printable(text, most, keep='')


_repr = reprlib.Repr()
_repr.maxlevel, _repr.maxlist, _repr.maxtuple, _repr.maxdict = 3, 20, 20, 20
_repr.maxstring = _repr.maxother = 400


def listed(names: Iterable[str], most: int = 8) -> str:
    """Names out of a file as an error shows them: the first ones, without quotation marks where they need none."""
    names = list(names)
    texts = [n if n.isprintable() and 0 < len(n) <= 120 else shown(n) for n in names[:most]]
    return ', '.join(texts) + (f' and {len(names) - most} more' if len(names) > most else '')


class PrintableError(Exception):
    """Every error of this package that a person may read is one: its message is printable text."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(printable(a) if isinstance(a, str) else a for a in args))


class _Output:
    """A stream on which only printable text is written; carriage returns stay, for progress bars."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        line = printable(text, None, keep='\n\r')
        try:
            self._stream.write(line)
        except UnicodeEncodeError as error:
            # A terminal, or a file, that cannot hold all characters.
            self._stream.write(
                line.encode(error.encoding, 'backslashreplace').decode(error.encoding)
            )
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def printable_output() -> Iterator[None]:
    """Meanwhile only printable text goes to standard output and error output; also a decorator, of a `main`."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (cast(TextIO, _Output(stream)) for stream in before)
    try:
        yield
        nobody_reads()  # asked before Python writes the rest, at its end
    finally:
        sys.stdout, sys.stderr = before


def nobody_reads() -> bool:
    """Whether what standard output is piped to has ended, as `head` does; what is left then goes nowhere."""
    try:
        place = sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):  # no file of the system's
        return False
    watch = select.poll()
    watch.register(place, 0)
    if not any(events & select.POLLERR for _, events in watch.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), place)
    return True
