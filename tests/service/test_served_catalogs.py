"""Served catalogs: other machines activate them and load their entries, also after the service stopped."""

import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest

import brainio
from brainio.catalogs import append_rows, registry, resolve
from brainio.errors import TransferError
from tests.lab import assembly_file, sha1, stimulus_files
from tests.servers import MotoS3
from tests.service.service_process import CARNEY, ROKEM, ServiceProcess, make_lab


def test_an_assembly_of_a_served_catalog_loads_also_after_the_service_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = make_lab(tmp_path / "lab")
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab)) as service:
        monkeypatch.setenv("BRAINIO_CATALOGS", f"{service.url}/catalogs/lab")
        assembly = brainio.get_assembly(CARNEY)
        assert assembly.attrs["stimulus_set"].identifier == CARNEY
        paths = {line["path"] for line in service.logged("request")}
        assert "/catalogs/lab/files/assy_modelfest_Carney1999.nc" in paths
        assert brainio.search(CARNEY, catalog="lab")[0].year == 1999
        entry = resolve("assembly", CARNEY)
        assert entry.base == f"{service.url}/catalogs/lab"
    source = registry.catalog_source("lab")
    source.backend.refresh()  # reads the catalog again, as a new process does
    with pytest.warns(UserWarning, match="the copy of"):
        reloaded = brainio.get_assembly(CARNEY)
    assert reloaded.identical(assembly)
    assert reloaded.attrs["stimulus_set"].equals(assembly.attrs["stimulus_set"])
    with pytest.raises(TransferError, match=ROKEM):
        brainio.get_assembly(ROKEM)


def test_a_new_process_loads_from_the_fallback_copy_after_the_service_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = make_lab(tmp_path / "lab")
    command = [sys.executable, "-m", "brainio", "get", CARNEY, "--json"]
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab)) as service:
        monkeypatch.setenv("BRAINIO_CATALOGS", f"{service.url}/catalogs/lab")
        first = subprocess.run(command, capture_output=True, text=True, check=True)
    second = subprocess.run(command, capture_output=True, text=True, check=True)
    assert second.stdout == first.stdout
    assert "the copy of" in second.stderr
    assert "the copy of" not in first.stderr


def test_the_served_csv_equals_the_catalog_if_all_its_locations_are_relative(
    service: ServiceProcess, lab_catalog: Path
) -> None:
    served = list(csv.DictReader(io.StringIO(service.get("/catalogs/lab").text)))
    assert served == list(csv.DictReader(lab_catalog.open(newline="")))
    assert service.get("/catalogs/lab/lab.csv").content == service.get("/catalogs/lab").content
    publications = lab_catalog.with_name("publications.csv").read_bytes()
    assert service.get("/catalogs/lab/publications.csv").content == publications


def test_the_accept_header_selects_csv_or_json(service: ServiceProcess) -> None:
    assert service.get("/catalogs/lab").headers["content-type"].startswith("text/csv")
    record = service.get("/catalogs/lab", Accept="application/json")
    assert record.json() == service.get("/api/v1/catalogs/lab").json()
    assert service.get("/catalogs/lab", Accept="image/png").status_code == 406


def test_files_outside_the_folder_and_in_private_buckets_load_through_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moto_s3: MotoS3
) -> None:
    table, archive = stimulus_files()
    moto_s3.create_bucket("lab-private")
    moto_s3.put("lab-private", "doe.zip", archive)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "doe.csv").write_bytes(table)
    recorded = assembly_file(tmp_path / "other")
    row = {"identifier": "lab.Doe2026", "lookup_type": "stimulus_set", "location_type": "", "class": ""}
    rows = [
        {**row, "class": "StimulusSet", "location": str(tmp_path / "other" / "doe.csv"), "sha1": sha1(table)},
        {**row, "location": "s3://lab-private/doe.zip", "location_type": "S3", "sha1": sha1(archive)},
        {
            **row,
            "lookup_type": "assembly",
            "class": "NeuroidAssembly",
            "location": (tmp_path / "other" / "assembly.nc").as_uri(),
            "sha1": sha1(recorded),
            "mirrors": "/srv/elsewhere.nc",
        },
    ]
    catalog = tmp_path / "dotted.lab.csv"
    append_rows(catalog, [row | {"stimulus_set_identifier": "lab.Doe2026"} for row in rows])
    environment = moto_s3.environment | {"BRAINIO_SERVE_SIGNED_BUCKETS": "lab-private"}
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(catalog), **environment) as service:
        record = service.get("/api/v1/catalogs/dotted.lab").json()
        text = service.get(record["csv"]).text
        for name in environment:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("BRAINIO_CATALOGS", service.url + record["csv"])
        loaded = brainio.get_assembly("lab.Doe2026")
    assert loaded.shape == (4, 2)
    assert len(list(loaded.attrs["stimulus_set"].stimulus_paths.values())) == 2
    assert "other" not in text
    assert "lab-private" not in text
    assert "/srv" not in text


def test_invalid_rows_are_not_served(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    before = lab.read_text()
    lab.write_text(before + "secret,movie,,S3,s3://me/secret,,,,,,,,\nbroken,row\n")
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab)) as service:
        assert "secret" not in service.get("/catalogs/lab").text
        assert len(service.get("/catalogs/lab").text.splitlines()) == len(before.splitlines())
        assert service.get("/api/v1/catalogs/lab").json()["assemblies"] == 2
