# SPDX-License-Identifier: Apache-2.0
"""A thread that renders the simulated cameras: physics and joint states never wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from act_ros.robot.types import Frame
from act_ros.sim.cameras import CameraRig
from act_ros.sim.world import World, WorldState


@dataclass(frozen=True)
class CameraView:
    """A camera of the scene, the size of its pictures, and who gets them (with stamp in ns)."""

    scene: str
    height: int
    width: int
    deliver: Callable[[Frame, int], None]


class RenderThread:
    """Renders the newest snapshot handed in; those that come too fast are left out."""

    def __init__(
        self, world: World, views: Sequence[CameraView], failed: Callable[[str], None]
    ) -> None:
        """Render `views` of `world`; the thread calls `failed` if that is not possible."""
        self._world, self._views, self._failed = world, views, failed
        self._changed = threading.Condition()
        self._next: tuple[WorldState, int] | None = None
        self._busy = self._stop = False
        self._thread = threading.Thread(target=self._run, name='render', daemon=True)
        self._thread.start()

    def submit(self, state: WorldState, stamp_ns: int) -> None:
        """Hand in a snapshot; returns at once. One that still waits is replaced."""
        with self._changed:
            self._next = state, stamp_ns
            self._changed.notify_all()

    def wait(self) -> None:
        """Wait until everything handed in is rendered and delivered."""
        with self._changed:
            self._changed.wait_for(lambda: self._stop or (self._next is None and not self._busy))

    def close(self) -> None:
        """Stop the thread and free OpenGL."""
        with self._changed:
            self._stop = True
            self._changed.notify_all()
        self._thread.join()

    def _run(self) -> None:
        height = max(view.height for view in self._views)
        width = max(view.width for view in self._views)
        try:
            with CameraRig(self._world, height, width) as rig:
                while (task := self._take()) is not None:
                    self._render(rig, *task)
        except Exception as error:  # whatever OpenGL raises ends the pictures, audibly
            self._failed(f'{type(error).__name__}: {error}')
        finally:
            with self._changed:
                self._stop = True
                self._changed.notify_all()

    def _take(self) -> tuple[WorldState, int] | None:
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._stop or self._next is not None)
            task, self._next = self._next, None
            self._busy = True
            return None if self._stop else task

    def _render(self, rig: CameraRig, state: WorldState, stamp_ns: int) -> None:
        rig.update(state)
        for view in self._views:
            view.deliver(rig.render(view.scene, view.height, view.width), stamp_ns)
