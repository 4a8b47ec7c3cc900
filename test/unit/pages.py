# SPDX-License-Identifier: Apache-2.0
"""The pages that people read, as tests read them: commands, links, headings, quoted messages."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ('README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md')),
    *sorted(ROOT.glob('docs/*.md')),
    *sorted(ROOT.glob('models/*/README.md')),
    ROOT / 'examples/README.md',
]
_BLOCK = re.compile(r'^```(\w*)\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Command:
    """One command of a page: its words, without what the shell does with it."""

    page: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f'{self.page}: {shlex.join(self.words)}'


@dataclass(frozen=True)
class Page:
    """A page in Markdown."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding='utf-8')

    @cached_property
    def prose(self) -> str:
        """The text without its blocks of code."""
        return _BLOCK.sub('', self.text)

    @cached_property
    def commands(self) -> list[Command]:
        """What stands in ```bash blocks, in order."""
        found = []
        for kind, body in _BLOCK.findall(self.text):
            if kind != 'bash':
                continue
            for line in body.replace('\\\n', ' ').splitlines():
                found += [Command(self.name, words) for words in split(line)]
        return found

    @cached_property
    def given(self) -> set[str]:
        """Paths that the page takes for granted: `<!-- given: data/my_task -->`."""
        lines = re.findall(r'<!-- given: (.*?) -->', self.text)
        return {path for line in lines for path in line.split()}

    @cached_property
    def links(self) -> list[str]:
        """Targets of links and pictures within the repository."""
        found = re.findall(r'\]\(([^)\s]+)\)', self.prose)
        return [link for link in found if not re.match(r'[a-z]+:', link)]

    @cached_property
    def anchors(self) -> set[str]:
        """What a link may name behind '#', as GitHub and MkDocs make it of headings."""
        headings = re.findall(r'^#+ (.+)$', self.prose, re.MULTILINE)
        return {
            re.sub(r'[^\w\- ]', '', re.sub(r'[`*]', '', heading).lower()).replace(' ', '-')
            for heading in headings
        }


def split(line: str) -> list[tuple[str, ...]]:
    """The commands of a line of shell, without comments, `sudo`, and assignments before them."""
    commands: list[tuple[str, ...]] = []
    words: list[str] = []
    for word in [*shlex.split(line, comments=True), '&&']:
        if word not in ('&&', '|', ';', '&'):
            words.append(word)
            continue
        while words and (words[0] == 'sudo' or re.match(r'\w+=', words[0])):
            del words[0]
        if words:
            commands.append(tuple(words))
        words = []
    return commands
