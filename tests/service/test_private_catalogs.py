"""Promises of private catalogs: whoever has no right to one finds no trace of it, wherever he looks."""

import csv
import io
import json
import re
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainio.catalogs import Entry
from brainio.service.access import Access
from brainio.service.embargoes import UNKNOWN, Embargoes
from tests.service.private_service import CONCEALED, HIDDEN, IDENTIFIER, WORD, PrivateService
from tests.service.service_process import CARNEY, ROKEM

UNKNOWN_NAME = "nobody"
STRANGERS = [None, "other"]
REFUSED = ["wrong", "expired", "revoked", "none"]
VALUES = {"kind": "assembly", "part": "nc", "identifier": IDENTIFIER, "path": f"files/{WORD}.nc"}
# What names nothing private, and could tell of it all the same.
LISTS = [
    "/api/v1",
    "/api/v1/openapi.json",
    "/api/v1/catalogs",
    "/api/v1/entries?limit=1000",
    f"/api/v1/entries?limit=1000&stimulus_set={CARNEY}",
    "/api/v1/entries?publication=carney1999&limit=1",
    "/api/v1/entries?prefix=qz",
    f"/api/v1/entries/lab/stimulus_set/{CARNEY}",
    f"/api/v1/history/lab/stimulus_set/{CARNEY}",
    f"/api/v1/cards/lab/stimulus_set/{CARNEY}",
    "/api/v1/entries/third/assembly/third.A",
    "/api/v1/catalogs/lab/changes",
    "/catalogs/lab",
    "/catalogs/lab/publications.csv",
    "/healthz",
    "/healthz/ready",
    "/metrics",
    "/nothing",
    "/catalogs",
    "/catalogs/",
    "/api/v1/entries?kinds=x",
    "/api/v1/entries?limit=x",
]
SEARCHES = [
    "/api/v1/search?limit=100",
    "/api/v1/search?q=vision&limit=100",
    "/api/v1/search?q=qzmar&limit=100",
    "/api/v1/search?region=Qzregio",
    "/api/v1/search?lab=qzmar",
    "/api/v1/search?lab=nobody",
    "/api/v1/search?year=someday",
    "/api/v1/search?species=axolotl",
]


def told(answer: httpx.Response) -> str:
    """Return all that an answer says, but for what it is called."""
    return "\n".join([answer.text, *(f"{name}: {value}" for name, value in answer.headers.items())])


def is_traced(answer: httpx.Response) -> bool:
    text = told(answer).lower()
    return WORD.lower() in text or re.search(rf"\b({HIDDEN}|nosuch)\b", text) is not None


def addresses(vault: PrivateService, catalog: str) -> Iterator[str]:
    """Yield every path of the interface with the values of the private catalog, and all that its CSV form names."""
    for path in vault.get("/api/v1/openapi.json").json()["paths"]:
        if "{" in path:
            named = re.sub(r"\{(\w+)(?::path)?\}", lambda found: (VALUES | {"catalog": catalog})[found[1]], path)
            yield named
    rows = csv.DictReader(io.StringIO(vault.get(f"/catalogs/{HIDDEN}", "right").text))
    places = [place for row in rows for place in (row["location"], row["card"]) if place]
    for place in [*places, f"{catalog}.csv", "publications.csv", ""]:
        yield f"/catalogs/{catalog}/{quote(place)}"
    for path in ("entries", "search"):
        yield f"/api/v1/{path}?catalog={catalog}"
    yield f"/api/v1/search?catalog=lab&catalog={catalog}"


@pytest.mark.parametrize("who", STRANGERS)
@pytest.mark.parametrize("path", LISTS)
def test_lists_counts_and_errors_tell_nothing_of_a_private_catalog(
    vault: PrivateService, path: str, who: str | None
) -> None:
    assert not is_traced(vault.get(path, who))


@pytest.mark.parametrize("who", STRANGERS)
@pytest.mark.parametrize("path", SEARCHES)
def test_searches_and_facets_tell_nothing_of_a_private_catalog(
    vault: PrivateService, path: str, who: str | None
) -> None:
    assert not is_traced(vault.get(path, who))


@pytest.mark.parametrize("who", STRANGERS)
def test_a_private_catalog_is_answered_as_one_that_does_not_exist(vault: PrivateService, who: str | None) -> None:
    paths = zip(addresses(vault, HIDDEN), addresses(vault, UNKNOWN_NAME), strict=True)
    asked = [(path, vault.get(path, who), vault.get(unknown, who)) for path, unknown in paths]
    assert len(asked) > 15
    for path, private, unknown in asked:
        assert private.status_code == unknown.status_code == 404, path
        request_id = private.headers["x-request-id"]
        body = private.text.replace(request_id, "").replace(HIDDEN, UNKNOWN_NAME)
        assert body == unknown.text.replace(unknown.headers["x-request-id"], ""), path
        assert private.headers.keys() == unknown.headers.keys()


def test_whoever_has_the_right_finds_all_of_it(vault: PrivateService) -> None:
    assert {HIDDEN, "lab"} <= {one["catalog"] for one in vault.get("/api/v1/catalogs", "right").json()["catalogs"]}
    assert CONCEALED not in vault.get("/api/v1/catalogs", "right").text
    assert {HIDDEN, CONCEALED} <= {one["catalog"] for one in vault.get("/api/v1/catalogs", "every").json()["catalogs"]}
    statuses = {path: vault.get(path, "right").status_code for path in addresses(vault, HIDDEN)}
    profile = f"/api/v1/stimuli/{HIDDEN}"  # none was made of it
    missing = {path for path, status in statuses.items() if status != 200 and not path.startswith(profile)}
    assert missing == {path for path in statuses if WORD in path and path.startswith("/catalogs/")} | {
        f"/catalogs/{HIDDEN}/",
        f"/catalogs/{HIDDEN}/other.csv",
    }
    used = vault.get(f"/api/v1/entries/lab/stimulus_set/{CARNEY}", "right").json()["used_by"]
    assert f"{WORD.lower()}.User" in {one["identifier"] for one in used}
    assert any(is_traced(vault.get(path, "right")) for path in SEARCHES)
    health = [vault.get("/healthz", who).json()["catalogs"]["ok"] for who in (None, "right", "every")]
    assert health == [4, 5, 6]


def test_an_answer_is_as_if_there_were_no_private_catalog(vault: PrivateService) -> None:
    """The set of an assembly is found, though a private catalog lists another one under that name."""
    entry = "/api/v1/entries/third/assembly/third.A"
    for who in STRANGERS:
        assert vault.get(entry, who).json()["stimulus_set"]["identifier"] == ROKEM
    assert vault.get(entry, "right").json()["stimulus_set"] is None  # who sees both cannot tell which is meant


@pytest.mark.parametrize("token", REFUSED)
def test_a_token_that_does_not_serve_is_a_401_on_every_path(vault: PrivateService, token: str) -> None:
    for path in [*addresses(vault, HIDDEN), "/api/v1/catalogs", f"/api/v1/entries/lab/assembly/{CARNEY}"]:
        answer = vault.get(path, token)
        if token in {"wrong", "none"} and answer.status_code == 429:
            assert int(answer.headers["retry-after"]) > 0
        else:
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"] == 'Bearer realm="brainio", error="invalid_token"'
        assert list(answer.json()) == ["error"]
        assert not is_traced(answer)
        assert token == "none" or vault.tokens[token] not in told(answer)


def test_answers_that_are_not_for_everybody_are_kept_from_caches(vault: PrivateService) -> None:
    paths = ["/api/v1/catalogs", f"/catalogs/{HIDDEN}", f"/api/v1/entries/{HIDDEN}/assembly/{IDENTIFIER}"]
    paths += [f"/api/v1/files/{HIDDEN}/assembly/nc/{IDENTIFIER}", "/api/v1/catalogs/nobody"]
    for path in paths * 2:  # again, as they are kept
        answer = vault.get(path, "right")
        assert answer.headers.get_list("cache-control") == ["private, no-store"], path
        assert {"Authorization", "Cookie"} <= set(re.split(r",\s*", answer.headers["vary"]))
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    public = vault.get("/api/v1/catalogs")
    assert public.headers["cache-control"] == "no-cache"
    assert {"Authorization", "Cookie"} <= set(re.split(r",\s*", public.headers["vary"]))


def test_kept_answers_go_to_nobody_else(vault: PrivateService) -> None:
    entry = f"/api/v1/entries/lab/stimulus_set/{CARNEY}"
    assert is_traced(vault.get(entry, "right"))
    assert is_traced(vault.get(entry, "right"))
    for who in (None, "other", "wrong"):
        assert not is_traced(vault.get(entry, who))
    assert vault.get(f"/catalogs/{HIDDEN}", "right").status_code == 200
    assert vault.get(f"/catalogs/{HIDDEN}").status_code == 404


def test_pages_of_other_origins_get_no_answer_by_cookie(vault: PrivateService) -> None:
    cookie = {"Cookie": f"brainio_token={vault.tokens['right']}", "Origin": "https://evil.example"}
    answer = vault.service.client.get("/api/v1/catalogs", headers=cookie)
    assert (answer.status_code, HIDDEN in answer.text) == (403, False)
    assert "access-control-allow-credentials" not in answer.headers


NAMES = st.sets(st.sampled_from(["a", "b", "c", "*"])).map(frozenset)


@given(private=NAMES, reads=NAMES, embargoed=NAMES, catalog=st.sampled_from(["a", "b", "d"]))
def test_more_rights_never_show_less(
    private: frozenset[str], reads: frozenset[str], embargoed: frozenset[str], catalog: str
) -> None:
    everybody, somebody = Access(private), Access(private, reads, embargoed)
    entry = Entry(catalog, "assembly", "x", ())
    assert somebody.sees(catalog) >= everybody.sees(catalog)
    for embargoes in (UNKNOWN, Embargoes({})):
        assert somebody.may_download(entry, embargoes) >= everybody.may_download(entry, embargoes)
        assert somebody.sees(catalog) >= somebody.may_download(entry, embargoes)
    assert not everybody.may_download(entry, UNKNOWN)


def test_a_name_that_hides_no_catalog_is_said_in_the_log(vault: PrivateService) -> None:
    lines = [json.loads(line) for line in vault.service.lines if line.startswith("{")]
    assert [one["names"] for one in lines if one["event"] == "private names no active catalog"] == [["nosuch"]]
