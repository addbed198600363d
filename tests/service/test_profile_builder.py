"""Promises of the maker of profiles: what is served and lies here has its pictures soon, and no visitor waits."""

import asyncio
import hashlib
import json
import os
import shutil
import signal
import subprocess
import threading
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
from brainio.service import profile_builder as module_looking
from brainio.service import profile_builder as module_making
from brainio.service.access import AccessControl
from brainio.service.change_log import ChangeLog
from brainio.service.database import Database
from brainio.service.profile_builder import MissingProfileFinder, ProfileBuilder
from brainio.service.settings import read_settings
from brainio.service.snapshots import CatalogWatcher
from tests.cards.profile_examples import picture, published
from tests.relations.local_catalog import add_rows, stimulus_set_rows, write_stimulus_set
from tests.service.service_process import CARNEY, ServiceProcess, make_lab

LONG = 240  # seconds: makers wait for all others on a machine that is busy
ON = {"BRAINIO_SERVE_PROFILES": "true"}


def told(service: ServiceProcess, event: str) -> list[dict[str, Any]]:
    """Return the lines of log of that event."""
    lines = [json.loads(line) for line in service.lines if line.startswith("{")]
    return [one for one in lines if one["event"] == event]


def profiles(home: Path) -> list[Path]:
    folder = home / "profiles"
    return sorted(folder.glob("*.sqlite"))


def maker(service: ServiceProcess) -> int | None:
    """Return the process that makes profiles for a service; None where there is none now."""
    command = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(service.process.pid)]
    found = subprocess.run(command, capture_output=True, text=True)
    lines = [line.split(None, 1) for line in found.stdout.splitlines()]
    return next((int(pid) for pid, command in lines if "-m brainio.worker_process profiles" in command), None)


def is_running(pid: int) -> bool:
    return subprocess.run(["ps", "-p", str(pid)], capture_output=True).returncode == 0


@pytest.fixture
def home(tmp_path: Path, demo_profiles: Path) -> Path:
    """A home that has the profiles of the catalog that ships, so that none but those of the lab are made."""
    home = tmp_path / "home"
    shutil.copytree(demo_profiles, home / "profiles")
    return home


def test_profiles_of_what_lies_here_are_made_after_the_start(tmp_path: Path) -> None:
    lab, home = make_lab(tmp_path / "lab"), tmp_path / "home"
    with ServiceProcess(home, BRAINIO_CATALOGS=str(lab), **ON) as service:
        # The catalog that ships lists the same bytes: each profile is made once.
        service.eventually(lambda: len(profiles(home)) == 4, LONG)
        assert service.get("/healthz/ready").status_code == 200
        service.eventually(lambda: len(told(service, "profile built")) == 4, LONG)
        assert told(service, "no profile") == []
    assert not (home / "content").exists()


def test_what_is_published_later_gets_its_profile_and_what_is_bad_is_told_once(tmp_path: Path, home: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    entry = published(tmp_path / "other", {"a.png": picture(1)})
    rows = [cells_of(entry, file) for file in entry.files]
    with ServiceProcess(home, BRAINIO_CATALOGS=str(lab), **ON) as service:
        (tmp_path / "lab" / entry.identifier).mkdir()
        (tmp_path / "lab" / entry.identifier / "set.csv").write_text("other bytes")
        (tmp_path / "lab" / entry.identifier / "set.zip").write_text("other bytes")
        append_rows(lab, rows)
        found = service.eventually(lambda: told(service, "no profile"), LONG)
        assert "IntegrityError" in found[0]["error"]
        reason = "could not be created: the files on this server do not have the hashes in the catalog"
        page = f"/stimulus_set/lab/{entry.identifier}"
        service.eventually(lambda: reason in service.get(page).text, LONG)
        for name in ("set.csv", "set.zip"):
            (tmp_path / "lab" / f"b{name}").write_bytes((tmp_path / "other" / entry.identifier / name).read_bytes())
        good = [row | {"identifier": "lab.Good2026", "location": f"b{Path(row['location']).name}"} for row in rows]
        append_rows(lab, good)
        service.eventually(lambda: len(told(service, "profile built")) == 1, LONG)
        assert [one["identifier"] for one in told(service, "no profile")] == [entry.identifier]
    assert len(profiles(home)) == 5


def test_a_killed_service_leaves_no_maker_behind(tmp_path: Path) -> None:
    published(tmp_path / "lab", dict.fromkeys((f"{number}.png" for number in range(150)), picture(1, 1500)))
    with ServiceProcess(tmp_path / "home", BRAINIO_CATALOGS=str(tmp_path / "lab" / "lab.csv"), **ON) as service:
        pid = service.eventually(lambda: maker(service), LONG)
        service.stop(signal.SIGKILL)
        service.eventually(lambda: not is_running(pid), LONG)
    assert len(profiles(tmp_path / "home")) < 5


def test_a_maker_that_dies_is_replaced_and_the_service_goes_on(tmp_path: Path) -> None:
    home = tmp_path / "home"
    published(tmp_path / "lab", {"a.png": picture(1)})
    with ServiceProcess(home, BRAINIO_CATALOGS=str(tmp_path / "lab" / "lab.csv"), **ON) as service:
        os.kill(service.eventually(lambda: maker(service), LONG), signal.SIGKILL)
        (failed,) = service.eventually(lambda: told(service, "no profile"), LONG)
        assert "was killed (SIGKILL)" in failed["error"]
        service.eventually(lambda: len(profiles(home)) >= 4, LONG)
        assert service.get("/healthz").status_code == 200


def test_of_many_workers_one_makes(tmp_path: Path) -> None:
    lab, home = make_lab(tmp_path / "lab"), tmp_path / "home"
    with ServiceProcess(home, "--workers", "3", BRAINIO_CATALOGS=str(lab), **ON) as service:
        service.eventually(lambda: len(told(service, "profile built")) == 4, LONG)
        assert service.stop() == 0
    assert len(told(service, "profile built")) == 4
    assert len(profiles(home)) == 4


def test_a_waiting_profile_is_labelled_as_waiting_and_nothing_of_it_is_missing(tmp_path: Path) -> None:
    lab, home = make_lab(tmp_path / "lab"), tmp_path / "home"
    home.mkdir()
    turn = try_acquire(partial_folder(home), module_making._LOCK_KEY)  # as another service of this machine has it
    assert turn is not None
    with ServiceProcess(home, BRAINIO_CATALOGS=str(lab), **ON) as service:
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
        turn.release()
        service.eventually(lambda: "being created" not in service.get(f"/stimulus_set/lab/{CARNEY}").text, LONG)
        service.eventually(lambda: service.get(f"/api/v1/stimuli/lab/{CARNEY}").status_code == 200, LONG)


def test_without_the_setting_none_are_made(service: ServiceProcess) -> None:
    assert service.get(f"/api/v1/entries/lab/assembly/{CARNEY}").status_code == 200
    assert told(service, "profile built") == []
    assert "This server creates no thumbnails and charts." in service.get(f"/assembly/lab/{CARNEY}").text


def test_versions_that_were_replaced_get_their_profiles_as_well(tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "lab"
    for version in ("", "2", "3"):
        table = write_stimulus_set(folder / f"v{version}", {f"{version}.png": picture(1)})
        files = [(table, "StimulusSet"), (table.with_suffix(".zip"), "")]
        rows = [
            {"class": name, "location": f"v{version}/{file.name}", "sha1": hashlib.sha1(file.read_bytes()).hexdigest()}
            for file, name in files
        ]
        every = {"lookup_type": "stimulus_set", "identifier": "lab.V", "version": version, "location_type": "file"}
        append_rows(folder / "lab.csv", [{"stimulus_set_identifier": ""} | every | row for row in rows])
    with ServiceProcess(home, BRAINIO_CATALOGS=str(folder / "lab.csv"), **ON) as service:
        service.eventually(lambda: len(told(service, "profile built")) == 3, LONG)
        assert "<img" in service.get("/stimulus_set/lab/lab.V?version=2").text
        assert told(service, "no profile") == []
    assert len(profiles(home)) == 4 + 3


def making(tmp_path: Path, **said: object) -> ProfileBuilder:
    """Return a maker of what is in force, in this process."""
    settings = read_settings(None, database=f"sqlite:///{tmp_path / 'service.db'}", **said)
    database = Database(settings.database)
    holdings = CatalogWatcher(settings, ChangeLog(database), AccessControl(settings, database))
    holdings.refresh()
    return ProfileBuilder(holdings, 0.1, settings.profile_limits)


@pytest.mark.parametrize(("limit", "setting"), [("seconds", "PROFILE_SECONDS"), ("memory_mb", "PROFILE_MEMORY_MB")])
def test_a_profile_that_takes_too_much_is_given_up_told_and_not_retried_until_something_changes(
    entry: Entry, tmp_path: Path, limit: str, setting: str
) -> None:
    maker = making(tmp_path)
    usual = maker._limits
    tight = {"seconds": usual._replace(seconds=0.01), "memory_mb": usual._replace(memory_mb=0.01)}
    maker._limits = tight[limit]
    with capture_logs() as lines:
        asyncio.run(maker._build([entry]))
    assert [(one["event"], one["identifier"]) for one in lines] == [("no profile", entry.identifier)]
    assert f"set BRAINIO_SERVE_{setting} to more" in lines[0]["error"]
    failure = find_failure(entry)
    assert failure is not None
    assert failure.reason.startswith("they need more than the ")
    assert str(tmp_path) not in failure.reason
    assert not maker._may_retry(entry)
    restarted = making(tmp_path)
    assert restarted._may_retry(entry)  # with its own limits
    restarted._limits = maker._limits
    assert not restarted._may_retry(entry)
    os.utime(tmp_path / entry.identifier / "set.csv", ns=(1, 1))
    assert restarted._may_retry(entry)
    assert find_failure(entry) is None


def test_a_profile_that_is_made_after_all_leaves_no_failure(
    entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINIO_CATALOGS", str(tmp_path / "lab.csv"))  # for the worker process
    record_failure(entry, "they need too much", "")
    asyncio.run(making(tmp_path)._build([entry]))
    assert find_failure(entry) is None
    assert [path.suffix for path in local_cache().root.glob("profiles/*")] == [".sqlite"]


def test_files_of_entries_are_asked_for_by_threads_and_not_where_requests_wait(
    entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []

    def asking(file: Any) -> Any:
        threads.append(threading.current_thread())
        return Fingerprint.of(file)

    monkeypatch.setattr(module_making, "Fingerprint", SimpleNamespace(of=asking))
    maker = making(tmp_path)
    monkeypatch.setattr(maker, "_build", lambda entries: asyncio.sleep(0))
    asyncio.run(maker._run_once())
    assert threads
    assert threading.main_thread() not in threads


# ------------------------------------------------------------------ looking


def counting(entries: list[Entry], looked: list[str]) -> Any:
    for entry in entries:
        looked.append(entry.identifier)
        yield entry


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    return published(tmp_path, {"a.png": picture(1)})


def test_entries_are_looked_at_again_only_when_something_changed(entry: Entry, tmp_path: Path) -> None:
    looking, catalogs = MissingProfileFinder(lambda _: False), object()
    looked: list[str] = []

    def lacking(catalogs: object) -> list[Entry]:
        return looking.find(catalogs, counting([entry], looked))

    assert lacking(catalogs) == [entry]
    assert lacking(catalogs) == []
    assert len(looked) == 1
    assert lacking(object()) == [entry]
    build_profile(entry)
    assert lacking(object()) == []
    looking.reset()
    assert lacking(object()) == []
    assert len(looked) == 4


def test_what_comes_into_the_cache_is_found(tmp_path: Path) -> None:
    body = {"csv": b"stimulus_id,filename\n", "zip": b"PK"}
    rows = stimulus_set_rows("lab.Far", location="s3://lab-bucket/far")
    for row, content in zip(rows, body.values(), strict=True):
        row["sha1"] = hashlib.sha1(content).hexdigest()
    add_rows(tmp_path / "far.csv", *rows)
    far = resolve("stimulus_set", "lab.Far", catalog="far")
    looking, catalogs = MissingProfileFinder(lambda _: False), object()
    assert looking.find(catalogs, [far]) == []
    local_cache().add([body["csv"]], name="a.csv")
    assert looking.find(catalogs, [far]) == []
    local_cache().add([body["zip"]], name="a.zip")
    assert looking.find(catalogs, [far]) == [far]


def test_looking_pauses_and_ends_when_it_is_told_to(entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module_looking, "_WORK_SECONDS", 0.0)
    pauses: list[float] = []
    looked: list[str] = []

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        return len(pauses) == 3

    MissingProfileFinder(pause).find(object(), counting([entry] * 10, looked))
    assert len(looked) == 3
    assert all(seconds > 0 for seconds in pauses)


def test_a_file_that_goes_while_a_cache_is_looked_at_ends_nothing(
    entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_cache().add([b"content"], name="a.csv")
    (local_cache().root / "gone").mkdir()
    entries = module_looking._scan

    def going(folder: Path) -> list[os.DirEntry[str]]:
        found = entries(folder)
        if (folder / "gone").is_dir():
            (folder / "gone").rmdir()
        return found

    monkeypatch.setattr(module_looking, "_scan", going)
    assert MissingProfileFinder(lambda _: False).find(object(), [entry]) == [entry]
    assert not (local_cache().root / "gone").exists()
