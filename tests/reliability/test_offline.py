"""Offline: cached entries load at once, others raise an error that lists the missing files."""

from pathlib import Path

import pytest

import brainio
from brainio.errors import FetchManyError, OfflineError
from tests.lab import assembly_file
from tests.reliability.faulty_lab import CSV, NAME, ZIP, FaultyLab, cached_archive, load


@pytest.mark.parametrize("network", ["forbidden", "away"])
def test_a_cached_entry_loads_offline_without_a_request(
    faulty_lab: FaultyLab, monkeypatch: pytest.MonkeyPatch, network: str
) -> None:
    load()
    requests_before = len(faulty_lab.server.requests)
    if network == "forbidden":
        monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    else:
        faulty_lab.server.objects.clear()
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    load()
    assert [sorted(paths) for paths in brainio.fetch_many([NAME]).values()] == [["csv", "zip"]]
    assert len(faulty_lab.server.requests) == requests_before


def test_files_missing_offline_are_listed_with_their_locations_and_the_next_step(
    faulty_lab: FaultyLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty_lab.publish("assy_lab_Doe2026.nc", assembly_file(tmp_path), "NeuroidAssembly")
    load()
    cached_archive(faulty_lab.home).unlink()
    requests_before = len(faulty_lab.server.requests)
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    with pytest.raises(OfflineError) as caught:
        brainio.get_assembly(NAME)
    message = str(caught.value)
    assert "2 of the files" in message
    assert "BRAINIO_OFFLINE" in message
    assert f"brainio get {NAME}" in message
    assert "lab-bucket/assy_lab_Doe2026.nc" in message
    assert f"lab-bucket/{ZIP}" in message
    assert CSV not in message
    assert len(faulty_lab.server.requests) == requests_before


def test_fetch_many_returns_the_cached_entries_offline(s3_lab: FaultyLab, monkeypatch: pytest.MonkeyPatch) -> None:
    load()
    s3_lab.publish("stimulus_lab_Other.csv", b"stimulus_id,filename\n", "StimulusSet", identifier="lab.Other")
    s3_lab.publish("stimulus_lab_Other.zip", b"PK", identifier="lab.Other")
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    with pytest.raises(FetchManyError, match=r"(?s)lab\.Other.*BRAINIO_OFFLINE") as caught:
        brainio.fetch_many([NAME, "lab.Other"])
    fetched = caught.value.fetched
    assert isinstance(fetched, dict)
    assert {entry.identifier: sorted(paths) for entry, paths in fetched.items() if paths} == {NAME: ["csv", "zip"]}


def test_an_unavailable_entry_does_not_stop_fetching_the_others(s3_lab: FaultyLab) -> None:
    s3_lab.publish("stimulus_lab_Other.csv", b"stimulus_id,filename\n", "StimulusSet", identifier="lab.Other")
    s3_lab.publish("stimulus_lab_Other.zip", b"PK", identifier="lab.Other")
    del s3_lab.server.objects["lab-bucket", "stimulus_lab_Other.zip"]
    with pytest.raises(FetchManyError, match=r"1 could not be fetched(?s:.*)stimulus_lab_Other\.zip"):
        brainio.fetch_many([NAME, "lab.Other"])
    requests_before = len(s3_lab.server.requests)
    load()
    assert len(s3_lab.server.requests) == requests_before
