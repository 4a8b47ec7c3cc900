# SPDX-License-Identifier: Apache-2.0
"""What lies in an HDF5 file itself, and no more of it than memory holds.

HDF5 leads elsewhere in three ways: a link to an object of another file, a dataset whose bytes are in another
file, a dataset that is put together of others'. A dataset of strangers could so show, and export, any file
of the machine. They are found without being followed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from act_ros.data.errors import EpisodeError
from act_ros.data.formats.caps import MOST_ATTRIBUTE, MOST_TEXTS, MOST_VALUES
from act_ros.data.formats.hdf5_chunks import check_chunks
from act_ros.text import PrintableError

_MOST_LINKS = 16


class OutsideError(EpisodeError):
    """What is asked for lies in another file; the message says which."""


class NowhereError(PrintableError, KeyError):
    """A link that leads to nothing."""


def member(group: Any, path: str) -> Any:
    """A group or dataset of the file itself, by its path from `group`.

    Raises:
        KeyError: there is none; NowhereError: a link leads to where nothing is.
        OutsideError: it lies in another file, or its data do.
        OSError, RuntimeError, ValueError: it is damaged.
    """
    return _follow(group, path, _MOST_LINKS)


def optional_member(group: Any, path: str) -> Any:
    """As `member`; None where there is none."""
    try:
        return member(group, path)
    except KeyError:
        return None


def _follow(group: Any, path: str, left: int) -> Any:
    here = group.file['/'] if path.startswith('/') else group
    for part in path.split('/'):
        if part in ('', '.'):
            continue
        if not isinstance(here, h5py.Group):
            raise KeyError(f"object '{part}' doesn't exist")
        here = _linked(here, part, left)
    return here


def _linked(group: Any, name: str, left: int) -> Any:
    links, raw = group.id.links, name.encode('utf-8', 'surrogateescape')
    if not links.exists(raw):
        raise KeyError(f"object '{name}' doesn't exist")
    kind = links.get_info(raw).type
    if kind == h5py.h5l.TYPE_HARD:
        found = group[name]
        if isinstance(found, h5py.Dataset):
            _refuse_outside(found)
        return found
    if kind != h5py.h5l.TYPE_SOFT:
        where = links.get_val(raw)[0] if kind == h5py.h5l.TYPE_EXTERNAL else b'elsewhere'
        raise OutsideError(_outside(group.file.filename, f'{group.name}/{name}', [where]))
    target = links.get_val(raw).decode('utf-8', 'surrogateescape')
    try:
        if left > 0:
            return _follow(group, target, left - 1)
    except KeyError:
        pass
    raise NowhereError(f'a link to {target}, where nothing is')


def _refuse_outside(dataset: Any) -> None:
    """Before its shape is asked for: HDF5 would then open the files that it is put together of."""
    how = dataset.id.get_create_plist()
    where: list[Any] = []
    if how.get_layout() == h5py.h5d.VIRTUAL:
        where = [how.get_virtual_filename(i) for i in range(min(how.get_virtual_count(), 3))]
        where = where or ['a virtual dataset']
    elif how.get_external_count():
        where = [how.get_external(0)[0]]
    if where:
        raise OutsideError(_outside(dataset.file.filename, dataset.name, where))


def _outside(file: str, name: str, where: list[Any]) -> str:
    texts = [one.decode(errors='replace') if isinstance(one, bytes) else str(one) for one in where]
    return (
        f'{file}: {name.replace("//", "/")} leads to another file ({", ".join(dict.fromkeys(texts))}); only what '
        'lies in the file itself is read'
    )


def read_numbers(dataset: Any) -> Any:
    """All of a table of numbers, in its own type.

    Raises:
        EpisodeError: it says that it has more than an episode has, or has less in the file than it says.
    """
    size = math.prod(dataset.shape)
    where = f'{dataset.file.filename}: {dataset.name}'
    if size > MOST_VALUES:
        raise EpisodeError(
            f'{where} says that it has {size} numbers {dataset.shape}; at most {MOST_VALUES} are read (a day of '
            '14 joints at 50 Hz): it is damaged, or no table of an episode'
        )
    check_chunks(dataset)
    if size and not dataset.id.get_storage_size():
        raise EpisodeError(
            f'{where} says that it has {size} numbers {dataset.shape}, and the file has none of them'
        )
    return dataset[()]


def read_texts(dataset: Any) -> Any:
    """All of a small table of texts, as names of joints are.

    Raises:
        EpisodeError: it says that it has more than such a table has, or holds what no text is.
    """
    if not isinstance(dataset, h5py.Dataset):
        raise EpisodeError(f'{dataset.file.filename}: {dataset.name} is no table; expected texts')
    where = f'{dataset.file.filename}: {dataset.name}'
    shape = dataset.shape or ()
    _refuse_large(where, shape, dataset.dtype)
    if math.prod(shape) > MOST_TEXTS:
        raise EpisodeError(
            f'{where} says that it has {math.prod(shape)} texts; at most {MOST_TEXTS} are read'
        )
    check_chunks(dataset)
    if dataset.dtype.kind != 'O':
        return dataset[()]
    # One after the other: all of them may be the same text, which is in the file once.
    texts, taken = np.empty(shape, object), 0
    for place in np.ndindex(*shape):
        texts[place] = dataset[place]
        taken += len(texts[place])
        if taken > MOST_ATTRIBUTE:
            raise EpisodeError(
                f'{where} has more than {MOST_ATTRIBUTE} bytes of texts; at most so many are read'
            )
    return texts[()]


def attributes(file: Any) -> Iterator[tuple[str, Any]]:
    """(name, value) of each attribute of a file.

    Raises:
        EpisodeError: one is larger than an attribute is, or has texts inside of other values.
        OSError, KeyError, RuntimeError, ValueError, TypeError: it is damaged.
    """
    for name in file.attrs:
        attribute = file.attrs.get_id(name)
        where = f'{file.filename}: attribute {name}'
        _refuse_large(where, attribute.shape or (), attribute.dtype)
        yield name, file.attrs[name]


def _refuse_large(where: str, shape: tuple[int, ...], kind: Any) -> None:
    """Refuse values of an attribute, or such a table, before they are read.

    Raises:
        EpisodeError: they are more than such a thing has, or texts, each as long as the file, that are not counted.
    """
    count, size = math.prod(shape), math.prod(shape) * int(kind.itemsize)
    texts = kind.kind == 'O'
    if size > MOST_ATTRIBUTE or (texts and count > MOST_TEXTS):
        raise EpisodeError(
            f'{where} says that it has {count} values, {size} bytes; at most '
            f'{MOST_TEXTS if texts else MOST_ATTRIBUTE} {"texts" if texts else "bytes"} are read'
        )
    inside = h5py.check_vlen_dtype(kind) if texts else kind
    if isinstance(inside, np.dtype) and inside.hasobject:
        raise EpisodeError(
            f'{where} has texts or lists inside of other values, which are not read; expected texts or numbers'
        )


def is_numbers(data: Any) -> bool:
    """Whether something is a dataset of numbers."""
    return isinstance(data, h5py.Dataset) and bool(np.issubdtype(data.dtype, np.number))
