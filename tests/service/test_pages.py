"""Pages as sent: links, JSON, security headers, caching, forms, and cards in an unexpected form."""

import asyncio
import json
import re
import threading
from datetime import timedelta
from heapq import nsmallest
from pathlib import Path
from typing import Any

import html5lib
import httpx
import mlcroissant  # type: ignore[import-untyped]
import pytest

from brainio.cards import build_profile
from brainio.catalogs import append_rows
from brainio.service.app import create_app
from brainio.service.database import Database
from brainio.service.embargoes import set_embargo, today
from brainio.service.pages import browse as catalog_pages
from brainio.service.settings import read_settings
from tests import versioned_stimulus_set
from tests.cards.profile_examples import picture, published
from tests.service.service_process import CARNEY, ROKEM, ServiceProcess, make_lab
from tests.versioned_stimulus_set import publish_assembly, publish_second_version, publish_set

HTML = "text/html,application/xhtml+xml,*/*;q=0.8"
SET, ASSEMBLY, STIMULUS = (
    f"/stimulus_set/lab/{CARNEY}",
    f"/assembly/lab/{ROKEM}",
    f"/stimulus/lab/{CARNEY}?id=GaborPatch1",
)
PAGES = ["/", "/?q=vision&kind=assembly", "/catalog/lab", SET, f"/assembly/lab/{CARNEY}", ASSEMBLY, STIMULUS, "/signin"]


def parse_html(text: str) -> Any:
    return html5lib.HTMLParser(tree=html5lib.getTreeBuilder("etree"), namespaceHTMLElements=False).parse(text)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_valid_and_loads_only_files_of_the_service(profiled: ServiceProcess, path: str) -> None:
    answer = profiled.get(path, Accept=HTML)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "data:" not in policy
    page = parse_html(answer.text)
    assert page.find(".//main") is not None
    assert not [script for script in page.iter("script") if "src" not in script.attrib and script.get("type") is None]
    elements = [element for element in page.iter() if isinstance(element.tag, str)]
    assert not [element for element in elements if "style" in element.attrib or element.tag == "style"]
    for element in [*page.iter("script"), *page.iter("link"), *page.iter("img")]:
        address = element.get("src") or element.get("href") or ""
        assert address.startswith("/") or element.get("type") == "application/ld+json"


@pytest.mark.parametrize("path", PAGES[:-1])
def test_every_page_links_to_its_json(profiled: ServiceProcess, path: str) -> None:
    links = parse_html(profiled.get(path).text).iter("link")
    address = next(link.get("href") for link in links if link.get("type") == "application/json")
    assert profiled.get(address).raise_for_status().json()


@pytest.mark.parametrize(
    ("path", "key"),
    [
        (f"/stimulus_set/lab/{CARNEY}.json", "files"),
        (f"/assembly/lab/{ROKEM}.json", "files"),
        (f"/stimulus_set/lab/{CARNEY}.json?where=kind:GaborPatch", "stimuli"),
        (f"/stimulus/lab/{CARNEY}.json?id=GaborPatch1", "stimuli"),
        ("/catalog/lab.json", "csv"),
        ("/index.json?q=vision", "hits"),
    ],
)
def test_the_address_of_a_page_with_json_redirects_to_its_json(profiled: ServiceProcess, path: str, key: str) -> None:
    redirect = profiled.get(path)
    assert redirect.status_code == 307
    assert key in profiled.get(redirect.headers["location"]).raise_for_status().json()


def test_the_json_of_a_filtered_page_has_the_same_filters(profiled: ServiceProcess) -> None:
    expected = f"/api/v1/stimuli/lab/{CARNEY}?where=kind%3AGabor%2A"
    redirect = profiled.get(f"/stimulus_set/lab/{CARNEY}.json?where=kind:Gabor*&page=1")
    assert redirect.headers["location"] == expected
    page = parse_html(profiled.get(f"{SET}?where=kind:Gabor*").text)
    links = [link.get("href") for link in page.iter() if link.get("type") == "application/json" or link.tag == "a"]
    assert links.count(expected) == 2
    assert f"/api/v1/entries/lab/stimulus_set/{CARNEY}" in links
    assert profiled.get(expected).json()["total"] > 0


def test_a_page_after_the_last_redirects_to_the_last_with_the_same_filters(profiled: ServiceProcess) -> None:
    redirect = profiled.get(f"{SET}?where=kind:Gabor*&page=7")
    assert (redirect.status_code, redirect.headers["location"]) == (307, f"{SET}?where=kind%3AGabor%2A#stimuli")
    assert profiled.get(f"{SET}?page=1").status_code == 200
    assert profiled.get(f"{SET}?where=kind:nothing&page=2").headers["location"] == f"{SET}?where=kind%3Anothing#stimuli"


def test_tiles_of_unavailable_stimuli_have_a_reason_and_no_link(tmp_path: Path) -> None:
    lab, url = make_lab(tmp_path / "lab"), f"sqlite:///{tmp_path / 'service.db'}"
    with ServiceProcess(tmp_path / "home", BRAINIO_CATALOGS=str(lab), BRAINIO_SERVE_DATABASE=url) as service:

        def tiles() -> list[Any]:
            figures = parse_html(service.get(f"/assembly/lab/{CARNEY}").text).iter("figure")
            return [figure for figure in figures if figure.get("class") == "tile"]

        def notes() -> set[str]:
            return {tile.find(".//span[@class='note']").text for tile in tiles()}

        assert tiles()
        assert not [link for tile in tiles() for link in tile.iter("a")]
        assert notes() == {"not created"}
        set_embargo(Database(url), ("lab", "stimulus_set", CARNEY), today() + timedelta(days=1))
        service.wait_until(lambda: notes() == {"under embargo"})


def test_assets_are_immutable_because_their_address_contains_their_hash(profiled: ServiceProcess) -> None:
    page = parse_html(profiled.get("/").text)
    elements = [*page.iter("script"), *page.iter("link")]
    addresses = [element.get("src") or element.attrib["href"] for element in elements]
    assets = [address for address in addresses if address and address.startswith("/assets/")]
    names = {"htmx.js", "pages.js", "pages.css", "drawings.css", "icon.svg"}
    assert {address.rpartition("/")[2] for address in assets} == names
    for address in assets:
        answer = profiled.get(address).raise_for_status()
        assert "immutable" in answer.headers["cache-control"]
        assert profiled.get(re.sub("/[0-9a-f]{12}/", "/000000000000/", address)).status_code == 404


def test_the_entries_of_a_catalog_are_sorted_outside_the_event_loop(
    lab_catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []

    def sort(*arguments: Any, **options: Any) -> Any:
        threads.append(threading.current_thread())
        return nsmallest(*arguments, **options)

    async def get_page() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            return await client.get("/catalog/lab")

    monkeypatch.setenv("BRAINIO_CATALOGS", str(lab_catalog))
    monkeypatch.setattr(catalog_pages, "nsmallest", sort)
    app: Any = create_app(read_settings(None, database=f"sqlite:///{tmp_path / 'service.db'}"))
    app._app.state.service.catalogs.refresh()
    page = asyncio.run(get_page())
    names = [link.text for link in parse_html(page.text).find(".//ul[@class='links']").iter("a")]
    assert names == sorted(names)
    assert len(names) == 4
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


def test_errors_are_pages_for_browsers_and_json_for_programs(profiled: ServiceProcess) -> None:
    path = "/assembly/lab/nothing"
    page, record = profiled.get(path, Accept=HTML), profiled.get(path)
    assert page.status_code == record.status_code == 404
    assert record.json()["error"]["code"] in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    assert "Accept" in page.headers["vary"]


def test_a_page_contains_valid_croissant_metadata(profiled: ServiceProcess) -> None:
    page = parse_html(profiled.get(SET).text)
    text = next(script.text for script in page.iter("script") if script.get("type") == "application/ld+json")
    description = json.loads(text or "")
    assert description == profiled.get(f"/api/v1/croissant/lab/stimulus_set/{CARNEY}").json()
    assert description["url"]
    dataset = mlcroissant.Dataset(jsonld=description)
    assert not dataset.metadata.ctx.issues.errors


def test_addresses_in_a_page_have_the_host_of_the_request(profiled: ServiceProcess) -> None:
    path = f"{SET}?version="
    assert "http://my.localhost/catalogs/lab" in profiled.get(path, Host="my.localhost").text
    assert "my.localhost" not in profiled.get(path).text


def test_a_page_shows_changes_of_the_card(profiled: ServiceProcess, lab_catalog: Path) -> None:
    card = next(lab_catalog.parent.glob("cards/assembly/*Rokem2006.json"))
    text = card.read_text()
    before = profiled.get(ASSEMBLY).text
    assert "Schistocerca gregaria" not in before
    changed = card.with_suffix(".new")
    changed.write_text(text.replace("Locusta migratoria", "Schistocerca gregaria"))
    changed.replace(card)
    profiled.wait_until(lambda: "Schistocerca gregaria" in profiled.get(ASSEMBLY).text)


def test_an_assembly_links_to_the_version_of_its_stimulus_set(tmp_path: Path) -> None:
    publish_set(tmp_path, "old")
    publish_assembly(tmp_path)
    publish_second_version(tmp_path)
    with ServiceProcess(tmp_path / "home", BRAINIO_CATALOGS=str(tmp_path / "lab.csv")) as service:
        page = service.get(f"/assembly/lab/{versioned_stimulus_set.ASSEMBLY}").text
        assert f'href="/stimulus_set/lab/{versioned_stimulus_set.SET}?version=">' in page
        assert "first version" in page
        record = service.get(f"/api/v1/entries/lab/assembly/{versioned_stimulus_set.ASSEMBLY}").json()
        assert (record["stimulus_set"]["identifier"], record["stimulus_set"]["version"]) == (
            versioned_stimulus_set.SET,
            "",
        )


def test_thumbnails_are_small_pictures(profiled: ServiceProcess) -> None:
    images = [image.attrib["src"] for image in parse_html(profiled.get(SET).text).iter("img")]
    assert len(images) == 43
    thumbnail = profiled.get(images[0]).raise_for_status()
    assert thumbnail.headers["content-type"] == "image/webp"
    assert len(thumbnail.content) < 30_000
    assert profiled.get(images[0].replace("number=0", "number=99")).status_code == 404


def test_only_browsers_cache_thumbnails_and_only_at_an_address_with_the_hash(profiled: ServiceProcess) -> None:
    address = next(image.attrib["src"] for image in parse_html(profiled.get(SET).text).iter("img"))
    assert profiled.get(address).headers["cache-control"] == "private, max-age=86400, immutable"
    for other in (address.partition("&made=")[0], f"{address}0", re.sub("made=.*", "made=x", address)):
        answer = profiled.get(other).raise_for_status()
        assert answer.headers["cache-control"] == "no-cache"


def test_a_stimulus_page_shows_the_first_50_of_many_assemblies(tmp_path: Path) -> None:
    entry = published(tmp_path / "lab", {"0.png": picture(0)})
    row = {"lookup_type": "assembly", "class": "NeuroidAssembly", "location_type": "", "location": "a.nc", "sha1": ""}
    used = [row | {"identifier": f"lab.A{number}", "stimulus_set_identifier": entry.identifier} for number in range(53)]
    append_rows(tmp_path / "lab" / "lab.csv", used)
    build_profile(entry)
    with ServiceProcess(tmp_path / "home", BRAINIO_CATALOGS=str(tmp_path / "lab" / "lab.csv")) as service:
        page = parse_html(service.get(f"/stimulus/lab/{entry.identifier}?id=0").text)
        section = page.find(".//section[@id='used']")
        assert len(list(section.iter("tr"))) == 1 + 50
        (more,) = section.findall("p")
        assert "".join(more.itertext()) == "And 3 more: all assemblies with this stimulus set."
        assert service.get(more.find("a").get("href")).text.count("lab.A") >= 53


def test_forms_of_other_sites_and_too_large_forms_are_refused(profiled: ServiceProcess) -> None:
    answer = profiled.client.post("/signin", content="token=x", headers={"Origin": "https://evil.example"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "foreign_form")
    assert profiled.client.post("/signin", content=b"token=" + b"x" * 9000).status_code == 413


@pytest.mark.parametrize("origin", ["http://[", "null", "", "://", "https://", "http://evil.example:x", "file://"])
def test_a_form_of_a_malformed_origin_is_refused(profiled: ServiceProcess, origin: str) -> None:
    answer = profiled.client.post("/signout", headers={"Origin": origin})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "foreign_form")


def test_forms_are_accepted_from_the_host_of_the_request_and_the_public_url(lab_catalog: Path, tmp_path: Path) -> None:
    settings = {"BRAINIO_CATALOGS": str(lab_catalog), "BRAINIO_SERVE_PUBLIC_URL": "https://lab.example/brainio"}
    with ServiceProcess(tmp_path, **settings) as service:
        host = service.url.removeprefix("http://")
        for origin in (f"http://{host}", f"https://{host}", "https://lab.example"):
            assert service.client.post("/signout", headers={"Origin": origin}).status_code == 303
        for origin in ("http://lab.example", "https://lab.example.evil.example", f"http://{host}.evil.example"):
            assert service.client.post("/signout", headers={"Origin": origin}).status_code == 403


CARD: dict[str, Any] = {
    "columns": [{"name": "kind", "kind": "text", "missing": 0}],
    "coordinates": [{"name": "kind", "kind": "text", "missing": 0}],
    "stimulus_columns": ["kind"],
    "shape": [7],
    "dims": ["neuroid"],
    "stimuli": 43,
    "files": {"bytes": 1000},
    "images": {"width": {"maximum": 256}, "height": {"maximum": 128}},
    "repetitions": {"stimuli": 43, "median": 4},
    "reliability": {"median": 0.5},
    "stated": {"neurons": 5},
}
HUGE = 10**400  # more than any float
BROKEN_CARDS: list[Any] = [
    *({**CARD, name: value} for name in CARD for value in (None, 5, True, HUGE, "x", [None], {"kind": 5})),
    {
        "columns": [
            CARD["columns"][0] | {"minimum": HUGE, "maximum": HUGE},
            {"name": 5, "kind": 5, "missing": 0},
        ]
    },
    {"coordinates": [CARD["columns"][0] | {"minimum": HUGE, "maximum": HUGE}]},
    {"values": {"minimum": -HUGE, "maximum": HUGE, "missing": 0}, "units": {}, "license": {}, "citation": 5},
    {"pictures": {"stimuli": {"strongest": [{"stimulus_id": 1, "mean": HUGE}], "weakest": None}}},
    {"species": None, "regions": [None], "authors": 5, "counts": [5], "status_reason": ["x"]},
]


# Texts that are not valid JSON or that JSON encoders refuse: the service treats them as missing cards.
UNREADABLE_CARDS = [
    '{"license": 1e999}',
    '{"pictures": {"stimuli": {"strongest": [{"stimulus_id": "a", "mean": -1e999}]}}}',
    '{"shape": [NaN], "dims": ["neuroid"]}',
    '{"license": "\\ud800"}',
    '{"\\ud800": 1}',
    f'{{"license": {"[" * 300}{"]" * 300}}}',
    f'{{"license": {"9" * 5000}}}',
    "[1]",
]


def test_a_malformed_card_breaks_no_page_and_no_resource_of_its_entry(tmp_path: Path) -> None:
    row = {"location_type": "", "location": "a", "sha1": "", "stimulus_set_identifier": ""}
    kinds = {"assembly": "NeuroidAssembly", "stimulus_set": "StimulusSet"}
    texts = [*map(json.dumps, BROKEN_CARDS), '{"license": "MIT", "license": []}', *UNREADABLE_CARDS]
    rows = []
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.json").write_text(text)
        named = row | {"identifier": f"lab.N{number}", "card": f"{number}.json"}
        rows += [named | {"lookup_type": kind, "class": name} for kind, name in kinds.items()]
    append_rows(tmp_path / "lab.csv", rows)
    with ServiceProcess(tmp_path / "home", BRAINIO_CATALOGS=str(tmp_path / "lab.csv")) as service:
        for row in rows:
            kind, name = row["lookup_type"], row["identifier"]
            assert (service.get(f"/{kind}/lab/{name}").status_code, row) == (200, row)
            is_readable = int(row["card"].partition(".")[0]) < len(texts) - len(UNREADABLE_CARDS)
            answer = service.get(f"/api/v1/cards/lab/{kind}/{name}")
            assert (answer.status_code, row) == (200 if is_readable else 404, row)
            if not is_readable:
                assert answer.json()["error"]["code"] == "no_card"
                assert service.get(f"/catalogs/lab/{row['card']}").json()["error"]["code"] == "no_card"
                assert service.get(f"/api/v1/croissant/lab/{kind}/{name}").status_code == 200


def test_a_missing_fact_of_a_card_hides_no_other_fact(tmp_path: Path) -> None:
    for kind, name, lacking in (
        ("stimulus_set", "StimulusSet", "files"),
        ("assembly", "NeuroidAssembly", "repetitions"),
    ):
        card = {key: value for key, value in CARD.items() if key != lacking}
        (tmp_path / f"{kind}.json").write_text(json.dumps(card))
        row = {"identifier": "lab.A", "lookup_type": kind, "class": name, "location_type": "", "location": "a"}
        append_rows(tmp_path / "lab.csv", [row | {"sha1": "", "stimulus_set_identifier": "", "card": f"{kind}.json"}])
    with ServiceProcess(tmp_path / "home", BRAINIO_CATALOGS=str(tmp_path / "lab.csv")) as service:
        for kind, expected in (
            ("stimulus_set", ["43 stimuli", "1 columns", "256 x 128 pixels at most"]),
            ("assembly", ["7 neuroids", "0.50 split-half reliability"]),
        ):
            numbers = parse_html(service.get(f"/{kind}/lab/lab.A").text).find(".//dl[@class='numbers']")
            assert [f"{number.find('dd').text} {number.find('dt').text}" for number in numbers] == expected
