"""Private catalogs: clients without access find no trace of them in any answer."""

import csv
import io
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
from tests.service.private_service import CONCEALED, HIDDEN, IDENTIFIER, SECRET_WORD, PrivateService
from tests.service.service_process import CARNEY, ROKEM

UNKNOWN_NAME = "nobody"
WITHOUT_ACCESS = [None, "other"]
INVALID_TOKENS = ["unknown", "expired", "revoked", "malformed"]
PATH_VALUES = {"kind": "assembly", "part": "nc", "identifier": IDENTIFIER, "path": f"files/{SECRET_WORD}.nc"}
# Addresses that name no private catalog but whose answers could leak one.
PUBLIC_ADDRESSES = [
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


def body_and_headers(answer: httpx.Response) -> str:
    return "\n".join([answer.text, *(f"{name}: {value}" for name, value in answer.headers.items())])


def has_trace(answer: httpx.Response) -> bool:
    """Return whether an answer contains the name or the secret word of a private catalog."""
    text = body_and_headers(answer).lower()
    return SECRET_WORD.lower() in text or re.search(rf"\b({HIDDEN}|nosuch)\b", text) is not None


def addresses(private_service: PrivateService, catalog: str) -> Iterator[str]:
    """Yield every address of the private catalog: paths of the API, files of its CSV form, and searches.

    The addresses name another catalog instead if `catalog` is another name.
    """
    values = PATH_VALUES | {"catalog": catalog}
    for path in private_service.get("/api/v1/openapi.json").json()["paths"]:
        if "{" in path:
            yield re.sub(r"\{(\w+)(?::path)?\}", lambda match: values[match[1]], path)
    rows = csv.DictReader(io.StringIO(private_service.get(f"/catalogs/{HIDDEN}", "reader").text))
    locations = [location for row in rows for location in (row["location"], row["card"]) if location]
    for location in [*locations, f"{catalog}.csv", "publications.csv", ""]:
        yield f"/catalogs/{catalog}/{quote(location)}"
    for path in ("entries", "search"):
        yield f"/api/v1/{path}?catalog={catalog}"
    yield f"/api/v1/search?catalog=lab&catalog={catalog}"


@pytest.mark.parametrize("token", WITHOUT_ACCESS)
@pytest.mark.parametrize("path", PUBLIC_ADDRESSES)
def test_lists_counts_and_errors_do_not_reveal_a_private_catalog(
    private_service: PrivateService, path: str, token: str | None
) -> None:
    assert not has_trace(private_service.get(path, token))


@pytest.mark.parametrize("token", WITHOUT_ACCESS)
@pytest.mark.parametrize("path", SEARCHES)
def test_searches_and_facets_do_not_reveal_a_private_catalog(
    private_service: PrivateService, path: str, token: str | None
) -> None:
    assert not has_trace(private_service.get(path, token))


@pytest.mark.parametrize("token", WITHOUT_ACCESS)
def test_a_private_catalog_is_answered_like_a_catalog_that_does_not_exist(
    private_service: PrivateService, token: str | None
) -> None:
    paths = zip(addresses(private_service, HIDDEN), addresses(private_service, UNKNOWN_NAME), strict=True)
    answers = [(path, private_service.get(path, token), private_service.get(unknown, token)) for path, unknown in paths]
    assert len(answers) > 15
    for path, private, unknown in answers:
        assert private.status_code == unknown.status_code == 404, path
        request_id = private.headers["x-request-id"]
        body = private.text.replace(request_id, "").replace(HIDDEN, UNKNOWN_NAME)
        assert body == unknown.text.replace(unknown.headers["x-request-id"], ""), path
        assert private.headers.keys() == unknown.headers.keys()


def test_a_token_with_access_finds_the_whole_private_catalog(private_service: PrivateService) -> None:
    def catalogs(token: str) -> set[str]:
        return {record["catalog"] for record in private_service.get("/api/v1/catalogs", token).json()["catalogs"]}

    assert {HIDDEN, "lab"} <= catalogs("reader")
    assert CONCEALED not in catalogs("reader")
    assert {HIDDEN, CONCEALED} <= catalogs("reader of all")
    statuses = {path: private_service.get(path, "reader").status_code for path in addresses(private_service, HIDDEN)}
    profile = f"/api/v1/stimuli/{HIDDEN}"  # the service built no profile
    missing = {path for path, status in statuses.items() if status != 200 and not path.startswith(profile)}
    assert missing == {path for path in statuses if SECRET_WORD in path and path.startswith("/catalogs/")} | {
        f"/catalogs/{HIDDEN}/",
        f"/catalogs/{HIDDEN}/other.csv",
    }
    used = private_service.get(f"/api/v1/entries/lab/stimulus_set/{CARNEY}", "reader").json()["used_by"]
    assert f"{SECRET_WORD.lower()}.User" in {user["identifier"] for user in used}
    assert any(has_trace(private_service.get(path, "reader")) for path in SEARCHES)
    tokens = (None, "reader", "reader of all")
    health = [private_service.get("/healthz", token).json()["catalogs"]["ok"] for token in tokens]
    assert health == [4, 5, 6]


def test_references_are_resolved_among_visible_catalogs_only(private_service: PrivateService) -> None:
    """The stimulus set of an assembly is found although a private catalog lists another set under that name."""
    entry = "/api/v1/entries/third/assembly/third.A"
    for token in WITHOUT_ACCESS:
        assert private_service.get(entry, token).json()["stimulus_set"]["identifier"] == ROKEM
    assert private_service.get(entry, "reader").json()["stimulus_set"] is None  # the reader sees both sets


@pytest.mark.parametrize("token", INVALID_TOKENS)
def test_an_invalid_token_gets_a_401_on_every_path(private_service: PrivateService, token: str) -> None:
    for path in [*addresses(private_service, HIDDEN), "/api/v1/catalogs", f"/api/v1/entries/lab/assembly/{CARNEY}"]:
        answer = private_service.get(path, token)
        if token in {"unknown", "malformed"} and answer.status_code == 429:
            assert int(answer.headers["retry-after"]) > 0
        else:
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"] == 'Bearer realm="brainio", error="invalid_token"'
        assert list(answer.json()) == ["error"]
        assert not has_trace(answer)
        assert token == "malformed" or private_service.tokens[token] not in body_and_headers(answer)


def test_shared_caches_may_not_store_answers_to_requests_with_a_token(private_service: PrivateService) -> None:
    paths = ["/api/v1/catalogs", f"/catalogs/{HIDDEN}", f"/api/v1/entries/{HIDDEN}/assembly/{IDENTIFIER}"]
    paths += [f"/api/v1/files/{HIDDEN}/assembly/nc/{IDENTIFIER}", "/api/v1/catalogs/nobody"]
    for path in paths * 2:  # the second time from the response cache
        answer = private_service.get(path, "reader")
        assert answer.headers.get_list("cache-control") == ["private, no-store"], path
        assert {"Authorization", "Cookie"} <= set(re.split(r",\s*", answer.headers["vary"]))
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    public = private_service.get("/api/v1/catalogs")
    assert public.headers["cache-control"] == "no-cache"
    assert {"Authorization", "Cookie"} <= set(re.split(r",\s*", public.headers["vary"]))


def test_cached_answers_are_served_only_to_clients_with_the_same_access(private_service: PrivateService) -> None:
    entry = f"/api/v1/entries/lab/stimulus_set/{CARNEY}"
    assert has_trace(private_service.get(entry, "reader"))
    assert has_trace(private_service.get(entry, "reader"))
    for token in (None, "other", "unknown"):
        assert not has_trace(private_service.get(entry, token))
    assert private_service.get(f"/catalogs/{HIDDEN}", "reader").status_code == 200
    assert private_service.get(f"/catalogs/{HIDDEN}").status_code == 404


def test_a_cookie_gives_pages_of_other_origins_no_access(private_service: PrivateService) -> None:
    cookie = {"Cookie": f"brainio_token={private_service.tokens['reader']}", "Origin": "https://evil.example"}
    answer = private_service.process.client.get("/api/v1/catalogs", headers=cookie)
    assert (answer.status_code, HIDDEN in answer.text) == (403, False)
    assert "access-control-allow-credentials" not in answer.headers


NAMES = st.sets(st.sampled_from(["a", "b", "c", "*"])).map(frozenset)


@given(private=NAMES, reads=NAMES, embargoed=NAMES, catalog=st.sampled_from(["a", "b", "d"]))
def test_more_access_never_hides_anything(
    private: frozenset[str], reads: frozenset[str], embargoed: frozenset[str], catalog: str
) -> None:
    anonymous, reader = Access(private), Access(private, reads, embargoed)
    entry = Entry(catalog, "assembly", "x", ())
    assert reader.sees(catalog) >= anonymous.sees(catalog)
    for embargoes in (UNKNOWN, Embargoes({})):
        assert reader.may_download(entry, embargoes) >= anonymous.may_download(entry, embargoes)
        assert reader.sees(catalog) >= reader.may_download(entry, embargoes)
    assert not anonymous.may_download(entry, UNKNOWN)


def test_a_private_name_of_no_active_catalog_is_logged(private_service: PrivateService) -> None:
    records = private_service.process.logged("private names no active catalog")
    assert [record["names"] for record in records] == [["nosuch"]]
