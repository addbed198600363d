"""Throughput and latency of entries, searches and pages, each measured on a newly started service."""

import shutil
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.loaded.page_weight import measure_page_weight
from benchmarks.loaded.request_paths import CHANGING, FILE, GENERATED, LAB, entry_path, page_paths, search_queries
from benchmarks.loaded.service_process import Service, bare_route, run_service
from benchmarks.loaded.wrk import LoadResult, Request, send_load

_MOST_ENTRIES = 10_000  # of the rounds beside the bare route
_TARGET_RATIO, _TARGET_SEARCH_MS, _TARGET_PAGE_MS, _TARGET_PAGE_KB = 0.5, 100.0, 200.0, 150.0
_BARE_ROUTE = "bare FastAPI route"


@dataclass(frozen=True)
class LoadSettings:
    """Settings of the load tests, from the command line.

    Attributes
    ----------
    data : Path
        Folder of the catalogs.
    entries, seed : int
        Size and seed of the generated catalog.
    rounds : int
        Number of rounds in which each kind of request runs once.
    seconds : float
        Duration of a run of wrk.
    search_rate, page_rate : float
        Requests per second.
    minutes : float
        Duration of the mixed load.
    kill_seconds : float
        Duration of the load while workers are killed.
    workers : int
        Number of worker processes, except in the comparison with the bare route.
    options : tuple of str
        Further options of `brainio serve`.
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
        """Run a service with precomputed profiles, and send a first search, which builds the index."""
        catalogs = [self.data / name for name in (GENERATED, LAB, CHANGING)]
        options = ("--workers", str(workers), *self.options)
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(self.data / "home", Path(folder, "home"))
            with run_service(Path(folder), catalogs, *options) as service:
                service.get("/api/v1/search?q=first")
                yield service


@dataclass(frozen=True)
class Result:
    """One row of the table.

    Attributes
    ----------
    title : str
        Description of the measurement.
    text : str
        Measured figures for readers.
    target : str
        The target; empty without one.
    met : bool or None
        Whether the target is met; None without one.
    figures : dict
        Measured figures for programs.
    """

    title: str
    text: str
    target: str = ""
    met: bool | None = None
    figures: dict[str, Any] = field(default_factory=dict)


def measure_entries(settings: LoadSettings) -> list[Result]:
    """Measure requests for entries in turn with a bare route that returns the same bytes, with one process each."""
    all_entries = [Request(entry_path(number)) for number in range(settings.entries)]
    sample = all_entries[:_MOST_ENTRIES]
    cached = {"one entry": sample[:1], f"{len(sample):,} different entries, cached": sample}
    with (
        settings.service(1) as service,
        tempfile.TemporaryDirectory() as folder,
        bare_route(Path(folder), service.get(entry_path(0))) as bare_url,
    ):
        seconds = settings.seconds
        while send_load(service.url, sample, seconds).requests < len(sample):  # each run starts with the first entry
            seconds *= 1.5
        results = _measure_in_turn(settings, service.url, bare_url, cached, has_target=True)
        others = {
            "one entry, 304 Not Modified": [Request(entry_path(0), 304, ("If-None-Match: *",))],
            f"{len(all_entries):,} different entries, not cached": all_entries,
            "list of 100 entries": [Request("/api/v1/entries?limit=100")],
            "a catalog as CSV": [Request("/catalogs/lab")],
            "100 kB of a file": [Request(FILE, 206, ("Range: bytes=0-99999",))],
        }
        results += _measure_in_turn(settings, service.url, bare_url, others, has_target=False)[1:]
    return results


def _measure_in_turn(
    settings: LoadSettings, url: str, bare_url: str, requests: dict[str, list[Request]], *, has_target: bool
) -> list[Result]:
    """Measure the bare route and each kind of request once per round."""
    runs: dict[str, list[LoadResult]] = {}
    for number in range(settings.rounds + 1):  # the first round is the warm-up
        round_runs = {_BARE_ROUTE: send_load(bare_url, [Request("/")], settings.seconds)}
        round_runs |= {name: send_load(url, kind, settings.seconds) for name, kind in requests.items()}
        for name, run in round_runs.items() if number else ():
            runs.setdefault(name, []).append(run)
    bare = runs[_BARE_ROUTE]
    return [_compare_with_bare(name, own, bare, has_target and own is not bare) for name, own in runs.items()]


def _compare_with_bare(name: str, runs: list[LoadResult], bare: list[LoadResult], has_target: bool) -> Result:
    ratio = statistics.median(run.rate / floor.rate for run, floor in zip(runs, bare, strict=True))
    rate, p99_ms = statistics.median(run.rate for run in runs), statistics.median(run.p99_ms for run in runs)
    is_clean = all(run.is_clean for run in runs)
    return Result(
        name,
        f"{rate:,.0f}/s, {ratio:.2f} x bare, p99 {p99_ms:.1f} ms",
        f">= {_TARGET_RATIO} x bare" if has_target else "",
        ratio >= _TARGET_RATIO and is_clean if has_target else None,
        {"rate": rate, "ratio": ratio, "p99_ms": p99_ms, "clean": is_clean},
    )


def measure_search(settings: LoadSettings) -> list[Result]:
    """Measure searches of many kinds at a steady rate, each repeated a few times at most."""
    queries = search_queries(5000, settings.entries, settings.seed)
    requests = _on_new_connections([f"/api/v1/search?{query}" for query in queries])
    with settings.service(settings.workers) as service:
        send_load(service.url, requests[-500:], min(settings.seconds, 5), rate=settings.search_rate)
        seconds = max(settings.seconds, 30 if settings.rounds > 1 else 1)
        run = send_load(service.url, requests, seconds, rate=settings.search_rate)
    title = f"search over {settings.entries:,} entries at {settings.search_rate:g}/s"
    return [_judge_steady(title, run, settings.search_rate, "p99_ms", _TARGET_SEARCH_MS)]


def _on_new_connections(paths: list[str]) -> list[Request]:
    """Return requests that close their connection, because a persistent one always reaches the same worker."""
    return [Request(path, headers=("Connection: close",)) for path in paths]


def measure_pages(settings: LoadSettings) -> list[Result]:
    """Measure each kind of page at a steady rate, and the bytes of a first visit."""
    results = []
    with settings.service(settings.workers) as service:
        for name, paths in page_paths(settings.entries, settings.seed).items():
            weight = measure_page_weight(service, paths[0])
            if weight is None:
                results.append(Result(f"page: {name}", f"{paths[0]} does not exist", "a page", met=False))
                continue
            requests = _on_new_connections(paths)
            send_load(service.url, requests, min(settings.seconds, 3), rate=settings.page_rate)
            run = send_load(service.url, requests, settings.seconds, rate=settings.page_rate)
            title = f"page: {name} at {settings.page_rate:g}/s"
            results.append(_judge_steady(title, run, settings.page_rate, "p95_ms", _TARGET_PAGE_MS))
            results.append(
                Result(
                    f"bytes: {name}",
                    f"{weight.page / 1e3:.1f} kB + {weight.assets / 1e3:.1f} kB style and script; "
                    f"{weight.thumbnails} thumbnails of {weight.thumbnail_bytes / 1e3:.1f} kB",
                    f"< {_TARGET_PAGE_KB:g} kB without thumbnails",
                    (weight.page + weight.assets) / 1e3 < _TARGET_PAGE_KB,
                    vars(weight),
                )
            )
    return results


def _judge_steady(title: str, run: LoadResult, rate: float, percentile: str, target_ms: float) -> Result:
    """Judge a run at a steady rate: it must reach the rate, without errors, and with the target latency."""
    is_steady = run.rate >= 0.95 * rate and run.late <= 0.01 * run.requests
    errors = f", {run.refused} refused, {run.broken} broken, {run.timeouts} timeouts"
    return Result(
        title,
        f"p50 {run.p50_ms:.1f} ms, p95 {run.p95_ms:.1f} ms, p99 {run.p99_ms:.1f} ms at {run.rate:.1f}/s"
        + ("" if run.is_clean else errors),
        f"{percentile[:3]} < {target_ms:g} ms",
        getattr(run, percentile) < target_ms and is_steady and run.is_clean,
        vars(run),
    )
