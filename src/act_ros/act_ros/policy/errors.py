# SPDX-License-Identifier: Apache-2.0
"""The one error that loading, checking and running a policy raise."""

from act_ros.text import PrintableError


class PolicyError(PrintableError, ValueError):
    """A policy cannot be loaded, trained or run; the message says what came, what was expected, what to do."""


class NonFiniteError(PolicyError):
    """The network gave NaN or infinity for one observation; the next may be fine."""
