# SPDX-License-Identifier: Apache-2.0
"""What may stand where a launch file wants actions."""

import collections.abc
from collections.abc import Iterable
from typing import Union

from .launch_description_entity import LaunchDescriptionEntity

SomeEntitiesType = Union[LaunchDescriptionEntity, Iterable[LaunchDescriptionEntity]]
SomeEntitiesType_types_tuple = (LaunchDescriptionEntity, collections.abc.Iterable)
