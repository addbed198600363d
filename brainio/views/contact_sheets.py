"""Contact sheets: pictures of many stimuli in rows, with lines of text below each."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, TypeAlias

from PIL import Image, ImageDraw, ImageFont

from brainio.text import printable
from brainio.views.previews import MAX_PIXELS, Preview, build_preview

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Font: TypeAlias = "ImageFont.FreeTypeFont | ImageFont.ImageFont"

_FONTS = ("DejaVuSans.ttf", "Arial Unicode.ttf", "Arial.ttf")
_MARGIN = 8  # pixels
_MAX_SHEET_PIXELS = 100_000_000  # 300 MB
_BACKGROUND, _TEXT, _FAINT_TEXT, _TILE = "white", "#1d2125", "#5f6670", "#eceef1"


def contact_sheet(cells: Sequence[tuple[Path | None, Sequence[str]]], columns: int = 6, size: int = 128) -> Image.Image:
    """Draw stimuli in rows, with lines of text below each.

    Parameters
    ----------
    cells : sequence of (path or None, lines of text)
        Lines that are too long are truncated. The path is None if the file is not on this machine.
    columns : int, default 6
        Maximum number of cells in a row.
    size : int, default 128
        Side of the square that holds a stimulus, in pixels.

    Returns
    -------
    PIL.Image.Image
        RGB on white. A grey tile with the reason replaces a stimulus that has no picture.

    Raises
    ------
    ValueError
        The sheet would have more than 100 million pixels.

    Examples
    --------
    >>> contact_sheet([(None, ["a"]), (None, ["b"])], columns=2, size=64).size
    (152, 102)
    """
    font = _load_font(max(10, size // 10))
    line = round(font.getbbox("Ág")[3]) + 2
    lines = max((len(texts) for _, texts in cells), default=0)
    across, down = min(columns, max(len(cells), 1)), -(-len(cells) // columns)
    cell = (size + _MARGIN, size + lines * line + 2 * _MARGIN)
    width, height = across * cell[0] + _MARGIN, down * cell[1] + _MARGIN
    if width * height > _MAX_SHEET_PIXELS:
        raise ValueError(f"a sheet of {width:,} x {height:,} pixels is too large; show fewer or smaller stimuli")
    sheet = Image.new("RGB", (width, height), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for number, (path, texts) in enumerate(cells):
        left, top = _MARGIN + number % columns * cell[0], _MARGIN + number // columns * cell[1]
        _draw_stimulus(sheet, draw, (left, top), size, build_preview(path, size, MAX_PIXELS), font)
        for row, text in enumerate(texts):
            colour = _FAINT_TEXT if row else _TEXT
            position = (left, top + size + 2 + row * line)
            draw.text(position, _truncate(draw, _to_line(text, font), size, font), fill=colour, font=font)
    return sheet


def _load_font(size: int) -> Font:
    """Load a font with many scripts if one is installed, else the Latin font of Pillow."""
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def _to_line(text: str, font: Font) -> str:
    """Put a text on one line; for the font of Pillow, reduce it to ASCII letters."""
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
        position = (left + (size - picture.width) // 2, top + (size - picture.height) // 2)
        sheet.paste(picture, position, picture if picture.mode == "RGBA" else None)
        return
    draw.rectangle((left, top, left + size - 1, top + size - 1), fill=_TILE)
    lines = _wrap(draw, _to_line(f"{preview.kind}: {preview.note}", font), size - 12, font)
    draw.multiline_text((left + 6, top + 6), "\n".join(lines[:6]), fill=_FAINT_TEXT, font=font)


def _wrap(draw: ImageDraw.ImageDraw, text: str, width: int, font: Font) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and draw.textlength(longer, font=font) <= width:
            lines[-1] = longer
        else:
            lines.append(_truncate(draw, word, width, font))
    return lines


def _truncate(draw: ImageDraw.ImageDraw, text: str, width: int, font: Font) -> str:
    text = text[: width // 2]  # every character is at least two pixels wide
    if draw.textlength(text, font=font) <= width:
        return text
    while text and draw.textlength(f"{text}…", font=font) > width:
        text = text[:-1]
    return f"{text}…"
