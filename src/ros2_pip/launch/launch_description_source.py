# SPDX-License-Identifier: Apache-2.0
"""Where a launch description comes from."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from .launch_context import LaunchContext
from .logging import get_logger
from .utilities import normalize_to_list_of_substitutions, perform_substitutions

if TYPE_CHECKING:
    from .launch_description import LaunchDescription
    from .some_substitutions_type import SomeSubstitutionsType


class LaunchDescriptionSource:
    """A launch description that is there, or a place to load one from, once it is needed."""

    def __init__(
        self,
        launch_description: LaunchDescription | None = None,
        location: SomeSubstitutionsType = '<string>',
        method: str = 'unspecified mechanism from a script',
    ) -> None:
        """
        :param location: path of the launch file
        :param method: how it is loaded, in words
        """
        self.__launch_description = launch_description
        self.__location = normalize_to_list_of_substitutions(location)
        self.__performed: str | None = None
        self.__method = method

    def try_get_launch_description_without_context(self) -> LaunchDescription | None:
        """Return the description if it can be had before launching, else None."""
        if self.__launch_description is not None:
            return self.__launch_description
        try:
            return self._get_launch_description(
                perform_substitutions(LaunchContext(), self.__location)
            )
        except Exception as error:
            logger = get_logger('launch')
            logger.debug('%s', traceback.format_exc())
            logger.debug('Failed to load the launch file without a context: %s', error)
            return None

    def get_launch_description(self, context: LaunchContext) -> LaunchDescription:
        """Return the description; it is loaded once."""
        if self.__performed is None:
            self.__performed = perform_substitutions(context, self.__location)
        if self.__launch_description is None:
            self.__launch_description = self._get_launch_description(self.__performed)
        return self.__launch_description

    def _get_launch_description(self, location: str) -> LaunchDescription:
        raise RuntimeError(f"no launch description was given, and '{location}' cannot be loaded")

    @property
    def location(self) -> str:
        """The path; its substitutions, in words, until the description was asked for."""
        if self.__performed is None:
            return ' + '.join(sub.describe() for sub in self.__location)
        return self.__performed

    @property
    def method(self) -> str:
        """How it is loaded, in words."""
        return self.__method
