"""Loads succeed with the correct bytes while other processes remove everything from the cache.

Runs for one second; in the slow tier for three, or for the value of the environment variable `PRUNING_SECONDS`.
"""

import os
import pickle
import random
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import brainio
from brainio.assemblies import hdf5_access
from brainio.cache import pruning
from brainio.cache.holds import hold, is_held
from brainio.cards import build_card, build_profile, find_profile
from brainio.catalogs import append_rows, resolve
from brainio.errors import FormatError, StreamWarning
from brainio.fetch.cache_access import is_missing_file_error, read_if_unchanged, retry_if_pruned
from brainio.fetch.streaming import CachedFile, open_entry
from tests.lab import assembly_file, sha1
from tests.reliability.faulty_lab import ARCHIVE, CSV, NAME, PICTURES, TABLE, ZIP, load
from tests.reliability.processes import join, start

MANY = float(os.environ.get("PRUNING_SECONDS", "3"))
for_seconds = pytest.mark.parametrize(
    "seconds", [1.0, pytest.param(MANY, marks=pytest.mark.slow(reason=f"reads and prunes for {MANY} s"))]
)
NC = "assy_lab_Doe2026.nc"
VALUES = np.arange(8.0).reshape(4, 2)


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog of local files, and an empty cache."""
    monkeypatch.setenv("BRAINIO_HOME", str(tmp_path / "home"))
    files = {CSV: (TABLE, "StimulusSet"), ZIP: (ARCHIVE, ""), NC: (assembly_file(tmp_path), "NeuroidAssembly")}
    for name, (body, cls) in files.items():
        (tmp_path / name).write_bytes(body)
        row = {
            "identifier": NAME,
            "lookup_type": "assembly" if name == NC else "stimulus_set",
            "class": cls,
            "location_type": "file",
            "location": (tmp_path / name).as_uri(),
            "sha1": sha1(body),
            "stimulus_set_identifier": NAME if name == NC else "",
        }
        append_rows(tmp_path / "lab.csv", [row])
    brainio.add_catalog(tmp_path / "lab.csv")
    return tmp_path / "lab.csv"


def home_of(catalog: Path) -> Path:
    return catalog.parent / "home"


def prune_all(catalog: Path) -> None:
    pruning.prune(home_of(catalog), max_size=0)
    assert not list(home_of(catalog).glob("content/*/*"))


def load_eager() -> None:
    assert np.array_equal(brainio.get_assembly(NAME).values, VALUES)


def load_lazy() -> None:
    assert np.array_equal(brainio.get_assembly(NAME, chunks="auto").values, VALUES)


def load_paths() -> None:
    stimulus_set = brainio.get_stimulus_set(NAME)
    assert [path.name for path in stimulus_set.stimulus_paths.values()] == ["one.png", "two.png"]


def load_stream() -> None:
    assembly = brainio.get_assembly(NAME, stream=True)
    assert np.array_equal(assembly.values, VALUES)
    assert len(list(assembly.attrs["stimulus_set"].stimulus_paths.values())) == 2


def validate() -> None:
    codes = {problem.code for problem in brainio.validate(NAME).problems}
    assert not codes & {"file-missing", "assembly-unreadable", "table-unreadable", "archive-unreadable"}


def check() -> None:
    assert [check.report is None for check in brainio.check(NAME, fetch=True).assemblies] == [False]


def describe() -> None:
    assert build_card(resolve("assembly", NAME))["shape"] == [4, 2]
    files = build_card(resolve("stimulus_set", NAME))["files"]
    assert (files["count"], files.get("missing", 0)) == (2, 0)


def profile() -> None:
    entry = resolve("stimulus_set", NAME)
    build_profile(entry, rebuild=True)
    found = find_profile(entry)
    notes = [] if found is None else [found.thumbnail(number).note for number in range(2)]  # type: ignore[union-attr]
    assert "the file is missing" not in notes


def compare() -> None:
    assert brainio.overlap(NAME, NAME).a.shared_counts["content"] == 2


LOADS = [load_eager, load_lazy, load_paths, load_stream]
OPERATIONS = [validate, check, describe, profile, compare]


def read_repeatedly(catalog: Path, seconds: float, work: list[Callable[[], None]], seed: int) -> None:
    warnings.simplefilter("ignore")
    brainio.add_catalog(catalog)
    rng, end, count = random.Random(seed), time.monotonic() + seconds, 0
    while time.monotonic() < end:
        rng.choice(work)()
        count += 1
    print(f"{count} reads alongside pruning, none failed")


def remove_repeatedly(catalog: Path, seconds: float, seed: int) -> None:
    rng, end = random.Random(seed), time.monotonic() + seconds
    contents = [sha1(body) for body in (TABLE, ARCHIVE, (catalog.parent / NC).read_bytes())]
    while time.monotonic() < end:
        if rng.random() < 0.5:
            pruning.prune(home_of(catalog), max_size=0)
        else:
            pruning.remove(home_of(catalog), rng.sample(contents, rng.randint(1, 3)))
        time.sleep(rng.uniform(0, 0.02))


@for_seconds
@pytest.mark.parametrize("work", [LOADS, OPERATIONS], ids=["loads", "operations"])
def test_no_reader_fails_while_other_processes_remove_everything(
    catalog: Path, work: list[Callable[[], None]], seconds: float
) -> None:
    reading = [start(read_repeatedly, catalog, seconds, work, seed) for seed in range(3)]
    removing = [start(remove_repeatedly, catalog, seconds, seed) for seed in range(2)]
    assert join(reading + removing) == [0] * 5
    assert list(home_of(catalog).glob("partial/*.hold")) == []
    load()


def test_files_in_use_are_not_pruned_unless_named_explicitly(catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load()
    home, patience = home_of(catalog), 0.05
    monkeypatch.setattr(pruning, "PATIENCE", patience)
    with hold(home):
        assert is_held(home)
        assert pruning.prune(home, max_size=0).items == ()
        before = time.monotonic()
        assert pruning.remove(home, [sha1(ARCHIVE)], dry_run=True).items
        assert {item.kind for item in pruning.remove(home, [sha1(ARCHIVE)]).items} == {"content", "unpacked"}
        assert time.monotonic() - before > patience
    assert not is_held(home)
    prune_all(catalog)


def hold_and_die(home: Path) -> None:
    with hold(home):
        os._exit(0)


def test_files_in_use_by_a_dead_process_are_pruned(catalog: Path) -> None:
    load()
    home = home_of(catalog)
    assert join([start(hold_and_die, home)]) == [0]
    assert list(home.glob("partial/*.hold"))
    assert not is_held(home)
    prune_all(catalog)
    assert list(home.glob("partial/*.hold")) == []


def test_a_stream_of_a_cached_file_stays_readable_when_the_file_is_pruned(catalog: Path) -> None:
    brainio.get_assembly(NAME)
    assembly = brainio.get_assembly(NAME, stream=True)
    prune_all(catalog)
    assert np.array_equal(assembly.values, VALUES)


def test_a_pickled_stream_of_a_pruned_file_reads_the_location(catalog: Path) -> None:
    brainio.get_assembly(NAME)
    stream = open_entry(resolve("assembly", NAME))
    assert isinstance(stream, CachedFile)
    prune_all(catalog)
    with pytest.warns(StreamWarning):
        again = pickle.loads(pickle.dumps(stream))
    assert again.read() == stream.read() == (catalog.parent / NC).read_bytes()


@pytest.mark.filterwarnings("ignore::brainio.errors.StreamWarning")
@pytest.mark.parametrize("stream", [False, True])
def test_accessing_the_path_of_a_pruned_stimulus_fetches_it_again(catalog: Path, stream: bool) -> None:
    stimulus_set = brainio.get_assembly(NAME, stream=stream).attrs["stimulus_set"] if stream else load()
    for stimulus_id, body in zip(("1", "2"), PICTURES.values(), strict=True):
        assert stimulus_set.get_stimulus(stimulus_id).read_bytes() == body
        prune_all(catalog)
        assert stimulus_set.get_stimulus(stimulus_id).read_bytes() == body


def close_files() -> None:
    """Close the files that xarray keeps open, as xarray does beyond 128 files."""
    from xarray.backends.file_manager import FILE_CACHE

    with hdf5_access():
        for key, file in list(FILE_CACHE.items()):
            del FILE_CACHE[key]
            file.close()


@for_seconds
def test_lazy_values_are_read_while_another_process_removes_their_file(catalog: Path, seconds: float) -> None:
    pytest.importorskip("dask")
    assembly = brainio.get_assembly(NAME, chunks={"presentation": 2})
    removing = start(remove_repeatedly, catalog, seconds, 0)
    while removing.is_alive():
        close_files()
        assert np.array_equal(assembly.values, VALUES)
    assert join([removing]) == [0]
    prune_all(catalog)
    close_files()
    assert np.array_equal(pickle.loads(pickle.dumps(assembly)).values, VALUES)
    assert list(home_of(catalog).glob(f"content/*/*/{NC}"))


@pytest.mark.filterwarnings("ignore::brainio.errors.CatalogWarning")
def test_lazy_values_of_a_removed_file_without_a_hash_are_an_error_that_names_it(catalog: Path) -> None:
    pytest.importorskip("dask")
    catalog.write_text(catalog.read_text().replace(sha1((catalog.parent / NC).read_bytes()), ""))
    assembly = brainio.get_assembly(NAME, chunks={"presentation": 2})
    prune_all(catalog)
    assert np.array_equal(assembly.values, VALUES)  # the handle is open
    close_files()
    with pytest.raises(FormatError, match=rf"{NC}.*was removed; fetch"):
        assembly.compute()


def test_a_pruned_archive_is_recognized_behind_wrapping_errors(
    catalog: Path,
) -> None:
    from brainio.fetch.cache_access import local_cache
    from brainio.fetch.entry_files import prefix_errors

    with pytest.raises(FormatError) as caught, prefix_errors(resolve("stimulus_set", NAME)):
        local_cache().unpack(catalog.parent / "gone.zip", sha1(ARCHIVE))
    assert is_missing_file_error(caught.value)


def test_a_read_is_retried_up_to_nine_times_if_its_file_was_pruned(catalog: Path) -> None:
    losses = iter(range(9))

    def work() -> str:
        if next(losses, None) is not None:
            raise FileNotFoundError("pruned")
        return "read"

    assert retry_if_pruned(work) == "read"
    assert not is_held(home_of(catalog))


def test_a_read_of_a_damaged_file_is_not_retried(catalog: Path) -> None:
    attempts = []

    def read(path: Path) -> None:
        attempts.append(path)
        raise FormatError("damaged")

    with pytest.raises(FormatError, match="damaged"):
        retry_if_pruned(lambda: read_if_unchanged(read, catalog))
    assert attempts == [catalog]
