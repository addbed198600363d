"""Fork while threads hold each lock of the package: ``python -m tests.reliability.forks [CHILDREN] [NAME...]``.

In each scenario, two threads repeat an operation while the process forks children at random moments. Each child does
the same operation and compares the values. The table counts children that hung, crashed (ended by a signal), or read
wrong values.
"""

from __future__ import annotations

import faulthandler
import importlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import h5py  # type: ignore[import-untyped]
import numpy as np
import xarray as xr

import brainio
from brainio import forks
from brainio.assemblies import NeuroidAssembly
from brainio.cards.profile_builder import build_profile
from brainio.cards.profiles import StimulusProfile, find_profile
from brainio.catalogs import registry, resolve
from brainio.netcdf.hdf5_lock import hdf5_access
from brainio.packaging import write_netcdf
from brainio.progress import TransferBar
from brainio.stores import open_read, parse_location
from tests.reliability.faulty_lab import CSV, NAME, PICTURES, TABLE, FaultyLab
from tests.servers import FaultyServer

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 10  # seconds after which a child hangs
THREADS = 2
VALUES = np.random.default_rng(0).normal(size=(200, 1500))
SMALL = np.arange(8.0).reshape(4, 2)


class Row(NamedTuple):
    """The outcomes of the children of one scenario, and the longest time of a fork."""

    children: int
    hung: int
    crashed: int
    wrong: int
    longest: float

    @property
    def is_good(self) -> bool:
        """Whether every child read the right values."""
        return not self.hung + self.crashed + self.wrong


class Bench:
    """Files, catalogs and a server for all scenarios. Each public method is a scenario."""

    def __init__(self, folder: Path, server: FaultyServer) -> None:
        self._folder, self._path = folder, folder / "a.nc"
        levels = {
            "stimulus_id": ("presentation", ["1", "2"] * (len(VALUES) // 2)),
            "repetition": ("presentation", np.arange(len(VALUES)) // 2),
            "neuroid_id": ("neuroid", np.arange(VALUES.shape[1])),
        }
        attrs = {"stimulus_set_identifier": NAME, "identifier": NAME}
        write_netcdf(NeuroidAssembly(VALUES, levels, ["presentation", "neuroid"], attrs=attrs), self._path)
        lab = FaultyLab(folder, server, "S3")
        lab.publish_stimuli()
        lab.publish(f"assy_{NAME}.nc", self._path.read_bytes(), "NeuroidAssembly")
        brainio.add_catalog(lab.catalog)
        self._streamed = brainio.get_assembly(NAME, stream=True)
        self._lazy = NeuroidAssembly.from_files(self._path, chunks={"neuroid": 100})
        brainio.get_stimulus_set(NAME)
        build_profile(resolve("stimulus_set", NAME))
        slow = folder / "modules" / "slow_module.py"
        slow.parent.mkdir()
        slow.write_text("import time\ntime.sleep(0.1)\n")
        brainio.__path__.append(str(slow.parent))

    def load(self) -> None:
        _require_same(NeuroidAssembly.from_files(self._path))

    def compute_lazy_values(self) -> None:
        _require_same(self._lazy.compute())

    def open_lazily(self) -> None:
        _require_same(NeuroidAssembly.from_files(self._path, chunks={"neuroid": 500}).compute())

    def read_with_xarray(self) -> None:
        with xr.open_dataset(self._path, engine="netcdf4") as dataset:
            assert dataset.load().sizes["neuroid"] == VALUES.shape[1]
        self.load()

    def read_with_h5py(self) -> None:
        with h5py.File(self._path) as file:
            assert file["data"][...].size == VALUES.size
        self.load()

    def stream(self) -> None:
        _require_same(self._streamed.copy(deep=True))

    def write(self) -> None:
        path = self._own("nc")
        write_netcdf(NeuroidAssembly(SMALL, {"n": ("neuroid", [0, 1])}, ["presentation", "neuroid"]), path)
        np.testing.assert_array_equal(NeuroidAssembly.from_files(path).values, SMALL)

    def make_lazy_arrays(self) -> None:
        from dask.base import tokenize

        tokenize(VALUES, list(range(20_000)))
        self.compute_lazy_values()

    def read_from_s3(self) -> None:
        with open_read(parse_location(f"s3://lab-bucket/{CSV}")) as reading:
            assert b"".join(reading.chunks()) == TABLE

    def get_stimuli(self) -> None:
        stimuli = brainio.get_stimulus_set(NAME)
        assert [Path(stimuli.get_stimulus(key)).stat().st_size for key in "12"] == [*map(len, PICTURES.values())]

    def read_catalogs(self) -> None:
        registry._reads.clear()
        assert NAME in brainio.list_stimulus_sets()

    def search(self) -> None:
        assert NAME in {hit.identifier for hit in brainio.search("Doe2026")}

    def read_profile(self) -> None:
        profile = find_profile(resolve("stimulus_set", NAME))
        assert isinstance(profile, StimulusProfile)
        assert profile.rows()[1] == 2

    def record_lock_file(self) -> None:
        with brainio.record_lock(self._own("lock")) as recording:
            brainio.get_stimulus_set(NAME)
        assert recording.records

    def draw_progress(self) -> None:
        for _ in range(20):
            with TransferBar("a", 1) as bar:
                bar.file(1).reach(1)

    def import_modules(self) -> None:
        with suppress(KeyError):  # both threads import it
            importlib.import_module("brainio.slow_module")
        sys.modules.pop("brainio.slow_module", None)
        time.sleep(0.4)

    def hold_each_lock(self) -> None:
        for lock in forks._locks():
            lock.acquire(True)
            time.sleep(0.002)
            lock.release()

    def fork_within_hdf5(self) -> None:
        self.load()

    def fork_in_threads(self) -> None:
        self.load()
        if threading.current_thread() is not threading.main_thread():
            child, _ = _fork(self.load)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    def _own(self, ending: str) -> Path:
        return self._folder / f"{os.getpid()}-{threading.get_ident()}.{ending}"


NAMES = [name for name in vars(Bench) if not name.startswith("_")]


def _require_same(assembly: Any) -> None:
    np.testing.assert_array_equal(assembly.values, VALUES)


def _fork(check: Callable[[], object]) -> tuple[int, float]:
    """Fork a child that exits with 0 if a check passes. Return its pid and the duration of the fork in seconds."""
    start = time.monotonic()
    child = os.fork()
    if child:
        return child, time.monotonic() - start
    code = 1
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(PATIENCE)
        faulthandler.dump_traceback_later(PATIENCE - 1)
        check()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def run(bench: Bench, name: str, children: int) -> Row:
    """Fork children while threads repeat one scenario."""
    work, stop, failures = getattr(bench, name), threading.Event(), []

    def repeat() -> None:
        while not stop.is_set():
            try:
                work()
            except Exception:
                failures.append(traceback.format_exc())
                return

    work()
    threads = [threading.Thread(target=repeat) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    pids, longest = [], 0.0
    for _ in range(children):
        time.sleep(random.uniform(0, 0.05))
        if name == "fork_within_hdf5":
            with hdf5_access():
                pid, took = _fork(work)
        else:
            pid, took = _fork(work)
        pids.append(pid)
        longest = max(longest, took)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    stop.set()
    for thread in threads:
        thread.join()
    if failures:
        raise AssertionError(failures[0])
    hung = codes.count(-signal.SIGALRM)
    return Row(children, hung, sum(code < 0 for code in codes) - hung, sum(code > 0 for code in codes), longest)


def table(children: int, names: list[str]) -> dict[str, Row]:
    """Run scenarios in this process, with a new server and a new folder."""
    random.seed(4)
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder, FaultyServer() as server:
        os.environ |= {"AWS_ENDPOINT_URL": server.url, "BRAINIO_HOME": f"{folder}/home", "BRAINIO_CATALOGS": ""}
        bench = Bench(Path(folder), server)
        rows = {}
        for name in names:
            rows[name] = row = run(bench, name, children)
            shown = f"{row.children:8} {row.hung:4} {row.crashed:7} {row.wrong:5} {row.longest:11.2f} s"
            print(f"{name:22} {shown}", flush=True)
    return rows


if __name__ == "__main__":
    print(f"{'threads inside':22} children hung crashed wrong longest fork")
    found = table(int(sys.argv[1]) if sys.argv[1:] else 40, sys.argv[2:] or NAMES)
    sys.exit(not all(row.is_good for row in found.values()))
