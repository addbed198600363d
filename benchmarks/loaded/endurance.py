"""Endurance of the service: its memory under minutes of mixed load, and its responses while workers are killed."""

import os
import random
import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.loaded.latency import LoadSettings, Result
from benchmarks.loaded.request_paths import (
    CHANGING,
    FILE,
    GENERATED,
    LAB_DATA,
    STIMULI,
    entry_path,
    search_queries,
    stimulus_id,
)
from benchmarks.loaded.service_process import ProcessUsage, Service, wait_for
from benchmarks.loaded.wrk import LoadResult, Request, send_load
from benchmarks.search_index import entry_name

_CONNECTIONS = 16
_MOST_GROWTH = 1.10  # of the memory of a process, from the second fifth of the time to the last
_CHANGE_INTERVAL = 10.0  # seconds
_KILL_INTERVAL = 10.0  # seconds


def mixed_requests(entries: int, seed: int) -> list[Request]:
    """Return requests of all kinds in random order: records, lists, searches, pages, and whole and partial files."""
    rng = random.Random(seed)
    numbers = [rng.randrange(entries) for _ in range(300)]
    paths = [entry_path(number) for number in numbers]
    paths += [f"/api/v1/history/generated/assembly/{entry_name(number)}" for number in numbers[:50]]
    paths += [f"/api/v1/entries?catalog=generated&limit=50&prefix={entry_name(number)[:5]}" for number in numbers[:50]]
    paths += [f"/api/v1/search?{query}" for query in search_queries(100, entries, seed)]
    paths += [f"/?{query}" for query in search_queries(100, entries, seed + 1)]
    paths += ["/", "/catalog/lab", "/catalogs/lab", "/api/v1/catalogs", "/api/v1"] * 10
    paths += [f"/api/v1/entries/lab/{kind}/{LAB_DATA}" for kind in ("assembly", "stimulus_set")] * 20
    paths += [f"/api/v1/cards/lab/{kind}/{LAB_DATA}" for kind in ("assembly", "stimulus_set")] * 20
    paths += [FILE] * 10
    requests = [Request(path) for path in paths]
    starts = rng.sample(range(1_000_000), 100)
    requests += [Request(FILE, 206, (f"Range: bytes={start}-{start + 99_999}",)) for start in starts]
    # Closed connections distribute the load over all workers.
    requests += [Request(entry_path(number), headers=("Connection: close",)) for number in numbers]
    rng.shuffle(requests)
    return requests


def data_pages() -> list[Request]:
    """Return requests for the pages of the packaged data set."""
    entries = [Request(f"/{kind}/lab/{LAB_DATA}") for kind in ("assembly", "stimulus_set")] * 20
    return entries + [Request(f"/stimulus/lab/{LAB_DATA}?id={stimulus_id(number)}") for number in range(STIMULI)]


def measure_memory(settings: LoadSettings) -> list[Result]:
    """Measure the resources of all processes under mixed load, while a catalog changes."""
    samples: list[list[ProcessUsage]] = []
    with settings.service(settings.workers) as service:
        requests = mixed_requests(settings.entries, settings.seed) + _existing_pages(service, data_pages())
        requests += [Request("/api/v1/catalogs/changing/changes")] * 20
        random.Random(settings.seed).shuffle(requests)
        samples.append(service.usage())
        interval = max(1.0, min(10.0, settings.minutes * 6))
        with (
            _repeat_in_thread(interval, lambda: samples.append(service.usage())),
            _repeat_in_thread(_CHANGE_INTERVAL, _entry_adder(settings.data)),
        ):
            run = send_load(service.url, requests, settings.minutes * 60, connections=_CONNECTIONS)
        samples.append(service.usage())
        time.sleep(min(5.0, settings.minutes * 60))
        samples.append(service.usage())
    title = f"{settings.minutes:g} minutes of mixed load"
    return [_judge_responses(title, run), *_judge_growth(samples, interval)]


def _existing_pages(service: Service, requests: list[Request]) -> list[Request]:
    """Leave out kinds of pages that do not exist, which `measure_pages` reports."""
    kinds = {request.path.split("/")[1]: request for request in requests}
    existing = {
        kind for kind, request in kinds.items() if send_load(service.url, [request], 1, connections=1).refused == 0
    }
    return [request for request in requests if request.path.split("/")[1] in existing]


def _entry_adder(data: Path) -> Callable[[], None]:
    """Return a function that adds an entry to the changing catalog, with an atomic rename."""
    template = (data / GENERATED).read_text().splitlines()[1]
    identifier = template.partition(",")[0]

    def add_entry() -> None:
        path = data / CHANGING
        text = path.read_text()
        part = path.with_suffix(".part")
        part.write_text(f"{text}{template.replace(identifier, f'lab.Added{text.count(chr(10))}')}\n")
        part.replace(path)

    return add_entry


@contextmanager
def _repeat_in_thread(seconds: float, work: Callable[[], object]) -> Iterator[None]:
    """Call a function in a thread at an interval; raise its first error at the end of the block."""
    stop, failures = threading.Event(), []

    def loop() -> None:
        while not stop.wait(seconds):
            try:
                work()
            except Exception as error:
                failures.append(error)
                return

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if failures:
        raise failures[0]


def _judge_responses(title: str, run: LoadResult) -> Result:
    return Result(
        title,
        f"{run.requests:,} responses, {run.rate:,.0f}/s, p99 {run.p99_ms:.0f} ms; {run.refused} errors, "
        f"{run.broken} broken connections, {run.timeouts} timeouts",
        "no errors",
        run.is_clean,
        vars(run),
    )


def _judge_growth(samples: list[list[ProcessUsage]], interval: float) -> list[Result]:
    """Judge the memory of each process: in the last fifth of the time, hardly more than in the second fifth."""
    results = []
    fifth = max(1, len(samples) // 5)
    for number, process in enumerate(samples[0]):
        memory = [sample[number].memory / 2**20 for sample in samples if len(sample) > number]
        early, late = statistics.median(memory[fifth : 2 * fifth] or memory[-1:]), statistics.median(memory[-fifth:])
        minutes = memory[:: max(1, round(60 / interval))]
        files = samples[-1][number].files - process.files
        threads = samples[-1][number].threads - process.threads
        is_same = {sample[number].pid for sample in samples if len(sample) > number} == {process.pid}
        results.append(
            Result(
                f"memory of {'the main process' if number == 0 else f'worker {number}'}",
                f"{memory[0]:.0f} MB at the start; each minute {', '.join(f'{mb:.0f}' for mb in minutes[1:])}; "
                f"{memory[-1]:.0f} at the end; {files:+} files, {threads:+} threads"
                + ("" if is_same else "; replaced"),
                f"last fifth <= {_MOST_GROWTH:.2f} x second fifth",
                late <= _MOST_GROWTH * early and is_same,
                {"mb": memory, "every_s": interval, "growth": late / early, "files": files, "threads": threads},
            )
        )
    return results


def measure_kills(settings: LoadSettings) -> list[Result]:
    """Kill workers repeatedly under load, and compare every response with the expected one."""
    replacements: list[float] = []
    with tempfile.TemporaryDirectory() as folder, settings.service(max(2, settings.workers)) as service:
        requests = mixed_requests(settings.entries, settings.seed) + _existing_pages(service, data_pages())
        requests = _with_expected_bodies(service, requests, Path(folder))

        def kill_worker() -> None:
            before = service.workers()
            begin = time.monotonic()
            os.kill(random.choice(before), signal.SIGKILL)
            wait_for(lambda: len(now := service.workers()) == len(before) and set(now) != set(before))
            replacements.append(time.monotonic() - begin)

        interval = min(_KILL_INTERVAL, settings.kill_seconds / 3)
        with _repeat_in_thread(interval, kill_worker):
            run = send_load(service.url, requests, settings.kill_seconds, connections=_CONNECTIONS, compare=True)
        health = service.get("/healthz/ready")
    example = f"; {run.first_wrong}" if run.wrong else ""
    slowest = max(replacements, default=float("nan"))
    return [
        Result(
            f"{len(replacements)} workers killed in {settings.kill_seconds:g} s",
            f"{run.requests:,} responses, {run.wrong} wrong{example}; {run.broken} broken connections, {run.timeouts} "
            f"timeouts; slowest replacement {slowest:.1f} s",
            "none wrong, all replaced",
            run.wrong == 0 and run.refused == 0 and bool(replacements) and b'"ok"' in health,
            vars(run) | {"replaced_s": replacements},
        )
    ]


def _with_expected_bodies(service: Service, requests: list[Request], folder: Path) -> list[Request]:
    """Store the response to each request without load in a file, as its expected body."""
    bodies: dict[tuple[str, tuple[str, ...]], Path] = {}
    for request in requests:
        key = request.path, request.headers
        if key not in bodies:
            bodies[key] = folder / str(len(bodies))
            headers = dict(line.split(": ") for line in request.headers)
            bodies[key].write_bytes(service.get(request.path, **headers))
    return [
        Request(request.path, request.status, request.headers, bodies[request.path, request.headers])
        for request in requests
    ]
