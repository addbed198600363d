"""Catalogs, lookups, and loading by identifier from cached files."""

from __future__ import annotations

import functools
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import brainio
from brainio import fetch, lookup
from brainio.catalogs import Catalog
from brainio.packaging import write_netcdf
from tests.differential.material import described, stimulus_files
from tests.differential.registry import scenario

COLUMNS = "identifier,lookup_type,class,location_type,location,sha1,stimulus_set_identifier"
FOLDER = tempfile.TemporaryDirectory()
MODULE = """
from brainio.catalogs import Catalog
from pathlib import Path
def catalog():
    return Catalog.from_files("differential", Path(__file__).with_name("differential.csv"))
"""


@functools.cache
def world() -> Path:
    """Create a folder with a catalog installed as an entry point, and with its files in the cache."""
    top = Path(FOLDER.name)
    files = {}
    for name in ("stimulus_lab_Set.csv", "stimulus_lab_Set.zip", "assy_lab_A.nc"):
        files[name] = top / "home" / name.rsplit(".", 1)[0] / name
        files[name].parent.mkdir(parents=True, exist_ok=True)
    csv_path, directory = stimulus_files(top)
    files["stimulus_lab_Set.csv"].write_bytes(csv_path.read_bytes())
    with zipfile.ZipFile(files["stimulus_lab_Set.zip"], "w") as archive:
        for path in sorted(directory.iterdir()):
            archive.write(path, path.name)
    write_netcdf(described(), files["assy_lab_A.nc"])
    kinds = {"csv": "stimulus_set,StimulusSet", "zip": "stimulus_set,", "nc": "assembly,NeuroidAssembly"}
    rows = [COLUMNS]
    for name, path in files.items():
        identifier, kind = ("lab.A", "lab.Set") if name.endswith("nc") else ("lab.Set", "")
        location = f"https://bucket.s3.amazonaws.com/{name}"
        rows.append(f"{identifier},{kinds[path.suffix[1:]]},S3,{location},{lookup.sha1_hash(path)},{kind}")
    install(top / "site", "\n".join(rows) + "\n")
    return top


def install(site: Path, table: str) -> None:
    """Create the files of an installed distribution that offers a catalog."""
    metadata = site / "differential_catalog-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: differential-catalog\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[brainio_lookups]\ndifferential = differential_catalog:catalog\n")
    (site / "differential_catalog.py").write_text(MODULE)
    (site / "differential.csv").write_text(table)


def within(function: Any) -> Any:
    """Call a function with the installed catalog and the cache with its files."""

    def run() -> Any:
        top = world()
        before = fetch._local_data_path
        sys.path.insert(0, str(top / "site"))
        fetch._local_data_path = str(top / "home")
        try:
            return function()
        finally:
            sys.path.remove(str(top / "site"))
            fetch._local_data_path = before

    return run


def read_catalog() -> Any:
    return Catalog.from_files("differential", world() / "site" / "differential.csv")


def row(entry: Any) -> Any:
    return {name: str(entry[name]) for name in COLUMNS.split(",") if name != "sha1"}


def own(identifiers: Any) -> Any:
    return [identifier for identifier in identifiers if identifier.startswith(("lab.", "differential"))]


scenario("a catalog is read", lambda: [row(entry) for _, entry in read_catalog().iterrows()])
scenario("a catalog has an identifier", lambda: read_catalog().identifier)
scenario("a catalog tells its source", lambda: Path(read_catalog().attrs["source_path"]).name)
scenario("a part of a catalog keeps its identifier", lambda: read_catalog()[:1].identifier)
scenario("catalogs are listed", within(lambda: own(brainio.list_catalogs())))
scenario("assemblies are listed", within(lambda: own(brainio.list_assemblies())))
scenario("stimulus sets are listed", within(lambda: own(brainio.list_stimulus_sets())))
scenario(
    "a catalog is loaded by its identifier",
    within(lambda: [row(e) for _, e in brainio.get_catalog("differential").iterrows()]),
)
scenario("an unknown catalog is an error", within(lambda: brainio.get_catalog("nowhere")))
scenario("an assembly is looked up", within(lambda: row(lookup.lookup_assembly("lab.A"))))
scenario("a stimulus set is looked up", within(lambda: [row(entry) for entry in lookup.lookup_stimulus_set("lab.Set")]))
scenario("an unknown assembly is an error", within(lambda: lookup.lookup_assembly("lab.Z")))
scenario("an assembly is not found as a stimulus set", within(lambda: lookup.lookup_stimulus_set("lab.A")))
scenario("an assembly is loaded by its identifier", within(lambda: brainio.get_assembly("lab.A")))
scenario("a stimulus set is loaded by its identifier", within(lambda: brainio.get_stimulus_set("lab.Set")))
scenario(
    "a stimulus is loaded by its identifier",
    within(lambda: Path(brainio.get_stimulus_set("lab.Set").get_stimulus("a")).read_bytes()),
)
scenario("an unknown identifier is an error", within(lambda: brainio.get_assembly("lab.Z")))
scenario("the identifier of a loaded assembly", within(lambda: brainio.get_assembly("lab.A").attrs["identifier"]))
scenario(
    "the stimulus set of a loaded assembly",
    within(lambda: brainio.get_assembly("lab.A").attrs["stimulus_set"].identifier),
)
scenario("a class is resolved by its name", lambda: fetch.resolve_assembly_class("NeuronRecordingAssembly"))
scenario("the class of a stimulus set is resolved", lambda: fetch.resolve_stimulus_set_class("StimulusSet"))
scenario(
    "the combined catalog names sources",
    within(lambda: sorted(set(lookup.combined_catalog().query("identifier == 'lab.A'")["source_catalog"]))),
)
scenario("the hash of a file", lambda folder: ((folder / "f").write_bytes(b"abc"), lookup.sha1_hash(folder / "f"))[1])
