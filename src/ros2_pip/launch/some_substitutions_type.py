# SPDX-License-Identifier: Apache-2.0
"""What may stand where a launch file wants text."""

import collections.abc
from collections.abc import Iterable
from typing import Union

from .substitution import Substitution

SomeSubstitutionsType = Union[str, Substitution, Iterable[Union[str, Substitution]]]
SomeSubstitutionsType_types_tuple = (str, Substitution, collections.abc.Iterable)
