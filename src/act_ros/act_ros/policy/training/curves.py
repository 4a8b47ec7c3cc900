# SPDX-License-Identifier: Apache-2.0
"""The scalars of a run: for TensorBoard, in a file beside the policy, and as a picture at the end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from act_ros.policy.errors import PolicyError

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

CURVES = 'curves.json'
PICTURE = 'loss.png'
LOG = 'log'
_DRAWN = ('loss', 'l1', 'kl', 'validation_l1')
_SHOWN = ('l1', 'kl', 'validation_l1')


class Curves:
    """What was measured, by name the (step, value) of each point.

    Args:
        output: where `curves.json`, `loss.png` and TensorBoard's `log/` are written; None: nowhere.
    """

    def __init__(self, output: Path | None) -> None:
        self.values: dict[str, list[tuple[int, float]]] = {}
        self._output = output
        self._from = 0
        self._new = False
        self._writer: SummaryWriter | None = None

    def resume(self, step: int) -> None:
        """Take up the curves of the run in the output folder, up to the step that it goes on from.

        Raises:
            PolicyError: the file of them is damaged.
        """
        self._from = step
        if self._output is None or not (self._output / CURVES).exists():
            return
        path = self._output / CURVES
        try:
            points = json.loads(path.read_text())
            self.values = {
                str(name): [(int(s), float(v)) for s, v in curve if s <= step]
                for name, curve in points.items()
            }
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise PolicyError(
                f'cannot resume: {path} is damaged ({error}); remove it to go on without the curves'
            ) from error

    def add(self, step: int, scalars: dict[str, float]) -> None:
        """Keep what was measured at a step."""
        self._new = True
        for name, value in scalars.items():
            self.values.setdefault(name, []).append((step, value))
        if self._output is None:
            return
        if (
            self._writer is None
        ):  # not before there is something to write: a failed start leaves nothing
            from torch.utils.tensorboard import SummaryWriter

            # Points after the step that a run goes on from are hidden: they come again.
            purge = self._from + 1 if self._from else None
            self._writer = SummaryWriter(str(self._output / LOG), purge_step=purge)
        for name, value in scalars.items():
            self._writer.add_scalar(name, value, step)

    def newest(self) -> dict[str, float]:
        """The last value of each curve."""
        return {name: points[-1][1] for name, points in self.values.items()}

    def latest(self) -> str:
        """The newest losses, for the progress bar."""
        return ', '.join(f'{n} {self.values[n][-1][1]:.4f}' for n in _SHOWN if self.values.get(n))

    def save(self) -> None:
        """Write `curves.json`, whole or not at all."""
        if self._output is None:
            return
        partial = self._output / f'{CURVES}.partial'
        partial.write_text(json.dumps(self.values) + '\n')
        partial.replace(self._output / CURVES)

    def close(self) -> None:
        """Close TensorBoard's file and draw `loss.png`, where there is something new to draw."""
        if self._writer is not None:
            self._writer.close()
        curves = {name: self.values[name] for name in _DRAWN if self.values.get(name)}
        if self._output is None or not curves or not self._new:
            return
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 5), layout='constrained')
        axes = figure.subplots()
        for name, points in curves.items():
            axes.plot(*zip(*points, strict=True), label=name, linewidth=1)
        axes.set(xlabel='step', yscale='log', title='Loss (normalized actions)')
        axes.grid(alpha=0.3)
        axes.legend()
        figure.savefig(self._output / PICTURE, dpi=120)
