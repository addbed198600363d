"""The processes of the service: settings, logs, metrics, signals, and workers that die."""

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
NO_CERTIFICATES = False  # there is no TLS; reading them for each request would take most of the CPU time


def count_in_metrics(service: ServiceProcess) -> float:
    """Return the number of successful requests of entries in the metrics."""
    families = text_string_to_metric_families(service.get("/metrics").text)
    samples = [sample for family in families for sample in family.samples if sample.name == "brainio_requests_total"]
    route = "/api/v1/entries/{catalog}/{kind}/{identifier:path}"
    return sum(
        sample.value for sample in samples if sample.labels["route"] == route and sample.labels["status"] == "200"
    )


def worker_processes(pid: int) -> set[int]:
    """Return the process ids of the workers of a service."""
    command = ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(pid)]
    children = subprocess.run(command, capture_output=True, text=True)
    lines = [line.split(None, 1) for line in children.stdout.splitlines()]
    return {int(pid) for pid, command in lines if "resource_tracker" not in command}


def find_two_workers(service: ServiceProcess) -> set[int] | None:
    """Return the process ids of two workers; None while their number is another."""
    pids = worker_processes(service.process.pid)
    return pids if len(pids) == 2 else None


def test_logs_are_json_and_contain_no_secrets(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    with NewInterpreterProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab)) as service:
        service.get(ENTRY + "?token=hunter2", Authorization="Bearer hunter2", X_Request_ID="this-one")
        service.get("/nothing/%1b[31m", X_Request_ID="that-one")
    first, *lines = service.lines
    assert first.startswith("serving at http://127.0.0.1:")
    records = [json.loads(line) for line in lines]
    assert all({"event", "level", "timestamp", "logger"} <= set(record) for record in records)
    request = next(record for record in records if record.get("request_id") == "this-one")
    assert (request["method"], request["path"], request["asked"], request["status"]) == ("GET", ENTRY, ["token"], 400)
    assert "hunter2" not in "".join(lines)
    assert "\x1b" not in "".join(lines)


def test_sigterm_stops_the_service_after_open_downloads_are_complete(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    large = b"x" * 20_000_000
    (tmp_path / "lab" / "files" / "assy_modelfest_Carney1999.nc").write_bytes(large)
    lab.write_text(lab.read_text().replace("38295", str(len(large))))
    with NewInterpreterProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab)) as service:
        with service.client.stream("GET", f"/api/v1/files/lab/assembly/nc/{CARNEY}") as answer:
            blocks = answer.iter_raw(1000)
            size = len(next(blocks))
            service.process.send_signal(signal.SIGTERM)
            service.wait_until(lambda: any("Shutting down" in line for line in service.lines))
            assert service.process.poll() is None
            size += sum(len(block) for block in blocks)
        assert size == len(large)
        assert service.process.wait(40) == 0  # a second signal could reach the interpreter while it ends
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
        while len(workers := worker_processes(process.pid)) < 2:
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        _, stderr = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in stderr, "KeyboardInterrupt" in stderr) == (0, False, False)
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def test_a_worker_killed_under_load_is_replaced_without_wrong_answers(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    with ServiceProcess(tmp_path / "served", "--workers", "2", BRAINIO_CATALOGS=str(lab)) as service:
        body = service.get(ENTRY).content
        before = service.wait_until(lambda: find_two_workers(service))
        wrong: list[int] = []
        right: list[int] = []
        stop = threading.Event()

        def send_requests() -> None:
            while not stop.wait(0.01):
                try:
                    answer = httpx.get(service.url + ENTRY, timeout=20, trust_env=False, verify=NO_CERTIFICATES)
                except httpx.TransportError:
                    continue  # a connection to the killed worker
                (right if (answer.status_code, answer.content) == (200, body) else wrong).append(answer.status_code)

        threads = [threading.Thread(target=send_requests) for _ in range(4)]
        for thread in threads:
            thread.start()
        os.kill(min(before), signal.SIGKILL)

        def find_replaced_workers() -> set[int] | None:
            pids = find_two_workers(service)
            return pids if pids and min(before) not in pids else None

        after = service.wait_until(find_replaced_workers)
        enough = len(right) + 100
        service.wait_until(lambda: len(right) > enough)
        stop.set()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert len(after - before) == 1
        assert count_in_metrics(service) >= len(right) * 0.9  # the last answers of the killed worker may be uncounted
        assert count_in_metrics(service) == count_in_metrics(service) >= enough
        assert service.stop() == 0


def test_workers_end_and_release_the_port_if_their_parent_is_killed(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    with ServiceProcess(tmp_path / "served", "--workers", "2", BRAINIO_CATALOGS=str(lab)) as service:
        workers = service.wait_until(lambda: find_two_workers(service))
        service.process.kill()
        service.process.wait()
        end = time.monotonic() + 20
        while any(Path(f"/proc/{pid}/fd").exists() for pid in workers) and time.monotonic() < end:
            time.sleep(0.05)
        with pytest.raises(httpx.ConnectError):
            httpx.get(service.url, trust_env=False)


@pytest.mark.slow(reason="starts two services with several worker processes")
def test_a_new_service_removes_the_metrics_files_of_a_killed_service(tmp_path: Path) -> None:
    settings = {"BRAINIO_CATALOGS": str(make_lab(tmp_path / "lab")), "TMPDIR": str(tmp_path)}
    with ServiceProcess(tmp_path / "served", "--workers", "2", **settings) as service:
        (metrics,) = tmp_path.glob("brainio-metrics.*")
        service.process.kill()
        service.process.wait()
    with ServiceProcess(tmp_path / "served", "--workers", "2", **settings) as service:
        assert not metrics.exists()
        assert service.stop() == 0
    assert not list(tmp_path.glob("brainio-metrics.*"))


def test_metrics_count_requests_by_route_without_identifiers(service: ServiceProcess) -> None:
    before = count_in_metrics(service)
    for _ in range(3):
        service.get(ENTRY)
    assert count_in_metrics(service) == before + 3
    assert CARNEY not in service.get("/metrics").text


def test_a_port_in_use_is_reported(service: ServiceProcess) -> None:
    port = service.url.rpartition(":")[2]
    command = [sys.executable, "-m", "brainio", "serve", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: cannot listen on 127.0.0.1, port {port}: ")


def test_arguments_override_the_environment_which_overrides_the_settings_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "service.toml"
    file.write_text('port = 1\nworkers = 2\nhost = "0.0.0.0"\nsigned_buckets = ["a", "b"]\n')
    monkeypatch.setenv("BRAINIO_SERVE_WORKERS", "3")
    monkeypatch.setenv("BRAINIO_SERVE_HOST", "127.0.0.2")
    settings = read_settings(file, host="127.0.0.3", port=None)
    assert (settings.port, settings.workers, settings.host) == (1, 3, "127.0.0.3")
    assert settings.signed_buckets == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [("prot = 1", "prot: "), ('port = "x"', "port: "), ("port = ", "is not valid TOML"), (None, "does not exist")],
)
def test_the_error_about_invalid_settings_names_them(tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "service.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ServiceError, match=message):
        read_settings(file)


def test_other_commands_import_no_libraries_of_the_service() -> None:
    names = ["fastapi", "starlette", "uvicorn", "pydantic", "prometheus_client", "structlog"]
    program = f"import sys, brainio, brainio.cli, brainio.cli.service\nprint([*({{*{names}}} & {{*sys.modules}})])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
