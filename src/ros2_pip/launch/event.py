# SPDX-License-Identifier: Apache-2.0
"""The base of events."""


class Event:
    """Something that has happened, or is to happen; handlers answer it."""

    name = 'launch.Event'
