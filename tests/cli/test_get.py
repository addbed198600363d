"""The command `brainio get`, with an S3 server."""

import json
import os
import pty
import subprocess
import termios
from pathlib import Path

import pytest

from brainio.catalogs import resolve
from brainio.fetch import fetch_many
from tests.cli.command import PREFIX, brainio
from tests.lab import Lab, assembly_file
from tests.servers import S3Static


@pytest.fixture
def three(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab with an active catalog: a stimulus set `lab.Doe2026` and three assemblies `lab.Doe<n>`."""
    lab.publish_stimuli()
    body = assembly_file(tmp_path)
    for number in range(3):
        # HDF5 ignores bytes after its end; here they make each file unique
        lab.publish(f"assy_{number}.nc", body + bytes([number]), "NeuroidAssembly", f"lab.Doe{number}")
    monkeypatch.setenv("BRAINIO_CATALOGS", str(lab.catalog))
    return lab


def parts(stdout: str) -> set[tuple[str, str]]:
    records = json.loads(stdout)
    assert all(Path(record["path"]).exists() for record in records)
    return {(record["identifier"], record["part"]) for record in records}


STIMULI = {("lab.Doe2026", "csv"), ("lab.Doe2026", "zip"), ("lab.Doe2026", "folder")}


def test_get_prints_only_the_paths_of_files_on_stdout() -> None:
    done = brainio("get", "modelfest.Carney1999", "--json")
    assert done.returncode == 0, done.stderr
    records = json.loads(done.stdout)
    assert {(record["kind"], record["part"]) for record in records} == {
        ("stimulus_set", "csv"),
        ("stimulus_set", "zip"),
        ("stimulus_set", "folder"),
        ("assembly", "nc"),
    }
    assert all(Path(record["path"]).exists() for record in records)


def test_several_identifiers_are_fetched_with_their_stimuli_once(three: Lab) -> None:
    done = brainio("get", "lab.Doe0", "lab.Doe2", "--json")
    assert done.returncode == 0, done.stderr
    assert parts(done.stdout) == {("lab.Doe0", "nc"), ("lab.Doe2", "nc")} | STIMULI
    keys = [key for _, key, _ in three.server.downloads()]
    assert sorted(keys) == ["assy_0.nc", "assy_2.nc", "stimulus_lab_Doe2026.csv", "stimulus_lab_Doe2026.zip"]


def test_a_catalog_without_identifiers_is_fetched_whole(three: Lab) -> None:
    done = brainio("get", "--catalog", "lab", "--json")
    assert parts(done.stdout) == {(f"lab.Doe{number}", "nc") for number in range(3)} | STIMULI


def test_one_kind_of_entries_of_a_catalog_can_be_fetched(three: Lab) -> None:
    assert parts(brainio("get", "--catalog", "lab", "--kind", "stimulus_set", "--json").stdout) == STIMULI


def test_get_prints_the_number_of_files_and_bytes_and_a_summary(three: Lab) -> None:
    size = sum(map(len, three.server.objects.values())) / 1000
    ready = "4 of 4 entries in the cache\n"
    first = brainio("get", "--catalog", "lab")
    assert first.stderr == f"5 of the 5 files of 4 entries to fetch ({size:.1f} kB), 0 in the cache\n{ready}"
    second = brainio("get", "--catalog", "lab")
    assert second.stderr == f"0 of the 5 files of 4 entries to fetch (0 B), 5 in the cache\n{ready}"


def test_a_dry_run_lists_missing_files_and_fetches_nothing(three: Lab, tmp_path: Path) -> None:
    fetch_many(["lab.Doe2026"])
    three.server.requests.clear()
    done = brainio("get", "lab.Doe1", "--dry-run")
    assert done.returncode == 0
    assert done.stderr.startswith("1 of the 3 files of 2 entries to fetch (")
    header, _, line = done.stdout.splitlines()
    assert header.split() == ["identifier", "kind", "part", "size", "location"]
    assert line.startswith("lab.Doe1 ")
    (record,) = json.loads(brainio("get", "lab.Doe1", "--dry-run", "--json").stdout)
    assert record["size"] == len(three.server.objects["lab-bucket", "assy_1.nc"])
    assert record["location"] == "https://lab-bucket.s3.amazonaws.com/assy_1.nc"
    assert three.server.downloads() == []


@pytest.mark.parametrize("arguments", [[], ["--kind", "assembly"], ["--catalog", "lab", "--version", "1"]])
def test_get_without_identifiers_is_wrong_usage(arguments: list[str]) -> None:
    done = brainio("get", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "identifier" in done.stderr


def test_failed_entries_do_not_stop_fetching_and_printing_the_others(three: Lab) -> None:
    del three.server.objects["lab-bucket", "assy_0.nc"]
    three.server.objects["lab-bucket", "assy_1.nc"] = b"wrong bytes"
    done = brainio("get", "lab.Doe0", "lab.Doe1", "lab.Doe2", "lab.Nobody", "--json")
    assert done.returncode == 9
    assert parts(done.stdout) == {("lab.Doe2", "nc")} | STIMULI
    for subject in ("lab.Doe0: ", "lab.Doe1: ", "lab.Nobody: "):
        assert sum(subject in line for line in done.stderr.splitlines() if line.startswith("error: ")) == 1
    assert "Traceback" not in done.stderr


def test_a_dry_run_reports_unavailable_files(three: Lab) -> None:
    done = brainio("get", "lab.Doe0", "lab.Nobody", "--dry-run", "--json")
    assert done.returncode == 9
    assert len(json.loads(done.stdout)) == 3
    assert "error: lab.Nobody: no stimulus set 'lab.Nobody'" in done.stderr


@pytest.mark.parametrize(
    ("identifier", "code", "message"),
    [
        ("hvmm", 3, "did you mean 'hvm'"),
        ("Zerbe2026_fmri_stim_full", 4, "there is no CSV file"),
        ("hvm", 5, "s3://brainscore-storage/brainio-brainscore/stimulus_hvm.csv"),
    ],
)
def test_an_unavailable_entry_has_the_exit_code_of_its_error(identifier: str, code: int, message: str) -> None:
    done = brainio("get", identifier)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_bytes_have_a_separate_exit_code(three: Lab) -> None:
    three.server.objects["lab-bucket", "assy_1.nc"] = b"not these"
    done = brainio("get", "lab.Doe1", "--json")
    assert done.returncode == 6
    assert parts(done.stdout) == STIMULI
    assert done.stderr.count("error: the nc file of assembly lab.Doe1: ") == 1


def test_an_identifier_with_several_kinds_of_failures_has_the_exit_code_of_many(three: Lab) -> None:
    three.server.objects["lab-bucket", "assy_1.nc"] = b"not these"
    del three.server.objects["lab-bucket", "stimulus_lab_Doe2026.csv"]
    assert brainio("get", "lab.Doe1").returncode == 9


def test_a_missing_file_of_one_entry_always_has_the_exit_code_of_transfers(three: Lab, tmp_path: Path) -> None:
    three.publish("stimulus_lab_One.csv", b"stimulus_id,filename\n1,a.png\n", "StimulusSet", "lab.One")
    three.publish("stimulus_lab_One.zip", b"", identifier="lab.One")
    del three.server.objects["lab-bucket", "stimulus_lab_One.zip"]
    rows = three.catalog.read_text().splitlines(keepends=True)
    single = tmp_path / "single.csv"
    single.write_text("".join([rows[0], *(row for row in rows[1:] if "lab.One" in row)]))
    for arguments in (["lab.One"], ["--catalog", "single"]):
        done = brainio("get", *arguments, "--json", BRAINIO_CATALOGS=str(single))
        assert (done.returncode, parts(done.stdout)) == (5, {("lab.One", "csv")})
    cards = str(tmp_path / "cards")
    for arguments in (["lab.One"], ["--catalog", "single"]):
        assert brainio("card", "build", "--output", cards, *arguments, BRAINIO_CATALOGS=str(single)).returncode == 5
    assert brainio("get", "--catalog", "lab").returncode == 9


def test_files_missing_offline_have_their_own_exit_code_and_are_not_requested(three: Lab) -> None:
    fetch_many(["lab.Doe0"])
    three.server.requests.clear()
    assert brainio("get", "lab.Doe0", BRAINIO_OFFLINE="1").returncode == 0
    done = brainio("get", "lab.Doe1", BRAINIO_OFFLINE="1")
    assert done.returncode == 8
    assert "s3://lab-bucket/assy_1.nc" in done.stderr
    assert three.server.requests == []


def test_an_unwritable_cache_has_a_separate_exit_code(three: Lab, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    done = brainio("get", "lab.Doe0", BRAINIO_HOME=str(tmp_path / "file" / "cache"))
    assert (done.returncode, done.stdout) == (10, "")
    assert "set BRAINIO_HOME" in done.stderr


def test_a_refused_archive_leaves_all_other_files_unchanged(three: Lab) -> None:
    three.publish("stimulus_lab_Bad.csv", b"stimulus_id,filename\n1,a.png\n", "StimulusSet", "lab.Bad")
    three.publish("stimulus_lab_Bad.zip", b"no archive", identifier="lab.Bad")
    done = brainio("get", "lab.Bad", "lab.Doe0", "--json")
    assert done.returncode == 9
    assert parts(done.stdout) == {("lab.Bad", "csv"), ("lab.Bad", "zip"), ("lab.Doe0", "nc")} | STIMULI
    assert "error: the archive of stimulus set lab.Bad: " in done.stderr


def test_a_damaged_file_causes_a_warning_and_is_fetched_again(three: Lab) -> None:
    path = fetch_many(["lab.Doe0"])[resolve("assembly", "lab.Doe0")]["nc"]
    path.write_bytes(b"something else")
    done = brainio("get", "lab.Doe0", "--json")
    assert done.returncode == 0
    assert path.read_bytes() == three.server.objects["lab-bucket", "assy_0.nc"]
    (warning,) = (line for line in done.stderr.splitlines() if line.startswith("warning: "))
    assert str(path) in warning
    assert "quarantine" in warning


def test_one_progress_bar_counts_all_files_on_a_terminal(three: Lab) -> None:
    reader, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 120))
    command = [*PREFIX, "get", "lab.Doe0", "lab.Doe1"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=terminal, check=True)
    shown = os.read(reader, 65536)
    os.close(terminal)
    os.close(reader)
    assert shown.startswith(b"4 of the 4 files of 3 entries to fetch")
    assert b"4 files: " in shown
    assert b"%|" in shown
    assert b"%|" not in done.stdout


def test_missing_sizes_are_requested_from_the_server(s3_static: S3Static) -> None:
    body = b"not these"
    s3_static.objects["brainscore-storage", "brainio-brainscore/assy_dicarlo_MajajHong2015.nc"] = body
    done = brainio("get", "dicarlo.MajajHong2015", "--dry-run", "--json")
    assert "and 2 of unknown size" in done.stderr
    sizes = {record["part"]: record["size"] for record in json.loads(done.stdout)}
    assert sizes == {"nc": len(body), "csv": None, "zip": None}
