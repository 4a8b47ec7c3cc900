# SPDX-License-Identifier: Apache-2.0
"""LeRobot's ways of normalizing, each brought to the one form (x - mean) / std.

All of them are straight lines, so that nothing is lost. `lerobot/processor/normalize_processor.py` (0.4 and
later) and `lerobot/policies/normalize.py` (0.3.3 and before) define them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from act_ros.policy.errors import PolicyError
from act_ros.text import shown

Floats64 = NDArray[np.float64]

NEEDED = {
    'IDENTITY': (),
    'MEAN_STD': ('mean', 'std'),
    'MIN_MAX': ('min', 'max'),
    'QUANTILES': ('q01', 'q99'),
    'QUANTILE10': ('q10', 'q90'),
}
"""Ways of normalizing, and the statistics that each needs."""

_TINY = float(np.finfo(np.float32).tiny)


def mean_and_std(
    mode: str, stats: Mapping[str, Floats64], length: int, eps: float, old: bool, output: bool
) -> tuple[Floats64, Floats64]:
    """The mean and the standard deviation, each (length,), that come to the same as `mode`.

    Args:
        mode: one of `NEEDED`.
        stats: what it needs, by name, of any shape with `length` entries.
        length: entries of the vector, or channels of the image.
        eps: what is added against a division by zero.
        old: the formulas of 0.3.3 and before.
        output: for bringing an output back to its units, where no eps is added.

    Raises:
        PolicyError: a statistic is missing, has another length, isn't finite, or leaves nothing to divide by.
    """
    if mode == 'IDENTITY':
        return np.zeros(length), np.ones(length)
    first, second = (_vector(stats, name, length) for name in NEEDED[mode])
    if mode == 'MEAN_STD':
        if (second < 0).any():
            raise PolicyError(f'its std has a negative entry: {second.tolist()}')
        return first, _positive(second, eps, output)
    span = second - first
    if (span < 0).any():
        low, high = NEEDED[mode]
        raise PolicyError(f'its {high} is below its {low}')
    if old:
        # Scaled to 0..1 first, with eps always in the divisor of an input and never in an output.
        half = _positive(span, eps, output) / 2
        return first + half, half
    half = np.where(span == 0, eps, span) / 2
    # A value that was always the same comes out as -1. float32 must be able to tell mean from value.
    smallest = np.spacing(np.abs(first).astype(np.float32)).astype(np.float64)
    half = half if output else np.where(span == 0, np.maximum(half, smallest), half)
    if (half <= 0).any():
        raise PolicyError('its range is empty, and its eps is 0')
    return first + half, half


def _positive(std: Floats64, eps: float, output: bool) -> Floats64:
    """The divisor of an input; for an output that never changes the smallest number there is."""
    if output:
        return np.maximum(std, _TINY)
    if not (std + eps > 0).all():
        raise PolicyError('an entry of its std is 0, and so is its eps')
    return std + eps


def _vector(stats: Mapping[str, Floats64], name: str, length: int) -> Floats64:
    values = stats.get(name)
    if values is None:
        raise PolicyError(f'its {name} is missing; without it the policy would act in wrong units')
    if values.size != length or max(values.shape, default=1) != length:
        raise PolicyError(
            f'its {name} has shape {tuple(values.shape)}; expected {length} {"value" if length == 1 else "values"}'
        )
    if not np.isfinite(values).all():
        raise PolicyError(
            f'its {name} is not finite ({shown(values.ravel().tolist())}): it was never set, or is damaged'
        )
    return values.reshape(length)
