# SPDX-License-Identifier: Apache-2.0
"""Small helpers that launch files and actions of one's own use."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .._standin import lacking
from ..launch_description_entity import LaunchDescriptionEntity
from ..substitution import Substitution, TextSubstitution

if TYPE_CHECKING:
    from ..launch_context import LaunchContext
    from ..some_substitutions_type import SomeSubstitutionsType

__all__ = [
    'ensure_argument_type',
    'is_a',
    'is_a_subclass',
    'isclassinstance',
    'normalize_to_list_of_entities',
    'normalize_to_list_of_substitutions',
    'perform_substitutions',
    'visit_all_entities_and_collect_futures',
]

__getattr__ = lacking(__name__)


def ensure_argument_type(
    argument: Any,
    types: type | Iterable[type],
    argument_name: str,
    caller: str | None = None,
) -> None:
    """
    Check the type of an argument.

    :raises TypeError: if ``argument`` is of none of ``types``; names it and the caller
    """
    allowed = (types,) if isinstance(types, type) else tuple(types)
    if not isinstance(argument, allowed):
        start = f"'{caller}' expected" if caller else 'Expected'
        raise TypeError(
            f"{start} '{argument_name}' to be one of [{', '.join(str(t) for t in allowed)}], "
            f"but got '{argument}' of type '{type(argument)}'"
        )


def isclassinstance(obj: object) -> bool:
    """Return whether ``obj`` has a class, which in Python 3 all have."""
    return hasattr(obj, '__class__')


def is_a(obj: object, entity_type: type) -> bool:
    """Return whether ``obj`` is an instance of ``entity_type``."""
    return isinstance(obj, entity_type)


def is_a_subclass(obj: object, entity_type: type) -> bool:
    """Return whether ``obj`` is an instance of ``entity_type``, or a class derived from it."""
    return isinstance(obj, entity_type) or (inspect.isclass(obj) and issubclass(obj, entity_type))


def normalize_to_list_of_substitutions(subs: SomeSubstitutionsType) -> list[Substitution]:
    """
    Return text, a substitution or a mixed list of them as a list of substitutions.

    :raises TypeError: for anything else
    """

    def one(item: object) -> Substitution:
        if isinstance(item, Substitution):
            return item
        if isinstance(item, str):
            return TextSubstitution(text=item)
        raise TypeError(
            f"Failed to normalize given item of type '{type(item)}', when only "
            "'str' or 'launch.Substitution' were expected."
        )

    if isinstance(subs, (str, Substitution)):
        return [one(subs)]
    return [one(item) for item in subs]


def normalize_to_list_of_entities(
    entities: Iterable[LaunchDescriptionEntity | Iterable[LaunchDescriptionEntity]],
) -> list[LaunchDescriptionEntity]:
    """Return actions and lists of actions as one flat list."""
    flat: list[LaunchDescriptionEntity] = []
    for entity in entities:
        flat.extend([entity] if isinstance(entity, LaunchDescriptionEntity) else entity)
    return flat


def perform_substitutions(context: LaunchContext, subs: Sequence[Substitution]) -> str:
    """Return the texts of ``subs``, joined."""
    return ''.join(context.perform_substitution(sub) for sub in subs)


def visit_all_entities_and_collect_futures(
    entity: LaunchDescriptionEntity,
    context: LaunchContext,
    pairs: list[tuple[LaunchDescriptionEntity, asyncio.Future[None]]] | None = None,
) -> list[tuple[LaunchDescriptionEntity, asyncio.Future[None]]]:
    """
    Visit ``entity`` and all it leads to, depth first; return what is still going on.

    :param pairs: a list to put that into: what was begun is known there even if a later entity fails
    """
    pairs = [] if pairs is None else pairs
    sub_entities = entity.visit(context)
    future = entity.get_asyncio_future()
    if future is not None:
        pairs.append((entity, future))
    for sub_entity in sub_entities or ():
        visit_all_entities_and_collect_futures(sub_entity, context, pairs)
    return pairs
