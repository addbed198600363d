"""Pages of stimulus sets and stimuli: filters by any column, paging, charts, and recorded responses."""

import re

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenWindow
from tests.browser.lab_data import EMBARGOED, IMAGES, OBJECTS, SCENES
from tests.browser.visitor import SET, STIMULUS, Visitor

ALL = IMAGES + 3


def add_filter(page: Page, column: str, value: str) -> None:
    """Submit the filter form."""
    page.get_by_label("Column", exact=True).select_option(column)
    page.get_by_label("is", exact=True).fill(value)
    page.get_by_role("button", name="Filter").click()


def tiles(page: Page) -> Locator:
    return page.locator("#sheet .tile")


@pytest.mark.parametrize("script", [True, False])
def test_filters_by_words_and_ranges_combine(open_window: OpenWindow, script: bool) -> None:
    visitor = open_window(java_script_enabled=script)
    page = visitor.page
    visitor.goto(SET)
    words = page.locator("#sheet").get_by_role("status")
    add_filter(page, "object_name", "c*")
    expect(words).to_have_text("44 of 133 stimuli with object_name c*")
    add_filter(page, "contrast", "0.2..0.7")
    expect(words).to_have_text(re.compile(r"^\d+ of 133 stimuli with object_name c\* and contrast 0\.2\.\.0\.7$"))
    expect(page).to_have_url(re.compile(r"where=object_name%3Ac%2A&where=contrast%3A0\.2\.\.0\.7"))
    for caption in tiles(page).locator("figcaption").all_inner_texts():
        found = re.fullmatch(r"object_name (car|chair)\s+contrast ([\d.]+)", caption)
        assert found is not None, caption
        assert 0.2 <= float(found[2]) <= 0.7
    page.get_by_role("link", name="Remove filter object_name c*").click()
    expect(page.get_by_role("list", name="Active filters").get_by_role("listitem")).to_have_count(1)


def test_a_second_filter_of_a_column_replaces_the_first(visitor: Visitor) -> None:
    visitor.goto(f"{SET}?where=object_name:car")
    add_filter(visitor.page, "object_name", "dog")
    expect(visitor.page.locator("#sheet").get_by_role("status")).to_have_text("22 of 133 stimuli with object_name dog")


def test_an_empty_filter_finds_missing_values(visitor: Visitor) -> None:
    visitor.goto(SET)
    add_filter(visitor.page, "object_name", "")
    expect(tiles(visitor.page)).to_have_count(3)
    expect(visitor.page.locator("#sheet").get_by_role("status")).to_have_text("3 of 133 stimuli with no object_name")


def test_pages_of_a_set_can_be_followed_forward_and_back(visitor: Visitor) -> None:
    page = visitor.page
    visitor.goto(SET)
    names = page.locator("#sheet .name").all_inner_texts()
    for number in (2, 3):
        page.get_by_role("link", name="Next").click()
        expect(page.locator("#sheet .pager")).to_contain_text(f"Page {number} of 3")
        expect(page).to_have_url(re.compile(f"page={number}"))
        names += page.locator("#sheet .name").all_inner_texts()
    assert len(names) == len({*names}) == ALL
    page.go_back()
    expect(page.locator("#sheet .pager")).to_contain_text("Page 2 of 3")
    expect(tiles(page).first).to_contain_text(names[48])
    page.go_back()
    expect(page.locator("#sheet .pager")).to_contain_text("Page 1 of 3")
    page.go_forward()
    expect(page.locator("#sheet .pager")).to_contain_text("Page 2 of 3")
    page.get_by_role("link", name="Previous").click()
    expect(tiles(page).first).to_contain_text(names[0])


def test_the_next_page_keeps_the_filters(visitor: Visitor) -> None:
    visitor.goto(f"{SET}?where=contrast:0.3..")
    visitor.page.get_by_role("link", name="Next").click()
    expect(visitor.page).to_have_url(re.compile(r"where=contrast%3A0\.3\.\..*page=2"))
    expect(visitor.page.get_by_role("link", name="Remove filter contrast 0.3..")).to_be_visible()


@pytest.mark.parametrize("column", ["object_name", "size_degrees", "contrast"])
def test_every_bar_of_a_chart_links_to_the_stimuli_that_it_counts(visitor: Visitor, column: str) -> None:
    visitor.goto(SET)
    article = visitor.page.locator("#columns article", has=visitor.page.get_by_role("heading", name=column, exact=True))
    bars = {
        str(bar.get_attribute("href")): int(str(bar.get_attribute("aria-label")).rpartition(": ")[2])
        for bar in article.locator("svg a").all()
    }
    assert sum(bars.values()) == IMAGES
    for href, count in bars.items():
        api = href.partition("#")[0].replace("/stimulus_set/", "/api/v1/stimuli/")
        assert httpx.get(f"{visitor.url}{api}", timeout=20).json()["total"] == count, href
    article.locator("svg a").first.click()
    expect(visitor.page.get_by_role("list", name="Active filters")).to_contain_text(column)


def test_every_kind_of_stimulus_has_a_thumbnail_or_its_text(visitor: Visitor) -> None:
    page = visitor.page
    visitor.goto(f"{SET}?page=3")
    for name in ("scene129", "tone", "clip"):
        picture = page.locator("#sheet .tile", has_text=name).locator("img")
        picture.scroll_into_view_if_needed()
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("image => image.naturalWidth") > 50, name
    expect(page.locator("#sheet .tile", has_text="sentence")).to_contain_text("The horse raced past the barn fell.")


def test_the_tile_of_a_long_text_shows_its_beginning(visitor: Visitor) -> None:
    page = visitor.page
    visitor.goto(f"{SET}?page=3")
    words = page.locator("#sheet .tile", has_text="sentence").locator(".note")
    words.evaluate("element => { element.textContent = 'a long text '.repeat(100) }")
    frame = page.locator("#sheet .tile", has_text="sentence").locator(".frame").bounding_box()
    text = words.bounding_box()
    assert frame is not None
    assert text is not None
    assert text["height"] > frame["height"]
    assert text["y"] >= frame["y"]


def test_the_page_of_a_stimulus_has_all_its_columns(visitor: Visitor) -> None:
    visitor.goto(SET)
    visitor.page.get_by_role("link", name="scene003").click()
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text("scene003")
    facts = dict(
        zip(visitor.page.locator("dt").all_inner_texts(), visitor.page.locator("dd").all_inner_texts(), strict=True)
    )
    assert list(facts) == ["stimulus_id", "filename", "object_name", "contrast", "size_degrees", "background"]
    assert (facts["filename"], facts["object_name"]) == ("scene003.png", OBJECTS[3])
    visitor.page.get_by_role("link", name=OBJECTS[3], exact=True).click()
    expect(visitor.page.locator("#sheet").get_by_role("status")).to_have_text("22 of 133 stimuli with object_name dog")


def test_a_stimulus_links_to_the_previous_and_the_next_one(visitor: Visitor) -> None:
    page = visitor.page
    visitor.goto(f"/stimulus/lab/{SCENES}?id=scene000")
    expect(page.get_by_role("link", name="Previous")).to_have_count(0)
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("scene001")
    page.get_by_role("link", name="Previous").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("scene000")
    page.get_by_role("link", name="All stimuli").click()
    expect(page).to_have_url(re.compile(r"#stimuli$"))


def test_the_page_of_a_stimulus_lists_assemblies_with_their_responses(visitor: Visitor) -> None:
    visitor.goto(STIMULUS)
    rows = visitor.page.locator("#used tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text=EMBARGOED)).to_contain_text("data under embargo")
    row = rf"{SCENES}\s*4\s*[\d.]+ spikes/s\s*firing rate\s*\d+ of {ALL}"
    expect(rows.filter(has_text=SCENES)).to_have_text(re.compile(row))
    visitor.page.get_by_role("link", name=SCENES, exact=True).last.click()
    expect(visitor.page).to_have_url(re.compile(f"/assembly/lab/{SCENES}$"))


@pytest.mark.parametrize(
    ("where", "explanation"),
    [("objct_name:car", "'object_name'"), ("contrast:much", "'much' is not a number"), ("car", "COLUMN:VALUE")],
)
def test_the_error_of_an_invalid_filter_explains_it(visitor: Visitor, where: str, explanation: str) -> None:
    answer = visitor.goto_error(f"{SET}?where={where}")
    assert answer.status == 400
    expect(visitor.page.locator("header.entry")).to_contain_text(explanation)


def test_an_invalid_filter_in_the_form_is_explained(visitor: Visitor) -> None:
    visitor.goto(SET)
    visitor.expects_errors = True
    add_filter(visitor.page, "contrast", "much")
    expect(visitor.page.locator(".lead")).to_contain_text("'much' is not a number")
    visitor.page.go_back()
    expect(tiles(visitor.page)).to_have_count(48)
