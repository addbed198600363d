"""Building profiles in the background: which entries get one, failures and limits, and pages that wait for one."""

import asyncio
import hashlib
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from brainio.cache.files import partial_folder
from brainio.cards import build_profile, find_failure, record_failure
from brainio.catalogs import Entry, append_rows, resolve
from brainio.catalogs.entries import cells_of
from brainio.fetch.cache_access import local_cache
from brainio.local_files import Fingerprint
from brainio.locks import try_acquire
from brainio.service import profile_builder
from brainio.service.access import AccessControl
from brainio.service.change_log import ChangeLog
from brainio.service.database import Database
from brainio.service.profile_builder import MissingProfileFinder, ProfileBuilder
from brainio.service.settings import read_settings
from brainio.service.snapshots import CatalogWatcher
from tests.cards.profile_examples import picture, published
from tests.relations.local_catalog import add_rows, stimulus_set_rows, write_stimulus_set
from tests.service.service_process import CARNEY, ServiceProcess, make_lab

LONG = 240  # seconds: worker processes share the CPU with other tests
WITH_PROFILES = {"BRAINIO_SERVE_PROFILES": "true"}


def profiles(home: Path) -> list[Path]:
    folder = home / "profiles"
    return sorted(folder.glob("*.sqlite"))


def find_worker(service: ServiceProcess) -> int | None:
    """Return the process that builds profiles for a service; None while there is no such process."""
    command = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(service.process.pid)]
    children = subprocess.run(command, capture_output=True, text=True)
    lines = [line.split(None, 1) for line in children.stdout.splitlines()]
    return next((int(pid) for pid, command in lines if "-m brainio.worker_process profiles" in command), None)


def is_running(pid: int) -> bool:
    return subprocess.run(["ps", "-p", str(pid)], capture_output=True).returncode == 0


@pytest.fixture
def home(tmp_path: Path, demo_profiles: Path) -> Path:
    """A home with the profiles of the demo catalog; the service builds only those of the lab."""
    home = tmp_path / "home"
    shutil.copytree(demo_profiles, home / "profiles")
    return home


def test_profiles_of_entries_with_local_files_are_built_after_the_start(tmp_path: Path) -> None:
    lab, home = make_lab(tmp_path / "lab"), tmp_path / "home"
    with ServiceProcess(home, BRAINIO_CATALOGS=str(lab), **WITH_PROFILES) as service:
        # The demo catalog lists the same files; each profile is built once.
        service.wait_until(lambda: len(profiles(home)) == 4, LONG)
        assert service.get("/healthz/ready").status_code == 200
        service.wait_until(lambda: len(service.logged("profile built")) == 4, LONG)
        assert service.logged("no profile") == []
    assert not (home / "content").exists()


def test_new_entries_get_profiles_and_failures_are_logged_once(tmp_path: Path, home: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    entry = published(tmp_path / "other", {"a.png": picture(1)})
    rows = [cells_of(entry, file) for file in entry.files]
    with ServiceProcess(home, BRAINIO_CATALOGS=str(lab), **WITH_PROFILES) as service:
        (tmp_path / "lab" / entry.identifier).mkdir()
        (tmp_path / "lab" / entry.identifier / "set.csv").write_text("other bytes")
        (tmp_path / "lab" / entry.identifier / "set.zip").write_text("other bytes")
        append_rows(lab, rows)
        failures = service.wait_until(lambda: service.logged("no profile"), LONG)
        assert "IntegrityError" in failures[0]["error"]
        reason = "could not be created: the files on this server do not have the hashes in the catalog"
        page = f"/stimulus_set/lab/{entry.identifier}"
        service.wait_until(lambda: reason in service.get(page).text, LONG)
        for name in ("set.csv", "set.zip"):
            (tmp_path / "lab" / f"b{name}").write_bytes((tmp_path / "other" / entry.identifier / name).read_bytes())
        valid = [row | {"identifier": "lab.Good2026", "location": f"b{Path(row['location']).name}"} for row in rows]
        append_rows(lab, valid)
        service.wait_until(lambda: len(service.logged("profile built")) == 1, LONG)
        assert [failure["identifier"] for failure in service.logged("no profile")] == [entry.identifier]
    assert len(profiles(home)) == 5


def test_the_worker_process_ends_with_a_killed_service(tmp_path: Path) -> None:
    published(tmp_path / "lab", dict.fromkeys((f"{number}.png" for number in range(150)), picture(1, 1500)))
    with ServiceProcess(
        tmp_path / "home", BRAINIO_CATALOGS=str(tmp_path / "lab" / "lab.csv"), **WITH_PROFILES
    ) as service:
        pid = service.wait_until(lambda: find_worker(service), LONG)
        service.stop(signal.SIGKILL)
        service.wait_until(lambda: not is_running(pid), LONG)
    assert len(profiles(tmp_path / "home")) < 5


def test_a_killed_worker_process_is_replaced(tmp_path: Path) -> None:
    home = tmp_path / "home"
    published(tmp_path / "lab", {"a.png": picture(1)})
    with ServiceProcess(home, BRAINIO_CATALOGS=str(tmp_path / "lab" / "lab.csv"), **WITH_PROFILES) as service:
        os.kill(service.wait_until(lambda: find_worker(service), LONG), signal.SIGKILL)
        (failure,) = service.wait_until(lambda: service.logged("no profile"), LONG)
        assert "was killed (SIGKILL)" in failure["error"]
        service.wait_until(lambda: len(profiles(home)) >= 4, LONG)
        assert service.get("/healthz").status_code == 200


@pytest.mark.slow(reason="starts a service with two worker processes, which build profiles for several seconds")
def test_only_one_process_of_a_service_builds_profiles(tmp_path: Path) -> None:
    lab, home = make_lab(tmp_path / "lab"), tmp_path / "home"
    with ServiceProcess(home, "--workers", "3", BRAINIO_CATALOGS=str(lab), **WITH_PROFILES) as service:
        service.wait_until(lambda: len(service.logged("profile built")) == 4, LONG)
        assert service.stop() == 0
    assert len(service.logged("profile built")) == 4
    assert len(profiles(home)) == 4


def test_pages_announce_profiles_that_are_being_built(tmp_path: Path) -> None:
    lab, home = make_lab(tmp_path / "lab"), tmp_path / "home"
    home.mkdir()
    lock = try_acquire(partial_folder(home), profile_builder._LOCK_KEY)  # as another service on this machine does
    assert lock is not None
    with ServiceProcess(home, BRAINIO_CATALOGS=str(lab), **WITH_PROFILES) as service:
        for kind in ("stimulus_set", "assembly"):
            page = service.get(f"/{kind}/lab/{CARNEY}").text
            assert "Thumbnails and charts are being created: reload this page in a minute." in page
            assert "not on this server" not in page
        assert '<span class="note">being created</span>' in service.get(f"/assembly/lab/{CARNEY}").text
        for path in (f"/stimulus/lab/{CARNEY}?id=1", f"/api/v1/stimuli/lab/{CARNEY}"):
            answer = service.get(path)
            assert (answer.status_code, "being created" in answer.text) == (503, True)
            assert int(answer.headers["Retry-After"]) > 0
        thumbnail = service.get(f"/thumbnail/lab/{CARNEY}?number=0")
        assert (thumbnail.status_code, thumbnail.headers["Cache-Control"]) == (200, "no-store")
        assert "being created" in thumbnail.text
        lock.release()
        service.wait_until(lambda: "being created" not in service.get(f"/stimulus_set/lab/{CARNEY}").text, LONG)
        service.wait_until(lambda: service.get(f"/api/v1/stimuli/lab/{CARNEY}").status_code == 200, LONG)


def test_profiles_can_be_disabled(service: ServiceProcess) -> None:
    assert service.get(f"/api/v1/entries/lab/assembly/{CARNEY}").status_code == 200
    assert service.logged("profile built") == []
    assert "This server creates no thumbnails and charts." in service.get(f"/assembly/lab/{CARNEY}").text


def test_superseded_versions_get_profiles_too(tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "lab"
    for version in ("", "2", "3"):
        table = write_stimulus_set(folder / f"v{version}", {f"{version}.png": picture(1)})
        files = [(table, "StimulusSet"), (table.with_suffix(".zip"), "")]
        rows = [
            {"class": name, "location": f"v{version}/{file.name}", "sha1": hashlib.sha1(file.read_bytes()).hexdigest()}
            for file, name in files
        ]
        common = {"lookup_type": "stimulus_set", "identifier": "lab.V", "version": version, "location_type": "file"}
        append_rows(folder / "lab.csv", [{"stimulus_set_identifier": ""} | common | row for row in rows])
    with ServiceProcess(home, BRAINIO_CATALOGS=str(folder / "lab.csv"), **WITH_PROFILES) as service:
        service.wait_until(lambda: len(service.logged("profile built")) == 3, LONG)
        assert "<img" in service.get("/stimulus_set/lab/lab.V?version=2").text
        assert service.logged("no profile") == []
    assert len(profiles(home)) == 4 + 3


def make_builder(tmp_path: Path) -> ProfileBuilder:
    """Return a profile builder for the active catalogs."""
    settings = read_settings(None, database=f"sqlite:///{tmp_path / 'service.db'}")
    database = Database(settings.database)
    watcher = CatalogWatcher(settings, ChangeLog(database), AccessControl(settings, database))
    watcher.refresh()
    return ProfileBuilder(watcher, 0.1, settings.profile_limits)


@pytest.mark.parametrize(("limit", "setting"), [("seconds", "PROFILE_SECONDS"), ("memory_mb", "PROFILE_MEMORY_MB")])
def test_a_profile_over_a_limit_fails_and_is_not_retried_until_a_change(
    entry: Entry, tmp_path: Path, limit: str, setting: str
) -> None:
    builder = make_builder(tmp_path)
    limits = builder._limits
    low = {"seconds": limits._replace(seconds=0.01), "memory_mb": limits._replace(memory_mb=0.01)}
    builder._limits = low[limit]
    with capture_logs() as lines:
        asyncio.run(builder._build([entry]))
    assert [(line["event"], line["identifier"]) for line in lines] == [("no profile", entry.identifier)]
    assert f"set BRAINIO_SERVE_{setting} to more" in lines[0]["error"]
    failure = find_failure(entry)
    assert failure is not None
    assert failure.reason.startswith("they need more than the ")
    assert str(tmp_path) not in failure.reason
    assert not builder._may_retry(entry)
    restarted = make_builder(tmp_path)
    assert restarted._may_retry(entry)  # with its own limits
    restarted._limits = builder._limits
    assert not restarted._may_retry(entry)
    os.utime(tmp_path / entry.identifier / "set.csv", ns=(1, 1))
    assert restarted._may_retry(entry)
    assert find_failure(entry) is None


def test_a_successful_retry_removes_the_recorded_failure(
    entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINIO_CATALOGS", str(tmp_path / "lab.csv"))  # for the worker process
    record_failure(entry, "they need too much", "")
    asyncio.run(make_builder(tmp_path)._build([entry]))
    assert find_failure(entry) is None
    assert [path.suffix for path in local_cache().root.glob("profiles/*")] == [".sqlite"]


def test_files_are_checked_outside_the_event_loop(
    entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []

    def fingerprint_of(file: Any) -> Any:
        threads.append(threading.current_thread())
        return Fingerprint.of(file)

    monkeypatch.setattr(profile_builder, "Fingerprint", SimpleNamespace(of=fingerprint_of))
    builder = make_builder(tmp_path)
    monkeypatch.setattr(builder, "_build", lambda entries: asyncio.sleep(0))
    asyncio.run(builder._run_once())
    assert threads
    assert threading.main_thread() not in threads


# ------------------------------------------------------------------ MissingProfileFinder


def record_checks(entries: list[Entry], checked: list[str]) -> Iterator[Entry]:
    """Yield entries, and append the identifier of each to a list."""
    for entry in entries:
        checked.append(entry.identifier)
        yield entry


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    return published(tmp_path, {"a.png": picture(1)})


def test_entries_are_checked_again_only_after_a_change(entry: Entry, tmp_path: Path) -> None:
    finder, catalogs = MissingProfileFinder(lambda _: False), object()
    checked: list[str] = []

    def find(catalogs: object) -> list[Entry]:
        return finder.find(catalogs, record_checks([entry], checked))

    assert find(catalogs) == [entry]
    assert find(catalogs) == []
    assert len(checked) == 1
    assert find(object()) == [entry]
    build_profile(entry)
    assert find(object()) == []
    finder.reset()
    assert find(object()) == []
    assert len(checked) == 4


def test_an_entry_is_found_once_all_its_files_are_in_the_cache(tmp_path: Path) -> None:
    body = {"csv": b"stimulus_id,filename\n", "zip": b"PK"}
    rows = stimulus_set_rows("lab.Far", location="s3://lab-bucket/far")
    for row, content in zip(rows, body.values(), strict=True):
        row["sha1"] = hashlib.sha1(content).hexdigest()
    add_rows(tmp_path / "far.csv", *rows)
    remote = resolve("stimulus_set", "lab.Far", catalog="far")
    finder, catalogs = MissingProfileFinder(lambda _: False), object()
    assert finder.find(catalogs, [remote]) == []
    local_cache().add([body["csv"]], name="a.csv")
    assert finder.find(catalogs, [remote]) == []
    local_cache().add([body["zip"]], name="a.zip")
    assert finder.find(catalogs, [remote]) == [remote]


def test_the_search_for_missing_profiles_pauses_and_can_be_ended(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile_builder, "_WORK_SECONDS", 0.0)
    pauses: list[float] = []
    checked: list[str] = []

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) == 3

    MissingProfileFinder(pause).find(object(), record_checks([entry] * 10, checked))
    assert len(checked) == 3
    assert all(seconds > 0 for seconds in pauses)


def test_a_file_that_vanishes_from_the_cache_during_the_search_is_ignored(
    entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_cache().add([b"content"], name="a.csv")
    (local_cache().root / "gone").mkdir()
    scan = profile_builder._scan

    def scan_and_remove(folder: Path) -> list[os.DirEntry[str]]:
        entries = scan(folder)
        if (folder / "gone").is_dir():
            (folder / "gone").rmdir()
        return entries

    monkeypatch.setattr(profile_builder, "_scan", scan_and_remove)
    assert MissingProfileFinder(lambda _: False).find(object(), [entry]) == [entry]
    assert not (local_cache().root / "gone").exists()
