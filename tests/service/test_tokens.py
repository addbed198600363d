"""Access tokens: creating, listing and revoking them, place clients send them, and where they never appear."""

import json
import time
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import HTTPException
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, make_url, text
from starlette.requests import Request
from starlette.responses import Response

import brainio
from brainio.catalogs import registry
from brainio.errors import CatalogError, ServiceError
from brainio.index.index_store import OpenIndexes
from brainio.index.sqlite_index import SqliteIndexStore
from brainio.service.access import MAX_WRONG_TOKENS, AccessControl, Credential, read_credential
from brainio.service.change_log import ChangeLog
from brainio.service.database import Database
from brainio.service.dependencies import Service
from brainio.service.embargoes import set_embargo, today
from brainio.service.pages.account import sign_in, sign_out
from brainio.service.pages.entries import EntryView
from brainio.service.settings import read_settings
from brainio.service.snapshots import CatalogWatcher
from brainio.service.tokens import DAY, PREFIX, create_token, hash_token, list_tokens, revoke_token
from brainio.stores.redaction import redact
from tests.cli.command import brainio as command
from tests.postgres import Postgres
from tests.servers import HttpFolder
from tests.service.private_service import HIDDEN, PrivateService, expired_token
from tests.service.service_process import CARNEY, ROKEM, ServiceProcess, make_lab

UNKNOWN_TOKEN = PREFIX + "0" * 64


def test_the_database_stores_no_token_but_its_hash(database: str) -> None:
    record, token = create_token(Database(database), ["lab:read", "lab:read"], "Ada")
    assert token.startswith(PREFIX)
    assert len(token) == len(PREFIX) + 64
    with create_engine(make_url(database).set(drivername=driver(database))).connect() as connection:
        row = connection.execute(text("SELECT * FROM brainio_service_tokens")).mappings().one()
    assert row["hash"] == hash_token(token)
    assert token.removeprefix(PREFIX) not in str(dict(row))
    assert (record.scopes, record.expires) == (("lab:read",), record.made + 90 * DAY)
    assert list_tokens(Database(database)) == [record]


def driver(database: str) -> str:
    return "sqlite" if database.startswith("sqlite") else "postgresql+psycopg"


@pytest.mark.parametrize("scope", ["lab", "lab:write", ":read", "", "lab:read:x", "lab: read"])
def test_a_malformed_scope_is_refused(tmp_path: Path, scope: str) -> None:
    with pytest.raises(ServiceError, match="is malformed; expected CATALOG:read"):
        create_token(Database(f"sqlite:///{tmp_path / 's.db'}"), [scope], "")
    with pytest.raises(ServiceError, match="without a scope"):
        create_token(Database(f"sqlite:///{tmp_path / 's.db'}"), [], "")


def test_a_revoked_token_stays_revoked(database: str) -> None:
    store = Database(database)
    record, _ = create_token(store, ["lab:read"], "", None)
    assert (record.expires, record.state(10**12)) == (None, "valid")
    revoked = revoke_token(store, record.id)
    assert revoke_token(store, record.id) == revoked
    assert revoked.state(0) == "revoked"
    with pytest.raises(ServiceError, match=r"token 'none' does not exist.*brainio token list"):
        revoke_token(store, "none")


def test_commands_make_list_and_revoke_tokens(flow_database: str) -> None:
    here = ["--database", flow_database]
    done = command("token", "create", "--scope", "lab:read", "--note", "Ada", "--days", "30", *here)
    assert (done.returncode, done.stdout.startswith(PREFIX)) == (0, True)
    token = done.stdout.strip()
    forever = json.loads(command("token", "create", "--scope", "*:read", "--never-expires", "--json", *here).stdout)
    listed = command("token", "list", *here)
    assert token not in listed.stdout
    assert "Ada" in listed.stdout
    records = json.loads(command("token", "list", "--json", *here).stdout)
    assert {record["id"]: record["expires"] for record in records}[forever["id"]] is None
    assert forever["token"] not in json.dumps(records)
    ada = next(record["id"] for record in records if record["note"] == "Ada")
    assert command("token", "revoke", ada, BRAINIO_SERVE_DATABASE=flow_database).returncode == 0
    records = json.loads(command("token", "list", "--json", *here).stdout)
    assert {record["note"]: record["state"] for record in records} == {"Ada": "revoked", "": "valid"}
    assert command("token", "create", "--scope", "a:read", "--days", "1", "--never-expires", *here).returncode == 2
    assert command("token", "revoke", "x", *here).returncode == 1


def test_a_running_service_follows_new_and_revoked_tokens(private_service: PrivateService) -> None:
    record, token = create_token(private_service.database, [f"{HIDDEN}:read"], "late")
    path = f"/catalogs/{HIDDEN}"
    private_service.process.wait_until(lambda: private_service.get_with_token(token, path).status_code == 200)

    def last_used() -> int | None:
        return next(token.last_used for token in list_tokens(private_service.database) if token.id == record.id)

    private_service.process.wait_until(last_used)
    revoke_token(private_service.database, record.id)
    private_service.process.wait_until(lambda: private_service.get_with_token(token, path).status_code == 401)
    assert (
        private_service.get_with_token(token, path).json()["error"]["message"] == f"the token {record.id} was revoked"
    )


def test_an_expired_token_is_refused(private_service: PrivateService) -> None:
    token = expired_token(private_service.database, f"{HIDDEN}:read")
    private_service.process.wait_until(lambda: "expired" in private_service.get_with_token(token).text)
    assert private_service.get_with_token(token).status_code == 401


def test_a_token_is_accepted_as_bearer_token_password_and_cookie(private_service: PrivateService) -> None:
    token, other = private_service.tokens["reader"], private_service.tokens["other"]
    path = f"/catalogs/{HIDDEN}"
    client = private_service.process.client
    assert client.get(path, headers={"Authorization": f"bearer {token}"}).status_code == 200
    assert client.get(path, auth=("anybody", token)).status_code == 200
    assert client.get(path, headers={"Cookie": f"a=b; brainio_token={token}; c=d"}).status_code == 200
    assert client.head(path, auth=("", token)).status_code == 200
    both = {"Authorization": f"Bearer {other}", "Cookie": f"brainio_token={token}"}
    assert client.get(path, headers=both).status_code == 404  # the header takes precedence


@pytest.mark.parametrize("value", ["Basic", "Basic ???", "Basic bWU=", "Digest x", "Bearer", "x" * 5000, "Bearer \xff"])
def test_a_malformed_authorization_header_gets_a_401(private_service: PrivateService, value: str) -> None:
    headers = [(b"Authorization", value.encode("latin-1"))]
    answer = private_service.process.client.get("/api/v1/catalogs", headers=headers)
    assert answer.status_code in {401, 429}
    assert list(answer.json()) == ["error"]


def test_a_forged_cookie_gets_a_401_that_deletes_the_cookie(private_service: PrivateService) -> None:
    tokens = private_service.tokens
    for token in (UNKNOWN_TOKEN, tokens["revoked"], "", '"' + "x" * 1000, tokens["reader"][:-1], "%00"):
        headers = {"Cookie": f"brainio_token={token}"}
        answer = private_service.process.client.get(f"/catalogs/{HIDDEN}", headers=headers)
        assert answer.status_code in {401, 429}
        if answer.status_code == 429:  # the rate limit also refuses valid tokens that the service has not read
            assert "set-cookie" not in answer.headers
            continue
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith('brainio_token=""; ')
        assert {"HttpOnly", "Max-Age=0", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))


def test_the_rate_limit_stops_guessing_but_not_valid_tokens(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    url = f"sqlite:///{tmp_path / 'service.db'}"
    _, valid = create_token(Database(url), ["lab:read"], "")
    environment = {"BRAINIO_CATALOGS": str(lab), "BRAINIO_SERVE_PRIVATE": "lab", "BRAINIO_SERVE_DATABASE": url}
    with ServiceProcess(tmp_path / "served", **environment) as service:
        guesses = [
            service.get("/catalogs/lab", Authorization=f"Bearer {UNKNOWN_TOKEN}") for _ in range(MAX_WRONG_TOKENS + 2)
        ]
        assert [answer.status_code for answer in guesses] == [401] * MAX_WRONG_TOKENS + [429] * 2
        assert 0 < int(guesses[-1].headers["retry-after"]) <= 60
        assert guesses[-1].json()["error"]["code"] == "too_many_tokens"
        assert service.get("/catalogs/lab", Authorization=f"Bearer {valid}").status_code == 200
        assert service.get("/catalogs/brainio_demo").status_code == 200
        metrics = service.get("/metrics").text
        assert f'brainio_tokens_refused_total{{reason="unknown"}} {MAX_WRONG_TOKENS}.0' in metrics
        assert 'brainio_tokens_refused_total{reason="guessed"} 2.0' in metrics
        elsewhere = service.get("/catalogs/lab", Authorization=f"Bearer {UNKNOWN_TOKEN}", X_Forwarded_For="203.0.113.9")
        assert elsewhere.status_code == 401  # a proxy on this machine reports another client


def test_no_token_is_in_logs_errors_or_the_list_of_processes(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    url = f"sqlite:///{tmp_path / 'service.db'}"
    record, token = create_token(Database(url), ["lab:read"], "")
    with ServiceProcess(tmp_path / "served", "--database", url, BRAINIO_CATALOGS=str(lab)) as service:
        service.get("/catalogs/lab", Authorization=f"Bearer {token}")
        service.client.get("/catalogs/lab", auth=("me", token))
        service.get("/catalogs/lab", Cookie=f"brainio_token={token}")
        answers = [
            service.get(f"/{token}"),
            service.get(f"/catalogs/{token}"),
            service.get(f"/catalogs/lab/{token}/a"),
            service.get(f"/api/v1/entries?{token}=1"),
            service.get(f"/api/v1/entries?cursor={token}"),
            service.get(f"/api/v1/entries/lab/assembly/{token}"),
        ]
        assert {line["token"] for line in service.logged("request") if "token" in line} == {record.id}
    secret = token.removeprefix(PREFIX)
    assert not any(secret in line for line in service.lines)
    assert not any(secret in answer.text for answer in answers)
    assert all(answer.status_code in {400, 404} for answer in answers)


@given(st.text(), st.integers(0, 2**256 - 1), st.text())
def test_redaction_removes_tokens_from_any_text(before: str, number: int, after: str) -> None:
    token = f"{PREFIX}{number:064x}"
    assert token not in redact(f"{before}{token}{after}")


@given(st.lists(st.tuples(st.sampled_from([b"authorization", b"cookie", b"accept"]), st.binary(max_size=60))))
def test_any_bytes_in_headers_are_read_without_an_error(headers: list[tuple[bytes, bytes]]) -> None:
    credential = read_credential({"headers": headers})
    assert credential is None or credential.scheme in {"Bearer", "Basic", "Cookie"}


@pytest.fixture
def private_lab(tmp_path: Path) -> tuple[ServiceProcess, str]:
    """A service with the private catalog `lab`, which the test starts, and a token for the catalog."""
    lab = make_lab(tmp_path / "lab")
    url = f"sqlite:///{tmp_path / 'service.db'}"
    _, token = create_token(Database(url), ["lab:read"], "")
    environment = {"BRAINIO_SERVE_PRIVATE": "*", "BRAINIO_SERVE_DATABASE": url}
    return ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab), **environment), token


def activate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, service: ServiceProcess, token: str, place: str) -> None:
    """Activate the served catalog, with the token in the URL or in `.netrc`."""
    host = service.url.removeprefix("http://")
    if place == "url":
        monkeypatch.setenv("BRAINIO_CATALOGS", f"http://token:{token}@{host}/catalogs/lab")
        return
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine {host.partition(':')[0]} login token password {token}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("BRAINIO_CATALOGS", f"http://{host}/catalogs/lab")


@pytest.mark.parametrize("place", ["url", "netrc"])
def test_an_assembly_of_a_private_catalog_loads_also_after_the_service_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, private_lab: tuple[ServiceProcess, str], place: str
) -> None:
    process, token = private_lab
    with process as service:
        activate(monkeypatch, tmp_path, service, token, place)
        assembly = brainio.get_assembly(CARNEY)
        assert len(list(assembly.attrs["stimulus_set"].stimulus_paths.values())) > 10
        assert brainio.search(CARNEY, catalog="lab")[0].year == 1999  # from the publications of the catalog
        assert command("card", "show", CARNEY, "--catalog", "lab").returncode == 0
        paths = {line["path"]: line["status"] for line in service.logged("request") if line.get("token")}
    assert paths["/catalogs/lab/publications.csv"] == 200
    assert set(paths.values()) <= {200, 206}
    source = registry.catalog_source("lab")
    source.backend.refresh()  # reads the catalog again, as a new process does
    with pytest.warns(UserWarning, match="the copy of") as warnings:
        assert brainio.get_assembly(CARNEY).identical(assembly)
    assert not any(token in str(warning.message) for warning in warnings)


@pytest.mark.parametrize("place", ["url", "netrc"])
def test_a_token_is_not_sent_to_the_hosts_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, http_folder: HttpFolder, place: str
) -> None:
    lab = make_lab(tmp_path / "lab")
    (http_folder.folder / "a.nc").write_bytes((tmp_path / "lab/files/assy_modelfest_Carney1999.nc").read_bytes())
    elsewhere = http_folder.url.replace("127.0.0.1", "localhost")
    lab.write_text(lab.read_text().replace("file,files/assy_modelfest_Carney1999.nc", f",{elsewhere}/a.nc"))
    url = f"sqlite:///{tmp_path / 'service.db'}"
    _, token = create_token(Database(url), ["lab:embargoed"], "")
    # The client asks the service for the location of data under embargo.
    set_embargo(Database(url), ("lab", "assembly", CARNEY), today() + timedelta(1))
    environment = {"BRAINIO_SERVE_PRIVATE": "lab", "BRAINIO_SERVE_DATABASE": url}
    monkeypatch.setenv("BRAINIO_ALLOW_PRIVATE", "1")  # the other server is on this machine too
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab), **environment) as service:
        activate(monkeypatch, tmp_path, service, token, place)
        brainio.get_assembly(CARNEY)
        assert any(line["status"] == 302 for line in service.logged("request"))
    assert http_folder.requests
    assert not any("Authorization" in request.headers for request in http_folder.requests)


def test_the_error_about_a_wrong_token_does_not_contain_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, private_lab: tuple[ServiceProcess, str]
) -> None:
    process, _ = private_lab
    with process as service:
        activate(monkeypatch, tmp_path, service, UNKNOWN_TOKEN, "url")
        with pytest.raises(CatalogError, match="HTTP 401") as refused:
            registry.listing("lab")
    assert UNKNOWN_TOKEN not in str(refused.value)


def test_known_tokens_stay_valid_while_the_database_is_unavailable(postgres: Postgres, tmp_path: Path) -> None:
    """Public data stay available. The service asks clients with unknown tokens to retry: the tokens may be valid."""
    lab = make_lab(tmp_path / "lab")
    with Postgres(postgres.programs) as server:
        url = server.create_database()
        _, token = create_token(Database(url), ["lab:read"], "")
        environment = {"BRAINIO_SERVE_PRIVATE": "lab", "BRAINIO_SERVE_DATABASE": url}
        with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab), **environment) as service:

            def get(path: str, with_token: str) -> httpx.Response:
                return service.get(path, Authorization=f"Bearer {with_token}")

            assert get("/catalogs/lab", token).status_code == 200
            cursor = get("/api/v1/catalogs/lab/changes", token).json()["cursor"]
            server.stop()
            service.wait_until(lambda: service.get("/healthz").json()["database"] == "away")
            assert get("/catalogs/lab", token).status_code == 200
            assert get(f"/api/v1/files/lab/assembly/nc/{CARNEY}", token).status_code == 200
            assert service.get(f"/api/v1/files/brainio_demo/assembly/nc/{CARNEY.replace('lab', 'modelfest')}").content
            changes = f"/api/v1/catalogs/lab/changes?since={cursor}"
            for answer in (get("/catalogs/lab", UNKNOWN_TOKEN), get(changes, token)):
                assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database_away")
                assert int(answer.headers["retry-after"]) > 0
            server.start()
            service.wait_until(lambda: service.get("/healthz").json()["database"] == "ok")
            assert get("/catalogs/lab", UNKNOWN_TOKEN).status_code == 401
            assert get(changes, token).json()["changes"] == []
        server.close_connections()
        assert not any("se cret" in line or "se%20cret" in line for line in service.lines)


def test_the_cookie_of_a_token_expires_with_the_token(tmp_path: Path) -> None:
    store = Database(f"sqlite:///{tmp_path / 's.db'}")
    _, token = create_token(store, ["lab:read"], "", 2)
    access = AccessControl(read_settings(), store)
    access.refresh()
    for scheme in ("http", "https"):
        request = Request({"type": "http", "scheme": scheme, "headers": [], "path": "/signin", "server": ("lab", 80)})
        signed_in, signed_out = Response(), Response()
        sign_in(request, signed_in, access, f" {token}\n")
        cookie = signed_in.headers["set-cookie"]
        assert cookie.startswith(f"brainio_token={token}; ")
        flags = set(cookie.split("; "))
        assert {"HttpOnly", "SameSite=lax", "Path=/"} <= flags
        assert ("Secure" in flags) == (scheme == "https")
        age = next(int(flag.partition("=")[2]) for flag in flags if flag.startswith("Max-Age="))
        assert 2 * DAY - 60 < age <= 2 * DAY
        sign_out(request, signed_out)
        assert "Max-Age=0" in signed_out.headers["set-cookie"]


def test_a_missing_database_file_is_never_recreated(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    file = tmp_path / "service.db"
    _, token = create_token(Database(f"sqlite:///{file}"), ["lab:read"], "")
    environment = {"BRAINIO_SERVE_PRIVATE": "lab", "BRAINIO_SERVE_DATABASE": f"sqlite:///{file}"}
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab), **environment) as service:
        assert service.get("/catalogs/lab", Authorization=f"Bearer {token}").status_code == 200
        moved = file.rename(tmp_path / "away.db")
        service.wait_until(lambda: service.get("/healthz").json()["database"] == "away")
        lab.write_text(lab.read_text().replace("GPL-2.0-only", "MIT"))  # a change that the service would record
        service.wait_until(lambda: "MIT" in service.get("/catalogs/lab", Authorization=f"Bearer {token}").text)
        assert not file.exists()
        revoke_token(Database(f"sqlite:///{moved}"), list_tokens(Database(f"sqlite:///{moved}"))[0].id)
        moved.rename(file)
        service.wait_until(lambda: service.get("/catalogs/lab", Authorization=f"Bearer {token}").status_code == 401)


def test_a_service_does_not_start_with_tables_of_a_newer_release(flow_database: str) -> None:
    store = Database(flow_database)
    store.prepare()
    with store.write_transaction() as connection:
        connection.execute(text("UPDATE brainio_service_version SET version_num = '9999'"))
    done = command("serve", "--port", "0", "--database", flow_database)
    assert done.returncode == 1
    assert "newer schema 9999" in done.stderr
    assert "se%20cret" not in done.stderr
    done = command("token", "list", "--database", flow_database)
    assert (done.returncode, "Install a newer release of brainio-data" in done.stderr) == (1, True)
    assert command("service", "upgrade", "--database", flow_database).returncode == 1


def test_only_the_cookie_of_an_invalid_token_is_deleted(tmp_path: Path) -> None:
    access = AccessControl(read_settings(), Database(f"sqlite:///{tmp_path / 's.db'}"))
    scope = {"type": "http", "scheme": "http", "headers": [(b"cookie", f"brainio_token={UNKNOWN_TOKEN}".encode())]}

    def refusal() -> tuple[int, bool]:
        error = access.resolve(scope)
        assert isinstance(error, HTTPException)
        return error.status_code, bool(scope["has_stale_cookie"])

    assert refusal() == (503, False)
    create_token(Database(f"sqlite:///{tmp_path / 's.db'}"), ["lab:read"], "")
    access.refresh()
    refusals = [refusal() for _ in range(MAX_WRONG_TOKENS + 1)]
    assert (refusals[0], refusals[-1]) == ((401, True), (429, False))


def test_tokens_stay_valid_between_two_rare_refreshes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Database(f"sqlite:///{tmp_path / 's.db'}")
    _, token = create_token(store, ["lab:read"], "")
    access = AccessControl(read_settings(refresh_seconds=3600), store)
    access.refresh()
    read_at = time.monotonic()
    credential = Credential(token, "Bearer")
    for later, is_valid in ((3500, True), (3600 + 500, True), (3600 + 700, False)):
        monkeypatch.setattr("brainio.service.access.time.monotonic", lambda now=read_at + later: now)
        if is_valid:
            assert access.authenticate(credential, "").access.reads == {"lab"}
        else:
            with pytest.raises(HTTPException, match="503"):
                access.authenticate(credential, "")


def test_a_process_serves_no_files_before_it_has_read_the_embargoes(own_postgres: Postgres, tmp_path: Path) -> None:
    lab, url = make_lab(tmp_path / "lab"), own_postgres.create_database()
    for kind in ("stimulus_set", "assembly"):
        set_embargo(Database(url), ("lab", kind, ROKEM), today() + timedelta(days=1))
    files = [f"/api/v1/files/lab/assembly/nc/{name}" for name in (CARNEY, ROKEM)]
    in_catalog = "/catalogs/lab/files/assy_modelfest_Carney1999.nc"
    data = [*files, in_catalog, f"/api/v1/stimuli/lab/{CARNEY}", f"/thumbnail/lab/{CARNEY}?number=0"]
    own_postgres.stop()
    environment = {"BRAINIO_CATALOGS": str(lab), "BRAINIO_SERVE_DATABASE": url}
    with ServiceProcess(tmp_path / "served", "--workers", "2", **environment) as service:
        assert service.get("/healthz").json()["database"] == "away"
        for path in data:
            answer = service.get(path)
            assert (path, answer.status_code, answer.json()["error"]["code"]) == (path, 503, "database_away")
            assert int(answer.headers["retry-after"]) > 0
        for path in ("/catalogs/lab", f"/api/v1/entries/lab/assembly/{CARNEY}", f"/assembly/lab/{CARNEY}"):
            assert service.get(path).status_code == 200
        own_postgres.start()
        service.wait_until(lambda: all(service.get(files[0]).status_code == 200 for _ in range(5)))
        assert service.get(files[1]).status_code == 403
        assert service.get(in_catalog).status_code == 200


def test_a_page_explains_that_embargoes_cannot_be_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINIO_CATALOGS", str(make_lab(tmp_path / "lab")))
    settings, store = read_settings(), Database("postgresql://127.0.0.1:9/db")
    access, change_log = AccessControl(settings, store), ChangeLog(store)
    access.refresh()
    catalogs = CatalogWatcher(settings, change_log, access)
    catalogs.refresh()
    snapshot = catalogs.snapshot
    entry = snapshot.entry("lab", "assembly", CARNEY, access.public)
    service = Service(settings, catalogs, change_log, access, OpenIndexes(SqliteIndexStore(), 1))
    notice = EntryView(Request({"type": "http"}), snapshot, service, access.public, entry).notice
    assert notice == "The data are hidden: the service temporarily cannot check whether they are under embargo."
