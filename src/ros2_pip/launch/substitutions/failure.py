# SPDX-License-Identifier: Apache-2.0
"""The error of substitutions."""


class SubstitutionFailure(RuntimeError):
    """A substitution has no value in this context."""
