"""Thumbnails of the first stimuli of a set, made in several threads and written as they come."""

from __future__ import annotations

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from PIL import Image

from brainio.cards.profile_filters import stored_text
from brainio.cards.profile_rows import insert_rows
from brainio.cards.profile_schema import thumbnail
from brainio.progress import counted
from brainio.stimuli import STIMULUS_ID
from brainio.views.previews import preview_of
from brainio.views.thumbnails import Thumbnail, encoded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from sqlalchemy.engine import Connection

    from brainio.stimuli import StimulusSet

_MOST = 10_000  # stimuli
_SIZE = 256  # pixels of the longer side
_MOST_BYTES = 22_000  # of a picture as base64: 16 kB
_AT_ONCE = 256  # files that are under way or wait for it


def fill_thumbnails(connection: Connection, stimuli: StimulusSet, progress: Callable[[], None]) -> list[int]:
    """Write the thumbnails of the first 10,000 stimuli; return of each which one it is: a file has one only."""
    paths = [stimuli.stimulus_paths[one] for one in stimuli[STIMULUS_ID].tolist()[:_MOST]]
    ids = {path: number for number, path in enumerate(dict.fromkeys(paths))}
    insert_rows(connection, thumbnail, _rows(list(ids), progress))
    return [ids[path] for path in paths]


def _rows(paths: Sequence[Path], progress: Callable[[], None]) -> Iterator[tuple[object, ...]]:
    for number, made in enumerate(counted(_made(paths, progress), "thumbnails", len(paths))):
        yield number, *made._replace(note=stored_text(made.note))


def _made(paths: Sequence[Path], progress: Callable[[], None]) -> Iterator[Thumbnail]:
    Image.init()  # not by several threads at once
    pool = ThreadPoolExecutor(min(8, (os.cpu_count() or 1) + 1), "brainio-thumbnails")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow thinks of metadata and sizes
        try:
            for start in range(0, len(paths), _AT_ONCE):
                yield from pool.map(_thumbnail, paths[start : start + _AT_ONCE])
                progress()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _thumbnail(path: Path) -> Thumbnail:
    preview = preview_of(path, _SIZE)
    made = encoded(preview, _MOST_BYTES)
    if made.data or preview.picture is None:
        return made
    return encoded(preview_of(path, _SIZE // 2), _MOST_BYTES)  # of noise a large picture takes too much
