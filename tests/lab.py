"""A small lab: a catalog whose stimulus set and assembly are on an S3 server."""

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np

from brainio.assemblies import NeuroidAssembly
from brainio.catalogs import append_rows
from brainio.packaging import write_netcdf
from tests.servers import S3Static


def sha1(body: bytes) -> str:
    return hashlib.sha1(body).hexdigest()


def stimulus_files(names: tuple[str, ...] = ("one.png", "two.png")) -> tuple[bytes, bytes]:
    """Return the bytes of a CSV and a ZIP file of two stimuli; the archive contains files with the given names."""
    table = "stimulus_id,filename,object_name\n1,one.png,car\n2,two.png,face\n"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name in names:
            file.writestr(name, f"picture {name}")
    return table.encode(), archive.getvalue()


def assembly_file(folder: Path) -> bytes:
    assembly = NeuroidAssembly(
        np.arange(8.0).reshape(4, 2),
        coords={
            "stimulus_id": ("presentation", ["1", "2", "1", "2"]),
            "repetition": ("presentation", [0, 0, 1, 1]),
            "neuroid_id": ("neuroid", ["a", "b"]),
            "region": ("neuroid", ["V4", "IT"]),
        },
        dims=["presentation", "neuroid"],
        attrs={"identifier": "lab.Doe2026", "stimulus_set_identifier": "lab.Doe2026"},
    )
    path = folder / "assembly.nc"
    write_netcdf(assembly, path)
    return path.read_bytes()


class Lab:
    """A catalog `lab`, and the S3 server with the files of its entries."""

    def __init__(self, folder: Path, server: S3Static) -> None:
        self.catalog = folder / "lab.csv"
        self.server = server

    def publish(self, name: str, body: bytes, cls: str = "", identifier: str = "lab.Doe2026", **columns: str) -> None:
        self.server.objects["lab-bucket", name] = body
        lookup_type = "assembly" if name.endswith(".nc") else "stimulus_set"
        row = {
            "identifier": identifier,
            "lookup_type": lookup_type,
            "class": cls,
            "location_type": "S3",
            "location": f"https://lab-bucket.s3.amazonaws.com/{name}",
            "sha1": sha1(body),
            "stimulus_set_identifier": "lab.Doe2026" if name.endswith(".nc") else "",
        }
        append_rows(self.catalog, [row | columns])

    def publish_stimuli(self, names: tuple[str, ...] = ("one.png", "two.png")) -> None:
        table, archive = stimulus_files(names)
        self.publish("stimulus_lab_Doe2026.csv", table, "StimulusSet")
        self.publish("stimulus_lab_Doe2026.zip", archive)
