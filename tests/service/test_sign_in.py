"""Signing in and out returns to the page, and redirects to no other site."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, quote, unquote, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainio.service import urls
from tests.service.private_service import HIDDEN, IDENTIFIER, PrivateService
from tests.service.service_process import CARNEY, ServiceProcess
from tests.service.test_pages import HTML, parse_html

PAGE = f"/stimulus_set/{HIDDEN}/{IDENTIFIER}"
QUERY = f"{PAGE}?where=kind:x&where=a%26b%3A1&page=2"
UNSAFE_TARGETS = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "https://evil.example",
    "HTTPS:evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "?q=x",
    "",
    "/a/../../b",
    "/%2e%2e/b",
    "/.%2E/b",
    "/a\tb",
    "/\n/evil.example",
    "/a b",
    "\x01/a",
    "/\x7f",
    "/é",
    "/signin",
    "/signin?next=/a",
    "/signout",
    "/%73ignout",
    "/" + "a" * 3000,
]


def hidden_fields(page: httpx.Response) -> dict[str, str]:
    """Return the hidden fields of the form for signing in or out."""
    form = next(form for form in parse_html(page.text).iter("form") if form.get("method") == "post")
    inputs = [element for element in form.iter("input") if element.get("type") == "hidden"]
    return {element.get("name"): element.get("value") for element in inputs}


def sign_in_links(page: httpx.Response) -> list[str]:
    """Return the addresses of the links of a page for signing in."""
    addresses = [link.get("href") or "" for link in parse_html(page.text).iter("a")]
    return [address for address in addresses if address.startswith("/signin")]


@pytest.fixture
def visitor(private_service: PrivateService) -> Iterator[httpx.Client]:
    """A client that keeps cookies and asks for HTML."""
    with httpx.Client(
        base_url=private_service.process.url, timeout=20, trust_env=False, headers={"Accept": HTML}
    ) as client:
        yield client


def test_signing_in_and_out_from_a_missing_page_leads_back_to_it(
    private_service: PrivateService, visitor: httpx.Client
) -> None:
    for path in (PAGE, QUERY, f"/assembly/{HIDDEN}/{IDENTIFIER}", f"/catalog/{HIDDEN}"):
        missing = visitor.get(path)
        assert (missing.status_code, len(sign_in_links(missing))) == (404, 2)
        (link,) = set(sign_in_links(missing))
        assert parse_qs(urlsplit(link).query) == {"next": [path]}
        form = visitor.get(link)
        wrong = visitor.post("/signin", data=hidden_fields(form) | {"token": "brainio_00"})
        assert (wrong.status_code, hidden_fields(wrong)) == (401, {"next": path})
        answer = visitor.post("/signin", data=hidden_fields(wrong) | {"token": private_service.tokens["reader"]})
        assert (answer.status_code, answer.headers["location"]) == (303, path)
        page = visitor.get(answer.headers["location"], follow_redirects=True)
        assert (page.status_code, len(sign_in_links(page))) == (200, 1)
        out = visitor.post("/signout", data=hidden_fields(visitor.get(sign_in_links(page)[0])))
        back = urlsplit(out.headers["location"])
        assert (out.status_code, back.path) == (303, urlsplit(path).path)
        assert visitor.get(out.headers["location"]).status_code == 404


def test_the_page_of_a_private_entry_equals_the_page_of_an_unknown_entry(private_service: PrivateService) -> None:
    def page(path: str) -> str:
        answer = private_service.process.get(path, Accept=HTML)
        assert answer.status_code == 404
        text = answer.text.replace(answer.headers["x-request-id"], "ID")
        return re.sub("nocatalog", HIDDEN, re.sub("noentry", IDENTIFIER, text))

    for path in ("/catalog/{}", "/assembly/{}/{}", "/stimulus_set/{}/{}?where=a:b", "/stimulus/{}/{}?id=1"):
        unknown = page(path.format("nocatalog", "noentry"))
        assert page(path.format(HIDDEN, IDENTIFIER)) == unknown
        assert "to see it if it is private" in unknown


@pytest.mark.parametrize("target", UNSAFE_TARGETS)
def test_signing_in_redirects_to_no_other_site(
    private_service: PrivateService, visitor: httpx.Client, target: str
) -> None:
    assert "next" not in hidden_fields(visitor.get("/signin", params={"next": target}))
    for path, token in (("/signin", private_service.tokens["reader"]), ("/signout", "")):
        answer = visitor.post(path, data={"next": target, "token": token})
        assert (answer.status_code, answer.headers["location"]) == (303, "/"), path


@given(st.text(alphabet="/\\.%2eE5cCfF?#:@ab\t\n\r é", max_size=30), st.sampled_from(["", "/brainio"]))
def test_signing_in_redirects_to_addresses_below_the_path_only(text: str, prefix: str) -> None:
    with urls.use_prefix(prefix):
        for address in (text, f"{prefix}/{text}"):
            target = urls.safe_return_url(address)
            assert str(httpx.URL("https://lab.example/x").join(target)).startswith(f"https://lab.example{prefix}/")
            assert not {".", ".."} & {*unquote(re.split("[?#]", target)[0]).split("/")}


def test_every_page_links_to_signing_in_and_back(private_service: PrivateService) -> None:
    for path in (f"/stimulus_set/lab/{CARNEY}?where=kind:x", "/catalog/lab", "/?q=vision"):
        assert sign_in_links(private_service.process.get(path, Accept=HTML)) == [f"/signin?next={quote(path, safe='')}"]
    assert sign_in_links(private_service.process.get("/", Accept=HTML)) == ["/signin"]


def test_a_browser_with_an_expired_token_can_sign_in_again(private_service: PrivateService) -> None:
    stale = {"Cookie": f"brainio_token={private_service.tokens['expired']}"}
    page = private_service.process.client.get(f"/signin?next={PAGE}", headers=stale)
    assert (page.status_code, hidden_fields(page)) == (200, {"next": PAGE})
    assert "has expired" in page.text
    assert ("Max-Age=0" in page.headers["set-cookie"], page.headers["cache-control"]) == (True, "no-store")
    form = {"token": private_service.tokens["reader"], "next": PAGE}
    answer = private_service.process.client.post("/signin", data=form, headers=stale)
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    assert [private_service.tokens["reader"] in cookie for cookie in answer.headers.get_list("set-cookie")] == [True]
    refused = private_service.process.client.get(PAGE, headers=stale | {"Accept": HTML})
    assert (refused.status_code, {*sign_in_links(refused)}) == (401, {f"/signin?next={quote(PAGE, safe='')}"})
    private_service.process.client.cookies.clear()


def test_a_page_ignores_and_drops_unknown_parameters(profiled: ServiceProcess) -> None:
    shared = "fbclid=Ab1&utm_source=mail&%75tm_medium=social&ref&="
    for path in ("/", "/?q=vision&kind=assembly", "/catalog/lab", f"/stimulus_set/lab/{CARNEY}?page=1", "/signin"):
        plain = profiled.get(path, Accept=HTML)
        answer = profiled.get(f"{path}{'&' if '?' in path else '?'}{shared}", Accept=HTML)
        assert (answer.status_code, answer.text) == (200, plain.text)
    assert "fbclid" not in profiled.get(f"/assembly/lab/{CARNEY}.json?fbclid=x").headers["location"]
    assert "fbclid" not in profiled.get("/index.json?q=a&fbclid=x").headers["location"]


def test_a_page_explains_an_invalid_value_of_a_parameter(profiled: ServiceProcess) -> None:
    for path, status in (
        (f"/stimulus_set/lab/{CARNEY}?page=0&fbclid=x", 422),
        (f"/stimulus_set/lab/{CARNEY}?where=nothing:1", 400),
        ("/?year=someday", 400),
    ):
        assert profiled.get(path, Accept=HTML).status_code == status, path


def test_the_api_and_catalogs_refuse_unknown_parameters(
    profiled: ServiceProcess,
) -> None:
    for path in ("/api/v1/entries", "/api/v1/search", "/catalogs/lab", f"/api/v1/files/lab/assembly/nc/{CARNEY}"):
        assert profiled.get(f"{path}?fbclid=x").json()["error"]["code"] == "unknown_parameter"
