"""Offline: what is in the cache works at once, what is not says so and lists what would be needed."""

from pathlib import Path

import pytest

import brainio
from brainio.errors import FetchManyError, OfflineError
from tests.lab import assembly_file
from tests.reliability.faulty_lab import CSV, NAME, ZIP, FaultyLab, cached_archive, load


@pytest.mark.parametrize("network", ["forbidden", "away"])
def test_what_is_in_the_cache_works_without_a_network_and_asks_for_nothing(
    faulty_lab: FaultyLab, monkeypatch: pytest.MonkeyPatch, network: str
) -> None:
    load()
    asked = len(faulty_lab.server.requests)
    if network == "forbidden":
        monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    else:
        faulty_lab.server.objects.clear()
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    load()
    assert [sorted(paths) for paths in brainio.fetch_many([NAME]).values()] == [["csv", "zip"]]
    assert len(faulty_lab.server.requests) == asked


def test_what_is_missing_offline_is_listed_with_its_locations_and_what_to_do(
    faulty_lab: FaultyLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faulty_lab.publish("assy_lab_Doe2026.nc", assembly_file(tmp_path), "NeuroidAssembly")
    load()
    cached_archive(faulty_lab.home).unlink()
    asked = len(faulty_lab.server.requests)
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
    assert len(faulty_lab.server.requests) == asked


def test_offline_many_entries_are_fetched_as_far_as_they_are_in_the_cache(
    s3_lab: FaultyLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    load()
    s3_lab.publish("stimulus_lab_Other.csv", b"stimulus_id,filename\n", "StimulusSet", identifier="lab.Other")
    s3_lab.publish("stimulus_lab_Other.zip", b"PK", identifier="lab.Other")
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    with pytest.raises(FetchManyError, match=r"(?s)lab\.Other.*BRAINIO_OFFLINE") as caught:
        brainio.fetch_many([NAME, "lab.Other"])
    fetched = caught.value.fetched
    assert isinstance(fetched, dict)
    assert {entry.identifier: sorted(paths) for entry, paths in fetched.items() if paths} == {NAME: ["csv", "zip"]}


def test_one_entry_that_cannot_be_fetched_leaves_the_others_fetched(s3_lab: FaultyLab) -> None:
    s3_lab.publish("stimulus_lab_Other.csv", b"stimulus_id,filename\n", "StimulusSet", identifier="lab.Other")
    s3_lab.publish("stimulus_lab_Other.zip", b"PK", identifier="lab.Other")
    del s3_lab.server.objects["lab-bucket", "stimulus_lab_Other.zip"]
    with pytest.raises(FetchManyError, match=r"1 could not be fetched(?s:.*)stimulus_lab_Other\.zip"):
        brainio.fetch_many([NAME, "lab.Other"])
    asked = len(s3_lab.server.requests)
    load()
    assert len(s3_lab.server.requests) == asked
