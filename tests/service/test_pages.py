"""Promises of pages as they are sent: their addresses, what they may do, and that they follow what they show."""

import json
import re
from pathlib import Path
from typing import Any

import html5lib
import mlcroissant  # type: ignore[import-untyped]
import pytest

from tests.service.running import NAME, OTHER, Running

HTML = "text/html,application/xhtml+xml,*/*;q=0.8"
SET, ASSEMBLY, STIMULUS = (
    f"/stimulus_set/lab/{NAME}",
    f"/assembly/lab/{OTHER}",
    f"/stimulus/lab/{NAME}?id=GaborPatch1",
)
PAGES = ["/", "/?q=vision&kind=assembly", "/catalog/lab", SET, f"/assembly/lab/{NAME}", ASSEMBLY, STIMULUS, "/signin"]


def parsed(text: str) -> Any:
    return html5lib.HTMLParser(tree=html5lib.getTreeBuilder("etree"), namespaceHTMLElements=False).parse(text)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_whole_and_may_load_nothing_but_what_is_served_here(profiled: Running, path: str) -> None:
    answer = profiled.get(path, Accept=HTML)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    page = parsed(answer.text)
    assert page.find(".//main") is not None
    assert not [one for one in page.iter("script") if "src" not in one.attrib and one.get("type") is None]
    assert not [
        one for one in page.iter() if isinstance(one.tag, str) and ("style" in one.attrib or one.tag == "style")
    ]
    for one in [*page.iter("script"), *page.iter("link"), *page.iter("img")]:
        address = one.get("src") or one.get("href") or ""
        assert address.startswith(("/", "data:image/")) or one.get("type") == "application/ld+json"


@pytest.mark.parametrize("path", PAGES[:-1])
def test_every_page_has_the_same_as_json(profiled: Running, path: str) -> None:
    link = next(one for one in parsed(profiled.get(path).text).iter("link") if one.get("type") == "application/json")
    assert profiled.get(link.attrib["href"]).raise_for_status().json()


@pytest.mark.parametrize(
    ("path", "key"),
    [
        (f"/stimulus_set/lab/{NAME}.json", "files"),
        (f"/assembly/lab/{OTHER}.json", "files"),
        (f"/stimulus_set/lab/{NAME}.json?where=kind:GaborPatch", "stimuli"),
        (f"/stimulus/lab/{NAME}.json?id=GaborPatch1", "stimuli"),
        ("/catalog/lab.json", "csv"),
        ("/index.json?q=vision", "hits"),
    ],
)
def test_json_behind_the_address_of_a_page_leads_to_it(profiled: Running, path: str, key: str) -> None:
    led = profiled.get(path)
    assert led.status_code == 307
    assert key in profiled.get(led.headers["location"]).raise_for_status().json()


def test_assets_may_be_kept_for_ever_since_their_address_is_that_of_their_content(profiled: Running) -> None:
    page = parsed(profiled.get("/").text)
    addresses = [one.get("src") or one.attrib["href"] for one in [*page.iter("script"), *page.iter("link")]]
    assets = [one for one in addresses if one and one.startswith("/assets/")]
    assert {one.rpartition("/")[2] for one in assets} == {
        "htmx.js",
        "pages.js",
        "pages.css",
        "drawings.css",
        "icon.svg",
    }
    for address in assets:
        answer = profiled.get(address).raise_for_status()
        assert "immutable" in answer.headers["cache-control"]
        assert profiled.get(re.sub("/[0-9a-f]{12}/", "/000000000000/", address)).status_code == 404


def test_errors_are_pages_for_browsers_and_json_for_programs(profiled: Running) -> None:
    path = "/assembly/lab/nothing"
    page, record = profiled.get(path, Accept=HTML), profiled.get(path)
    assert page.status_code == record.status_code == 404
    assert record.json()["error"]["code"] in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    assert "Accept" in page.headers["vary"]


def test_the_description_in_a_page_is_croissant(profiled: Running) -> None:
    page = parsed(profiled.get(SET).text)
    text = next(one.text for one in page.iter("script") if one.get("type") == "application/ld+json")
    described = json.loads(text or "")
    assert described == profiled.get(f"/api/v1/croissant/lab/stimulus_set/{NAME}").json()
    assert described["url"].startswith("https://doi.org/") or described["url"]
    found = mlcroissant.Dataset(jsonld=described)
    assert not found.metadata.ctx.issues.errors


def test_addresses_in_a_page_are_those_of_the_host_that_was_asked_and_of_no_other(profiled: Running) -> None:
    path = f"{SET}?version="
    assert "http://evil.example/catalogs/lab" in profiled.get(path, Host="evil.example").text
    assert "evil.example" not in profiled.get(path).text


def test_a_page_follows_the_card_beside_its_catalog(profiled: Running, lab_catalog: Path) -> None:
    card = next(lab_catalog.parent.glob("cards/assembly/*Rokem2006.json"))
    text = card.read_text()
    before = profiled.get(ASSEMBLY).text
    assert "Schistocerca gregaria" not in before
    changed = card.with_suffix(".new")
    changed.write_text(text.replace("Locusta migratoria", "Schistocerca gregaria"))
    changed.replace(card)
    profiled.eventually(lambda: "Schistocerca gregaria" in profiled.get(ASSEMBLY).text)


def test_thumbnails_are_small_pictures(profiled: Running) -> None:
    images = [one.attrib["src"] for one in parsed(profiled.get(SET).text).iter("img")]
    assert len(images) == 43
    picture = profiled.get(images[0]).raise_for_status()
    assert picture.headers["content-type"] == "image/webp"
    assert len(picture.content) < 30_000
    assert profiled.get(images[0].replace("number=0", "number=99")).status_code == 404


def test_only_browsers_keep_thumbnails_and_only_by_the_address_of_their_bytes(profiled: Running) -> None:
    address = next(one.attrib["src"] for one in parsed(profiled.get(SET).text).iter("img"))
    assert profiled.get(address).headers["cache-control"] == "private, max-age=86400, immutable"
    for other in (address.partition("&made=")[0], f"{address}0", re.sub("made=.*", "made=x", address)):
        answer = profiled.get(other).raise_for_status()
        assert answer.headers["cache-control"] == "no-cache"


def test_a_form_of_another_site_signs_nobody_in(profiled: Running) -> None:
    answer = profiled.client.post("/signin", content="token=x", headers={"Origin": "https://evil.example"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "foreign_form")
    assert profiled.client.post("/signin", content=b"token=" + b"x" * 5000).status_code == 413


@pytest.mark.parametrize("origin", ["http://[", "null", "", "://", "https://", "http://evil.example:x", "file://"])
def test_a_form_of_no_origin_of_this_service_is_refused(profiled: Running, origin: str) -> None:
    answer = profiled.client.post("/signout", headers={"Origin": origin})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "foreign_form")


def test_a_form_comes_from_the_host_that_was_asked_or_from_the_public_address(
    lab_catalog: Path, tmp_path: Path
) -> None:
    settings = {"BRAINIO_CATALOGS": str(lab_catalog), "BRAINIO_SERVE_PUBLIC_URL": "https://lab.example/brainio"}
    with Running(tmp_path, **settings) as service:
        host = service.url.removeprefix("http://")
        for origin in (f"http://{host}", f"https://{host}", "https://lab.example"):
            assert service.client.post("/signout", headers={"Origin": origin}).status_code == 303
        for origin in ("http://lab.example", "https://lab.example.evil.example", f"http://{host}.evil.example"):
            assert service.client.post("/signout", headers={"Origin": origin}).status_code == 403


def test_every_page_leads_to_signing_in(profiled: Running) -> None:
    for path in ("/", SET, "/assembly/lab/nothing"):
        links = parsed(profiled.get(path, Accept=HTML).text).iter("a")
        assert [one.text for one in links if one.get("href") == "/signin"] == ["Sign in"]
