"""A contact sheet: the first stimuli of a set as one picture, with a line of text or more under each."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, TypeAlias

from PIL import Image, ImageDraw, ImageFont

from brainio.text import printable
from brainio.views.previews import MOST_PIXELS, Preview, preview_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Font: TypeAlias = "ImageFont.FreeTypeFont | ImageFont.ImageFont"

_FONTS = ("DejaVuSans.ttf", "Arial Unicode.ttf", "Arial.ttf")
_MARGIN = 8  # pixels
_MOST = 100_000_000  # pixels of a sheet: 300 MB
_PAPER, _INK, _FAINT, _TILE = "white", "#1d2125", "#5f6670", "#eceef1"


def contact_sheet(cells: Sequence[tuple[Path | None, Sequence[str]]], columns: int = 6, size: int = 128) -> Image.Image:
    """Draw stimuli in rows, each with its lines of text below.

    Parameters
    ----------
    cells : sequence of (path or None, lines of text)
        Every cell has as many lines; a line that is too long is cut. None: the file is not on this machine.
    columns : int, default 6
        Cells in a row, at most.
    size : int, default 128
        Side of the square in which a stimulus is drawn, in pixels.

    Returns
    -------
    PIL.Image.Image
        RGB on white. What cannot be shown is a grey tile with the reason.

    Raises
    ------
    ValueError
        The sheet would have more than 100 million pixels.

    Examples
    --------
    >>> contact_sheet([(None, ["a"]), (None, ["b"])], columns=2, size=64).size
    (152, 102)
    """
    font = _font(max(10, size // 10))
    line = round(font.getbbox("Ág")[3]) + 2
    lines = max((len(texts) for _, texts in cells), default=0)
    across, down = min(columns, max(len(cells), 1)), -(-len(cells) // columns)
    cell = (size + _MARGIN, size + lines * line + 2 * _MARGIN)
    width, height = across * cell[0] + _MARGIN, down * cell[1] + _MARGIN
    if width * height > _MOST:
        raise ValueError(f"a sheet of {width:,} x {height:,} pixels is too large; show fewer stimuli, or smaller ones")
    sheet = Image.new("RGB", (width, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, (path, texts) in enumerate(cells):
        left, top = _MARGIN + number % columns * cell[0], _MARGIN + number // columns * cell[1]
        _draw_stimulus(sheet, draw, (left, top), size, preview_of(path, size, MOST_PIXELS), font)
        for place, text in enumerate(texts):
            colour = _FAINT if place else _INK
            where = (left, top + size + 2 + place * line)
            draw.text(where, _cut(draw, _drawable(text, font), size, font), fill=colour, font=font)
    return sheet


def _font(size: int) -> Font:
    """Give a font with many scripts where this machine has one, else the Latin one of Pillow."""
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def _drawable(text: str, font: Font) -> str:
    """Give a text in one line; of letters that the font of Pillow lacks, those that they are made of."""
    line = " ".join(printable(text).split())
    if isinstance(font, ImageFont.FreeTypeFont) and isinstance(font.path, str):
        return line
    return unicodedata.normalize("NFKD", line).encode("ascii", "ignore").decode()


def _draw_stimulus(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    size: int,
    preview: Preview,
    font: Font,
) -> None:
    left, top = corner
    picture = preview.picture
    if picture is not None:
        place = (left + (size - picture.width) // 2, top + (size - picture.height) // 2)
        sheet.paste(picture, place, picture if picture.mode == "RGBA" else None)
        return
    draw.rectangle((left, top, left + size - 1, top + size - 1), fill=_TILE)
    words = _wrapped(draw, _drawable(f"{preview.kind}: {preview.note}", font), size - 12, font)
    draw.multiline_text((left + 6, top + 6), "\n".join(words[:6]), fill=_FAINT, font=font)


def _wrapped(draw: ImageDraw.ImageDraw, text: str, width: int, font: Font) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and draw.textlength(longer, font=font) <= width:
            lines[-1] = longer
        else:
            lines.append(_cut(draw, word, width, font))
    return lines


def _cut(draw: ImageDraw.ImageDraw, text: str, width: int, font: Font) -> str:
    text = text[: width // 2]  # no letter is narrower than two pixels
    if draw.textlength(text, font=font) <= width:
        return text
    while text and draw.textlength(f"{text}…", font=font) > width:
        text = text[:-1]
    return f"{text}…"
