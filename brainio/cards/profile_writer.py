"""Write a stimulus set to a profile: its rows and thumbnails."""

from __future__ import annotations

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from brainio.cards.columns import Column, factorize_column
from brainio.cards.profile_files import (
    INTEGER_LIMIT,
    Kind,
    StimulusColumn,
    define_stimulus_table,
    insert_rows,
    thumbnail_table,
    to_stored_text,
)
from brainio.progress import show_progress
from brainio.stimuli import STIMULUS_ID
from brainio.text import shorten
from brainio.views.previews import build_preview, encode_thumbnail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from sqlalchemy.engine import Connection

    from brainio.stimuli import StimulusSet
    from brainio.views.thumbnails import Thumbnail

_MAX_COLUMNS = 1000  # SQLite supports at most 2000
_MAX_TEXT = 4000  # characters
_MAX_THUMBNAILS = 10_000  # stimuli
_THUMBNAIL_SIZE = 256  # pixels of the longer side
_MAX_BASE64 = 22_000  # characters: 16 kB of data
_BATCH_FILES = 256  # rendered, or waiting for it


def write_stimuli(connection: Connection, stimuli: StimulusSet, thumbnail_ids: Sequence[int]) -> list[StimulusColumn]:
    """Write the table of a stimulus set, numbers as numbers and all other values as text.

    Parameters
    ----------
    connection : sqlalchemy.engine.Connection
        Connection to the new profile.
    stimuli : StimulusSet
        The stimuli.
    thumbnail_ids : sequence of int
        The thumbnails of the first rows, from `write_thumbnails`.

    Returns
    -------
    list of StimulusColumn
        The columns of the table.
    """
    names = [str(name) for name in stimuli.columns]
    positions = sorted({*range(min(len(names), _MAX_COLUMNS)), names.index(STIMULUS_ID)})
    stored = (_to_stored_column(factorize_column(stimuli.iloc[:, position].to_numpy())) for position in positions)
    kinds, values = zip(*stored, strict=True)
    columns = [StimulusColumn(names[position], kind) for position, kind in zip(positions, kinds, strict=True)]
    table = define_stimulus_table(columns)
    table.metadata.create_all(connection, tables=[table])
    numbers = range(len(stimuli))
    ids = [*thumbnail_ids, *[None] * (len(stimuli) - len(thumbnail_ids))]
    insert_rows(connection, table, zip(numbers, ids, *values, strict=True))
    return columns


def _to_stored_column(column: Column) -> tuple[Kind, list[Any]]:
    """Return the kind of a column, and the stored value of each row."""
    distinct = [] if column.values is None else list(column.values)
    kind, values = _to_stored_numbers(column.kind, distinct) or ("text", [_to_cell_text(value) for value in distinct])
    with_missing = np.array([*values, None], dtype=object)
    return kind, with_missing[column.codes].tolist()


def _to_stored_numbers(kind: str, values: list[Any]) -> tuple[Kind, list[Any]] | None:
    """Return numbers as SQLite stores them; None if they are too large or not numbers."""
    if kind not in ("integer", "number"):
        return None
    if kind == "integer":
        integers = [int(value) for value in values]
        fit = all(-INTEGER_LIMIT <= value < INTEGER_LIMIT for value in integers)
        return ("integer", integers) if fit else None
    try:
        return "number", [float(value) for value in values]
    except OverflowError:
        return None


def _to_cell_text(value: Any) -> str:
    return shorten(to_stored_text(str(value)), _MAX_TEXT)


def write_thumbnails(connection: Connection, stimuli: StimulusSet, on_batch: Callable[[], None]) -> list[int]:
    """Render and write the thumbnails of the first 10,000 stimuli, in several threads.

    Returns
    -------
    list of int
        The id of the thumbnail of each of these stimuli; stimuli with the same file share it.
    """
    paths = [stimuli.stimulus_paths[id_] for id_ in stimuli[STIMULUS_ID].tolist()[:_MAX_THUMBNAILS]]
    ids = {path: number for number, path in enumerate(dict.fromkeys(paths))}
    insert_rows(connection, thumbnail_table, _thumbnail_rows(list(ids), on_batch))
    return [ids[path] for path in paths]


def _thumbnail_rows(paths: Sequence[Path], on_batch: Callable[[], None]) -> Iterator[tuple[object, ...]]:
    thumbnails = show_progress(_render_thumbnails(paths, on_batch), "thumbnails", len(paths))
    for number, thumbnail in enumerate(thumbnails):
        yield number, *thumbnail._replace(note=to_stored_text(thumbnail.note))


def _render_thumbnails(paths: Sequence[Path], on_batch: Callable[[], None]) -> Iterator[Thumbnail]:
    Image.init()  # is not thread-safe
    pool = ThreadPoolExecutor(min(8, (os.cpu_count() or 1) + 1), "brainio-thumbnails")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about metadata and sizes
        try:
            for start in range(0, len(paths), _BATCH_FILES):
                yield from pool.map(_render_thumbnail, paths[start : start + _BATCH_FILES])
                on_batch()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _render_thumbnail(path: Path) -> Thumbnail:
    preview = build_preview(path, _THUMBNAIL_SIZE)
    thumbnail = encode_thumbnail(preview, _MAX_BASE64)
    if thumbnail.data or preview.picture is None:
        return thumbnail
    return encode_thumbnail(build_preview(path, _THUMBNAIL_SIZE // 2), _MAX_BASE64)  # noise compresses badly
