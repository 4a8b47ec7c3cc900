# SPDX-License-Identifier: Apache-2.0
"""The folders that policies are taken from, and which paths beyond them. Imports no PyTorch, for the nodes' sake."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from act_ros.paths import share_dir
from act_ros.policy.errors import PolicyError
from act_ros.policy.folder import policy_names, resolve_checkpoint


def shipped_policy(task: str) -> str:
    """Name of the suite's own policy for a simulated task."""
    return f'aloha_sim_{task}'


class Library:
    """Finds policies by name or path.

    Whoever may set a parameter of a running node may name a file of that machine, so a path outside
    the folders is refused unless the library was made with `anywhere`, or the path was `trust`ed.
    An entry of a folder may be a symbolic link: who made it owns the folder.
    """

    def __init__(self, folders: Iterable[Path], anywhere: bool = False) -> None:
        """Search these folders, the first first; with `anywhere` all paths are good."""
        self.folders = tuple(dict.fromkeys(_real(folder) for folder in folders))
        self.anywhere = anywhere
        self._trusted: set[Path] = set()

    @classmethod
    def of(cls, models_dir: str, anywhere: bool = False) -> Library:
        """By the parameter `models_dir`: that folder; if empty, ./models and then the installed one."""
        if models_dir:
            return cls([Path(models_dir)], anywhere)
        return cls([Path('models'), share_dir() / 'models'], anywhere)

    def find(self, text: str) -> Path:
        """The folder or file of a policy: `text` is its name, its path, or models/NAME.

        Raises:
            PolicyError: there is none, or it lies where policies may not be taken from.
        """
        outside: Path | None = None
        refusal: PolicyError | None = None
        for folder in self.folders:
            try:
                path = resolve_checkpoint(text, folder)
            except PolicyError as error:
                refusal = refusal or error
                continue
            if self._may_be_used(path):
                return path
            outside = outside or path
        where = ' or '.join(map(str, self.folders))
        if outside is not None:
            raise PolicyError(
                f'{outside} is not in {where}, and this node takes policies from there only: put it '
                f'there, or start the node with allow_any_path:=true'
            )
        assert refusal is not None
        if len(self.folders) == 1 or 'there is no policy' not in str(refusal):
            raise refusal
        names = ', '.join(self.policies()) or 'none'
        raise PolicyError(
            f"there is no policy '{text}', neither as a path nor in {where}; available there: {names}"
        )

    def trust(self, path: Path) -> None:
        """Let a path be used from now on: that of the policy which the node was started with."""
        self._trusted.add(path)

    def policies(self) -> dict[str, Path]:
        """Name and place of every policy in the folders; a name that is in two stands for the first."""
        found: dict[str, Path] = {}
        for folder in self.folders:
            for name in policy_names(folder):
                found.setdefault(name, folder / name)
        return dict(sorted(found.items()))

    def _may_be_used(self, path: Path) -> bool:
        roots = [*self._trusted, *self.folders]
        for folder in self.folders if not self.anywhere else ():
            if folder.is_dir():
                # Links are followed here, as they were on the way to `path`.
                roots += [_real(entry.path) for entry in os.scandir(folder)]
        return self.anywhere or any(path.is_relative_to(root) for root in roots)


def _real(path: str | os.PathLike[str]) -> Path:
    """A path without links and `~`; of a link that leads to itself, the link."""
    return Path(os.path.realpath(os.path.expanduser(path)))  # noqa: PTH111 - pathlib's raise
