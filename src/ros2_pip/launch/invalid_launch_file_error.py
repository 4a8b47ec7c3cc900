# SPDX-License-Identifier: Apache-2.0
"""The error of launch files that cannot be read."""

from __future__ import annotations

from collections.abc import Sequence


class InvalidLaunchFileError(Exception):
    """A launch file cannot be read; says why, as far as is known."""

    def __init__(self, extension: str = '', *, likely_errors: Sequence[Exception] = ()) -> None:
        """
        :param extension: of the file's name; empty if it is none that is known
        :param likely_errors: what went wrong when it was read
        """
        if extension and likely_errors:
            what = 'multiple exceptions' if len(likely_errors) > 1 else 'exception'
            text = f'Caught {what} when trying to load file of format [{extension}]:'
            for error in likely_errors:
                text += f'\n - {type(error).__name__}: {error}'
            self.__cause__ = likely_errors[0]
        else:
            text = 'The launch file may have a syntax error, or its format is unknown'
        super().__init__(text)
