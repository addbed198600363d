"""Promises for the process: it starts, counts, logs, is replaced when it dies, and ends when it is told to."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from brainio.errors import ServiceError
from brainio.service.settings import read_settings
from tests.service.service_process import CARNEY, NewInterpreterProcess, ServiceProcess, make_lab

ENTRY = f"/api/v1/entries/lab/assembly/{CARNEY}"


def counted(service: ServiceProcess) -> float:
    """Return how many requests of the entry the metrics count."""
    families = text_string_to_metric_families(service.get("/metrics").text)
    samples = [sample for family in families for sample in family.samples if sample.name == "brainio_requests_total"]
    route = "/api/v1/entries/{catalog}/{kind}/{identifier:path}"
    return sum(one.value for one in samples if one.labels["route"] == route and one.labels["status"] == "200")


def children(pid: int) -> set[int]:
    """Return the worker processes: the children of the service that listen."""
    command = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(pid)]
    found = subprocess.run(command, capture_output=True, text=True)
    lines = [line.split(None, 1) for line in found.stdout.splitlines()]
    return {int(pid) for pid, command in lines if "resource_tracker" not in command}


def test_logs_are_json_and_hold_no_secrets(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    with NewInterpreterProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab)) as service:
        service.get(ENTRY + "?token=hunter2", Authorization="Bearer hunter2", X_Request_ID="this-one")
        service.get("/nothing/%1b[31m", X_Request_ID="that-one")
    first, *lines = service.lines
    assert first.startswith("serving at http://127.0.0.1:")
    logged = [json.loads(line) for line in lines]
    assert all({"event", "level", "timestamp", "logger"} <= set(one) for one in logged)
    request = next(one for one in logged if one.get("request_id") == "this-one")
    assert (request["method"], request["path"], request["asked"], request["status"]) == ("GET", ENTRY, ["token"], 400)
    assert "hunter2" not in "".join(lines)
    assert "\x1b" not in "".join(lines)


def test_it_stops_when_it_is_told_to_and_ends_what_it_began(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    large = b"x" * 20_000_000
    (tmp_path / "lab" / "files" / "assy_modelfest_Carney1999.nc").write_bytes(large)
    lab.write_text(lab.read_text().replace("38295", str(len(large))))
    with NewInterpreterProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab)) as service:
        with service.client.stream("GET", f"/api/v1/files/lab/assembly/nc/{CARNEY}") as answer:
            blocks = answer.iter_raw(1000)
            found = len(next(blocks))
            service.process.send_signal(signal.SIGTERM)
            service.eventually(lambda: any("Shutting down" in line for line in service.lines))
            assert service.process.poll() is None
            found += sum(len(block) for block in blocks)
        assert found == len(large)
        assert service.stop() == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(service.url, trust_env=False)


def test_ctrl_c_while_workers_start_ends_all_processes_without_a_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "brainio", "serve", "--port", "0", "--workers", "2"]
    environment = os.environ | {
        "BRAINIO_HOME": str(tmp_path / "served"),
        "BRAINIO_CATALOGS": str(make_lab(tmp_path / "lab")),
    }
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as process:
        while len(workers := children(process.pid)) < 2:
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, told = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in told, "KeyboardInterrupt" in told) == (0, False, False)
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def test_a_worker_that_is_killed_under_load_is_replaced_and_nothing_is_answered_wrongly(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    with ServiceProcess(tmp_path / "served", "--workers", "2", BRAINIO_CATALOGS=str(lab)) as service:
        body = service.get(ENTRY).content
        before = service.eventually(lambda: found if len(found := children(service.process.pid)) == 2 else None)
        wrong: list[int] = []
        right: list[int] = []
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                try:
                    answer = httpx.get(service.url + ENTRY, timeout=20, trust_env=False)
                except httpx.TransportError:
                    continue  # a connection of the one that was killed
                (right if (answer.status_code, answer.content) == (200, body) else wrong).append(answer.status_code)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        os.kill(min(before), signal.SIGKILL)
        after = service.eventually(
            lambda: found if len(found := children(service.process.pid)) == 2 and min(before) not in found else None
        )
        enough = len(right) + 100
        service.eventually(lambda: len(right) > enough)
        stop.set()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert len(after - before) == 1
        assert counted(service) >= len(right) * 0.9  # what the killed one answered last may be uncounted
        assert counted(service) == counted(service) >= enough
        assert service.stop() == 0


def test_workers_end_with_a_master_that_is_killed_and_leave_the_port(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    with ServiceProcess(tmp_path / "served", "--workers", "2", BRAINIO_CATALOGS=str(lab)) as service:
        workers = service.eventually(lambda: found if len(found := children(service.process.pid)) == 2 else None)
        service.process.kill()
        service.process.wait()
        end = time.monotonic() + 20
        while any(Path(f"/proc/{pid}/fd").exists() for pid in workers) and time.monotonic() < end:
            time.sleep(0.05)
        with pytest.raises(httpx.ConnectError):
            httpx.get(service.url, trust_env=False)


def test_the_counts_of_a_service_that_was_killed_are_removed_by_the_next(tmp_path: Path) -> None:
    settings = {"BRAINIO_CATALOGS": str(make_lab(tmp_path / "lab")), "TMPDIR": str(tmp_path)}
    with ServiceProcess(tmp_path / "served", "--workers", "2", **settings) as service:
        (left,) = tmp_path.glob("brainio-metrics.*")
        service.process.kill()
        service.process.wait()
    with ServiceProcess(tmp_path / "served", "--workers", "2", **settings) as service:
        assert not left.exists()
        assert service.stop() == 0
    assert not list(tmp_path.glob("brainio-metrics.*"))


def test_metrics_count_requests_by_route_and_name_no_entry(service: ServiceProcess) -> None:
    before = counted(service)
    for _ in range(3):
        service.get(ENTRY)
    assert counted(service) == before + 3
    assert CARNEY not in service.get("/metrics").text


def test_a_port_that_is_taken_is_told(service: ServiceProcess) -> None:
    port = service.url.rpartition(":")[2]
    command = [sys.executable, "-m", "brainio", "serve", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: cannot listen on 127.0.0.1, port {port}: ")


def test_settings_come_from_the_file_the_environment_and_the_call_in_that_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "service.toml"
    file.write_text('port = 1\nworkers = 2\nhost = "0.0.0.0"\nsigned_buckets = ["a", "b"]\n')
    monkeypatch.setenv("BRAINIO_SERVE_WORKERS", "3")
    monkeypatch.setenv("BRAINIO_SERVE_HOST", "127.0.0.2")
    read = read_settings(file, host="127.0.0.3", port=None)
    assert (read.port, read.workers, read.host, read.signed_buckets) == (1, 3, "127.0.0.3", ["a", "b"])


@pytest.mark.parametrize(
    ("text", "message"),
    [("prot = 1", "prot: "), ('port = "x"', "port: "), ("port = ", "is not valid TOML"), (None, "does not exist")],
)
def test_wrong_settings_are_named(tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "service.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ServiceError, match=message):
        read_settings(file)


def test_nothing_of_the_service_is_imported_by_other_commands() -> None:
    parts = ["fastapi", "starlette", "uvicorn", "pydantic", "prometheus_client", "structlog"]
    program = (
        f"import sys, brainio, brainio.cli, brainio.cli.service\nprint([one for one in {parts} if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
