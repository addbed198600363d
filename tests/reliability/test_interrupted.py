"""Ctrl-C ends every wait at once, slow downloads are not stalled, and forked processes can download."""

import hashlib
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from brainio import locks
from brainio.fetch import ExpectedFile, ensure_cached
from brainio.fetch import download as downloading
from brainio.stores import parse_location
from tests.reliability.faults import answered, slowly, stall
from tests.reliability.faulty_lab import FaultyLab
from tests.servers import FaultyServer

MIB = 1 << 20
LARGE = os.urandom(MIB) * 76  # downloaded in parts after its first 8 MiB
SMALL = os.urandom(3 * MIB // 2)
PATIENCE = 25  # seconds; the read timeout is 60


def start_get(lab: FaultyLab, identifier: str) -> subprocess.Popen[str]:
    """Start `brainio get` and wait until its download has begun."""
    process = subprocess.Popen(
        [sys.executable, "-m", "brainio", "get", identifier],
        env={**os.environ, "BRAINIO_CATALOGS": str(lab.catalog)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr is not None
    assert "to fetch" in process.stderr.readline()
    return process


def wait_for(happened: Callable[[], bool]) -> None:
    while not happened():
        time.sleep(0.02)


def interrupt(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        _, error = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 130
    assert error.endswith("interrupted\n")
    assert "Traceback" not in error


def partial_bytes(lab: FaultyLab, body: bytes) -> bytes:
    """Return the bytes that an earlier download left."""
    return (lab.home / "partial" / f"sha1-{hashlib.sha1(body).hexdigest()}.part").read_bytes()


def test_ctrl_c_ends_a_stalled_large_download_and_keeps_the_received_part(
    faulty_lab: FaultyLab,
) -> None:
    faulty_lab.publish("large.nc", LARGE, "NeuroidAssembly", "lab.Large")
    faulty_lab.server.faults["large.nc"] = itertools.chain([stall(9 * MIB)], itertools.repeat(stall(MIB)))
    process = start_get(faulty_lab, "lab.Large")
    wait_for(lambda: len(faulty_lab.gets("large.nc")) > 4)
    interrupt(process)
    left = partial_bytes(faulty_lab, LARGE)
    assert len(left) >= 8 * MIB
    assert LARGE.startswith(left)


def test_ctrl_c_ends_a_stalled_small_download_and_keeps_the_received_part(
    faulty_lab: FaultyLab,
) -> None:
    faulty_lab.publish("small.nc", SMALL, "NeuroidAssembly", "lab.Small")
    faulty_lab.server.faults["small.nc"] = itertools.repeat(stall(MIB))
    process = start_get(faulty_lab, "lab.Small")
    wait_for(lambda: len(faulty_lab.gets("small.nc")) > 0)
    time.sleep(0.5)
    interrupt(process)
    left = partial_bytes(faulty_lab, SMALL)
    assert left
    assert SMALL.startswith(left)


def test_ctrl_c_ends_the_wait_for_another_process(http_lab: FaultyLab) -> None:
    http_lab.publish("small.nc", SMALL, "NeuroidAssembly", "lab.Small")
    http_lab.server.faults["small.nc"] = itertools.repeat(stall(MIB))
    holder = start_get(http_lab, "lab.Small")
    wait_for(lambda: len(http_lab.gets("small.nc")) > 0)
    waiter = start_get(http_lab, "lab.Small")
    time.sleep(0.5)
    interrupt(waiter)
    assert len(http_lab.gets("small.nc")) == 1
    interrupt(holder)


def test_ctrl_c_ends_the_wait_of_a_retry_after_header(http_lab: FaultyLab) -> None:
    http_lab.publish("small.nc", SMALL, "NeuroidAssembly", "lab.Small")
    http_lab.server.faults["small.nc"] = itertools.repeat(answered(503, {"Retry-After": "60"}))
    process = start_get(http_lab, "lab.Small")
    wait_for(lambda: len(http_lab.gets("small.nc")) > 0)
    interrupt(process)


@pytest.fixture
def soon_stalled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Consider a process stalled after 3 seconds instead of 30, and download in parts of 256 KiB."""
    monkeypatch.setattr(locks, "STALLED", 3.0)
    monkeypatch.setattr(downloading, "_PART", MIB // 4)
    monkeypatch.setattr(downloading, "_IN_PARTS_FROM", MIB)
    monkeypatch.setattr(downloading, "CHUNK", 16 << 10)


def fetch_twice(location: str) -> None:
    """Fetch one file in two threads at once, each with its own lock, like two processes."""
    expected = ExpectedFile([(parse_location(location), "")], hashlib.sha1(SMALL).hexdigest())
    threads = [threading.Thread(target=ensure_cached, args=(expected,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ensure_cached(expected).read_bytes() == SMALL


@pytest.mark.usefixtures("soon_stalled")
def test_a_slow_download_in_parts_is_not_considered_stalled(faulty: FaultyServer) -> None:
    faulty.objects["lab-bucket", "a.nc"] = SMALL
    faulty.faults["a.nc"] = itertools.repeat(slowly(6.0))  # no part is complete within six seconds
    fetch_twice("s3://lab-bucket/a.nc")
    ranges = [request.headers.get("Range", "") for request in faulty.requests]
    assert len(ranges) > 4
    assert len(ranges) == len({*ranges})


@pytest.mark.usefixtures("soon_stalled")
def test_a_download_that_waits_for_retry_after_is_not_considered_stalled(faulty: FaultyServer) -> None:
    faulty.objects["lab-bucket", "a.nc"] = SMALL
    faulty.faults["a.nc"] = iter([answered(503, {"Retry-After": "6"})])
    fetch_twice(f"{faulty.url}/lab-bucket/a.nc")
    whole = [request for request in faulty.requests if "Range" not in request.headers]
    assert len(whole) == 2


FORKED = """
import hashlib, os, signal, sys, threading, time
from brainio.fetch import ExpectedFile, download, ensure_cached
from brainio.stores import parse_location
from brainio.stores import s3_requests

def fetch(number):
    ensure_cached(ExpectedFile([(parse_location(f"s3://lab-bucket/stalled{number}"), "")], f"{number:040}"))

for number in range(download.CONNECTIONS):
    threading.Thread(target=fetch, args=(number,), daemon=True).start()
while download._limits.connections.acquire(blocking=False):
    download._limits.connections.release()
    time.sleep(0.02)

def hold():
    with s3_requests._lock:
        held.set()
        time.sleep(1)

held = threading.Event()
threading.Thread(target=hold, daemon=True).start()
held.wait()
child = os.fork()
if child == 0:
    signal.alarm(20)
    good = ExpectedFile([(parse_location("s3://lab-bucket/good"), "")], hashlib.sha1(b"good").hexdigest())
    os._exit(0 if ensure_cached(good).read_bytes() == b"good" else 1)
os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0)
"""


def test_a_process_forked_while_all_connections_are_in_use_can_download(faulty: FaultyServer) -> None:
    faulty.objects["lab-bucket", "good"] = b"good"
    for number in range(downloading.CONNECTIONS):
        faulty.objects["lab-bucket", f"stalled{number}"] = SMALL
        faulty.faults[f"stalled{number}"] = itertools.repeat(stall(MIB))
    assert subprocess.run([sys.executable, "-c", FORKED], check=False, timeout=90).returncode == 0
