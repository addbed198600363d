"""Many real processes at once: one download serves all, no process sees a partial file, and no entry is lost."""

import csv
import itertools
import random
import time
import warnings
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

import brainio
from brainio.cache import pruning, verification
from brainio.catalogs import append_rows
from brainio.catalogs.listing import read_listing
from tests.lab import assembly_file
from tests.reliability.faults import slowly
from tests.reliability.faulty_lab import (
    ARCHIVE,
    CSV,
    NAME,
    PICTURES,
    ZIP,
    FaultyLab,
    cached_archive,
    incomplete_files,
    load,
)
from tests.reliability.processes import join, start

ROW = {
    "lookup_type": "assembly",
    "class": "NeuroidAssembly",
    "location_type": "S3",
    "location": "s3://lab-bucket/a.nc",
    "sha1": "a" * 40,
    "stimulus_set_identifier": "",
}


def load_from(catalog: Path) -> None:
    """Load the stimulus set in a process without active catalogs."""
    brainio.add_catalog(catalog)
    load()


@pytest.mark.parametrize("count", [6, pytest.param(32, marks=pytest.mark.slow(reason="32 processes"))])
def test_processes_that_fetch_one_file_share_one_request(faulty_lab: FaultyLab, count: int) -> None:
    faulty_lab.server.faults[ZIP] = itertools.repeat(slowly(0.5))
    assert join([start(load_from, faulty_lab.catalog) for _ in range(count)]) == [0] * count
    assert len(faulty_lab.gets(CSV)) == len(faulty_lab.gets(ZIP)) == 1
    assert faulty_lab.files("partial") == []


def test_a_file_is_complete_or_absent_during_its_download(faulty_lab: FaultyLab) -> None:
    faulty_lab.server.faults[ZIP] = itertools.repeat(slowly(0.5))
    fetching = start(load_from, faulty_lab.catalog)
    seen: Counter[bool] = Counter()
    while fetching.is_alive():
        assert incomplete_files(faulty_lab.home) == []
        seen[cached_archive(faulty_lab.home).exists()] += 1
    assert join([fetching]) == [0]
    assert seen[False] > 2
    assert cached_archive(faulty_lab.home).read_bytes() == ARCHIVE


def _load_repeatedly(catalog: Path, end: Path) -> None:
    brainio.add_catalog(catalog)
    while not end.exists():
        assembly = brainio.get_assembly(NAME)
        assert assembly.sel(region="IT").values.tolist() == [[1.0], [3.0], [5.0], [7.0]]
        stimulus_set = brainio.get_stimulus_set(NAME)
        for stimulus_id, body in zip(stimulus_set["stimulus_id"], PICTURES.values(), strict=True):
            with suppress(FileNotFoundError):  # pruned between the two calls
                assert stimulus_set.get_stimulus(stimulus_id).read_bytes() == body


def _prune_repeatedly(home: Path, end: Path) -> None:
    while not end.exists():
        pruning.prune(home, max_size=random.choice([0, 1_000_000]))
        with suppress(FileNotFoundError):
            assert [checked for checked in verification.verify(home) if checked.fault] == []
        time.sleep(random.uniform(0.05, 0.3))


@pytest.mark.parametrize(
    ("readers", "seconds"), [(5, 1.0), pytest.param(26, 3.0, marks=pytest.mark.slow(reason="32 processes for 3 s"))]
)
def test_processes_that_fetch_and_prune_at_once_load_only_correct_bytes(
    s3_lab: FaultyLab, tmp_path: Path, readers: int, seconds: float
) -> None:
    s3_lab.publish("assy_lab_Doe2026.nc", assembly_file(tmp_path), "NeuroidAssembly")
    end, earliest_end = tmp_path / "end", time.monotonic() + seconds
    loading = [start(_load_repeatedly, s3_lab.catalog, end) for _ in range(readers)]
    pruning = [start(_prune_repeatedly, s3_lab.home, end) for _ in range(1 + readers // 5)]
    while time.monotonic() < earliest_end or (
        len(s3_lab.gets()) < 2 and any(process.is_alive() for process in loading)
    ):
        time.sleep(0.05)
    end.touch()
    assert join(loading + pruning) == [0] * (1 + readers + readers // 5)
    assert len(s3_lab.gets()) > 1
    assert incomplete_files(s3_lab.home) == []
    load()


def _append_some(catalog: Path, number: int) -> None:
    for entry in range(6):
        append_rows(catalog, [ROW | {"identifier": f"lab.P{number}N{entry}"}])
        append_rows(catalog, [ROW | {"identifier": f"lab.Common{entry}"}])


@pytest.mark.parametrize("count", [4, pytest.param(16, marks=pytest.mark.slow(reason="16 processes"))])
def test_entries_appended_by_many_processes_are_all_listed_once(tmp_path: Path, count: int) -> None:
    catalog = tmp_path / "lab.csv"
    appending = [start(_append_some, catalog, number) for number in range(count)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        while any(process.is_alive() for process in appending):
            if catalog.exists():  # concurrent readers see complete rows only
                read_listing("lab", catalog.read_text(), str(catalog))
            time.sleep(0.02)
    assert join(appending) == [0] * count
    with catalog.open(newline="") as text:
        identifiers = [row["identifier"] for row in csv.DictReader(text)]
    expected = {f"lab.P{number}N{entry}" for number in range(count) for entry in range(6)}
    assert sorted(identifiers) == sorted(expected | {f"lab.Common{entry}" for entry in range(6)})
