# SPDX-License-Identifier: Apache-2.0
"""Reads ALOHA's HDF5: our files, the original's (raw frames), Interbotix's and mobile ALOHA's (JPEG).

Layouts: tonyzhaozh/act `record_sim_episodes.py`, Interbotix/aloha and MarkFzp/mobile-aloha
`record_episodes.py`. A JPEG there was made by cv2 from whatever array the recorder had: RGB from
ALOHA's own recorders, BGR from others. The pixels cannot tell, so a file of JPEGs that doesn't say
(`jpeg_channels`, ours do) is only decoded when the caller says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from act_ros.data.errors import EpisodeError
from act_ros.data.formats.base import Episode
from act_ros.data.formats.caps import regular_file
from act_ros.data.formats.hdf5_frames import DAMAGE, HDF5Frames, NoCamera, one_line
from act_ros.data.formats.hdf5_members import (
    NowhereError,
    OutsideError,
    attributes,
    is_numbers,
    member,
    optional_member,
    read_numbers,
    read_texts,
)
from act_ros.data.names import unfit_name
from act_ros.git_lfs import pointer_said
from act_ros.robot.types import Floats
from act_ros.text import printable_data

CHANNELS = ('rgb', 'bgr')
"""The orders of channels that decoding a JPEG with cv2 may give."""


class HDF5Episode(Episode):
    """An episode in one HDF5 file; see `Episode`."""

    def __init__(self, path: Path, jpeg_channels: str | None) -> None:
        """Open `path`; use `read_episode`."""
        if jpeg_channels not in (None, *CHANNELS):
            raise EpisodeError(f"jpeg_channels is '{jpeg_channels}'; expected 'rgb' or 'bgr'")
        self.path = Path(path)
        try:
            regular_file(self.path)
            self._file = h5py.File(self.path, 'r')
        except EpisodeError:
            raise
        except (OSError, RuntimeError) as error:
            raise EpisodeError(_unreadable(self.path, error)) from error
        try:
            self._read(jpeg_channels)
        except KeyError as error:
            self._file.close()
            raise EpisodeError(
                f'{self.path} is not an ALOHA episode: {one_line(error)}; expected /action, '
                '/observations/qpos and /observations/images'
            ) from error
        except EpisodeError:
            self._file.close()
            raise
        except DAMAGE as error:
            self._file.close()
            raise EpisodeError(f'{self.path} is damaged: {one_line(error)}') from error
        except BaseException:
            self._file.close()
            raise

    def _read(self, jpeg_channels: str | None) -> None:
        file, seen = self._file, member(self._file, 'observations')
        self.attrs = printable_data({name: plain(value) for name, value in attributes(file)})
        for name in ('joint_names', 'action_names'):  # some write them as a dataset
            stored = optional_member(file, name)
            if stored is not None and name not in self.attrs:
                self.attrs[name] = printable_data(plain(read_texts(stored)))
        self.action = self._table(member(file, 'action'))
        self.qpos = self._table(member(seen, 'qpos'))
        self.left_out = {}
        self.qvel, self.effort = self._optional(seen, 'qvel'), self._optional(seen, 'effort')
        self.base_action = self._optional(file, 'base_action')
        stamp = self._numbers(seen, 'stamp')
        self.stamp = None if stamp is None else np.asarray(read_numbers(stamp), np.float64)
        ages = self._within(seen, 'image_age')
        named = ages if isinstance(ages, h5py.Group) else ()
        found = {name: self._optional(ages, name) for name in named}
        self.image_age = {name: age for name, age in found.items() if age is not None}
        order = list(self.attrs.get('cameras', []))
        lengths = self._lengths(order)
        channels = jpeg_channels or self.attrs.get('jpeg_channels')
        if channels not in (None, *CHANNELS):
            raise EpisodeError(
                f"{self.path}: attribute jpeg_channels is '{channels}'; expected 'rgb' or 'bgr'"
            )
        self.images: dict[str, HDF5Frames] = {}
        images = member(seen, 'images')
        for name in images:
            try:
                data = _camera(images, name)
                self.images[name] = HDF5Frames(data, lengths.get(name), channels)
            except NoCamera as why:
                if name in order:
                    raise EpisodeError(f'{self.path}: camera {name} is {why}') from why
                self.left_out[name] = str(why)
        self.kind = self._dialect()

    def _lengths(self, order: list[Any]) -> dict[Any, Floats]:
        """By camera the bytes (T,) of its JPEGs.

        Only our own files say which camera each row of compress_len is of; padding is harmless.
        """
        table = self._within(self._file, 'compress_len') if order else None
        if table is None or len(table.shape) != 2:
            return {}
        return dict(zip(order, self._table(table), strict=False))

    def _table(self, dataset: Any) -> Floats:
        if not is_numbers(dataset):
            what = getattr(dataset, 'dtype', 'a group')
            raise EpisodeError(f'{self.path}: {dataset.name} is {what}; expected numbers')
        return np.asarray(read_numbers(dataset), np.float32)

    def _within(self, group: Any, name: str) -> Any:
        """What nobody needs: None where it isn't there, or isn't in this file, which is noted."""
        try:
            return optional_member(group, name)
        except OutsideError as error:
            self.left_out[name] = str(error)
            return None

    def _numbers(self, group: Any, name: str) -> Any:
        """What nobody needs: None where it isn't there, or isn't numbers, which is noted."""
        data = self._within(group, name)
        if data is None or (is_numbers(data) and data.shape):
            return data
        self.left_out[name] = f'{getattr(data, "dtype", "a group")}, expected numbers'
        return None

    def _optional(self, group: Any, name: str) -> Floats | None:
        data = self._numbers(group, name)
        return None if data is None else self._table(data)

    def _dialect(self) -> str:
        if 'act_ros_version' in self.attrs:
            return 'act_ros'
        jpeg = any(frames.encoded for frames in self.images.values())
        if self.base_action is not None:
            return 'mobile ALOHA'
        return 'Interbotix ALOHA' if jpeg else 'original ALOHA'

    def close(self) -> None:
        """Close the file; frames can't be read any more."""
        self._file.close()


def read_episode(path: str | Path, jpeg_channels: str | None = None) -> HDF5Episode:
    """Open an episode: ours, the original's (raw frames), Interbotix's or mobile ALOHA's (JPEG).

    Args:
        path: the HDF5 file.
        jpeg_channels: order of the channels that decoding a JPEG with cv2 gives: 'rgb' where the
            recorder handed RGB to cv2 (ours, Interbotix), 'bgr' where it handed BGR (openpi). By
            default what the file says; where it doesn't, decoding a frame is refused.

    Raises:
        EpisodeError: it is no ALOHA episode, or cannot be read.
    """
    return HDF5Episode(Path(path), jpeg_channels)


def _camera(images: Any, name: str) -> Any:
    """A member of the cameras' group.

    Raises:
        NoCamera: it leads elsewhere, or its name can be no camera's.
        KeyError: it is damaged.
    """
    if why := unfit_name(name):
        raise NoCamera(f'no camera: {why}')
    try:
        return member(images, name)
    except NowhereError as error:
        raise NoCamera(error.args[0]) from None
    except OutsideError as error:
        raise NoCamera(str(error)) from None


def plain(value: Any) -> Any:
    """An attribute as a Python value: strings decoded, numpy scalars and arrays unwrapped."""
    if isinstance(value, bytes):
        return value.decode(errors='replace')
    if isinstance(value, np.ndarray):
        return [plain(item) for item in value.tolist()]
    return value.item() if isinstance(value, np.generic) else value


def _unreadable(path: Path, error: Exception) -> str:
    if not path.exists():
        return f'there is no file {path}'
    said = f'{one_line(error)}; is it finished, and an HDF5 file?'
    return f'{path} cannot be read: {pointer_said(path, said)}'
