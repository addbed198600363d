"""Fetching many entries is planned first, limits its connections, and finishes all files that it can."""

import io
import threading
import zipfile
from pathlib import Path

import pytest

import brainio
from brainio.catalogs import resolve
from brainio.errors import FetchManyError, OfflineError
from brainio.fetch import fetch_many, get_stimulus_set, plan_fetch
from tests.lab import Lab, assembly_file, stimulus_files


@pytest.fixture
def large_lab(lab: Lab, tmp_path: Path) -> Lab:
    """A lab with one stimulus set and twelve assemblies."""
    lab.publish_stimuli()
    body = assembly_file(tmp_path)
    for number in range(12):
        # HDF5 ignores bytes after its end; here they make each file unique
        lab.publish(f"assy_{number}.nc", body + bytes([number]), "NeuroidAssembly", f"lab.Doe{number}")
    lab.server.requests.clear()
    return lab


def requested_keys(lab: Lab) -> list[str]:
    return [request.key for request in lab.server.requests if request.method == "GET"]


def test_a_plan_counts_files_and_bytes_without_fetching(large_lab: Lab) -> None:
    plan = plan_fetch(["lab.Doe0", "lab.Doe1"])
    table, archive = stimulus_files()
    bodies = [large_lab.server.objects["lab-bucket", f"assy_{number}.nc"] for number in (0, 1)]
    assert plan.size == sum(map(len, [table, archive, *bodies]))
    assert str(plan).startswith("4 of the 4 files of 3 entries to fetch (")
    assert requested_keys(large_lab) == []
    get_stimulus_set("lab.Doe2026")
    assert str(plan_fetch(["lab.Doe0"])).startswith("1 of the 3 files of 2 entries to fetch (")


def test_each_file_of_many_entries_is_fetched_once(large_lab: Lab) -> None:
    fetched = fetch_many([f"lab.Doe{number}" for number in range(12)])
    assert {entry.identifier for entry in fetched} == {"lab.Doe2026", *(f"lab.Doe{number}" for number in range(12))}
    assert sorted(requested_keys(large_lab)) == sorted({*requested_keys(large_lab)})
    assert len(requested_keys(large_lab)) == 14
    large_lab.server.requests.clear()
    brainio.get_assembly("lab.Doe7")
    assert large_lab.server.requests == []


def test_files_with_the_same_content_are_counted_and_fetched_once(large_lab: Lab) -> None:
    body = large_lab.server.objects["lab-bucket", "assy_0.nc"]
    large_lab.publish("assy_same.nc", body, "NeuroidAssembly", "lab.Same")
    for identifier in ("lab.Free", "lab.FreeToo"):
        large_lab.publish("assy_free.nc", b"free", "NeuroidAssembly", identifier, sha1="")
    plan = plan_fetch(["lab.Doe0", "lab.Same", "lab.Free", "lab.FreeToo"])
    assert plan.size == sum(map(len, [*stimulus_files(), body, b"free"]))
    assert str(plan).startswith("4 of the 4 files of 5 entries to fetch (")
    fetched = fetch_many(["lab.Doe0", "lab.Same"])
    assert [paths["nc"].read_bytes() == body for paths in fetched.values() if "nc" in paths] == [True, True]
    assert len([name for name in requested_keys(large_lab) if name in ("assy_0.nc", "assy_same.nc")]) == 1
    assert str(plan_fetch(["lab.Doe0", "lab.Same"])).startswith("0 of the 3 files of 3 entries to fetch (0 B), 3 in")


def test_a_whole_catalog_is_fetched_by_its_identifier(large_lab: Lab) -> None:
    assert len(brainio.prefetch(catalog="lab")) == 13
    assert str(plan_fetch(catalog="lab")).startswith("0 of the 14 files of 13 entries to fetch (0 B), 14 in the cache")


def test_connections_are_bounded(large_lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once, most, lock = 0, 0, threading.Lock()
    answer = type(large_lab.server).answer

    def counted(server: object, handler: object) -> None:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        try:
            threading.Event().wait(0.05)
            answer(server, handler)  # type: ignore[arg-type]
        finally:
            with lock:
                at_once -= 1

    monkeypatch.setattr(type(large_lab.server), "answer", counted)
    fetch_many(catalog="lab")
    assert 1 < most <= 8


def test_failures_do_not_stop_the_other_files(large_lab: Lab) -> None:
    del large_lab.server.objects["lab-bucket", "assy_3.nc"]
    large_lab.server.objects["lab-bucket", "assy_5.nc"] = b"wrong bytes"
    with pytest.raises(FetchManyError) as caught:
        fetch_many([f"lab.Doe{number}" for number in range(12)] + ["lab.Nobody"])
    message = str(caught.value)
    for failed in ("lab.Doe3", "lab.Doe5", "lab.Nobody"):
        assert failed in message
    assert message.startswith("3 could not be fetched")
    fetched = caught.value.fetched
    assert isinstance(fetched, dict)
    assert resolve("assembly", "lab.Doe4") in fetched
    large_lab.server.requests.clear()
    brainio.get_assembly("lab.Doe4")
    assert large_lab.server.requests == []


def test_offline_cached_entries_load_without_a_request(large_lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch_many(["lab.Doe0"])
    large_lab.server.requests.clear()
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    assert brainio.get_assembly("lab.Doe0").attrs["stimulus_set"].get_stimulus("1").name == "one.png"
    assert brainio.get_assembly("lab.Doe0", stream=True).sizes == {"presentation": 4, "neuroid": 2}
    with pytest.raises(OfflineError, match=r"(?s)1 of the files.*s3://lab-bucket/assy_1\.nc.*brainio get lab\.Doe1"):
        brainio.get_assembly("lab.Doe1")
    with pytest.raises(OfflineError, match="BRAINIO_OFFLINE"):
        brainio.get_assembly("lab.Doe1", stream=True)
    with pytest.raises(FetchManyError, match=r"assy_1\.nc"):
        fetch_many(["lab.Doe0", "lab.Doe1"])
    assert large_lab.server.requests == []


def test_offline_errors_list_every_missing_file(large_lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINIO_OFFLINE", "1")
    with pytest.raises(OfflineError) as caught:
        brainio.get_assembly("lab.Doe1")
    for needed in ("assy_1.nc", "stimulus_lab_Doe2026.csv", "stimulus_lab_Doe2026.zip"):
        assert needed in str(caught.value)


def test_a_lost_stimulus_file_is_restored_at_the_next_access(large_lab: Lab) -> None:
    stimulus_set = get_stimulus_set("lab.Doe2026")
    stimulus_set.get_stimulus("1").unlink()
    stimulus_set.stimulus_paths["2"].write_bytes(b"cut")
    assert stimulus_set.get_stimulus("1").read_text() == "picture one.png"
    assert stimulus_set.stimulus_paths["2"].read_text() == "picture two.png"


def test_an_archive_in_a_shared_cache_serves_without_a_request_or_a_write(
    large_lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    monkeypatch.setenv("BRAINIO_HOME", str(shared))
    brainio.get_assembly("lab.Doe0")
    before = sorted(shared.rglob("*"))
    large_lab.server.requests.clear()
    monkeypatch.setenv("BRAINIO_HOME", str(tmp_path / "own"))
    monkeypatch.setenv("BRAINIO_SHARED", str(shared))
    stimulus_set = brainio.get_assembly("lab.Doe0").attrs["stimulus_set"]
    assert shared in stimulus_set.get_stimulus("1").parents
    assert large_lab.server.requests == []
    assert sorted(shared.rglob("*")) == before
    archive = io.BytesIO((shared / "content").rglob("*.zip").__next__().read_bytes())
    assert zipfile.ZipFile(archive).namelist() == ["one.png", "two.png"]
