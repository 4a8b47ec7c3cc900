# SPDX-License-Identifier: Apache-2.0
"""Words below the pictures of a film: which task, which episode, how far it came."""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

from act_ros.robot.types import Frame
from act_ros.sim.world import STAGES

WORDS = {
    'transfer_cube': ('Transfer cube', 'the right arm hands the cube to the left arm'),
    'insertion': ('Insertion', "the right arm puts its peg into the left arm's socket"),
}
"""Each task's name, and what is done in it, for who has never heard of it."""

BAND = 72
"""Height in pixels of the band below a picture."""
_MARGIN, _DOT = 24, 5
_PAPER, _INK, _FAINT = (250, 250, 248), (38, 42, 48), (150, 156, 164)
_GREEN, _RED = (22, 138, 82), (190, 62, 44)


def episode_text(episode: int, episodes: int, seed: int, elapsed_s: float) -> str:
    """'episode 2 of 3 · seed 1 · 4.2 s'; without 'of' when there is no end (`episodes` is 0)."""
    of = f' of {episodes}' if episodes else ''
    return f'episode {episode}{of} · seed {seed} · {elapsed_s:.1f} s'


def verdict(reached: int, ended: bool) -> str:
    """'DONE' once the last stage is reached; 'not done' when the episode ended without it; else ''."""
    return 'DONE' if reached == 4 else 'not done' if ended else ''


def captioned(picture: Frame, task: str, reached: int, info: str, ended: bool = False) -> Frame:
    """The picture (h, w, 3) with a band below it, (h + 72, w, 3): the task, `info`, and its stages.

    Args:
        picture: at least 960 pixels wide.
        task: 'transfer_cube' or 'insertion'.
        reached: stage of the task, 0 to 4; the words of those up to it are lit.
        info: what stands at the right, such as `episode_text`.
        ended: whether the episode is over, so that it can be said not to be done.
    """
    width = picture.shape[1]
    band = Image.new('RGB', (width, BAND), _PAPER)
    draw = ImageDraw.Draw(band)
    name, sentence = WORDS[task]
    draw.text((_MARGIN, 24), name, _INK, _font(19, bold=True), 'lm')
    begin = _MARGIN + draw.textlength(f'{name}  ', _font(19, bold=True))
    draw.text((begin, 24), sentence, _INK, _font(17), 'lm')
    draw.text((width - _MARGIN, 24), info, _INK, _font(15), 'rm')
    x = float(_MARGIN)
    for stage, words in enumerate(STAGES[task], 1):
        lit = stage <= reached
        dot = (x, 51 - _DOT, x + 2 * _DOT, 51 + _DOT)
        draw.ellipse(dot, fill=_GREEN if lit else None, outline=_GREEN if lit else _FAINT, width=2)
        x += 2 * _DOT + 7
        draw.text((x, 51), words, _INK if lit else _FAINT, _font(15), 'lm')
        x += draw.textlength(words, _font(15)) + 26
    end = verdict(reached, ended)
    colour = _GREEN if reached == 4 else _RED
    draw.text((width - _MARGIN, 51), end, colour, _font(18, bold=True), 'rm')
    return np.concatenate([picture, np.asarray(band, np.uint8)])


def title_card(picture: Frame, task: str) -> Frame:
    """A card (h + 72, w, 3) that a film begins with: the task's name over its blurred first picture."""
    height, width = picture.shape[:2]
    card = Image.fromarray(picture).resize((width, height + BAND))
    card = ImageEnhance.Brightness(card.filter(ImageFilter.GaussianBlur(9))).enhance(0.55)
    draw = ImageDraw.Draw(card)
    middle, (name, sentence) = (height + BAND) / 2, WORDS[task]
    draw.text((width / 2, middle - 26), name, _PAPER, _font(52, bold=True), 'mm')
    draw.text((width / 2, middle + 34), sentence, _PAPER, _font(24), 'mm')
    return np.asarray(card, np.uint8)


@cache
def _font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    # Slow to import, and only wanted here. Pillow's own font came with Pillow 10; that of a ROS 2 may be older.
    from matplotlib.font_manager import FontProperties, findfont

    properties = FontProperties(family='DejaVu Sans', weight='bold' if bold else 'normal')
    return ImageFont.truetype(findfont(properties), size)
