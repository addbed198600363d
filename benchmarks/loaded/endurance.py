"""Load that lasts: memory while everything is asked for and a catalog changes, and workers that are killed under it."""

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

from benchmarks.loaded.latency import Line, Plan
from benchmarks.loaded.request_paths import CHANGING, FILE, GENERATED, LAB_DATA, STIMULI, entry, questions, stimulus_id
from benchmarks.loaded.service_process import Process, Service, until
from benchmarks.loaded.wrk import Ask, Measured, ask
from benchmarks.search_index import name_of

_CONNECTIONS = 16
_GROWTH = 1.10  # of the memory of a process, from the second fifth of the time to the last
_CHANGES_EVERY = 10.0  # seconds
_KILLS_EVERY = 10.0  # seconds


def mixed(entries: int, seed: int) -> list[Ask]:
    """Return requests of all kinds in any order: records, lists, searches, pages, files and parts of files, changes."""
    rng = random.Random(seed)
    known = [rng.randrange(entries) for _ in range(300)]
    asks = [Ask(entry(number)) for number in known]
    asks += [Ask(f"/api/v1/history/generated/assembly/{name_of(number)}") for number in known[:50]]
    asks += [Ask(f"/api/v1/entries?catalog=generated&limit=50&prefix={name_of(number)[:5]}") for number in known[:50]]
    asks += [Ask(f"/api/v1/search?{query}") for query in questions(100, entries, seed)]
    asks += [Ask(f"/?{query}") for query in questions(100, entries, seed + 1)]
    asks += [Ask(path) for path in ("/", "/catalog/lab", "/catalogs/lab", "/api/v1/catalogs", "/api/v1") * 10]
    asks += [Ask(f"/api/v1/entries/lab/{kind}/{LAB_DATA}") for kind in ("assembly", "stimulus_set")] * 20
    asks += [Ask(f"/api/v1/cards/lab/{kind}/{LAB_DATA}") for kind in ("assembly", "stimulus_set")] * 20
    asks += [Ask(FILE, 206, (f"Range: bytes={start}-{start + 99_999}",)) for start in rng.sample(range(1_000_000), 100)]
    asks += [Ask(FILE)] * 10
    asks += [Ask(entry(number), headers=("Connection: close",)) for number in known]  # so that all workers get some
    rng.shuffle(asks)
    return asks


def pages_of_data() -> list[Ask]:
    """Return the pages that show the packaged data set."""
    own = [Ask(f"/{kind}/lab/{LAB_DATA}") for kind in ("assembly", "stimulus_set")] * 20
    return own + [Ask(f"/stimulus/lab/{LAB_DATA}?id={stimulus_id(number)}") for number in range(STIMULI)]


def measure_memory(plan: Plan) -> list[Line]:
    """Measure what processes take under mixed load, while a catalog changes."""
    samples: list[list[Process]] = []
    with plan.service(plan.workers) as running:
        asks = mixed(plan.entries, plan.seed) + _there(running, pages_of_data())
        asks += [Ask("/api/v1/catalogs/changing/changes")] * 20
        random.Random(plan.seed).shuffle(asks)
        samples.append(running.processes())
        every = max(1.0, min(10.0, plan.minutes * 6))
        with (
            _again_and_again(every, lambda: samples.append(running.processes())),
            _again_and_again(_CHANGES_EVERY, _change(plan.data)),
        ):
            run = ask(running.url, asks, plan.minutes * 60, connections=_CONNECTIONS)
        samples.append(running.processes())
        time.sleep(min(5.0, plan.minutes * 60))
        samples.append(running.processes())
    return [_errors(f"{plan.minutes:g} minutes of mixed load", run), *_flat(samples, every)]


def _there(running: Service, asks: list[Ask]) -> list[Ask]:
    """Leave out kinds of pages that are not there; `measure_pages` says so of them."""
    kinds = {one.path.split("/")[1]: one for one in asks}
    known = {kind for kind, one in kinds.items() if ask(running.url, [one], 1, connections=1).refused == 0}
    return [one for one in asks if one.path.split("/")[1] in known]


def _change(data: Path) -> Callable[[], None]:
    """Return what adds an entry to the catalog that changes; readers see it with the entry, or without."""
    template = (data / GENERATED).read_text().splitlines()[1]
    first = template.partition(",")[0]

    def change() -> None:
        path = data / CHANGING
        text = path.read_text()
        part = path.with_suffix(".part")
        part.write_text(f"{text}{template.replace(first, f'lab.Added{text.count(chr(10))}')}\n")
        part.replace(path)

    return change


@contextmanager
def _again_and_again(seconds: float, work: Callable[[], object]) -> Iterator[None]:
    """Do something in a thread every so many seconds; what fails there fails here at the end."""
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


def _errors(what: str, run: Measured) -> Line:
    return Line(
        what,
        f"{run.requests:,} answers, {run.rate:,.0f}/s, p99 {run.p99_ms:.0f} ms; {run.refused} errors, "
        f"{run.broken} broken connections, {run.timeouts} too late",
        "every request answered",
        run.is_clean,
        vars(run),
    )


def _flat(samples: list[list[Process]], every: float) -> list[Line]:
    """Judge each process: in the last fifth of the time it takes hardly more than in the second."""
    lines = []
    fifth = max(1, len(samples) // 5)
    for number, process in enumerate(samples[0]):
        taken = [sample[number].memory / 2**20 for sample in samples if len(sample) > number]
        early, late = statistics.median(taken[fifth : 2 * fifth] or taken[-1:]), statistics.median(taken[-fifth:])
        minutes = taken[:: max(1, round(60 / every))]
        files = samples[-1][number].files - process.files
        threads = samples[-1][number].threads - process.threads
        is_same = {sample[number].pid for sample in samples if len(sample) > number} == {process.pid}
        lines.append(
            Line(
                f"memory of {'the first process' if number == 0 else f'worker {number}'}",
                f"{taken[0]:.0f} MB at the start; each minute {', '.join(f'{one:.0f}' for one in minutes[1:])}; "
                f"{taken[-1]:.0f} at the end; {files:+} files, {threads:+} threads" + ("" if is_same else "; replaced"),
                f"last fifth <= {_GROWTH:.2f} x second fifth",
                late <= _GROWTH * early and is_same,
                {"mb": taken, "every_s": every, "growth": late / early, "files": files, "threads": threads},
            )
        )
    return lines


def measure_killing(plan: Plan) -> list[Line]:
    """Kill a worker again and again under load, and compare every answer with the one that is right."""
    replaced: list[float] = []
    with tempfile.TemporaryDirectory() as folder, plan.service(max(2, plan.workers)) as running:
        asks = mixed(plan.entries, plan.seed) + _there(running, pages_of_data())
        asks = _expected(running, asks, Path(folder))

        def kill() -> None:
            before = running.workers()
            begin = time.monotonic()
            os.kill(random.choice(before), signal.SIGKILL)
            until(lambda: len(now := running.workers()) == len(before) and set(now) != set(before))
            replaced.append(time.monotonic() - begin)

        every = min(_KILLS_EVERY, plan.kill_seconds / 3)
        with _again_and_again(every, kill):
            run = ask(running.url, asks, plan.kill_seconds, connections=_CONNECTIONS, compare=True)
        health = running.get("/healthz/ready")
    told = f"; {run.first_wrong}" if run.wrong else ""
    slowest = max(replaced, default=float("nan"))
    return [
        Line(
            f"{len(replaced)} workers killed in {plan.kill_seconds:g} s",
            f"{run.requests:,} answers, {run.wrong} wrong{told}; {run.broken} connections broke, {run.timeouts} too "
            f"late; replaced after {slowest:.1f} s at most",
            "none wrong, each replaced",
            run.wrong == 0 and run.refused == 0 and bool(replaced) and b'"ok"' in health,
            vars(run) | {"replaced_s": replaced},
        )
    ]


def _expected(running: Service, asks: list[Ask], folder: Path) -> list[Ask]:
    """Have the body of every answer lie in a file, as a worker that nobody disturbs gives it."""
    bodies: dict[tuple[str, tuple[str, ...]], Path] = {}
    for one in asks:
        key = one.path, one.headers
        if key not in bodies:
            bodies[key] = folder / str(len(bodies))
            bodies[key].write_bytes(running.get(one.path, **dict(line.split(": ") for line in one.headers)))
    return [Ask(one.path, one.status, one.headers, bodies[one.path, one.headers]) for one in asks]
