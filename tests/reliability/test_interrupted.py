"""Downloads that are ended, that are slow, or whose process is forked: nobody waits for what does not come."""

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
LARGE = os.urandom(MIB) * 76  # comes in parts, after its first 8 MiB
SMALL = os.urandom(3 * MIB // 2)
PATIENCE = 25  # seconds; a server that says nothing is given up after 60


def getting(lab: FaultyLab, identifier: str) -> subprocess.Popen[str]:
    """Run `brainio get` and wait until it has begun."""
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


def kept(lab: FaultyLab, body: bytes) -> bytes:
    """Return what an earlier download of a file left."""
    return (lab.home / "partial" / f"sha1-{hashlib.sha1(body).hexdigest()}.part").read_bytes()


def test_ctrl_c_ends_a_large_download_from_a_server_that_says_nothing_and_keeps_what_came(
    faulty_lab: FaultyLab,
) -> None:
    faulty_lab.publish("large.nc", LARGE, "NeuroidAssembly", "lab.Large")
    faulty_lab.server.faults["large.nc"] = itertools.chain([stall(9 * MIB)], itertools.repeat(stall(MIB)))
    process = getting(faulty_lab, "lab.Large")
    wait_for(lambda: len(faulty_lab.gets("large.nc")) > 4)
    interrupt(process)
    left = kept(faulty_lab, LARGE)
    assert len(left) >= 8 * MIB
    assert LARGE.startswith(left)


def test_ctrl_c_ends_a_small_download_from_a_server_that_says_nothing_and_keeps_what_came(
    faulty_lab: FaultyLab,
) -> None:
    faulty_lab.publish("small.nc", SMALL, "NeuroidAssembly", "lab.Small")
    faulty_lab.server.faults["small.nc"] = itertools.repeat(stall(MIB))
    process = getting(faulty_lab, "lab.Small")
    wait_for(lambda: len(faulty_lab.gets("small.nc")) > 0)
    time.sleep(0.5)
    interrupt(process)
    left = kept(faulty_lab, SMALL)
    assert left
    assert SMALL.startswith(left)


def test_ctrl_c_ends_the_waiting_for_another_process(http_lab: FaultyLab) -> None:
    http_lab.publish("small.nc", SMALL, "NeuroidAssembly", "lab.Small")
    http_lab.server.faults["small.nc"] = itertools.repeat(stall(MIB))
    holder = getting(http_lab, "lab.Small")
    wait_for(lambda: len(http_lab.gets("small.nc")) > 0)
    waiter = getting(http_lab, "lab.Small")
    time.sleep(0.5)
    interrupt(waiter)
    assert len(http_lab.gets("small.nc")) == 1
    interrupt(holder)


def test_ctrl_c_ends_the_waiting_that_a_server_asked_for(http_lab: FaultyLab) -> None:
    http_lab.publish("small.nc", SMALL, "NeuroidAssembly", "lab.Small")
    http_lab.server.faults["small.nc"] = itertools.repeat(answered(503, {"Retry-After": "60"}))
    process = getting(http_lab, "lab.Small")
    wait_for(lambda: len(http_lab.gets("small.nc")) > 0)
    interrupt(process)


@pytest.fixture
def soon_stalled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take a process for stalled after three seconds, where it is 30 otherwise; 256 KiB are a part."""
    monkeypatch.setattr(locks, "STALLED", 3.0)
    monkeypatch.setattr(downloading, "_PART", MIB // 4)
    monkeypatch.setattr(downloading, "_IN_PARTS_FROM", MIB)
    monkeypatch.setattr(downloading, "CHUNK", 16 << 10)


def fetched_by_two(location: str) -> None:
    """Let two want one file, each with a lock of its own as two processes have."""
    wanted = ExpectedFile([(parse_location(location), "")], hashlib.sha1(SMALL).hexdigest())
    threads = [threading.Thread(target=ensure_cached, args=(wanted,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ensure_cached(wanted).read_bytes() == SMALL


@pytest.mark.usefixtures("soon_stalled")
def test_a_download_in_parts_over_a_slow_line_is_not_taken_for_stalled(faulty: FaultyServer) -> None:
    faulty.objects["lab-bucket", "a.nc"] = SMALL
    faulty.faults["a.nc"] = itertools.repeat(slowly(6.0))  # no part is whole for six seconds
    fetched_by_two("s3://lab-bucket/a.nc")
    asked = [request.headers.get("Range", "") for request in faulty.requests]
    assert len(asked) > 4
    assert len(asked) == len({*asked})


@pytest.mark.usefixtures("soon_stalled")
def test_a_download_that_a_server_asked_to_wait_is_not_taken_for_stalled(faulty: FaultyServer) -> None:
    faulty.objects["lab-bucket", "a.nc"] = SMALL
    faulty.faults["a.nc"] = iter([answered(503, {"Retry-After": "6"})])
    fetched_by_two(f"{faulty.url}/lab-bucket/a.nc")
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


def test_a_process_that_is_forked_while_all_connections_are_in_use_can_download(faulty: FaultyServer) -> None:
    faulty.objects["lab-bucket", "good"] = b"good"
    for number in range(downloading.CONNECTIONS):
        faulty.objects["lab-bucket", f"stalled{number}"] = SMALL
        faulty.faults[f"stalled{number}"] = itertools.repeat(stall(MIB))
    assert subprocess.run([sys.executable, "-c", FORKED], check=False, timeout=90).returncode == 0
