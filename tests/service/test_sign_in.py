"""Signing in returns to the page, tells nothing of private catalogs, and leads nowhere else."""

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
from tests.service.test_pages import HTML, parsed

PAGE = f"/stimulus_set/{HIDDEN}/{IDENTIFIER}"
QUERY = f"{PAGE}?where=kind:x&where=a%26b%3A1&page=2"
ELSEWHERE = [
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


def fields(page: httpx.Response) -> dict[str, str]:
    """Return the hidden fields of the form for signing in or out."""
    form = next(one for one in parsed(page.text).iter("form") if one.get("method") == "post")
    return {one.get("name"): one.get("value") for one in form.iter("input") if one.get("type") == "hidden"}


def offered(page: httpx.Response) -> list[str]:
    """Return where the links of a page for signing in lead."""
    links = parsed(page.text).iter("a")
    return [one.get("href") for one in links if (one.get("href") or "").startswith("/signin")]


@pytest.fixture
def visitor(vault: PrivateService) -> Iterator[httpx.Client]:
    """Somebody with a browser, who keeps cookies."""
    with httpx.Client(base_url=vault.service.url, timeout=20, trust_env=False, headers={"Accept": HTML}) as client:
        yield client


def test_signing_in_from_a_page_that_is_not_found_leads_back_to_it_and_so_does_signing_out(
    vault: PrivateService, visitor: httpx.Client
) -> None:
    for path in (PAGE, QUERY, f"/assembly/{HIDDEN}/{IDENTIFIER}", f"/catalog/{HIDDEN}"):
        missing = visitor.get(path)
        assert (missing.status_code, len(offered(missing))) == (404, 2)
        (link,) = set(offered(missing))
        assert parse_qs(urlsplit(link).query) == {"next": [path]}
        form = visitor.get(link)
        wrong = visitor.post("/signin", data=fields(form) | {"token": "brainio_00"})
        assert (wrong.status_code, fields(wrong)) == (401, {"next": path})
        answer = visitor.post("/signin", data=fields(wrong) | {"token": vault.tokens["right"]})
        assert (answer.status_code, answer.headers["location"]) == (303, path)
        page = visitor.get(answer.headers["location"], follow_redirects=True)
        assert (page.status_code, len(offered(page))) == (200, 1)
        out = visitor.post("/signout", data=fields(visitor.get(offered(page)[0])))
        back = urlsplit(out.headers["location"])
        assert (out.status_code, back.path) == (303, urlsplit(path).path)
        assert visitor.get(out.headers["location"]).status_code == 404


def test_a_page_says_the_same_of_a_private_name_and_of_one_that_nobody_gave(vault: PrivateService) -> None:
    def page(path: str) -> str:
        answer = vault.service.get(path, Accept=HTML)
        assert answer.status_code == 404
        text = answer.text.replace(answer.headers["x-request-id"], "ID")
        return re.sub("nocatalog", HIDDEN, re.sub("noentry", IDENTIFIER, text))

    for path in ("/catalog/{}", "/assembly/{}/{}", "/stimulus_set/{}/{}?where=a:b", "/stimulus/{}/{}?id=1"):
        unknown = page(path.format("nocatalog", "noentry"))
        assert page(path.format(HIDDEN, IDENTIFIER)) == unknown
        assert "to see it if it is private" in unknown


@pytest.mark.parametrize("target", ELSEWHERE)
def test_signing_in_leads_to_no_other_site(vault: PrivateService, visitor: httpx.Client, target: str) -> None:
    assert "next" not in fields(visitor.get("/signin", params={"next": target}))
    for path, token in (("/signin", vault.tokens["right"]), ("/signout", "")):
        answer = visitor.post(path, data={"next": target, "token": token})
        assert (answer.status_code, answer.headers["location"]) == (303, "/"), path


@given(st.text(alphabet="/\\.%2eE5cCfF?#:@ab\t\n\r é", max_size=30), st.sampled_from(["", "/brainio"]))
def test_whatever_address_is_given_signing_in_stays_below_the_path(text: str, prefix: str) -> None:
    with urls.use_prefix(prefix):
        for given_text in (text, f"{prefix}/{text}"):
            target = urls.safe_return_url(given_text)
            assert str(httpx.URL("https://lab.example/x").join(target)).startswith(f"https://lab.example{prefix}/")
            assert not {".", ".."} & {*unquote(re.split("[?#]", target)[0]).split("/")}


def test_every_page_leads_to_signing_in_and_back(vault: PrivateService) -> None:
    for path in (f"/stimulus_set/lab/{CARNEY}?where=kind:x", "/catalog/lab", "/?q=vision"):
        assert offered(vault.service.get(path, Accept=HTML)) == [f"/signin?next={quote(path, safe='')}"]
    assert offered(vault.service.get("/", Accept=HTML)) == ["/signin"]


def test_an_expired_token_is_said_to_be_where_one_signs_in_and_does_not_keep_from_it(vault: PrivateService) -> None:
    stale = {"Cookie": f"brainio_token={vault.tokens['expired']}"}
    page = vault.service.client.get(f"/signin?next={PAGE}", headers=stale)
    assert (page.status_code, fields(page)) == (200, {"next": PAGE})
    assert "has expired" in page.text
    assert ("Max-Age=0" in page.headers["set-cookie"], page.headers["cache-control"]) == (True, "no-store")
    form = {"token": vault.tokens["right"], "next": PAGE}
    answer = vault.service.client.post("/signin", data=form, headers=stale)
    assert (answer.status_code, answer.headers["location"]) == (303, PAGE)
    assert [vault.tokens["right"] in one for one in answer.headers.get_list("set-cookie")] == [True]
    refused = vault.service.client.get(PAGE, headers=stale | {"Accept": HTML})
    assert (refused.status_code, {*offered(refused)}) == (401, {f"/signin?next={quote(PAGE, safe='')}"})
    vault.service.client.cookies.clear()


def test_a_page_ignores_parameters_that_it_does_not_have_and_carries_none_on(profiled: ServiceProcess) -> None:
    shared = "fbclid=Ab1&utm_source=mail&%75tm_medium=social&ref&="
    for path in ("/", "/?q=vision&kind=assembly", "/catalog/lab", f"/stimulus_set/lab/{CARNEY}?page=1", "/signin"):
        plain = profiled.get(path, Accept=HTML)
        answer = profiled.get(f"{path}{'&' if '?' in path else '?'}{shared}", Accept=HTML)
        assert (answer.status_code, answer.text) == (200, plain.text)
    assert "fbclid" not in profiled.get(f"/assembly/lab/{CARNEY}.json?fbclid=x").headers["location"]
    assert "fbclid" not in profiled.get("/index.json?q=a&fbclid=x").headers["location"]


def test_a_page_explains_a_known_parameter_with_a_wrong_value(profiled: ServiceProcess) -> None:
    for path, status in (
        (f"/stimulus_set/lab/{CARNEY}?page=0&fbclid=x", 422),
        (f"/stimulus_set/lab/{CARNEY}?where=nothing:1", 400),
        ("/?year=someday", 400),
    ):
        assert profiled.get(path, Accept=HTML).status_code == status, path


def test_the_json_interface_and_catalogs_still_refuse_parameters_that_they_do_not_have(
    profiled: ServiceProcess,
) -> None:
    for path in ("/api/v1/entries", "/api/v1/search", "/catalogs/lab", f"/api/v1/files/lab/assembly/nc/{CARNEY}"):
        assert profiled.get(f"{path}?fbclid=x").json()["error"]["code"] == "unknown_parameter"
