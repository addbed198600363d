"""The service behind a real nginx with TLS, set up as in docs/operating.md."""

import csv
import io
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

import brainio
from brainio.service.settings import read_settings
from tests.service.nginx import NGINX_PROGRAM, Nginx, documented_code
from tests.service.service_process import CARNEY, ServiceProcess, make_lab

pytestmark = pytest.mark.skipif(NGINX_PROGRAM is None, reason="nginx is not installed (Debian: apt-get install nginx)")

ENTRY = f"/api/v1/entries/lab/assembly/{CARNEY}"
ARCHIVE = f"/api/v1/files/lab/stimulus_set/zip/{CARNEY}"


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """A service of two workers with the documented settings, behind the documented nginx."""
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)  # workers of nginx have another user
    catalog = make_lab(folder / "lab")
    config = folder / "service.toml"
    config.write_text(documented_code("toml").replace('public_url = "https://data.lab.example"\n', ""))
    with (
        ServiceProcess(folder / "home", "--config", str(config), BRAINIO_CATALOGS=str(catalog)) as service,
        Nginx(folder, service) as proxy,
    ):
        yield proxy


def test_answers_equal_those_of_the_service(nginx: Nginx) -> None:
    for path in (ENTRY, "/catalogs/lab", "/catalogs/lab/publications.csv", "/", "/catalog/lab"):
        direct = nginx.service.get(path, Accept_Encoding="identity", Host=urlsplit(nginx.url).netloc)
        answer = nginx.client.get(path, headers={"Accept-Encoding": "identity"})
        through = answer.text.replace(nginx.url, nginx.url.replace("https", "http"))
        assert (answer.status_code, through) == (200, direct.text), path
        assert answer.headers["etag"], path
        assert answer.headers["cache-control"] == direct.headers["cache-control"], path


def test_a_page_cached_for_plain_http_is_not_served_over_tls(nginx: Nginx) -> None:
    page = "/assembly/brainio_demo/modelfest.Carney1999"
    plain = nginx.service.get(page, Host=urlsplit(nginx.url).netloc)
    assert f"{nginx.url}/api".replace("https", "http") in plain.text
    assert f"{nginx.url}/api" in nginx.client.get(page).text


def test_compressed_and_304_answers_pass_unchanged(nginx: Nginx) -> None:
    answer = nginx.client.get(ENTRY, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["etag"].endswith('-gzip"')
    again = nginx.client.get(ENTRY, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"][:20]) == (304, b"", answer.headers["etag"][:20])


def test_head_is_answered_without_a_body(nginx: Nginx) -> None:
    for path in (ENTRY, ARCHIVE, "/"):
        known = nginx.client.get(path, headers={"Accept-Encoding": "identity"})
        head = nginx.client.head(path, headers={"Accept-Encoding": "identity"})
        assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", known.headers["etag"])
        assert head.headers["content-length"] == known.headers["content-length"]


def test_ranges_of_a_file_have_the_same_bytes(nginx: Nginx) -> None:
    whole = (nginx.folder / "lab" / "files" / "stimulus_modelfest_Carney1999.zip").read_bytes()
    assert nginx.client.get(ARCHIVE).content == whole
    part = nginx.client.get(ARCHIVE, headers={"Range": "bytes=1000-200999"})
    assert (part.status_code, part.content) == (206, whole[1000:201_000])
    assert part.headers["content-range"] == f"bytes 1000-200999/{len(whole)}"
    assert nginx.client.get(ARCHIVE, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416


def test_a_large_file_is_streamed_without_a_copy_on_the_disk_of_nginx(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    catalog = make_lab(tmp_path / "lab")
    large = os.urandom(50_000_000)
    (tmp_path / "lab" / "files" / "assy_modelfest_Carney1999.nc").write_bytes(large)
    catalog.write_text(catalog.read_text().replace("38295", str(len(large))))
    with (
        ServiceProcess(tmp_path / "home", BRAINIO_CATALOGS=str(catalog)) as service,
        Nginx(tmp_path, service) as nginx,
        nginx.client.stream("GET", f"/api/v1/files/lab/assembly/nc/{CARNEY}") as answer,
    ):
        blocks = answer.iter_raw(100_000)
        first = next(blocks)
        assert not [path for path in (tmp_path / "nginx").rglob("*") if path.is_file()]
        assert first + b"".join(blocks) == large


def test_an_assembly_loads_through_nginx_with_an_empty_cache(
    nginx: Nginx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINIO_HOME", str(tmp_path / "empty"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(nginx.folder / "certificate.pem"))
    monkeypatch.setenv("BRAINIO_CATALOGS", f"{nginx.url}/catalogs/lab")
    assembly = brainio.get_assembly(CARNEY)
    assert assembly.attrs["stimulus_set"].identifier == CARNEY
    assert len(assembly.attrs["stimulus_set"].stimulus_paths) == len(assembly.attrs["stimulus_set"])


def test_every_address_in_answers_is_served(nginx: Nginx) -> None:
    rows = list(csv.DictReader(io.StringIO(nginx.client.get("/catalogs/lab").text)))
    paths = [f"/catalogs/lab/{row['location']}" for row in rows]
    following = nginx.client.get("/api/v1/entries?catalog=lab&limit=1").json()["next"]
    paths.append(following)
    assert nginx.client.get(following).json()["entries"]
    record = nginx.client.get(ENTRY).json()
    paths.append(record["url"])
    page = nginx.client.get("/catalog/lab")
    assert f"{nginx.url}/catalogs/lab" in page.text
    links = set(re.findall(r'(?:href|src)="(/[^"]*)"', page.text + nginx.client.get("/").text))
    assert len(links) > 10
    paths += [link.replace("&amp;", "&") for link in links]
    statuses = {path: nginx.client.get(path).status_code for path in paths}
    assert {path: status for path, status in statuses.items() if status != 200} == {}


def test_addresses_start_with_the_configured_public_url(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    config = tmp_path / "service.toml"
    config.write_text(documented_code("toml"))
    settings = read_settings(config)
    assert (settings.workers, settings.public_url, settings.trusted_proxies) == (
        2,
        "https://data.lab.example",
        "127.0.0.1",
    )
    catalog = make_lab(tmp_path / "lab")
    with (
        ServiceProcess(
            tmp_path / "home", BRAINIO_CATALOGS=str(catalog), BRAINIO_SERVE_PUBLIC_URL=settings.public_url
        ) as service,
        Nginx(tmp_path, service) as nginx,
    ):
        assert f"{settings.public_url}/catalogs/lab" in nginx.client.get("/catalog/lab").text


def test_the_log_has_the_real_address_of_a_client_that_sends_x_forwarded_for(nginx: Nginx) -> None:
    service = nginx.service
    with nginx.client_from("127.0.0.2") as client:
        answer = client.get(ENTRY + "?version=", headers={"X-Forwarded-For": "192.0.2.9", "X-Request-ID": "mine"})
    request_id = answer.headers["x-request-id"]

    def log_line() -> dict[str, Any] | None:
        return next((line for line in service.logged("request") if line["request_id"] == request_id), None)

    line = service.wait_until(log_line)
    assert (line["client"], request_id == "mine") == ("127.0.0.2", False)


def test_metrics_are_not_served_to_other_machines(nginx: Nginx) -> None:
    for path in ("/metrics", "//metrics", "/./metrics", "/%6detrics", "/metrics?x=1", "/api/../metrics", "/metrics/"):
        answer = nginx.client.request("GET", httpx.URL(nginx.url + "/").copy_with(raw_path=path.encode()))
        assert answer.status_code in {400, 404}, path
        assert "brainio_requests" not in answer.text
    assert "brainio_requests_total" in nginx.service.get("/metrics").text


def test_requests_without_tls_are_redirected_to_tls(nginx: Nginx) -> None:
    answer = httpx.get(f"http://127.0.0.1:{nginx.http_port}{ENTRY}?version=1", trust_env=False)
    assert (answer.status_code, answer.headers["location"]) == (301, f"https://data.lab.example{ENTRY}?version=1")


def test_errors_pass_unchanged(nginx: Nginx) -> None:
    answer = nginx.client.get("/api/v1/entries?limt=1")
    assert (answer.status_code, answer.json()["error"]["hint"]) == (400, "Did you mean limit?")
    assert nginx.client.get("/api/v1/search?q=" + "x" * 9000).json()["error"]["code"] == "too_long"


def count_in_log(service: ServiceProcess, text: str) -> int:
    """Return the number of lines of the log with a text."""
    return sum(text in line for line in service.lines)


@pytest.mark.slow(reason="starts four workers, and sends requests meanwhile")
def test_a_reload_replaces_all_processes_without_losing_a_request(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    catalog = make_lab(tmp_path / "lab")
    unit = documented_code("ini")
    assert "ExecReload=/bin/kill -HUP $MAINPID\n" in unit
    with (
        ServiceProcess(
            tmp_path / "home", "--workers", "2", BRAINIO_CATALOGS=str(catalog), BRAINIO_SERVE_ACCESS_LOG="false"
        ) as service,
        Nginx(tmp_path, service) as nginx,
    ):
        service.wait_until(lambda: count_in_log(service, "Application startup complete") == 2)
        expected = nginx.client.get(ENTRY).content
        answers: list[tuple[int, bool]] = []
        stop = threading.Event()

        def send_requests() -> None:
            with nginx.client_from("127.0.0.1") as client:
                while not stop.is_set():
                    answer = client.get(ENTRY)
                    answers.append((answer.status_code, answer.content == expected))

        threads = [threading.Thread(target=send_requests) for _ in range(4)]
        for thread in threads:
            thread.start()
        service.process.send_signal(signal.SIGHUP)
        service.wait_until(lambda: count_in_log(service, "Finished server process") == 2)
        enough = len(answers) + 50
        service.wait_until(lambda: len(answers) > enough)
        stop.set()
        for thread in threads:
            thread.join()
        assert count_in_log(service, "Application startup complete") == 4
    assert set(answers) == {(200, True)}


@pytest.mark.slow(reason="systemd-analyze reads every unit of the machine")
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_documented_unit_without_a_warning(tmp_path: Path) -> None:
    program = tmp_path / "brainio"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "brainio.service"
    text = documented_code("ini").replace("/opt/brainio/bin/brainio", str(program))
    unit.write_text(text.replace("User=brainio", "User=root"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if "brainio.service" in line] == []
