"""Local entries for tests of profiles, and profiles in memory."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from brainio.cards.profile_files import (
    COLUMNS,
    STATISTICS,
    STIMULUS_COUNT,
    THUMBNAIL_COUNT,
    ProfileFile,
    insert_rows,
    metadata,
    properties_table,
)
from brainio.cards.profile_writer import write_stimuli
from brainio.cards.profiles import StimulusProfile
from brainio.catalogs import Entry, resolve
from brainio.stimuli import StimulusSet
from tests.relations.local_catalog import LocalCatalog, write_stimulus_set

NAME = "lab.Doe2026"
DEMO = "modelfest.Carney1999"


def demo(kind: str = "stimulus_set") -> Entry:
    """Return an entry of the catalog that brainio includes."""
    return resolve(kind, DEMO, catalog="brainio_demo")


def picture(number: int, size: int = 200) -> bytes:
    """Return a PNG file whose colours depend on the number."""
    file = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 255, (8, 8, 3)).astype(np.uint8)
    Image.fromarray(pixels).resize((size, size // 2)).save(file, "PNG")
    return file.getvalue()


def published(
    folder: Path,
    files: Mapping[str, bytes],
    rows: Sequence[Mapping[str, object]] | None = None,
    identifier: str = NAME,
) -> Entry:
    """Publish a stimulus set in the catalog `lab` of a folder, and return its entry."""
    catalog = LocalCatalog(folder)
    table = write_stimulus_set(folder / identifier, files, rows)
    catalog.add_file(table, identifier, "StimulusSet")
    catalog.add_file(table.with_suffix(".zip"), identifier)
    return resolve("stimulus_set", identifier, catalog="lab")


def profile_of(table: pd.DataFrame) -> StimulusProfile:
    """Return the profile of a table, in memory and without thumbnails."""
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    with engine.begin() as connection:
        metadata.create_all(connection)
        columns = write_stimuli(connection, StimulusSet(table), [])
        properties = {STATISTICS: {"columns": []}, COLUMNS: columns, STIMULUS_COUNT: len(table), THUMBNAIL_COUNT: 0}
        insert_rows(connection, properties_table, [(name, json.dumps(value)) for name, value in properties.items()])
    return StimulusProfile(demo(), ProfileFile(engine))


def table_bytes(rows: Sequence[Sequence[str]]) -> bytes:
    """Write rows as CSV."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
