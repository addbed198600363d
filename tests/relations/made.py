"""Catalogs, stimulus sets and assemblies on the disk, for tests of what belongs together."""

import csv
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from brainio.assemblies import NeuroidAssembly
from brainio.catalogs import add_catalog, append_rows
from brainio.packaging import write_netcdf
from tests.lab import sha1

Rows = Sequence[Mapping[str, object]]


def listed(path: Path, *rows: Mapping[str, str]) -> str:
    """Write a catalog of rows, of which most columns have a default, and put it in force."""
    full = {"class": "", "location_type": "S3", "sha1": "", "stimulus_set_identifier": ""}
    append_rows(path, [{**full, "location": f"s3://b/{number}", **row} for number, row in enumerate(rows)])
    return add_catalog(path)


def set_rows(identifier: str, digit: str = "a", **columns: str) -> list[dict[str, str]]:
    row = {"identifier": identifier, "lookup_type": "stimulus_set", **columns}
    return [{**row, "class": "StimulusSet", "sha1": digit * 40}, {**row, "sha1": digit * 39 + "0"}]


def assembly_row(identifier: str, of: str, digit: str = "b", **columns: str) -> dict[str, str]:
    row = {"identifier": identifier, "lookup_type": "assembly", "class": "NeuroidAssembly", "sha1": digit * 40}
    return {**row, "stimulus_set_identifier": of, **columns}


def packed_set(folder: Path, files: Mapping[str, bytes], rows: Rows | None = None) -> Path:
    """Write a table and a ZIP archive of files, which are stimuli named as they are; return the table."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = rows or [{"stimulus_id": Path(name).stem, "filename": name} for name in files]
    with (folder / "set.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    (folder / "set.zip").write_bytes(archive.getvalue())
    return folder / "set.csv"


def recording(path: Path, ids: Sequence[object], **coordinates: Sequence[object]) -> Path:
    """Write an assembly of one neuroid with these presentations."""
    assembly = NeuroidAssembly(
        np.zeros((len(ids), 1), np.float32),
        coords={
            "stimulus_id": ("presentation", list(ids)),
            "neuroid_id": ("neuroid", ["n"]),
            **{name: ("presentation", list(values)) for name, values in coordinates.items()},
        },
        dims=["presentation", "neuroid"],
    )
    write_netcdf(assembly, path)
    return path


class Shelf:
    """A catalog `lab` whose files lie beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.catalog = folder / "lab.csv"
        append_rows(self.catalog, [])
        add_catalog(self.catalog)

    def put(self, path: Path, identifier: str, cls: str = "", **columns: str) -> None:
        row = {
            "identifier": identifier,
            "lookup_type": "assembly" if path.suffix == ".nc" else "stimulus_set",
            "class": cls,
            "location_type": "file",
            "location": path.relative_to(self.folder).as_posix(),
            "sha1": sha1(path.read_bytes()),
            "stimulus_set_identifier": "",
        }
        append_rows(self.catalog, [row | columns])

    def put_set(self, identifier: str, ids: Sequence[str], **columns: Sequence[object]) -> None:
        rows = [
            {"stimulus_id": one, "filename": f"{one}.txt", **{name: values[place] for name, values in columns.items()}}
            for place, one in enumerate(ids)
        ]
        table = packed_set(self.folder / identifier, {f"{one}.txt": one.encode() for one in ids}, rows)
        self.put(table, identifier, "StimulusSet")
        self.put(table.with_suffix(".zip"), identifier)

    def put_assembly(self, identifier: str, of: str, ids: Sequence[object], **coordinates: Sequence[object]) -> None:
        path = recording(self.folder / f"{identifier}.nc", ids, **coordinates)
        self.put(path, identifier, "NeuroidAssembly", stimulus_set_identifier=of)
