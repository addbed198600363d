"""The command `brainio cache`, with a cache that was filled from an S3 server."""

import json
import os
import re
import shutil
import time
from contextlib import suppress
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainio.cache.inventory import list_items
from brainio.cache.verification import verify
from brainio.cli.options import DURATION, SIZE
from brainio.errors import CatalogWarning
from brainio.fetch import fetch_many, unzip
from brainio.processes import temporary_folder
from tests.cache.helpers import rot_member
from tests.cli.command import brainio
from tests.lab import Lab, assembly_file, sha1, stimulus_files
from tests.reliability.processes import join, start
from tests.servers import HttpFolder

DAY = 24 * 3600.0


@pytest.fixture
def home(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache with the stimulus set and the assembly of a lab, whose catalog is active."""
    lab.publish_stimuli()
    lab.publish("assy_lab_Doe2026.nc", assembly_file(tmp_path), "NeuroidAssembly")
    monkeypatch.setenv("BRAINIO_CATALOGS", str(lab.catalog))
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # `prune` reports folders that other tests left in the usual one
    fill("lab.Doe2026")
    return Path(os.environ["BRAINIO_HOME"])


def fill(identifier: str, kind: str | None = None, version: str | None = None) -> None:
    for paths in fetch_many([identifier], kind=kind, version=version).values():
        if "zip" in paths:
            unzip(paths["zip"])


def file_of(home: Path, name: str) -> Path:
    (path,) = (home / "content").rglob(name)
    return path


def used_long_ago(home: Path, name: str, seconds: float) -> None:
    """Set back the time of last use of a file and its unpacked members."""
    folder = file_of(home, name).parent
    then = time.time() - seconds
    for path in (folder / ".verified.json", home / "unpacked" / folder.name[:2] / f"{folder.name}.json"):
        if path.exists():
            os.utime(path, (then, then))


def left(home: Path) -> list[str]:
    """Return the sorted kinds of all items in the cache, with the suffixes of files."""
    items = [item for item in list_items(home) if item.kind != "ref"]
    return sorted(" ".join([item.kind, *(Path(name).suffix for name in item.names)]) for item in items)


def test_where_names_the_folders_their_sizes_and_the_free_space(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, missing = tmp_path / "lab cache", tmp_path / "missing"
    monkeypatch.setenv("BRAINIO_HOME", str(shared))
    fill("lab.Doe2026", kind="stimulus_set")
    monkeypatch.setenv("BRAINIO_HOME", str(home))
    done = brainio("cache", "where", "--json", BRAINIO_SHARED=f"{shared}{os.pathsep}{missing}")
    places = json.loads(done.stdout)
    assert [(place["use"], place["folder"], place["exists"]) for place in places] == [
        ("written", str(home), True),
        ("shared", str(shared), True),
        ("shared", str(missing), False),
    ]
    members = len("picture one.png") + len("picture two.png")
    assert places[1]["size"] == sum(map(len, stimulus_files())) + members
    assert places[0]["size"] == places[1]["size"] + file_of(home, "*.nc").stat().st_size
    assert all(place["free"] > 0 for place in places)
    lines = brainio("cache", "where", BRAINIO_SHARED=str(missing)).stdout.splitlines()
    assert lines[0].split() == ["use", "folder", "size", "free"]
    assert "no such folder" in lines[3]


def test_an_unused_cache_is_empty_and_undamaged(tmp_path: Path) -> None:
    for command in ("ls", "verify", "prune"):
        done = brainio("cache", command)
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr.startswith("0 items")
    assert json.loads(brainio("cache", "where", "--json").stdout)[0]["exists"] is False
    assert not (tmp_path / "home").exists()


def test_ls_lists_files_with_their_entries_the_most_recently_used_first(home: Path) -> None:
    used_long_ago(home, "*.csv", 3 * DAY)
    used_long_ago(home, "*.nc", 5 * DAY)
    done = brainio("cache", "ls")
    header, _, *lines = done.stdout.splitlines()
    assert re.split(r"\s{2,}", header) == ["entry", "kind", "size", "last use", "sha1"]
    named = [re.split(r"\s{2,}", line)[:2] for line in lines]
    assert named[-2:] == [["lab.Doe2026 (csv)", "content"], ["lab.Doe2026 (nc)", "content"]]
    assert {tuple(pair) for pair in named[:2]} == {("lab.Doe2026 (zip)", "content"), ("lab.Doe2026 (zip)", "unpacked")}
    assert lines[-1].split()[-1] == sha1(file_of(home, "*.nc").read_bytes())[:10]
    assert re.fullmatch(r"4 items, \d+\.\d kB: (content|unpacked) .*\n", done.stderr)


def test_ls_prints_json_for_programs(home: Path) -> None:
    records = json.loads(brainio("cache", "ls", "--json").stdout)
    (record,) = (record for record in records if record["names"] == ["assy_lab_Doe2026.nc"])
    path = file_of(home, "*.nc")
    assert record["entries"] == [
        {"identifier": "lab.Doe2026", "kind": "assembly", "catalog": "lab", "part": "nc"},
    ]
    assert (record["size"], record["sha1"]) == (path.stat().st_size, path.parent.name)
    assert Path(record["path"]) == path.parent
    assert time.strptime(record["last_use"], "%Y-%m-%dT%H:%M:%SZ") <= time.gmtime()


def test_ls_shows_file_names_if_no_active_catalog_lists_the_file(home: Path) -> None:
    shown = brainio("cache", "ls", BRAINIO_CATALOGS="").stdout
    assert "assy_lab_Doe2026.nc  " in shown
    assert shown.count("stimulus_lab_Doe2026.zip  ") == 2  # the archive and its unpacked members


def test_a_file_of_an_earlier_version_is_listed_with_its_version(lab: Lab, home: Path, tmp_path: Path) -> None:
    body = assembly_file(tmp_path) + b"2"
    lab.publish("assy_v2.nc", body, "NeuroidAssembly", "lab.Old", version="2", status="superseded")
    lab.publish("assy_v3.nc", body + b"3", "NeuroidAssembly", "lab.Old", version="3", status="current")
    fill("lab.Old", version="2")
    assert "lab.Old version 2 (nc)  " in brainio("cache", "ls").stdout


def test_verify_finds_no_damage_in_fetched_files(home: Path) -> None:
    done = brainio("cache", "verify", "--deep")
    assert (done.returncode, done.stdout) == (0, "")
    assert re.fullmatch(r"4 items checked, \d+\.\d kB: all sound\n", done.stderr)


def test_verify_lists_notes_and_what_it_did_not_check(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINIO_SHARED", str(tmp_path))
    (home / "mine").mkdir()
    (home / "content" / "notes.txt").touch()
    done = brainio("cache", "verify", "--quick")
    assert (done.returncode, done.stdout) == (0, "")
    assert "not read: 5 files" in done.stderr
    assert f"note: {home / 'content' / 'notes.txt'}" in done.stderr
    assert f"not checked: 'mine' in {home}" in done.stderr
    assert f"not checked: {tmp_path}: a shared cache" in done.stderr
    report = json.loads(brainio("cache", "verify", "--json").stdout)
    assert (report["checked"], report["unread"], report["faults"]) == (4, 2, [])
    assert [note["path"] for note in report["notes"]] == [str(home / "content" / "notes.txt")]
    assert len(report["not_checked"]) == 2
    assert brainio("cache", "verify", "--quick", "--deep").returncode == 2


def test_verify_reports_damaged_files_and_the_next_fetch_replaces_them(home: Path) -> None:
    path = file_of(home, "*.nc")
    good = path.read_bytes()
    path.write_bytes(good[:-1] + b"?")
    done = brainio("cache", "verify")
    assert done.returncode == 6
    header, _, line = done.stdout.splitlines()
    assert header.split() == ["entry", "kind", "fault"]
    assert line.startswith("lab.Doe2026 (nc)  content  assy_lab_Doe2026.nc no longer has that sha1")
    assert "1 not sound" in done.stderr
    assert f"it was moved to {home / 'quarantine'}" in done.stderr
    assert any(path_.startswith("quarantine") for path_ in left(home))
    assert brainio("get", "lab.Doe2026").returncode == 0
    assert path.read_bytes() == good
    assert brainio("cache", "verify").returncode == 0


def test_only_a_deep_verify_reads_unpacked_members(home: Path) -> None:
    member = next((home / "unpacked").rglob("one.png"))
    rot_member(member.parent, "one.png", b"X" * member.stat().st_size)
    assert brainio("cache", "verify").returncode == 0
    done = brainio("cache", "verify", "--deep", "--json")
    assert done.returncode == 6
    (fault,) = json.loads(done.stdout)["faults"]
    assert (fault["kind"], fault["entries"][0]["identifier"]) == ("unpacked", "lab.Doe2026")
    assert "one.png" in fault["fault"]
    assert member.read_text() == "picture one.png"


def test_rm_removes_the_files_of_an_identifier_and_lists_them(home: Path) -> None:
    size = file_of(home, "*.nc").stat().st_size
    done = brainio("cache", "rm", "lab.Doe2026", "--kind", "assembly", "--json")
    assert done.returncode == 0
    removed = json.loads(done.stdout)
    assert [item["names"] for item in removed["items"]] == [["assy_lab_Doe2026.nc"]]
    assert size <= removed["freed"] < size + 1000
    assert removed["dry_run"] is False
    assert left(home) == ["content .csv", "content .zip", "unpacked"]
    done = brainio("cache", "rm", "lab.Doe2026")
    assert len(done.stdout.splitlines()) == 2 + 3
    assert done.stderr.startswith("3 items removed, ")
    assert left(home) == []


def test_rm_accepts_the_first_digits_of_a_cached_sha1(home: Path) -> None:
    digest = file_of(home, "*.nc").parent.name
    assert brainio("cache", "rm", digest[:7].upper()).returncode == 0
    assert "content .nc" not in left(home)
    done = brainio("cache", "rm", digest)
    assert (done.returncode, done.stdout) == (3, "")
    assert f"no sha1 in {home} begins with {digest}" in done.stderr


def test_rm_of_an_ambiguous_sha1_prefix_removes_nothing(home: Path) -> None:
    for number in (1, 2):
        folder = home / "content" / "ab" / f"{'ab' * 19}0{number}"
        folder.mkdir(parents=True)
        (folder / "a.txt").write_text("any content")
    done = brainio("cache", "rm", "abababab")
    assert done.returncode == 3
    assert "is the start of 2 sha1s" in done.stderr
    assert len(list((home / "content" / "ab").iterdir())) == 2


def test_rm_finds_a_file_without_a_listed_hash(lab: Lab, home: Path) -> None:
    lab.publish("assy_open.nc", b"CDF\x01anything", "NeuroidAssembly", "lab.Open", sha1="", stimulus_set_identifier="")
    with pytest.warns(CatalogWarning, match="gives no hash"):
        fill("lab.Open")
    assert file_of(home, "assy_open.nc").read_bytes() == b"CDF\x01anything"
    assert brainio("cache", "rm", "lab.Open").stderr.startswith("1 item removed, ")
    assert not list((home / "content").rglob("assy_open.nc"))


def test_rm_reports_an_identifier_without_files(home: Path) -> None:
    done = brainio("cache", "rm", "modelfest.Carney1999", BRAINIO_CATALOGS="")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"{home} has no files of modelfest.Carney1999\n0 items removed, 0 B freed\n"
    done = brainio("cache", "rm", "lab.Nobody")
    assert done.returncode == 3
    assert "no assembly 'lab.Nobody'" in done.stderr


@pytest.mark.parametrize("arguments", [["rm", "lab.Doe2026"], ["prune", "--max-size", "0"]])
def test_a_dry_run_prints_the_same_and_removes_nothing(home: Path, arguments: list[str]) -> None:
    before = sorted(home.rglob("*"))
    would = brainio("cache", *arguments, "--dry-run")
    assert would.stderr.startswith("4 items would be removed, ")
    assert sorted(home.rglob("*")) == before
    did = brainio("cache", *arguments)
    assert did.stdout == would.stdout
    assert re.fullmatch(r"4 items would be removed, .* would be freed\n", would.stderr)
    assert did.stderr == would.stderr.replace("would be ", "")
    assert left(home) == []


def test_the_copies_of_catalogs_are_neither_listed_nor_removed(
    home: Path, lab: Lab, http_folder: HttpFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(lab.catalog, http_folder.folder / "web.csv")
    monkeypatch.setenv("BRAINIO_CATALOGS", f"{http_folder.url}/web.csv")
    before = brainio("cache", "ls")
    (copy,) = (home / "catalogs").iterdir()
    assert before.stderr.startswith("4 items, ")
    assert brainio("cache", "verify", "--deep").returncode == 0
    assert brainio("cache", "prune", "--max-size", "0").stderr.startswith("4 items removed")
    assert copy.read_bytes() == lab.catalog.read_bytes()


def test_prune_removes_files_not_used_for_the_given_time(home: Path) -> None:
    used_long_ago(home, "*.nc", 40 * DAY)
    done = brainio("cache", "prune", "--older-than", "30d", "--json")
    assert [item["names"] for item in json.loads(done.stdout)["items"]] == [["assy_lab_Doe2026.nc"]]
    assert left(home) == ["content .csv", "content .zip", "unpacked"]


def test_prune_removes_the_least_recently_used_until_the_rest_is_small_enough(home: Path) -> None:
    used_long_ago(home, "*.csv", 2 * DAY)
    used_long_ago(home, "*.nc", DAY)
    rest = sum(map(len, stimulus_files())) - len(stimulus_files()[0]) + 30
    assert brainio("cache", "prune", "--max-size", f"{rest} B").returncode == 0
    assert left(home) == ["content .zip", "unpacked"]


def test_prune_without_a_limit_removes_only_leftovers(home: Path) -> None:
    file_of(home, "*.nc").write_bytes(b"bad")
    assert [checked.item.names for checked in verify(home) if checked.fault] == [("assy_lab_Doe2026.nc",)]
    assert brainio("cache", "prune").stderr == "0 items removed, 0 B freed\n"
    (bad,) = (home / "quarantine").iterdir()
    assert bad.read_bytes() == b"bad"
    assert len(left(home)) == 4


def leave_temporary_folder(place: Path) -> None:
    with temporary_folder(place) as folder:
        (folder / "unfinished.zip").write_bytes(b"PK")
        os._exit(0)


def test_prune_removes_temporary_folders_of_killed_processes_and_no_others(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    assert join([start(leave_temporary_folder, place)]) == [0]
    (dead,) = place.glob(".brainio.*")
    with temporary_folder(place) as own:
        assert not dead.exists()  # the next process that creates one removes it too
        assert join([start(leave_temporary_folder, place)]) == [0]
        (dead,) = set(place.glob(".brainio.*")) - {own}
        assert brainio("cache", "prune", "--dry-run").stderr == "0 items would be removed, 0 B would be freed\n"
        assert f"removed {dead} of a killed process\n" in brainio("cache", "prune").stderr
        assert list(place.glob(".brainio.*")) == [own]
    assert len(left(home)) == 4


@pytest.mark.parametrize(
    ("option", "value", "accepted"),
    [
        ("--older-than", "30", "12h, 30d or 2w"),
        ("--older-than", "3 m", "min, h, d, w or y"),
        ("--older-than", "-1d", "12h, 30d or 2w"),
        ("--max-size", "10 gigs", "kB, MB, GB, TB"),
        ("--max-size", "nan", "500MB or 1.5TiB"),
        ("--max-size", "-5GB", "500MB or 1.5TiB"),
    ],
)
def test_a_malformed_amount_is_wrong_usage_and_names_the_accepted_forms(option: str, value: str, accepted: str) -> None:
    done = brainio("cache", "prune", f"{option}={value}")
    assert (done.returncode, done.stdout) == (2, "")
    assert repr(value) in done.stderr
    assert accepted in done.stderr


@pytest.mark.parametrize(
    ("kind", "text", "amount"),
    [
        (DURATION, "30d", 30 * 86_400),
        (DURATION, "1.5 h", 5_400),
        (DURATION, "2 Weeks", 14 * 86_400),
        (DURATION, "90min", 5_400),
        (DURATION, "1y", 365 * 86_400),
        (SIZE, "0", 0),
        (SIZE, "10GB", 10**10),
        (SIZE, "10 gib", 10 * 2**30),
        (SIZE, "1.5TiB", 3 * 2**39),
        (SIZE, "500M", 5 * 10**8),
    ],
)
def test_amounts_are_parsed_with_their_units(kind: click.ParamType, text: str, amount: int) -> None:
    assert kind.convert(text, None, None) == amount


@given(st.integers(0, 10**6), st.sampled_from(["kB", "MB", "GB", "TB"]), st.sampled_from(["", " "]))
def test_a_size_is_its_number_times_its_unit(number: int, unit: str, space: str) -> None:
    power = ("kB", "MB", "GB", "TB").index(unit) + 1
    assert SIZE.convert(f"{number}{space}{unit}", None, None) == number * 1000**power


@given(st.text(max_size=12))
def test_any_text_is_an_amount_or_wrong_usage(text: str) -> None:
    for kind in (DURATION, SIZE):
        with suppress(click.BadParameter):  # no other exception passes
            assert kind.convert(text, None, None) >= 0
