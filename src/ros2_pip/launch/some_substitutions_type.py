# SPDX-License-Identifier: Apache-2.0
"""What launch files may write where a text is wanted."""

from collections.abc import Iterable
from typing import Union

from .substitution import Substitution

SomeSubstitutionsType = Union[str, Substitution, Iterable[Union[str, Substitution]]]
