"""Catalogs, stimulus sets and assemblies on disk, for tests of relations between entries."""

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


def add_rows(path: Path, *rows: Mapping[str, str]) -> str:
    """Append rows to a catalog, with defaults for most columns, and activate it."""
    defaults = {"class": "", "location_type": "S3", "sha1": "", "stimulus_set_identifier": ""}
    append_rows(path, [{**defaults, "location": f"s3://b/{number}", **row} for number, row in enumerate(rows)])
    return add_catalog(path)


def stimulus_set_rows(identifier: str, digit: str = "a", **columns: str) -> list[dict[str, str]]:
    row = {"identifier": identifier, "lookup_type": "stimulus_set", **columns}
    return [{**row, "class": "StimulusSet", "sha1": digit * 40}, {**row, "sha1": digit * 39 + "0"}]


def assembly_row(identifier: str, stimulus_set: str, digit: str = "b", **columns: str) -> dict[str, str]:
    row = {"identifier": identifier, "lookup_type": "assembly", "class": "NeuroidAssembly", "sha1": digit * 40}
    return {**row, "stimulus_set_identifier": stimulus_set, **columns}


def write_stimulus_set(folder: Path, files: Mapping[str, bytes], rows: Rows | None = None) -> Path:
    """Write a table and a ZIP archive of stimulus files; by default the ids are the file names. Return the table."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = rows or [{"stimulus_id": Path(name).stem, "filename": name} for name in files]
    with (folder / "set.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as members:
        for name, content in files.items():
            members.writestr(name, content)
    (folder / "set.zip").write_bytes(archive.getvalue())
    return folder / "set.csv"


def write_recording(path: Path, ids: Sequence[object], **coordinates: Sequence[object]) -> Path:
    """Write an assembly of one neuroid with presentations of these stimuli."""
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


class LocalCatalog:
    """An active catalog `lab` whose files are next to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "lab.csv"
        append_rows(self.path, [])
        add_catalog(self.path)

    def add_file(self, path: Path, identifier: str, class_name: str = "", **columns: str) -> None:
        row = {
            "identifier": identifier,
            "lookup_type": "assembly" if path.suffix == ".nc" else "stimulus_set",
            "class": class_name,
            "location_type": "file",
            "location": path.relative_to(self.folder).as_posix(),
            "sha1": sha1(path.read_bytes()),
            "stimulus_set_identifier": "",
        }
        append_rows(self.path, [row | columns])

    def add_stimulus_set(self, identifier: str, ids: Sequence[str], **columns: Sequence[object]) -> None:
        rows = [
            {"stimulus_id": id_, "filename": f"{id_}.txt", **{name: values[row] for name, values in columns.items()}}
            for row, id_ in enumerate(ids)
        ]
        table = write_stimulus_set(self.folder / identifier, {f"{id_}.txt": id_.encode() for id_ in ids}, rows)
        self.add_file(table, identifier, "StimulusSet")
        self.add_file(table.with_suffix(".zip"), identifier)

    def add_assembly(
        self, identifier: str, stimulus_set: str, ids: Sequence[object], **coordinates: Sequence[object]
    ) -> None:
        path = write_recording(self.folder / f"{identifier}.nc", ids, **coordinates)
        self.add_file(path, identifier, "NeuroidAssembly", stimulus_set_identifier=stimulus_set)
