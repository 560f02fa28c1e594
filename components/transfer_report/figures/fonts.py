"""Letters that matplotlib's own font lacks, from fonts of the system. Imports matplotlib without pyplot."""

from __future__ import annotations

from collections.abc import Iterable

from matplotlib.figure import Figure
from matplotlib.font_manager import FontEntry, FontProperties, findfont, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text


def use_fonts_with_all_letters(figure: Figure) -> None:
    """Lets texts fall back on installed fonts for letters that their own font lacks, such as class names in Japanese.

    Where no installed font has a letter, matplotlib draws a box in its place. The report's hover texts have the names.
    """
    texts: list[Text] = figure.findobj(Text)
    lacking = {letter for text in texts for letter in text.get_text() if not letter.isspace()}
    lacking -= _letters(findfont(FontProperties()), lacking) if lacking else set()
    families = families_with(lacking, fontManager.ttflist)
    if families:
        for text in texts:
            text.set_fontfamily([*text.get_fontfamily(), *families])


def families_with(lacking: set[str], installed: Iterable[FontEntry]) -> list[str]:
    """Families that together have as many of the letters as there are fonts for; none for no letters.

    Args:
      lacking: the letters.
      installed: fonts to choose from, in any order.
    """
    families: list[str] = []
    left = set(lacking)
    for font in sorted(installed, key=lambda font: (font.name, font.fname)):
        if not left:
            break
        if found := _letters(font.fname, left):
            left -= found
            families.append(font.name)
    return families


def _letters(file: str, wanted: set[str]) -> set[str]:
    """Those of the letters that a font file has."""
    try:
        known = FT2Font(file).get_charmap()
    except (OSError, RuntimeError):  # a font that was removed, or that matplotlib can't read
        return set()
    return {letter for letter in wanted if ord(letter) in known}
