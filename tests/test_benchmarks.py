"""What the benchmarks promise: every row is measured and written, on any machine, with or without the peer."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from benchmarks.cases import FACTORS, ROWS, STEPS, Row, Wanted
from benchmarks.data import make
from benchmarks.data_files import SIZES, Places
from benchmarks.loaded.wrk import Ask, ask
from benchmarks.measurements import Measured
from benchmarks.report import as_record, quantity
from tests.service.service_process import CARNEY, ServiceProcess, make_lab

TOP = Path(__file__).parents[1]
ENTRY = f"/api/v1/entries/lab/assembly/{CARNEY}"
slow = pytest.mark.slow(reason="runs benchmarks")
needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed (Debian: apt-get install wrk)")


def run(tmp_path: Path, *options: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """Run the benchmarks on the smallest data and return the process and the JSON that it wrote."""
    written = tmp_path / "result.json"
    command = [sys.executable, "-m", "benchmarks", "--tiny", "--cache", str(tmp_path / "cache"), "--json", str(written)]
    done = subprocess.run([*command, *options], cwd=TOP, capture_output=True, text=True, check=False)
    return done, json.loads(written.read_text()) if written.exists() else {}


@slow
def test_every_row_is_measured_and_written_without_the_peer(tmp_path: Path) -> None:
    done, result = run(tmp_path)
    assert done.returncode == 0, done.stderr
    assert [row["name"] for row in result["rows"]] == [row.name for row in ROWS]
    for row, record in zip(ROWS, result["rows"], strict=True):
        assert record["ours"] > 0, record
        assert record["peer"] is None
        assert list(record["failures"]) == ["peer"], record
        assert row.title in done.stdout
        if row.floors:
            assert record["ours_to_floor"] == pytest.approx(record["ours"] / record["floor"])
    assert "absent" in done.stdout
    assert {"cpu", "cores"} <= set(result["machine"])
    assert {"python", "numpy", "pandas", "xarray", "brainio-data"} <= set(result["versions"]["ours"])
    assert (result["mode"], result["seed"], result["sizes"]["neuroids"]) == ("tiny", 0, SIZES["tiny"].neuroids)


@slow
def test_rows_that_the_peer_lacks_are_measured_without_it_and_agree_with_the_floor(tmp_path: Path) -> None:
    names = ["average_repetition", "split_half_reliability"]
    assert not any(row.in_peer for row in ROWS if row.name in names)
    done, result = run(tmp_path, "--only", *names)
    assert done.returncode == 0, done.stderr
    assert [(record["name"], record["answers_equal"]) for record in result["rows"]] == [(name, True) for name in names]


def test_a_row_is_measured_alone(tmp_path: Path) -> None:
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
    assert [(one["step"], one["factor"]) for one in result["scaling"]] == [(s, f) for s in STEPS for f in FACTORS]
    assert all(one["seconds"] > 0 and one["peak_bytes"] >= 0 for one in result["scaling"])


def test_the_same_seed_makes_the_same_data(tmp_path: Path) -> None:
    recordings, stimuli = {}, {}
    for folder, seed in (("one", 0), ("two", 0), ("other", 1)):
        make(tmp_path / folder, "tiny", seed)
        places = Places(tmp_path / folder)
        stimuli[folder] = (places.csv.read_bytes(), places.zip.read_bytes())
        with xr.open_dataset(places.netcdf) as recording:
            recordings[folder] = recording.load()
    assert stimuli["one"] == stimuli["two"]
    assert stimuli["one"] != stimuli["other"]
    assert recordings["one"].identical(recordings["two"])
    assert not recordings["one"]["data"].equals(recordings["other"]["data"])


def test_data_that_are_there_are_not_made_again(tmp_path: Path) -> None:
    make(tmp_path, "tiny", 0)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    make(tmp_path, "tiny", 0)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_data_of_another_making_are_removed_with_what_was_made_of_them(tmp_path: Path) -> None:
    make(tmp_path, "tiny", 0)
    leftovers = [Places(tmp_path).home / "content" / "old", Places(tmp_path).scaled(4)]
    for path in leftovers:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    make(tmp_path, "tiny", 1)
    assert not any(path.exists() for path in leftovers)


def test_an_interpreter_that_is_none_is_named(tmp_path: Path) -> None:
    done, result = run(tmp_path, "--only", "resolve", "--peer", str(tmp_path / "nowhere"))
    assert (done.returncode, result) == (1, {})
    assert f"the interpreter {tmp_path / 'nowhere'} cannot be started" in done.stderr


@slow
def test_an_interpreter_without_the_peer_is_named(tmp_path: Path) -> None:
    done, result = run(tmp_path, "--only", "resolve", "--peer", sys.executable)
    assert (done.returncode, result) == (1, {})
    assert f"the environment of {sys.executable} has no brainscore-brainio" in done.stderr


@slow
def test_a_row_of_another_name_is_refused_with_the_names_that_exist(tmp_path: Path) -> None:
    done, _ = run(tmp_path, "--only", "nothing")
    assert done.returncode == 2
    assert all(row.name in done.stderr for row in ROWS)


@pytest.mark.parametrize(
    ("wanted", "mode", "met"),
    [
        (Wanted(most=1.0), "full", False),
        (Wanted(most=2.0), "full", True),
        (Wanted(most=1.0), "quick", None),
        (Wanted(times_floor=2.0), "quick", True),
        (Wanted(times_floor=1.9), "quick", False),
        (Wanted(times_peer=10.0), "quick", True),
        (Wanted(most=2.0, times_peer=11.0), "full", False),
        (Wanted(), "full", None),
    ],
)
def test_a_row_is_met_when_each_of_its_limits_is(wanted: Wanted, mode: str, met: bool | None) -> None:
    measured = Measured(Row("a", "a", wanted, ("b",)), {"ours": [2.0, 3.0, 1.0], "peer": [20.0], "floor": [1.0]})
    assert as_record(measured, mode, "")["met"] is met


def test_a_limit_to_the_peer_is_not_judged_without_the_peer() -> None:
    measured = Measured(Row("a", "a", Wanted(times_peer=10.0)), {"ours": [1.0]})
    assert as_record(measured, "full", "absent")["met"] is None


@pytest.mark.parametrize(
    ("peer", "equal"),
    [([2.0, 5.0], True), ([2.0, 5.000001], True), ([2.0, 5.1], False), ([2.0, 1.0, 5.0], False), (None, None)],
)
def test_answers_are_equal_in_shape_and_values_up_to_rounding(peer: list[float] | None, equal: bool | None) -> None:
    measured = Measured(ROWS[0], answers={"ours": [2.0, 5.0], "peer": peer})
    assert measured.equal is equal


def test_where_the_peer_has_nothing_like_it_the_answer_is_that_of_the_floor() -> None:
    row = Row("a", "a", Wanted(), ("b",), in_peer=False)
    assert Measured(row, answers={"ours": [2.0], "floor": [2.0], "peer": [3.0]}).equal is True
    assert Measured(row, answers={"ours": [2.0], "floor": [3.0]}).equal is False


def test_quantities_are_written_with_a_unit_of_their_size() -> None:
    assert [quantity(value, "s") for value in (3.0, 0.25, 2e-5, 3e-7)] == ["3 s", "250 ms", "20 us", "300 ns"]
    assert quantity(2.5e8, "bytes") == "250 MB"


@slow
@needs_wrk
def test_a_service_under_load_is_measured_in_all_parts_and_answers_nothing_wrongly(tmp_path: Path) -> None:
    written = tmp_path / "loaded.json"
    command = [sys.executable, "-m", "benchmarks.loaded", "--tiny", "--json", str(written)]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(written.read_text())
    assert list(result["parts"]) == ["entries", "search", "pages", "memory", "killed"]
    lines = {line["what"]: line for part in result["parts"].values() for line in part}
    assert all(what in done.stdout for what in lines)
    for what in ("one entry", "200 different entries, asked before"):
        figures = lines[what]["figures"]
        assert figures["clean"]
        assert figures["ratio"] == pytest.approx(figures["rate"] / lines["bare FastAPI route"]["figures"]["rate"])
    for what in ("search over 200 entries at 50/s", "page: front page at 20/s", "page: search at 20/s"):
        figures = lines[what]["figures"]
        assert figures["requests"] > 0
        assert figures["refused"] == figures["broken"] == 0
    assert lines["bytes: front page"]["met"]
    assert {"memory of the first process", "memory of worker 1", "memory of worker 2"} <= set(lines)
    (killed,) = result["parts"]["killed"]
    assert killed["figures"]["wrong"] == killed["figures"]["refused"] == 0, killed
    assert killed["figures"]["replaced_s"]


@slow
@needs_wrk
def test_answers_under_load_are_compared_with_what_is_expected(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    with ServiceProcess(tmp_path / "home", BRAINIO_CATALOGS=str(lab)) as service:
        right.write_bytes(service.get(ENTRY, Accept_Encoding="identity").content)
        wrong.write_bytes(right.read_bytes()[:-1] + b"?")
        part = tmp_path / "part"
        part.write_bytes(service.get(f"/api/v1/files/lab/assembly/nc/{CARNEY}", Range="bytes=5-99").content)
        asked = Ask(f"/api/v1/files/lab/assembly/nc/{CARNEY}", 206, ("Range: bytes=5-99",), part)
        good = ask(service.url, [Ask(ENTRY, body=right), asked], 1, connections=2, compare=True)
        bad = ask(service.url, [Ask(ENTRY, body=wrong)], 1, connections=1, compare=True)
        other = ask(service.url, [Ask(ENTRY + "x", body=right)], 1, connections=1, compare=True)
    assert good.requests > 2
    assert good.is_clean
    assert bad.wrong >= bad.requests - 1 > 0
    assert bad.first_wrong == f"{ENTRY} answered 200"
    assert other.first_wrong == f"{ENTRY}x answered 404"
    assert other.refused == other.requests


@slow
@needs_wrk
def test_a_rate_is_not_passed(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    with ServiceProcess(tmp_path / "home", BRAINIO_CATALOGS=str(lab)) as service:
        run = ask(service.url, [Ask(ENTRY)], 2, rate=20, connections=4)
    assert 0 < run.requests <= 20 * 2 + 4


def test_nothing_but_this_machine_is_put_under_load() -> None:
    for url in ("https://lab.example", "http://127.0.0.1.lab.example:80", "http://10.0.0.1:80"):
        with pytest.raises(ValueError, match="is no address of this machine's loopback interface"):
            ask(url, [Ask("/")], 1)


def test_without_wrk_it_is_said_what_to_install(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.loaded", "--tiny"]
    environment = os.environ | {"PATH": str(tmp_path)}
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "wrk is not installed (Debian: apt-get install wrk)\n"
