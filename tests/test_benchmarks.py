"""Tests of the benchmarks: every case is measured and written, on any machine, with or without the peer."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from benchmarks.cases import CASES, FACTORS, STEPS, Case, Target
from benchmarks.data import generate
from benchmarks.data_files import SIZES, DataPaths
from benchmarks.loaded.wrk import Request, send_load
from benchmarks.measurements import CaseResult
from benchmarks.report import case_record, format_quantity
from tests.service.service_process import CARNEY, ServiceProcess, make_lab

TOP = Path(__file__).parents[1]
ENTRY = f"/api/v1/entries/lab/assembly/{CARNEY}"
slow = pytest.mark.slow(reason="runs benchmarks")
needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed (Debian: apt-get install wrk)")


def run(tmp_path: Path, *options: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """Run the benchmarks on minimal data, and return the process and its JSON results."""
    written = tmp_path / "result.json"
    command = [sys.executable, "-m", "benchmarks", "--tiny", "--cache", str(tmp_path / "cache"), "--json", str(written)]
    done = subprocess.run([*command, *options], cwd=TOP, capture_output=True, text=True, check=False)
    return done, json.loads(written.read_text()) if written.exists() else {}


@slow
def test_every_case_is_measured_and_written_without_the_peer(tmp_path: Path) -> None:
    done, result = run(tmp_path)
    assert done.returncode == 0, done.stderr
    assert [record["name"] for record in result["rows"]] == [case.name for case in CASES]
    for case, record in zip(CASES, result["rows"], strict=True):
        assert record["ours"] > 0, record
        assert record["peer"] is None
        assert list(record["failures"]) == ["peer"], record
        assert case.title in done.stdout
        if case.floors:
            assert record["ours_to_floor"] == pytest.approx(record["ours"] / record["floor"])
    assert "absent" in done.stdout
    assert {"cpu", "cores"} <= set(result["machine"])
    assert {"python", "numpy", "pandas", "xarray", "brainio-data"} <= set(result["versions"]["ours"])
    assert (result["mode"], result["seed"], result["sizes"]["neuroids"]) == ("tiny", 0, SIZES["tiny"].neuroids)


@slow
def test_cases_that_the_peer_lacks_agree_with_the_floor(tmp_path: Path) -> None:
    names = ["average_repetition", "split_half_reliability"]
    assert not any(case.in_peer for case in CASES if case.name in names)
    done, result = run(tmp_path, "--only", *names)
    assert done.returncode == 0, done.stderr
    assert [(record["name"], record["answers_equal"]) for record in result["rows"]] == [(name, True) for name in names]


@slow
def test_only_selected_cases_are_measured(tmp_path: Path) -> None:
    done, result = run(tmp_path, "--only", "subset", "read_written", "--repeats", "2")
    assert done.returncode == 0, done.stderr
    assert {record["name"]: len(record["runs"]["ours"]) for record in result["rows"]} == {
        "subset": 2,
        "read_written": 2,
    }


@slow
def test_scaling_measures_each_step_at_each_size(tmp_path: Path) -> None:
    done, result = run(tmp_path, "--scaling")
    assert done.returncode == 0, done.stderr
    assert [(record["step"], record["factor"]) for record in result["scaling"]] == [
        (s, f) for s in STEPS for f in FACTORS
    ]
    assert all(record["seconds"] > 0 and record["peak_bytes"] >= 0 for record in result["scaling"])


def test_the_same_seed_generates_the_same_data(tmp_path: Path) -> None:
    recordings, stimuli = {}, {}
    for folder, seed in (("one", 0), ("two", 0), ("other", 1)):
        generate(tmp_path / folder, "tiny", seed)
        places = DataPaths(tmp_path / folder)
        stimuli[folder] = (places.csv.read_bytes(), places.zip.read_bytes())
        with xr.open_dataset(places.netcdf) as recording:
            recordings[folder] = recording.load()
    assert stimuli["one"] == stimuli["two"]
    assert stimuli["one"] != stimuli["other"]
    assert recordings["one"].identical(recordings["two"])
    assert not recordings["one"]["data"].equals(recordings["other"]["data"])


def test_existing_data_are_not_generated_again(tmp_path: Path) -> None:
    generate(tmp_path, "tiny", 0)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    generate(tmp_path, "tiny", 0)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_data_of_another_seed_are_removed_with_derived_files(tmp_path: Path) -> None:
    generate(tmp_path, "tiny", 0)
    leftovers = [DataPaths(tmp_path).home / "content" / "old", DataPaths(tmp_path).scaled_path(4)]
    for path in leftovers:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    generate(tmp_path, "tiny", 1)
    assert not any(path.exists() for path in leftovers)


def test_a_missing_interpreter_is_named_in_the_error(tmp_path: Path) -> None:
    done, result = run(tmp_path, "--only", "resolve", "--peer", str(tmp_path / "nowhere"))
    assert (done.returncode, result) == (1, {})
    assert f"the interpreter {tmp_path / 'nowhere'} cannot be started" in done.stderr


@slow
def test_an_interpreter_without_the_peer_is_named_in_the_error(tmp_path: Path) -> None:
    done, result = run(tmp_path, "--only", "resolve", "--peer", sys.executable)
    assert (done.returncode, result) == (1, {})
    assert f"the environment of {sys.executable} lacks brainscore-brainio" in done.stderr


@slow
def test_an_unknown_case_is_refused_with_the_existing_names(tmp_path: Path) -> None:
    done, _ = run(tmp_path, "--only", "nothing")
    assert done.returncode == 2
    assert all(case.name in done.stderr for case in CASES)


@pytest.mark.parametrize(
    ("target", "mode", "met"),
    [
        (Target(limit=1.0), "full", False),
        (Target(limit=2.0), "full", True),
        (Target(limit=1.0), "quick", None),
        (Target(floor_factor=2.0), "quick", True),
        (Target(floor_factor=1.9), "quick", False),
        (Target(peer_factor=10.0), "quick", True),
        (Target(limit=2.0, peer_factor=11.0), "full", False),
        (Target(), "full", None),
    ],
)
def test_a_target_is_met_if_all_its_limits_are_met(target: Target, mode: str, met: bool | None) -> None:
    result = CaseResult(Case("a", "a", target, ("b",)), {"ours": [2.0, 3.0, 1.0], "peer": [20.0], "floor": [1.0]})
    assert case_record(result, mode, "")["met"] is met


def test_a_limit_to_the_peer_is_not_judged_without_the_peer() -> None:
    result = CaseResult(Case("a", "a", Target(peer_factor=10.0)), {"ours": [1.0]})
    assert case_record(result, "full", "absent")["met"] is None


@pytest.mark.parametrize(
    ("peer", "equal"),
    [([2.0, 5.0], True), ([2.0, 5.000001], True), ([2.0, 5.1], False), ([2.0, 1.0, 5.0], False), (None, None)],
)
def test_answers_are_equal_in_shape_and_values_up_to_rounding(peer: list[float] | None, equal: bool | None) -> None:
    result = CaseResult(CASES[0], answers={"ours": [2.0, 5.0], "peer": peer})
    assert result.equal is equal


def test_without_a_peer_function_answers_are_compared_with_the_floor() -> None:
    case = Case("a", "a", Target(), ("b",), in_peer=False)
    assert CaseResult(case, answers={"ours": [2.0], "floor": [2.0], "peer": [3.0]}).equal is True
    assert CaseResult(case, answers={"ours": [2.0], "floor": [3.0]}).equal is False


def test_quantities_are_formatted_with_a_suitable_unit() -> None:
    assert [format_quantity(value, "s") for value in (3.0, 0.25, 2e-5, 3e-7)] == ["3 s", "250 ms", "20 us", "300 ns"]
    assert format_quantity(2.5e8, "bytes") == "250 MB"


@slow
@needs_wrk
def test_all_parts_of_the_load_tests_run_without_wrong_responses(tmp_path: Path) -> None:
    written = tmp_path / "loaded.json"
    command = [sys.executable, "-m", "benchmarks.loaded", "--tiny", "--json", str(written)]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(written.read_text())
    assert list(result["parts"]) == ["entries", "search", "pages", "memory", "killed"]
    records = {record["title"]: record for part in result["parts"].values() for record in part}
    assert all(title in done.stdout for title in records)
    for title in ("one entry", "200 different entries, cached"):
        figures = records[title]["figures"]
        assert figures["clean"]
        assert figures["ratio"] == pytest.approx(figures["rate"] / records["bare FastAPI route"]["figures"]["rate"])
    for title in ("search over 200 entries at 50/s", "page: front page at 20/s", "page: search at 20/s"):
        figures = records[title]["figures"]
        assert figures["requests"] > 0
        assert figures["refused"] == figures["broken"] == 0
    assert records["bytes: front page"]["met"]
    assert {"memory of the main process", "memory of worker 1", "memory of worker 2"} <= set(records)
    (killed,) = result["parts"]["killed"]
    assert killed["figures"]["wrong"] == killed["figures"]["refused"] == 0, killed
    assert killed["figures"]["replaced_s"]


@slow
@needs_wrk
def test_responses_under_load_are_compared_with_the_expected_ones(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    expected, other = tmp_path / "expected", tmp_path / "other"
    with ServiceProcess(tmp_path / "home", BRAINIO_CATALOGS=str(lab)) as service:
        expected.write_bytes(service.get(ENTRY, Accept_Encoding="identity").content)
        other.write_bytes(expected.read_bytes()[:-1] + b"?")
        part = tmp_path / "part"
        part.write_bytes(service.get(f"/api/v1/files/lab/assembly/nc/{CARNEY}", Range="bytes=5-99").content)
        partial = Request(f"/api/v1/files/lab/assembly/nc/{CARNEY}", 206, ("Range: bytes=5-99",), part)
        good = send_load(service.url, [Request(ENTRY, body=expected), partial], 1, connections=2, compare=True)
        bad = send_load(service.url, [Request(ENTRY, body=other)], 1, connections=1, compare=True)
        missing = send_load(service.url, [Request(ENTRY + "x", body=expected)], 1, connections=1, compare=True)
    assert good.requests > 2
    assert good.is_clean
    assert bad.wrong >= bad.requests - 1 > 0
    assert bad.first_wrong == f"{ENTRY} answered 200"
    assert missing.first_wrong == f"{ENTRY}x answered 404"
    assert missing.refused == missing.requests


@slow
@needs_wrk
def test_a_request_rate_is_not_exceeded(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    with ServiceProcess(tmp_path / "home", BRAINIO_CATALOGS=str(lab)) as service:
        run = send_load(service.url, [Request(ENTRY)], 2, rate=20, connections=4)
    assert 0 < run.requests <= 20 * 2 + 4


def test_only_loopback_addresses_are_put_under_load() -> None:
    for url in ("https://lab.example", "http://127.0.0.1.lab.example:80", "http://10.0.0.1:80"):
        with pytest.raises(ValueError, match="is not on the loopback interface"):
            send_load(url, [Request("/")], 1)


def test_without_wrk_the_error_names_the_package_to_install(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.loaded", "--tiny"]
    environment = os.environ | {"PATH": str(tmp_path)}
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "wrk is not installed (Debian: apt-get install wrk)\n"
