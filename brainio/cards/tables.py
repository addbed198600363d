"""What the columns and the files of a stimulus set are. Of images only the headers are read."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from brainio.cards.columns import MOST_LISTED, column_of, sound_text
from brainio.local_files import open_regular
from brainio.stimuli import FILENAME, STIMULUS_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from brainio.stimuli import StimulusSet

_READERS = 8  # threads: reading a header is waiting for a disk
_COMMON = 10  # sizes of images that are listed


class _Header(NamedTuple):
    width: int
    height: int
    mode: str


def describe_stimuli(stimulus_set: StimulusSet) -> dict[str, Any]:
    """Return the fields of a card that a stimulus set has."""
    described: dict[str, Any] = {"stimuli": len(stimulus_set), "columns": _columns(stimulus_set)}
    paths: Mapping[Any, Path] | None = getattr(stimulus_set, "stimulus_paths", None)
    if paths is None:
        return described
    with ThreadPoolExecutor(_READERS) as pool:
        sizes = dict(pool.map(_size, _of_rows(stimulus_set, paths)))
        present = {path: size for path, size in sizes.items() if size is not None}
        headers = list(pool.map(_header, filter(_is_image, present)))
    described["files"] = _files(present, missing=len(sizes) - len(present))
    return described | ({"images": _images(headers)} if headers else {})


def _columns(table: pd.DataFrame) -> list[dict[str, Any]]:
    columns = []
    described = [position for position, name in enumerate(table.columns) if name != FILENAME]  # `files` tells more
    for position in described[:MOST_LISTED]:
        series = table.iloc[:, position]
        is_numpy = not isinstance(series.dtype, pd.api.extensions.ExtensionDtype)
        values = series.to_numpy() if is_numpy else series.astype(object).to_numpy()
        column = column_of(values)
        columns.append({"name": sound_text(table.columns[position]), **column.describe(), **column.histogram()})
    return columns


def _of_rows(table: pd.DataFrame, paths: Mapping[Any, Path]) -> list[Path]:
    """Name each file of the table's stimuli once; a part of a set has the paths of all of it."""
    ids = table[STIMULUS_ID] if STIMULUS_ID in table.columns else paths
    named = (paths[one] for one in ids if isinstance(one, str | int | np.integer) and one in paths)
    return list(dict.fromkeys(map(Path, named)))


def _size(path: Path) -> tuple[Path, int | None]:
    try:
        return path, path.stat().st_size
    except (OSError, ValueError):  # a name with a null character is no path
        return path, None


def _kind(path: Path) -> str:
    return sound_text(path.suffix.lower().removeprefix(".")) or "none"


def _files(sizes: Mapping[Path, int], missing: int) -> dict[str, Any]:
    by_kind: dict[str, list[int]] = {}
    for path, size in sizes.items():
        by_kind.setdefault(_kind(path), []).append(size)
    kinds = [{"kind": kind, **_tally(of_kind)} for kind, of_kind in sorted(by_kind.items())]
    return {**_tally(sizes.values()), **({"missing": missing} if missing else {}), "kinds": kinds}


def _tally(sizes: Iterable[int]) -> dict[str, int]:
    known = list(sizes) or [0]
    return {"count": len(list(sizes)), "bytes": sum(known), "smallest": min(known), "largest": max(known)}


def _is_image(path: Path) -> bool:
    from PIL import Image

    return path.suffix.lower() in Image.registered_extensions()


def _header(path: Path) -> _Header | None:
    from brainio.views.images import open_image

    try:
        with open_regular(path) as file, open_image(file) as image:
            return _Header(*image.size, image.mode)
    except Exception:  # whatever a damaged header makes of Pillow: the image is counted as unreadable
        return None


def _images(headers: Iterable[_Header | None]) -> dict[str, Any]:
    read = [header for header in headers if header is not None]
    unreadable = len(list(headers)) - len(read)
    described: dict[str, Any] = {"count": len(read)} | ({"unreadable": unreadable} if unreadable else {})
    if not read:
        return described
    sizes = Counter((header.width, header.height) for header in read)
    common = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:_COMMON]
    modes = Counter(header.mode for header in read)
    return described | {
        "width": {"minimum": min(one.width for one in read), "maximum": max(one.width for one in read)},
        "height": {"minimum": min(one.height for one in read), "maximum": max(one.height for one in read)},
        "distinct_sizes": len(sizes),
        "sizes": [{"width": width, "height": height, "count": count} for (width, height), count in common],
        "modes": [{"mode": mode, "count": count} for mode, count in sorted(modes.items())],
    }
