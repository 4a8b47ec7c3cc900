# SPDX-License-Identifier: Apache-2.0
"""Helpers of actions and substitutions, those that users write included."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ._standin import lacking
from .launch_context import LaunchContext
from .some_substitutions_type import SomeSubstitutionsType
from .substitution import Substitution, TextSubstitution

__getattr__ = lacking(__name__)


def normalize_to_list_of_substitutions(subs: SomeSubstitutionsType) -> list[Substitution]:
    """Return a text, a substitution, or a list of both, as substitutions; TypeError for others."""
    if isinstance(subs, (str, Substitution)):
        subs = [subs]
    elif not isinstance(subs, Iterable):
        raise TypeError(f'{subs!r} is neither text nor a substitution')
    return [_substitution(part) for part in subs]


def _substitution(part: Any) -> Substitution:
    return part if isinstance(part, Substitution) else TextSubstitution(text=part)


def perform_substitutions(context: LaunchContext, subs: Iterable[Substitution]) -> str:
    """Return the one text that `subs` are together."""
    return ''.join(map(context.perform_substitution, subs))
