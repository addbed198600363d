"""Statistics of a stimulus set: its columns and its files. Only the headers of images are read."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from brainio.cards.columns import MAX_COLUMNS, clean_text, factorize_column
from brainio.local_files import open_regular
from brainio.stimuli import FILENAME, STIMULUS_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from brainio.stimuli import StimulusSet

_READERS = 8  # threads: reading headers waits for the disk
_MAX_SIZES = 10  # distinct image sizes


class ImageHeader(NamedTuple):
    """The size of an image in pixels and its mode, as Pillow names it."""

    width: int
    height: int
    mode: str


def describe_stimulus_set(stimulus_set: StimulusSet) -> dict[str, Any]:
    """Return the fields of a card that describe a stimulus set."""
    described: dict[str, Any] = {"stimuli": len(stimulus_set), "columns": _describe_columns(stimulus_set)}
    paths: Mapping[Any, Path] | None = getattr(stimulus_set, "stimulus_paths", None)
    if paths is None:
        return described
    with ThreadPoolExecutor(_READERS) as pool:
        sizes = dict(pool.map(_read_size, _list_files(stimulus_set, paths)))
        present = {path: size for path, size in sizes.items() if size is not None}
        headers = list(pool.map(read_image_header, filter(_is_image, present)))
    described["files"] = _describe_files(present, missing=len(sizes) - len(present))
    return described | ({"images": _describe_images(headers)} if headers else {})


def _describe_columns(table: pd.DataFrame) -> list[dict[str, Any]]:
    columns = []
    positions = [position for position, name in enumerate(table.columns) if name != FILENAME]  # see `files` instead
    for position in positions[:MAX_COLUMNS]:
        series = table.iloc[:, position]
        is_numpy = not isinstance(series.dtype, pd.api.extensions.ExtensionDtype)
        column = factorize_column(series.to_numpy() if is_numpy else series.astype(object).to_numpy())
        columns.append({"name": clean_text(table.columns[position]), **column.describe(), **column.histogram()})
    return columns


def _list_files(table: pd.DataFrame, paths: Mapping[Any, Path]) -> list[Path]:
    """Return the distinct files of the rows; a subset of a stimulus set still has the paths of the whole set."""
    ids = table[STIMULUS_ID] if STIMULUS_ID in table.columns else paths
    of_rows = (paths[id_] for id_ in ids if isinstance(id_, str | int | np.integer) and id_ in paths)
    return list(dict.fromkeys(map(Path, of_rows)))


def _read_size(path: Path) -> tuple[Path, int | None]:
    try:
        return path, path.stat().st_size
    except (OSError, ValueError):  # ValueError: the name contains a null character
        return path, None


def _describe_files(sizes: Mapping[Path, int], missing: int) -> dict[str, Any]:
    by_kind: dict[str, list[int]] = {}
    for path, size in sizes.items():
        kind = clean_text(path.suffix.lower().removeprefix(".")) or "none"
        by_kind.setdefault(kind, []).append(size)
    kinds = [{"kind": kind, **_sum_sizes(kind_sizes)} for kind, kind_sizes in sorted(by_kind.items())]
    return {**_sum_sizes(list(sizes.values())), **({"missing": missing} if missing else {}), "kinds": kinds}


def _sum_sizes(sizes: list[int]) -> dict[str, int]:
    return {
        "count": len(sizes),
        "bytes": sum(sizes),
        "smallest": min(sizes, default=0),
        "largest": max(sizes, default=0),
    }


def _is_image(path: Path) -> bool:
    from PIL import Image

    return path.suffix.lower() in Image.registered_extensions()


def read_image_header(path: Path) -> ImageHeader | None:
    """Read the header of an image file; None if Pillow cannot read it."""
    from brainio.views.decoders import open_image

    try:
        with open_regular(path) as file, open_image(file) as image:
            return ImageHeader(*image.size, image.mode)
    except Exception:  # a damaged header can make Pillow raise any exception
        return None


def _describe_images(headers: list[ImageHeader | None]) -> dict[str, Any]:
    readable = [header for header in headers if header is not None]
    unreadable = len(headers) - len(readable)
    described: dict[str, Any] = {"count": len(readable)} | ({"unreadable": unreadable} if unreadable else {})
    if not readable:
        return described
    widths, heights = [header.width for header in readable], [header.height for header in readable]
    sizes = Counter(zip(widths, heights, strict=True))
    common = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:_MAX_SIZES]
    modes = Counter(header.mode for header in readable)
    return described | {
        "width": {"minimum": min(widths), "maximum": max(widths)},
        "height": {"minimum": min(heights), "maximum": max(heights)},
        "distinct_sizes": len(sizes),
        "sizes": [{"width": width, "height": height, "count": count} for (width, height), count in common],
        "modes": [{"mode": mode, "count": count} for mode, count in sorted(modes.items())],
    }
