"""Promises of tokens: made once, told once, gone within a second; and of what happens to who has none that serves."""

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
from brainio.stores.redaction import redacted
from tests.cli.command import brainio as command
from tests.postgres import Postgres
from tests.servers import HttpFolder
from tests.service.private_service import HIDDEN, PrivateService, expired_token
from tests.service.service_process import CARNEY, ROKEM, ServiceProcess, make_lab

WRONG = PREFIX + "0" * 64


def test_what_is_kept_opens_nothing(database: str) -> None:
    made, token = create_token(Database(database), ["lab:read", "lab:read"], "Ada")
    assert token.startswith(PREFIX)
    assert len(token) == len(PREFIX) + 64
    with create_engine(make_url(database).set(drivername=driver(database))).connect() as connection:
        row = connection.execute(text("SELECT * FROM brainio_service_tokens")).mappings().one()
    assert row["hash"] == hash_token(token)
    assert token.removeprefix(PREFIX) not in str(dict(row))
    assert (made.scopes, made.expires) == (("lab:read",), made.made + 90 * DAY)
    assert list_tokens(Database(database)) == [made]


def driver(database: str) -> str:
    return "sqlite" if database.startswith("sqlite") else "postgresql+psycopg"


@pytest.mark.parametrize("scope", ["lab", "lab:write", ":read", "", "lab:read:x", "lab: read"])
def test_what_is_no_scope_is_refused(tmp_path: Path, scope: str) -> None:
    with pytest.raises(ServiceError, match="is malformed; expected CATALOG:read"):
        create_token(Database(f"sqlite:///{tmp_path / 's.db'}"), [scope], "")
    with pytest.raises(ServiceError, match="without a scope"):
        create_token(Database(f"sqlite:///{tmp_path / 's.db'}"), [], "")


def test_a_revoked_token_stays_revoked(database: str) -> None:
    store = Database(database)
    made, _ = create_token(store, ["lab:read"], "", None)
    assert (made.expires, made.state(10**12)) == (None, "valid")
    revoked = revoke_token(store, made.id)
    assert revoke_token(store, made.id) == revoked
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
    assert {one["id"]: one["expires"] for one in records}[forever["id"]] is None
    assert forever["token"] not in json.dumps(records)
    ada = next(one["id"] for one in records if one["note"] == "Ada")
    assert command("token", "revoke", ada, BRAINIO_SERVE_DATABASE=flow_database).returncode == 0
    records = json.loads(command("token", "list", "--json", *here).stdout)
    assert {one["note"]: one["state"] for one in records} == {"Ada": "revoked", "": "valid"}
    assert command("token", "create", "--scope", "a:read", "--days", "1", "--never-expires", *here).returncode == 2
    assert command("token", "revoke", "x", *here).returncode == 1


def test_a_running_service_follows_what_commands_change(vault: PrivateService) -> None:
    made, token = create_token(vault.database, [f"{HIDDEN}:read"], "late")
    path = f"/catalogs/{HIDDEN}"
    vault.service.eventually(lambda: vault.ask(token, path).status_code == 200)
    vault.service.eventually(lambda: {one.id: one.last_used for one in list_tokens(vault.database)}[made.id])
    revoke_token(vault.database, made.id)
    vault.service.eventually(lambda: vault.ask(token, path).status_code == 401)
    assert vault.ask(token, path).json()["error"]["message"] == f"the token {made.id} was revoked"


def test_a_token_serves_until_its_last_second(vault: PrivateService) -> None:
    token = expired_token(vault.database, f"{HIDDEN}:read")
    vault.service.eventually(lambda: "expired" in vault.ask(token).text)
    assert vault.ask(token).status_code == 401


def test_a_token_comes_as_bearer_as_password_or_as_cookie(vault: PrivateService) -> None:
    right = vault.tokens["right"]
    path = f"/catalogs/{HIDDEN}"
    ask = vault.service.client
    assert ask.get(path, headers={"Authorization": f"bearer {right}"}).status_code == 200
    assert ask.get(path, auth=("anybody", right)).status_code == 200
    assert ask.get(path, headers={"Cookie": f"a=b; brainio_token={right}; c=d"}).status_code == 200
    assert ask.head(path, auth=("", right)).status_code == 200
    other = {"Authorization": f"Bearer {vault.tokens['other']}", "Cookie": f"brainio_token={right}"}
    assert ask.get(path, headers=other).status_code == 404  # the header is what counts


@pytest.mark.parametrize("value", ["Basic", "Basic ???", "Basic bWU=", "Digest x", "Bearer", "x" * 5000, "Bearer \xff"])
def test_a_malformed_header_is_a_401(vault: PrivateService, value: str) -> None:
    answer = vault.service.client.get("/api/v1/catalogs", headers=[(b"Authorization", value.encode("latin-1"))])
    assert answer.status_code in {401, 429}
    assert list(answer.json()) == ["error"]


def test_a_forged_cookie_is_a_401_that_makes_the_browser_forget_it(vault: PrivateService) -> None:
    cookies = [WRONG, vault.tokens["revoked"], "", '"' + "x" * 1000, vault.tokens["right"][:-1], "%00"]
    for cookie in cookies:
        answer = vault.service.client.get(f"/catalogs/{HIDDEN}", headers={"Cookie": f"brainio_token={cookie}"})
        assert answer.status_code in {401, 429}
        if answer.status_code == 429:  # of which a right token may be the next one
            assert "set-cookie" not in answer.headers
            continue
        said = answer.headers["set-cookie"]
        assert said.startswith('brainio_token=""; ')
        assert {"HttpOnly", "Max-Age=0", "Path=/", "SameSite=lax"} <= set(said.split("; "))


def test_whoever_guesses_has_to_wait_and_right_tokens_serve_on(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    url = f"sqlite:///{tmp_path / 'service.db'}"
    _, right = create_token(Database(url), ["lab:read"], "")
    environment = {"BRAINIO_CATALOGS": str(lab), "BRAINIO_SERVE_PRIVATE": "lab", "BRAINIO_SERVE_DATABASE": url}
    with ServiceProcess(tmp_path / "served", **environment) as service:
        guesses = [service.get("/catalogs/lab", Authorization=f"Bearer {WRONG}") for _ in range(MAX_WRONG_TOKENS + 2)]
        assert [one.status_code for one in guesses] == [401] * MAX_WRONG_TOKENS + [429] * 2
        assert 0 < int(guesses[-1].headers["retry-after"]) <= 60
        assert guesses[-1].json()["error"]["code"] == "too_many_tokens"
        assert service.get("/catalogs/lab", Authorization=f"Bearer {right}").status_code == 200
        assert service.get("/catalogs/brainio_demo").status_code == 200
        metrics = service.get("/metrics").text
        assert f'brainio_tokens_refused_total{{reason="unknown"}} {MAX_WRONG_TOKENS}.0' in metrics
        assert 'brainio_tokens_refused_total{reason="guessed"} 2.0' in metrics
        elsewhere = service.get("/catalogs/lab", Authorization=f"Bearer {WRONG}", X_Forwarded_For="203.0.113.9")
        assert elsewhere.status_code == 401  # as a proxy on this machine says


def test_no_token_is_in_logs_errors_or_the_list_of_processes(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    url = f"sqlite:///{tmp_path / 'service.db'}"
    made, token = create_token(Database(url), ["lab:read"], "")
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
        assert {one["token"] for one in service.requests() if "token" in one} == {made.id}
    secret = token.removeprefix(PREFIX)
    assert not any(secret in line for line in service.lines)
    assert not any(secret in told.text for told in answers)
    assert all(told.status_code in {400, 404} for told in answers)


@given(st.text(), st.integers(0, 2**256 - 1), st.text())
def test_tokens_are_taken_out_of_any_text(before: str, number: int, behind: str) -> None:
    token = f"{PREFIX}{number:064x}"
    assert token not in redacted(f"{before}{token}{behind}")


@given(st.lists(st.tuples(st.sampled_from([b"authorization", b"cookie", b"accept"]), st.binary(max_size=60))))
def test_no_header_makes_the_service_fail(headers: list[tuple[bytes, bytes]]) -> None:
    found = read_credential({"headers": headers})
    assert found is None or found.scheme in {"Bearer", "Basic", "Cookie"}


@pytest.fixture
def private_lab(tmp_path: Path) -> tuple[ServiceProcess, str]:
    """A service, not started yet, whose catalog `lab` is private; and a token for it."""
    lab = make_lab(tmp_path / "lab")
    url = f"sqlite:///{tmp_path / 'service.db'}"
    _, token = create_token(Database(url), ["lab:read"], "")
    environment = {"BRAINIO_SERVE_PRIVATE": "*", "BRAINIO_SERVE_DATABASE": url}
    return ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab), **environment), token


def use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, running: ServiceProcess, token: str, how: str) -> None:
    """Put the served catalog in force, with the token in the URL or in `.netrc`."""
    host = running.url.removeprefix("http://")
    if how == "url":
        monkeypatch.setenv("BRAINIO_CATALOGS", f"http://token:{token}@{host}/catalogs/lab")
        return
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine {host.partition(':')[0]} login token password {token}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("BRAINIO_CATALOGS", f"http://{host}/catalogs/lab")


@pytest.mark.parametrize("how", ["url", "netrc"])
def test_an_assembly_is_had_through_a_private_catalog_and_again_when_the_service_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, private_lab: tuple[ServiceProcess, str], how: str
) -> None:
    running, token = private_lab
    with running as service:
        use(monkeypatch, tmp_path, service, token, how)
        assembly = brainio.get_assembly(CARNEY)
        assert len(list(assembly.attrs["stimulus_set"].stimulus_paths.values())) > 10
        assert brainio.search(CARNEY, catalog="lab")[0].year == 1999  # as the publications beside it say
        assert command("card", "show", CARNEY, "--catalog", "lab").returncode == 0
        paths = {one["path"]: one["status"] for one in service.requests() if one.get("token")}
    assert paths["/catalogs/lab/publications.csv"] == 200
    assert set(paths.values()) <= {200, 206}
    source = registry.catalog_source("lab")
    source.backend.refresh()  # as a new process would, it reads the catalog again
    with pytest.warns(UserWarning, match="the copy of") as told:
        assert brainio.get_assembly(CARNEY).identical(assembly)
    assert not any(token in str(one.message) for one in told)


@pytest.mark.parametrize("how", ["url", "netrc"])
def test_the_token_is_not_sent_on_to_where_files_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, http_folder: HttpFolder, how: str
) -> None:
    lab = make_lab(tmp_path / "lab")
    (http_folder.folder / "a.nc").write_bytes((tmp_path / "lab/files/assy_modelfest_Carney1999.nc").read_bytes())
    elsewhere = http_folder.url.replace("127.0.0.1", "localhost")
    lab.write_text(lab.read_text().replace("file,files/assy_modelfest_Carney1999.nc", f",{elsewhere}/a.nc"))
    url = f"sqlite:///{tmp_path / 'service.db'}"
    _, token = create_token(Database(url), ["lab:embargoed"], "")
    # So that the service is asked for where it lies.
    set_embargo(Database(url), ("lab", "assembly", CARNEY), today() + timedelta(1))
    environment = {"BRAINIO_SERVE_PRIVATE": "lab", "BRAINIO_SERVE_DATABASE": url}
    monkeypatch.setenv("BRAINIO_ALLOW_PRIVATE", "1")  # the other server is on this machine too
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab), **environment) as service:
        use(monkeypatch, tmp_path, service, token, how)
        brainio.get_assembly(CARNEY)
        assert any(one["status"] == 302 for one in service.requests())
    assert http_folder.requests
    assert not any("Authorization" in one.headers for one in http_folder.requests)


def test_a_wrong_token_is_told_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, private_lab: tuple[ServiceProcess, str]
) -> None:
    running, _ = private_lab
    with running as service:
        use(monkeypatch, tmp_path, service, WRONG, "url")
        with pytest.raises(CatalogError, match="HTTP 401") as refused:
            registry.listing("lab")
    assert WRONG not in str(refused.value)


def test_while_the_database_is_away_tokens_that_were_read_serve_on(postgres: Postgres, tmp_path: Path) -> None:
    """Public data are served as ever; a token that nobody read yet may be a right one, and is asked to wait."""
    lab = make_lab(tmp_path / "lab")
    with Postgres(postgres.programs) as server:
        url = server.create_database()
        _, token = create_token(Database(url), ["lab:read"], "")
        environment = {"BRAINIO_SERVE_PRIVATE": "lab", "BRAINIO_SERVE_DATABASE": url}
        with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab), **environment) as service:

            def ask(path: str, with_token: str) -> httpx.Response:
                return service.get(path, Authorization=f"Bearer {with_token}")

            assert ask("/catalogs/lab", token).status_code == 200
            cursor = ask("/api/v1/catalogs/lab/changes", token).json()["cursor"]
            server.stop()
            service.eventually(lambda: service.get("/healthz").json()["database"] == "away")
            assert ask("/catalogs/lab", token).status_code == 200
            assert ask(f"/api/v1/files/lab/assembly/nc/{CARNEY}", token).status_code == 200
            assert service.get(f"/api/v1/files/brainio_demo/assembly/nc/{CARNEY.replace('lab', 'modelfest')}").content
            changes = f"/api/v1/catalogs/lab/changes?since={cursor}"
            for answer in (ask("/catalogs/lab", WRONG), ask(changes, token)):
                assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database_away")
                assert int(answer.headers["retry-after"]) > 0
            server.start()
            service.eventually(lambda: service.get("/healthz").json()["database"] == "ok")
            assert ask("/catalogs/lab", WRONG).status_code == 401
            assert ask(changes, token).json()["changes"] == []
        server.close_connections()
        assert not any("se cret" in line or "se%20cret" in line for line in service.lines)


def test_a_browser_is_told_to_keep_a_token_as_long_as_it_serves(tmp_path: Path) -> None:
    store = Database(f"sqlite:///{tmp_path / 's.db'}")
    _, token = create_token(store, ["lab:read"], "", 2)
    rights = AccessControl(read_settings(), store)
    rights.refresh()
    for scheme in ("http", "https"):
        request = Request({"type": "http", "scheme": scheme, "headers": [], "path": "/signin", "server": ("lab", 80)})
        kept, gone = Response(), Response()
        sign_in(request, kept, rights, f" {token}\n")
        said = kept.headers["set-cookie"]
        assert said.startswith(f"brainio_token={token}; ")
        flags = set(said.split("; "))
        assert {"HttpOnly", "SameSite=lax", "Path=/"} <= flags
        assert ("Secure" in flags) == (scheme == "https")
        age = next(int(one.partition("=")[2]) for one in flags if one.startswith("Max-Age="))
        assert 2 * DAY - 60 < age <= 2 * DAY
        sign_out(request, gone)
        assert "Max-Age=0" in gone.headers["set-cookie"]


def test_the_file_of_a_service_that_goes_away_is_not_made_anew_empty(tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "lab")
    file = tmp_path / "service.db"
    _, token = create_token(Database(f"sqlite:///{file}"), ["lab:read"], "")
    environment = {"BRAINIO_SERVE_PRIVATE": "lab", "BRAINIO_SERVE_DATABASE": f"sqlite:///{file}"}
    with ServiceProcess(tmp_path / "served", BRAINIO_CATALOGS=str(lab), **environment) as service:
        assert service.get("/catalogs/lab", Authorization=f"Bearer {token}").status_code == 200
        moved = file.rename(tmp_path / "away.db")
        service.eventually(lambda: service.get("/healthz").json()["database"] == "away")
        lab.write_text(lab.read_text().replace("GPL-2.0-only", "MIT"))  # a change that would be noted
        service.eventually(lambda: "MIT" in service.get("/catalogs/lab", Authorization=f"Bearer {token}").text)
        assert not file.exists()
        revoke_token(Database(f"sqlite:///{moved}"), list_tokens(Database(f"sqlite:///{moved}"))[0].id)
        moved.rename(file)
        service.eventually(lambda: service.get("/catalogs/lab", Authorization=f"Bearer {token}").status_code == 401)


def test_tables_of_another_release_are_refused_before_anything_is_served(flow_database: str) -> None:
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


def test_a_browser_forgets_a_token_that_is_none_and_no_other(tmp_path: Path) -> None:
    rights = AccessControl(read_settings(), Database(f"sqlite:///{tmp_path / 's.db'}"))
    scope = {"type": "http", "scheme": "http", "headers": [(b"cookie", f"brainio_token={WRONG}".encode())]}

    def refused() -> tuple[int, bool]:
        found = rights.resolve(scope)
        assert isinstance(found, HTTPException)
        return found.status_code, bool(scope["has_stale_cookie"])

    assert refused() == (503, False)
    create_token(Database(f"sqlite:///{tmp_path / 's.db'}"), ["lab:read"], "")
    rights.refresh()
    told = [refused() for _ in range(MAX_WRONG_TOKENS + 1)]
    assert (told[0], told[-1]) == ((401, True), (429, False))


def test_tokens_serve_between_two_readings_however_rare_these_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Database(f"sqlite:///{tmp_path / 's.db'}")
    _, token = create_token(store, ["lab:read"], "")
    rights = AccessControl(read_settings(refresh_seconds=3600), store)
    rights.refresh()
    read_at = time.monotonic()
    given = Credential(token, "Bearer")
    for later, serves in ((3500, True), (3600 + 500, True), (3600 + 700, False)):
        monkeypatch.setattr("brainio.service.access.time.monotonic", lambda now=read_at + later: now)
        if serves:
            assert rights.authenticate(given, "").access.reads == {"lab"}
        else:
            with pytest.raises(HTTPException, match="503"):
                rights.authenticate(given, "")


def test_a_process_that_starts_while_the_database_is_away_gives_no_files_until_embargoes_were_read(
    own_postgres: Postgres, tmp_path: Path
) -> None:
    lab, url = make_lab(tmp_path / "lab"), own_postgres.create_database()
    for kind in ("stimulus_set", "assembly"):
        set_embargo(Database(url), ("lab", kind, ROKEM), today() + timedelta(days=1))
    files = [f"/api/v1/files/lab/assembly/nc/{name}" for name in (CARNEY, ROKEM)]
    beside = "/catalogs/lab/files/assy_modelfest_Carney1999.nc"
    data = [*files, beside, f"/api/v1/stimuli/lab/{CARNEY}", f"/thumbnail/lab/{CARNEY}?number=0"]
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
        service.eventually(lambda: all(service.get(files[0]).status_code == 200 for _ in range(5)))
        assert service.get(files[1]).status_code == 403
        assert service.get(beside).status_code == 200


def test_a_service_that_never_read_its_embargoes_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAINIO_CATALOGS", str(make_lab(tmp_path / "lab")))
    settings, store = read_settings(), Database("postgresql://127.0.0.1:9/db")
    rights, seen = AccessControl(settings, store), ChangeLog(store)
    rights.refresh()
    holdings = CatalogWatcher(settings, seen, rights)
    holdings.refresh()
    now = holdings.snapshot
    entry = now.entry("lab", "assembly", CARNEY, rights.public)
    serves = Service(settings, holdings, seen, rights, OpenIndexes(SqliteIndexStore(), 1))
    told = EntryView(Request({"type": "http"}), now, serves, rights.public, entry).notice
    assert told == "The data are hidden: the service temporarily cannot check whether they are under embargo."
