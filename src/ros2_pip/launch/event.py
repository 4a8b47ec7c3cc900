# SPDX-License-Identifier: Apache-2.0
"""The base of events."""


class Event:
    """Something that happened; handlers are told of it."""

    name = 'launch.Event'
