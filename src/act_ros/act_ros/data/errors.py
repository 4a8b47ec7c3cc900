# SPDX-License-Identifier: Apache-2.0
"""The errors that writing, finishing and reading an episode raise."""

from act_ros.text import PrintableError


class EpisodeError(PrintableError, RuntimeError):
    """An episode that cannot be written, finished or read; the message says which and why."""


class SourceError(EpisodeError):
    """A place that holds no episodes, or not those that were named: another one has to be named."""
