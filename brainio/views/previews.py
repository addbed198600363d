"""Previews of stimulus files: pictures of images, sounds and videos, excerpts of texts, and their contact sheets.

Opens only regular files on this machine, and reads no more than a small picture needs. A damaged or unsupported file is
not an error: the preview states the reason instead. `decoders` decodes the files.
"""

from __future__ import annotations

import io
import stat
import unicodedata
from pathlib import Path  # noqa: TC003 - examples name it
from typing import TYPE_CHECKING, TypeAlias

from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError

from brainio.progress import readable_size
from brainio.text import printable, shorten
from brainio.views.decoders import Preview, decode_first_frame, decode_image, draw_wav, is_image
from brainio.views.thumbnails import Thumbnail

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SOUNDS = frozenset({".wav", ".mp3", ".flac", ".ogg", ".m4a", ".aif", ".aiff"})
_VIDEOS = frozenset({".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg"})
_TEXTS = frozenset({".txt", ".md", ".csv", ".tsv", ".json"})
_MAX_PIXELS = 25_000_000  # of a decoded image: half a second
_MAX_BYTES = 150_000  # of all thumbnails of a view, in base64
_MAX_VIEW_PIXELS = 100_000_000  # decoded for a view
_EXCERPT_LENGTH = 160
_QUALITIES = (80, 50, 20)  # of WebP
_FONTS = ("DejaVuSans.ttf", "Arial Unicode.ttf", "Arial.ttf")
_MARGIN = 8  # pixels
_MAX_SHEET_PIXELS = 100_000_000  # 300 MB
_BACKGROUND, _TEXT, _FAINT_TEXT, _TILE = "white", "#1d2125", "#5f6670", "#eceef1"
_Font: TypeAlias = "ImageFont.FreeTypeFont | ImageFont.ImageFont"


def build_preview(path: Path | None, size: int = 128, max_pixels: int = _MAX_PIXELS) -> Preview:
    """Build a preview of a file with a picture of at most `size` x `size` pixels.

    Parameters
    ----------
    path : Path or None
        None if the file is not on this machine.
    size : int, default 128
        Longer side of the picture in pixels. The picture keeps its proportions and is never enlarged.
    max_pixels : int, default 25,000,000
        Limit for decoding an image or video frame; of larger ones the preview only states the size.

    Returns
    -------
    Preview
        If the file cannot be read, the note states why; no error is raised.

    Examples
    --------
    >>> build_preview(Path("nowhere.png")).note
    'the file is missing'
    """
    if path is None:
        return Preview(None, "file", "not on this machine yet")
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return Preview(None, "file", "not a regular file")
        return _decode(path, size, max_pixels, status.st_size)
    except (FileNotFoundError, NotADirectoryError):
        return Preview(None, "file", "the file is missing")
    except UnidentifiedImageError:
        return Preview(None, "file", "not an image of a known format")
    except Exception as error:  # a damaged or hostile file can raise anything in a decoder
        return Preview(None, _kind_by_suffix(path), f"cannot be read ({type(error).__name__})")


def _decode(path: Path, size: int, max_pixels: int, file_size: int) -> Preview:
    kind = _kind_by_suffix(path)
    if kind == "sound" and path.suffix.lower() == ".wav":
        return draw_wav(path, size)
    if kind == "video":
        return decode_first_frame(path, size, max_pixels, file_size)
    if kind == "text":
        with path.open("rb") as file:
            text = file.read(4 * _EXCERPT_LENGTH).decode("utf-8", "replace")
        return Preview(None, kind, shorten(text, _EXCERPT_LENGTH))
    if kind != "sound" and (kind == "image" or is_image(path)):
        return decode_image(path, size, max_pixels)
    return Preview(None, kind, f"{path.suffix.lower().lstrip('.') or 'no extension'}, {readable_size(file_size)}")


def _kind_by_suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    kinds = {"sound": _SOUNDS, "video": _VIDEOS, "text": _TEXTS, "image": Image.registered_extensions()}
    return next((kind for kind, suffixes in kinds.items() if suffix in suffixes), "file")


def build_thumbnails(paths: Sequence[Path | None], size: int = 128, max_bytes: int = _MAX_BYTES) -> Iterator[Thumbnail]:
    """Yield thumbnails of files within a budget of bytes and pixels for all of them.

    Parameters
    ----------
    paths : sequence of Path or None
        None for a file that is not on this machine. A file is opened once, when its thumbnail is requested.
    size : int, default 128
        Maximum length of the longer side in pixels.
    max_bytes : int, default 150,000
        Budget of all pictures in base64, of which each may use an equal share of the remainder. A picture that exceeds
        its share at the lowest quality is omitted.

    Examples
    --------
    >>> [thumbnail.note for thumbnail in build_thumbnails([None])]
    ['not on this machine yet']
    """
    remaining_bytes, remaining_pixels = max_bytes, _MAX_VIEW_PIXELS
    for number, path in enumerate(paths):
        preview = build_preview(path, size, min(remaining_pixels, _MAX_PIXELS))
        thumbnail = encode_thumbnail(preview, remaining_bytes // (len(paths) - number))
        remaining_bytes -= len(thumbnail.uri)
        remaining_pixels -= preview.pixels
        yield thumbnail


def encode_thumbnail(preview: Preview, max_bytes: int = _MAX_BYTES) -> Thumbnail:
    """Encode a preview in at most `max_bytes` bytes of base64; omit the picture if it does not fit."""
    if preview.picture is not None:
        for quality in _QUALITIES:
            data, media_type = _encode_picture(preview.picture, quality)
            thumbnail = Thumbnail(data, media_type, *preview.picture.size, preview.kind, preview.note)
            if len(thumbnail.uri) <= max_bytes:
                return thumbnail
    return Thumbnail(b"", "", 0, 0, preview.kind, preview.note)


def _encode_picture(picture: Image.Image, quality: int) -> tuple[bytes, str]:
    from PIL import features

    file = io.BytesIO()
    if features.check("webp"):
        picture.save(file, "WEBP", quality=quality, method=4)
        return file.getvalue(), "image/webp"
    picture.save(file, "PNG", optimize=True)
    return file.getvalue(), "image/png"


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
        _draw_stimulus(sheet, draw, (left, top), size, build_preview(path, size, _MAX_PIXELS), font)
        for row, text in enumerate(texts):
            colour = _FAINT_TEXT if row else _TEXT
            position = (left, top + size + 2 + row * line)
            draw.text(position, _truncate(draw, _to_line(text, font), size, font), fill=colour, font=font)
    return sheet


def _load_font(size: int) -> _Font:
    """Load a font with many scripts if one is installed, else the Latin font of Pillow."""
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def _to_line(text: str, font: _Font) -> str:
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
    font: _Font,
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


def _wrap(draw: ImageDraw.ImageDraw, text: str, width: int, font: _Font) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and draw.textlength(longer, font=font) <= width:
            lines[-1] = longer
        else:
            lines.append(_truncate(draw, word, width, font))
    return lines


def _truncate(draw: ImageDraw.ImageDraw, text: str, width: int, font: _Font) -> str:
    text = text[: width // 2]  # every character is at least two pixels wide
    if draw.textlength(text, font=font) <= width:
        return text
    while text and draw.textlength(f"{text}…", font=font) > width:
        text = text[:-1]
    return f"{text}…"
