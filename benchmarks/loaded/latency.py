"""The measurements: each starts what it needs, asks with wrk, and returns lines of the table."""

import shutil
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.loaded.page_weight import sizes_of
from benchmarks.loaded.request_paths import CHANGING, FILE, GENERATED, LAB, entry, pages, questions
from benchmarks.loaded.service_process import Service, bare, serving
from benchmarks.loaded.wrk import Ask, Measured, ask

_ENTRIES_ASKED = 10_000
_WANTED_RATIO, _WANTED_SEARCH_MS, _WANTED_PAGE_MS, _WANTED_PAGE_KB = 0.5, 100.0, 200.0, 150.0


@dataclass(frozen=True)
class Plan:
    """What is measured, as the command line says.

    Attributes
    ----------
    data : Path
        Folder with the catalogs.
    entries, seed : int
        Of the generated catalog.
    rounds : int
        Of each thing in turn.
    seconds : float
        Of each run of wrk.
    search_rate, page_rate : float
        Requests a second.
    minutes : float
        Of mixed load.
    kill_seconds : float
        How long load goes on while workers are killed.
    workers : int
        Processes, where more than one is measured.
    options : tuple of str
        Further ones of `brainio serve`.
    """

    data: Path
    entries: int
    seed: int
    rounds: int
    seconds: float
    search_rate: float
    page_rate: float
    minutes: float
    kill_seconds: float
    workers: int
    options: tuple[str, ...] = ()

    @contextmanager
    def service(self, workers: int) -> Iterator[Service]:
        """Serve the catalogs as on a machine where pictures are made, and search once, which makes the index."""
        catalogs = [self.data / name for name in (GENERATED, LAB, CHANGING)]
        options = ("--workers", str(workers), *self.options)
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(self.data / "home", Path(folder, "home"))
            with serving(Path(folder), catalogs, *options) as running:
                running.get("/api/v1/search?q=first")
                yield running


@dataclass(frozen=True)
class Line:
    """A line of the table: what was measured, in words, and whether that is what is wanted (None: nothing is)."""

    what: str
    found: str
    wanted: str = ""
    met: bool | None = None
    figures: dict[str, Any] = field(default_factory=dict)


def measure_entries(plan: Plan) -> list[Line]:
    """Measure requests of entries beside a bare route that returns the same bytes, one process each, in turn."""
    all_entries = [Ask(entry(number)) for number in range(plan.entries)]
    some = all_entries[:_ENTRIES_ASKED]
    kept = {"one entry": some[:1], f"{len(some):,} different entries, asked before": some}
    with (
        plan.service(1) as running,
        tempfile.TemporaryDirectory() as folder,
        bare(Path(folder), running.get(entry(0))) as floor,
    ):
        seconds = plan.seconds
        while ask(running.url, some, seconds).requests < len(some):  # wrk begins anew each time
            seconds *= 1.5
        lines = _in_turn(plan, running.url, floor, kept, is_judged=True)
        others = {
            "one entry, known to the client": [Ask(entry(0), 304, ("If-None-Match: *",))],
            f"{len(all_entries):,} different entries, rendered anew": all_entries,
            "list of 100 entries": [Ask("/api/v1/entries?limit=100")],
            "a catalog as CSV": [Ask("/catalogs/lab")],
            "100 kB of a file": [Ask(FILE, 206, ("Range: bytes=0-99999",))],
        }
        lines += _in_turn(plan, running.url, floor, others, is_judged=False)[1:]
    return lines


def _in_turn(plan: Plan, url: str, floor: str, asked: dict[str, list[Ask]], *, is_judged: bool) -> list[Line]:
    found: dict[str, list[Measured]] = {}
    for number in range(plan.rounds + 1):  # the first is the warm-up
        runs = {"bare FastAPI route": ask(floor, [Ask("/")], plan.seconds)}
        runs |= {name: ask(url, asks, plan.seconds) for name, asks in asked.items()}
        for name, run in runs.items() if number else ():
            found.setdefault(name, []).append(run)
    floors = found["bare FastAPI route"]
    return [_beside_bare(name, runs, floors, is_judged and runs is not floors) for name, runs in found.items()]


def _beside_bare(name: str, runs: list[Measured], floors: list[Measured], is_judged: bool) -> Line:
    ratio = statistics.median(run.rate / floor.rate for run, floor in zip(runs, floors, strict=True))
    rate, slowest = (
        statistics.median(values) for values in zip(*((one.rate, one.p99_ms) for one in runs), strict=True)
    )
    return Line(
        name,
        f"{rate:,.0f}/s, {ratio:.2f} x bare, p99 {slowest:.1f} ms",
        f">= {_WANTED_RATIO} x bare" if is_judged else "",
        ratio >= _WANTED_RATIO and all(one.is_clean for one in runs) if is_judged else None,
        {"rate": rate, "ratio": ratio, "p99_ms": slowest, "clean": all(one.is_clean for one in runs)},
    )


def measure_search(plan: Plan) -> list[Line]:
    """Measure searches of many kinds, each asked a few times at most, at a steady rate."""
    asks = _from_all([f"/api/v1/search?{query}" for query in questions(5000, plan.entries, plan.seed)])
    with plan.service(plan.workers) as running:
        ask(running.url, asks[-500:], min(plan.seconds, 5), rate=plan.search_rate)
        run = ask(running.url, asks, max(plan.seconds, 30 if plan.rounds > 1 else 1), rate=plan.search_rate)
    what = f"search over {plan.entries:,} entries at {plan.search_rate:g}/s"
    return [_steady(what, run, plan.search_rate, "p99_ms", _WANTED_SEARCH_MS)]


def _from_all(paths: list[str]) -> list[Ask]:
    """Ask each time over a new connection, as different clients do; one that stays is with the worker that it met."""
    return [Ask(path, headers=("Connection: close",)) for path in paths]


def measure_pages(plan: Plan) -> list[Line]:
    """Measure each kind of page at a steady rate, and how many bytes a first visit takes."""
    lines = []
    with plan.service(plan.workers) as running:
        for name, paths in pages(plan.entries, plan.seed).items():
            size = sizes_of(running, paths[0])
            if size is None:
                lines.append(Line(f"page: {name}", f"{paths[0]} is not there", "a page", met=False))
                continue
            ask(running.url, _from_all(paths), min(plan.seconds, 3), rate=plan.page_rate)
            run = ask(running.url, _from_all(paths), plan.seconds, rate=plan.page_rate)
            lines.append(
                _steady(f"page: {name} at {plan.page_rate:g}/s", run, plan.page_rate, "p95_ms", _WANTED_PAGE_MS)
            )
            lines.append(
                Line(
                    f"bytes: {name}",
                    f"{size.page / 1e3:.1f} kB + {size.assets / 1e3:.1f} kB style and script; "
                    f"{size.thumbnails} thumbnails of {size.thumbnail_bytes / 1e3:.1f} kB",
                    f"< {_WANTED_PAGE_KB:g} kB without thumbnails",
                    (size.page + size.assets) / 1e3 < _WANTED_PAGE_KB,
                    vars(size),
                )
            )
    return lines


def _steady(what: str, run: Measured, rate: float, percentile: str, wanted_ms: float) -> Line:
    """Judge a run at a steady rate: it has to have been held, every request answered, most of them in time."""
    ms = getattr(run, percentile)
    is_held = run.rate >= 0.95 * rate and run.late <= 0.01 * run.requests
    return Line(
        what,
        f"p50 {run.p50_ms:.1f} ms, p95 {run.p95_ms:.1f} ms, p99 {run.p99_ms:.1f} ms at {run.rate:.1f}/s"
        + ("" if run.is_clean else f", {run.refused} refused, {run.broken} broken, {run.timeouts} too late"),
        f"{percentile[:3]} < {wanted_ms:g} ms",
        ms < wanted_ms and is_held and run.is_clean,
        vars(run),
    )
