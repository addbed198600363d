"""Promises of the service behind nginx, as docs/operating.md sets that up: a real nginx, with TLS, on a free port."""

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
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """A service of two workers with the documented settings, behind the documented nginx."""
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)  # workers of nginx have another user
    catalog = make_lab(folder / "lab")
    config = folder / "service.toml"
    config.write_text(documented_code("toml").replace('public_url = "https://data.lab.example"\n', ""))
    with (
        ServiceProcess(folder / "home", "--config", str(config), BRAINIO_CATALOGS=str(catalog)) as service,
        Nginx(folder, service) as nginx,
    ):
        yield nginx


def test_answers_are_those_of_the_service(proxied: Nginx) -> None:
    for path in (ENTRY, "/catalogs/lab", "/catalogs/lab/publications.csv", "/", "/catalog/lab"):
        direct = proxied.service.get(path, Accept_Encoding="identity", Host=urlsplit(proxied.url).netloc)
        answer = proxied.client.get(path, headers={"Accept-Encoding": "identity"})
        through = answer.text.replace(proxied.url, proxied.url.replace("https", "http"))
        assert (answer.status_code, through) == (200, direct.text), path
        assert answer.headers["etag"], path
        assert answer.headers["cache-control"] == direct.headers["cache-control"], path


def test_a_page_that_was_asked_for_without_tls_is_not_given_to_those_who_have_it(proxied: Nginx) -> None:
    page = "/assembly/brainio_demo/modelfest.Carney1999"
    plain = proxied.service.get(page, Host=urlsplit(proxied.url).netloc)
    assert f"{proxied.url}/api".replace("https", "http") in plain.text
    assert f"{proxied.url}/api" in proxied.client.get(page).text


def test_packed_answers_and_what_the_client_has_pass_as_they_are(proxied: Nginx) -> None:
    answer = proxied.client.get(ENTRY, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["etag"].endswith('-gzip"')
    again = proxied.client.get(ENTRY, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"][:20]) == (304, b"", answer.headers["etag"][:20])


def test_head_is_answered_without_a_body(proxied: Nginx) -> None:
    for path in (ENTRY, ARCHIVE, "/"):
        known = proxied.client.get(path, headers={"Accept-Encoding": "identity"})
        head = proxied.client.head(path, headers={"Accept-Encoding": "identity"})
        assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", known.headers["etag"])
        assert head.headers["content-length"] == known.headers["content-length"]


def test_parts_of_a_file_are_the_same_bytes(proxied: Nginx) -> None:
    whole = (proxied.folder / "lab" / "files" / "stimulus_modelfest_Carney1999.zip").read_bytes()
    assert proxied.client.get(ARCHIVE).content == whole
    part = proxied.client.get(ARCHIVE, headers={"Range": "bytes=1000-200999"})
    assert (part.status_code, part.content) == (206, whole[1000:201_000])
    assert part.headers["content-range"] == f"bytes 1000-200999/{len(whole)}"
    assert proxied.client.get(ARCHIVE, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416


def test_a_large_file_comes_whole_and_nginx_keeps_nothing_of_it(tmp_path: Path) -> None:
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
        assert not [path for path in (tmp_path / "proxied").rglob("*") if path.is_file()]
        assert first + b"".join(blocks) == large


def test_an_assembly_is_had_through_it_from_an_empty_cache(
    proxied: Nginx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRAINIO_HOME", str(tmp_path / "empty"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(proxied.folder / "own.pem"))
    monkeypatch.setenv("BRAINIO_CATALOGS", f"{proxied.url}/catalogs/lab")
    assembly = brainio.get_assembly(CARNEY)
    assert assembly.attrs["stimulus_set"].identifier == CARNEY
    assert len(assembly.attrs["stimulus_set"].stimulus_paths) == len(assembly.attrs["stimulus_set"])


def test_every_address_that_answers_name_is_answered(proxied: Nginx) -> None:
    rows = list(csv.DictReader(io.StringIO(proxied.client.get("/catalogs/lab").text)))
    named = [f"/catalogs/lab/{row['location']}" for row in rows]
    following = proxied.client.get("/api/v1/entries?catalog=lab&limit=1").json()["next"]
    named.append(following)
    assert proxied.client.get(following).json()["entries"]
    record = proxied.client.get(ENTRY).json()
    named += [record["entry"]["url"]] if "entry" in record else [record["url"]]
    page = proxied.client.get("/catalog/lab")
    assert f"{proxied.url}/catalogs/lab" in page.text
    links = set(re.findall(r'(?:href|src)="(/[^"]*)"', page.text + proxied.client.get("/").text))
    assert len(links) > 10
    named += [link.replace("&amp;", "&") for link in links]
    statuses = {path: proxied.client.get(path).status_code for path in named}
    assert {path: status for path, status in statuses.items() if status != 200} == {}


def test_addresses_begin_with_the_public_one_where_that_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    config = tmp_path / "service.toml"
    config.write_text(documented_code("toml"))
    said = read_settings(config)
    assert (said.workers, said.public_url, said.trusted_proxies) == (2, "https://data.lab.example", "127.0.0.1")
    catalog = make_lab(tmp_path / "lab")
    with (
        ServiceProcess(
            tmp_path / "home", BRAINIO_CATALOGS=str(catalog), BRAINIO_SERVE_PUBLIC_URL=said.public_url
        ) as service,
        Nginx(tmp_path, service) as nginx,
    ):
        assert f"{said.public_url}/catalogs/lab" in nginx.client.get("/catalog/lab").text


def test_the_log_has_the_address_of_the_client_whatever_it_says_of_itself(proxied: Nginx) -> None:
    service = proxied.service
    with proxied.client_from("127.0.0.2") as client:
        answer = client.get(ENTRY + "?version=", headers={"X-Forwarded-For": "192.0.2.9", "X-Request-ID": "mine"})
    given = answer.headers["x-request-id"]
    line = service.eventually(lambda: next((one for one in service.requests() if one["request_id"] == given), None))
    assert (line["client"], given == "mine") == ("127.0.0.2", False)


def test_metrics_are_for_this_machine_alone(proxied: Nginx) -> None:
    for path in ("/metrics", "//metrics", "/./metrics", "/%6detrics", "/metrics?x=1", "/api/../metrics", "/metrics/"):
        answer = proxied.client.request("GET", httpx.URL(proxied.url + "/").copy_with(raw_path=path.encode()))
        assert answer.status_code in {400, 404}, path
        assert "brainio_requests" not in answer.text
    assert "brainio_requests_total" in proxied.service.get("/metrics").text


def test_whoever_comes_without_tls_is_led_to_it(proxied: Nginx) -> None:
    answer = httpx.get(f"http://127.0.0.1:{proxied.plain}{ENTRY}?version=1", trust_env=False)
    assert (answer.status_code, answer.headers["location"]) == (301, f"https://data.lab.example{ENTRY}?version=1")


def test_errors_keep_their_shape(proxied: Nginx) -> None:
    answer = proxied.client.get("/api/v1/entries?limt=1")
    assert (answer.status_code, answer.json()["error"]["hint"]) == (400, "Did you mean limit?")
    assert proxied.client.get("/api/v1/search?q=" + "x" * 9000).json()["error"]["code"] == "too_long"


def said(service: ServiceProcess, text: str) -> int:
    """Return how often a service logged something."""
    return sum(text in line for line in service.lines)


def test_a_reload_replaces_all_processes_and_no_request_is_lost(tmp_path: Path) -> None:
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
        service.eventually(lambda: said(service, "Application startup complete") == 2)
        expected = nginx.client.get(ENTRY).content
        answers: list[tuple[int, bool]] = []
        stop = threading.Event()

        def ask() -> None:
            with nginx.client_from("127.0.0.1") as client:
                while not stop.is_set():
                    answer = client.get(ENTRY)
                    answers.append((answer.status_code, answer.content == expected))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        service.process.send_signal(signal.SIGHUP)
        service.eventually(lambda: said(service, "Finished server process") == 2)
        enough = len(answers) + 50
        service.eventually(lambda: len(answers) > enough)
        stop.set()
        for thread in threads:
            thread.join()
        assert said(service, "Application startup complete") == 4
    assert set(answers) == {(200, True)}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_unit_is_one_that_systemd_reads_without_a_word(tmp_path: Path) -> None:
    program = tmp_path / "brainio"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "brainio.service"
    unit.write_text(
        documented_code("ini").replace("/opt/brainio/bin/brainio", str(program)).replace("User=brainio", "User=root")
    )
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if "brainio.service" in line] == []
